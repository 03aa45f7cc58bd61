/** A tutorial's program as a page: its sections, which it prints as headings, each with its code and what it prints. */

const HEADING = /^console\.log\('(?:\\n)?(#+ [^']*)'\);$/;

/** The comment that a program begins with: title and paragraphs. */
export function introduction(program) {
  const comment = /^\/\*\*([\s\S]*?)\*\//.exec(program)?.[1] ?? '';
  const text = comment
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, ''))
    .join('\n')
    .trim();
  return text.split(/\n\s*\n/).map((paragraph) => paragraph.replace(/\s*\n\s*/g, ' ').trim());
}

export const codeOf = (program) =>
  program
    .replace(/^\/\*\*[\s\S]*?\*\/\n/, '')
    .replace(/ \/\/ prettier-ignore$/gm, '')
    .trim();

function sections(lines, headingOf) {
  const all = [{ heading: undefined, lines: [] }];
  for (const line of lines) {
    const heading = headingOf(line);
    if (heading === undefined) all.at(-1).lines.push(line);
    else all.push({ heading, lines: [] });
  }
  return all.map(({ heading, lines: own }) => ({ heading, text: own.join('\n').trim() }));
}

const fenced = (language, text) => (text === '' ? [] : ['```' + language, text, '```', '']);

/**
 * @param {number} number
 * @param {string} file below examples/
 * @param {string} program its text
 * @param {string} printed what it prints
 */
export function tutorialPage(number, file, program, printed) {
  const [title, ...paragraphs] = introduction(program);
  const code = sections(codeOf(program).split('\n'), (line) => HEADING.exec(line)?.[1]);
  const output = sections(printed.trim().split('\n'), (line) => code.find(({ heading }) => heading === line)?.heading);
  const found = new Map(output.map(({ heading, text }) => [heading, text]));
  const missing = code.find(({ heading }) => !found.has(heading));
  if (missing !== undefined) throw new Error(`${file} does not print its heading ${missing.heading}`);
  const body = code.flatMap(({ heading, text }) => {
    const prints = found.get(heading);
    return [
      ...(heading === undefined ? [] : [`## ${heading.replace(/^#+ /, '')}`, '']),
      ...fenced('ts', text),
      ...(prints === '' ? [] : ['It prints:', '', ...fenced('text', prints)]),
    ];
  });
  const head = /^Tutorial \d+: (.*?)(?:, in TypeScript)?\.?$/.exec(title)?.[1] ?? title;
  return [
    `# ${number}. ${head.replace(/ \([^()]*\d{4}\)$/, '')}`,
    '',
    `${head}, line by line in TypeScript: \`npm run tutorials -- ${number}\` runs [the program](../../examples/${file}).`,
    '',
    ...paragraphs.flatMap((paragraph) => [paragraph, '']),
    ...body,
  ].join('\n');
}
