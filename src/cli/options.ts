/**
 * Command-line options: one table per command says what each is called, takes and means; parsing, checking and `--help` all
 * follow from it. The tokens come from Node's own parser (https://nodejs.org/api/util.html#utilparseargsconfig).
 */
import { parseArgs } from 'node:util';
import { FlambeauError } from '../base/errors.ts';

/** The command line makes no sense; the program ends with exit code 2. */
export class UsageError extends FlambeauError {
  override name = 'UsageError';
}

/** One option. */
export interface Option<T> {
  /** What stands for its value in the help; undefined for a switch. */
  readonly value: string | undefined;
  readonly help: string;
  readonly initial: T;
  /** The default as the help shows it; undefined to show none. */
  readonly shown: string | undefined;
  /** @throws UsageError for a value that it does not take */
  readonly parse: (text: string, name: string) => T;
}

export type Options = Readonly<Record<string, Option<unknown>>>;

/** What the options of a table come to. */
export type Values<O extends Options> = { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never };

const fail = (name: string, expected: string, came: string): never => {
  throw new UsageError(`--${name}: expected ${expected}, but got '${came}'`);
};

/** Text, such as a path. */
export function text(value: string, help: string): Option<string | undefined>;
export function text(value: string, help: string, initial: string): Option<string>;
export function text(value: string, help: string, initial?: string): Option<string | undefined> {
  const parse = (came: string, name: string): string => (came === '' ? fail(name, 'a value', came) : came);
  return { value, help, initial, shown: initial, parse };
}

export interface NumberRange {
  readonly whole?: boolean;
  /** The smallest and largest value. */
  readonly min?: number;
  readonly max?: number;
  /** A value that is not reached: `above: 0` for positive numbers. */
  readonly above?: number;
  readonly below?: number;
}

/** A finite number in a range. */
export function number(value: string, help: string, range: NumberRange): Option<number | undefined>;
export function number(value: string, help: string, range: NumberRange, initial: number): Option<number>;
export function number(value: string, help: string, range: NumberRange, initial?: number): Option<number | undefined> {
  const parse = (came: string, name: string): number => {
    const n = came.trim() === '' ? NaN : Number(came);
    const fits =
      Number.isFinite(n) &&
      (range.whole !== true || Number.isSafeInteger(n)) &&
      n >= (range.min ?? -Infinity) &&
      n <= (range.max ?? Infinity) &&
      n > (range.above ?? -Infinity) &&
      n < (range.below ?? Infinity);
    return fits ? n : fail(name, describeRange(range), came);
  };
  return { value, help, initial, shown: initial?.toString(), parse };
}

/** A number in a range, or a word that says how to find one. */
export function numberOr<const W extends string>(word: W, value: string, help: string, range: NumberRange): Option<number | W | undefined> {
  const { parse: parseNumber } = number(value, help, range);
  const parse = (came: string, name: string): number | W | undefined => {
    if (came === word) return word;
    const isNumber = came.trim() !== '' && !Number.isNaN(Number(came));
    return isNumber ? parseNumber(came, name) : fail(name, `${describeRange(range)}, or '${word}'`, came);
  };
  return { value: `${value}|${word}`, help, initial: undefined, shown: undefined, parse };
}

function describeRange({ whole, min, max, above, below }: NumberRange): string {
  const bounds = [
    min === undefined ? '' : `≥ ${min}`,
    above === undefined ? '' : `> ${above}`,
    max === undefined ? '' : `≤ ${max}`,
    below === undefined ? '' : `< ${below}`,
  ];
  return [whole === true ? 'a whole number' : 'a number', bounds.filter(Boolean).join(' and ')].join(' ').trim();
}

/** One of some words. */
export function choice<const T extends string>(words: readonly T[], help: string): Option<T | undefined>;
export function choice<const T extends string>(words: readonly T[], help: string, initial: T): Option<T>;
export function choice<const T extends string>(words: readonly T[], help: string, initial?: T): Option<T | undefined> {
  const parse = (came: string, name: string): T => words.find((word) => word === came) ?? fail(name, `one of ${words.join(', ')}`, came);
  return { value: words.join('|'), help, initial, shown: initial, parse };
}

function unknownName(name: string, came: string, words: readonly string[]): never {
  throw new UsageError(`--${name}: there is no '${came}'${didYouMean(came, words, '')}; flambeau models lists all`);
}

/** One of many words, of which the help names only some. */
export function named<const T extends string>(value: string, help: string, words: readonly T[]): Option<T | undefined>;
export function named<const T extends string>(value: string, help: string, words: readonly T[], initial: T): Option<T>;
export function named<const T extends string>(value: string, help: string, words: readonly T[], initial?: T): Option<T | undefined> {
  const parse = (came: string, name: string): T => words.find((word) => word === came) ?? unknownName(name, came, words);
  return { value, help, initial, shown: initial, parse };
}

