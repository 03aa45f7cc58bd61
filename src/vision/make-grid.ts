/** Tensors as pictures: several in one, and as an image (torchvision: `utils.make_grid`, `utils.save_image`, `to_pil_image`). */
import { ANYTHING, arrayOf, BOOL, either, NUMBER, kind, SIZE, STEP } from '../base/arguments.ts';
import { ShapeError, DTypeError } from '../base/errors.ts';
import { isFloating } from '../base/dtype.ts';
import { showShape } from '../base/shape.ts';
import { readCall, signature } from '../base/signature.ts';
import type { Image } from '../io/image/image.ts';
import { cat, stack } from '../tensor/functions.ts';
import { full } from '../tensor/create.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import { isTensor } from '../tensor/is-tensor.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { imageOfPixels, modeOf, requireMode, type PixelMode } from './image-modes.ts';

export interface MakeGridOptions {
  /** Images in a row, default 8. */
  readonly nrow?: number;
  /** Pixels around each image, default 2. */
  readonly padding?: number;
  /** Stretch values to 0 … 1, default false. */
  readonly normalize?: boolean;
  /** The smallest and largest value for `normalize`, instead of those that there are. */
  readonly valueRange?: readonly [number, number];
  /** Stretch each image by itself, default false. */
  readonly scaleEach?: boolean;
  /** The value of pixels around images, default 0. */
  readonly padValue?: number;
}
interface All extends MakeGridOptions {
  readonly tensor: Tensor | readonly Tensor[];
}

const TENSOR = kind('a tensor', isTensor);
const TENSORS = either(TENSOR, arrayOf(TENSOR, 'tensors of one shape'));
const RANGE = kind('[smallest, largest]', (value) => Array.isArray(value) && value.length === 2 && value.every(NUMBER.accepts));
const MAKE_GRID = signature<All>(
  'makeGrid',
  { tensor: TENSORS, nrow: STEP, padding: SIZE, normalize: BOOL, valueRange: RANGE, scaleEach: BOOL, padValue: NUMBER },
  { required: 1, example: 'makeGrid(images, { nrow: 4 })' },
);

/**
 * One picture of several, side by side.
 *
 * @param tensor - [N, C, H, W], a list of [C, H, W] of one shape, or one image [C, H, W] or [H, W]; one channel becomes three
 * @returns [3, height, width] for one or three channels, else [C, height, width]
 * @throws {@link ShapeError} for another number of dimensions, or images of several shapes
 * @example
 * ```ts
 * import { rand } from 'flambeau';
 * import { makeGrid } from 'flambeau/vision';
 *
 * console.log(makeGrid(rand(6, 3, 10, 10), { nrow: 4 }).shape); // [ 3, 26, 50 ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.utils.make_grid.html
 */
export function makeGrid(
  tensor: Tensor | readonly Tensor[] | All,
  nrow?: number | MakeGridOptions,
  padding?: number | MakeGridOptions,
  normalize?: boolean | MakeGridOptions,
  valueRange?: readonly [number, number] | MakeGridOptions,
  scaleEach?: boolean | MakeGridOptions,
  padValue?: number | MakeGridOptions,
): Tensor;
export function makeGrid(...args: readonly unknown[]): Tensor {
  const options = readCall(MAKE_GRID, args);
  return withGradMode(false, () => grid(options));
}

function grid({ tensor, nrow = 8, padding = 2, normalize = false, valueRange, scaleEach = false, padValue = 0 }: All): Tensor {
  let images = batchOf(tensor);
  if (normalize) images = stretched(images, valueRange, scaleEach);
  const [count, channels, height, width] = images.shape as [number, number, number, number];
  if (count === 1) return images.squeeze(0);
  const columns = Math.min(nrow, count);
  const rows = Math.ceil(count / columns);
  const [cellHeight, cellWidth] = [height + padding, width + padding];
  const shape = [channels, cellHeight * rows + padding, cellWidth * columns + padding];
  const out = full(shape, padValue, { dtype: images.dtype, device: images.device });
  for (let i = 0; i < count; i++) {
    const [top, left] = [Math.floor(i / columns) * cellHeight + padding, (i % columns) * cellWidth + padding];
    out.narrow(1, top, height).narrow(2, left, width).copy_(images.select(0, i));
  }
  return out;
}

