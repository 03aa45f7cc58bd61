/** `--config`: options out of a JSON file, by the names that they have on the command line. */
import { readFileSync, statSync } from 'node:fs';
import { ArgumentError, FormatError } from '../base/errors.ts';
import { isRecord, show } from '../base/arguments.ts';
import { dashed, didYouMean, UsageError, type Option, type Options, type Parsed } from './options.ts';

/** No table of options needs more. */
const MOST_BYTES = 2 ** 20;

/** A command line that may name such a file. */
type WithConfig = Options & { readonly config: Option<string | undefined> };

/**
 * What a command line and the file that it names say together; the command line goes first.
 * @throws ArgumentError when the file cannot be read, FormatError when it is no JSON object
 * @throws UsageError for an option that does not exist, with the one that was meant, or a value that it does not take
 */
export function withConfig<O extends WithConfig>(options: O, parsed: Parsed<O>): Parsed<O> {
  const path = parsed.values.config as string | undefined;
  if (path === undefined) return parsed;
  const byName = new Map(
    Object.keys(options).flatMap((name) => [
      [name, name],
      [dashed(name), name],
    ]),
  );
  const values: Record<string, unknown> = { ...parsed.values };
  const given = new Set(parsed.given);
  for (const [name, value] of Object.entries(readObject(path))) {
    const key = byName.get(name);
    if (key === undefined || key === 'config')
      throw new UsageError(
        `--config ${path}: there is no option ${show(name)}${key === 'config' ? ' in a file' : didYouMean(name, [...byName.keys()], '')}`,
      );
    const read = valueOf(options[key]!, key, value, path);
    if (given.has(key)) continue;
    values[key] = read;
    given.add(key);
  }
  return { ...parsed, values: values as Parsed<O>['values'], given };
}

/** The value of an option, which the file has as JSON: `0.1`, `"adam"`, `[32, 32]`, `true`. */
function valueOf(option: Option<unknown>, key: string, value: unknown, path: string): unknown {
  const fail = (expected: string): never => {
    throw new UsageError(`--config ${path}: ${dashed(key)}: expected ${expected}, but got ${show(value)}`);
  };
  if (option.value === undefined) return typeof value === 'boolean' ? value : fail('true or false');
  const isPlain = typeof value === 'number' || typeof value === 'string';
  const isList = Array.isArray(value) && value.every((part) => typeof part === 'number');
  if (!isPlain && !isList) return fail(`what the command line takes: ${option.value}`);
  try {
    return option.parse(String(value), dashed(key));
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`--config ${path}: ${error.message.replace(/^--/, '')}`, { cause: error });
    throw error;
  }
}

function readObject(path: string): Readonly<Record<string, unknown>> {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new ArgumentError(`--config: there is no file ${JSON.stringify(path)}`);
  if (size > MOST_BYTES)
    throw new FormatError(`--config: ${JSON.stringify(path)} has ${size} bytes; a file of options has at most ${MOST_BYTES}`);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8').replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw new FormatError(`--config: cannot read ${JSON.stringify(path)} as JSON: ${(cause as Error).message}`, { cause });
  }
  if (isRecord(value)) return value;
  throw new FormatError(
    `--config: expected an object of options in ${JSON.stringify(path)}, such as {"epochs": 10, "batch-size": 32}, but got ${show(value)}`,
  );
}
