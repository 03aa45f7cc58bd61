import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import type { DType } from '../../src/base/dtype.ts';
import { layoutOf } from '../../src/base/layout.ts';
import { dimParams } from '../../src/geometry/attrs.ts';
import { softmaxRules } from '../../src/tensor/ops/softmax.ts';
import { decode, draw, expectClose, expectSame, host, numbers, restride, runOp, typed, type Stored } from '../support/op-case.ts';
import { device, type HostTensor } from '../support/run-kernel.ts';

interface Case {
  readonly op: 'softmax' | 'logSoftmax';
  readonly shape: readonly number[];
  readonly dim: number;
  readonly dtype: DType;
  readonly special: string | null;
  readonly outputs: readonly Stored[];
}

const cases = JSON.parse(readFileSync(new URL('../fixtures/kernels/softmax.json', import.meta.url), 'utf8')) as Case[];

const scaled = (t: HostTensor): HostTensor => ({
  ...t,
  data: typed(
    t.dtype,
    numbers(t).map((v) => v * 8),
  ),
});

afterEach(() => {
  device.threads = 1;
});

describe('softmax and logSoftmax', () => {
  it.each(cases.map((c) => [`${c.op} ${c.dtype} ${c.shape.join('x')} dim ${c.dim} ${c.special ?? ''}`, c] as const))('%s', (_, c) => {
    const [y, dx] = c.outputs.map(decode) as [HostTensor, HostTensor];
    const params = dimParams(c.dim);
    const x = scaled(draw(c.shape, 1, c.dtype, c.special));
    const tolerance = c.dtype === 'float64' ? ([1e-12, 1e-14] as const) : ([2e-6, 1e-6] as const);
    const actual = runOp(c.op, [x], params)[0]!;
    expectClose(actual, y, ...tolerance);
    const g = draw(c.shape, 2, c.dtype);
    const grad = c.op === 'softmax' ? 'softmaxGrad' : 'logSoftmaxGrad';
    expectClose(runOp(grad, [g, y], params)[0]!, dx, tolerance[0] * 2, tolerance[1] * 2);
  });

  it('stays finite for large arguments', () => {
    const x = host('float32', [1, 5], [1e30, 1e30, -1e30, 0, -1e30]);
    expect([...runOp('softmax', [x], dimParams(1))[0]!.data]).toEqual([0.5, 0.5, 0, 0, 0]);
    expect([...runOp('logSoftmax', [host('float32', [1, 2], [2000, -2000])], dimParams(1))[0]!.data]).toEqual([0, -4000]);
  });

  it('gives the same whatever the strides, the position of a row, and the number of threads', () => {
    const x = draw([300, 11, 5], 7);
    for (const dim of [1, 2]) {
      const run = (input: HostTensor): HostTensor[] =>
        (['softmax', 'logSoftmax'] as const).map((op) => runOp(op, [input], dimParams(dim))[0]!);
      const one = run(x);
      device.threads = 2;
      run(x).forEach((t, i) => expectSame(t, one[i]!));
      run(restride(x, [2, 0, 1])).forEach((t, i) => expectSame(t, one[i]!));
      device.threads = 1;
    }
  });

  it('accepts empty tensors', () => {
    expect(runOp('softmax', [host('float32', [0, 4], [])], dimParams(1))[0]!.shape).toEqual([0, 4]);
    expect(runOp('softmax', [host('float32', [4, 0], [])], dimParams(1))[0]!.shape).toEqual([4, 0]);
    expect(runOp('softmax', [host('float32', [4, 0, 3], [])], dimParams(1))[0]!.shape).toEqual([4, 0, 3]);
  });

  it('refuses other dtypes and dimensions', () => {
    expect(() => softmaxRules.softmax.shape([layoutOf('int64', [2, 3])], dimParams(1))).toThrow(/float32 or float64/);
    expect(() => softmaxRules.logSoftmax.shape([layoutOf('float32', [2, 3])], dimParams(2))).toThrow(/out of range/);
  });
});
