/** Counts of values between edges (https://docs.pytorch.org/docs/stable/generated/torch.histogram.html). Values are read by the host. */
import { arrayOf, BOOL, either, kind, NUMBER, orNull, STEP } from '../base/arguments.ts';
import { ArgumentError, DTypeError, ShapeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { numelOf, sameDims, showShape } from '../base/shape.ts';
import { requireFloatTensor, requireTensor, TENSOR, TENSORS } from './arguments.ts';
import { hostArray, hostTensor } from './create.ts';
import { isTensor } from './is-tensor.ts';
import { named, type Named } from './matrices/named.ts';
import { linspace } from './ranges.ts';
import type { Tensor } from './tensor.ts';
import './families/reductions.ts';

type Range = readonly [low: number, high: number];
export interface HistogramOptions {
  /** From where to where, with a number of bins; default: from the smallest element to the largest. */
  readonly range?: Range | null;
  /** What each element counts. Default null: 1. */
  readonly weight?: Tensor | null;
  /** Whether the result is a density, whose integral is 1. Default false. */
  readonly density?: boolean;
}
interface HistogramCall extends HistogramOptions {
  readonly bins: number | Tensor;
}
const RANGE = kind(
  'an array of two numbers, [low, high]',
  (value) => Array.isArray(value) && value.length === 2 && value.every((n) => typeof n === 'number'),
);
const HISTOGRAM = signature<HistogramCall>(
  'histogram',
  { bins: either(STEP, TENSOR), range: orNull(RANGE), weight: orNull(TENSOR), density: BOOL },
  { required: 1, positional: 1, example: 'histogram(x, 10)' },
);

type Floats = Float32Array | Float64Array;
const elements = (x: Tensor): Floats => x.detach().contiguous().toTypedArray() as Floats;

/** The edges of `bins` equal bins, or those that were given. */
function edgesOf(x: Tensor, { bins, range }: HistogramCall): Tensor {
  if (isTensor(bins)) {
    if (bins.ndim !== 1 || bins.numel() < 1)
      throw new ShapeError(`histogram: expected edges as a vector, but got shape ${showShape(bins.layout.shape)}`);
    if (bins.dtype !== x.dtype)
      throw new DTypeError(
        `histogram: expected edges of ${x.dtype}, as the input, but got ${bins.dtype}; convert them with .to('${x.dtype}')`,
      );
    if ((range ?? null) !== null) throw new ArgumentError('histogram: edges are given, so there is no range besides; leave it out');
    return bins;
  }
  const empty = x.numel() === 0;
  let [low, high] = range ?? (empty ? [0, 0] : [x.detach().min().item(), x.detach().max().item()]);
  if (!Number.isFinite(low) || !Number.isFinite(high))
    throw new ArgumentError(`histogram: expected a finite range, but got from ${low} to ${high}`);
  if (low > high) throw new ArgumentError(`histogram: expected a range from low to high, but got from ${low} to ${high}`);
  if (low === high) [low, high] = empty && (range ?? null) === null ? [0, 1] : [low - 0.5, high + 0.5];
  return linspace(low, high, bins + 1, { dtype: x.dtype as 'float32', device: x.device });
}

/** The bin of a value: the last whose left edge is not above it; the last edge belongs to the last bin. */
function binOf(edges: Floats, value: number): number {
  let [low, high] = [0, edges.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (edges[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return Math.min(low - 1, edges.length - 2);
}

/**
 * How many elements lie in each of `bins` equal bins, or between the edges of a vector in rising order, as `{ hist, binEdges }`. What lies outside
 * does not count.
 * @throws ShapeError, DTypeError for weights or edges that do not fit the input
 * @example
 * import { histogram, tensor } from 'flambeau';
 * const { hist, binEdges } = histogram(tensor([1, 2, 1]), 4, { range: [0, 3] });
 * console.log(hist.tolist(), binEdges.tolist()); // [ 0, 2, 1, 0 ] [ 0, 0.75, 1.5, 2.25, 3 ]
 */
export function histogram(x: Tensor, bins: number | Tensor | HistogramCall, options?: HistogramOptions): Named<['hist', 'binEdges']>;
export function histogram(x: Tensor, ...args: readonly unknown[]): Named<['hist', 'binEdges']> {
  requireTensor('histogram', 'the input', x);
  requireFloatTensor('histogram', x);
  if (x.dtype !== 'float32' && x.dtype !== 'float64')
    throw new DTypeError(`histogram: expected float32 or float64, but got ${x.dtype}; convert it with .to('float32')`);
  const call = readCall(HISTOGRAM, args);
  const { weight = null, density = false } = call;
  if (weight !== null && !sameDims(weight.layout.shape, x.layout.shape))
    throw new ShapeError(
      `histogram: expected weights of the input's shape ${showShape(x.layout.shape)}, but got ${showShape(weight.layout.shape)}`,
    );
  if (weight !== null && weight.dtype !== x.dtype)
    throw new DTypeError(
      `histogram: expected weights of ${x.dtype}, as the input, but got ${weight.dtype}; convert them with .to('${x.dtype}')`,
    );
  const edges = edgesOf(x, call);
  const at = elements(edges);
  const single = x.dtype === 'float32';
  const counts = new (single ? Float32Array : Float64Array)(at.length - 1);
  const weights = weight === null ? undefined : elements(weight);
  const [low, high] = [at[0]!, at.at(-1)!];
  if (counts.length > 0)
    elements(x).forEach((value: number, i: number) => {
      if (value >= low && value <= high) counts[binOf(at, value)]! += weights?.[i] ?? 1;
    });
  const hist = hostTensor(counts, [counts.length], x.dtype, x.storage.device) as Tensor;
  if (!density) return named(['hist', 'binEdges'], [hist, edges]);
  const widths = edges.narrow(0, 1, counts.length).sub(edges.narrow(0, 0, counts.length));
  return named(['hist', 'binEdges'], [hist.div(hist.sum()).div(widths), edges]);
}

export interface HistogramddOptions {
  /** From where to where along each dimension, with numbers of bins: lows and highs by turns. Default: from the smallest element to the largest. */
  readonly range?: readonly number[] | null;
  /** What each point counts. Default null: 1. */
  readonly weight?: Tensor | null;
  /** Whether the result is a density, whose integral is 1. Default false. */
  readonly density?: boolean;
}
interface HistogramddCall extends HistogramddOptions {
  readonly bins: number | readonly number[] | readonly Tensor[];
}
const HISTOGRAMDD = signature<HistogramddCall>('histogramdd', { bins: either(STEP, arrayOf(STEP, 'whole numbers from 1 on'), TENSORS), range: orNull(arrayOf(NUMBER, 'numbers')), weight: orNull(TENSOR), density: BOOL }, { required: 1, positional: 1, example: 'histogramdd(points, [3, 3])' }); // prettier-ignore

/** The edges along each of `n` dimensions of points, which are the columns of a matrix. */
function edgesOfAll(points: Tensor, n: number, { bins, range = null }: HistogramddCall): Tensor[] {
  if (typeof bins !== 'number' && bins.length !== n)
    throw new ArgumentError(`histogramdd: expected bins for each of ${n} dimensions, but got ${bins.length}`);
  if (range !== null && range.length !== 2 * n)
    throw new ArgumentError(
      `histogramdd: expected a range of ${2 * n} numbers, a low and a high for each of ${n} dimensions, but got ${range.length}`,
    );
  return Array.from({ length: n }, (_, i) =>
    edgesOf(points.select(1, i), {
      bins: typeof bins === 'number' ? bins : bins[i]!,
      range: range === null ? null : [range[2 * i]!, range[2 * i + 1]!],
    }),
  );
}

/** How many points, the last dimension of the input, lie in each cell; what lies outside does not count. */
function countedCells(points: Tensor, edges: readonly Floats[], weights: Floats | undefined): Float64Array {
  const sizes = edges.map(({ length }) => length - 1);
  const cells = new Float64Array(numelOf(sizes));
  const [all, n] = [elements(points), edges.length];
  for (let row = 0; row < points.layout.shape[0]!; row++) {
    let cell = 0;
    for (let i = 0; i < n && cell >= 0; i++) {
      const [value, at] = [all[row * n + i]!, edges[i]!];
      cell = value >= at[0]! && value <= at.at(-1)! ? cell * sizes[i]! + binOf(at, value) : -1;
    }
    if (cell >= 0 && cells.length > 0) cells[cell]! += weights?.[row] ?? 1;
  }
  return cells;
}

/**
 * How many points [..., N] lie in each cell of a grid of N dimensions, as `{ hist, binEdges }`: bins are one number for all dimensions, one for each, or
 * edges for each.
 * @throws ShapeError, DTypeError, ArgumentError for weights, edges or a range that do not fit
 * @see https://pytorch.org/docs/stable/generated/torch.histogramdd.html
 * @example
 * import { histogramdd, tensor } from 'flambeau';
 * const { hist } = histogramdd(tensor([[0, 1], [1, 0], [2, 2]]), [2, 2]);
 * console.log(hist.tolist()); // [ [ 0, 1 ], [ 1, 1 ] ]
 */
export function histogramdd(
  x: Tensor,
  bins: HistogramddCall['bins'] | HistogramddCall,
  options?: HistogramddOptions,
): { readonly hist: Tensor; readonly binEdges: readonly Tensor[] };
export function histogramdd(x: Tensor, ...args: readonly unknown[]): { hist: Tensor; binEdges: Tensor[] } {
  requireTensor('histogramdd', 'the input', x);
  if (x.dtype !== 'float32' && x.dtype !== 'float64')
    throw new DTypeError(`histogramdd: expected float32 or float64, but got ${x.dtype}; convert it with .to('float32')`);
  const call = readCall(HISTOGRAMDD, args);
  const { shape } = x.layout;
  const n = shape.at(-1);
  if (n === undefined || shape.length < 2 || n === 0)
    throw new ShapeError(`histogramdd: expected points [..., N], but got shape ${showShape(shape)}`);
  const outer = shape.slice(0, -1);
  const points = x.detach().reshape([numelOf(outer), n]);
  const { weight = null, density = false } = call;
  if (weight !== null && !sameDims(weight.layout.shape, outer))
    throw new ShapeError(`histogramdd: expected weights of shape ${showShape(outer)}, but got ${showShape(weight.layout.shape)}`);
  const binEdges = edgesOfAll(points, n, call);
  const cells = countedCells(points, binEdges.map(elements), weight === null ? undefined : elements(weight));
  const sizes = binEdges.map((edges) => edges.numel() - 1);
  const counts = hostArray(x.dtype, cells.length) as Floats;
  counts.set(cells);
  const hist = hostTensor(counts, sizes, x.dtype, x.storage.device) as Tensor;
  if (!density) return { hist, binEdges };
  const widths = binEdges.map((edges, i) => edges.narrow(0, 1, sizes[i]!).sub(edges.narrow(0, 0, sizes[i]!)));
  const dense = widths.reduce(
    (sum, width, i) => sum.div(width.reshape(sizes.map((size, j) => (j === i ? size : 1)))),
    hist.div(hist.sum()),
  );
  return { hist: dense, binEdges };
}
