/**
 * Turns images as PIL's `Image.rotate` does, to the pixel: the same matrix, rounded to 15 digits; nearest pixels in 16.16 fixed point,
 * or bilinear interpolation cut off to whole values (Pillow, src/libImaging/Geometry.c, describes the method).
 */
import { arrayOf, BOOL, either, FINITE, kind, NUMBER, oneOf, requireKind, requireOptions, type Kind, type OptionKinds } from '../base/arguments.ts'; // prettier-ignore
import { ArgumentError } from '../base/errors.ts';
import { BLACK, Image } from '../io/image/image.ts';
import { requireImage } from './require-image.ts';

/** How pixels between pixels are made up. */
export type RotateInterpolation = 'nearest' | 'bilinear';

/** Options of {@link rotate}. */
export interface RotateOptions {
  readonly interpolation?: RotateInterpolation;
  /** Make the result large enough for the whole turned image. */
  readonly expand?: boolean;
  /** Point to turn around, [x, y] from the upper left corner; default the centre. */
  readonly center?: readonly [number, number] | undefined;
  /** Colour of what lies outside, one number or one for each channel; default black. */
  readonly fill?: number | readonly number[];
}

/** A number, or one for each channel. */
export const FILL: Kind = either(NUMBER, arrayOf(NUMBER, 'numbers'));
export const ROTATE_OPTIONS: OptionKinds<RotateOptions> = {
  interpolation: oneOf('nearest', 'bilinear'),
  expand: BOOL,
  center: kind('[x, y]', (value) => Array.isArray(value) && value.length === 2 && value.every(Number.isFinite)),
  fill: FILL,
};

/** Maps a point of the result to the image: x = a·x' + b·y' + c, y = d·x' + e·y' + f. */
type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/**
 * The image turned by `angle` degrees counter-clockwise.
 *
 * @throws {@link ArgumentError} if the angle is not finite or the fill does not fit the channels
 */
export function rotate(image: Image, angle: number, options: RotateOptions = {}): Image {
  requireImage('rotate', image);
  requireKind('rotate', 'the angle', angle, FINITE);
  const given = requireOptions<RotateOptions>('rotate', options, ROTATE_OPTIONS, '{ expand: true }');
  const { interpolation = 'nearest', expand = false, center } = given;
  const fill = fillColour('rotate', given.fill ?? 0, image.channels);
  const turn = pythonModulo(angle, 360);
  if (center === undefined) {
    if (turn === 0) return image;
    if (turn === 180) return turnedBy180(image);
    if ((turn === 90 || turn === 270) && (expand || image.width === image.height))
      return quarterTurn(image, turn === 90);
  }
  const { matrix, width, height } = place(image, turn, center, expand);
  const out = Image.filled(width, height, image.channels, fill);
  if (interpolation === 'bilinear') bilinear(image, out, matrix);
  else if (matrix[1] === 0 && matrix[3] === 0) scaled(image, out, matrix);
  else if (fitsFixedPoint(matrix, width, height)) nearestFixed(image, out, matrix);
  else nearest(image, out, matrix);
  return out;
}

/**
 * One whole number for each channel.
 *
 * @throws {@link ArgumentError} when there are none or other numbers
 */
export function fillColour(operation: string, fill: number | readonly number[], channels: number): readonly number[] {
  requireKind(operation, 'fill', fill, FILL);
  if (fill === 0) return BLACK;
  const values = typeof fill === 'number' ? new Array<number>(channels).fill(fill) : [...fill];
  if (values.length !== channels || values.some((value) => !(value >= 0 && value < 256))) {
    throw new ArgumentError(
      `${operation}: expected a fill from 0 to 255, or ${channels} of them for an image of ${channels} channels, but got ${String(fill)}`,
    );
  }
  return values.map(Math.trunc);
}

/** The remainder with the sign of the divisor. */
function pythonModulo(value: number, divisor: number): number {
  const rest = value % divisor;
  return rest < 0 ? rest + divisor : rest + 0;
}

/** The matrix from result to image, and the result's size. */
function place(
  image: Image,
  turn: number,
  center: readonly [number, number] | undefined,
  expand: boolean,
): { matrix: Affine; width: number; height: number } {
  const { width, height } = image;
  const radians = -(turn * (Math.PI / 180));
  const cos = round15(Math.cos(radians));
  const sin = round15(Math.sin(radians));
  const minusSin = -sin;
  const [cx, cy] = center ?? [width / 2, height / 2];
  const c = cos * -cx + sin * -cy + cx;
  const f = minusSin * -cx + cos * -cy + cy;
  if (!expand) return { matrix: [cos, sin, c, minusSin, cos, f], width, height };
  const corners = [0, width].flatMap((x) => [0, height].map((y) => [x, y] as const));
  const xs = corners.map(([x, y]) => cos * x + sin * y + c);
  const ys = corners.map(([x, y]) => minusSin * x + cos * y + f);
  const wide = Math.ceil(Math.max(...xs)) - Math.floor(Math.min(...xs));
  const high = Math.ceil(Math.max(...ys)) - Math.floor(Math.min(...ys));
  const [dx, dy] = [-(wide - width) / 2, -(high - height) / 2];
  const moved: Affine = [cos, sin, cos * dx + sin * dy + c, minusSin, cos, minusSin * dx + cos * dy + f];
  return { matrix: moved, width: wide, height: high };
}

const round15 = (value: number): number => Number(value.toFixed(15));