/** Whole positive numbers up to `most` with commas between them, such as `3,32,32`. */
export function sizes(value: string, help: string, counts: readonly number[], most = Infinity): Option<readonly number[] | undefined> {
  const parse = (came: string, name: string): readonly number[] => {
    const list = came.split(/[,x×]/).map((part) => (part.trim() === '' ? NaN : Number(part)));
    const fits = counts.includes(list.length) && list.every((size) => Number.isSafeInteger(size) && size > 0 && size <= most);
    return fits
      ? list
      : fail(name, `${counts.join(' or ')} whole numbers ${most === Infinity ? '' : `up to ${most} `}such as ${value}`, came);
  };
  return { value, help, initial: undefined, shown: undefined, parse };
}

/** A switch: `--name` and `--no-name`. */
export function flag(help: string): Option<boolean | undefined>;
export function flag(help: string, initial: boolean): Option<boolean>;
export function flag(help: string, initial?: boolean): Option<boolean | undefined> {
  const shown = initial === undefined ? undefined : initial ? 'on' : 'off';
  return { value: undefined, help, initial, shown, parse: () => true };
}

/** What a command line holds. */
export interface Parsed<O extends Options> {
  readonly values: Values<O>;
  /** The options that were given, not left at their defaults. */
  readonly given: ReadonlySet<keyof O>;
  readonly positionals: readonly string[];
}

/**
 * Reads a command line by a table of options.
 * @throws UsageError for an option that is not in the table, lacks its value, or does not take it
 */
export function parseOptions<O extends Options>(options: O, argv: readonly string[]): Parsed<O> {
  const config = Object.fromEntries(
    Object.entries(options).map(([name, { value }]) => [
      dashed(name),
      { type: value === undefined ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  const { tokens } = parseArgs({
    args: [...argv],
    options: config,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const byName = new Map(Object.keys(options).map((name) => [dashed(name), name]));
  const values: Record<string, unknown> = Object.fromEntries(Object.entries(options).map(([name, { initial }]) => [name, initial]));
  const given = new Set<keyof O>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const negated = !byName.has(token.name) && token.rawName.startsWith('--no-');
    const name = negated ? token.name.slice('no-'.length) : token.name;
    const key = byName.get(name);
    const option = key === undefined ? undefined : options[key];
    if (key === undefined || option === undefined || (negated && option.value !== undefined))
      throw new UsageError(`there is no option ${token.rawName}${didYouMean(token.name, [...byName.keys()])}`);
    values[key] = negated ? requireBare(token.rawName, token.value, false) : valueOf(option, token, name);
    given.add(key);
  }
  return { values: values as Values<O>, given, positionals };
}

interface Token {
  readonly rawName: string;
  readonly value: string | undefined;
  /** Whether the value was joined to the name by `=`. */
  readonly inlineValue: boolean | undefined;
}

function valueOf(option: Option<unknown>, { rawName, value, inlineValue }: Token, name: string): unknown {
  if (option.value === undefined) return requireBare(rawName, value, true);
  // The next option is no value; a negative number may be.
  const swallowed = inlineValue !== true && value?.startsWith('-') === true && Number.isNaN(Number(value));
  if (value === undefined || swallowed) throw new UsageError(`${rawName}: expected a value, ${rawName} ${option.value}`);
  return option.parse(value, name);
}

function requireBare(raw: string, came: string | undefined, result: boolean): boolean {
  if (came !== undefined) throw new UsageError(`${raw}: this is a switch and takes no value, but got '${came}'`);
  return result;
}

/** `batchSize` is `--batch-size`. */
/** The name as it is written on a command line: `batch-size`. */
export const dashed = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The options of a command for its `--help`. */
export function describeOptions(options: Options): string {
  const rows = Object.entries(options).map(([name, { value, help, shown }]) => {
    const long = value === undefined && shown === 'on' ? `--no-${dashed(name)}` : `--${dashed(name)}`;
    const label = value === undefined ? long : `${long} ${value}`;
    return [label, shown === undefined || value === undefined ? help : `${help} (default ${shown})`] as const;
  });
  const width = Math.min(Math.max(...rows.map(([label]) => label.length)), 28);
  return rows.map(([label, help]) => `  ${label.padEnd(width)}  ${wrapped(help, width + 4)}`).join('\n');
}

/** Text broken into lines that fit beside an indentation. */
function wrapped(help: string, indent: number): string {
  const lines: string[] = [''];
  for (const word of help.split(' ')) {
    const line = lines.at(-1)!;
    if (line !== '' && indent + line.length + 1 + word.length > 100) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.join(`\n${' '.repeat(indent)}`);
}

/** `; did you mean --epochs?` when a word is close to one of those that exist. */
export function didYouMean(word: string, words: readonly string[], prefix = '--'): string {
  const [closest, distance] = words
    .map((candidate) => [candidate, editDistance(word, candidate)] as const)
    .reduce<readonly [string, number]>((a, b) => (b[1] < a[1] ? b : a), ['', Infinity]);
  return distance <= Math.max(1, Math.floor(word.length / 3)) ? `; did you mean ${prefix}${closest}?` : '';
}

/** The number of letters to insert, delete, replace, or exchange with the next (optimal string alignment). */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const above = rows[i - 1]!;
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const exchanged = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? rows[i - 2]![j - 2]! + 1 : Infinity;
      row.push(Math.min(above[j - 1]! + same, above[j]! + 1, row[j - 1]! + 1, exchanged));
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
