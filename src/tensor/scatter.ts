/**
 * Putting elements at indices, and taking them from there (https://pytorch.org/docs/stable/torch.html#indexing-slicing-joining-mutating-ops).
 * Indices are int64 or int32, counted from the front unless stated.
 */
import { ARRAY, arrayOf, BOOL, NUMBER, oneOf, requireKind, WHOLE } from '../base/arguments.ts';
import { ArgumentError, DTypeError, ShapeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { existingDim, numelOf, sameDims, showShape } from '../base/shape.ts';
import { dimParams, type DimParams } from '../geometry/attrs.ts';
import { requireTensor, TENSOR, TENSOR_OR_NUMBER } from './arguments.ts';
import { asOperand } from './tensor-arithmetic.ts';
import { broadcastTensors, where } from './functions.ts';
import { apply1, applyInPlace } from './dispatch.ts';
import { indexing as indexingOps } from './families/indexing.ts';
import { joinAt } from './families/join-at.ts';
import { reductions } from './families/reductions.ts';
import { filler } from './calls.ts';
import { full } from './create.ts';
import { isTensor } from './is-tensor.ts';
import { trueIndices } from './picking.ts';
import { indexParams, joinParams } from '../geometry/indexing.ts';
import { scanParams } from '../geometry/reduce.ts';
import type { Tensor } from './tensor.ts';
import './families/picking.ts';
import './families/rearrange.ts';

type Place = 'scatter' | 'scatterAdd' | 'indexAdd' | 'indexCopy';

/** The operation, in place or not. */
function placed(name: Place, x: Tensor, index: Tensor, source: Tensor, dim: number, inPlace: boolean): Tensor {
  const attrs: DimParams = dimParams(dim, name);
  return inPlace ? applyInPlace(name, [x, index, source], attrs) : apply1(name, [x, index, source], attrs);
}

const ofX = (op: string, x: unknown, index: unknown): void => {
  requireTensor(op, 'the input', x);
  requireTensor(op, 'the index', index, "write tensor([[0, 1]], { dtype: 'int64' })");
};

export type ScatterReduction = 'sum' | 'prod' | 'mean' | 'amax' | 'amin';
interface ScatterCall {
  dim: number;
  index: Tensor;
  src: Tensor | number;
  reduce?: 'add' | 'multiply';
}
const SCATTER = signature<ScatterCall>(
  'scatter',
  { dim: WHOLE, index: TENSOR, src: TENSOR_OR_NUMBER, reduce: oneOf('add', 'multiply') },
  { required: 3, positional: 3 },
);

/** The elements of `src`, or a number, at `index` along `dim`; of equal indices the last stays. */
export function scatter(x: Tensor, args: readonly unknown[], inPlace = false): Tensor {
  requireTensor('scatter', 'the input', x);
  const [dim_, index_, src_, more] = args;
  const renamed = isOptions(src_) && 'value' in src_ ? renameValue(src_) : src_;
  const { dim, index, src, reduce } = readCall<ScatterCall>(SCATTER, [dim_, index_, renamed, more]);
  const source = typeof src === 'number' ? numberAs('scatter', x, src).expand(index.layout.shape) : src;
  if (reduce === 'add') return placed('scatterAdd', x, index, source.contiguous(), dim, inPlace);
  if (reduce === 'multiply') return back(x, scatterReduced(x, dim, index, source, 'prod', true), inPlace);
  return placed('scatter', x, index, source, dim, inPlace);
}

const isOptions = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !isTensor(value) && !Array.isArray(value);
const renameValue = ({ value, ...rest }: Record<string, unknown>): Record<string, unknown> => ({ ...rest, src: value });

const back = (x: Tensor, result: Tensor, inPlace: boolean): Tensor => (inPlace ? x.copy_(result) : result);

/** A number as a scalar of the dtype of `x`. */
const numberAs = (op: string, x: Tensor, value: number): Tensor => asOperand(op, x, filler(x, op, value)).to(x.dtype);

interface IndexCall {
  dim: number;
  index: Tensor;
  source: Tensor;
  alpha?: number;
}
const INDEX = { dim: WHOLE, index: TENSOR, source: TENSOR, alpha: NUMBER };
const SCATTER_ADD = signature<{ dim: number; index: Tensor; src: Tensor }>(
  'scatterAdd',
  { dim: WHOLE, index: TENSOR, src: TENSOR },
  { required: 3 },
);
const INDEX_ADD = signature<IndexCall>('indexAdd', INDEX, { required: 3, positional: 3 });
const INDEX_COPY = signature<Omit<IndexCall, 'alpha'>>('indexCopy', { dim: WHOLE, index: TENSOR, source: TENSOR }, { required: 3 });

/** Adds the elements of `src` at `index` along `dim`, in the order of the index. */
export function scatterAdd(x: Tensor, args: readonly unknown[], inPlace = false): Tensor {
  requireTensor('scatterAdd', 'the input', x);
  const { dim, index, src } = readCall<{ dim: number; index: Tensor; src: Tensor }>(SCATTER_ADD, args);
  return placed('scatterAdd', x, index, src, dim, inPlace);
}

/** A scalar as a line of one, and back. */
function lined(x: Tensor, run: (line: Tensor) => Tensor): Tensor {
  return x.ndim > 0 ? run(x) : run(x.reshape([1])).reshape([]);
}
const line = (x: Tensor): Tensor => (x.ndim === 0 ? x.reshape([1]) : x);

/** Adds slices of `source`, times `alpha`, at `index` along `dim`. */
export function indexAdd(x: Tensor, args: readonly unknown[], inPlace = false): Tensor {
  requireTensor('indexAdd', 'the input', x);
  const { dim, index, source, alpha = 1 } = readCall<IndexCall>(INDEX_ADD, args);
  const scaled = alpha === 1 ? source : source.mul(alpha);
  const slices =
    x.ndim === 0
      ? line(scaled)
      : scaled.ndim === 0
        ? scaled.expand(x.layout.shape.map((n, i) => (i === existingDim('indexAdd', dim, x.ndim) ? 1 : n)))
        : scaled;
  return lined(x, (to) => placed('indexAdd', to, line(index), slices, dim, inPlace));
}

/** Slices of `source` at `index` along `dim`; of equal indices the last stays. */
export function indexCopy(x: Tensor, args: readonly unknown[], inPlace = false): Tensor {
  requireTensor('indexCopy', 'the input', x);
  const { dim, index, source } = readCall<Omit<IndexCall, 'alpha'>>(INDEX_COPY, args);
  return lined(x, (to) => placed('indexCopy', to, line(index), x.ndim === 0 ? line(source) : source, dim, inPlace));
}

interface FillCall {
  dim: number;
  index: Tensor;
  value: Tensor | number;
}
const INDEX_FILL = signature<FillCall>('indexFill', { dim: WHOLE, index: TENSOR, value: TENSOR_OR_NUMBER }, { required: 3 });

/** A number, or a tensor without dimensions, in all slices at `index` along `dim`; negative indices count from the end. */
export function indexFill(x: Tensor, args: readonly unknown[], inPlace = false): Tensor {
  requireTensor('indexFill', 'the input', x);
  const { dim, index, value } = readCall<FillCall>(INDEX_FILL, args);
  const axis = existingDim('indexFill', dim, Math.max(x.ndim, 1));
  if (isTensor(value) && value.ndim > 0)
    throw new ShapeError(
      `indexFill: expected a number or a tensor without dimensions, but got shape ${showShape(value.layout.shape)}; use indexCopy`,
    );
  const filled = isTensor(value) ? value.to(x.dtype) : numberAs('indexFill', x, value);
  const at = line(index);
  const sizes = x.ndim === 0 ? [1] : x.layout.shape;
  const size = sizes[axis]!;
  const front = at.add(at.lt(0).to(at.dtype).mul(size)).reshape([-1]);
  const truth = (n: number, value: boolean): Tensor => full([n], value, { device: x.device });
  const slices = apply1(indexingOps.indexCopy, [truth(size, false), front, truth(front.layout.numel, true)], dimParams(0, 'indexFill'));
  const mask = slices.reshape(sizes.map((n, i) => (i === axis ? n : 1)));
  return back(
    x,
    lined(x, (to) => where(mask, filled, to)),
    inPlace,
  );
}

// ---- reductions at indices

interface ReduceCall {
  dim: number;
  index: Tensor;
  src: Tensor;
  reduce: ScatterReduction;
  includeSelf?: boolean;
}
const SCATTER_REDUCE = signature<ReduceCall>(
  'scatterReduce',
  { dim: WHOLE, index: TENSOR, src: TENSOR, reduce: oneOf('sum', 'prod', 'mean', 'amax', 'amin'), includeSelf: BOOL },
  { required: 4, positional: 4 },
);
const INDEX_REDUCE = signature<ReduceCall>(
  'indexReduce',
  { dim: WHOLE, index: TENSOR, src: TENSOR, reduce: oneOf('prod', 'mean', 'amax', 'amin'), includeSelf: BOOL },
  { required: 4, positional: 4 },
);

/** Elements of `src` at `index` along `dim`, joined with what is there (unless `includeSelf` is false) and with one another. */
export function scatterReduce(x: Tensor, args: readonly unknown[], inPlace = false): Tensor {
  requireTensor('scatterReduce', 'the input', x);
  const { dim, index, src, reduce, includeSelf = true } = readCall<ReduceCall>(SCATTER_REDUCE, args);
  return back(x, scatterReduced(x, dim, index, src, reduce, includeSelf), inPlace);
}

function scatterReduced(x: Tensor, dim: number, index: Tensor, src: Tensor, reduce: ScatterReduction, includeSelf: boolean): Tensor {
  const attrs = dimParams(dim, 'scatterReduce');
  if (src.dtype !== x.dtype)
    throw new DTypeError(`scatterReduce: expected a source of dtype ${x.dtype}, but got ${src.dtype}; convert it with .to('${x.dtype}')`);
  if (index.layout.numel === 0) return x.clone();
  const used = sameDims(src.layout.shape, index.layout.shape) ? src : index.layout.shape.reduce((s, n, i) => s.narrow(i, 0, n), src);
  if (reduce === 'sum' && includeSelf) return apply1(indexingOps.scatterAdd, [x, index, used], attrs);
  if (reduce === 'sum' || reduce === 'mean') {
    const zeros = x.newZeros(x.layout.shape);
    const counts = apply1(indexingOps.scatterAdd, [zeros, index, used.newOnes(used.layout.shape)], attrs);
    const start = includeSelf ? x : x.maskedFill(counts.gt(0), 0);
    const sums = apply1(indexingOps.scatterAdd, [start, index, used], attrs);
    if (reduce === 'sum') return sums;
    const all = includeSelf ? counts.add(1) : counts.clampMin(1);
    return x.isFloatingPoint() ? sums.div(all) : sums.floorDivide(all);
  }
  return joined(x, index, used, { op: 'scatterReduce', dim }, reduce, includeSelf);
}

/** Products and extremes, of elements or (with an index of one dimension for a source of more) of slices. */
function joined(x: Tensor, index: Tensor, src: Tensor, place: JoinPlace, reduce: 'prod' | 'amax' | 'amin', includeSelf: boolean): Tensor {
  const { op, dim } = place;
  const [line_, at, from] = [line(x), line(index), line(src)];
  const start = includeSelf ? line_ : withoutSelf(line_, at, from, place, reduce);
  return apply1(joinAt[op], [start, at, from], joinParams(dim, reduce, op)).reshape(x.layout.shape);
}

interface JoinPlace {
  readonly op: 'scatterReduce' | 'indexReduce';
  readonly dim: number;
}

/** x with the neutral element wherever something comes to: for extremes of whole numbers any of what comes. */
function withoutSelf(x: Tensor, index: Tensor, src: Tensor, { op, dim }: JoinPlace, reduce: 'prod' | 'amax' | 'amin'): Tensor {
  const attrs = indexParams(dim, op);
  const [put, add] = op === 'scatterReduce' ? (['scatter', 'scatterAdd'] as const) : (['indexCopy', 'indexAdd'] as const);
  if (reduce !== 'prod' && !x.isFloatingPoint()) return apply1(indexingOps[put], [x, index, src], attrs);
  const counts = full([], 0, { dtype: 'int32', device: x.device }).expand(x.layout.shape).contiguous();
  const ones = full([], 1, { dtype: 'int32', device: x.device }).expand(src.layout.shape);
  const hit = apply1(indexingOps[add], [counts, index, ones], attrs).gt(0);
  return x.maskedFill(hit, reduce === 'prod' ? 1 : reduce === 'amax' ? -Infinity : Infinity);
}

/** Slices of `src` at `index` along `dim`, joined with what is there and with one another. */
export function indexReduce(x: Tensor, args: readonly unknown[], inPlace = false): Tensor {
  requireTensor('indexReduce', 'the input', x);
  const { dim, index, src, reduce, includeSelf = true } = readCall<ReduceCall>(INDEX_REDUCE, args);
  const axis = existingDim('indexReduce', dim, Math.max(x.ndim, 1));
  const [to, from, at] = [line(x), line(src), line(index)];
  if (src.dtype !== x.dtype)
    throw new DTypeError(`indexReduce: expected a source of dtype ${x.dtype}, but got ${src.dtype}; convert it with .to('${x.dtype}')`);
  if (reduce !== 'mean' && reduce !== 'sum')
    return back(x, joined(to, at, from, { op: 'indexReduce', dim: axis }, reduce, includeSelf).reshape(x.layout.shape), inPlace);
  const spread = at.reshape(from.layout.shape.map((_, i) => (i === axis ? -1 : 1))).expand(from.layout.shape);
  const result = scatterReduced(to, axis, spread.contiguous(), from, reduce, includeSelf);
  return back(x, result.reshape(x.layout.shape), inPlace);
}

// ---- the flattened tensor, masks

interface TakeAlongCall {
  indices: Tensor;
  dim?: number | null;
}
const TAKE_ALONG = signature<TakeAlongCall>('takeAlongDim', { indices: TENSOR, dim: WHOLE }, { required: 1 });

/** Elements along `dim` at indices that broadcast with the input, negative ones from the end; without `dim`, of the flattened tensor. */
export function takeAlongDim(x: Tensor, args: readonly unknown[]): Tensor {
  requireTensor('takeAlongDim', 'the input', x);
  const { indices, dim } = readCall<TakeAlongCall>(TAKE_ALONG, args);
  const picked = (from: Tensor, at: Tensor, axis: number): Tensor =>
    apply1(indexingOps.gather, [from, at], indexParams(axis, 'takeAlongDim', true));
  if (dim === undefined || dim === null) return picked(x.reshape([-1]), indices.reshape([-1]), 0);
  if (x.ndim !== indices.ndim)
    throw new ShapeError(`takeAlongDim: expected indices with ${x.ndim} dimensions, but got shape ${showShape(indices.layout.shape)}`);
  const axis = existingDim('takeAlongDim', dim, x.ndim);
  const one = (shape: readonly number[]): number[] => shape.map((n, i) => (i === axis ? 1 : n));
  const [a] = broadcastTensors(x.newZeros(one(x.layout.shape)), x.newZeros(one(indices.layout.shape)));
  const common = a!.layout.shape;
  const sized = (of: Tensor): Tensor => of.expand(common.map((n, i) => (i === axis ? of.layout.shape[i]! : n)));
  return picked(sized(x), sized(indices).contiguous(), axis);
}

/** Elements of the flattened tensor at indices, in their shape; negative indices count from the end. */
export function take(x: Tensor, index: Tensor): Tensor {
  ofX('take', x, index);
  const flat = x.reshape([-1]);
  const places = index.reshape([-1]);
  return apply1(indexingOps.indexSelect, [flat, places], indexParams(0, 'take', true)).reshape(index.layout.shape);
}

interface PutCall {
  index: Tensor;
  source: Tensor;
  accumulate?: boolean;
}
const PUT = signature<PutCall>('put_', { index: TENSOR, source: TENSOR, accumulate: BOOL }, { required: 2 });

/** `source` at indices of the flattened tensor. */
export function put(x: Tensor, args: readonly unknown[], inPlace = false): Tensor {
  requireTensor('put', 'the input', x);
  const { index, source, accumulate = false } = readCall<PutCall>({ ...PUT, op: inPlace ? 'put_' : 'put' }, args);
  if (index.layout.numel !== source.layout.numel)
    throw new ShapeError(
      `put: expected as many elements as indices, ${index.layout.numel}, but got shape ${showShape(source.layout.shape)}`,
    );
  if (source.dtype !== x.dtype)
    throw new DTypeError(`put: expected a source of dtype ${x.dtype}, but got ${source.dtype}; convert it with .to('${x.dtype}')`);
  const target = inPlace ? x : x.clone();
  const dense = target.layout.contiguous ? target : target.clone(); // a flat view of it writes to it
  dense.reshape([-1]).setAt([index.reshape([-1])], source.reshape([-1]), { accumulate });
  return dense === target ? target : target.copy_(dense);
}

interface IndexPutCall {
  indices: readonly Tensor[];
  values: Tensor | number;
  accumulate?: boolean;
}
const INDEX_PUT = signature<IndexPutCall>(
  'indexPut',
  { indices: arrayOf(TENSOR, 'tensors'), values: TENSOR_OR_NUMBER, accumulate: BOOL },
  { required: 2 },
);

/** `values` at tensors of indices, which are broadcast together and pick element by element. */
export function indexPut(x: Tensor, args: readonly unknown[], inPlace = false): Tensor {
  requireTensor('indexPut', 'the input', x);
  const { indices, values, accumulate = false } = readCall<IndexPutCall>(INDEX_PUT, args);
  requireKind('indexPut', 'the indices', indices, ARRAY);
  return (inPlace ? x : x.clone()).setAt(indices, values, { accumulate });
}

/** The elements where a mask, which broadcasts with the input, is true: a vector. */
export function maskedSelect(x: Tensor, mask: Tensor): Tensor {
  ofX('maskedSelect', x, mask);
  if (mask.dtype !== 'bool' && mask.dtype !== 'uint8')
    throw new DTypeError(`maskedSelect: expected a mask of dtype bool, but got ${mask.dtype}; compare first`);
  const [a, m] = broadcastTensors(x, mask);
  return a!.reshape([-1]).indexSelect(0, trueIndices(m!));
}

/** The elements of `source`, one after the other, where a mask is true. */
export function maskedScatter(x: Tensor, mask: Tensor, source: Tensor): Tensor {
  ofX('maskedScatter', x, mask);
  requireTensor('maskedScatter', 'the source', source);
  if (mask.dtype !== 'bool') throw new DTypeError(`maskedScatter: expected a mask of dtype bool, but got ${mask.dtype}; compare first`);
  if (source.dtype !== x.dtype)
    throw new DTypeError(
      `maskedScatter: expected a source of dtype ${x.dtype}, but got ${source.dtype}; convert it with .to('${x.dtype}')`,
    );
  const [a, m] = broadcastTensors(x, mask);
  if (numelOf(a!.layout.shape) === 0) return a!.clone();
  const order = apply1(reductions.cumsum, [m!.reshape([-1]).to('int64')], scanParams(0))
    .sub(1)
    .clampMin(0);
  const flat = source.reshape([-1]);
  if (flat.layout.numel === 0 || trueIndices(m!).layout.numel > flat.layout.numel)
    throw new ArgumentError(`maskedScatter: expected at least as many elements as the mask is true, but got ${flat.layout.numel}`);
  const values = flat.indexSelect(0, order.clampMax(flat.layout.numel - 1)).reshape(a!.layout.shape);
  return where(m!, values, a!);
}
