/**
 * Views of any sizes and strides over a tensor's memory, and copies in which what such a view shows is replaced
 * (https://docs.pytorch.org/docs/stable/generated/torch.as_strided.html).
 */
import { orNull, SIZE } from '../base/arguments.ts';
import { itemSize } from '../base/dtype.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { layoutOf } from '../base/layout.ts';
import { readCall, signature } from '../base/signature.ts';
import { numelOf, sameDims, showShape, type Dims } from '../base/shape.ts';
import { DIMS, requireTensor, TENSOR } from './arguments.ts';
import { hostTensor } from './create.ts';
import { placesTensor } from './places.ts';
import type { Tensor } from './tensor.ts';
import { viewOf } from './views.ts';
import './families/picking.ts';
import './families/scatter.ts';

interface StridedCall {
  /** The view's sizes. */
  readonly size: Dims;
  /** How many elements of the memory lie between neighbours, for each dimension. */
  readonly stride: Dims;
  /** Where in the memory the view begins; where the tensor does, by default. */
  readonly storageOffset?: number | null;
}
type Offset = Pick<StridedCall, 'storageOffset'>;
export type StridedArguments =
  readonly [size: Dims, stride: Dims | Omit<StridedCall, 'size'>, storageOffset?: number | null | Offset] | readonly [call: StridedCall];
const STRIDED = signature<StridedCall>(
  'asStrided',
  { size: DIMS, stride: DIMS, storageOffset: orNull(SIZE) },
  { required: 2, example: 'x.asStrided([2, 2], [1, 2])' },
);

/** Where in the memory each element lies, in elements, in the order of rows. */
function placesOf(shape: Dims, strides: Dims, offset: number): number[] {
  let places = [offset];
  shape.forEach((n, i) => (places = places.flatMap((at) => Array.from({ length: n }, (_, k) => at + k * strides[i]!))));
  return places;
}

/** @throws ArgumentError, ShapeError for what does not lie in the tensor's memory */
function checked(op: string, x: Tensor, { size, stride, storageOffset }: StridedCall): number {
  if (size.length !== stride.length)
    throw new ShapeError(`${op}: expected a stride for each of the ${size.length} sizes, but got ${showShape(stride)}`);
  for (const [name, list] of Object.entries({ size, stride }))
    if (list.some((n) => n < 0)) throw new ArgumentError(`${op}: expected ${name} of whole numbers from 0 on, but got ${showShape(list)}`);
  const offset = storageOffset ?? x.offset;
  const there = Math.floor(x.storage.bytes / itemSize(x.dtype));
  const last = size.reduce((sum, n, i) => sum + (n - 1) * stride[i]!, offset);
  if (numelOf(size) > 0 && last >= there)
    throw new ShapeError(
      `${op}: sizes ${showShape(size)} with strides ${showShape(stride)} from element ${offset} on reach beyond the ${there} elements of the memory`,
    );
  return offset;
}

/**
 * Elements of a tensor's memory in any sizes and strides, also overlapping: a view. Its gradient adds up what elements get through each of its places.
 * @throws ShapeError for what does not lie in the memory
 * @example
 * import { arange } from 'flambeau';
 * console.log(arange(5).asStrided([3, 3], [1, 1]).tolist()); // [ [ 0, 1, 2 ], [ 1, 2, 3 ], [ 2, 3, 4 ] ]
 */
export function asStrided(x: Tensor, ...args: StridedArguments): Tensor;
export function asStrided(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('asStrided', 'the input', x);
  const call = readCall(STRIDED, args);
  const { size, stride } = call;
  const offset = checked('asStrided', x, call);
  const { shape, strides } = x.layout;
  const from = x.offset;
  return viewOf('AsStridedBackward0', x, layoutOf(x.dtype, size, stride), offset, (grad) => {
    const [own, shown] = [placesOf(shape, strides, from), placesOf(size, stride, offset)];
    if (own.length === 0) return grad.newZeros(shape);
    return gradientOf(grad, own, shown).reshape(shape);
  });
}

/** For each place of the input the sum of the gradients of what is shown of it; where several of its elements are one, each has its share. */
function gradientOf(grad: Tensor, own: readonly number[], shown: readonly number[]): Tensor {
  const first = own.reduce((low, n) => Math.min(low, n), shown[0] ?? own[0]!);
  const start = shown.reduce((low, n) => Math.min(low, n), first);
  const end = [...own, ...shown].reduce((high, n) => Math.max(high, n), start);
  const { device } = grad.storage;
  const places = (list: readonly number[]): Tensor =>
    placesTensor(
      list.map((n) => n - start),
      [list.length],
      device,
    );
  const summed = grad.newZeros([end - start + 1]).indexAdd(0, places(shown), grad.reshape([-1]) as Tensor);
  const read: Tensor = summed.indexSelect(0, places(own));
  const uses = new Float64Array(end - start + 1);
  for (const at of own) uses[at - start]!++;
  if (uses.every((n) => n < 2)) return read;
  const shares = Float64Array.from(own, (at) => 1 / uses[at - start]!);
  return read.mul(hostTensor(shares, [own.length], 'float64', device).to(grad.dtype));
}

interface ScatterCall extends StridedCall {
  readonly src: Tensor;
}
const SCATTER = signature<ScatterCall>(
  'asStridedScatter',
  { src: TENSOR, size: DIMS, stride: DIMS, storageOffset: orNull(SIZE) },
  { required: 3, example: 'x.asStridedScatter(src, [2, 2], [1, 2])' },
);

/**
 * A copy in which what {@link asStrided} shows is `src`; places of the memory that are none of the tensor's are left out. Its gradient is that of its
 * result, which PyTorch 2.15's is not.
 * @throws ShapeError unless `src` has the sizes
 * @example
 * import { arange, zeros } from 'flambeau';
 * console.log(arange(6).reshape(2, 3).asStridedScatter(zeros(2), [2], [4]).tolist()); // [ [ 0, 1, 2 ], [ 3, 0, 5 ] ]
 */
export function asStridedScatter(x: Tensor, src: Tensor, ...args: StridedArguments): Tensor;
export function asStridedScatter(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('asStridedScatter', 'the input', x);
  const { src, ...call } = readCall(SCATTER, args);
  const offset = checked('asStridedScatter', x, call);
  if (!sameDims(src.layout.shape, call.size))
    throw new ShapeError(`asStridedScatter: expected a source of shape ${showShape(call.size)}, but got ${showShape(src.layout.shape)}`);
  const { shape, strides } = x.layout;
  const index = new Map(placesOf(shape, strides, x.offset).map((at, i) => [at, i]));
  const shown = placesOf(call.size, call.stride, offset).map((at) => index.get(at) ?? -1);
  if (new Set(shown).size < shown.length && !shown.includes(-1))
    throw new ArgumentError('asStridedScatter: the sizes and strides show an element more than once, so there is no one value for it');
  const kept = shown.flatMap((at, i) => (at < 0 ? [] : [i]));
  if (kept.length === 0) return x.clone();
  const { device } = x.storage;
  const values = (src.to(x.dtype).reshape([-1]) as Tensor).indexSelect(0, placesTensor(kept, [kept.length], device));
  const targets = placesTensor(
    kept.map((i) => shown[i]!),
    [kept.length],
    device,
  );
  return (x.reshape([-1]) as Tensor).scatter(0, targets, values).reshape(shape);
}
