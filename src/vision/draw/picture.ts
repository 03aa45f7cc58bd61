/** What functions that draw share: a tensor as pixels to draw on, and back in its own dtype. */
import { kind } from '../../base/arguments.ts';
import { isFloating, type DType } from '../../base/dtype.ts';
import { ArgumentError, DTypeError, ShapeError } from '../../base/errors.ts';
import { showShape } from '../../base/shape.ts';
import { fromTypedArray } from '../../tensor/create.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { toDtype } from '../functional/values.ts';
import type { Canvas } from './canvas.ts';

/**
 * @param channels - how many a picture may have
 * @throws ShapeError for another shape, DTypeError for other numbers than uint8 and floats
 */
export function requirePicture(op: string, image: Tensor, channels: readonly number[]): void {
  const shape = image.layout.shape;
  if (shape.length !== 3 || !channels.includes(shape[0]!)) {
    const batch = shape.length === 4 ? '; of a batch pass one picture, images.select(0, 0)' : '';
    throw new ShapeError(
      `${op}: expected one picture ${channels.map((count) => `[${count}, H, W]`).join(' or ')}, but got ${showShape(shape)}${batch}`,
    );
  }
  if (!isFloating(image.dtype) && image.dtype !== 'uint8')
    throw new DTypeError(`${op}: expected a picture of uint8, or of floats from 0 to 1, but got ${image.dtype}`);
}

/** A copy of a picture's pixels in bytes; grey becomes red, green and blue. */
export function canvasOf(image: Tensor): Canvas {
  const bytes = toDtype(image.detach(), 'uint8', { scale: true });
  const [, height, width] = bytes.shape as [number, number, number];
  const rows = bytes.expand(3, height, width).permute(1, 2, 0).contiguous().toTypedArray();
  return { width, height, data: Uint8Array.from(rows as Uint8Array) };
}

/** A canvas as a picture [3, H, W] of the dtype and on the device that the original has. */
export function pictureOf({ width, height, data }: Canvas, dtype: DType, like: Tensor): Tensor {
  const picture = (fromTypedArray(data, [height, width, 3]) as Tensor).permute(2, 0, 1).contiguous();
  return toDtype(picture, dtype, { scale: true }).to(like.device);
}

/** Of options: how wide a line or how large a point is. */
export const PIXELS = kind(
  'a whole number of pixels from 0 to 65535',
  (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) < 65536,
);
/** Lines are drawn pixel by pixel, those outside of the picture too. */
const FARTHEST = 2 ** 20;

/**
 * Rows of coordinates without what is behind their points.
 * @throws ArgumentError for what is no place in or near a picture
 */
export function placesOf(op: string, coordinates: Tensor): number[] {
  const given = [...(coordinates.detach().to('float64').contiguous().toTypedArray() as Float64Array)];
  const wrong = given.find((value) => !(Math.abs(value) < FARTHEST));
  if (wrong !== undefined)
    throw new ArgumentError(`${op}: expected coordinates in pixels, less than ${FARTHEST} from the corner, but got ${wrong}`);
  return given.map(Math.trunc);
}
