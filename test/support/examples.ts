/** Finds the examples of the documentation: `@example` blocks of doc comments, and the blocks of code in Markdown files. */

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

/** A fenced block of a Markdown file. */
export interface Block extends Example {
  /** What stands behind the fence: `ts`. */
  readonly language: string;
}

export function blocksOfMarkdown(file: string, text: string): Block[] {
  const blocks: Block[] = [];
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const language = /^```(\S*)/.exec(lines[i]!)?.[1];
    if (language === undefined) continue;
    const end = lines.indexOf('```', i + 1);
    if (end < 0) throw new Error(`${file}:${i + 1}: the block does not end`);
    blocks.push({ place: `${file}:${i + 1}`, language, code: lines.slice(i + 1, end).join('\n') });
    i = end;
  }
  return blocks;
}

/** The programs of a Markdown file: its ts and js blocks, and the scripts of its HTML, for which the package is one file. */
export function examplesOfMarkdown(file: string, text: string): Example[] {
  return blocksOfMarkdown(file, text).flatMap(({ place, language, code }) => {
    if (language === 'ts' || language === 'js') return [{ place, code }];
    if (language !== 'html') return [];
    const scripts = [...code.matchAll(/<script type="module">\n(.*?)<\/script>/gs)];
    return scripts.map(([, script]) => ({ place, code: script!.replaceAll("'./flambeau.min.js'", "'flambeau'") }));
  });
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
