/** What checks of Markdown files need: links, anchors as GitHub and TypeDoc make them of headings, code, and what is prose. */

/** The lines of a text, each with the language of the fence that it is in; `undefined` outside. */
function* linesOf(text) {
  let fence;
  let number = 0;
  for (const line of text.split('\n')) {
    number++;
    const mark = /^\s*```(\S*)/.exec(line);
    if (mark !== null) {
      fence = fence === undefined ? mark[1] : undefined;
      continue;
    }
    yield { line, number, fence };
  }
}

const withoutCode = (line) => line.replace(/`[^`]*`/g, (code) => ' '.repeat(code.length));

/** `[text](target)`, `![…](…)`, and `href` or `src` of HTML. */
export function linksOf(text) {
  const links = [];
  for (const { line, number, fence } of linesOf(text)) {
    if (fence !== undefined) continue;
    const plain = withoutCode(line);
    for (const [, target] of plain.matchAll(/\]\(([^()\s]+(?:\([^()]*\))?)\)/g)) links.push({ target, line: number });
    for (const [, target] of plain.matchAll(/\b(?:href|src)="([^"]+)"/g)) links.push({ target, line: number });
  }
  return links;
}

/** The anchors of a text's headings. */
export function anchorsOf(text) {
  const anchors = new Set();
  const seen = new Map();
  for (const { line, fence } of linesOf(text)) {
    const heading = fence === undefined ? /^#{1,6} (.+)$/.exec(line)?.[1] : undefined;
    if (heading === undefined) continue;
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replace(/ /g, '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    anchors.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return anchors;
}

/** Code: spans in a line, and the lines of fenced blocks with their language. */
export function spansOf(text) {
  const spans = [];
  for (const { line, number, fence } of linesOf(text)) {
    if (fence !== undefined) spans.push({ code: line, line: number, fence });
    else for (const [, code] of line.matchAll(/`([^`]+)`/g)) spans.push({ code, line: number });
  }
  return spans;
}

/** Lines without code, links' targets, addresses and HTML: what is read as words. */
export function* proseOf(text) {
  for (const { line, number, fence } of linesOf(text)) {
    if (fence !== undefined) continue;
    const prose = line
      .replace(/`[^`]*`/g, ' ')
      .replace(/<[^>]*>/g, ' ')
      .replace(/\]\([^)]*\)/g, ' ')
      .replace(/https?:\S+/g, ' ');
    yield { prose, line: number };
  }
}
