/**
 * Reads what real PyTorch computed (test/fixtures/ops, written by generate.py there) and compares tensors with it.
 *
 * Tolerances are part of what is tested, so they stand here once: single elementwise results and short sums within 1e-5
 * relative, long sums within 1e-4, each with a floor far below the tensor's largest element for what cancels to almost
 * nothing; whole numbers, bools, NaN and infinities exactly.
 */
import { readFileSync } from 'node:fs';
import { Tensor, fromTypedArray } from 'flambeau';
import { itemSize, viewAs, type DType, type TypedArray } from '../../src/base/dtype.ts';
import { numelOf } from '../../src/base/shape.ts';

/** A tensor on the host. */
export interface HostTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** A tensor as the files write it: see test/fixtures/ops/common.py. */
export type Encoded = string;

/** Where a comparison's slack comes from. */
export type Tolerance = 'elementwise' | 'special' | 'sum' | 'long';

/** One call of an operation and what came out. */
export interface FixtureCase {
  readonly id: string;
  readonly op: string;
  readonly args?: unknown;
  readonly in: Readonly<Record<string, Encoded>>;
  readonly out: readonly Encoded[];
  /** The gradients given to the outputs; null where an output has none. */
  readonly up?: readonly (Encoded | null)[];
  readonly grads?: Readonly<Record<string, Encoded>>;
  readonly tol?: Tolerance;
}

