/**
 * Views: other shapes and strides over the same storage. They cost no kernel; their gradients are written with tensor
 * operations.
 */
import { WHOLE } from '../base/arguments.ts';
import { ArgumentError, IndexError, ShapeError } from '../base/errors.ts';
import { layoutOf, type Layout } from '../base/layout.ts';
import { CANNOT_EXPAND, CANNOT_VIEW, NOT_A_PERMUTATION, say, START_AFTER_END } from '../base/sentences.ts';
import { readCall, signature } from '../base/signature.ts';
import { contiguousStrides, existingDim, normalizeDim, numelOf, sameDims, showShape, showSizes, type Dims } from '../base/shape.ts';
import { GradNode } from './autograd.ts';
import { isGradEnabled } from './grad-mode.ts';
import { tensorOver } from './make-tensor.ts';
import { activeObserver } from './observer.ts';
import type { Tensor } from './tensor.ts';

/** The record of a view: its gradient is one function. */
class ViewNode extends GradNode {
  readonly label: string;
  readonly #undo: (grad: Tensor) => Tensor;

  constructor(name: string, source: Tensor, undo: (grad: Tensor) => Tensor) {
    super([source.gradEdge()]);
    this.label = name;
    this.#undo = undo;
  }

  run(grads: readonly (Tensor | undefined)[]): readonly (Tensor | undefined)[] {
    return [this.#undo(grads[0]!)];
  }

  release(): void {
    // Views save nothing.
  }
}

/** A view with its gradient, recorded where that is wanted. */
export function viewOf(name: string, x: Tensor, layout: Layout, offset: number, undo: (grad: Tensor) => Tensor): Tensor {
  const view = tensorOver(x.storage, layout, offset);
  view.setViewOf(x);
  activeObserver()?.viewed?.(x, view);
  if (isGradEnabled() && x.requiresGrad) view.setHistory(new ViewNode(name, x, undo), 0);
  return view;
}

/** Replaces a single -1 by what the number of elements leaves over. */
export function inferShape(op: string, from: Dims, shape: Dims): number[] {
  const numel = numelOf(from);
  let unknown = -1;
  let known = 1;
  for (let i = 0; i < shape.length; i++) {
    const size = shape[i]!;
    if (size === -1 && unknown === -1) unknown = i;
    else if (Number.isInteger(size) && size >= 0) known *= size;
    else throw new ShapeError(`${op}: shape ${showShape(shape)} is not valid: sizes are whole numbers ≥ 0, at most one of them -1`);
  }
  if (unknown === -1 ? known !== numel : known === 0 || numel % known !== 0) {
    throw new ShapeError(`${op}: ${say(CANNOT_VIEW, showSizes(from), numel, showSizes(shape))}`);
  }
  const inferred = [...shape];
  if (unknown !== -1) inferred[unknown] = numel / known;
  return inferred;
}

/** Strides that show `layout` under another shape without copying, if there are any. */
function viewStrides(layout: Layout, shape: Dims): number[] | undefined {
  if (layout.contiguous || layout.numel === 0) return contiguousStrides(shape);
  // Runs of old dimensions that lie densely against each other may be divided anew (as in ATen's computeStride).
  const strides = new Array<number>(shape.length).fill(1);
  let target = shape.length - 1;
  let chunkEnd = layout.shape.length - 1;
  let size = 1;
  for (let i = layout.shape.length - 1; i >= 0; i--) {
    size *= layout.shape[i]!;
    const dense = i > 0 && (layout.shape[i - 1] === 1 || layout.strides[i - 1] === size * layout.strides[chunkEnd]!);
    if (dense) continue;
    let covered = 1;
    while (target >= 0 && (covered < size || shape[target] === 1)) {
      strides[target] = covered * layout.strides[chunkEnd]!;
      covered *= shape[target]!;
      target--;
    }
    if (covered !== size) return undefined;
    size = 1;
    chunkEnd = i - 1;
  }
  return target === -1 ? strides : undefined;
}

/** The same elements under another shape, or undefined where that takes a copy. */
export function tryView(x: Tensor, shape: Dims, name = 'ViewBackward0'): Tensor | undefined {
  const strides = viewStrides(x.layout, shape);
  if (strides === undefined) return undefined;
  const from = x.layout.shape;
  const result = viewOf(name, x, layoutOf(x.dtype, shape, strides), x.offset, (grad) => grad.reshape(from));
  if (shape.length < from.length) result.flattenedFrom = from;
  else if (sameDims(shape, from)) result.flattenedFrom = x.flattenedFrom;
  return result;
}

export function view(x: Tensor, sizes: Dims): Tensor {
  const shape = inferShape('view', x.layout.shape, sizes);
  const result = tryView(x, shape);
  if (result !== undefined) return result;
  throw new ShapeError(
    `view: a tensor of shape ${showShape(x.layout.shape)} with strides ${showShape(x.layout.strides)} cannot be seen as ${showShape(shape)} ` +
      'without copying; use reshape() or contiguous() first',
  );
}

export function permute(x: Tensor, dims: Dims, name = 'PermuteBackward0'): Tensor {
  const order = dims.map((dim) => normalizeDim('permute', dim, x.ndim));
  if (order.length !== x.ndim || new Set(order).size !== order.length) {
    throw new ShapeError(say(NOT_A_PERMUTATION, dims.join(', '), x.ndim));
  }
  const inverse = order.map((_, i) => order.indexOf(i));
  const layout = layoutOf(
    x.dtype,
    order.map((i) => x.layout.shape[i]!),
    order.map((i) => x.layout.strides[i]!),
  );
  return viewOf(name, x, layout, x.offset, (grad) => grad.permute(inverse));
}

export function transpose(x: Tensor, dim0: number, dim1: number, name = 'TransposeBackward0'): Tensor {
  const [a, b] = [normalizeDim('transpose', dim0, x.ndim), normalizeDim('transpose', dim1, x.ndim)];
  if (x.ndim === 0) return x;
  const order = x.layout.shape.map((_, i) => (i === a ? b : i === b ? a : i));
  return permute(x, order, name);
}

/** Repeats dimensions of size 1 (stride 0); -1 keeps a size. */
export function expand(x: Tensor, sizes: Dims): Tensor {
  const from = x.layout.shape;
  const shift = sizes.length - from.length;
  const shape = sizes.map((size, i) => (size === -1 && i >= shift ? from[i - shift]! : size));
  const fits =
    shift >= 0 &&
    shape.every((size, i) => Number.isInteger(size) && size >= 0 && (i < shift || from[i - shift] === size || from[i - shift] === 1));
  if (!fits) {
    throw new ShapeError(
      `expand: ${say(CANNOT_EXPAND, showSizes(from), showSizes(sizes))}: only sizes of 1 can grow, and only new leading dimensions can be added`,
    );
  }
  const strides = shape.map((size, i) => (i < shift || (from[i - shift] === 1 && size !== 1) ? 0 : x.layout.strides[i - shift]!));
  return viewOf('ExpandBackward0', x, layoutOf(x.dtype, shape, strides), x.offset, (grad) => grad.sumTo(from));
}

/** `length` elements along `dim`, from `from` (negative: counted from the end), every `step`-th. */
export function narrow(x: Tensor, dim: number, from: number, length: number, step = 1, name = 'SliceBackward0'): Tensor {
  const axis = existingDim('narrow', dim, x.ndim);
  const size = x.layout.shape[axis]!;
  const start = from < 0 ? from + size : from;
  const last = start + (length - 1) * step;
  if (!Number.isInteger(start) || !Number.isInteger(length) || length < 0 || start < 0 || start > size || (length > 0 && last >= size)) {
    throw new IndexError(
      `narrow: start ${from} and length ${length} are out of range for dimension ${axis} of size ${size}; the part must lie inside it`,
    );
  }
  const shape = x.layout.shape.map((n, i) => (i === axis ? length : n));
  const strides = x.layout.strides.map((s, i) => (i === axis ? s * step : s));
  const whole = x.layout.shape;
  const undo = (grad: Tensor): Tensor => {
    const result = grad.newZeros(whole);
    narrow(result, axis, start, length, step).copy_(grad);
    return result;
  };
  return viewOf(name, x, layoutOf(x.dtype, shape, strides), x.offset + start * x.layout.strides[axis]!, undo);
}

/** The slice at `index` along `dim`, which is dropped. */
export function select(x: Tensor, dim: number, index: number): Tensor {
  const axis = existingDim('select', dim, x.ndim);
  const size = x.layout.shape[axis]!;
  if (!Number.isInteger(index) || index < -size || index >= size) {
    throw new IndexError(
      `index ${index} is out of range for dimension ${axis} of size ${size}: expected a whole number in [${-size}, ${size - 1}]`,
    );
  }
  const at = index < 0 ? index + size : index;
  const from = x.layout.shape;
  const undo = (grad: Tensor): Tensor => {
    const result = grad.newZeros(from);
    select(result, axis, at).copy_(grad);
    return result;
  };
  const layout = layoutOf(x.dtype, from.toSpliced(axis, 1), x.layout.strides.toSpliced(axis, 1));
  return viewOf('SelectBackward0', x, layout, x.offset + at * x.layout.strides[axis]!, undo);
}

export function unsqueeze(x: Tensor, dim: number): Tensor {
  const axis = normalizeDim('unsqueeze', dim, x.ndim + 1, x.ndim);
  const { shape, strides } = x.layout;
  const layout = layoutOf(
    x.dtype,
    shape.toSpliced(axis, 0, 1),
    strides.toSpliced(axis, 0, axis < shape.length ? shape[axis]! * strides[axis]! : 1),
  );
  return viewOf('UnsqueezeBackward0', x, layout, x.offset, (grad) => grad.reshape(shape));
}

/** Drops dimensions of size 1: all of them, or those named. */
export function squeeze(x: Tensor, dims?: Dims): Tensor {
  const { shape, strides } = x.layout;
  const named = dims?.map((dim) => normalizeDim('squeeze', dim, x.ndim));
  if (named !== undefined && new Set(named).size < named.length) {
    throw new ShapeError(`squeeze: dimensions [${dims!.join(', ')}] name one of ${showShape(shape)} twice; name each once`);
  }
  const keep = shape.map((size, i) => size !== 1 || (named !== undefined && !named.includes(i)));
  const layout = layoutOf(
    x.dtype,
    shape.filter((_, i) => keep[i]),
    strides.filter((_, i) => keep[i]),
  );
  const name = dims === undefined ? 'SqueezeBackward0' : 'SqueezeBackward1';
  return viewOf(name, x, layout, x.offset, (grad) => grad.reshape(shape));
}

/**
 * Pieces along `dim`: of one size, the last may be smaller, or of the sizes in a list, which must add up.
 * @throws ShapeError for sizes that do not fit
 */
export function split(x: Tensor, size: number | readonly number[], dim: number): Tensor[] {
  const axis = existingDim('split', dim, x.ndim);
  const total = x.layout.shape[axis]!;
  const sizes = typeof size === 'number' ? equalPieces(total, size) : size;
  const whole = sizes.every((n) => Number.isInteger(n) && n >= 0);
  if (!whole || sizes.reduce((sum, n) => sum + n, 0) !== total) {
    throw new ShapeError(`split: expected sizes that add up to ${total}, the size of dimension ${axis}, but got ${showShape(sizes)}`);
  }
  let start = 0;
  return sizes.map((length) => narrow(x, axis, (start += length) - length, length));
}

/** The sizes of pieces; there is always one, of a dimension without elements as well. */
function equalPieces(total: number, size: number): number[] {
  if (!Number.isInteger(size) || size < 0 || (size === 0 && total > 0)) {
    throw new ShapeError(`split: expected a size that is a whole number above 0, but got ${size} for a dimension of size ${total}`);
  }
  const pieces = Math.max(size === 0 ? 1 : Math.ceil(total / size), 1);
  return Array.from({ length: pieces }, (_, i) => Math.min(size, total - i * size));
}

/**
 * `chunks` pieces along `dim`, as equal as possible; fewer where the size does not suffice.
 * @throws ArgumentError unless `chunks` is a whole number above 0
 */
export function chunk(x: Tensor, chunks: number, dim: number): Tensor[] {
  const axis = existingDim('chunk', dim, x.ndim);
  if (!Number.isInteger(chunks) || chunks < 1)
    throw new ArgumentError(`chunk: expected the number of pieces to be a whole number above 0, but got ${chunks}`);
  const total = x.layout.shape[axis]!;
  return split(x, total === 0 ? new Array<number>(chunks).fill(0) : Math.ceil(total / chunks), axis);
}

/** Any layout over the storage, `offset` elements after the tensor's first. For internal use: the bounds are the caller's. */
export function stridedAs(x: Tensor, layout: Layout, offset: number): Tensor {
  const view_ = tensorOver(x.storage, layout, x.offset + offset);
  view_.setViewOf(x, true);
  return view_;
}

/** The tensor without history, on the same storage. */
export function detach(x: Tensor): Tensor {
  return tensorOver(x.storage, x.layout, x.offset);
}

interface FlattenCall {
  startDim?: number;
  endDim?: number;
}
const FLATTEN = signature<FlattenCall>('flatten', { startDim: WHOLE, endDim: WHOLE });

/** The dimensions that a call of `flatten` names. */
export function flattenCall(args: readonly unknown[]): [start: number, end: number] {
  const { startDim = 0, endDim = -1 } = readCall<FlattenCall>(FLATTEN, args);
  return [startDim, endDim];
}

/** Dimensions `start` to `end` made one. */
export function flattenShape(op: string, shape: Dims, start: number, end: number): number[] {
  const [a, b] = [normalizeDim(op, start, shape.length), normalizeDim(op, end, shape.length)];
  if (a > b) throw new ShapeError(`${op}: ${START_AFTER_END}`);
  if (shape.length === 0) return [1];
  return [...shape.slice(0, a), numelOf(shape.slice(a, b + 1)), ...shape.slice(b + 1)];
}

/** Sums a gradient back to the shape that was broadcast. */
export function sumTo(grad: Tensor, shape: Dims): Tensor {
  if (shape.length === 0) return grad.ndim === 0 && grad.isFloatingPoint() ? grad : grad.sum(); // whole numbers add up as int64
  if (sameDims(grad.layout.shape, shape)) return grad;
  const shift = grad.ndim - shape.length;
  const dims = grad.layout.shape.flatMap((size, i) => (i < shift || (shape[i - shift] === 1 && size !== 1) ? [i] : []));
  const summed = dims.length === 0 ? grad : grad.sum(dims, { keepdim: true });
  return summed.reshape(shape);
}
