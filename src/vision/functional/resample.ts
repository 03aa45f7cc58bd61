/**
 * Other sizes by filters: for each new pixel a few old ones and their weights, first along rows and then along columns. Pillow and PyTorch
 * find the weights in the same way and round them differently: Pillow to 22 bits behind the point, PyTorch to as many as fit 16 bits where pixels are uint8,
 * else to floats. (Pillow, src/libImaging/Resample.c; PyTorch, aten/src/ATen/native/cpu/UpSampleKernel.cpp.)
 */
import { emptyLike, type Numbers, type Planes } from './planes.ts';

/** A function of the distance that says how much a pixel counts. */
export interface Filter {
  /** How far it reaches, in pixels of the larger picture. */
  readonly support: number;
  readonly weight: (distance: number) => number;
}

/** Keys' cubic convolution. */
const cubic =
  (a: number) =>
  (distance: number): number => {
    const x = Math.abs(distance);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
  };

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

function hamming(distance: number): number {
  const x = Math.abs(distance) * Math.PI;
  if (x === 0) return 1;
  return x >= Math.PI ? 0 : (Math.sin(x) / x) * (0.54 + 0.46 * Math.cos(x));
}

/** By Pillow's names; with antialiasing PyTorch's are the same. */
export const FILTERS = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: { support: 1, weight: hamming },
  bicubic: { support: 2, weight: cubic(-0.5) },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
} as const satisfies Record<string, Filter>;

/** Without antialiasing PyTorch's cubic filter is another. */
const SHARP_CUBIC: Filter = { support: 2, weight: cubic(-0.75) };

export type FilterName = keyof typeof FILTERS;

/** For each new pixel of a row or column: where the old ones begin, how many they are, and their weights. */
export interface Weights<W extends Float64Array | Int32Array = Float64Array> {
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** `size` weights for each new pixel. */
  readonly weights: W;
  readonly size: number;
}

/** Which pixels of the new picture are wanted, and what stretch of the old one it shows; by default all. */
export interface Stretched {
  /** The first new pixel, and that before which to end. */
  readonly begin?: number;
  readonly end?: number;
  /** Where the stretch begins and how long it is; what lies outside of it, but in the picture, counts at its edges. */
  readonly start?: number;
  readonly span?: number;
}

/** Weights that average over what falls together when a picture shrinks. */
export function smoothWeights(from: number, to: number, filter: Filter, stretched: Stretched = {}): Weights {
  const { begin = 0, end = to, start = 0, span = from } = stretched;
  const scale = span / to;
  const stretch = Math.max(scale, 1);
  const support = filter.support * stretch;
  const size = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(end - begin);
  const count = new Int32Array(end - begin);
  const weights = new Float64Array((end - begin) * size);
  for (let i = 0; i < end - begin; i++) {
    const centre = start + (begin + i + 0.5) * scale;
    const low = Math.max(Math.trunc(centre - support + 0.5), 0);
    const n = Math.min(Math.trunc(centre + support + 0.5), from) - low;
    let sum = 0;
    for (let k = 0; k < n; k++) {
      weights[i * size + k] = filter.weight((k + low - centre + 0.5) * (1 / stretch));
      sum += weights[i * size + k]!;
    }
    first[i] = low;
    count[i] = n;
    if (sum !== 0) for (let k = 0; k < n; k++) weights[i * size + k]! /= sum;
  }
  return { first, count, weights, size };
}

/** PyTorch's weights without antialiasing: two or four neighbours; what lies outside counts for the pixel at the edge. */
export function plainWeights(from: number, to: number, name: 'bilinear' | 'bicubic'): Weights {
  const filter = name === 'bilinear' ? FILTERS.bilinear : SHARP_CUBIC;
  const reach = filter.support;
  const size = 2 * reach;
  const scale = from / to;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const weights = new Float64Array(to * size);
  for (let i = 0; i < to; i++) {
    const exact = scale * (i + 0.5) - 0.5;
    const place = name === 'bilinear' ? Math.max(exact, 0) : exact;
    const index = Math.min(Math.floor(place), from - 1);
    const share = Math.min(Math.max(place - index, 0), 1);
    const begin = index - reach + 1;
    first[i] = Math.max(begin, 0);
    count[i] = Math.min(index + reach + 1, from) - first[i]!;
    for (let k = 0; k < size; k++) {
      const at = Math.min(Math.max(begin + k, 0), from - 1) - first[i]!;
      weights[i * size + at]! += filter.weight(k + 1 - reach - share);
    }
  }
  return { first, count, weights, size };
}