/** [N, 3, H, W]; what has another number of channels than one keeps it. */
function batchOf(tensor: Tensor | readonly Tensor[]): Tensor {
  let images = isTensor(tensor) ? tensor.detach() : stack(tensor.map((image) => image.detach()));
  if (images.dim() === 2) images = images.unsqueeze(0);
  if (images.dim() === 3) images = images.unsqueeze(0);
  if (images.dim() !== 4)
    throw new ShapeError(`makeGrid: expected images [N, C, H, W], [C, H, W] or [H, W], but got ${showShape(images.layout.shape)}`);
  return images.size(1) === 1 ? cat([images, images, images], 1) : images;
}

function stretched(images: Tensor, range: readonly [number, number] | undefined, scaleEach: boolean): Tensor {
  if (!isFloating(images.dtype))
    throw new DTypeError(`makeGrid: expected floating-point images to normalize, but got ${images.dtype}; divide by 255 first`);
  const one = (image: Tensor): Tensor => {
    const [low, high] = range ?? [image.min().item(), image.max().item()];
    return image
      .clamp(low, high)
      .sub(low)
      .div(Math.max(high - low, 1e-5));
  };
  return scaleEach ? stack(Array.from({ length: images.size(0) }, (_, i) => one(images.select(0, i)))) : one(images);
}

const IMAGE_OF = signature<{ readonly tensor: Tensor; readonly mode?: PixelMode }>(
  'imageOf',
  { tensor: TENSOR, mode: ANYTHING },
  { required: 1, example: "imageOf(rand(3, 8, 8)), imageOf(pixels, 'YCbCr')" },
);

/**
 * A tensor as an image: floating-point values from 0 to 1, rounded as torchvision's `save_image` does, or uint8.
 *
 * @param tensor - [C, H, W] with one or three channels, or [H, W]; with a mode as many channels as it has
 * @param mode - what the channels are, by Pillow's names: `'L'`, `'LA'`, `'RGB'`, `'YCbCr'`, `'HSV'`, `'RGBA'`, `'RGBX'` or `'CMYK'`. The image is
 *   grey or colour, with the pixels that Pillow's `convert` gives; transparency is dropped. What has more than 8 bits a channel is refused.
 * @throws {@link ShapeError} for another shape
 * @throws {@link DTypeError} for another dtype
 * @throws {@link ArgumentError} for another mode, saying what to write instead
 * @example
 * ```ts
 * import { ones, tensor } from 'flambeau';
 * import { imageOf } from 'flambeau/vision';
 *
 * console.log(imageOf(ones(3, 2, 2)).getPixel(0, 0)); // [ 255, 255, 255 ]
 * console.log(imageOf(tensor([[[76]], [[85]], [[255]]], { dtype: 'uint8' }), 'YCbCr').getPixel(0, 0)); // [ 254, 0, 0 ]
 * ```
 */
export function imageOf(tensor: Tensor, mode?: PixelMode | { readonly mode?: PixelMode }): Image;
export function imageOf(...args: readonly unknown[]): Image {
  const { tensor, mode } = readCall(IMAGE_OF, args);
  requireMode('imageOf', mode);
  const shape = tensor.layout.shape;
  const planes = shape.length === 2 ? tensor.unsqueeze(0) : tensor;
  const [channels = 0, height = 0, width = 0] = planes.layout.shape;
  const meaning = modeOf('imageOf', shape, planes.dim() === 3 ? channels : 0, mode);
  if (!isFloating(planes.dtype) && planes.dtype !== 'uint8')
    throw new DTypeError(`imageOf: expected floating-point numbers from 0 to 1, or uint8, but got ${planes.dtype}`);
  const values = withGradMode(false, () => {
    const bytes = planes.dtype === 'uint8' ? planes : planes.mul(255).add(0.5).clamp(0, 255);
    return bytes.permute(1, 2, 0).contiguous().to('uint8').toTypedArray();
  });
  return imageOfPixels(width, height, meaning, values as Uint8Array);
}
