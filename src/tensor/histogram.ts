/** Counts of values between edges (https://docs.pytorch.org/docs/stable/generated/torch.histogram.html). Values are read by the host. */
import { BOOL, either, kind, orNull, STEP } from '../base/arguments.ts';
import { ArgumentError, DTypeError, ShapeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { sameDims, showShape } from '../base/shape.ts';
import { requireFloatTensor, requireTensor, TENSOR } from './arguments.ts';
import { hostTensor } from './create.ts';
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
const RANGE = kind('an array of two numbers, [low, high]', (value) => Array.isArray(value) && value.length === 2 && value.every((n) => typeof n === 'number')); // prettier-ignore
const HISTOGRAM = signature<HistogramCall>('histogram', { bins: either(STEP, TENSOR), range: orNull(RANGE), weight: orNull(TENSOR), density: BOOL }, { required: 1, positional: 1, example: 'histogram(x, 10)' }); // prettier-ignore

type Floats = Float32Array | Float64Array;
const elements = (x: Tensor): Floats => x.detach().contiguous().toTypedArray() as Floats;

/** The edges of `bins` equal bins, or those that were given. */
function edgesOf(x: Tensor, { bins, range }: HistogramCall): Tensor {
  if (isTensor(bins)) {
    if (bins.ndim !== 1 || bins.numel() < 1) throw new ShapeError(`histogram: expected edges as a vector, but got shape ${showShape(bins.layout.shape)}`); // prettier-ignore
    if (bins.dtype !== x.dtype) throw new DTypeError(`histogram: expected edges of ${x.dtype}, as the input, but got ${bins.dtype}; convert them with .to('${x.dtype}')`); // prettier-ignore
    if ((range ?? null) !== null)
      throw new ArgumentError('histogram: edges are given, so there is no range besides; leave it out');
    return bins;
  }
  const empty = x.numel() === 0;
  let [low, high] = range ?? (empty ? [0, 0] : [x.detach().min().item(), x.detach().max().item()]);
  if (!Number.isFinite(low) || !Number.isFinite(high)) throw new ArgumentError(`histogram: expected a finite range, but got from ${low} to ${high}`); // prettier-ignore
  if (low > high) throw new ArgumentError(`histogram: expected a range from low to high, but got from ${low} to ${high}`); // prettier-ignore
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
export function histogram(x: Tensor, bins: number | Tensor | HistogramCall, options?: HistogramOptions): Named<['hist', 'binEdges']>; // prettier-ignore
export function histogram(x: Tensor, ...args: readonly unknown[]): Named<['hist', 'binEdges']> {
  requireTensor('histogram', 'the input', x);
  requireFloatTensor('histogram', x);
  if (x.dtype !== 'float32' && x.dtype !== 'float64') throw new DTypeError(`histogram: expected float32 or float64, but got ${x.dtype}; convert it with .to('float32')`); // prettier-ignore
  const call = readCall(HISTOGRAM, args);
  const { weight = null, density = false } = call;
  if (weight !== null && !sameDims(weight.layout.shape, x.layout.shape)) throw new ShapeError(`histogram: expected weights of the input's shape ${showShape(x.layout.shape)}, but got ${showShape(weight.layout.shape)}`); // prettier-ignore
  if (weight !== null && weight.dtype !== x.dtype) throw new DTypeError(`histogram: expected weights of ${x.dtype}, as the input, but got ${weight.dtype}; convert them with .to('${x.dtype}')`); // prettier-ignore
  const edges = edgesOf(x, call);
  const at = elements(edges);
  const single = x.dtype === 'float32';
  const counts = new (single ? Float32Array : Float64Array)(at.length - 1);
  const weights = weight === null ? undefined : elements(weight);
  const [low, high] = [at[0]!, at.at(-1)!];
  if (counts.length > 0) elements(x).forEach((value: number, i: number) => {
    if (value >= low && value <= high) counts[binOf(at, value)]! += weights?.[i] ?? 1;
  }); // prettier-ignore
  const hist = hostTensor(counts, [counts.length], x.dtype, x.storage.device) as Tensor;
  if (!density) return named(['hist', 'binEdges'], [hist, edges]);
  const widths = edges.narrow(0, 1, counts.length).sub(edges.narrow(0, 0, counts.length));
  return named(['hist', 'binEdges'], [hist.div(hist.sum()).div(widths), edges]);
}
