/** Cuts, borders and mirrors images, as PIL, NumPy's `pad` and torchvision's functions do. */
import { kind, oneOf, requireKind, STEP, WHOLE, WIDTH, type Kind } from '../base/arguments.ts';
import { Image } from '../io/image/image.ts';
import { roundHalfEven } from '../io/image/round.ts';
import { requireImage } from './require-image.ts';
import { fillColour } from './rotate.ts';

/** What a border is made of. */
export type PaddingMode = 'constant' | 'edge' | 'reflect' | 'symmetric';

/** Widths of a border: all four sides; left and right, top and bottom; or left, top, right, bottom. */
export type Padding =
  number | readonly [number] | readonly [number, number] | readonly [number, number, number, number];

/** The stretch of `width` × `height` pixels from column `left` and row `top` on; what lies outside of the image is black. */
export function crop(image: Image, top: number, left: number, height: number, width: number): Image {
  requireImage('crop', image);
  for (const place of [top, left]) requireKind('crop', 'top and left', place, WHOLE);
  for (const size of [height, width]) requireKind('crop', 'height and width', size, STEP);
  if (top === 0 && left === 0 && height === image.height && width === image.width) return image;
  const { channels } = image;
  const out = Image.filled(width, height, channels);
  const [from, to] = [Math.max(left, 0), Math.min(left + width, image.width)];
  if (from >= to) return out;
  for (let y = Math.max(top, 0); y < Math.min(top + height, image.height); y++) {
    const row = image.data.subarray((y * image.width + from) * channels, (y * image.width + to) * channels);
    out.data.set(row, ((y - top) * width + from - left) * channels);
  }
  return out;
}

/** The middle of an image; one that is smaller gets a black border first. */
export function centerCrop(image: Image, height: number, width: number): Image {
  requireImage('centerCrop', image);
  for (const size of [height, width]) requireKind('centerCrop', 'height and width', size, STEP);
  const wider = Math.max(width - image.width, 0);
  const taller = Math.max(height - image.height, 0);
  const sides = [Math.floor(wider / 2), Math.floor(taller / 2), Math.ceil(wider / 2), Math.ceil(taller / 2)] as const;
  const padded = wider > 0 || taller > 0 ? pad(image, sides) : image;
  const top = roundHalfEven((padded.height - height) / 2);
  const left = roundHalfEven((padded.width - width) / 2);
  return crop(padded, top, left, height, width);
}

/**
 * The image with a border.
 *
 * @throws {@link ArgumentError} if a width is not a whole number of at least 0, or a reflection would need more pixels than there are
 */
export function pad(
  image: Image,
  padding: Padding,
  fill: number | readonly number[] = 0,
  mode: PaddingMode = 'constant',
): Image {
  requireImage('pad', image);
  requireKind('pad', 'padding', padding, PADDING);
  requireKind('pad', 'the mode', mode, PADDING_MODE);
  const [left, top, right, bottom] = sidesOf(padding);
  const width = image.width + left + right;
  const height = image.height + top + bottom;
  const { channels } = image;
  if (mode === 'constant') {
    const out = Image.filled(width, height, channels, fillColour('pad', fill, channels));
    const pitch = image.width * channels;
    for (let y = 0; y < image.height; y++) {
      out.data.set(image.data.subarray(y * pitch, (y + 1) * pitch), ((y + top) * width + left) * channels);
    }
    return out;
  }
  const columns = Array.from({ length: width }, (_, x) => sourceIndex(x - left, image.width, mode));
  const out = Image.filled(width, height, channels);
  for (let y = 0, o = 0; y < height; y++) {
    const row = sourceIndex(y - top, image.height, mode) * image.width;
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++, o++) out.data[o] = image.data[(row + columns[x]!) * channels + c]!;
    }
  }
  return out;
}

export const PADDING_MODE: Kind = oneOf('constant', 'edge', 'reflect', 'symmetric');
/** What {@link Padding} says. */
export const PADDING: Kind = kind(
  'a padding of 1, 2 or 4 whole numbers of at least 0',
  (value) =>
    WIDTH.accepts(value) || (Array.isArray(value) && [1, 2, 4].includes(value.length) && value.every(WIDTH.accepts)),
);

/** Left, top, right and bottom. */
function sidesOf(padding: Padding): readonly [number, number, number, number] {
  const given = typeof padding === 'number' ? [padding] : padding;
  const [left, top, right, bottom] = given;
  return [left, top ?? left, right ?? left, bottom ?? top ?? left];
}

/** Which of `size` pixels stands at a position that may lie outside of them. */
function sourceIndex(position: number, size: number, mode: Exclude<PaddingMode, 'constant'>): number {
  if (mode === 'edge') return Math.min(Math.max(position, 0), size - 1);
  // Mirrors stand at both ends: on the last pixel (reflect) or beyond it (symmetric).
  const period = mode === 'reflect' ? Math.max(2 * size - 2, 1) : 2 * size;
  const at = ((position % period) + period) % period;
  if (mode === 'reflect') return at < size ? at : period - at;
  return at < size ? at : period - 1 - at;
}

/** The image with left and right exchanged. */
export function hflip(image: Image): Image {
  requireImage('hflip', image);
  const { width, height, channels, data } = image;
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    let i = y * width * channels;
    let o = i + (width - 1) * channels;
    for (let x = 0; x < width; x++, i += channels, o -= channels) {
      out[o] = data[i]!;
      if (channels === 3) {
        out[o + 1] = data[i + 1]!;
        out[o + 2] = data[i + 2]!;
      }
    }
  }
  return new Image(width, height, channels, out);
}

/** The image with top and bottom exchanged. */
export function vflip(image: Image): Image {
  requireImage('vflip', image);
  const { width, height, channels, data } = image;
  const pitch = width * channels;
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) out.set(data.subarray(y * pitch, (y + 1) * pitch), (height - 1 - y) * pitch);
  return new Image(width, height, channels, out);
}
