/**
 * The figure of a window sliding over a padded image: the upper left corner of the input with its zeros, the window at its
 * first places, the output that grows with it. Drawn to scale from the layer's numbers; it moves where the reader allows motion.
 */
import { counted } from './notation.ts';
import { arrow, element, figure, gridLines, label, line, rect } from './svg.ts';
import { reach, type Side, type Window } from './window.ts';

/** Pixels of the input's picture, about. */
const EXTENT = 200;
const MARGIN = 26;
/** Windows wider than this are not drawn. */
const MAX_CELLS = 60;
/** How many places the moving window visits. */
const MAX_PLACES = 18;

/** The piece of one side that is drawn. */
interface Cut {
  readonly side: Side;
  /** Cells of the padded input, and whether there are more. */
  readonly cells: number;
  readonly more: boolean;
  /** Places of the window that lie in those cells. */
  readonly places: number;
  readonly outCells: number;
  readonly outMore: boolean;
}

function cutOf(side: Side): Cut {
  const all = Math.max(side.before + side.input + side.after, reach(side));
  const wished = Math.max(reach(side) + 2 * side.stride + 1, 9);
  const cells = all <= wished + 4 ? all : wished;
  const places = Math.min(side.output, Math.floor((cells - reach(side)) / side.stride) + 1);
  const outCells = Math.min(side.output, places + (cells < all ? 2 : 0));
  return { side, cells, more: cells < all, places, outCells, outMore: outCells < side.output };
}

/** The figure, and the CSS that moves it; undefined for windows too large to draw. */
export function slideFigure(window: Window, kind: string): { html: string; css: string } | undefined {
  const [rows, columns] = [cutOf(window.height), cutOf(window.width)];
  if (Math.max(rows.cells, columns.cells) > MAX_CELLS || Math.min(rows.places, columns.places) < 1) return undefined;
  const cell = Math.max(3.5, Math.min(24, EXTENT / Math.max(rows.cells, columns.cells)));
  const [width, height] = [columns.cells * cell, rows.cells * cell];
  const gap = 80;
  const outX = MARGIN + width + gap;
  const outHeight = rows.outCells * cell;
  const outY = MARGIN + Math.max(0, (height - outHeight) / 2);
  const motion = motionOf(rows, columns, cell);
  const total = Math.max(outX + columns.outCells * cell + MARGIN, outX + 90);
  const middle = MARGIN + height / 2;
  const content = [
    inputGrid(rows, columns, cell),
    ghosts(rows, columns, cell),
    element('g', { class: `moving ${motion.name}i` }, windowShape(window, cell, 'window')),
    arrow(MARGIN + width + 16, middle, outX - 14, middle),
    label(MARGIN + width + gap / 2, middle - 8, kind, 'strong'),
    outputGrid(rows, columns, cell, outX, outY),
    element('g', { class: `moving ${motion.name}o` }, rect(outX, outY, cell, cell, 'target')),
    label(MARGIN + width / 2, MARGIN - 9, `input ${window.height.input}×${window.width.input}${padText(window)}`),
    label(outX + (columns.outCells * cell) / 2, outY - 9, `output ${window.height.output}×${window.width.output}`),
  ].join('');
  const title = `A ${window.height.kernel}×${window.width.kernel} window sliding over the input`;
  return { html: figure(total, height + 2 * MARGIN, content, caption(window, rows, columns), title), css: motion.css };
}

function padText({ height, width }: Window): string {
  const zeros = [height.before, width.before, height.after, width.after];
  if (zeros.every((n) => n === 0)) return '';
  return zeros.every((n) => n === zeros[0]) ? ` + ${zeros[0]!} of padding` : ' + padding';
}

function caption({ height, width }: Window, rows: Cut, columns: Cut): string {
  const dilation = height.dilation === width.dilation ? `${height.dilation}` : `${height.dilation}×${width.dilation}`;
  const spread = dilation === '1' ? '' : ` with its elements ${dilation} apart`;
  const moves = height.stride === width.stride ? counted(height.stride, 'pixel') : `${height.stride} down and ${width.stride} across`;
  const part = rows.more || columns.more ? '; the upper left corner is shown' : '';
  return `A ${height.kernel}×${width.kernel} window${spread} moves ${moves} at a time, and takes ${height.output}×${width.output} places${part}.`;
}

function inputGrid(rows: Cut, columns: Cut, cell: number): string {
  const [top, left] = [rows.side.before, columns.side.before];
  const imageRows = Math.min(rows.side.input, rows.cells - top);
  const imageColumns = Math.min(columns.side.input, columns.cells - left);
  const [width, height] = [columns.cells * cell, rows.cells * cell];
  const parts = [
    rect(MARGIN, MARGIN, width, height, 'padding'),
    rect(MARGIN + left * cell, MARGIN + top * cell, imageColumns * cell, imageRows * cell, 'image'),
    gridLines(MARGIN, MARGIN, columns.cells, rows.cells, cell),
    zeros(rows, columns, cell),
    element('rect', {
      x: MARGIN + left * cell,
      y: MARGIN + top * cell,
      width: imageColumns * cell,
      height: imageRows * cell,
      class: 'border',
    }),
  ];
  return parts.join('') + fade(MARGIN, MARGIN, width, height, columns.more, rows.more);
}

