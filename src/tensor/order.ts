/**
 * Elements in order: sorting, the largest, medians and quantiles, modes (https://pytorch.org/docs/stable/torch.html#comparison-ops). NaN
 * counts as the largest. Sorting is stable.
 */
import { BOOL, either, NUMBER, oneOf, orNull, SIZE, WHOLE } from '../base/arguments.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { existingDim, showShape } from '../base/shape.ts';
import { sortParams } from '../geometry/indexing.ts';
import { requireFloatTensor, requireTensor, TENSOR } from './arguments.ts';
import type { Call } from './calls.ts';
import { full, hostTensor, tensor } from './create.ts';
import { apply, apply1 } from './dispatch.ts';
import { finding } from './families/finding.ts';
import { indexing as indexingOps } from './families/indexing.ts';
import { running } from './families/running.ts';
import { isTensor } from './is-tensor.ts';
import { dimParams } from '../geometry/attrs.ts';
import type { Shape } from './shapes/dims.ts';
import type { Tensor } from './tensor.ts';
import { valuesAndIndices, type ValuesAndIndices } from './values-and-indices.ts';
import './families/rearrange.ts';

const pair = (op: string, [values, indices]: readonly Tensor[]): ValuesAndIndices => valuesAndIndices(op, values!, indices!);

interface SortCall {
  dim?: number;
  descending?: boolean;
  stable?: boolean;
}
export type SortArguments = Call<[dim?: number, descending?: boolean], SortCall>;
const SORTING = { dim: WHOLE, descending: BOOL, stable: BOOL };
const SORT = signature<SortCall>('sort', SORTING, { positional: 2, example: 'sort(1, true)' });
const ARGSORT = signature<SortCall>('argsort', SORTING, { positional: 2, example: 'argsort(1, true)' });

/**
 * The elements along a dimension, the last by default, in order, and where they were. Equal ones stay in their order (`stable`, which PyTorch
 * has to be asked for).
 * @see https://pytorch.org/docs/stable/generated/torch.sort.html
 */
export function sort<A extends Shape>(x: Tensor<A>, ...args: SortArguments): ValuesAndIndices<A>;
export function sort(x: Tensor, ...args: readonly unknown[]): ValuesAndIndices {
  requireTensor('sort', 'the input', x);
  const { dim = -1, descending = false } = readCall<SortCall>(SORT, args);
  return pair('sort', apply(indexingOps.sort, [x], sortParams(dim, descending)));
}

/** The indices of {@link sort}. */
export function argsort<A extends Shape>(x: Tensor<A>, ...args: SortArguments): Tensor<A>;
export function argsort(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('argsort', 'the input', x);
  const { dim = -1, descending = false } = readCall<SortCall>(ARGSORT, args);
  return apply(indexingOps.sort, [x.detach()], sortParams(dim, descending))[1]!;
}

interface TopkCall {
  k: number;
  dim?: number;
  largest?: boolean;
  sorted?: boolean;
}
export type TopkArguments = Call<[k: number, dim?: number, largest?: boolean, sorted?: boolean], TopkCall>;
const TOPK = signature<TopkCall>('topk', { k: SIZE, dim: WHOLE, largest: BOOL, sorted: BOOL }, { required: 1 });

/** The `k` largest (or smallest) elements along a dimension, in order, and where they are. */
export function topk(x: Tensor, ...args: TopkArguments): ValuesAndIndices;
export function topk(x: Tensor, ...args: readonly unknown[]): ValuesAndIndices {
  requireTensor('topk', 'the input', x);
  const { k, dim = -1, largest = true } = readCall<TopkCall>(TOPK, args);
  return pair('topk', apply(indexingOps.topk, [x], sortParams(dim, largest, k)));
}

/** Sorted along the first dimension. */
export function msort<A extends Shape>(x: Tensor<A>): Tensor<A> {
  return sort(x, 0).values;
}

// ---- of a sorted line

interface AlongCall {
  dim?: number;
  keepdim?: boolean;
}
export type AlongArguments = Call<[dim?: number, keepdim?: boolean], AlongCall>;
const along = (op: string) => signature<AlongCall>(op, { dim: WHOLE, keepdim: BOOL });
const [MEDIAN, NANMEDIAN, MODE] = [along('median'), along('nanmedian'), along('mode')];

