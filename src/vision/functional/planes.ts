/**
 * Pixels as the kernels of this folder see them, whatever they came from: `outer` pictures of `height` × `width` places with `inner` values
 * each. Of an {@link Image} the channels are innermost, of a tensor they stand with the batch in front.
 */
import { show } from '../../base/arguments.ts';
import type { DType, TypedArray } from '../../base/dtype.ts';
import { ArgumentError, DeviceError, OutOfMemoryError, ShapeError } from '../../base/errors.ts';
import { showShape } from '../../base/shape.ts';
import { Image } from '../../io/image/image.ts';
import { fromTypedArray } from '../../tensor/create.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { BoundingBoxes, wrap } from '../tv-tensors.ts';

/** Elements as numbers: int64 come as float64. */
export type Numbers = Exclude<TypedArray, BigInt64Array>;

/** `outer` × `height` × `width` × `inner` values. */
export interface Planes<A extends Numbers = Numbers> {
  readonly data: A;
  readonly outer: number;
  readonly height: number;
  readonly width: number;
  readonly inner: number;
}

/** What has pixels or places in a picture. */
export type Visual = Image | Tensor;

/** A tensor's sizes. */
export const shapeOf = (x: Tensor): readonly number[] => x.shape as readonly number[];

/** An array of the same kind. */
export function sameKind<A extends Numbers>(data: A, length: number): A {
  if (length * data.BYTES_PER_ELEMENT >= MOST_BYTES)
    throw new OutOfMemoryError(`a picture of ${length} numbers is too large; it can have less than 2 GiB`);
  return new (data.constructor as new (length: number) => A)(length);
}
const MOST_BYTES = 2 ** 31;

/** Planes of another size, empty. */
export function emptyLike<A extends Numbers>({ data, outer, inner }: Planes<A>, height: number, width: number): Planes<A> {
  return { data: sameKind(data, outer * height * width * inner), outer, height, width, inner };
}

export const planesOfImage = ({ data, width, height, channels }: Image): Planes<Uint8Array> => ({
  data,
  outer: 1,
  height,
  width,
  inner: channels,
});

export const imageOfPlanes = ({ data, width, height, inner }: Planes): Image =>
  new Image(width, height, inner === 1 ? 1 : 3, data as Uint8Array);

/** A tensor's elements as numbers, copied. */
export function numbersOf(op: string, x: Tensor): Numbers {
  if (x.device !== 'cpu')
    throw new DeviceError(`${op}: transforms run on the CPU, but the tensor is on '${x.device}'; move it with x.cpu()`);
  const data = x.toTypedArray();
  return data instanceof BigInt64Array ? Float64Array.from(data, Number) : data;
}

/** A tensor of numbers, which are of the dtype's range. */
export function tensorOfNumbers(data: Numbers, shape: readonly number[], dtype: DType): Tensor {
  if (dtype !== 'int64') return fromTypedArray(data, shape, dtype) as Tensor;
  return fromTypedArray(BigInt64Array.from(data as Float64Array, BigInt), shape) as Tensor;
}

/**
 * The planes of a picture or mask [..., height, width].
 * @throws ShapeError with fewer dimensions
 */
export function planesOfTensor(op: string, x: Tensor): Planes {
  const shape = x.shape as readonly number[];
  if (shape.length < 2) throw new ShapeError(`${op}: expected a picture [..., channels, height, width], but got shape ${showShape(shape)}`);
  const [height, width] = [shape.at(-2)!, shape.at(-1)!];
  if (height === 0 || width === 0) throw new ShapeError(`${op}: expected a picture with pixels, but got shape ${showShape(shape)}`);
  return { data: numbersOf(op, x), outer: x.numel() / (height * width), height, width, inner: 1 };
}

/** A tensor of the same kind as another, with as many planes of perhaps another size. */
export function tensorOfPlanes<T extends Tensor>(planes: Planes, like: T): T {
  const shape = [...(like.shape as readonly number[]).slice(0, -2), planes.height, planes.width];
  return wrap(tensorOfNumbers(planes.data, shape, like.dtype), like);
}

/** Number of channels, and that of pictures: planes of one picture follow each other. */
export function channelsOf(op: string, x: Tensor): number {
  const shape = x.shape as readonly number[];
  if (shape.length < 3)
    throw new ShapeError(
      `${op}: expected a picture [..., channels, height, width], but got shape ${showShape(shape)}; unsqueeze(0) makes one channel`,
    );
  return shape.at(-3)!;
}

/**
 * Whether it is something that functions of pictures take.
 * @throws ArgumentError otherwise
 */
export function requireVisual(op: string, value: unknown): Visual {
  if (value instanceof Image || value instanceof Tensor) return value;
  throw new ArgumentError(`${op}: expected an Image or a tensor, but got ${show(value)}`);
}

/** What a function does with each kind; what is left out it does not take. */
export interface Ways {
  /** With Pillow's pixels; by default as `planes`. */
  readonly image?: (image: Image) => Image;
  /** With what is copied and not computed: the same for images and tensors, or with the tensor's own arithmetic. */
  readonly planes?: (planes: Planes, like: Visual) => Planes;
  readonly boxes?: (boxes: BoundingBoxes) => BoundingBoxes;
}

/** Does it with whatever it is: the result is of the same kind. */
export function byKind<T extends Visual>(op: string, input: T, { image, planes, boxes }: Ways): T {
  const visual = requireVisual(op, input);
  if (visual instanceof Image) {
    if (image !== undefined) return image(visual) as T;
    return imageOfPlanes(planes!(planesOfImage(visual), visual)) as T;
  }
  if (visual instanceof BoundingBoxes) {
    if (boxes === undefined) throw new ArgumentError(`${op}: does not take boxes, which have no pixels`);
    return boxes(visual) as unknown as T;
  }
  return tensorOfPlanes(planes!(planesOfTensor(op, visual), visual), visual) as T;
}
