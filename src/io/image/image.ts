/**
 * An image in memory: 8-bit pixels, one channel (grey) or three (red, green, blue), rows from the top. It is what PIL's `Image` of
 * modes `L` and `RGB` is to torchvision: what decoders give, transforms change, and `ToTensor` turns into a tensor.
 */
import { arrayOf, BYTES, NUMBER, oneOf, requireKind, show, wrongArgument } from '../../base/arguments.ts';
import { ArgumentError, IndexError, OutOfMemoryError, ShapeError } from '../../base/errors.ts';

/** Grey or colour. */
export type Channels = 1 | 3;

/** One value for every channel. */
export const BLACK: readonly number[] = [0];

/** Pixels of an image, height × width × channels, row by row. */
export class Image {
  readonly width: number;
  readonly height: number;
  readonly channels: Channels;
  readonly data: Uint8Array;

  /**
   * Wraps pixels without copying them.
   *
   * @param data - `height * width * channels` bytes, channels innermost
   * @throws {@link ArgumentError} if a size is not a positive whole number
   * @throws {@link ShapeError} if the number of bytes is another
   * @example
   * ```ts
   * import { Image } from 'flambeau/vision';
   *
   * const red = new Image(2, 1, 3, new Uint8Array([255, 0, 0, 255, 0, 0]));
   * console.log(String(red)); // Image(2x1, RGB)
   * ```
   */
  constructor(width: number, height: number, channels: Channels, data: Uint8Array) {
    requireSizes('Image', width, height);
    if (!isChannels(channels)) throw wrongArgument('Image', 'the number of channels', '1 or 3', channels);
    requireKind('Image', 'data', data, BYTES, 'pass a Uint8Array of height * width * channels bytes');
    if (data.length !== width * height * channels) {
      throw new ShapeError(
        `Image: ${width}x${height} pixels of ${channels} channels are ${width * height * channels} bytes, but got ${data.length}`,
      );
    }
    this.width = width;
    this.height = height;
    this.channels = channels;
    this.data = data;
  }

  /** An image of one colour, black by default. */
  static filled(width: number, height: number, channels: Channels, colour: readonly number[] = BLACK): Image {
    requireSizes('Image.filled', width, height);
    if (!isChannels(channels)) throw wrongArgument('Image.filled', 'the number of channels', '1 or 3', channels);
    requireKind('Image.filled', 'the colour', colour, COLOUR);
    const image = new Image(width, height, channels, new Uint8Array(width * height * channels));
    if (colour !== BLACK) {
      for (let i = 0; i < image.data.length; i++) image.data[i] = colour[i % channels] ?? colour[0]!;
    }
    return image;
  }

  /** `'L'` for grey, `'RGB'` for colour. */
  get mode(): ImageMode {
    return this.channels === 1 ? 'L' : 'RGB';
  }

  /**
   * The same picture in grey or colour; itself if it is so already. Grey is PIL's ITU-R 601-2 luma,
   * `(19595 R + 38470 G + 7471 B + 32768) >> 16`.
   */
  convert(mode: ImageMode): Image {
    requireKind('convert', 'the mode', mode, MODE);
    if (mode === this.mode) return this;
    return mode === 'RGB' ? toColour(this) : toGrey(this);
  }

  /** The values of the pixel at column `x` and row `y`. */
  getPixel(x: number, y: number): number[] {
    if (!(Number.isInteger(x) && Number.isInteger(y) && x >= 0 && y >= 0 && x < this.width && y < this.height)) {
      throw new IndexError(
        `getPixel: expected a column and a row of an image of ${this.width}x${this.height}, but got ${show(x)} and ${show(y)}`,
      );
    }
    const at = (y * this.width + x) * this.channels;
    return [...this.data.subarray(at, at + this.channels)];
  }

  toString(): string {
    return `Image(${this.width}x${this.height}, ${this.mode})`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

/** PIL's names of the two kinds. */
export type ImageMode = 'L' | 'RGB';

const isChannels = (value: number): boolean => value === 1 || value === 3;
const isSize = (value: number): boolean => Number.isInteger(value) && value >= 1;
const COLOUR = arrayOf(NUMBER, 'numbers');
const MODE = oneOf('L', 'RGB');
/** The most bytes of an image: what any host can hold in one array. */
const MAX_BYTES = 2 ** 31;

function requireSizes(op: string, width: number, height: number): void {
  if (!isSize(width) || !isSize(height)) {
    throw new ArgumentError(`${op}: expected a width and height of at least 1, but got ${show(width)}x${show(height)}`);
  }
  if (width * height * 3 >= MAX_BYTES)
    throw new OutOfMemoryError(`${op}: an image of ${width}x${height} pixels is too large; it can have less than 2 GiB`);
}

function toColour(image: Image): Image {
  const { data } = image;
  const out = new Uint8Array(data.length * 3);
  for (let i = 0, o = 0; i < data.length; i++, o += 3) {
    const value = data[i]!;
    out[o] = value;
    out[o + 1] = value;
    out[o + 2] = value;
  }
  return new Image(image.width, image.height, 3, out);
}

function toGrey(image: Image): Image {
  const { data } = image;
  const out = new Uint8Array(data.length / 3);
  for (let o = 0, i = 0; o < out.length; o++, i += 3) {
    out[o] = (19595 * data[i]! + 38470 * data[i + 1]! + 7471 * data[i + 2]! + 32768) >> 16;
  }
  return new Image(image.width, image.height, 1, out);
}

/** Copies colours without their transparency, four bytes a pixel to three; forwards, so that `out` may lie where `rgba` begins. */
export function copyColours(rgba: Uint8ClampedArray | Uint8Array, out: Uint8Array): void {
  for (let i = 0, o = 0; o < out.length; i += 4, o += 3) {
    out[o] = rgba[i]!;
    out[o + 1] = rgba[i + 1]!;
    out[o + 2] = rgba[i + 2]!;
  }
}