/** Weights as whole numbers with so many bits behind the point. */
export function inBits({ first, count, weights, size }: Weights, bits: number): Weights<Int32Array> {
  const whole = new Int32Array(weights.length);
  for (let i = 0; i < whole.length; i++) {
    const weight = weights[i]!;
    whole[i] = Math.trunc((weight < 0 ? -0.5 : 0.5) + weight * 2 ** bits);
  }
  return { first, count, weights: whole, size };
}

/** As many bits as leave the largest weight below 2¹⁵. */
export function shortBits({ weights }: Weights): number {
  let largest = 0;
  for (const weight of weights) largest = Math.max(largest, weight);
  let bits = 0;
  while (bits < 22 && Math.trunc(0.5 + largest * 2 ** (bits + 1)) < 2 ** 15) bits++;
  return bits;
}

/** New rows of pixels, a half added before bits are cut off: what `resample-kernel.ts` does faster. */
export function wholeRows(p: Planes<Uint8Array>, { first, count, weights, size }: Weights<Int32Array>, bits: number): Planes<Uint8Array> {
  const { data, inner } = p;
  const out = emptyLike(p, p.height, first.length);
  const half = 2 ** (bits - 1);
  for (let y = 0, o = 0; y < p.outer * p.height; y++) {
    for (let x = 0; x < out.width; x++) {
      for (let c = 0; c < inner; c++, o++) {
        let sum = half;
        let i = (y * p.width + first[x]!) * inner + c;
        const end = x * size + count[x]!;
        for (let k = x * size; k < end; k++, i += inner) sum = (sum + Math.imul(data[i]!, weights[k]!)) | 0;
        out.data[o] = clamped(sum >> bits);
      }
    }
  }
  return out;
}

/** New columns of pixels. */
export function wholeColumns(
  p: Planes<Uint8Array>,
  { first, count, weights, size }: Weights<Int32Array>,
  bits: number,
): Planes<Uint8Array> {
  const { data } = p;
  const height = first.length;
  const out = emptyLike(p, height, p.width);
  const pitch = p.width * p.inner;
  const sums = new Int32Array(pitch);
  for (let row = 0, o = 0; row < p.outer * height; row++) {
    const [plane, y] = [Math.floor(row / height), row % height];
    sums.fill(1 << (bits - 1));
    for (let k = 0; k < count[y]!; k++) {
      const weight = weights[y * size + k]!;
      let i = (plane * p.height + first[y]! + k) * pitch;
      for (let x = 0; x < pitch; x++, i++) sums[x] = (sums[x]! + Math.imul(data[i]!, weight)) | 0;
    }
    for (let x = 0; x < pitch; x++, o++) out.data[o] = clamped(sums[x]! >> bits);
  }
  return out;
}

const clamped = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : value);

/** Rows and then columns of floats; between them they are float32, unless the picture is float64. */
export function floatResampled(p: Planes, height: number, width: number, across: Weights, down: Weights): Float32Array | Float64Array {
  const make = (length: number): Float32Array | Float64Array =>
    p.data instanceof Float64Array ? new Float64Array(length) : new Float32Array(length);
  const rows = width === p.width ? p.data : floatRows(p, width, across, make(p.outer * p.height * width));
  if (height === p.height) return rows as Float32Array;
  const out = make(p.outer * height * width);
  const { first, count, weights, size } = down;
  for (let plane = 0, o = 0; plane < p.outer; plane++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++, o++) {
        let sum = 0;
        let i = (plane * p.height + first[y]!) * width + x;
        for (let k = 0; k < count[y]!; k++, i += width) sum += rows[i]! * weights[y * size + k]!;
        out[o] = sum;
      }
    }
  }
  return out;
}

function floatRows(p: Planes, width: number, w: Weights, out: Float32Array | Float64Array): Numbers {
  const rows = p.outer * p.height;
  for (let y = 0, o = 0; y < rows; y++) {
    for (let x = 0; x < width; x++, o++) {
      let sum = 0;
      const n = w.count[x]!;
      for (let k = 0, i = y * p.width + w.first[x]!; k < n; k++, i++) sum += p.data[i]! * w.weights[x * w.size + k]!;
      out[o] = sum;
    }
  }
  return out;
}
