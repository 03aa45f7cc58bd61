/**
 * Resizes images as PIL's `Image.resize` does, to the pixel: a filter stretched over the pixels that fall together, so that shrinking
 * does not alias, applied to rows and then to columns or the other way round, with weights in 22-bit fixed point and 8-bit values in between (Pillow,
 * src/libImaging/Resample.c, describes the method).
 */
import { oneOf, requireKind, show, STEP } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { Image } from '../io/image/image.ts';
import { requireImage } from './require-image.ts';
import { scaled } from './rotate.ts';

/** How new pixels are made from old ones, by PIL's names. */
export type Interpolation = 'nearest' | 'bilinear' | 'bicubic';

interface Filter {
  /** How far it reaches, in pixels of the larger image. */
  readonly support: number;
  readonly weight: (distance: number) => number;
}

const FILTERS: { readonly [K in Exclude<Interpolation, 'nearest'>]: Filter } = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weight: (x) => cubic(Math.abs(x)) },
};

/** Keys' cubic convolution with a = -0.5. */
function cubic(x: number): number {
  const a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/** More bytes than this no array has everywhere. */
const MAX_BYTES = 2 ** 31 - 1;
export const INTERPOLATION = oneOf('nearest', 'bilinear', 'bicubic');

const BITS = 22;

/** For each new pixel of a row or column: where the old ones begin, how many they are, and their weights. */
interface Weights {
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** `size` weights for each new pixel. */
  readonly weights: Int32Array;
  readonly size: number;
}

/**
 * The image at another size.
 *
 * @throws {@link ArgumentError} if a size is not a positive whole number
 */
export function resize(image: Image, width: number, height: number, interpolation: Interpolation = 'bilinear'): Image {
  requireImage('resize', image);
  for (const size of [width, height]) {
    if (!STEP.accepts(size)) throw new ArgumentError(`resize: expected a width and height of at least 1, but got ${show(width)}x${show(height)}`); // prettier-ignore
  }
  requireKind('resize', 'interpolation', interpolation, INTERPOLATION);
  if (width * height * image.channels > MAX_BYTES) {
    throw new ArgumentError(`resize: ${width}x${height} pixels of ${image.channels} bytes are more than an image can have; choose a smaller size`); // prettier-ignore
  }
  if (width === image.width && height === image.height) return image;
  if (interpolation === 'nearest') {
    const out = Image.filled(width, height, image.channels);
    scaled(image, out, [image.width / width, 0, 0, 0, image.height / height, 0]);
    return out;
  }
  const filter = FILTERS[interpolation];
  const across = (from: Image): Image => (width === from.width ? from : resizeRows(from, width, weightsFor(from.width, width, filter))); // prettier-ignore
  const down = (from: Image): Image => (height === from.height ? from : resizeColumns(from, height, weightsFor(from.height, height, filter))); // prettier-ignore
  return startsWithColumns(image, width, height) ? across(down(image)) : down(across(image));
}

/** Whether columns come first, which rounds otherwise: found by trying Pillow 13 with thousands of sizes, none of which says otherwise. */
function startsWithColumns(image: Image, width: number, height: number): boolean {
  return height < image.height && image.height - height > 2 * (image.width - width);
}

function weightsFor(from: number, to: number, filter: Filter): Weights {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const support = filter.support * stretch;
  const size = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const weights = new Int32Array(to * size);
  const exact = new Float64Array(size);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const begin = Math.max(Math.trunc(centre - support + 0.5), 0);
    const n = Math.min(Math.trunc(centre + support + 0.5), from) - begin;
    let sum = 0;
    for (let k = 0; k < n; k++) {
      exact[k] = filter.weight((k + begin - centre + 0.5) * (1 / stretch));
      sum += exact[k]!;
    }
    first[i] = begin;
    count[i] = n;
    for (let k = 0; k < n; k++) {
      const share = sum === 0 ? exact[k]! : exact[k]! / sum;
      weights[i * size + k] = Math.trunc((share < 0 ? -0.5 : 0.5) + share * (1 << BITS));
    }
  }
  return { first, count, weights, size };
}

/** A sum of weighted pixels as a pixel; a half was added before. */
const clip = (sum: number): number => Math.min(Math.max(sum >> BITS, 0), 255);
const HALF = 1 << (BITS - 1);

function resizeRows(image: Image, width: number, { first, count, weights, size }: Weights): Image {
  const { channels, data, height } = image;
  const out = Image.filled(width, height, channels);
  for (let y = 0, o = 0; y < height; y++) {
    const row = y * image.width * channels;
    for (let x = 0; x < width; x++) {
      const n = count[x]!;
      const w = x * size;
      for (let c = 0; c < channels; c++, o++) {
        let sum = HALF;
        for (let k = 0, i = row + first[x]! * channels + c; k < n; k++, i += channels)
          sum += data[i]! * weights[w + k]!;
        out.data[o] = clip(sum);
      }
    }
  }
  return out;
}

function resizeColumns(image: Image, height: number, { first, count, weights, size }: Weights): Image {
  const { channels, data, width } = image;
  const out = Image.filled(width, height, channels);
  const pitch = width * channels;
  for (let y = 0, o = 0; y < height; y++) {
    const n = count[y]!;
    const w = y * size;
    for (let x = 0; x < pitch; x++, o++) {
      let sum = HALF;
      for (let k = 0, i = first[y]! * pitch + x; k < n; k++, i += pitch) sum += data[i]! * weights[w + k]!;
      out.data[o] = clip(sum);
    }
  }
  return out;
}
