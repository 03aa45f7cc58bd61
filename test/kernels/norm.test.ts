import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import type { DType } from '../../src/base/dtype.ts';
import { layoutOf } from '../../src/base/layout.ts';
import { numelOf } from '../../src/base/shape.ts';
import { batchNormParams } from '../../src/geometry/norm.ts';
import { lowerOf } from '../../src/tensor/graph-op.ts';
import { normRules } from '../../src/tensor/ops/norm.ts';
import { decode, draw, expectClose, expectSame, hostLayout, restride, runOp, typed, type Stored } from '../support/op-case.ts';
import { device, runLowering, type HostTensor } from '../support/run-kernel.ts';

interface Case {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly affine: boolean;
  readonly running: boolean;
  readonly training: boolean;
  readonly outputs: readonly Stored[];
}

const cases = JSON.parse(readFileSync(new URL('../fixtures/kernels/norm.json', import.meta.url), 'utf8')) as Case[];

const mapped = (t: HostTensor, fn: (value: number, i: number) => number): HostTensor => ({
  ...t,
  data: typed(t.dtype, Array.from(t.data, Number).map(fn)),
});

/** The input of the fixtures: channel c lies around 50·c. */
function input(shape: readonly number[], dtype: DType): HostTensor {
  const inner = numelOf(shape.slice(2));
  const add = (v: number, i: number): number => v + 50 * (Math.floor(i / inner) % shape[1]!);
  return mapped(draw(shape, 1, dtype), dtype === 'float32' ? (v, i) => Math.fround(add(v, i)) : add);
}

const variances = (shape: readonly number[], dtype: DType): HostTensor => mapped(draw(shape, 5, dtype), (v) => Math.abs(v) + 0.5);

/** Runs batchNorm in training; also returns the running statistics, which it writes in place. */
function train(inputs: readonly HostTensor[], params: ReturnType<typeof batchNormParams>): HostTensor[] {
  const layouts = normRules.batchNorm.shape(inputs.map(hostLayout), params);
  const ids = inputs.length;
  // The statistics are given as outputs too, at the addresses of the inputs, only to be read back.
  const run = runLowering(lowerOf('batchNorm', params), inputs, layouts, [0.3]);
  const results = layouts.map((l, i) => ({ dtype: l.dtype, shape: l.shape, data: run.results[i]! }));
  const written = params.running ? [ids - 2, ids - 1].map((i) => ({ ...inputs[i]!, data: run.input(i) })) : [];
  run.dispose();
  return [...results, ...written];
}

afterEach(() => {
  device.threads = 1;
});

