/** Histograms as TensorBoard draws them, with the bins and the counting of PyTorch's writer, which are NumPy's. */
import { ArgumentError } from '../../base/errors.ts';

/** How values are sorted into bins: by TensorFlow's, which grow by a tenth each from 1e-12 to 1e20 on both sides of 0; by so many of equal width; by these edges. */
export type HistogramBins = 'tensorflow' | number | readonly number[];

export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly num: number;
  readonly sum: number;
  readonly sumSquares: number;
  /** The right edge of each bin; the first is empty and gives the left edge of the next. */
  readonly limits: readonly number[];
  readonly counts: readonly number[];
}

const TENSORFLOW = tensorflowBins();

function tensorflowBins(): readonly number[] {
  const positive: number[] = [];
  for (let v = 1e-12; v < 1e20; v *= 1.1) positive.push(v);
  return [...positive.map((v) => -v).reverse(), 0, ...positive];
}

/** @throws ArgumentError for no values, values that are not finite, or edges that do not grow */
export function histogramOf(values: Float64Array, bins: HistogramBins, maxBins: number | undefined): Histogram {
  if (values.length === 0) throw new ArgumentError('addHistogram: expected values, but the tensor has none');
  let [min, max, sum, sumSquares] = [Infinity, -Infinity, 0, 0];
  for (const value of values) {
    if (!Number.isFinite(value))
      throw new ArgumentError(
        `addHistogram: expected finite values, but got ${value} among them; leave those out, or look for where they come from`,
      );
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
    sumSquares += value * value;
  }
  const edges = typeof bins === 'number' ? equalBins(min, max, bins) : bins === 'tensorflow' ? TENSORFLOW : bins;
  const fewer = subsampled(edges, counted(values, edges), maxBins);
  return { min, max, num: values.length, sum, sumSquares, ...trimmed(fewer.edges, fewer.counts) };
}

function equalBins(min: number, max: number, count: number): readonly number[] {
  const [from, to] = min === max ? [min - 0.5, max + 0.5] : [min, max];
  const step = (to - from) / count;
  return Array.from({ length: count + 1 }, (_, i) => (i === count ? to : from + i * step));
}

/** How many values lie in [edge, next edge), the last of which is closed; values outside of all are not counted. */
function counted(values: Float64Array, edges: readonly number[]): number[] {
  const last = edges.length - 2;
  const counts = new Array<number>(last + 1).fill(0);
  for (const value of values) {
    if (value < edges[0]! || value > edges[last + 1]!) continue;
    let [low, high] = [0, last];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (edges[middle]! <= value) low = middle;
      else high = middle - 1;
    }
    counts[low]!++;
  }
  return counts;
}

/** Neighbouring bins together, so that there are about as many as wanted. */
function subsampled(
  edges: readonly number[],
  counts: readonly number[],
  most: number | undefined,
): { edges: readonly number[]; counts: readonly number[] } {
  if (most === undefined || counts.length <= most) return { edges, counts };
  const size = Math.floor(counts.length / most);
  const sums: number[] = [];
  counts.forEach((count, i) => (sums[Math.floor(i / size)] = (sums[Math.floor(i / size)] ?? 0) + count));
  return { edges: [...sums.map((_, i) => edges[i * size]!), edges.at(-1)!], counts: sums };
}

/** Without the empty bins at both ends, but for one at the left: only right edges are written. */
function trimmed(edges: readonly number[], counts: readonly number[]): Pick<Histogram, 'limits' | 'counts'> {
  const first = counts.findIndex((count) => count > 0);
  if (first === -1)
    throw new ArgumentError('addHistogram: none of the values is in one of the bins; give edges on both sides of the values');
  const end = counts.findLastIndex((count) => count > 0) + 1;
  const kept = counts.slice(first, end);
  return { counts: first > 0 ? [counts[first - 1]!, ...kept] : [0, ...kept], limits: edges.slice(first, end + 1) };
}
