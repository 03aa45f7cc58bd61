/** Copies with a part replaced, and small compositions: combinations, trapezoids, Vandermonde's matrix. */
import { BOOL, FINITE, requireKind, SIZE, WHOLE } from '../base/arguments.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { existingDim, showShape, type Dims } from '../base/shape.ts';
import { requireDims, requireTensor, TENSOR } from './arguments.ts';
import type { Call } from './calls.ts';
import { empty, tensor, type TensorOptions } from './create.ts';
import { cat } from './functions.ts';
import { at, slice } from './indexing.ts';
import { pNorm } from './linalg.ts';
import { diag, diagonal } from './rearrange.ts';
import type { Tensor } from './tensor.ts';
import './families/picking.ts';
import './families/reductions.ts';

/** A copy of `x` in which the part that `part` takes of it is `src`. */
function replaced(op: string, x: Tensor, src: Tensor, part: (copy: Tensor) => Tensor): Tensor {
  requireTensor(op, 'the input', x);
  requireTensor(op, 'the source', src);
  const copy = x.clone();
  const view = part(copy);
  const [a, b] = [view.layout.shape, src.layout.shape];
  if (a.length !== b.length || a.some((n, i) => n !== b[i]))
    throw new ShapeError(`${op}: expected a source of shape ${showShape(a)}, but got ${showShape(b)}`);
  view.copy_(src);
  return copy;
}

interface SelectCall {
  dim: number;
  index: number;
}
const SELECT = signature<SelectCall>('selectScatter', { dim: WHOLE, index: WHOLE }, { required: 2 });
/** A copy in which the slice at `index` along `dim` is `src`. */
export function selectScatter(x: Tensor, src: Tensor, ...args: Call<[dim: number, index: number], SelectCall>): Tensor {
  const { dim, index } = readCall<SelectCall>(SELECT, args);
  return replaced('selectScatter', x, src, (copy) => copy.select(dim, index));
}

interface SliceCall {
  dim?: number;
  start?: number | null;
  end?: number | null;
  step?: number;
}
const SLICE = signature<SliceCall>('sliceScatter', { dim: WHOLE, start: WHOLE, end: WHOLE, step: WHOLE });
/** A copy in which the slices from `start` to before `end` along `dim`, `step` apart, are `src`. */
export function sliceScatter(
  x: Tensor,
  src: Tensor,
  ...args: Call<[dim?: number, start?: number, end?: number, step?: number], SliceCall>
): Tensor {
  const { dim = 0, start, end, step = 1 } = readCall<SliceCall>(SLICE, args);
  return replaced('sliceScatter', x, src, (copy) => {
    const axis = existingDim('sliceScatter', dim, copy.ndim);
    const [from, to] = [start ?? undefined, end ?? undefined];
    return at(copy, [...Array<':'>(axis).fill(':'), slice(from, to, step)]);
  });
}

interface DiagonalCall {
  offset?: number;
  dim1?: number;
  dim2?: number;
}
const DIAGONAL = signature<DiagonalCall>('diagonalScatter', { offset: WHOLE, dim1: WHOLE, dim2: WHOLE });
/** A copy in which a diagonal is `src`. */
export function diagonalScatter(
  x: Tensor,
  src: Tensor,
  ...args: Call<[offset?: number, dim1?: number, dim2?: number], DiagonalCall>
): Tensor {
  const { offset = 0, dim1 = 0, dim2 = 1 } = readCall<DiagonalCall>(DIAGONAL, args);
  return replaced('diagonalScatter', x, src, (copy) => diagonal(copy, offset, dim1, dim2));
}

