/** Colours of tensors, in the arithmetic of torchvision's tensors: float32 (float64 for float64), cut off where values are whole. */
import type { DType } from '../../base/dtype.ts';
import { isFloating } from '../../base/dtype.ts';
import { roundHalfEven } from '../../io/image/round.ts';
import { fma32 } from '../../tensor/random/fused.ts';
import { sameKind, type Numbers, type Planes } from './planes.ts';

/** Pictures of so many channels. */
export interface Colours extends Planes {
  readonly channels: number;
  /** The largest value: 1 of floats. */
  readonly bound: number;
  readonly isWhole: boolean;
}

type Round = (value: number) => number;
type Fma = (a: number, b: number, c: number) => number;
const itself: Round = (value) => value;
const plain: Fma = (a, b, c) => a * b + c;

/** The largest value of a dtype, 1 of floats. */
export const boundOf = (dtype: DType): number => (isFloating(dtype) || dtype === 'bool' ? 1 : 2 ** BITS[dtype]! - 1);

/** Bits of a value, without those of signs. */
export const BITS: Readonly<Partial<Record<DType, number>>> = { uint8: 8, int8: 7, int16: 15, uint16: 16, int32: 31, int64: 63 };

export const coloursOf = (p: Planes, channels: number, dtype: DType): Colours => ({
  ...p,
  channels,
  bound: boundOf(dtype),
  isWhole: !isFloating(dtype),
});

const arithmetic = ({ data, isWhole }: Colours): readonly [Round, Fma] =>
  data instanceof Float64Array && !isWhole ? [itself, plain] : [Math.fround, fma32];

/** The same planes with other values. */
function mapped(p: Colours, value: (old: number, index: number) => number): Planes {
  const data = sameKind(p.data, p.data.length);
  for (let i = 0; i < data.length; i++) data[i] = value(p.data[i]!, i);
  return { ...p, data };
}

/** What is stored: cut off for whole values. */
function held({ bound, isWhole }: Colours): Round {
  if (!isWhole) return (value) => Math.min(Math.max(value, 0), bound);
  return (value) => Math.trunc(Math.min(Math.max(value, 0), bound));
}

export function brightness(p: Colours, factor: number): Planes {
  const [round] = arithmetic(p);
  const hold = held(p);
  const by = round(factor);
  return mapped(p, (value) => hold(round(value * by)));
}

/** The grey of every pixel, picture after picture, before it is cut off. */
function greys(p: Colours): Numbers {
  const [round, fma] = arithmetic(p);
  const [red, green, blue] = [round(0.2989), round(0.587), round(0.114)];
  const size = p.height * p.width;
  const pictures = p.outer / p.channels;
  const out = p.data instanceof Float64Array && !p.isWhole ? new Float64Array(pictures * size) : new Float32Array(pictures * size);
  for (let k = 0, o = 0; k < pictures; k++) {
    const at = k * p.channels * size;
    for (let i = at; i < at + size; i++, o++) {
      out[o] = fma(p.data[i + 2 * size]!, blue, fma(p.data[i + size]!, green, round(p.data[i]! * red)));
    }
  }
  return out;
}

/** Grey pictures of one channel or of three; of one channel they are what they were. */
export function grey(p: Colours, channels: number): Planes {
  const size = p.height * p.width;
  const pictures = p.outer / p.channels;
  const values = p.channels === 1 ? p.data : greys(p);
  const data = sameKind(p.data, pictures * channels * size);
  for (let k = 0; k < pictures; k++) {
    for (let c = 0; c < channels; c++) {
      const at = (k * channels + c) * size;
      for (let i = 0; i < size; i++) data[at + i] = values[k * size + i]!;
    }
  }
  return { ...p, data, outer: pictures * channels };
}

/** Mixed with other values: all of them with a ratio of 0, none with 1. */
function mixed(p: Colours, other: (index: number) => number, ratio: number): Planes {
  const [round, fma] = arithmetic(p);
  const hold = held(p);
  const [own, rest] = [round(ratio), round(1 - ratio)];
  return mapped(p, (value, i) => hold(fma(other(i), rest, round(value * own))));
}

