/** Tensors as pixels of a page (`toPixels`, as in TensorFlow.js). */
import { kind, requireKind } from '../base/arguments.ts';
import { ArgumentError, DTypeError, ShapeError } from '../base/errors.ts';
import { showShape } from '../base/shape.ts';
import { TENSOR } from '../tensor/arguments.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** An `ImageData`: red, green, blue and alpha of each pixel, row by row. */
export interface PixelData {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
}

/** A canvas or an `OffscreenCanvas` without a context, or with one of kind `2d`. */
export interface PixelCanvas {
  width: number;
  height: number;
  getContext(kind: '2d'): unknown;
}

interface Context {
  putImageData(data: PixelData, x: number, y: number): void;
}

interface Host {
  readonly ImageData?: new (data: Uint8ClampedArray, width: number, height: number) => PixelData;
}

const CANVAS = kind(
  'a canvas',
  (value) => typeof value === 'object' && value !== null && 'getContext' in value && typeof value.getContext === 'function',
);

/**
 * The pixels of a tensor [channels, height, width] or [height, width], with 1 channel (grey), 3, or 4 with alpha: as an `ImageData` where the host has such, and drawn on
 * a canvas if one is given, which gets the picture's size. Values of `uint8` are from 0 to 255; floating-point values from 0 to 1 are
 * multiplied by 255 and rounded. What is beyond is cut off, what is no number is 0. It undoes `fromPixels`.
 *
 * @throws ShapeError for a tensor of another shape
 * @throws DTypeError for whole numbers other than uint8
 * @throws ArgumentError for a canvas that has a context of another kind
 * @see https://js.tensorflow.org/api/latest/#browser.toPixels
 * @example
 * import { tensor } from 'flambeau';
 * import { toPixels } from 'flambeau/vision';
 *
 * console.log(toPixels(tensor([[0, 0.5]])).data.join()); // 0,0,0,255,128,128,128,255
 */
export function toPixels(image: Tensor, canvas?: PixelCanvas): PixelData {
  requireKind('toPixels', 'the image', image, TENSOR);
  if (canvas !== undefined) requireKind('toPixels', 'the canvas', canvas, CANVAS);
  const rank = image.dim();
  const channels = rank === 2 ? 1 : rank === 3 ? image.size(0) : 0;
  if ((channels !== 1 && channels !== 3 && channels !== 4) || image.numel() === 0)
    throw new ShapeError(
      `toPixels: expected [height, width] or [channels, height, width] with 1, 3 or 4 channels, but got the shape ${showShape(image.layout.shape)}; take one picture of a batch with x.select(0, i)`,
    );
  if (!image.isFloatingPoint() && image.dtype !== 'uint8')
    throw new DTypeError(`toPixels: expected floating-point values from 0 to 1 or uint8, but got ${image.dtype}; write x.to('uint8')`);
  const [height, width] = [image.size(-2), image.size(-1)];
  const data = rgba(image, channels, width * height);
  const { ImageData: Made } = globalThis as unknown as Host;
  const pixels = Made === undefined ? { width, height, data } : new Made(data, width, height);
  if (canvas !== undefined) draw(canvas, pixels);
  return pixels;
}

function rgba(image: Tensor, channels: number, plane: number): Uint8ClampedArray {
  const values = image.detach().contiguous().toTypedArray() as ArrayLike<number>;
  const scale = image.dtype === 'uint8' ? 1 : 255;
  const data = new Uint8ClampedArray(4 * plane).fill(255);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < plane; i++) data[4 * i + c] = Math.floor(values[c * plane + i]! * scale + 0.5);
  }
  if (channels === 1) for (let at = 0; at < data.length; at += 4) data[at + 1] = data[at + 2] = data[at]!;
  return data;
}

function draw(canvas: PixelCanvas, pixels: PixelData): void {
  const context = canvas.getContext('2d') as Context | null;
  if (context === null)
    throw new ArgumentError(
      'toPixels: this canvas has a context of another kind than 2d, or has been transferred; pass a canvas of its own',
    );
  canvas.width = pixels.width;
  canvas.height = pixels.height;
  context.putImageData(pixels, 0, 0);
}
