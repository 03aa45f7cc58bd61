/** Views that step through memory in ways of their own: diagonals and overlapping windows. */
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { layoutOf } from '../base/layout.ts';
import { existingDim, normalizeDim, showShape } from '../base/shape.ts';
import type { Tensor } from './tensor.ts';
import { viewOf } from './views.ts';

/** The elements at [i, i + offset] of two dimensions, as a new last dimension: a view. */
export function diagonalView(x: Tensor, offset: number, dim1: number, dim2: number): Tensor {
  const { shape, strides } = x.layout;
  if (shape.length < 2)
    throw new ShapeError(
      `diagonal: expected at least 2 dimensions, but got shape ${showShape(shape)}; use diag() to put a vector on a diagonal`,
    );
  const [a, b] = [existingDim('diagonal', dim1, shape.length), existingDim('diagonal', dim2, shape.length)];
  if (a === b) throw new ArgumentError(`diagonal: expected two different dimensions, but got ${dim1} and ${dim2}`);
  const [rows, columns] = [shape[a]!, shape[b]!];
  const length = Math.max(offset >= 0 ? Math.min(rows, columns - offset) : Math.min(rows + offset, columns), 0);
  const rest = shape.map((_, i) => i).filter((i) => i !== a && i !== b);
  const layout = layoutOf(x.dtype, [...rest.map((i) => shape[i]!), length], [...rest.map((i) => strides[i]!), strides[a]! + strides[b]!]);
  const skip = length === 0 ? 0 : offset >= 0 ? offset * strides[b]! : -offset * strides[a]!;
  return viewOf('DiagonalBackward0', x, layout, x.offset + skip, (grad) => {
    const whole = grad.newZeros(shape);
    diagonalView(whole, offset, a, b).copy_(grad);
    return whole;
  });
}

/** Windows of `size` along a dimension, `step` apart, as a new last dimension: a view. */
export function unfoldView(x: Tensor, dim: number, size: number, step: number): Tensor {
  const { shape, strides } = x.layout;
  const axis = normalizeDim('unfold', dim, shape.length);
  const whole = shape[axis] ?? 1;
  if (size > whole) throw new ShapeError(`unfold: expected a size of at most ${whole}, the size of dimension ${axis}, but got ${size}`);
  const count = Math.floor((whole - size) / step) + 1;
  if (shape.length === 0) return viewOf('UnfoldBackward0', x, layoutOf(x.dtype, [size], [1]), x.offset, (grad) => grad.sum());
  const layout = layoutOf(
    x.dtype,
    [...shape.map((n, i) => (i === axis ? count : n)), size],
    [...strides.map((n, i) => (i === axis ? n * step : n)), strides[axis]!],
  );
  return viewOf('UnfoldBackward0', x, layout, x.offset, (grad) => {
    // place by place of the windows: within one, no two windows share an element
    const sum = grad.newZeros(shape);
    for (let i = 0; i < size; i++) {
      const place = unfoldView(sum, axis, size, step).select(-1, i);
      place.add_(grad.select(-1, i));
    }
    return sum;
  });
}