/** The index of a pixel's grey. */
function greyIndex({ height, width, channels }: Colours): (index: number) => number {
  const size = height * width;
  return (index) => Math.floor(index / (size * channels)) * size + (index % size);
}

export function saturation(p: Colours, factor: number): Planes {
  if (p.channels === 1) return p;
  const values = p.isWhole ? greys(p).map(Math.floor) : greys(p);
  const at = greyIndex(p);
  return mixed(p, (i) => values[at(i)]!, factor);
}

export function contrast(p: Colours, factor: number): Planes {
  const [round] = arithmetic(p);
  const values = p.channels === 1 ? p.data : greys(p);
  const size = p.height * p.width;
  const means = Float64Array.from({ length: p.outer / p.channels }, (_, k) => {
    let sum = 0;
    for (let i = k * size; i < (k + 1) * size; i++) sum += p.isWhole ? Math.floor(values[i]!) : values[i]!;
    return round(sum / size);
  });
  return mixed(p, (i) => means[Math.floor(i / (size * p.channels))]!, factor);
}

export function sharpness(p: Colours, factor: number): Planes {
  if (p.height <= 2 || p.width <= 2) return p;
  const [round, fma] = arithmetic(p);
  const hold = held(p);
  const rest = round(1 - factor);
  const { data, width, height } = p;
  return mapped(p, (value, i) => {
    const [x, y] = [i % width, Math.floor(i / width) % height];
    if (x === 0 || y === 0 || x === width - 1 || y === height - 1) return hold(value);
    let sum = 4 * value;
    for (let row = i - width; row <= i + width; row += width) sum += data[row - 1]! + data[row]! + data[row + 1]!;
    const smooth = p.isWhole ? roundHalfEven(round(sum / 13)) : round(sum / 13);
    return hold(fma(round(smooth - value), rest, value));
  });
}

/** The remainder with the sign of the divisor 1. */
const turnOf = (value: number): number => value - Math.floor(value);

export function hue(p: Colours, factor: number): Planes {
  if (p.channels === 1) return p;
  const size = p.height * p.width;
  const data = sameKind(p.data, p.data.length);
  const scale = p.isWhole ? Math.fround(1 / p.bound) : 1;
  const store = p.isWhole ? (value: number): number => Math.trunc(Math.fround(value * Math.fround(p.bound + 1 - 0.001))) : itself;
  const colour = new Float64Array(3);
  for (let picture = 0; picture < p.outer; picture += 3) {
    const at = picture * size;
    for (let i = at; i < at + size; i++) {
      turned(p.data[i]! * scale, p.data[i + size]! * scale, p.data[i + 2 * size]! * scale, factor, colour);
      data[i] = store(colour[0]!);
      data[i + size] = store(colour[1]!);
      data[i + 2 * size] = store(colour[2]!);
    }
  }
  return { ...p, data };
}

/** A colour after the wheel is turned, in float32. */
function turned(red: number, green: number, blue: number, factor: number, out: Float64Array): void {
  const f = Math.fround;
  const [r, g, b] = [f(red), f(green), f(blue)];
  const [least, most] = [Math.min(r, g, b), Math.max(r, g, b)];
  const isGrey = least === most;
  const range = f(most - least);
  const s = f(range / (isGrey ? 1 : most));
  const divisor = isGrey ? 1 : range;
  const [rc, gc, bc] = [f(f(most - r) / divisor), f(f(most - g) / divisor), f(f(most - b) / divisor)];
  const sector = most === r ? f(bc - gc) : most === g ? f(f(rc + 2) - bc) : f(f(gc + 4) - rc);
  const h = turnOf(f((f(f(sector * f(1 / 6)) + 1) % 1) + f(factor)));
  const h6 = f(f(h) * 6);
  const i = Math.floor(h6);
  const within = f(h6 - i);
  const share = f(s * within);
  const rest = f(1 - s);
  const hold = (value: number): number => Math.min(Math.max(f(value), 0), 1);
  const [q, t, v] = [hold(f(1 - share) * most), hold(f(share + rest) * most), most];
  const lowest = hold(rest * most);
  const k = i % 6;
  out[0] = [v, q, lowest, lowest, t, v][k]!;
  out[1] = [t, v, v, q, lowest, lowest][k]!;
  out[2] = [lowest, lowest, t, v, v, q][k]!;
}