/** The same without sorting. */
function selected(op: string, x: Tensor, dim: number, place: Tensor | number, keepdim: boolean): ValuesAndIndices {
  const shape = x.layout.shape.map((size, i) => (i === dim ? 1 : size));
  // one rank for all lines, or one for each
  const ranks =
    typeof place === 'number'
      ? full(shape, place, { dtype: 'int64', device: x.device })
      : place.ndim === 0
        ? place.expand(shape)
        : place.unsqueeze(dim);
  const found = apply(running.kth, [x, ranks], dimParams(dim, 'kth'));
  const [values, indices] = found.map((of) => (keepdim ? of : of.squeeze(dim))) as [Tensor, Tensor];
  return valuesAndIndices(op, values, indices);
}

/** The element of rank `place`, a tensor of one size less or a number, along a dimension; a scalar is a line of one. */
function ranked(op: string, x: Tensor, dim: number, place: Tensor | number, keepdim: boolean): ValuesAndIndices {
  if (x.ndim > 0 && x.storage.device.name === 'cpu') return selected(op, x, dim, place, keepdim);
  const [values, indices] = apply(indexingOps.sort, [x], sortParams(dim, false)) as [Tensor, Tensor];
  if (x.ndim === 0) return valuesAndIndices(op, values, indices);
  const pick = (of: Tensor): Tensor => {
    const taken =
      typeof place === 'number'
        ? of.narrow(dim, place, 1)
        : apply1(indexingOps.gather, [of, place.unsqueeze(dim)], dimParams(dim, 'gather'));
    return keepdim ? taken : taken.squeeze(dim);
  };
  return valuesAndIndices(op, pick(values), pick(indices));
}

function requireLine(op: string, x: Tensor, dim: number): number {
  const axis = existingDim(op, dim, Math.max(x.ndim, 1));
  if (x.ndim > 0 && x.layout.shape[axis] === 0)
    throw new ShapeError(`${op}: expected a dimension with elements, but got shape ${showShape(x.layout.shape)}`);
  return axis;
}

/** How many of a sorted line are no NaN, less one and halved: the rank of the median. */
function middle(x: Tensor, dim: number, ignoreNaN: boolean): Tensor {
  const size = x.layout.shape[dim] ?? 1;
  const nans = x.isFloatingPoint()
    ? x
        .detach()
        .isnan()
        .sum(x.ndim === 0 ? undefined : dim)
    : tensor(0, { dtype: 'int64' });
  const count = nans.rsub(size);
  // With a NaN the median is NaN, the first of those at the end; without numbers, the first of all.
  const lower = count.sub(1).clampMin(0).floorDivide(2);
  return ignoreNaN ? lower : nans.gt(0).to('int64').mul(count.sub(lower)).add(lower);
}

function medianOf(op: string, x: Tensor, args: readonly unknown[], ignoreNaN: boolean): Tensor | ValuesAndIndices {
  requireTensor(op, 'the input', x);
  const { dim, keepdim = false } = readCall<AlongCall>(ignoreNaN ? NANMEDIAN : MEDIAN, args);
  if (dim === undefined) {
    if (x.layout.numel === 0) return nothing(op, x);
    const flat = x.reshape([-1]);
    return ranked(op, flat, 0, middle(flat, 0, ignoreNaN), false).values;
  }
  const axis = requireLine(op, x, dim);
  return ranked(op, x, axis, middle(x, axis, ignoreNaN), keepdim);
}

/** The median of no elements: NaN. */
function nothing(op: string, x: Tensor): Tensor {
  if (!x.isFloatingPoint()) throw new ShapeError(`${op}: expected elements, but got shape ${showShape(x.layout.shape)}`);
  return x.sum().add(NaN);
}

/** The median, the lower of two in the middle; NaN where there is one. Along a dimension, with its index. */
export function median(x: Tensor): Tensor;
export function median(x: Tensor, ...args: AlongArguments): ValuesAndIndices;
export function median(x: Tensor, ...args: readonly unknown[]): Tensor | ValuesAndIndices {
  return medianOf('median', x, args, false);
}

/** The median of what is no NaN. */
export function nanmedian(x: Tensor): Tensor;
export function nanmedian(x: Tensor, ...args: AlongArguments): ValuesAndIndices;
export function nanmedian(x: Tensor, ...args: readonly unknown[]): Tensor | ValuesAndIndices {
  return medianOf('nanmedian', x, args, true);
}

interface KthCall {
  k: number;
  dim?: number;
  keepdim?: boolean;
}
export type KthArguments = Call<[k: number, dim?: number, keepdim?: boolean], KthCall>;
const KTHVALUE = signature<KthCall>('kthvalue', { k: SIZE, dim: WHOLE, keepdim: BOOL }, { required: 1 });

