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

/** Weights that average over what falls together when a picture shrinks. */
export function smoothWeights(from: number, to: number, filter: Filter): Weights {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const support = filter.support * stretch;
  const size = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const weights = new Float64Array(to * size);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const begin = Math.max(Math.trunc(centre - support + 0.5), 0);
    const n = Math.min(Math.trunc(centre + support + 0.5), from) - begin;
    let sum = 0;
    for (let k = 0; k < n; k++) {
      weights[i * size + k] = filter.weight((k + begin - centre + 0.5) * (1 / stretch));
      sum += weights[i * size + k]!;
    }
    first[i] = begin;
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

/** New rows of pixels, a half added before bits are cut off. */
export function wholeRows(
  p: Planes<Uint8Array>,
  width: number,
  { first, count, weights, size }: Weights<Int32Array>,
  bits: number,
): Planes<Uint8Array> {
  const out = emptyLike(p, p.height, width);
  if (p.inner === 3) wholeRowsOfColour(p, out, { first, count, weights, size }, bits);
  else wholeRowsOfOne(p, out, { first, count, weights, size }, bits);
  return out;
}

function wholeRowsOfOne(p: Planes<Uint8Array>, out: Planes<Uint8Array>, w: Weights<Int32Array>, bits: number): void {
  const { first, count, weights, size } = w;
  const half = 2 ** (bits - 1);
  const { data } = p;
  const rows = p.outer * p.height;
  for (let y = 0, o = 0; y < rows; y++) {
    const row = y * p.width;
    for (let x = 0; x < out.width; x++, o++) {
      const from = x * size;
      const n = count[x]!;
      let sum = half;
      for (let k = 0, i = row + first[x]!; k < n; k++, i++) sum = (sum + Math.imul(data[i]!, weights[from + k]!)) | 0;
      sum >>= bits;
      out.data[o] = sum < 0 ? 0 : sum > 255 ? 255 : sum;
    }
  }
}

function wholeRowsOfColour(p: Planes<Uint8Array>, out: Planes<Uint8Array>, w: Weights<Int32Array>, bits: number): void {
  const { first, count, weights, size } = inFours(w, p.width);
  const half = 1 << (bits - 1);
  const { data } = p;
  const target = out.data;
  for (let y = 0, o = 0; y < p.height; y++) {
    const row = y * p.width * 3;
    for (let x = 0; x < out.width; x++, o += 3) {
      const end = x * size + count[x]!;
      let red = half;
      let green = half;
      let blue = half;
      let i = row + first[x]! * 3;
      let k = x * size;
      // Four pixels at a time: the loop itself costs as much as two of them.
      for (; k + 3 < end; k += 4, i += 12) {
        const a = weights[k]!;
        const b = weights[k + 1]!;
        const c = weights[k + 2]!;
        const d = weights[k + 3]!;
        red = (red + Math.imul(data[i]!, a) + Math.imul(data[i + 3]!, b) + Math.imul(data[i + 6]!, c) + Math.imul(data[i + 9]!, d)) | 0; // prettier-ignore
        green = (green + Math.imul(data[i + 1]!, a) + Math.imul(data[i + 4]!, b) + Math.imul(data[i + 7]!, c) + Math.imul(data[i + 10]!, d)) | 0; // prettier-ignore
        blue = (blue + Math.imul(data[i + 2]!, a) + Math.imul(data[i + 5]!, b) + Math.imul(data[i + 8]!, c) + Math.imul(data[i + 11]!, d)) | 0; // prettier-ignore
      }
      for (; k < end; k++, i += 3) {
        const weight = weights[k]!;
        red = (red + Math.imul(data[i]!, weight)) | 0;
        green = (green + Math.imul(data[i + 1]!, weight)) | 0;
        blue = (blue + Math.imul(data[i + 2]!, weight)) | 0;
      }
      red >>= bits;
      green >>= bits;
      blue >>= bits;
      target[o] = red < 0 ? 0 : red > 255 ? 255 : red;
      target[o + 1] = green < 0 ? 0 : green > 255 ? 255 : green;
      target[o + 2] = blue < 0 ? 0 : blue > 255 ? 255 : blue;
    }
  }
}

/** Weights of so many pixels that they come in fours where the row has as many, those that were missing being 0. */
function inFours(w: Weights<Int32Array>, from: number): Weights<Int32Array> {
  const { length } = w.first;
  const size = Math.ceil(w.size / 4) * 4;
  const first = w.first.slice();
  const count = w.count.slice();
  const weights = new Int32Array(length * size);
  for (let x = 0; x < length; x++) {
    const n = w.count[x]!;
    const wanted = Math.min(Math.ceil(n / 4) * 4, from);
    const shift = Math.max(w.first[x]! + wanted - from, 0);
    first[x] = w.first[x]! - shift;
    count[x] = wanted;
    for (let k = 0; k < n; k++) weights[x * size + shift + k] = w.weights[x * w.size + k]!;
  }
  return { first, count, weights, size };
}

/** New columns of pixels. */
export function wholeColumns(
  p: Planes<Uint8Array>,
  height: number,
  { first, count, weights, size }: Weights<Int32Array>,
  bits: number,
): Planes<Uint8Array> {
  const out = emptyLike(p, height, p.width);
  const half = 1 << (bits - 1);
  const { data } = p;
  const target = out.data;
  const pitch = p.width * p.inner;
  const sums = new Int32Array(pitch);
  for (let plane = 0, o = 0; plane < p.outer; plane++) {
    for (let y = 0; y < height; y++) {
      const n = count[y]!;
      const row = (plane * p.height + first[y]!) * pitch;
      if (n <= 4) {
        const four = [0, 1, 2, 3].map((k) => (k < n ? weights[y * size + k]! : 0)) as [number, number, number, number];
        fourRows(target, o, pitch, data, row, Math.min(n - 1, 1) * pitch, Math.min(n - 1, 2) * pitch, (n - 1) * pitch, four, bits); // prettier-ignore
        o += pitch;
        continue;
      }
      sums.fill(half);
      let k = 0;
      for (; k + 1 < n; k += 2) {
        addRows(sums, data, row + k * pitch, pitch, weights[y * size + k]!, weights[y * size + k + 1]!);
      }
      if (k < n) addRow(sums, data, row + k * pitch, weights[y * size + k]!);
      for (let x = 0; x < pitch; x++, o++) {
        const value = sums[x]! >> bits;
        target[o] = value < 0 ? 0 : value > 255 ? 255 : value;
      }
    }
  }
  return out;
}

/** A row of up to four, at once: the usual case, which needs no sums between. Those that are missing have no weight. */
function fourRows(
  target: Uint8Array,
  o: number,
  pitch: number,
  data: Uint8Array,
  row: number,
  second: number,
  third: number,
  fourth: number,
  [a, b, c, d]: readonly [number, number, number, number],
  bits: number,
): void {
  const half = 1 << (bits - 1);
  const end = row + pitch;
  for (let i = row, to = o; i < end; i++, to++) {
    const sum = half + Math.imul(data[i]!, a) + Math.imul(data[i + second]!, b) + Math.imul(data[i + third]!, c) + Math.imul(data[i + fourth]!, d); // prettier-ignore
    const value = (sum | 0) >> bits;
    target[to] = value < 0 ? 0 : value > 255 ? 255 : value;
  }
}

function addRow(sums: Int32Array, data: Uint8Array, at: number, weight: number): void {
  for (let x = 0; x < sums.length; x++) sums[x] = (sums[x]! + Math.imul(data[at + x]!, weight)) | 0;
}

/** Two rows at once, which lie one after the other. */
function addRows(sums: Int32Array, data: Uint8Array, at: number, pitch: number, a: number, b: number): void {
  for (let x = 0; x < sums.length; x++) {
    sums[x] = (sums[x]! + Math.imul(data[at + x]!, a) + Math.imul(data[at + pitch + x]!, b)) | 0;
  }
}

/** Rows and then columns of floats; between them they are float32, unless the picture is float64. */
export function floatResampled(
  p: Planes,
  height: number,
  width: number,
  across: Weights,
  down: Weights,
): Float32Array | Float64Array {
  const make = (length: number): Float32Array | Float64Array => p.data instanceof Float64Array ? new Float64Array(length) : new Float32Array(length); // prettier-ignore
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
