import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import type { DType } from '../../src/base/dtype.ts';
import { layoutOf } from '../../src/base/layout.ts';
import { adaptivePoolParams, avgPoolParams, maxPoolParams, poolGradParams, type Pair } from '../../src/geometry/pool.ts';
import { poolRules } from '../../src/tensor/ops/pool.ts';
import { decode, draw, expectClose, expectSame, host, restride, runOp, type Stored } from '../support/op-case.ts';
import { device, type HostTensor } from '../support/run-kernel.ts';

interface Case {
  readonly op: 'maxPool2d' | 'avgPool2d' | 'adaptiveAvgPool2d' | 'adaptiveMaxPool2d';
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly special: string | null;
  readonly args: Record<string, unknown>;
  readonly outputs: readonly Stored[];
}

const cases = JSON.parse(readFileSync(new URL('../fixtures/kernels/pool.json', import.meta.url), 'utf8')) as Case[];
const of = (op: Case['op']): [string, Case][] =>
  cases.filter((c) => c.op === op).map((c) => [`${c.dtype} ${c.shape.join('x')} ${JSON.stringify(c.args)} ${c.special ?? ''}`, c]);

const maxParams = ({ args }: Case, returnIndices: boolean) => {
  const { kernel, stride, padding, dilation, ceilMode } = args as {
    kernel: Pair;
    stride: Pair | null;
    padding: Pair;
    dilation: Pair;
    ceilMode: boolean;
  };
  return maxPoolParams(kernel, { stride: stride ?? undefined, padding, dilation, ceilMode, returnIndices });
};

afterEach(() => {
  device.threads = 1;
});

