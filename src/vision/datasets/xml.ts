/** Just enough of XML for the annotations of data sets: elements, text, the five entities and numbers. Attributes are passed over. */
import { FormatError } from '../../base/errors.ts';

/** An element: its name, the elements in it, and the text. */
export interface XmlElement {
  readonly tag: string;
  readonly children: readonly XmlElement[];
  readonly text: string;
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
/** Elements within one another. */
const DEEPEST = 100;
const TOKEN = /<!--[^]*?-->|<\?[^]*?\?>|<!\[CDATA\[([^]*?)\]\]>|<!DOCTYPE[^>]*>|<(\/?)([^\s/>]+)[^>]*?(\/?)>|[^<]+/gy;

/**
 * The outermost element of a document.
 * @throws FormatError when it is not well-formed
 */
export function parseXml(document: string, name: string): XmlElement {
  const fail = (why: string): never => {
    throw new FormatError(`XML ${JSON.stringify(name)}: ${why}; it is damaged, fetch it again`);
  };
  const root = { tag: '', children: [] as XmlElement[], text: '' };
  const open = [root];
  let at = 0;
  for (const match of document.replace(/^\ufeff/, '').matchAll(TOKEN)) {
    at = match.index + match[0].length;
    const [whole, data, closing, tag, empty] = match;
    const top = open.at(-1)!;
    if (data !== undefined) top.text += data;
    else if (!whole.startsWith('<')) top.text += unescaped(whole);
    else if (tag === undefined) continue;
    else if (closing === '/') {
      if (open.length === 1 || top.tag !== tag) fail(`</${tag}> closes nothing`);
      open.pop();
    } else {
      const element = { tag, children: [], text: '' };
      top.children.push(element);
      if (empty !== '/') open.push(element);
      if (open.length > DEEPEST) fail(`more than ${DEEPEST} elements within one another`);
    }
  }
  const [only, ...more] = root.children;
  if (open.length > 1) fail(`<${open.at(-1)!.tag}> is not closed`);
  if (only === undefined || more.length > 0 || at === 0) return fail('it has not one outermost element');
  return only;
}

const unescaped = (text: string): string =>
  text.replace(
    /&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(\w+));/gi,
    (whole, hex: string | undefined, decimal: string | undefined, name: string | undefined) => {
      if (name !== undefined) return ENTITIES[name] ?? whole;
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
