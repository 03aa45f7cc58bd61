/**
 * Tensors of what a page shows (`fromPixels`, as in TensorFlow.js) and of pictures in files that the browser decodes. What there is for drawings, elements and frames is told
 * apart by structure: programs need no types of the DOM.
 */
import { COUNT, either, kind, oneOf, requireOptions, show, type OptionKinds } from '../base/arguments.ts';
import { ArgumentError, DeviceError } from '../base/errors.ts';
import type { HostBlob, HostUrl } from '../base/host-types.ts';
import { MAX_PIXELS } from '../io/image/limits.ts';
import type { Image } from '../io/image/image.ts';
import { opposite, orientationOf, turnedBytes } from '../io/image/orientation.ts';
import { fromTypedArray } from '../tensor/create.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { isDrawable, pixelsOfDrawable, type Drawable, type PixelSource, type Rgba } from './drawn-image.ts';
import { fileOf } from './picture-file.ts';
import { readImage } from './read-image.ts';

export interface FromPixelsOptions {
  /** 3 for red, green and blue (the default), 1 for grey as PIL's mode `L`, 4 for colours and alpha. */
  readonly channels?: 1 | 3 | 4;
  /** `'uint8'` for values from 0 to 255 (the default), `'float32'` for values from 0 to 1, divided as `ToTensor` does. */
  readonly dtype?: 'uint8' | 'float32';
  /**
   * What transparency counts for with 1 or 3 channels. `'drop'` takes the colours as they are stored (the default, as PIL's `convert`); a background
   * [red, green, blue], from 0 to 255, shines through: round((colour · alpha + background · (255 − alpha)) / 255).
   */
  readonly alpha?: 'drop' | readonly [red: number, green: number, blue: number];
  /** Most pixels, default 178,956,970. */
  readonly maxPixels?: number;
}

export interface FromFileOptions extends FromPixelsOptions {
  /** Whether a photograph in a file is turned as the camera was held (Exif), as the browser shows it. Default true. */
  readonly orientation?: boolean;
  /**
   * `'browser'` (the default) lets the browser decode a file, in threads of its own and any format that it knows; `'exact'` takes the library's decoders,
   * whose bits are PIL's in every browser, without alpha.
   */
  readonly decoder?: 'browser' | 'exact';
}

/** What `fromPixelsAsync` takes: what a page shows, a file, or where one is. */
export type PictureSource = PixelSource | HostBlob | HostUrl;

const BACKGROUND = kind(
  '[red, green, blue] from 0 to 255',
  (value) => Array.isArray(value) && value.length === 3 && value.every((part) => typeof part === 'number' && part >= 0 && part <= 255),
);
const KINDS: OptionKinds<FromPixelsOptions> = {
  channels: kind('1, 3 or 4', (value) => value === 1 || value === 3 || value === 4),
  dtype: oneOf('uint8', 'float32'),
  alpha: either(oneOf('drop'), BACKGROUND),
  maxPixels: COUNT,
};
const FILE_KINDS: OptionKinds<FromFileOptions> = {
  ...KINDS,
  orientation: kind('true or false', (value) => typeof value === 'boolean'),
  decoder: oneOf('browser', 'exact'),
};

/**
 * The pixels of what a page shows as a tensor [channels, height, width]: of an `<img>`, a canvas, an `OffscreenCanvas`, a `<video>`'s present frame, an
 * `ImageBitmap`, an `ImageData`, a `VideoFrame`, in their own sizes and oriented as the browser shows them. Those of an `ImageData` are taken as they are; the others are drawn on
 * a canvas, which keeps colours exactly where they are opaque and less exactly where they are transparent.
 *
 * @throws ArgumentError for anything else (files: `fromPixelsAsync`), for what is not loaded yet, or a picture of another origin that did not allow it
 * @throws DeviceError where there is no canvas
 * @see https://js.tensorflow.org/api/latest/#browser.fromPixels
 * @example
 * import { fromPixels } from 'flambeau/vision';
 *
 * const grey = { width: 2, height: 1, data: new Uint8ClampedArray([10, 10, 10, 255, 200, 200, 200, 255]) }; // an ImageData
 * console.log(fromPixels(grey).shape, fromPixels(grey, { channels: 1 }).tolist()); // [ 3, 1, 2 ] [ [ [ 10, 200 ] ] ]
 */
export function fromPixels(source: PixelSource, options: FromPixelsOptions = {}): Tensor {
  const given = requireOptions<FromPixelsOptions>('fromPixels', options, KINDS, '{ channels: 1 }');
  if (!isDrawable(source))
    throw new ArgumentError(
      `fromPixels: expected an <img>, canvas, <video>, ImageBitmap, ImageData or VideoFrame, but got ${show(source)}; for files and URLs write await fromPixelsAsync(…)`,
    );
  return tensorOf(pixelsOfDrawable('fromPixels', source, given.maxPixels ?? MAX_PIXELS), given);
}

/**
 * As {@link fromPixels}, and also of a `Blob`, a `File` or a `URL`, whose file the browser decodes in a thread of its own.
 *
 * @throws ArgumentError for anything else, a file that is no picture to the browser, or a URL that cannot be fetched
 * @throws FormatError from the exact decoders, for a file that is damaged or of a kind that they do not know
 * @throws DeviceError where the browser's decoder is asked for and there is none, as in Node
 * @example
 * import { fromPixelsAsync } from 'flambeau/vision';
 *
 * const file = new Blob(['P5 2 1 255 \u0000~']);
 * const picture = await fromPixelsAsync(file, { decoder: 'exact', channels: 1 });
 * console.log(picture.tolist()); // [ [ [ 0, 126 ] ] ]
 */
