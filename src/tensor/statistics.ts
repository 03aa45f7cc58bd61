/** Statistics composed of reductions: means with deviations, what is no NaN, counts, differences (https://pytorch.org/docs/stable/torch.html#reduction-ops). */
import { BOOL, NUMBER, orNull, requireKind, SIZE, WHOLE } from '../base/arguments.ts';
import type { DType } from '../base/dtype.ts';
import { ArgumentError, DTypeError, ShapeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { existingDim, showShape } from '../base/shape.ts';
import { reduceParams, varianceParams, type DimsArg } from '../geometry/reduce.ts';
import { asFloats, DIM_OR_DIMS, DTYPE, requireTensor, TENSOR } from './arguments.ts';
import type { Call } from './calls.ts';
import { apply1 } from './dispatch.ts';
import { reductions } from './families/reductions.ts';
import { cat } from './functions.ts';
import { pNorm } from './linalg.ts';
import { varianceCall, type VarianceOptions } from './tensor-math.ts';
import type { Tensor } from './tensor.ts';
import './families/rearrange.ts';

const keep = (keepdim: boolean): { keepdim: boolean } => ({ keepdim });

/** The variance and the mean; arguments as {@link Tensor.var}. */
export function varMean(x: Tensor, ...args: VarianceArguments): [Tensor, Tensor];
export function varMean(x: Tensor, ...args: readonly unknown[]): [Tensor, Tensor] {
  requireTensor('varMean', 'the input', x);
  const { dim, keepdim, correction } = varianceCall('varMean', args);
  return [apply1(reductions.var, [x], varianceParams(dim, keepdim, correction)), x.mean(dim as number, keep(keepdim))];
}

/** The standard deviation and the mean; arguments as {@link Tensor.std}. */
export function stdMean(x: Tensor, ...args: VarianceArguments): [Tensor, Tensor];
export function stdMean(x: Tensor, ...args: readonly unknown[]): [Tensor, Tensor] {
  requireTensor('stdMean', 'the input', x);
  const { dim, keepdim, correction } = varianceCall('stdMean', args);
  return [apply1(reductions.std, [x], varianceParams(dim, keepdim, correction)), x.mean(dim as number, keep(keepdim))];
}
type VarianceArguments =
  | [dim?: DimsArg | null, options?: VarianceOptions | boolean, keepdim?: boolean]
  | [options: boolean | (VarianceOptions & { readonly dim?: DimsArg })];

interface SumCall {
  dim?: DimsArg | null;
  keepdim?: boolean;
  dtype?: DType;
}
export type SumArguments = Call<[dim?: DimsArg | null, keepdim?: boolean], SumCall>;
const SUM = { dim: orNull(DIM_OR_DIMS), keepdim: BOOL, dtype: DTYPE };
const NANSUM = signature<SumCall>('nansum', SUM, { positional: 2 });
const NANMEAN = signature<SumCall>('nanmean', SUM, { positional: 2 });

/** The sum of what is no NaN. */
export function nansum(x: Tensor, ...args: SumArguments): Tensor;
export function nansum(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('nansum', 'the input', x);
  const { dim, keepdim = false, dtype } = readCall<SumCall>(NANSUM, args);
  const along = dim ?? undefined;
  if (!x.isFloatingPoint()) return x.sum(along as number, { keepdim, ...(dtype === undefined ? {} : { dtype }) });
  const from = dtype === undefined ? x : x.to(dtype);
  return apply1(reductions.nansum, [from], reduceParams(along, keepdim));
}

/** The mean of what is no NaN. */
export function nanmean(x: Tensor, ...args: SumArguments): Tensor;
export function nanmean(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('nanmean', 'the input', x);
  const { dim, keepdim = false, dtype } = readCall<SumCall>(NANMEAN, args);
  const from = dtype === undefined ? x : x.to(dtype);
  if (!from.isFloatingPoint())
    throw new DTypeError(`nanmean: expected a floating-point tensor, but got ${from.dtype}; pass { dtype: 'float32' }`);
  const along = (dim ?? undefined) as number;
  const count = from.detach().isnan().logicalNot().sum(along, keep(keepdim));
  return apply1(reductions.nansum, [from], reduceParams(along, keepdim)).div(count);
}

interface CountCall {
  dim?: DimsArg | null;
}
const COUNT_NONZERO = signature<CountCall>('countNonzero', { dim: orNull(DIM_OR_DIMS) });

/** How many elements are not 0. */
export function countNonzero(x: Tensor, ...args: Call<[dim?: DimsArg | null], CountCall>): Tensor;
export function countNonzero(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('countNonzero', 'the input', x);
  const { dim } = readCall<CountCall>(COUNT_NONZERO, args);
  return (x.dtype === 'bool' ? x : x.ne(0)).sum((dim ?? undefined) as number);
}

interface AminmaxCall {
  dim?: number | null;
  keepdim?: boolean;
}
const AMINMAX = signature<AminmaxCall>('aminmax', { dim: orNull(WHOLE), keepdim: BOOL }, { positional: 0 });

/** The smallest and the largest element, along a dimension where `dim` is given. */
export function aminmax(x: Tensor, options?: AminmaxCall): { readonly min: Tensor; readonly max: Tensor } {
  requireTensor('aminmax', 'the input', x);
  const { dim, keepdim = false } = readCall<AminmaxCall>(AMINMAX, [options]);
  const along = (dim ?? undefined) as number;
  return { min: x.amin(along, keep(keepdim)), max: x.amax(along, keep(keepdim)) };
}

interface DiffCall {
  n?: number;
  dim?: number;
  prepend?: Tensor;
  append?: Tensor;
}
export type DiffArguments = Call<[n?: number, dim?: number, prepend?: Tensor, append?: Tensor], DiffCall>;
const DIFF = signature<DiffCall>('diff', { n: SIZE, dim: WHOLE, prepend: TENSOR, append: TENSOR });

/** Differences of neighbours along a dimension, taken `n` times. */
export function diff(x: Tensor, ...args: DiffArguments): Tensor;
export function diff(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('diff', 'the input', x);
  const { n = 1, dim = -1, prepend, append } = readCall<DiffCall>(DIFF, args);
  if (x.ndim === 0) throw new ShapeError('diff: expected a tensor with dimensions, but got a scalar');
  const axis = existingDim('diff', dim, x.ndim);
  if (n === 0) return x.clone();
  const beside = [prepend, x, append]
    .filter((part) => part !== undefined)
    .map((part) => (part.ndim === 0 ? part.expand(x.layout.shape.map((size, i) => (i === axis ? 1 : size))) : part));
  let line = beside.length === 1 ? x : cat(beside, axis);
  for (let i = 0; i < n; i++) {
    const size = line.layout.shape[axis]!;
    if (size === 0) return line;
    const [after, before] = [line.narrow(axis, 1, size - 1), line.narrow(axis, 0, size - 1)];
    line = line.dtype === 'bool' ? after.logicalXor(before) : after.sub(before);
  }
  return line;
}

interface CovCall {
  correction?: number;
  fweights?: Tensor;
  aweights?: Tensor;
}

/** Covariances of the rows of a matrix, whose columns are observations. */
export function cov(x: Tensor, options: { readonly correction?: number } = {}): Tensor {
  requireTensor('cov', 'the input', x);
  const { correction = 1 } = readCall<CovCall>(COV, [options]);
  if (x.ndim > 2) throw new ShapeError(`cov: expected at most 2 dimensions, but got shape ${showShape(x.layout.shape)}`);
  if (x.dtype === 'bool') throw new DTypeError("cov: is not defined for bool tensors; convert it with .to('float32')");
  const rows = x.ndim < 2 ? x.reshape([1, -1]) : x;
  const from = asFloats(rows);
  const centred = from.sub(from.mean(1, true));
  const product = centred.matmul(centred.t()).div(Math.max(from.layout.shape[1]! - correction, 0));
  return product.squeeze();
}
const COV = signature<CovCall>('cov', { correction: WHOLE, fweights: TENSOR, aweights: TENSOR }, { positional: 0 });

/** Correlations of the rows of a matrix. */
export function corrcoef(x: Tensor): Tensor {
  requireTensor('corrcoef', 'the input', x);
  const c = cov(x);
  if (c.ndim === 0) return c.div(c);
  const deviation = c.diagonal().sqrt();
  return c.div(deviation.unsqueeze(1)).div(deviation.unsqueeze(0)).clampMin(-1).clampMax(1);
}

interface RenormCall {
  p: number;
  dim: number;
  maxnorm: number;
}
const RENORM = signature<RenormCall>('renorm', { p: NUMBER, dim: WHOLE, maxnorm: NUMBER }, { required: 3 });

/** Slices along `dim` whose p-norm is above `maxnorm` scaled down to it. */
export function renorm(x: Tensor, ...args: Call<[p: number, dim: number, maxnorm: number], RenormCall>): Tensor;
export function renorm(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('renorm', 'the input', x);
  const { p, dim, maxnorm } = readCall<RenormCall>(RENORM, args);
  if (!(p > 0) || !(maxnorm >= 0))
    throw new ArgumentError(`renorm: expected p above 0 and maxnorm of at least 0, but got ${p} and ${maxnorm}`);
  const axis = existingDim('renorm', dim, x.ndim);
  const others = x.layout.shape.map((_, i) => i).filter((i) => i !== axis);
  requireKind('renorm', 'the dimensions', others, DIM_OR_DIMS);
  const norms = pNorm(x, p, others, true);
  const factor = norms.add(1e-7).reciprocal().mul(maxnorm);
  const scale = norms.gt(maxnorm).to(x.dtype);
  return x.mul(factor.mul(scale).add(scale.rsub(1)));
}
