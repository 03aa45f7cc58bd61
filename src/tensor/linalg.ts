/** Norms (https://pytorch.org/docs/stable/linalg.html), composed of elementwise operations and reductions. */
import { BOOL, either, kind, NUMBER, oneOf, orNull } from '../base/arguments.ts';
import { isHalf, type DType } from '../base/dtype.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { existingDim, showShape } from '../base/shape.ts';
import { normParams, reducedDims, type DimsArg } from '../geometry/reduce.ts';
import { DIM_OR_DIMS, DTYPE, requireFloatTensor, requireTensor } from './arguments.ts';
import { flat, type Call } from './calls.ts';
import { apply1 } from './dispatch.ts';
import { reductions } from './families/reductions.ts';
import { family } from './family.ts';
import type { Tensor } from './tensor.ts';

interface VectorNormCall {
  ord?: number;
  dim?: DimsArg | null;
  keepdim?: boolean;
  dtype?: DType;
}
const COMMON = { dim: orNull(DIM_OR_DIMS), keepdim: BOOL, dtype: DTYPE };
const VECTOR = signature<VectorNormCall>('linalg.vectorNorm', { ord: NUMBER, ...COMMON }, { positional: 3 });

/** Converted, and floating in any case. */
function prepared(op: string, x: Tensor, dtype: DType | undefined): Tensor {
  requireTensor(op, 'the input', x);
  const from = dtype === undefined ? x : x.to(dtype);
  requireFloatTensor(op, from);
  return from;
}

/**
 * The p-norm of all elements as one vector, or along dimensions; `ord` may be infinite. 0 counts what is not 0.
 * @see https://pytorch.org/docs/stable/generated/torch.linalg.vector_norm.html
 */
export function vectorNorm(x: Tensor, ...args: Call<[ord?: number, dim?: DimsArg | null, keepdim?: boolean], VectorNormCall>): Tensor;
export function vectorNorm(x: Tensor, ...args: readonly unknown[]): Tensor {
  const { ord = 2, dim, keepdim = false, dtype } = readCall<VectorNormCall>(VECTOR, args);
  return normOf(prepared('linalg.vectorNorm', x, dtype), ord, dim ?? undefined, keepdim);
}

function normOf(x: Tensor, p: number, dim: DimsArg | undefined, keepdim: boolean): Tensor {
  const dims = reducedDims(
    'norm',
    x.layout.shape,
    dim === undefined || (typeof dim !== 'number' && dim.length === 0) ? null : typeof dim === 'number' ? [dim] : dim,
  );
  const sum = (of: Tensor): Tensor => (x.ndim === 0 ? of : of.sum(dims, keepdim));
  if (p === Infinity) return x.abs().amax(dims, keepdim);
  if (p === -Infinity) return x.abs().amin(dims, keepdim);
  if (p === 0) return sum(x.requiresGrad ? x.ne(0).to(x.dtype).add(flat(x)) : x.ne(0).to(x.dtype));
  if (p === 1 || p === 2) return apply1(reductions.norm, [x], normParams(p, dims, keepdim));
  if (isHalf(x.dtype)) return normOf(x.to('float32'), p, dim, keepdim).to(x.dtype); // powers overflow 16 bits
  if (p > 1) return root(sum(x.abs().pow(p)), p);
  const zero = x.eq(0); // where |x|ᵖ has no slope, none flows
  const magnitudes = x.abs().maskedFill(zero, 1).pow(p);
  return p < 0 ? sum(magnitudes.maskedFill(zero, Infinity)).pow(1 / p) : root(sum(magnitudes.maskedFill(zero, 0)), p);
}

/** The p-th root, through which nothing flows where it is 0. */
function root(sum: Tensor, p: number): Tensor {
  const zero = sum.eq(0);
  const positive = sum.maskedFill(zero, 1);
  return (p === 2 ? positive.sqrt() : positive.pow(1 / p)).maskedFill(zero, 0);
}

/** Numbers are 1, -1, 2, -2, infinity and -infinity. */
type MatrixOrder = 'fro' | 'nuc' | number;
interface MatrixNormCall {
  ord?: MatrixOrder;
  dim?: readonly [number, number];
  keepdim?: boolean;
  dtype?: DType;
}
const ORDER = either(NUMBER, oneOf('fro', 'nuc'));
const PAIR = kind('a pair of dimensions', (value) => Array.isArray(value) && value.length === 2 && value.every(Number.isInteger));
const MATRIX = signature<MatrixNormCall>('linalg.matrixNorm', { ord: ORDER, dim: PAIR, keepdim: BOOL, dtype: DTYPE }, { positional: 3 });

/**
 * A matrix norm: `'fro'`, or 1, -1, ∞, -∞, the extreme sums of columns or rows.
 * 2, -2 and `'nuc'` are of the singular values: the largest, the smallest, their sum.
 * @see https://pytorch.org/docs/stable/generated/torch.linalg.matrix_norm.html
 */