/** A number on the diagonal, in place: of more dimensions, where all indices are equal. With `wrap`, of tall matrices again and again. */
export function fillDiagonal_<T extends Tensor>(x: T, value: number, wrap = false): T {
  requireKind('fillDiagonal_', 'the value', value, FINITE);
  requireKind('fillDiagonal_', 'wrap', wrap, BOOL);
  const { shape } = x.layout;
  if (shape.length < 2) throw new ShapeError(`fillDiagonal_: expected at least 2 dimensions, but got shape ${showShape(shape)}`);
  if (shape.length > 2 && shape.some((n) => n !== shape[0]))
    throw new ShapeError(`fillDiagonal_: expected equal sizes, but got shape ${showShape(shape)}`);
  const size = Math.min(...shape);
  const height = wrap && shape.length === 2 ? shape[0]! : size;
  const columns = shape.length === 2 ? shape[1]! : size;
  const rows: number[] = [];
  const places: number[] = [];
  for (let i = 0; i < height; i++) {
    const column = wrap ? i % (columns + 1) : i;
    if (column >= columns) continue;
    rows.push(i);
    places.push(column);
  }
  const [row, column] = [rows, places].map((list) => tensor(list, { dtype: 'int64', device: x.device }));
  return rows.length === 0
    ? x
    : x.setAt(
        shape.map((_, i) => (i === 0 ? row! : column!)),
        value,
      );
}

/** Part of a tensor along `dim`, as a copy. */
export function narrowCopy(x: Tensor, dim: number, start: number, length: number): Tensor {
  requireTensor('narrowCopy', 'the input', x);
  return x.narrow(dim, start, length).clone();
}

/** The matrix with the elements of a tensor on a diagonal. */
export function diagflat(x: Tensor, offset = 0): Tensor {
  requireTensor('diagflat', 'the input', x);
  return diag(x.reshape([-1]), offset);
}

/** The p-norm of the difference of two tensors. */
export function dist(x: Tensor, other: Tensor, p = 2): Tensor {
  for (const of of [x, other]) requireTensor('dist', 'every operand', of);
  return pNorm(x.sub(other), p);
}

/** Memory in the shape and the dtype of a tensor, with whatever it holds. */
export function emptyLike(x: Tensor, options: TensorOptions = {}): Tensor {
  requireTensor('emptyLike', 'the input', x);
  return empty([...x.layout.shape], { dtype: x.dtype, device: x.device, ...options });
}

interface CombinationsCall {
  r?: number;
  withReplacement?: boolean;
}
const COMBINATIONS = signature<CombinationsCall>('combinations', { r: SIZE, withReplacement: BOOL });
/** All choices of `r` elements of a vector, in their order, a row each. */
export function combinations(x: Tensor, ...args: Call<[r?: number, withReplacement?: boolean], CombinationsCall>): Tensor {
  requireTensor('combinations', 'the input', x);
  const { r = 2, withReplacement = false } = readCall<CombinationsCall>(COMBINATIONS, args);
  if (x.ndim !== 1) throw new ShapeError(`combinations: expected a vector, but got shape ${showShape(x.layout.shape)}`);
  const n = x.layout.numel;
  if (r === 0) return x.narrow(0, 0, 0);
  let rows: number[][] = [[]];
  for (let i = 0; i < r; i++) {
    rows = rows.flatMap((row) => {
      const first = row.length === 0 ? 0 : row.at(-1)! + (withReplacement ? 0 : 1);
      return Array.from({ length: Math.max(n - first, 0) }, (_, k) => [...row, first + k]);
    });
    if (rows.length * (i + 1) > 2 ** 24) throw new ArgumentError(`combinations: ${r} of ${n} elements are too many rows`);
  }
  const index = tensor(rows.flat(), { dtype: 'int64', device: x.device });
  return x.indexSelect(0, index).reshape([rows.length, r]);
}

interface TrapezoidCall {
  x?: Tensor;
  dx?: number;
  dim?: number;
}
const TRAPEZOID = signature<TrapezoidCall>('trapezoid', { x: TENSOR, dx: FINITE, dim: WHOLE }, { positional: 1 });
type TrapezoidArguments = [x?: Tensor | TrapezoidCall, options?: Omit<TrapezoidCall, 'x'>];