/** Reads a file of test/fixtures/ops. */
export function loadFixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../fixtures/ops/${name}.json`, import.meta.url), 'utf8')) as T;
}

const CODES: Readonly<Record<string, DType>> = {
  f4: 'float32',
  f8: 'float64',
  i4: 'int32',
  i8: 'int64',
  u1: 'uint8',
  b1: 'bool',
};

/** The tensor that `generated` in common.py makes: multiples of 1/4096, exact in both floating dtypes. */
function generated(seed: number, length: number, dtype: 'float32' | 'float64'): TypedArray {
  const data = dtype === 'float32' ? new Float32Array(length) : new Float64Array(length);
  for (let i = 0; i < length; i++) data[i] = (((i * 40503 + seed * 7919) % 65521) % 4096) / 4096 - 0.5;
  return data;
}

export function decode(text: Encoded): HostTensor {
  const open = text.indexOf('[');
  const close = text.indexOf(']');
  const sizes = text.slice(open + 1, close);
  const shape = sizes === '' ? [] : sizes.split(',').map(Number);
  const [code, rest] = [text.slice(0, open), text.slice(close + 1)];
  if (code.startsWith('g')) {
    const dtype = code === 'g4' ? 'float32' : 'float64';
    return { dtype, shape, data: generated(Number(rest), numelOf(shape), dtype) };
  }
  const dtype = CODES[code]!;
  const bytes = Uint8Array.from(Buffer.from(rest, 'base64')); // a copy, so that the buffer starts at 0
  return { dtype, shape, data: viewAs(dtype, bytes.buffer, 0, bytes.length / itemSize(dtype)) };
}

/**
 * How a tensor lies in memory: densely, or with an offset, with gaps, and its dimensions in the opposite order. Results
 * must not depend on it.
 */
export const LAYOUTS = ['dense', 'strided'] as const;
export type MemoryLayout = (typeof LAYOUTS)[number];

/** A tensor with these elements, without history. */
export function toTensor(host: HostTensor, layout: MemoryLayout = 'dense'): Tensor {
  const { shape, data, dtype } = host;
  if (layout === 'dense') return fromTypedArray(data, shape, dtype);
  if (shape.length === 0)
    return fromTypedArray(spread(host, [2], [0], 1), [2], dtype)
      .select(0, 1)
      .detach();
  if (shape.length === 1) {
    const n = shape[0]!;
    return fromTypedArray(spread(host, [n, 2], [2], 1), [n, 2], dtype)
      .select(1, 1)
      .detach();
  }
  const reversed = shape.toReversed();
  const base = [reversed[0]! + 1, ...reversed.slice(1)];
  const row = numelOf(reversed.slice(1));
  const steps = shape.map((_, i) => numelOf(shape.slice(0, i)));
  const stored = fromTypedArray(spread(host, base, steps, row), base, dtype);
  return stored
    .narrow(0, 1, reversed[0]!)
    .permute(shape.map((_, i) => shape.length - 1 - i))
    .detach();
}

/** An array for `base` with the elements at `offset` + their indices times `steps`; what lies between is 99. */
function spread({ dtype, shape, data }: HostTensor, base: readonly number[], steps: readonly number[], offset: number): TypedArray {
  const length = numelOf(base);
  const out = viewAs(dtype, new ArrayBuffer(length * itemSize(dtype)), 0, length);
  if (out instanceof BigInt64Array) out.fill(99n);
  else out.fill(dtype === 'bool' ? 1 : 99);
  for (let flat = 0; flat < data.length; flat++) {
    let [rest, at] = [flat, offset];
    for (let d = shape.length - 1; d >= 0; d--) {
      at += (rest % shape[d]!) * steps[d]!;
      rest = Math.floor(rest / shape[d]!);
    }
    out[at] = data[flat]!;
  }
  return out;
}

interface Slack {
  readonly relative: number;
  /** Of the largest finite element that was expected. */
  readonly floor: number;
}

const SLACK: { readonly [D in 'float32' | 'float64']: { readonly [T in Tolerance]: Slack } } = {
  float32: {
    elementwise: { relative: 1e-5, floor: 1e-7 },
    special: { relative: 1e-5, floor: 0 },
    sum: { relative: 1e-5, floor: 1e-6 },
    long: { relative: 1e-4, floor: 1e-5 },
  },
  float64: {
    elementwise: { relative: 1e-12, floor: 1e-15 },
    special: { relative: 1e-12, floor: 0 },
    sum: { relative: 1e-12, floor: 1e-14 },
    long: { relative: 1e-11, floor: 1e-13 },
  },
};
/** Two steps of the smallest float32: below, 1e-5 relative is less than a rounding. */
const SUBNORMAL = 3e-45;

/** What is wrong with `got`: its dtype, shape or worst element; undefined when all is well. */
export function mismatch(got: Tensor, expected: HostTensor, tolerance: Tolerance = 'elementwise'): string | undefined {
  if (got.dtype !== expected.dtype) return `dtype ${got.dtype}, expected ${expected.dtype}`;
  const [shape, wanted] = [got.layout.shape.join(), expected.shape.join()];
  if (shape !== wanted) return `shape [${shape}], expected [${wanted}]`;
  return worst(got.toTypedArray(), expected, tolerance);
}

function worst(values: TypedArray, { dtype, shape, data }: HostTensor, tolerance: Tolerance): string | undefined {
  const floating = dtype === 'float32' || dtype === 'float64';
  const slack = floating ? SLACK[dtype][tolerance] : { relative: 0, floor: 0 };
  let scale = 0;
  if (floating) for (const e of data as Float64Array) if (Number.isFinite(e)) scale = Math.max(scale, Math.abs(e));
  const floor = floating ? Math.max(slack.floor * scale, SUBNORMAL) : 0;
  let [place, excess, count] = [-1, 0, 0];
  for (let i = 0; i < data.length; i++) {
    const [g, e] = [values[i]!, data[i]!];
    if (g === e || (Number.isNaN(g) && Number.isNaN(e))) continue;
    const difference = Math.abs(Number(g) - Number(e));
    const allowed = slack.relative * Math.abs(Number(e)) + floor;
    if (difference <= allowed && difference < Infinity) continue;
    count++;
    const ratio = Number.isFinite(difference) ? difference / Math.max(allowed, Number.MIN_VALUE) : Infinity;
    if (place === -1 || ratio > excess) [place, excess] = [i, ratio];
  }
  if (place === -1) return undefined;
  const index = shape.map((size, d) => Math.floor(place / numelOf(shape.slice(d + 1))) % size);
  return (
    `${count} of ${data.length} elements differ, worst at [${index.join(', ')}]: got ${values[place]!}, expected ${data[place]!} ` +
    `(${tolerance}, relative ${slack.relative}, floor ${floor.toExponential(1)})`
  );
}

/** Fails unless the tensor is the expected one. */
export function expectClose(got: Tensor, expected: HostTensor, what: string, tolerance?: Tolerance): void {
  const problem = mismatch(got, expected, tolerance);
  if (problem !== undefined) throw new Error(`${what}: ${problem}`);
}
