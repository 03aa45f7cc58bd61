/**
 * Where PIL's `Image.transform` takes its pixels from, to the pixel: nearest ones of affine maps in 16.16 fixed point, bilinear and bicubic
 * ones cut off to whole values (Pillow, src/libImaging/Geometry.c, describes the method).
 */
import { BLACK, Image } from '../io/image/image.ts';

/** How pixels between pixels are made up. */
export type WarpInterpolation = 'nearest' | 'bilinear' | 'bicubic';

/** Maps a point of the result to the image: x = a·x' + b·y' + c, y = d·x' + e·y' + f. */
export type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/** As {@link Affine}, both divided by g·x' + h·y' + 1. */
export type Perspective = readonly [...Affine, g: number, h: number];

/** The image under an affine map, in a picture of another size that has the colour `fill` elsewhere. */
export function affineWarped(
  image: Image,
  matrix: Affine,
  [width, height]: readonly [number, number],
  fill: readonly number[] = BLACK,
  interpolation: WarpInterpolation = 'nearest',
): Image {
  const out = Image.filled(width, height, image.channels, fill);
  if (interpolation !== 'nearest') between(image, out, [...matrix, 0, 0], interpolation);
  else if (matrix[1] === 0 && matrix[3] === 0) scaled(image, out, matrix);
  else if (fitsFixedPoint(matrix, width, height)) nearestFixed(image, out, matrix);
  else nearest(image, out, matrix);
  return out;
}

/** The image in perspective. */
export function perspectiveWarped(
  image: Image,
  matrix: Perspective,
  fill: readonly number[] = BLACK,
  interpolation: WarpInterpolation = 'bilinear',
): Image {
  const out = Image.filled(image.width, image.height, image.channels, fill);
  if (interpolation !== 'nearest') {
    between(image, out, matrix, interpolation);
    return out;
  }
  const [a, b, c, d, e, f, g, h] = matrix;
  for (let y = 0, o = 0; y < out.height; y++) {
    for (let x = 0; x < out.width; x++, o += out.channels) {
      const below = g * (x + 0.5) + h * (y + 0.5) + 1;
      const px = (a * (x + 0.5) + b * (y + 0.5) + c) / below;
      const py = (d * (x + 0.5) + e * (y + 0.5) + f) / below;
      copyPixel(image, pixelAt(px), pixelAt(py), out, o);
    }
  }
  return out;
}

/** Whether every corner is below 2¹⁵, so that 16 bits before the point are enough. */
function fitsFixedPoint([a, b, c, d, e, f]: Affine, width: number, height: number): boolean {
  const fits = (x: number, y: number): boolean => Math.abs(x * a + y * b + c) < 32768 && Math.abs(x * d + y * e + f) < 32768;
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

/** Pixels between pixels. */
function between(image: Image, out: Image, matrix: Perspective, interpolation: 'bilinear' | 'bicubic'): void {
  const [a, b, c, d, e, f, g, h] = matrix;
  const isAffine = g === 0 && h === 0;
  const sample = interpolation === 'bilinear' ? bilinear : bicubic;
  const { width, height } = image;
  for (let y = 0, o = 0; y < out.height; y++) {
    for (let x = 0; x < out.width; x++, o += out.channels) {
      let px = a * (x + 0.5) + b * (y + 0.5) + c;
      let py = d * (x + 0.5) + e * (y + 0.5) + f;
      if (!isAffine) {
        const below = g * (x + 0.5) + h * (y + 0.5) + 1;
        px /= below;
        py /= below;
      }
      if (px >= 0 && px < width && py >= 0 && py < height) sample(image, px - 0.5, py - 0.5, out.data, o);
    }
  }
}

function bilinear({ width, height, channels, data }: Image, px: number, py: number, out: Uint8Array, o: number): void {
  const left = Math.floor(px);
  const top = Math.floor(py);
  const dx = px - left;
  const dy = py - top;
  const x0 = Math.max(left, 0) * channels;
  const x1 = Math.min(left + 1, width - 1) * channels;
  const upper = Math.max(top, 0) * width * channels;
  const below = top + 1 < height ? (top + 1) * width * channels : -1;
  for (let ch = 0; ch < channels; ch++) {
    const v1 = mix(data[upper + x0 + ch]!, data[upper + x1 + ch]!, dx);
    const v2 = below < 0 ? v1 : mix(data[below + x0 + ch]!, data[below + x1 + ch]!, dx);
    out[o + ch] = Math.trunc(mix(v1, v2, dy));
  }
}

const mix = (from: number, to: number, share: number): number => from + (to - from) * share;

function bicubic({ width, height, channels, data }: Image, px: number, py: number, out: Uint8Array, o: number): void {
  const left = Math.floor(px);
  const top = Math.floor(py);
  const [dx, dy] = [px - left, py - top];
  const [x0, x1, x2, x3] = [-1, 0, 1, 2].map((k) => Math.min(Math.max(left + k, 0), width - 1) * channels) as [
    number,
    number,
    number,
    number,
  ];
  for (let ch = 0; ch < channels; ch++) {
    const across = (y: number): number => {
      const row = Math.min(Math.max(y, 0), height - 1) * width * channels + ch;
      return cubic(data[row + x0]!, data[row + x1]!, data[row + x2]!, data[row + x3]!, dx);
    };
    const [v1, v2, v3, v4] = [across(top - 1), across(top), across(top + 1), across(top + 2)];
    out[o + ch] = Math.min(Math.max(cubic(v1, v2, v3, v4, dy), 0), 255);
  }
}

/** The cubic through four values that Pillow uses, at `d` between the second and the third. */
function cubic(v1: number, v2: number, v3: number, v4: number, d: number): number {
  const p2 = v3 - v1;
  const p3 = 2 * (v1 - v2) + v3 - v4;
  const p4 = -v1 + v2 - v3 + v4;
  return v2 + d * (p2 + d * (p3 + d * p4));
}
