/**
 * Runs operations from the tables of rules and lowerings, below tensors, on drawn or stored data, and compares arrays: what the tests of
 * operations share. `draw` repeats the function of the same name in test/fixtures/kernels.py.
 */
import { expect } from 'vitest';
import { itemSize, viewAs, type DType, type TypedArray } from '../../src/base/dtype.ts';
import { halfBits } from '../../src/base/half.ts';
import { layoutOf, type Layout } from '../../src/base/layout.ts';
import { numelOf } from '../../src/base/shape.ts';
import { lowerOf, ruleOf } from '../../src/tensor/graph-op.ts';
import type { OpAttrs, OpName } from '../../src/tensor/ops/index.ts';
import { runLowering, type HostTensor } from './run-kernel.ts';

/** An array as the fixtures store it. */
export interface Stored {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: string;
  /** Small whole numbers are stored in fewer bytes. */
  readonly stored?: 'int32';
}

export function decode({ dtype, shape, data, stored }: Stored): HostTensor {
  const bytes = Uint8Array.from(Buffer.from(data, 'base64'));
  const array = viewAs(stored ?? dtype, bytes.buffer, 0, numelOf(shape));
  return { dtype, shape, data: stored === undefined ? array : typed(dtype, Array.from(array, Number)) };
}

const draws = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, i) => (Math.imul(i, 2654435761) + seed * 40503) >>> 0);

/** Multiples of 1/250 in [-4, 4], with ties; every seventh is `special` where that is given. */
export function draw(shape: readonly number[], seed: number, dtype: DType = 'float32', special?: string | null): HostTensor {
  const values = draws(numelOf(shape), seed).map((word, i) => {
    if (special != null && i % 7 === 3) return special === 'nan' ? NaN : special === '-inf' ? -Infinity : Infinity;
    const mixed = Math.imul(word ^ (word >>> 15), 739982445) >>> 0;
    return (((mixed >>> 12) % 2001) - 1000) / 250;
  });
  return { dtype, shape, data: dtype === 'float64' ? Float64Array.from(values) : Float32Array.from(values) };
}

export function drawClasses(shape: readonly number[], seed: number, classes: number): HostTensor {
  const values = draws(numelOf(shape), seed).map((word) => BigInt((word >>> 9) % classes));
  return { dtype: 'int64', shape, data: BigInt64Array.from(values) };
}

export const host = (dtype: DType, shape: readonly number[], values: readonly number[]): HostTensor => ({
  dtype,
  shape,
  data: typed(dtype, values),
});

export function typed(dtype: DType, values: readonly number[]): TypedArray {
  if (dtype === 'float32') return Float32Array.from(values);
  if (dtype === 'float64') return Float64Array.from(values);
  if (dtype === 'int64') return BigInt64Array.from(values, BigInt);
  const to = viewAs(dtype, new ArrayBuffer(values.length * itemSize(dtype)), 0, values.length);
  if (dtype === 'float16' || dtype === 'bfloat16') values.forEach((value, i) => (to[i] = halfBits(dtype, value)));
  else (to as Int32Array).set(values);
  return to;
}

export const numbers = (t: HostTensor): number[] => Array.from(t.data as ArrayLike<number | bigint>, Number);

export const hostLayout = (t: HostTensor): Layout => layoutOf(t.dtype, t.shape, t.strides);

/** Runs one operation; `inputs` are overwritten by operations that write their inputs. */
export function runOp<K extends OpName>(
  op: K,
  inputs: readonly HostTensor[],
  attrs: OpAttrs[K],
  scalars: readonly number[] = [],
): HostTensor[] {
  const layouts = ruleOf(op).shape(inputs.map(hostLayout), attrs);
  const run = runLowering(lowerOf(op, attrs), inputs, layouts, scalars);
  run.dispose();
  return layouts.map((layout, i) => ({ dtype: layout.dtype, shape: layout.shape, data: run.results[i]! }));
}

/** The same elements stored with other strides: dimensions in the memory order `order`, rows `gap` elements apart. */
export function restride(t: HostTensor, order: readonly number[], gap = 0): HostTensor {
  const strides = new Array<number>(t.shape.length);
  let step = 1 + gap;
  for (const dim of [...order].reverse()) {
    strides[dim] = step;
    step *= t.shape[dim]!;
  }
  const data = typed(t.dtype, new Array<number>(step).fill(77));
  const at = new Array<number>(t.shape.length).fill(0);
  for (const value of t.data) {
    data[at.reduce((sum, index, dim) => sum + index * strides[dim]!, 0)] = value;
    for (let dim = at.length - 1; dim >= 0 && ++at[dim]! === t.shape[dim]; dim--) at[dim] = 0;
  }
  return { dtype: t.dtype, shape: t.shape, strides, data };
}

/** Expects equal shapes and elements within `rtol`·|expected| + `atol`; NaN and infinities must match. */
export function expectClose(actual: HostTensor, expected: HostTensor, rtol = 1e-5, atol = 1e-6): void {
  expect(actual.dtype).toBe(expected.dtype);
  expect(actual.shape).toEqual(expected.shape);
  for (let i = 0; i < expected.data.length; i++) {
    const [a, e] = [Number(actual.data[i]), Number(expected.data[i])];
    if (Object.is(a, e) || a === e || Math.abs(a - e) <= rtol * Math.abs(e) + atol) continue;
    throw new Error(`element ${i} is ${a}, expected ${e} (±${rtol * Math.abs(e) + atol})`);
  }
}

export const expectSame = (actual: HostTensor, expected: HostTensor): void => expectClose(actual, expected, 0, 0);
