/** Finds the examples of the documentation: `@example` blocks of doc comments, and the ```ts blocks of Markdown files. */

export interface Example {
  /** Where it begins: `src/nn/module.ts:20`. */
  readonly place: string;
  readonly code: string;
}

/** The `@example` blocks of a source file, with or without a fence. A block ends at the next tag or the comment's end. */
export function examplesOfSource(file: string, text: string): Example[] {
  const examples: Example[] = [];
  let lines: string[] | undefined;
  let place = '';
  const finish = (): void => {
    if (lines !== undefined) examples.push({ place, code: withoutFence(lines, place) });
    lines = undefined;
  };
  text.split('\n').forEach((line, i) => {
    const content = /^\s*\* ?(.*)$/.exec(line)?.[1];
    if (content === undefined || content === '/' || /^@\w/.test(content)) finish();
    if (content?.startsWith('@example') === true) {
      place = `${file}:${i + 1}`;
      lines = [];
    } else {
      lines?.push(content ?? '');
    }
  });
  return examples;
}

function withoutFence(lines: readonly string[], place: string): string {
  const fences = lines.flatMap((line, i) => (line.startsWith('```') ? [i] : []));
  if (fences.length === 0) return lines.join('\n');
  if (fences.length !== 2) throw new Error(`${place}: an example needs one opening and one closing fence`);
  return lines.slice(fences[0]! + 1, fences[1]).join('\n');
}

/** The ```ts blocks of a Markdown file; a line `<!-- not run -->` before one leaves it out. */
export function examplesOfMarkdown(file: string, text: string): Example[] {
  const examples: Example[] = [];
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    if (!/^```ts\b/.test(lines[i]!)) continue;
    const end = lines.indexOf('```', i);
    const before = lines.slice(0, i).findLast((line) => line.trim() !== '');
    if (before !== '<!-- not run -->') examples.push({ place: `${file}:${i + 1}`, code: lines.slice(i + 1, end).join('\n') });
    i = end;
  }
  return examples;
}

/**
 * What an example says its lines print: `console.log(x); // text`, or the text as a comment on the next line. The calls are
 * made to report their line, so that it can be compared; the line numbers stay.
 */
export function withReports(code: string): { code: string; expected: Map<number, string> } {
  const expected = new Map<number, string>();
  const lines = code.split('\n').map((line, i, all) => {
    const call = /\bconsole\.log\(.*\);?(?: \/\/ (?<here>.+))?$/.exec(line);
    if (call === null) return line;
    const text = call.groups?.['here'] ?? /^\/\/ (.+)$/.exec(all[i + 1] ?? '')?.[1];
    if (text === undefined) return line;
    expected.set(i, text.trim());
    return line.replace(/\bconsole\.log\(/, `__report(${i}, `);
  });
  return { code: lines.join('\n'), expected };
}
