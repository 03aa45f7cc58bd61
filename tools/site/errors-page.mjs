/** The page of errors: every class of the library's errors that users can catch, its cause, its remedy and an example, from the comments of the classes. */

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

const plain = (text) => text.replace(/\{@link (\w+)\}/g, '`$1`');

/** @param classes those of {@link errorClasses}, `place` being what one imports them from */
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
