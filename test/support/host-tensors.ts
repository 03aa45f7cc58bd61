/** Host tensors for kernel tests: reproducible values, any storage order, and back to row-major numbers. */
import { numelOf, type Dims } from '../../src/base/shape.ts';
import type { HostTensor } from './run-kernel.ts';

/** A reproducible value in (-1, 1) for each index. */
export function noise(i: number, salt: number): number {
  const x = Math.sin(i * 12.9898 + salt * 78.233) * 43758.5453;
  return 2 * (x - Math.floor(x)) - 1;
}

const ARRAYS = { float32: Float32Array, float64: Float64Array, int32: Int32Array, uint8: Uint8Array } as const;
export type HostDType = keyof typeof ARRAYS;

/** A tensor of noise whose dimensions are stored in the order `order`, outermost first. */
export function hostTensor(dtype: HostDType, shape: Dims, salt: number, order = shape.map((_, i) => i)): HostTensor {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (const d of [...order].reverse()) {
    strides[d] = step;
    step *= shape[d]!;
  }
  const scale = dtype.startsWith('float') ? 1 : 100;
  const data = new ARRAYS[dtype](numelOf(shape)).map((_: number, i: number) => noise(i, salt) * scale);
  return { dtype, shape, data, strides };
}

/** The elements in row-major order, as numbers. */
export function rowMajor({ shape, strides, data }: HostTensor): number[] {
  return Array.from({ length: numelOf(shape) }, (_, flat) => {
    let [rest, at] = [flat, 0];
    for (let d = shape.length - 1; d >= 0; d--) {
      at += (rest % shape[d]!) * strides![d]!;
      rest = Math.floor(rest / shape[d]!);
    }
    return Number(data[at]);
  });
}

/** The largest absolute difference; NaN where one is NaN and the other is not. */
export function worstDifference(actual: ArrayLike<number | bigint>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return NaN;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [Number(actual[i]), expected[i]!];
    if (Object.is(a, e) || a === e) continue;
    const difference = Math.abs(a - e);
    if (Number.isNaN(difference)) return NaN;
    worst = Math.max(worst, difference);
  }
  return worst;
}