export function matrixNorm(
  x: Tensor,
  ...args: Call<[ord?: MatrixOrder, dim?: readonly [number, number], keepdim?: boolean], MatrixNormCall>
): Tensor;
export function matrixNorm(x: Tensor, ...args: readonly unknown[]): Tensor {
  const { ord = 'fro', dim = [-2, -1], keepdim = false, dtype } = readCall<MatrixNormCall>(MATRIX, args);
  return matrixNormOf(prepared('linalg.matrixNorm', x, dtype), ord, dim, keepdim);
}

function matrixNormOf(x: Tensor, ord: MatrixOrder, dim: readonly [number, number], keepdim: boolean): Tensor {
  if (x.ndim < 2)
    throw new ShapeError(
      `linalg.matrixNorm: expected at least 2 dimensions, but got shape ${showShape(x.layout.shape)}; use linalg.vectorNorm`,
    );
  const [a, b] = dim.map((d) => existingDim('linalg.matrixNorm', d, x.ndim)) as [number, number];
  if (a === b) throw new ArgumentError(`linalg.matrixNorm: expected two different dimensions, but got ${dim.join(' and ')}`);
  if (ord === 'fro') return normOf(x, 2, dim, keepdim);
  if (ord === 'nuc' || Math.abs(ord) === 2) return singularNorm(x, ord, a, b, keepdim);
  const columns = Math.abs(ord) === 1;
  if (!columns && Math.abs(ord) !== Infinity)
    throw new ArgumentError(`linalg.matrixNorm: there is no norm ${ord}; use 'fro', 'nuc', 1, -1, 2, -2, Infinity or -Infinity`);
  const sums = x.abs().sum(columns ? a : b, true);
  const over = columns ? b : a;
  const most = ord > 0 ? sums.amax(over, true) : sums.amin(over, true);
  return keepdim ? most : most.squeeze([a, b]);
}

/** The sum of the singular values, the largest or the smallest. */
function singularNorm(x: Tensor, ord: number | 'nuc', a: number, b: number, keepdim: boolean): Tensor {
  const others = x.layout.shape.map((_, i) => i).filter((i) => i !== a && i !== b);
  const values = family('matrices').svdvals(x.permute([...others, a, b]));
  const result = ord === 'nuc' ? values.sum(-1) : ord === 2 ? values.amax(-1) : values.amin(-1);
  if (!keepdim) return result;
  return [a, b].sort((p, q) => p - q).reduce<Tensor>((y, dim) => y.unsqueeze(dim), result);
}

type Order = number | 'fro' | 'nuc' | null;
interface NormCall {
  ord?: Order;
  dim?: DimsArg | null;
  keepdim?: boolean;
  dtype?: DType;
}
const NORM = signature<NormCall>('linalg.norm', { ord: orNull(ORDER), ...COMMON }, { positional: 3 });

/**
 * A vector norm along one dimension, a matrix norm along two; without `ord` the 2-norm of all elements that are named.
 * @see https://pytorch.org/docs/stable/generated/torch.linalg.norm.html
 */
export function norm(x: Tensor, ...args: Call<[ord?: Order, dim?: DimsArg | null, keepdim?: boolean], NormCall>): Tensor;
export function norm(x: Tensor, ...args: readonly unknown[]): Tensor {
  const { ord = null, dim, keepdim = false, dtype } = readCall<NormCall>(NORM, args);
  const from = prepared('linalg.norm', x, dtype);
  const dims = dim === undefined || dim === null ? undefined : typeof dim === 'number' ? [dim] : dim;
  if (ord === null) return normOf(from, 2, dims, keepdim);
  const over = dims ?? from.layout.shape.map((_, i) => i);
  if (over.length === 2) return matrixNormOf(from, ord, over as [number, number], keepdim);
  if (typeof ord === 'string') throw new ArgumentError(`linalg.norm: '${ord}' is a norm of matrices; give two dimensions`);
  if (over.length > 2)
    throw new ShapeError(`linalg.norm: expected one or two dimensions, but got shape ${showShape(from.layout.shape)}; name them with dim`);
  return normOf(from, ord, over, keepdim);
}

export interface PNormCall {
  p?: Order;
  dim?: DimsArg | null;
  keepdim?: boolean;
  dtype?: DType;
}
export type PNormArguments = Call<[p?: Order, dim?: DimsArg | null, keepdim?: boolean, dtype?: DType], PNormCall>;
const P_NORM = signature<PNormCall>('norm', { p: orNull(ORDER), ...COMMON });

/** The p-norm of `x.norm`, of all elements or along dimensions, as one vector. */
export function pNorm(x: Tensor, ...args: PNormArguments): Tensor;
export function pNorm(x: Tensor, ...args: readonly unknown[]): Tensor {
  const { p, dim, keepdim = false, dtype } = readCall<PNormCall>(P_NORM, args);
  if (p === 'nuc') {
    const over = dim === undefined || dim === null ? x.layout.shape.map((_, i) => i) : typeof dim === 'number' ? [dim] : dim;
    if (over.length !== 2)
      throw new ShapeError(`norm: expected two dimensions for the norm 'nuc', but got ${over.length}; name them with dim`);
    return matrixNormOf(prepared('norm', x, dtype), 'nuc', over as [number, number], keepdim);
  }
  return normOf(prepared('norm', x, dtype), typeof p === 'number' ? p : 2, dim ?? undefined, keepdim);
}
