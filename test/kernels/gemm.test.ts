import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { DType, TypedArray } from '../../src/base/dtype.ts';
import { layoutOf } from '../../src/base/layout.ts';
import { numelOf } from '../../src/base/shape.ts';
import { NO_ATTRS } from '../../src/geometry/attrs.ts';
import { lowerOf } from '../../src/tensor/graph-op.ts';
import { matmulRules } from '../../src/tensor/ops/matmul.ts';
import { hostTensor, rowMajor, worstDifference } from '../support/host-tensors.ts';
import { device, runLowering, type HostTensor } from '../support/run-kernel.ts';

const threads = device.threads;
afterAll(() => {
  device.threads = threads;
});

const swapLast = (rank: number): number[] => {
  const order = Array.from({ length: rank }, (_, i) => i);
  order.push(...order.splice(-2).reverse());
  return order;
};

function run(op: 'matmul' | 'linear', inputs: readonly HostTensor[]): TypedArray {
  const layouts = inputs.map((t) => layoutOf(t.dtype, t.shape, t.strides));
  const outputs = matmulRules[op].shape(layouts, NO_ATTRS);
  const { results, dispose } = runLowering(lowerOf(op, NO_ATTRS), inputs, outputs);
  dispose();
  return results[0]!;
}

/** Plain matrices in double precision. */
function naive(a: readonly number[], b: readonly number[], m: number, n: number, k: number): Float64Array {
  const out = new Float64Array(m * n);
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) for (let p = 0; p < k; p++) out[i * n + j]! += a[i * k + p]! * b[p * n + j]!;
  return out;
}

function expectClose(actual: ArrayLike<number | bigint>, expected: ArrayLike<number>, dtype: DType, k: number): void {
  expect(actual.length).toBe(expected.length);
  const tolerance = dtype === 'float32' ? 2e-7 * (4 + k) : dtype === 'float64' ? 1e-14 * (4 + k) : 0;
  expect(worstDifference(actual, expected)).toBeLessThanOrEqual(tolerance);
}