/** The `k`-th smallest element along a dimension, counted from 1, and where it is. */
export function kthvalue(x: Tensor, ...args: KthArguments): ValuesAndIndices;
export function kthvalue(x: Tensor, ...args: readonly unknown[]): ValuesAndIndices {
  requireTensor('kthvalue', 'the input', x);
  const { k, dim = -1, keepdim = false } = readCall<KthCall>(KTHVALUE, args);
  const axis = requireLine('kthvalue', x, dim);
  const size = x.layout.shape[axis] ?? 1;
  if (k < 1 || k > size) throw new ArgumentError(`kthvalue: expected k between 1 and ${size}, the size of dimension ${axis}, but got ${k}`);
  return ranked('kthvalue', x, axis, k - 1, keepdim);
}

/** The most frequent element along a dimension, the smallest of several, and its last index. */
export function mode(x: Tensor, ...args: AlongArguments): ValuesAndIndices;
export function mode(x: Tensor, ...args: readonly unknown[]): ValuesAndIndices {
  requireTensor('mode', 'the input', x);
  const { dim = -1, keepdim = false } = readCall<AlongCall>(MODE, args);
  const axis = requireLine('mode', x, dim);
  const [values, indices] = apply(indexingOps.sort, [x], sortParams(axis, false)) as [Tensor, Tensor];
  if (x.ndim === 0) return valuesAndIndices('mode', values, indices);
  const place =
    x.storage.device.name === 'gpu'
      ? longestRunByHost(values.detach(), axis)
      : apply1(finding.longestRun, [values.detach()], dimParams(axis));
  const pick = (of: Tensor): Tensor => {
    const taken = apply1(indexingOps.gather, [of, place], dimParams(axis, 'gather'));
    return keepdim ? taken : taken.squeeze(axis);
  };
  return valuesAndIndices('mode', pick(values), pick(indices));
}

function longestRunByHost(sorted: Tensor, axis: number): Tensor {
  const lines = sorted.movedim(axis, -1).contiguous();
  const size = lines.layout.shape.at(-1)!;
  const data = lines.toTypedArray();
  const places = new BigInt64Array(size === 0 ? 0 : data.length / size);
  for (let line = 0; line < places.length; line++) places[line] = BigInt(longestRun(data, line * size, size));
  return hostTensor(places, lines.layout.shape.slice(0, -1), 'int64', sorted.storage.device).unsqueeze(axis);
}

/** The end of the longest run of equals in a sorted line, the first of several. */
function longestRun(data: ArrayLike<number | bigint>, start: number, size: number): number {
  let [best, most, run] = [0, 0, 0];
  for (let i = 0; i < size; i++) {
    run = i > 0 && data[start + i] === data[start + i - 1] ? run + 1 : 1;
    if (run > most) [best, most] = [i, run];
  }
  return best;
}

// ---- quantiles

type Interpolation = 'linear' | 'lower' | 'higher' | 'midpoint' | 'nearest';
interface QuantileCall {
  q: number | Tensor;
  dim?: number | null;
  keepdim?: boolean;
  interpolation?: Interpolation;
}
export type QuantileArguments = Call<[q: number | Tensor, dim?: number | null, keepdim?: boolean], QuantileCall>;
const QUANTILES = {
  q: either(NUMBER, TENSOR),
  dim: orNull(WHOLE),
  keepdim: BOOL,
  interpolation: oneOf('linear', 'lower', 'higher', 'midpoint', 'nearest'),
};
const QUANTILE = signature<QuantileCall>('quantile', QUANTILES, { required: 1, positional: 3 });
const NANQUANTILE = signature<QuantileCall>('nanquantile', QUANTILES, { required: 1, positional: 3 });