/** The zeros of the padding, where there is room to write them. */
function zeros(rows: Cut, columns: Cut, cell: number): string {
  if (cell < 12) return '';
  const inside = (cut: Cut, i: number): boolean => i >= cut.side.before && i < cut.side.before + cut.side.input;
  let text = '';
  for (let y = 0; y < rows.cells; y++) {
    for (let x = 0; x < columns.cells; x++) {
      if (inside(rows, y) && inside(columns, x)) continue;
      text += label(MARGIN + (x + 0.5) * cell, MARGIN + (y + 0.5) * cell + 3.5, '0', 'zero');
    }
  }
  return text;
}

/** Where the picture is cut off, it fades. */
function fade(x: number, y: number, width: number, height: number, right: boolean, below: boolean): string {
  const depth = 0.28;
  return [
    right ? rectOf(x + width * (1 - depth), y - 1, width * depth + 2, height + 2, 'url(#fade-right)') : '',
    below ? rectOf(x - 1, y + height * (1 - depth), width + 2, height * depth + 2, 'url(#fade-below)') : '',
  ].join('');
}

const rectOf = (x: number, y: number, width: number, height: number, fill: string): string =>
  element('rect', { x, y, width, height, fill });

function outputGrid(rows: Cut, columns: Cut, cell: number, x: number, y: number): string {
  const [width, height] = [columns.outCells * cell, rows.outCells * cell];
  return [
    rect(x, y, width, height, 'result'),
    gridLines(x, y, columns.outCells, rows.outCells, cell),
    fade(x, y, width, height, columns.outMore, rows.outMore),
  ].join('');
}

/** The window at the origin: its elements, and a frame around them where they lie apart. */
function windowShape({ height, width }: Window, cell: number, css: string): string {
  const [h, w] = [reach(height) * cell, reach(width) * cell];
  if (height.dilation === 1 && width.dilation === 1) return rect(MARGIN, MARGIN, w, h, css);
  let cells = '';
  for (let y = 0; y < height.kernel; y++) {
    for (let x = 0; x < width.kernel; x++) {
      cells += rect(MARGIN + x * width.dilation * cell, MARGIN + y * height.dilation * cell, cell, cell, css);
    }
  }
  return cells + rect(MARGIN, MARGIN, w, h, `${css}-frame`);
}

/** The second places to the right and below, with arrows as long as the stride. */
function ghosts(rows: Cut, columns: Cut, cell: number): string {
  const [h, w] = [reach(rows.side) * cell, reach(columns.side) * cell];
  const [down, across] = [rows.side.stride * cell, columns.side.stride * cell];
  const parts: string[] = [];
  if (columns.places > 1) {
    parts.push(rect(MARGIN + across, MARGIN, w, h, 'ghost'));
    parts.push(stride(MARGIN, MARGIN - 4, across, 0));
  }
  if (rows.places > 1) {
    parts.push(rect(MARGIN, MARGIN + down, w, h, 'ghost'));
    parts.push(stride(MARGIN - 4, MARGIN, 0, down));
  }
  return parts.join('');
}

const stride = (x: number, y: number, dx: number, dy: number): string =>
  dx + dy > 14 ? arrow(x, y, x + dx, y + dy, 'stride') : line(x, y, x + dx, y + dy, 'stride');

/** Keyframes for the window and its target: hold at each place, then move on. Figures alike share them. */
function motionOf(rows: Cut, columns: Cut, cell: number): { name: string; css: string } {
  const across = Math.min(columns.places, MAX_PLACES);
  const down = Math.min(rows.places, Math.max(1, Math.floor(MAX_PLACES / across)));
  const places = across * down;
  const steps = [rows.side.stride * cell, columns.side.stride * cell].map((n) => Number(n.toFixed(2)));
  const name = `slide-${[down, across, ...steps, Number(cell.toFixed(2))].join('-').replaceAll('.', '_')}`;
  if (places < 2) return { name, css: '' };
  const frames = (dy: number, dx: number): string =>
    Array.from({ length: places }, (_, i) => {
      const [y, x] = [Math.floor(i / across) * dy, (i % across) * dx];
      const [from, to] = [(100 * i) / places, (100 * (i + 0.6)) / places];
      return `${from.toFixed(2)}%,${to.toFixed(2)}%{transform:translate(${x.toFixed(2)}px,${y.toFixed(2)}px)}`;
    }).join('');
  const seconds = (places * 0.75).toFixed(2);
  const css =
    `@keyframes ${name}i{${frames(steps[0]!, steps[1]!)}}@keyframes ${name}o{${frames(cell, cell)}}` +
    `.${name}i{animation:${name}i ${seconds}s infinite}.${name}o{animation:${name}o ${seconds}s infinite}`;
  return { name, css };
}