describe('batchNorm', () => {
  it.each(cases.map((c) => [`${c.dtype} ${c.shape.join('x')} affine ${c.affine} running ${c.running} training ${c.training}`, c] as const))(
    '%s',
    (_, c) => {
      const { shape, dtype, affine } = c;
      const channels = [shape[1]!];
      const x = input(shape, dtype);
      const affines = affine ? [draw(channels, 2, dtype), draw(channels, 3, dtype)] : [];
      const statistics = c.running || !c.training ? [draw(channels, 4, dtype), variances(channels, dtype)] : [];
      const params = batchNormParams({ weight: affine, bias: affine, running: statistics.length > 0, eps: 1e-3 });
      const g = draw(shape, 6, dtype);
      const weight = affines.slice(0, 1);
      let actual: HostTensor[];
      if (c.training) {
        const [y, mean, invStd, ...written] = train([x, ...affines, ...statistics], params) as [HostTensor, HostTensor, HostTensor];
        actual = [y, ...written, ...runOp('batchNormGrad', [g, x, mean, invStd, ...weight], params)];
      } else {
        const [y] = runOp('batchNormEval', [x, ...affines, ...statistics], params) as [HostTensor];
        actual = [y, ...runOp('batchNormEvalGrad', [g, x, ...statistics, ...weight], params)];
      }
      const expected = c.outputs.map(decode);
      actual = actual.filter((t) => t.data.length < 600); // the larger ones are not stored
      expect(actual.length).toBe(expected.length);
      const [rtol, atol] = dtype === 'float64' ? [1e-12, 1e-11] : [1e-5, 2e-5];
      expected.forEach((t, i) => expectClose(actual[i]!, t, rtol, atol));
    },
  );

  it('keeps the variance of values far from zero', () => {
    const shape = [16, 2, 6, 6];
    const noise = draw(shape, 9, 'float64');
    const far = mapped(noise, (v) => 30000 + Math.round(v * 8) / 8); // exact in float32
    const params = batchNormParams({ weight: false, bias: false, running: false });
    const run = (dtype: DType): HostTensor[] => train([{ ...far, dtype, data: typed(dtype, Array.from(far.data, Number)) }], params);
    const [single, double] = [run('float32'), run('float64')];
    for (const i of [0, 1, 2]) {
      const exact = mapped({ ...double[i]!, dtype: 'float32' }, (v) => v);
      expectClose(single[i]!, exact, 1e-6, i === 0 ? 2e-3 : 0); // the mean itself is rounded to 2⁻⁹
    }
  });

  // Around whole registers and around what is summed as one run; the first elements are far from the others, and what is known of them misleads.
  it.each([1, 3, 4, 5, 7, 8, 15, 16, 17, 33, 49, 1023, 1025, 2063])('takes segments of %i elements', (size) => {
    const shape = [3, 2, size];
    const far = mapped(draw(shape, 11, 'float64'), (v, i) => Math.round(v) + (i % size < size / 8 ? 0 : 256));
    const g = draw(shape, 12, 'float64');
    const params = batchNormParams({ weight: false, bias: false, running: false });
    const both = (dtype: DType): HostTensor[] => {
      const [x, dy] = [far, g].map((t) => ({ ...t, dtype, data: typed(dtype, Array.from(t.data, Number)) })) as [HostTensor, HostTensor];
      const [y, mean, invStd] = train([x], params) as [HostTensor, HostTensor, HostTensor];
      return [y, mean, invStd, ...runOp('batchNormGrad', [dy, x, mean, invStd], params)];
    };
    const double = both('float64');
    for (const c of [0, 1]) {
      const own = Array.from(far.data, Number).filter((_, i) => Math.floor(i / size) % 2 === c);
      const mean = own.reduce((a, b) => a + b) / own.length;
      const variance = own.reduce((sum, v) => sum + (v - mean) ** 2, 0) / own.length;
      expect(double[1]!.data[c]).toBeCloseTo(mean, 9);
      expect(Number(double[2]!.data[c]) * Math.sqrt(variance + params.eps)).toBeCloseTo(1, 9);
    }
    const single = both('float32');
    double.forEach((t, i) => expectClose(single[i]!, { ...t, dtype: 'float32' }, 1e-5, 2e-5));
  });

  it('normalises a channel of equal values to its bias', () => {
    const x = mapped(draw([4, 2, 3, 3], 1), () => 7.3);
    const params = batchNormParams({ weight: false, bias: false, running: false });
    expect([...train([x], params)[0]!.data].every((v) => Math.abs(Number(v)) < 1e-3)).toBe(true);
  });

  it('writes results that are larger than caches', () => {
    const shape = [4, 2, 1 << 18];
    const part = draw([4, 2, 1 << 10], 13);
    const x = { ...part, shape, data: Float32Array.from({ length: 1 << 21 }, (_, i) => Number(part.data[i % part.data.length])) };
    const params = batchNormParams({ weight: false, bias: false, running: false });
    const both = (given: HostTensor): HostTensor[] => {
      const [y, mean, invStd] = train([given], params) as [HostTensor, HostTensor, HostTensor];
      return [y, mean, invStd, ...runOp('batchNormGrad', [y, given, mean, invStd], params)];
    };
    device.threads = 2;
    const [y, mean, invStd, dx] = both(x) as [HostTensor, HostTensor, HostTensor, HostTensor];
    const values = Array.from(x.data, Number);
    const normal = Float32Array.from(values, (v, i) => (v - Number(mean.data[(i >> 18) & 1])) * Number(invStd.data[(i >> 18) & 1]));
    expectClose(y, { ...x, data: normal }, 1e-5, 1e-5);
    expect(Array.from(dx.data, Number).every((v) => Math.abs(v) < 1e-4)).toBe(true); // a multiple of x̂ has no gradient
  });

  it('reads any strides, and gives the same bits on any number of threads', () => {
    const x = draw([16, 40, 8, 9], 1);
    const params = batchNormParams({ weight: false, bias: false, running: false });
    const both = (): HostTensor[] => {
      const [y, mean, invStd] = train([x], params) as [HostTensor, HostTensor, HostTensor];
      return [y, mean, invStd, ...runOp('batchNormGrad', [y, x, mean, invStd], params)];
    };
    const one = both();
    device.threads = 2;
    both().forEach((t, i) => expectSame(t, one[i]!));
    train([restride(x, [0, 2, 3, 1])], params).forEach((t, i) => expectSame(t, one[i]!));
  });

  it('refuses what does not fit', () => {
    const shape = (dims: number[], others: number[][] = [], running = false): unknown =>
      normRules.batchNorm.shape(
        [dims, ...others].map((d) => layoutOf('float32', d)),
        batchNormParams({ weight: others.length > 0 && !running, bias: false, running }),
      );
    expect(() => shape([8])).toThrow(/\[N, C\] or \[N, C, …\], but got \[8\]/);
    expect(() => shape([1, 8])).toThrow(/more than 1 value per channel/);
    expect(() => shape([4, 8], [[7]])).toThrow(/expected weight of shape \[8\].*but got \[7\]; make the layer with 8 features/);
    expect(() => shape([4, 8], [[8], [3]], true)).toThrow(/runningVar/);
    expect(() => batchNormParams({ weight: true, bias: true, running: true, eps: NaN })).toThrow(/eps/);
  });
});
