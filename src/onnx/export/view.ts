/**
 * Views as ONNX nodes. Storages and strides are unknown there, so what a view does is found again from the two layouts: the same
 * elements in the same order (Flatten, Reshape), dimensions in another order (Transpose), a part of a dimension (Slice, Gather),
 * repeated dimensions (Expand), any other choice of elements within a sample (Gather from a table).
 */
import type { Layout } from '../../base/layout.ts';
import { numelOf, type Dims } from '../../base/shape.ts';
import { GraphBuilder, sameSize, TO_END, varies, type Size } from './graph.ts';

/** A view in one run of the model: from which layout to which. */
export interface ViewRun {
  /** The size of the batch. */
  readonly batch: number;
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
  const fits = Number.isInteger(step) && step > 0 && Number.isInteger(start) && start + (length - 1) * step < from.shape[axis]!;
  return fits ? { axis, start, step, length } : undefined;
}

/** The dimension that is dropped, and the index in it. */
function selected({ from, to, offset }: ViewRun): { axis: number; index: number } | undefined {
  if (from.shape.length !== to.shape.length + 1) return undefined;
  for (let axis = from.shape.length - 1; axis >= 0; axis--) {
    const rest = [...from.shape.keys()].filter((d) => d !== axis);
    const index = offset / from.strides[axis]!;
    const same = rest.every((d, i) => from.shape[d] === to.shape[i] && (to.shape[i] === 1 || from.strides[d] === to.strides[i]));
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

/** What all runs give, if none gives nothing. */
function all<T>(runs: readonly ViewRun[], fn: (run: ViewRun) => T | undefined): T[] | undefined {
  const results = runs.map(fn);
  return results.includes(undefined) ? undefined : (results as T[]);
}

const agree = (values: readonly unknown[]): boolean => new Set(values.map(String)).size === 1;

/**
 * Adds the nodes of a view. `runs` are what it was with batches of different sizes.
 * @returns the result's name, or undefined where it is not known how
 */
export function exportView(
  graph: GraphBuilder,
  input: string,
  from: readonly Size[],
  to: readonly Size[],
  runs: readonly ViewRun[],
): string | undefined {
  if (runs.every(({ offset }) => offset === 0)) {
    if (runs.every((run) => canonical(run.from) === canonical(run.to))) return reshaped(graph, input, from, to);
    const orders = all(runs, (run) => permutation(run.from, run.to));
    if (orders !== undefined && agree(orders)) return graph.one('Transpose', [input], { perm: orders[0] });
  }
  const parts = all(runs, sliced);
  if (parts !== undefined && agree(parts.map(({ axis, step }) => [axis, step]))) return slice(graph, input, parts, runs);
  const picks = all(runs, selected);
  if (picks !== undefined && agree(picks.map(({ axis }) => axis))) {
    const { axis } = picks[0]!;
    const place = samePlace(
      picks.map(({ index }) => index),
      runs.map((run) => run.from.shape[axis]!),
    );
    if (place !== undefined) return graph.one('Gather', [input, graph.scalar('int64', place)], { axis });
  }
  if (!runs.every(expanded)) return chosen(graph, input, from, to, runs);
  // A size of 1 keeps what is there, so only what is repeated has to be known.
  const shift = to.length - from.length;
  const wished = to.map((size, d): Size => (d >= shift && sameSize(size, from[d - shift]!) ? 1 : size));
  return graph.one('Expand', [input, graph.sizes(wished)]);
}

/** The same elements under other sizes, of which one may vary freely. */
function reshaped(graph: GraphBuilder, input: string, from: readonly Size[], to: readonly Size[]): string {
  if (from.length === to.length && from.every((size, d) => sameSize(size, to[d]!))) return input;
  if (to.length === 2 && from.length > 2 && sameSize(from[0]!, to[0]!)) return graph.one('Flatten', [input], { axis: 1 });
  const open = to.filter(varies).length;
  if (open > 1) return graph.one('Reshape', [input, graph.sizes(to)]);
  return graph.one('Reshape', [input, graph.ints(to.map((size) => (varies(size) ? -1 : size)))]);
}

/** A place that is the same in all runs, from the front or from the end, or that grows with the batch. */
function placeOf(places: readonly number[], sizes: readonly number[], runs: readonly ViewRun[]): Size | undefined {
  return samePlace(places, sizes) ?? growing(places, runs);
}

function samePlace(places: readonly number[], sizes: readonly number[]): number | undefined {
  if (agree(places)) return places[0];
  const back = places.map((place, i) => place - sizes[i]!);
  return agree(back) && back[0]! < 0 ? back[0] : undefined;
}

/** A place that is a multiple of the batch, and some. */
function growing(places: readonly number[], runs: readonly ViewRun[]): Size | undefined {
  const [a, b] = runs as readonly [ViewRun, ViewRun];
  const batches = (places[1]! - places[0]!) / (b.batch - a.batch);
  const plus = places[0]! - batches * a.batch;
  const fits = Number.isInteger(batches) && runs.every(({ batch }, i) => places[i] === batches * batch + plus);
  return fits ? { batches, plus } : undefined;
}

function slice(graph: GraphBuilder, input: string, parts: readonly SlicePart[], runs: readonly ViewRun[]): string | undefined {
  const { axis, step } = parts[0]!;
  const sizes = runs.map((run) => run.from.shape[axis]!);
  const start = placeOf(
    parts.map((part) => part.start),
    sizes,
    runs,
  );
  // The end is behind the last element; where a step leads over the size, any end up to there does.
  const ends = parts.map((part) => part.start + (part.length - 1) * step + 1);
  const toEnd = ends.every((end, i) => end + step > sizes[i]!);
  const end = toEnd ? undefined : placeOf(ends, sizes, runs);
  if (start === undefined || (end === undefined && !toEnd)) return undefined;
  const last = end === undefined ? graph.ints([TO_END]) : graph.sizes([end]);
  return graph.one('Slice', [input, graph.sizes([start]), last, graph.ints([axis]), graph.ints([step])]);
}

/** Elements that a table of places may have. */
const MOST_PLACES = 2 ** 20;

/** Where each element of a layout is, from the first one on, in order. */
function positions(shape: Dims, strides: readonly number[]): number[] {
  return shape.reduce<number[]>((all, size, d) => all.flatMap((at) => Array.from({ length: size }, (_, i) => at + i * strides[d]!)), [0]);
}

/** Any elements of each sample, or of a tensor without a batch: overlapping windows, diagonals. */
function chosen(
  graph: GraphBuilder,
  input: string,
  from: readonly Size[],
  to: readonly Size[],
  runs: readonly ViewRun[],
): string | undefined {
  const [a, b] = [from[0], to[0]];
  const lead = a !== undefined && b !== undefined && varies(a) && sameSize(a, b) ? 1 : 0;
  if (from.slice(lead).some(varies) || to.slice(lead).some(varies)) return undefined;
  const last = runs.at(-1)!; // of a batch larger than one
  if (lead === 1 && last.from.strides[0] !== last.to.strides[0]) return undefined;
  const places = runs.map(({ to: layout, offset }) => [offset, ...layout.strides.slice(lead).filter((_, d) => to[d + lead] !== 1)]);
  if (!agree(places)) return undefined;
  const rest = ({ shape, strides }: Layout): [Dims, readonly number[]] => [shape.slice(lead), strides.slice(lead)];
  const [had, has] = [rest(last.from), rest(last.to)];
  if (numelOf(had[0]) > MOST_PLACES || numelOf(has[0]) > MOST_PLACES) return undefined;
  const indices = new Map(positions(...had).map((position, i) => [position, i]));
  const wanted = positions(...has).map((position) => indices.get(position + last.offset));
  if (wanted.includes(undefined)) return undefined;
  const rows = lead === 1 ? graph.one('Flatten', [input], { axis: 1 }) : graph.one('Reshape', [input, graph.ints([-1])]);
  const picked = graph.one('Gather', [rows, graph.ints(wanted as number[])], { axis: lead });
  return graph.one('Reshape', [picked, graph.ints(to.map((size) => (varies(size) ? -1 : size)))]);
}
