/**
 * Views as ONNX nodes. Storages and strides are unknown there, so what a view does is found again from the two layouts: the same
 * elements in the same order (Flatten, Reshape), dimensions in another order (Transpose), a part of a dimension (Slice, Gather),
 * repeated dimensions (Expand).
 */
import type { Layout } from '../../base/layout.ts';
import { GraphBuilder, sameSize, TO_END, varies, type Size } from './graph.ts';

/** A view in one run of the model: from which layout to which. */
export interface ViewRun {
  readonly from: Layout;
  readonly to: Layout;
  readonly offset: number;
}

/** Sizes and strides of dimensions that matter, neighbours that lie densely made one: equal for equal orders of elements. */
function canonical({ shape, strides }: Layout): string {
  const parts: [number, number][] = [];
  shape.forEach((size, d) => {
    if (size === 1) return;
    const last = parts.at(-1);
    if (last !== undefined && last[1] === strides[d]! * size) parts[parts.length - 1] = [last[0] * size, strides[d]!];
    else parts.push([size, strides[d]!]);
  });
  return parts.join(' ');
}

/** The order of dimensions that gives the second layout, if that is all there is to it. */
function permutation(from: Layout, to: Layout): number[] | undefined {
  if (from.shape.length !== to.shape.length) return undefined;
  const free = new Set(from.shape.keys());
  const order = to.shape.map((size, d) => {
    const match = [...free].find((i) => from.shape[i] === size && (size === 1 || from.strides[i] === to.strides[d]));
    if (match !== undefined) free.delete(match);
    return match;
  });
  return order.includes(undefined) ? undefined : (order as number[]);
}

interface SlicePart {
  readonly axis: number;
  readonly start: number;
  readonly step: number;
  readonly length: number;
}

/** The one dimension of which a part is taken. */
function sliced({ from, to, offset }: ViewRun): SlicePart | undefined {
  if (from.shape.length !== to.shape.length) return undefined;
  const changed = to.shape.flatMap((size, d) => {
    const same = size === from.shape[d] && (size <= 1 || to.strides[d] === from.strides[d]);
    return same ? [] : [d];
  });
  const axis = changed[0];
  if (axis === undefined || changed.length > 1) return undefined;
  const length = to.shape[axis]!;
  const step = length > 1 ? to.strides[axis]! / from.strides[axis]! : 1;
  const start = offset / from.strides[axis]!;
  const fits = Number.isInteger(step) && step > 0 && Number.isInteger(start) && start + (length - 1) * step < from.shape[axis]!; // prettier-ignore
  return fits ? { axis, start, step, length } : undefined;
}

/** The dimension that is dropped, and the index in it. */
function selected({ from, to, offset }: ViewRun): { axis: number; index: number } | undefined {
  if (from.shape.length !== to.shape.length + 1) return undefined;
  for (let axis = from.shape.length - 1; axis >= 0; axis--) {
    const rest = [...from.shape.keys()].filter((d) => d !== axis);
    const index = offset / from.strides[axis]!;
    const same = rest.every((d, i) => from.shape[d] === to.shape[i] && (to.shape[i] === 1 || from.strides[d] === to.strides[i])); // prettier-ignore
    if (same && Number.isInteger(index) && index >= 0 && index < from.shape[axis]!) return { axis, index };
  }
  return undefined;
}

/** Whether the second layout repeats elements of the first. */
function expanded({ from, to, offset }: ViewRun): boolean {
  const shift = to.shape.length - from.shape.length;
  if (shift < 0 || offset !== 0) return false;
  return to.shape.every((size, d) => {
    if (d < shift) return size === 1 || to.strides[d] === 0;
    const [old, stride] = [from.shape[d - shift]!, from.strides[d - shift]];
    return old === size ? size === 1 || to.strides[d] === stride : old === 1 && to.strides[d] === 0;
  });
}

/**
 * Adds the nodes of a view. `first` and `second` are what it was in two runs with batches of different sizes.
 * @returns the result's name, or undefined where it is not known how
 */
export function exportView(
  graph: GraphBuilder,
  input: string,
  fromSizes: readonly Size[],
  toSizes: readonly Size[],
  first: ViewRun,
  second: ViewRun,
): string | undefined {
  const { from, to, offset } = first;
  const runs = [first, second];
  if (offset === 0 && second.offset === 0) {
    if (runs.every((run) => canonical(run.from) === canonical(run.to)))
      return reshaped(graph, input, fromSizes, toSizes);
    const order = permutation(from, to);
    if (order !== undefined && permutation(second.from, second.to)?.join() === order.join()) {
      return graph.one('Transpose', [input], { perm: order });
    }
  }
  const parts = runs.map(sliced);
  if (parts[0] !== undefined && parts[1] !== undefined) return slice(graph, input, parts[0], parts[1], first, second);
  const picks = runs.map(selected);
  if (picks[0] !== undefined && picks[1] !== undefined && picks[0].axis === picks[1].axis) {
    const { axis, index } = picks[0];
    const place = same(index, picks[1].index, from.shape[axis]!, second.from.shape[axis]!);
    return place === undefined ? undefined : graph.one('Gather', [input, graph.scalar('int64', place)], { axis });
  }
  if (!runs.every(expanded)) return undefined;
  // A size of 1 keeps what is there, so only what is repeated has to be known.
  const shift = to.shape.length - from.shape.length;
  const wished = toSizes.map((size, d): Size => (d >= shift && sameSize(size, fromSizes[d - shift]!) ? 1 : size));
  return graph.one('Expand', [input, graph.sizes(wished)]);
}

/** The same elements under other sizes, of which one may vary freely. */
export function reshaped(graph: GraphBuilder, input: string, from: readonly Size[], to: readonly Size[]): string {
  if (from.length === to.length && from.every((size, d) => sameSize(size, to[d]!))) return input;
  if (to.length === 2 && from.length > 2 && sameSize(from[0]!, to[0]!))
    return graph.one('Flatten', [input], { axis: 1 });
  const open = to.filter(varies).length;
  if (open > 1) return graph.one('Reshape', [input, graph.sizes(to)]);
  return graph.one('Reshape', [input, graph.ints(to.map((size) => (varies(size) ? -1 : size)))]);
}

/** A place that is the same in both runs, from the front or from the end. */
function same(a: number, b: number, sizeA: number, sizeB: number): number | undefined {
  if (a === b) return a;
  return a - sizeA === b - sizeB && a < sizeA ? a - sizeA : undefined;
}

function slice(
  graph: GraphBuilder,
  input: string,
  a: SlicePart,
  b: SlicePart,
  first: ViewRun,
  second: ViewRun,
): string | undefined {
  // prettier-ignore
  if (a.axis !== b.axis || a.step !== b.step) return undefined;
  const [sizeA, sizeB] = [first.from.shape[a.axis]!, second.from.shape[b.axis]!];
  const start = same(a.start, b.start, sizeA, sizeB);
  // The end is behind the last element; a step may lead over it, and then any end up to there does.
  const [endA, endB] = [a.start + (a.length - 1) * a.step + 1, b.start + (b.length - 1) * b.step + 1];
  const toEnd = endA + a.step > sizeA && endB + b.step > sizeB;
  const end = toEnd ? TO_END : same(endA, endB, sizeA, sizeB);
  if (start === undefined || end === undefined) return undefined;
  return graph.one('Slice', [
    input,
    graph.ints([start]),
    graph.ints([end]),
    graph.ints([a.axis]),
    graph.ints([a.step]),
  ]);
}
