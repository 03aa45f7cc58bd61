/**
 * The figure of the whole model: feature maps as stacks of sheets that shrink and multiply from layer to layer, the window of
 * each layer on the maps it reads, the flattened vector and the linear layers. Layers that change no size are named between. Arcs are
 * branches that come back later. Sides are drawn by their roots, so that small maps can still be seen.
 */
import type { Dims } from '../../base/shape.ts';
import type { TracedStep } from '../trace.ts';
import { mergedSizes, isFlatten } from './formulas.ts';
import { grouped, times } from './notation.ts';
import { arrow, element, label, line, rect, sheets } from './svg.ts';
import { convFacts, poolWindow, reach, type Window } from './window.ts';

const LARGEST = 118;
const OFFSET = 4;
const GAP = 96;
const MIDDLE = 132;

/** A picture in the row: the model's input, or what a step gives. */
interface Node {
  readonly shape: Dims;
  /** What leads to it: the layer, its window, and layers before it that change no size. */
  readonly title: string;
  readonly details: string;
  readonly between: readonly string[];
  readonly window: Window | undefined;
  /** Nodes that its inputs come from. */
  readonly from: readonly number[];
}

interface Placed {
  readonly x: number;
  readonly width: number;
  readonly height: number;
  /** The right edge, sheets behind included. */
  readonly right: number;
  /** From the middle down to its label. */
  readonly below: number;
  readonly svg: string;
}

export function mapsFigure(steps: readonly TracedStep[], input: Dims, sample: (shape: Dims) => Dims): string {
  const nodes = nodesOf(steps, input, sample);
  const largest = Math.max(...nodes.map(({ shape }) => (shape.length >= 2 ? Math.max(...shape.slice(-2)) : 1)));
  const placed: Placed[] = [];
  for (const node of nodes) {
    const x = (placed.at(-1)?.right ?? -GAP + 16) + GAP;
    placed.push(picture(node, x, largest));
  }
  const content = [
    ...nodes.flatMap((node, i) => node.from.filter((source) => source !== i - 1).map((source) => arc(placed[source]!, placed[i]!))),
    ...placed.map(({ svg }) => svg),
    ...nodes.map((node, i) => (i === 0 ? '' : connection(node, placed[i - 1]!, placed[i]!, node.from.includes(i - 1)))),
  ].join('');
  const [width, height] = [placed.at(-1)!.right + 40, MIDDLE + Math.max(96, ...placed.map((at) => at.below)) + 16];
  const title = 'Feature maps from layer to layer';
  return element(
    'svg',
    { viewBox: `0 0 ${Math.ceil(width)} ${height}`, width: Math.ceil(width), height, role: 'img', 'aria-label': title },
    content,
  );
}

/** Which steps are drawn, and which are only named. */
function nodesOf(steps: readonly TracedStep[], input: Dims, sample: (shape: Dims) => Dims): Node[] {
  const nodes: Node[] = [{ shape: sample(input), title: 'input', details: '', between: [], window: undefined, from: [] }];
  const nodeOf: number[] = [];
  let between: string[] = [];
  const nodeFrom = (i: number): number => (i === -1 ? 0 : nodeOf[i]!);
  for (const step of steps) {
    const from = [...new Set(step.from.map(nodeFrom))];
    const shape = sample(step.output);
    const window = convFacts(step.op) ?? poolWindow(step.op);
    const same = from.length === 1 && times(shape) === times(nodes[from[0]!]!.shape);
    if (same && window === undefined && step.op?.name !== 'linear') {
      nodeOf.push(from[0]!);
      between.push(step.type);
      continue;
    }
    nodeOf.push(nodes.length);
    nodes.push({ shape, title: step.type, details: detailsOf(step, window), between, window, from });
    between = [];
  }
  return nodes;
}

function detailsOf(step: TracedStep, window: Window | undefined): string {
  if (window !== undefined) {
    const { height, width } = window;
    const strides = height.stride === width.stride ? `${height.stride}` : `${height.stride}×${width.stride}`;
    return `${height.kernel}×${width.kernel}${strides === '1' ? '' : `, stride ${strides}`}`;
  }
  const merged = isFlatten(step) ? mergedSizes(step) : undefined;
  return merged === undefined ? '' : times(merged);
}

