/** A little of SVG as text: elements, grids, stacks of sheets. Colours are classes; `style.ts` gives them their values. */

export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** Text made safe for HTML and SVG. */
export const escaped = (text: string): string => text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);

const short = (value: string | number): string => (typeof value === 'number' ? String(Number(value.toFixed(2))) : escaped(value));

/** An element; attributes that are undefined are left out. */
export function element(tag: string, attributes: Attributes, ...children: readonly string[]): string {
  const text = Object.entries(attributes)
    .flatMap(([name, value]) => (value === undefined ? [] : [` ${name}="${short(value)}"`]))
    .join('');
  return children.length === 0 ? `<${tag}${text}/>` : `<${tag}${text}>${children.join('')}</${tag}>`;
}

export const rect = (x: number, y: number, width: number, height: number, css: string): string =>
  element('rect', { x, y, width, height, class: css });

export const line = (x1: number, y1: number, x2: number, y2: number, css: string): string =>
  element('line', { x1, y1, x2, y2, class: css });

/** Text; `anchor` is where (x, y) lies on its base line. */
export const label = (x: number, y: number, text: string, css = '', anchor = 'middle'): string =>
  element('text', { x, y, class: `label ${css}`.trim(), 'text-anchor': anchor }, escaped(text));

/** An arrow to the right or wherever the end lies, with room left before its head. */
export function arrow(x1: number, y1: number, x2: number, y2: number, css = 'arrow'): string {
  const angle = (Math.atan2(y2 - y1, x2 - x1) * 180) / Math.PI;
  const head = element('path', {
    d: 'M-7,-4L0,0L-7,4Z',
    class: `${css}-head`,
    transform: `translate(${short(x2)} ${short(y2)}) rotate(${short(angle)})`,
  });
  return line(x1, y1, x2, y2, css) + head;
}

/** The lines of a grid of square cells, as one path. */
export function gridLines(x: number, y: number, columns: number, rows: number, cell: number, css = 'grid'): string {
  let d = '';
  for (let i = 0; i <= rows; i++) d += `M${short(x)},${short(y + i * cell)}h${short(columns * cell)}`;
  for (let i = 0; i <= columns; i++) d += `M${short(x + i * cell)},${short(y)}v${short(rows * cell)}`;
  return element('path', { d, class: css });
}

/** `count` sheets, one behind the other to the upper right; (x, y) is the corner of the one in front. */
export function sheets(x: number, y: number, width: number, height: number, count: number, offset: number, css: string): string {
  return Array.from({ length: count }, (_, i) => {
    const back = count - 1 - i;
    return rect(x + back * offset, y - back * offset, width, height, css);
  }).join('');
}

/** A figure with a caption. */
export function figure(width: number, height: number, content: string, caption: string, title: string): string {
  const svg = element('svg', { viewBox: `0 0 ${short(width)} ${short(height)}`, width, height, role: 'img', 'aria-label': title }, content);
  return `<figure style="width:${Math.ceil(Math.max(width, 190))}px">${svg}<figcaption>${escaped(caption)}</figcaption></figure>`;
}