/** Whether every corner is below 2¹⁵, so that 16 bits before the point are enough. */
function fitsFixedPoint([a, b, c, d, e, f]: Affine, width: number, height: number): boolean {
  const fits = (x: number, y: number): boolean =>
    Math.abs(x * a + y * b + c) < 32768 && Math.abs(x * d + y * e + f) < 32768;
  return fits(0, 0) && fits(width, 0) && fits(0, height) && fits(width, height);
}

const fixed = (value: number): number => Math.floor(value * 65536 + 0.5);

function nearestFixed(image: Image, out: Image, [a, b, c, d, e, f]: Affine): void {
  const [stepX, stepY, rowX, rowY] = [fixed(a), fixed(d), fixed(b), fixed(e)];
  let startX = fixed(c + a * 0.5 + b * 0.5);
  let startY = fixed(f + d * 0.5 + e * 0.5);
  const { width, height, channels, data } = image;
  const target = out.data;
  const rowLength = out.width * channels;
  for (let row = 0; row < target.length; row += rowLength) {
    let sx = startX;
    let sy = startY;
    for (let o = row; o < row + rowLength; o += channels) {
      const px = sx >> 16;
      const py = sy >> 16;
      sx += stepX;
      sy += stepY;
      // As unsigned numbers, negative ones are too large as well.
      if (px >>> 0 >= width || py >>> 0 >= height) continue;
      const i = (py * width + px) * channels;
      target[o] = data[i]!;
      if (channels === 1) continue;
      target[o + 1] = data[i + 1]!;
      target[o + 2] = data[i + 2]!;
    }
    startX += rowX;
    startY += rowY;
  }
}

/** A position as a pixel's index: negative ones are outside, all of them. */
const pixelAt = (position: number): number => (position < 0 ? -1 : Math.trunc(position));

function copyPixel(image: Image, px: number, py: number, out: Image, o: number): void {
  if (px < 0 || px >= image.width || py < 0 || py >= image.height) return;
  const i = (py * image.width + px) * image.channels;
  for (let c = 0; c < image.channels; c++) out.data[o + c] = image.data[i + c]!;
}

/** For images beyond the range of fixed point. */
function nearest(image: Image, out: Image, [a, b, c, d, e, f]: Affine): void {
  let startX = c + b * 0.5 + a * 0.5;
  let startY = f + e * 0.5 + d * 0.5;
  let o = 0;
  for (let y = 0; y < out.height; y++) {
    let sx = startX;
    let sy = startY;
    for (let x = 0; x < out.width; x++, o += out.channels) {
      copyPixel(image, pixelAt(sx), pixelAt(sy), out, o);
      sx += a;
      sy += d;
    }
    startX += b;
    startY += e;
  }
}

/** Without turning: rows and columns each by themselves. Also what PIL resizes with when it takes the nearest pixel. */
export function scaled(image: Image, out: Image, [a, , c, , e, f]: Affine): void {
  const columns = new Int32Array(out.width);
  let at = c + a * 0.5;
  for (let x = 0; x < out.width; x++, at += a) columns[x] = pixelAt(at);
  let row = f + e * 0.5;
  let o = 0;
  for (let y = 0; y < out.height; y++, row += e) {
    const py = pixelAt(row);
    for (let x = 0; x < out.width; x++, o += out.channels) copyPixel(image, columns[x]!, py, out, o);
  }
}

function bilinear(image: Image, out: Image, [a, b, c, d, e, f]: Affine): void {
  const { width, height, channels, data } = image;
  const target = out.data;
  const clampX = (x: number): number => Math.min(Math.max(x, 0), width - 1) * channels;
  let o = 0;
  for (let y = 0; y < out.height; y++) {
    for (let x = 0; x < out.width; x++, o += channels) {
      const px = a * (x + 0.5) + b * (y + 0.5) + c;
      const py = d * (x + 0.5) + e * (y + 0.5) + f;
      if (px < 0 || px >= width || py < 0 || py >= height) continue;
      const left = Math.floor(px - 0.5);
      const top = Math.floor(py - 0.5);
      const dx = px - 0.5 - left;
      const dy = py - 0.5 - top;
      const [x0, x1] = [clampX(left), clampX(left + 1)];
      const upper = Math.max(top, 0) * width * channels;
      const below = top + 1 < height ? (top + 1) * width * channels : -1;
      for (let ch = 0; ch < channels; ch++) {
        const v1 = mix(data[upper + x0 + ch]!, data[upper + x1 + ch]!, dx);
        const v2 = below < 0 ? v1 : mix(data[below + x0 + ch]!, data[below + x1 + ch]!, dx);
        target[o + ch] = Math.trunc(mix(v1, v2, dy));
      }
    }
  }
}

const mix = (from: number, to: number, share: number): number => from + (to - from) * share;

function turnedBy180(image: Image): Image {
  const { width, height, channels, data } = image;
  const out = new Uint8Array(data.length);
  for (let i = 0, o = data.length - channels; o >= 0; i += channels, o -= channels) {
    for (let c = 0; c < channels; c++) out[o + c] = data[i + c]!;
  }
  return new Image(width, height, channels, out);
}

function quarterTurn(image: Image, counterClockwise: boolean): Image {
  const { width, height, channels } = image;
  const out = Image.filled(height, width, channels);
  for (let y = 0, o = 0; y < width; y++) {
    for (let x = 0; x < height; x++, o += channels) {
      copyPixel(image, counterClockwise ? width - 1 - y : y, counterClockwise ? x : height - 1 - x, out, o);
    }
  }
  return out;
}