function picture(node: Node, x: number, largest: number): Placed {
  const { shape } = node;
  if (shape.length >= 2) return mapsPicture(shape, x, largest, node.from.length === 0);
  const count = shape[0] ?? 1;
  const few = count <= 16;
  const height = few ? count * 10 + 4 : Math.min(210, 60 + 30 * Math.log2(count / 16 + 1));
  const top = MIDDLE - height / 2;
  const dots = few
    ? Array.from({ length: count }, (_, i) => element('circle', { cx: x + 9, cy: top + 7 + i * 10, r: 3.6, class: 'neuron-out' }))
    : [];
  const svg = [
    element('rect', { x, y: top, width: 18, height, rx: 6, class: few ? 'vector-few' : 'vector' }),
    ...dots,
    label(x + 9, MIDDLE + height / 2 + 18, grouped(count), 'strong'),
  ].join('');
  return { x, width: 18, height, right: x + 18, below: height / 2 + 18, svg };
}

function mapsPicture(shape: Dims, x: number, largest: number, input: boolean): Placed {
  const [rows, columns] = [shape.at(-2)!, shape.at(-1)!];
  const channels = shape.length > 2 ? shape.slice(0, -2).reduce((a, b) => a * b) : 1;
  const drawn = (size: number): number => Math.max(5, LARGEST * Math.sqrt(size / largest));
  const [width, height] = [drawn(columns), drawn(rows)];
  const count = Math.min(11, 1 + Math.round(Math.log2(channels) * 1.25));
  const spread = (count - 1) * OFFSET;
  const y = MIDDLE - height / 2 + spread / 2;
  const svg =
    sheets(x, y, width, height, count, OFFSET, input ? 'sheet-in' : 'sheet-map') +
    label(x + (width + spread) / 2, MIDDLE + (height + spread) / 2 + 18, times(shape), 'strong');
  return { x, width, height, right: x + width + spread, below: (height + spread) / 2 + 18, svg };
}

/** What lies between two pictures: an arrow with the layer's name, or the layer's window with its rays. */
function connection(node: Node, before: Placed, after: Placed, follows: boolean): string {
  const middle = (before.right + after.x) / 2;
  const parts = [
    label(middle, MIDDLE - 21, node.title, 'strong'),
    ...(node.details === '' ? [] : [label(middle, MIDDLE + 18, node.details, 'small')]),
    ...node.between.slice(0, 3).map((name, i) => label(middle, MIDDLE + 34 + i * 13, `after ${name}`, 'faint')),
    ...(follows ? [arrow(before.right + 10, MIDDLE, after.x - 8, MIDDLE)] : []),
  ];
  if (node.window !== undefined && follows) parts.unshift(rays(node.window, before, after));
  return parts.join('');
}

/** The window on the front sheet, to scale, and rays to the place in the next maps that it makes. */
function rays({ height, width }: Window, before: Placed, after: Placed): string {
  const spread = (before.right - before.x - before.width) / 2;
  const top = MIDDLE - before.height / 2 + spread;
  const [h, w] = [
    Math.max(3, Math.min(1, reach(height) / height.input) * before.height),
    Math.max(3, Math.min(1, reach(width) / width.input) * before.width),
  ];
  const [x, y] = [before.x + (before.width - w) * 0.6, top + (before.height - h) * 0.35];
  const afterTop = MIDDLE - after.height / 2 + (after.right - after.x - after.width) / 2;
  const [tx, ty] = [after.x + after.width * 0.6, afterTop + after.height * 0.35];
  return [
    line(x + w, y, tx, ty, 'ray'),
    line(x + w, y + h, tx, ty, 'ray'),
    rect(x, y, w, h, 'window-still'),
    element('circle', { cx: tx, cy: ty, r: 2.6, class: 'target-dot' }),
  ].join('');
}

/** A branch that joins later. */
function arc(from: Placed, to: Placed): string {
  const [x1, x2] = [from.x + from.width / 2, to.x + to.width / 2];
  const [y1, y2] = [MIDDLE - from.height / 2 - 12, MIDDLE - to.height / 2 - 12];
  const top = Math.max(12, Math.min(y1, y2) - 46);
  return element('path', {
    d: `M${x1.toFixed(1)},${y1.toFixed(1)}C${x1.toFixed(1)},${top},${x2.toFixed(1)},${top},${x2.toFixed(1)},${y2.toFixed(1)}`,
    class: 'skip',
  });
}