/** The areas below the lines between neighbours along a dimension. */
function areas(op: string, y: Tensor, args: readonly unknown[]): { parts: Tensor; dim: number } {
  requireTensor(op, 'the input', y);
  const { x, dx = 1, dim = -1 } = readCall<TrapezoidCall>({ ...TRAPEZOID, op }, args);
  const axis = existingDim(op, dim, y.ndim);
  const n = y.layout.shape[axis]!;
  if (n === 0) return { parts: y, dim: axis };
  const between = (of: Tensor, at: number): [Tensor, Tensor] => {
    const size = of.layout.shape[at]!;
    return [of.narrow(at, 0, Math.max(size - 1, 0)), of.narrow(at, 1, Math.max(size - 1, 0))];
  };
  const [a, b] = between(y, axis);
  const sums = a.add(b);
  if (x === undefined) return { parts: sums.mul(dx / 2), dim: axis };
  const beside = x.ndim === 1 ? x.reshape(y.layout.shape.map((_, i) => (i === axis ? -1 : 1))) : x;
  const [p, q] = between(beside, beside.ndim - (y.ndim - axis));
  return { parts: q.sub(p).mul(sums).div(2), dim: axis };
}

/** The integral along a dimension by the trapezoidal rule, between places `x` or ones `dx` apart. */
export function trapezoid(y: Tensor, ...args: TrapezoidArguments): Tensor {
  const { parts, dim } = areas('trapezoid', y, args);
  return parts.sum(dim);
}

/** The running integral along a dimension by the trapezoidal rule. */
export function cumulativeTrapezoid(y: Tensor, ...args: TrapezoidArguments): Tensor {
  const { parts, dim } = areas('cumulativeTrapezoid', y, args);
  return parts.cumsum(dim);
}

interface VanderCall {
  N?: number | null;
  increasing?: boolean;
}
const VANDER = signature<VanderCall>('vander', { N: SIZE, increasing: BOOL });
/** Vandermonde's matrix of a vector: its powers, a column each, falling unless `increasing`. */
export function vander(x: Tensor, ...args: Call<[N?: number, increasing?: boolean], VanderCall>): Tensor {
  requireTensor('vander', 'the input', x);
  const { N, increasing = false } = readCall<VanderCall>(VANDER, args);
  if (x.ndim !== 1) throw new ShapeError(`vander: expected a vector, but got shape ${showShape(x.layout.shape)}`);
  const n = x.layout.numel;
  const count = N ?? n;
  const base = x.dtype === 'float64' || x.dtype === 'float32' ? x : x.to(x.isFloatingPoint() ? x.dtype : 'int64');
  const columns: Tensor[] = [];
  for (let i = 0; i < count; i++)
    columns.push(i === 0 ? base.detach().mul(0).add(1).maskedFill(base.isnan().logicalOr(base.isinf()), 1) : columns[i - 1]!.mul(base));
  if (count === 0) return base.reshape([n, 1]).narrow(1, 0, 0);
  return cat(
    (increasing ? columns : columns.reverse()).map((c) => c.reshape([n, 1])),
    1,
  );
}

/** What indices of the flattened tensor are along each dimension of a shape. */
export function unravelIndex(indices: Tensor, shape: Dims): Tensor[] {
  requireTensor('unravelIndex', 'the indices', indices);
  requireDims('unravelIndex', 'the shape', shape);
  if (indices.isFloatingPoint() || indices.dtype === 'bool')
    throw new ArgumentError(`unravelIndex: expected whole indices, but got ${indices.dtype}`);
  if (shape.some((n) => n < 0)) throw new ShapeError(`unravelIndex: expected sizes of at least 0, but got ${showShape(shape)}`);
  let rest = indices.to('int64');
  const parts: Tensor[] = [];
  for (const size of [...shape].reverse()) {
    parts.unshift(rest.remainder(Math.max(size, 1)));
    rest = rest.floorDivide(Math.max(size, 1));
  }
  return parts;
}