export async function fromPixelsAsync(source: PictureSource, options: FromFileOptions = {}): Promise<Tensor> {
  const given = requireOptions<FromFileOptions>('fromPixelsAsync', options, FILE_KINDS, '{ channels: 1 }');
  const { maxPixels = MAX_PIXELS, orientation = true } = given;
  if (isDrawable(source)) return tensorOf(pixelsOfDrawable('fromPixelsAsync', source, maxPixels), given);
  const isFile = source instanceof Blob;
  if (!isFile && !(source instanceof URL))
    throw new ArgumentError(
      `fromPixelsAsync: expected a Blob, File or URL, or what fromPixels takes, but got ${show(source)}; for a URL's text write new URL(text, location.href)`,
    );
  if (given.decoder === 'exact') {
    if (given.channels === 4 || Array.isArray(given.alpha))
      throw new ArgumentError(
        "fromPixelsAsync: the exact decoders give no alpha; leave out channels: 4 and the background, or decoder: 'exact'",
      );
    return tensorOfImage(await readImage(source, { maxPixels, orientation, mode: given.channels === 1 ? 'L' : 'RGB' }), given);
  }
  const file = isFile ? source : await fileOf('fromPixelsAsync', source);
  const bitmap = await bitmapOf(file);
  try {
    const pixels = pixelsOfDrawable('fromPixelsAsync', bitmap, maxPixels);
    return tensorOf(orientation ? pixels : asStored(pixels, orientationOf(new Uint8Array(await file.arrayBuffer()))), given);
  } finally {
    bitmap.close();
  }
}

/** Browsers always turn what they decode, so it is turned back. */
function asStored({ data, width, height }: Rgba, orientation: number): Rgba {
  if (!(orientation >= 2 && orientation <= 8)) return { data, width, height };
  const swapped = orientation >= 5;
  const back = turnedBytes(data, width, height, 4, opposite(orientation));
  return { data: back, width: swapped ? height : width, height: swapped ? width : height };
}

interface Bitmap extends Drawable {
  close(): void;
}

interface BitmapHost {
  readonly createImageBitmap?: (blob: unknown, options: { imageOrientation: 'from-image' }) => Promise<Bitmap>;
}

async function bitmapOf(blob: unknown): Promise<Bitmap> {
  const make = (globalThis as unknown as BitmapHost).createImageBitmap;
  if (make === undefined) throw new DeviceError("fromPixelsAsync: this host does not decode pictures; write { decoder: 'exact' }");
  try {
    return await make(blob, { imageOrientation: 'from-image' });
  } catch (cause) {
    throw new ArgumentError(
      "fromPixelsAsync: the browser cannot decode this file as a picture; look at what it is, or try { decoder: 'exact' }",
      { cause },
    );
  }
}

/** Values of a tensor of this dtype, to be filled from bytes. */
const valuesFor = (dtype: 'uint8' | 'float32', length: number): Uint8Array | Float32Array =>
  dtype === 'uint8' ? new Uint8Array(length) : new Float32Array(length);

/** What a byte is in a tensor. */
const PARTS = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);
const BYTES = Uint8Array.from({ length: 256 }, (_, byte) => byte);

function tensorOf({ data, width, height }: Rgba, { channels = 3, dtype = 'uint8', alpha = 'drop' }: FromPixelsOptions): Tensor {
  const plane = width * height;
  const out = valuesFor(dtype, channels * plane);
  const value = dtype === 'uint8' ? BYTES : PARTS;
  const colours = alpha === 'drop' || channels === 4 ? data : over(data, alpha);
  for (let i = 0, at = 0; i < plane; i++, at += 4) {
    if (channels === 1) {
      out[i] = value[grey(colours[at]!, colours[at + 1]!, colours[at + 2]!)]!;
      continue;
    }
    out[i] = value[colours[at]!]!;
    out[plane + i] = value[colours[at + 1]!]!;
    out[2 * plane + i] = value[colours[at + 2]!]!;
    if (channels === 4) out[3 * plane + i] = value[colours[at + 3]!]!;
  }
  return fromTypedArray(out, [channels, height, width]);
}

/** PIL's mode `L` of a colour: ITU-R 601-2 in whole numbers. */
const grey = (red: number, green: number, blue: number): number => (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;

/** Colours over a background. */
function over(data: Rgba['data'], background: readonly number[]): Uint8ClampedArray {
  const out = new Uint8ClampedArray(data.length);
  for (let at = 0; at < data.length; at += 4) {
    const alpha = data[at + 3]!;
    for (let c = 0; c < 3; c++) out[at + c] = Math.floor((data[at + c]! * alpha + background[c]! * (255 - alpha)) / 255 + 0.5);
  }
  return out;
}

function tensorOfImage({ data, width, height, channels }: Image, { dtype = 'uint8' }: FromPixelsOptions): Tensor {
  const plane = width * height;
  const out = valuesFor(dtype, channels * plane);
  const value = dtype === 'uint8' ? BYTES : PARTS;
  for (let i = 0, at = 0; i < plane; i++) for (let c = 0; c < channels; c++) out[c * plane + i] = value[data[at++]!]!;
  return fromTypedArray(out, [channels, height, width]);
}
