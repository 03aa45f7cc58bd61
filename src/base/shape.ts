/** Shape arithmetic shared by every layer: sizes, strides, broadcasting, dimension indices. */
import { show, wrongArgument } from './arguments.ts';
import { IndexError, ShapeError } from './errors.ts';
import { CANNOT_BROADCAST, DIM_OUT_OF_RANGE, say } from './sentences.ts';

export type Dims = readonly number[];

/** Number of elements. */
export function numelOf(shape: Dims): number {
  let n = 1;
  for (const size of shape) n *= size;
  return n;
}

/** Row-major strides, in elements. */
export function contiguousStrides(shape: Dims): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= Math.max(shape[i]!, 1);
  }
  return strides;
}

/** Whether the elements lie densely in row-major order; sizes of 1 may have any stride, as in PyTorch. */
export function isContiguous(shape: Dims, strides: Dims): boolean {
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const size = shape[i]!;
    if (size === 0) return true;
    if (size !== 1 && strides[i] !== step) return false;
    step *= size;
  }
  return true;
}

export function sameDims(a: Dims, b: Dims): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** `[32, 3, 28, 28]`, as error messages write shapes. */
export const showShape = (shape: Dims): string => `[${Array.from(shape, show).join(', ')}]`;

/** `32×3×28×28`, as sentences about sizes write them. */
export const showSizes = (sizes: Dims): string => (sizes.length === 0 ? 'a scalar' : sizes.join('×'));

/**
 * Dimension `dim` of a tensor with `rank` dimensions, counted from the end when negative. An error speaks of a tensor of `shown`
 * dimensions: one less where a dimension is put in.
 * @throws IndexError outside [-rank, rank)
 */
export function normalizeDim(op: string, dim: number, rank: number, shown = rank): number {
  const limit = Math.max(rank, 1);
  if (typeof (dim as unknown) !== 'number') throw wrongArgument(op, 'the dimension', 'a whole number', dim);
  if (!Number.isInteger(dim) || dim < -limit || dim >= limit) {
    throw new IndexError(`${op}: ${say(DIM_OUT_OF_RANGE, dim, shown)}; use a whole number in [${-limit}, ${limit - 1}]`);
  }
  return dim < 0 ? dim + limit : dim;
}

/**
 * As {@link normalizeDim}, for operations that need the dimension to be there: a tensor without dimensions has none.
 * @throws IndexError outside [-rank, rank), and for rank 0
 */
export function existingDim(op: string, dim: number, rank: number): number {
  if (rank === 0)
    throw new IndexError(`${op}: expected a tensor with at least one dimension, but got a scalar; use item(), or reshape it to [1] first`);
  return normalizeDim(op, dim, rank);
}

/**
 * The shape that two shapes broadcast to (https://pytorch.org/docs/stable/notes/broadcasting.html).
 * @throws ShapeError when a dimension differs and neither side is 1
 */
export function broadcastShapes(op: string, a: Dims, b: Dims): number[] {
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let i = 1; i <= rank; i++) {
    const left = a[a.length - i] ?? 1;
    const right = b[b.length - i] ?? 1;
    if (left !== right && left !== 1 && right !== 1) {
      throw new ShapeError(`${op}: ${say(CANNOT_BROADCAST, showSizes(a), showSizes(b))}: ${left} and ${right} are neither equal nor 1`);
    }
    out[rank - i] = left === 1 ? right : left;
  }
  return out;
}

/** Strides that read a tensor of `shape`/`strides` as if it had the broadcast shape `to`: 0 along repeated dimensions. */
export function broadcastStrides(shape: Dims, strides: Dims, to: Dims): number[] {
  const shift = to.length - shape.length;
  return to.map((size, i) => (i < shift || (shape[i - shift] === 1 && size !== 1) ? 0 : strides[i - shift]!));
}