describe('maxPool2d', () => {
  it.each(of('maxPool2d'))('%s', (_, c) => {
    const [y, index, dx] = c.outputs.map(decode) as [HostTensor, HostTensor, HostTensor];
    const x = draw(c.shape, 1, c.dtype, c.special);
    const g = draw(y.shape, 2, c.dtype);
    for (const returnIndices of [true, false]) {
      const params = maxParams(c, returnIndices);
      const [values, indices] = runOp('maxPool2d', [x], params) as [HostTensor, HostTensor];
      expectSame(values, y);
      if (returnIndices) expectSame(indices, index);
      const grad = poolGradParams(params, c.shape);
      expectClose(runOp('maxPool2dGrad', [g, indices], grad)[0]!, dx, 1e-6);
      // The pick is the transpose of the gradient: the elements of x that won.
      expectSame(runOp('maxPool2dPick', [x, indices], grad)[0]!, y);
    }
  });

  it('has the same winners as taps and as indices, however long rows are', () => {
    for (let width = 1; width <= 40; width++) {
      const x = draw([2, 3, 7, width], width, 'float32', width % 5 === 0 ? 'nan' : null);
      const [taps, indices] = [false, true].map((returnIndices) => {
        const params = maxPoolParams(3, { stride: width % 3 === 0 ? 1 : 2, padding: 1, returnIndices });
        const [y, winners] = runOp('maxPool2d', [x], params) as [HostTensor, HostTensor];
        return [y, ...runOp('maxPool2dGrad', [y, winners], poolGradParams(params, x.shape))];
      }) as [HostTensor[], HostTensor[]];
      taps.forEach((t, i) => expectSame(t, indices[i]!));
    }
  });

  it('reads any strides', () => {
    const x = draw([2, 3, 8, 6], 3);
    const params = maxPoolParams(2);
    const expected = runOp('maxPool2d', [x], params);
    for (const strided of [restride(x, [0, 2, 3, 1]), restride(x, [3, 2, 1, 0], 1)]) {
      runOp('maxPool2d', [strided], params).forEach((t, i) => expectSame(t, expected[i]!));
    }
  });

  it('leaves gradients without a place where an index lies outside', () => {
    const grad = poolGradParams(maxPoolParams(2, { returnIndices: true }), [1, 1, 4, 4]);
    const g = host('float32', [1, 1, 2, 2], [1, 2, 3, 4]);
    const indices = host('int64', [1, 1, 2, 2], [5, -1, 16, 2 ** 40]);
    const dx = runOp('maxPool2dGrad', [g, indices], grad)[0]!;
    expect([...dx.data]).toEqual([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  });
});

describe('avgPool2d', () => {
  it.each(of('avgPool2d'))('%s', (_, c) => {
    const { kernel, stride, ...rest } = c.args as { kernel: Pair; stride: Pair | null };
    const params = avgPoolParams(kernel, { stride: stride ?? undefined, ...rest });
    const [y, dx] = c.outputs.map(decode) as [HostTensor, HostTensor];
    expectClose(runOp('avgPool2d', [draw(c.shape, 1, c.dtype)], params)[0]!, y);
    const grad = runOp('avgPool2dGrad', [draw(y.shape, 2, c.dtype)], poolGradParams(params, c.shape))[0]!;
    expectClose(grad, dx);
  });
});

describe('adaptive pooling', () => {
  it.each(of('adaptiveAvgPool2d'))('average %s', (_, c) => {
    const params = adaptivePoolParams(c.args['size'] as [number, number]);
    const [y, dx] = c.outputs.map(decode);
    expectClose(runOp('adaptiveAvgPool2d', [draw(c.shape, 1, c.dtype)], params)[0]!, y!, 1e-6);
    if (dx === undefined) return;
    const g = draw(y!.shape, 2, c.dtype);
    expectClose(runOp('adaptiveAvgPool2dGrad', [g], poolGradParams(params, c.shape))[0]!, dx);
  });

  it.each(of('adaptiveMaxPool2d'))('maximum %s', (_, c) => {
    const params = adaptivePoolParams(c.args['size'] as [number, number]);
    const [y, index, dx] = c.outputs.map(decode);
    const [values, indices] = runOp('adaptiveMaxPool2d', [draw(c.shape, 1, c.dtype)], params);
    expectSame(values!, y!);
    if (index === undefined || dx === undefined) return;
    expectSame(indices!, index);
    const g = draw(y!.shape, 2, c.dtype);
    expectClose(runOp('maxPool2dGrad', [g, indices!], poolGradParams(params, c.shape))[0]!, dx);
  });
});

describe('pooling', () => {
  it('gives the same bits on any number of threads', () => {
    const x = draw([64, 8, 30, 30], 5);
    const params = [maxPoolParams(2), maxPoolParams(3, { stride: 1, padding: 1 })];
    const run = (): HostTensor[] =>
      params.flatMap((p) => {
        const [y, indices] = runOp('maxPool2d', [x], p) as [HostTensor, HostTensor];
        return [y, indices, ...runOp('maxPool2dGrad', [y, indices], poolGradParams(p, x.shape))];
      });
    const one = run();
    device.threads = 2;
    run().forEach((t, i) => expectSame(t, one[i]!));
  });

  it('accepts an empty batch', () => {
    const x = host('float32', [0, 3, 8, 8], []);
    expect(runOp('maxPool2d', [x], maxPoolParams(2))[0]!.shape).toEqual([0, 3, 4, 4]);
    expect(runOp('adaptiveAvgPool2d', [x], adaptivePoolParams(1))[0]!.shape).toEqual([0, 3, 1, 1]);
  });

  it('makes one object of equal arguments', () => {
    expect(maxPoolParams([2, 2], { stride: 2 })).toBe(maxPoolParams(2));
    expect(maxPoolParams(2, { padding: 1 })).not.toBe(maxPoolParams(2));
    expect(adaptivePoolParams(1)).toBe(adaptivePoolParams([1, 1]));
  });

  it('refuses arguments that PyTorch refuses', () => {
    expect(() => maxPoolParams(2, { padding: 2 })).toThrow(/padding of at most half the kernel size/);
    expect(() => maxPoolParams(0)).toThrow(/kernelSize to be a whole number of at least 1/);
    expect(() => maxPoolParams(2, { stride: 0 })).toThrow(/stride/);
    expect(() => maxPoolParams(2, { dilation: 1.5 })).toThrow(/dilation/);
    expect(() => avgPoolParams(2, { divisorOverride: 0 })).toThrow(/divisorOverride/);
    expect(() => adaptivePoolParams(-1)).toThrow(/outputSize/);
    const shape = (dims: number[], params = maxPoolParams(5)): unknown => poolRules.maxPool2d.shape([layoutOf('float32', dims)], params);
    expect(() => shape([1, 1, 4, 4])).toThrow(/window 5×5 does not fit input 1×4×4/);
    expect(() => shape([4, 4])).toThrow(/expects a 3-d or 4-d input but receives 4×4/);
    expect(() => shape([1, 0, 8, 8])).toThrow(/sizes above 0/);
    expect(() => poolRules.avgPool2d.shape([layoutOf('int64', [1, 1, 8, 8])], avgPoolParams(2))).toThrow(/float32/);
  });
});