function quantileOf(op: string, x: Tensor, args: readonly unknown[], ignoreNaN: boolean): Tensor {
  requireTensor(op, 'the input', x);
  const { q, dim, keepdim = false, interpolation = 'linear' } = readCall<QuantileCall>(ignoreNaN ? NANQUANTILE : QUANTILE, args);
  requireFloatTensor(op, x);
  if (isTensor(q) && (q.ndim > 1 || q.dtype !== x.dtype))
    throw new ArgumentError(
      `${op}: expected q to be a number or a vector of ${x.dtype}, but got ${q.dtype} of shape ${showShape(q.layout.shape)}`,
    );
  if (x.layout.numel === 0) throw new ShapeError(`${op}: expected elements, but got shape ${showShape(x.layout.shape)}`);
  const [asked, single] =
    typeof q === 'number' ? [tensor([q], { dtype: x.dtype, device: x.device }), true] : [q.reshape([-1]), q.ndim === 0];
  for (const value of asked.detach().toTypedArray())
    if (!(value >= 0 && value <= 1)) throw new ArgumentError(`${op}: expected every q between 0 and 1, but got ${value}`);
  const flat = dim === undefined || dim === null;
  const axis = flat ? 0 : requireLine(op, x, dim);
  const last = flat ? x.reshape([-1]) : x.ndim === 0 ? x.reshape([1]) : x.movedim(axis, -1);
  const size = last.layout.shape.at(-1)!;
  const nans = last.detach().isnan();
  const count = ignoreNaN ? nans.logicalNot().sum(-1, true) : undefined;
  const highest = count === undefined ? tensor([size - 1], { dtype: x.dtype, device: x.device }) : count.sub(1).clampMin(0).to(x.dtype);
  const bare = asked.mul(highest);
  // with a NaN every quantile is NaN: the last of the sorted
  const ranks = ignoreNaN ? bare : where_(nans.any(-1, true), bare, size - 1);
  const picked = interpolated(asked.layout.numel === 1 ? selection(op, last) : sorting(last), ranks, interpolation);
  // the quantiles come first, the dimension where it was
  const moved = picked.movedim(-1, 0);
  const kept = keepdim && x.ndim > 0 ? moved.unsqueeze(flat ? -1 : axis + 1) : moved;
  const shaped = keepdim && flat ? moved.reshape([moved.layout.shape[0]!, ...x.layout.shape.map(() => 1)]) : kept;
  return single ? shaped.squeeze(0) : shaped;
}

const where_ = (nan: Tensor, ranks: Tensor, last: number): Tensor => ranks.add(nan.to(ranks.dtype).mul(0)).maskedFill(nan, last);

/** The elements of whole ranks [… lines, ranks], along the last dimension. */
type AtRanks = (ranks: Tensor) => Tensor;

/** One of each line: selected. */
const selection =
  (op: string, x: Tensor): AtRanks =>
  (rank) =>
    ranked(op, x, x.ndim - 1, rank.detach().to('int64').squeeze(-1), true).values;

/** Several of each line: all are sorted. */
function sorting(x: Tensor): AtRanks {
  const sorted = apply(indexingOps.sort, [x], sortParams(-1, false))[0]!;
  return (ranks) => {
    const shape = [...sorted.layout.shape.slice(0, -1), ranks.layout.shape.at(-1)!];
    return apply1(indexingOps.gather, [sorted, ranks.detach().to('int64').expand(shape).contiguous()], dimParams(-1, 'gather'));
  };
}

function interpolated(at: AtRanks, ranks: Tensor, way: Interpolation): Tensor {
  if (way === 'lower') return at(ranks.floor());
  if (way === 'higher') return at(ranks.ceil());
  if (way === 'nearest') return at(ranks.round());
  const [below, above] = [at(ranks.floor()), at(ranks.ceil())];
  const share = way === 'midpoint' ? ranks.sub(ranks.floor()).gt(0).to(ranks.dtype).mul(0.5) : ranks.sub(ranks.floor());
  // as PyTorch's lerp: from the nearer end
  const near = share.lt(0.5).to(share.dtype);
  const gap = above.sub(below);
  const same = gap.isnan().logicalOr(gap.eq(0));
  const from = below
    .add(gap.mul(share))
    .mul(near)
    .add(above.sub(gap.mul(share.rsub(1))).mul(near.rsub(1)));
  return apply1('where', [same, below, from], { key: '' });
}

/**
 * What a share `q` of the elements lies below, interpolated between neighbours: of all elements or along a dimension. A vector of shares gives
 * as many results, in front.
 * @see https://pytorch.org/docs/stable/generated/torch.quantile.html
 */
export function quantile(x: Tensor, ...args: QuantileArguments): Tensor;
export function quantile(x: Tensor, ...args: readonly unknown[]): Tensor {
  return quantileOf('quantile', x, args, false);
}

/** The quantiles of what is no NaN. */
export function nanquantile(x: Tensor, ...args: QuantileArguments): Tensor;
export function nanquantile(x: Tensor, ...args: readonly unknown[]): Tensor {
  return quantileOf('nanquantile', x, args, true);
}