describe('matmul', () => {
  const sizes = [
    [1, 1, 1],
    [1, 5, 3],
    [3, 1, 7],
    [4, 8, 4],
    [5, 9, 13],
    [17, 23, 31],
    [25, 33, 5],
    [64, 48, 300],
    [130, 70, 20],
    [1, 100, 64],
    [100, 2, 64],
    [30, 300, 257],
    [20, 530, 400], // columns are shared out, as a few strips of rows are too few units
  ] as const;
  it.each(['float32', 'float64'] as const)('agrees with plain loops for all storage orders (%s)', (dtype) => {
    for (const [m, n, k] of sizes) {
      for (const ta of [false, true]) {
        for (const tb of [false, true]) {
          const a = hostTensor(dtype, [m, k], 1, ta ? [1, 0] : [0, 1]);
          const b = hostTensor(dtype, [k, n], 2, tb ? [1, 0] : [0, 1]);
          const expected = naive(rowMajor(a), rowMajor(b), m, n, k);
          expectClose(run('matmul', [a, b]), expected, dtype, k);
        }
      }
    }
  });

  it('gives the same bits on any number of threads', () => {
    const a = hostTensor('float32', [301, 520], 1);
    const b = hostTensor('float32', [520, 263], 2);
    device.threads = 1;
    const one = run('matmul', [a, b]);
    device.threads = 2;
    expect(worstDifference(run('matmul', [a, b]), one as Float32Array)).toBe(0);
    expectClose(one, naive(rowMajor(a), rowMajor(b), 301, 263, 520), 'float32', 520);
  });

  it.each(['int32', 'uint8'] as const)('multiplies %s with wrap-around', (dtype) => {
    const a = hostTensor(dtype, [5, 7], 1, [1, 0]);
    const b = hostTensor(dtype, [7, 3], 2);
    const wrapped = (dtype === 'int32' ? Int32Array : Uint8Array).from(naive(rowMajor(a), rowMajor(b), 5, 3, 7));
    expect(run('matmul', [a, b])).toEqual(wrapped);
  });

  it('multiplies int64', () => {
    const a: HostTensor = { dtype: 'int64', shape: [2, 2], data: BigInt64Array.of(1n, 2n, 3n, 2n ** 40n) };
    const b: HostTensor = { dtype: 'int64', shape: [2, 1], data: BigInt64Array.of(5n, 7n) };
    expect(run('matmul', [a, b])).toEqual(BigInt64Array.of(19n, 15n + 7n * 2n ** 40n));
  });

  it('takes vectors and broadcasts batches as torch.matmul does', () => {
    const v = hostTensor('float64', [6], 3);
    const w = hostTensor('float64', [6], 4);
    expectClose(run('matmul', [v, w]), naive(rowMajor(v), rowMajor(w), 1, 1, 6), 'float64', 6);
    const a = hostTensor('float64', [2, 1, 3, 6], 5, [0, 1, 3, 2]);
    expectClose(run('matmul', [a, v]), naive(rowMajor(a), rowMajor(v), 6, 1, 6), 'float64', 6);
    const b = hostTensor('float64', [4, 6, 5], 6);
    const out = run('matmul', [a, b]);
    const [da, db] = [rowMajor(a), rowMajor(b)];
    for (let i = 0; i < 2; i++)
      for (let j = 0; j < 4; j++) {
        const expected = naive(da.slice(i * 18, i * 18 + 18), db.slice(j * 30, j * 30 + 30), 3, 5, 6);
        expectClose(out.subarray((i * 4 + j) * 15, (i * 4 + j + 1) * 15), expected, 'float64', 6);
      }
    const vb = run('matmul', [v, b]);
    for (let j = 0; j < 4; j++) expectClose(vb.subarray(j * 5, j * 5 + 5), naive(rowMajor(v), db.slice(j * 30), 1, 5, 6), 'float64', 6);
  });

  it('sums nothing to zero', () => {
    const a: HostTensor = { dtype: 'float32', shape: [3, 0], data: new Float32Array(0), strides: [1, 1] };
    const b: HostTensor = { dtype: 'float32', shape: [0, 2], data: new Float32Array(0), strides: [2, 1] };
    expect([...run('matmul', [a, b])]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('agrees with plain loops on random shapes and orders', () => {
    const size = fc.integer({ min: 1, max: 70 });
    fc.assert(
      fc.property(size, size, size, fc.boolean(), fc.boolean(), (m, n, k, ta, tb) => {
        const a = hostTensor('float32', [2, m, k], 1, ta ? swapLast(3) : undefined);
        const b = hostTensor('float32', [k, n], 2, tb ? swapLast(2) : undefined);
        expectClose(run('matmul', [a, b]), naive(rowMajor(a), rowMajor(b), 2 * m, n, k), 'float32', k);
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  it('names what does not fit', () => {
    const layout = (dtype: DType, shape: readonly number[]) => layoutOf(dtype, shape);
    const shape = (a: readonly number[], b: readonly number[]) => () =>
      matmulRules.matmul.shape([layout('float32', a), layout('float32', b)], NO_ATTRS);
    expect(shape([2, 3], [4, 5])).toThrow(/matmul: inner sizes differ, 2×3 @ 4×5: 3 and 4/);
    expect(shape([], [4])).toThrow(/at least 1 dimension/);
    expect(shape([2, 3, 4], [5, 4, 2])).toThrow(/cannot broadcast 2 with 5/);
    expect(() => matmulRules.matmul.shape([layout('float32', [2]), layout('float64', [2])], NO_ATTRS)).toThrow(/float32 and float64/);
  });
});

describe('linear', () => {
  it.each([
    [20, 2048, 10],
    [20, 40, 50],
    [3, 7, 5],
    [1, 33, 12],
    [130, 65, 33],
  ])('is x·Wᵀ + b for %i rows, %i → %i', (rows, features, out) => {
    for (const dtype of ['float32', 'float64'] as const) {
      const x = hostTensor(dtype, [rows, features], 1);
      const w = hostTensor(dtype, [out, features], 2);
      const b = hostTensor(dtype, [out], 3);
      const turned = { ...w, shape: [features, out], strides: [1, features] };
      const expected = naive(rowMajor(x), rowMajor(turned), rows, out, features);
      expectClose(run('linear', [x, w]), expected, dtype, features);
      const biased = expected.map((value, i) => value + Number(b.data[i % out]));
      expectClose(run('linear', [x, w, b]), biased, dtype, features);
    }
  });

  it('takes any number of leading dimensions and any strides', () => {
    const w = hostTensor('float32', [5, 6], 2, [1, 0]);
    const b: HostTensor = { ...hostTensor('float32', [10], 3), shape: [5], strides: [2] };
    const turned = { ...w, shape: [6, 5], strides: [w.strides![1]!, w.strides![0]!] };
    for (const x of [
      hostTensor('float32', [6], 1),
      hostTensor('float32', [2, 3, 4, 6], 1),
      hostTensor('float32', [4, 3, 6], 1, [2, 0, 1]),
    ]) {
      const rows = numelOf(x.shape) / 6;
      const expected = naive(rowMajor(x), rowMajor(turned), rows, 5, 6).map((value, i) => value + rowMajor(b)[i % 5]!);
      expectClose(run('linear', [x, w, b]), expected, 'float32', 6);
    }
  });

  it('says how many features were expected', () => {
    const layouts = [layoutOf('float32', [4, 1568]), layoutOf('float32', [10, 2048])];
    expect(() => matmulRules.linear.shape(layouts, NO_ATTRS)).toThrow(/linear expects 2048 features but receives 1568/);
  });
});
