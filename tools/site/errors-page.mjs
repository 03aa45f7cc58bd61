/** The page of errors: every class of the library's errors that users can catch, its cause, its remedy and an example, from the comments of the classes. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const src = fileURLToPath(new URL('../../src', import.meta.url));
const read = (file) => readFileSync(join(src, file), 'utf8');

/** What one imports errors from, the shortest first, and the file in which their names stand. */
const PLACES = [
  ['flambeau', 'core.ts'],
  ['flambeau/onnx', 'onnx/index.ts'],
  ['flambeau/files', 'io/index.ts'],
  ['flambeau/files/web', 'io/web/index.ts'],
  ['flambeau/train', 'train/index.ts'],
];

const CLASS = /\/\*\*\n?((?:(?!\*\/)[\s\S])*?)\*\/\nexport class (\w+Error) extends (\w+Error|Error)\b/g;

/** @returns {{ name: string, base: string, cause: string, remedy: string | undefined, example: string | undefined }[]} */
export function errorClasses(source) {
  return [...source.matchAll(CLASS)].map(([, comment, name, base]) => {
    const lines = comment.split('\n').map((line) => line.replace(/^\s*\* ?/, '').trimEnd());
    const at = lines.findIndex((line) => line.startsWith('@example'));
    const words = (at === -1 ? lines : lines.slice(0, at)).join(' ').replace(/\s+/g, ' ').trim();
    const [cause, remedy] = words.split(/ ?\bRemedy: /);
    const example =
      at === -1
        ? undefined
        : lines
            .slice(at + 1)
            .filter((line) => !line.startsWith('```'))
            .join('\n')
            .trim();
    return { name, base, cause: cause.trim(), remedy, example };
  });
}

/** All of `src/` that an entry point exports, those of base/errors.ts first, each with the `place` that one imports it from. */
export function exportedErrors() {
  const entries = PLACES.map(([place, file]) => ({ place, names: new Set(read(file).match(/\w+Error\b/g)) }));
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .sort();
  return [join('base', 'errors.ts'), ...files.filter((name) => name !== join('base', 'errors.ts'))].flatMap((file) =>
    errorClasses(read(file)).flatMap((error) => {
      const place = entries.find(({ names }) => names.has(error.name))?.place;
      return place === undefined ? [] : [{ ...error, place }];
    }),
  );
}

const plain = (text) => text.replace(/\{@link (\w+)\}/g, '`$1`');

/** @param classes those of {@link exportedErrors} */
export function errorsPage(classes) {
  return [
    '# Errors explained',
    '',
    'Every error names the operation, what it expected, what came, and what to write instead. Each is a class, so that programs can tell them apart: `catch (error) { if (error instanceof ShapeError) … }`; all are a `FlambeauError`.',
    '',
    '| error | cause |',
    '| --- | --- |',
    ...classes.map(({ name, cause }) => `| [${name}](#${name.toLowerCase()}) | ${plain(cause)} |`),
    '',
    ...classes.flatMap(({ name, place, cause, remedy, example }) => [
      `## ${name}`,
      '',
      `${plain(cause)}${remedy === undefined ? '' : ` **What to do**: ${plain(remedy[0].toLowerCase() + remedy.slice(1))}`} (\`import { ${name} } from '${place}'\`)`,
      '',
      ...(example === undefined ? [] : ['```ts', example, '```', '']),
    ]),
  ].join('\n');
}