export function gamma(p: Colours, power: number, gain: number): Planes {
  const [round] = arithmetic(p);
  const scale = p.isWhole ? Math.fround(1 / p.bound) : 1;
  return mapped(p, (value) => {
    let out = round(round(value * scale) ** power);
    if (gain !== 1) out = Math.min(Math.max(round(out * gain), 0), 1);
    return p.isWhole ? Math.trunc(round(out * round(p.bound + 1 - 0.001))) : out;
  });
}

export function posterized(p: Colours, bits: number, dtype: DType): Planes {
  if (!p.isWhole) {
    const levels = 2 ** bits;
    return mapped(p, (value) => Math.min(Math.max(Math.floor(value * levels), 0), levels - 1) / levels);
  }
  const rest = Math.max(BITS[dtype]! - bits, 0);
  if (BITS[dtype]! <= 31) {
    const mask = ((2 ** bits - 1) * 2 ** rest) | 0;
    return rest === 0 ? p : mapped(p, (value) => value & mask);
  }
  return mapped(p, (value) => Math.floor(value / 2 ** rest) * 2 ** rest);
}

/** Turned around: bits of whole values. */
const opposite =
  ({ bound, isWhole }: Colours): Round =>
  (value) =>
    isWhole && value < 0 ? -bound - 2 - value : bound - value;

export const inverted = (p: Colours): Planes => mapped(p, opposite(p));

export function solarized(p: Colours, threshold: number): Planes {
  const [round] = arithmetic(p);
  const turn = opposite(p);
  const limit = p.isWhole ? threshold : round(threshold);
  return mapped(p, (value) => (value >= limit ? turn(value) : value));
}

export function autocontrasted(p: Colours): Planes {
  const [round] = arithmetic(p);
  const hold = held(p);
  const size = p.height * p.width;
  const data = sameKind(p.data, p.data.length);
  for (let at = 0; at < data.length; at += size) {
    let [low, high] = [Infinity, -Infinity];
    for (let i = at; i < at + size; i++) {
      low = Math.min(low, p.data[i]!);
      high = Math.max(high, p.data[i]!);
    }
    const isFlat = low === high;
    const scale = isFlat ? 1 : round(round(high - low) * round(1 / p.bound));
    for (let i = at; i < at + size; i++) data[i] = hold(round(round(p.data[i]! - (isFlat ? 0 : low)) / scale));
  }
  return { ...p, data };
}

/** uint8 planes, each with its values about equally often. */
export function equalized(p: Planes<Uint8Array>): Planes<Uint8Array> {
  const size = p.height * p.width;
  const data = new Uint8Array(p.data.length);
  for (let at = 0; at < data.length; at += size) {
    const plane = p.data.subarray(at, at + size);
    const counts = new Uint32Array(256);
    for (const value of plane) counts[value]!++;
    const step = Math.floor((size - counts.findLast((count) => count > 0)!) / 255);
    if (step === 0) {
      data.set(plane, at);
      continue;
    }
    const table = new Uint8Array(256);
    for (let value = 1, sum = 0; value < 256; value++) {
      sum += counts[value - 1]!;
      table[value] = Math.min(Math.floor((sum + Math.floor(step / 2)) / step), 255);
    }
    for (let i = 0; i < size; i++) data[at + i] = table[plane[i]!]!;
  }
  return { ...p, data };
}

/** Channels in another order. */
export function permuted(p: Planes, channels: number, order: readonly number[]): Planes {
  const size = p.height * p.width;
  const data = sameKind(p.data, p.data.length);
  for (let plane = 0; plane < p.outer; plane++) {
    const from = plane - (plane % channels) + order[plane % channels]!;
    data.set(p.data.subarray(from * size, (from + 1) * size), plane * size);
  }
  return { ...p, data };
}
