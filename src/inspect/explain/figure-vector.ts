/** The figures of a flattening, feature maps laid out row by row as one vector, and of a linear layer behind it. */
import { numelOf, type Dims } from '../../base/shape.ts';
import { counted, grouped, times } from './notation.ts';
import { arrow, element, figure, gridLines, label, line, rect, sheets } from './svg.ts';
import { fit } from './figure-filters.ts';

/** How a map's numbers become a row of the vector: only the first and the last map are drawn in full. */
export function flattenFigure(merged: Dims): string {
  const [channels, rows, columns] = threeOf(merged);
  const shown = Math.min(channels, 7);
  const offset = 9;
  const { width, height } = fit(rows, columns, 92);
  const [x, y] = [Math.max(18, 60 - width / 2), 40 + (shown - 1) * offset];
  const cell = width / columns;
  const total = Math.max(y + height + 34, 190);
  const vectorX = 320;
  const names = channels <= 3 ? Array.from({ length: channels }, (_, i) => i + 1) : [1, 2, undefined, channels];
  const segment = Math.min(46, (total - 60) / names.length);
  const rowsOf = names.map((name, i) => vectorPart(name, rows * columns, vectorX, 26 + i * segment, segment));
  const content = [
    sheets(x, y, width, height, shown, offset, 'sheet-in'),
    cell >= 4 ? gridLines(x, y, columns, rows, cell) : '',
    cell >= 4 ? rect(x, y, width, height / rows, 'row-mark') : '',
    label(x + width / 2, y + height + 18, `${counted(channels, 'map')} of ${rows}×${columns}`),
    arrow(x + width + shown * offset + 18, total / 2 - 10, vectorX - 22, total / 2 - 10),
    label((x + width + shown * offset + vectorX) / 2, total / 2 - 18, 'row by row', 'small'),
    ...rowsOf,
    label(vectorX + 13, 26 + names.length * segment + 18, grouped(numelOf(merged)), 'strong'),
  ].join('');
  const caption = `${times(merged)} = ${grouped(numelOf(merged))} numbers, map after map, each row by row.`;
  return figure(470, total, content, caption, `Flattening ${times(merged)} to ${numelOf(merged)} numbers`);
}

function vectorPart(map: number | undefined, count: number, x: number, y: number, height: number): string {
  if (map === undefined) {
    return [0.25, 0.5, 0.75].map((at) => element('circle', { cx: x + 13, cy: y + at * height, r: 2, class: 'dot' })).join('');
  }
  const ticks = Math.min(count, 8);
  const lines = Array.from({ length: ticks - 1 }, (_, i) =>
    line(x, y + ((i + 1) * height) / ticks, x + 26, y + ((i + 1) * height) / ticks, 'grid'),
  );
  return [
    rect(x, y, 26, height, 'vector'),
    ...lines,
    element('rect', { x, y, width: 26, height, class: 'border' }),
    label(x + 36, y + height / 2 + 4, `map ${map}: ${counted(count, 'number')}`, 'small', 'start'),
  ].join('');
}

/** The sizes that are flattened as channels, rows, columns. */
function threeOf(merged: Dims): readonly [number, number, number] {
  if (merged.length === 2) return [1, merged[0]!, merged[1]!];
  return [numelOf(merged.slice(0, -2)), merged.at(-2)!, merged.at(-1)!];
}

/** Neurons on both sides, each of the right ones joined to all of the left. */
export function linearFigure(features: number, outputs: number, bias: boolean): string {
  const [left, right] = [column(features, 8), column(outputs, 8)];
  const step = 22;
  const height = Math.max(left.length, right.length) * step + 46;
  const at = (list: readonly unknown[], i: number): number => height / 2 + (i - (list.length - 1) / 2) * step;
  const [x1, x2] = [64, 300];
  const wires: string[] = [];
  right.forEach((to, j) => {
    left.forEach((from, i) => {
      if (to === undefined || from === undefined) return;
      wires.push(line(x1 + 7, at(left, i), x2 - 7, at(right, j), j === 0 ? 'wire-first' : 'wire'));
    });
  });
  const neurons = (list: readonly (number | undefined)[], x: number, css: string, anchor: 'start' | 'end'): string =>
    list.map((n, i) => (n === undefined ? ellipsis(x, at(list, i)) : neuron(x, at(list, i), n, css, anchor))).join('');
  const content = [
    ...wires,
    neurons(left, x1, 'neuron-in', 'end'),
    neurons(right, x2, 'neuron-out', 'start'),
    label(x1, 14, counted(features, 'input'), 'strong'),
    label(x2, 14, counted(outputs, 'output'), 'strong'),
  ].join('');
  const caption = `Each output is joined to every input by a weight of its own${bias ? ', and adds a bias' : ''}: y = Σ w·x${bias ? ' + b' : ''}.`;
  return figure(370, height, content, caption, `A linear layer from ${features} to ${outputs}`);
}

/** The numbers 1 to `count`, the middle left out where they are many. */
function column(count: number, most: number): (number | undefined)[] {
  if (count <= most) return Array.from({ length: count }, (_, i) => i + 1);
  return [1, 2, 3, 4, undefined, count - 1, count];
}

function neuron(x: number, y: number, number: number, css: string, anchor: 'start' | 'end'): string {
  const text = label(anchor === 'end' ? x - 13 : x + 13, y + 4, grouped(number), 'small', anchor);
  return element('circle', { cx: x, cy: y, r: 7, class: css }) + text;
}

const ellipsis = (x: number, y: number): string =>
  [-6, 0, 6].map((dy) => element('circle', { cx: x, cy: y + dy, r: 1.6, class: 'dot' })).join('');
