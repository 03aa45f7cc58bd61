/**
 * The figure of a convolution's filters: each is a stack of kernels, as deep as the input has channels (or, in groups, as its
 * group has), and makes one feature map. Counts and kernel sizes are the layer's.
 */
import { counted } from './notation.ts';
import { arrow, element, figure, gridLines, label, rect, sheets } from './svg.ts';
import type { ConvFacts } from './window.ts';

/** Sheets drawn at most; stacks higher than that say how many there are. */
const MAX_SHEETS = 8;
const OFFSET = 5;

export function filtersFigure(conv: ConvFacts): string {
  const rows: (number | undefined)[] =
    conv.filters <= 3 ? Array.from({ length: conv.filters }, (_, i) => i + 1) : [1, 2, undefined, conv.filters];
  const cell = Math.min(14, 44 / Math.max(conv.height.kernel, conv.width.kernel));
  const spread = (Math.min(conv.depth, MAX_SHEETS) - 1) * OFFSET;
  const rowHeight = Math.max(74, conv.height.kernel * cell + spread + 30);
  const heights = rows.map((row) => (row === undefined ? 34 : rowHeight));
  const height = Math.max(heights.reduce((a, b) => a + b, 0) + 16, 176);
  const first = (height - heights.reduce((a, b) => a + b, 0)) / 2;
  const top = (i: number): number => first + heights.slice(0, i).reduce((a, b) => a + b, 0);
  const content = [
    inputStack(conv, height / 2),
    ...rows.map((row, i) =>
      row === undefined ? dots(256, top(i) + 14) + dots(418, top(i) + 14) : filterRow(conv, row, top(i), rowHeight, cell),
    ),
    brace(rows, top, rowHeight),
    outputStack(conv, 484, height / 2),
  ].join('');
  return figure(606, height, content, caption(conv), `${conv.filters} filters of ${conv.depth} kernels each`);
}

function caption(conv: ConvFacts): string {
  const { filters, depth, groups } = conv;
  const kernel = `${conv.height.kernel}×${conv.width.kernel}`;
  const stack = depth === 1 ? `one ${kernel} kernel` : `a stack of ${depth} kernels of ${kernel}, one for each channel`;
  const group = groups === 1 ? '' : ` of its group (${groups} groups of ${depth})`;
  const each = filters === 1 ? 'The filter is' : 'Each filter is';
  return `${each} ${stack}${group}; it makes one feature map${filters === 1 ? '' : `, so ${filters} filters make ${filters}`}.`;
}

function inputStack(conv: ConvFacts, middle: number): string {
  const shown = Math.min(conv.channels, MAX_SHEETS);
  const { width, height } = fit(conv.height.input, conv.width.input, 86);
  const [x, y] = [38, middle - height / 2 + ((shown - 1) * OFFSET) / 2];
  return [
    sheets(x, y, width, height, shown, OFFSET, 'sheet-in'),
    label(x + width / 2, y + height + 17, `${counted(conv.channels, 'channel')} of ${conv.height.input}×${conv.width.input}`),
    arrow(x + width + (shown - 1) * OFFSET + 12, middle, 216, middle),
  ].join('');
}

/** A filter and its map: a stack of kernels with their cells. */
function filterRow(conv: ConvFacts, number: number, y: number, row: number, cell: number): string {
  const [rows, columns] = [conv.height.kernel, conv.width.kernel];
  const shown = Math.min(conv.depth, MAX_SHEETS);
  const [width, height] = [columns * cell, rows * cell];
  const x = 234;
  const base = y + (row - height) / 2 + ((shown - 1) * OFFSET) / 2 - 7;
  const stack = Array.from({ length: shown }, (_, i) => {
    const back = shown - 1 - i;
    const [sx, sy] = [x + back * OFFSET, base - back * OFFSET];
    return rect(sx, sy, width, height, 'sheet-kernel') + (cell >= 3 ? gridLines(sx, sy, columns, rows, cell, 'kernel-grid') : '');
  }).join('');
  const right = x + width + (shown - 1) * OFFSET;
  const middle = y + row / 2 - 7;
  const map = fit(conv.height.output, conv.width.output, 40);
  return [
    stack,
    label(x + width / 2, base + height + 13, `filter ${number}: ${rows}×${columns}×${conv.depth}`, 'small', 'middle'),
    arrow(right + 8, middle, 392, middle),
    rect(400, middle - map.height / 2, map.width, map.height, 'sheet-out'),
    label(400 + map.width / 2, middle + map.height / 2 + 13, `map ${number}`, 'small'),
  ].join('');
}

const dots = (x: number, y: number): string =>
  [0, 9, 18].map((dy) => element('circle', { cx: x, cy: y - 6 + dy, r: 2, class: 'dot' })).join('');

function brace(rows: readonly unknown[], top: (i: number) => number, height: number): string {
  const [y1, y2] = [top(0) + 4, top(rows.length - 1) + height - 18];
  const [x, middle] = [452, (y1 + y2) / 2];
  return element('path', {
    d: `M${x},${y1}q8,0 8,8V${middle - 8}q0,8 8,8q-8,0 -8,8V${y2 - 8}q0,8 -8,8`,
    class: 'brace',
  });
}

function outputStack(conv: ConvFacts, x: number, middle: number): string {
  const shown = Math.min(conv.filters, MAX_SHEETS);
  const { width, height } = fit(conv.height.output, conv.width.output, 72);
  const y = middle - height / 2 + ((shown - 1) * OFFSET) / 2;
  return [
    sheets(x + 6, y, width, height, shown, OFFSET, 'sheet-out'),
    label(x + 6 + width / 2, y + height + 17, `${counted(conv.filters, 'map')} of ${conv.height.output}×${conv.width.output}`),
  ].join('');
}

/** The size of a picture of an image, its longer side given; not thinner than a line. */
export function fit(height: number, width: number, longest: number): { width: number; height: number } {
  const scale = longest / Math.max(height, width);
  return { width: Math.max(6, width * scale), height: Math.max(6, height * scale) };
}
