import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { TypedArray } from '../../src/base/dtype.ts';
import { layoutOf } from '../../src/base/layout.ts';
import { convInputGradParams, convWeightGradParams } from '../../src/geometry/conv-operations.ts';
import { convGeometry, convParams, type ConvGeometry, type ConvOptions } from '../../src/geometry/conv.ts';
import { lowerOf, ruleOf } from '../../src/tensor/graph-op.ts';
import { convRules, type AllConvAttrs } from '../../src/tensor/ops/conv.ts';
import { hostTensor, rowMajor, worstDifference, type HostDType } from '../support/host-tensors.ts';
import { device, runLowering, type HostTensor } from '../support/run-kernel.ts';
import { referenceConv, referenceInputGrad, referenceWeightGrad } from './conv-reference.ts';

const threads = device.threads;
afterAll(() => {
  device.threads = threads;
});

function run<K extends keyof AllConvAttrs>(op: K, inputs: readonly HostTensor[], attrs: AllConvAttrs[K]): TypedArray[] {
  const layouts = inputs.map((t) => layoutOf(t.dtype, t.shape, t.strides));
  const outputs = ruleOf(op).shape(layouts, attrs);
  const { results, dispose } = runLowering(lowerOf(op, attrs), inputs, outputs);
  dispose();
  return results;
}

interface Case {
  readonly x: readonly [number, number, number, number];
  readonly outputs: number;
  readonly kernel: readonly [number, number];
  readonly options: ConvOptions;
}

interface Setup {
  readonly geometry: ConvGeometry;
  readonly x: HostTensor;
  readonly w: HostTensor;
  readonly b: HostTensor;
  readonly dy: HostTensor;
}

const LAST = [0, 2, 3, 1]; // channels last

function setup(c: Case, dtype: HostDType, channelsLast = false): Setup {
  const groups = c.options.groups ?? 1;
  const order = channelsLast ? LAST : undefined;
  const w = hostTensor(dtype, [c.outputs, c.x[1] / groups, ...c.kernel], 2, order);
  const geometry = convGeometry('test', c.x, w.shape, convParams(c.options));
  const y = [c.x[0], c.outputs, geometry.height.output, geometry.width.output];
  return {
    geometry,
    x: hostTensor(dtype, c.x, 1, order),
    w,
    b: hostTensor(dtype, [c.outputs], 3),
    dy: hostTensor(dtype, y, 4, order),
  };
}

interface Results {
  readonly y: TypedArray;
  readonly dx: TypedArray;
  readonly dw: TypedArray;
  readonly db: TypedArray;
}

function runAll(c: Case, { x, w, b, dy }: Setup): Results {
  const params = convParams(c.options);
  const [y] = run('conv2d', [x, w, b], params);
  const [dx] = run('conv2dInputGrad', [dy, w], convInputGradParams(params, [c.x[2], c.x[3]]));
  const [dw, db] = run('conv2dWeightGrad', [dy, x], convWeightGradParams(params, c.kernel, true));
  return { y: y!, dx: dx!, dw: dw!, db: db! };
}

/** Runs all three on the device and compares them with the plain loops. */
function check(c: Case, dtype: HostDType, channelsLast = false): void {
  const s = setup(c, dtype, channelsLast);
  const got = runAll(c, s);
  const { geometry: g } = s;
  const [x, w, b, dy] = [s.x, s.w, s.b, s.dy].map(rowMajor) as [number[], number[], number[], number[]];
  const unit = dtype === 'float32' ? 1.2e-7 : 2.3e-16;
  const taps = g.height.kernel * g.width.kernel;
  const label = JSON.stringify(c);
  const within = (actual: TypedArray, expected: Float64Array, terms: number): void =>
    expect(worstDifference(actual, expected), label).toBeLessThanOrEqual(unit * (64 + terms)); // Winograd's sums lose more than direct ones of few terms
  within(got.y, referenceConv(g, x, w, b), g.inPerGroup * taps);
  within(got.dx, referenceInputGrad(g, dy, w), g.outPerGroup * taps);
  const expected = referenceWeightGrad(g, dy, x);
  const pixels = g.batch * g.height.output * g.width.output;
  within(got.dw, expected.dw, pixels);
  within(got.db, expected.db, pixels);
}

const CASES: Record<string, Case> = {
  'a tutorial layer': { x: [4, 3, 32, 32], outputs: 16, kernel: [3, 3], options: { stride: 2, padding: 1 } },
  'its second layer': { x: [3, 16, 16, 16], outputs: 32, kernel: [3, 3], options: { stride: 2, padding: 1 } },
  'stride 1, padding 1': { x: [3, 5, 9, 11], outputs: 7, kernel: [3, 3], options: { padding: 1 } },
  'a (1, 2) kernel on one channel': { x: [1, 1, 6, 8], outputs: 1, kernel: [1, 2], options: {} },
  'one by one': { x: [2, 9, 5, 7], outputs: 6, kernel: [1, 1], options: {} },
  'one by one, stride 2': { x: [2, 6, 7, 8], outputs: 5, kernel: [1, 1], options: { stride: 2 } },
  'stride above the kernel': { x: [2, 3, 10, 11], outputs: 4, kernel: [2, 2], options: { stride: 3, padding: 1 } },
  dilation: { x: [2, 3, 12, 13], outputs: 5, kernel: [3, 2], options: { dilation: [2, 3], padding: [1, 2] } },
  'stride and dilation': { x: [2, 4, 13, 12], outputs: 4, kernel: [3, 3], options: { stride: [2, 3], dilation: [3, 2], padding: 2 } },
  groups: { x: [3, 8, 7, 6], outputs: 12, kernel: [3, 3], options: { groups: 2, padding: 1 } },
  depthwise: { x: [3, 6, 9, 8], outputs: 6, kernel: [3, 3], options: { groups: 6, padding: 1 } },
  'depthwise with two outputs each': { x: [2, 4, 9, 8], outputs: 8, kernel: [3, 3], options: { groups: 4, padding: 1, stride: 2 } },
  'outputs narrower than a vector': { x: [5, 6, 2, 2], outputs: 9, kernel: [3, 3], options: { padding: 1 } },
  'one pixel': { x: [6, 3, 3, 3], outputs: 8, kernel: [3, 3], options: {} },
  'padding beyond the kernel': { x: [2, 2, 4, 3], outputs: 3, kernel: [2, 2], options: { padding: 3 } },
  'padding beyond the kernel, strided': {
    x: [2, 2, 4, 5],
    outputs: 3,
    kernel: [2, 2],
    options: { padding: 4, stride: 3 },
  },
  "padding 'same', even kernel": { x: [2, 3, 6, 7], outputs: 4, kernel: [2, 4], options: { padding: 'same' } },
  "padding 'same', dilated": {
    x: [2, 3, 8, 7],
    outputs: 4,
    kernel: [3, 2],
    options: { padding: 'same', dilation: [1, 3] },
  },
  "padding 'valid'": { x: [2, 3, 6, 7], outputs: 4, kernel: [2, 4], options: { padding: 'valid' } },
  'several blocks of channels': { x: [2, 150, 6, 7], outputs: 5, kernel: [3, 3], options: { padding: 1 } },
  'several blocks of channels, strided': { x: [2, 150, 6, 7], outputs: 150, kernel: [3, 3], options: { padding: 1, stride: 2 } },
  'several blocks of rows': { x: [1, 40, 41, 30], outputs: 6, kernel: [3, 3], options: { padding: 1 } },
  'several blocks of rows, strided': {
    x: [1, 40, 81, 61],
    outputs: 6,
    kernel: [3, 3],
    options: { padding: 1, stride: 2 },
  },
  'many small images': { x: [40, 8, 4, 4], outputs: 8, kernel: [3, 3], options: { padding: 1 } },
  'one small image, many outputs': { x: [1, 70, 4, 4], outputs: 203, kernel: [3, 3], options: { padding: 1 } },
  'one column': { x: [2, 9, 41, 1], outputs: 12, kernel: [8, 1], options: { stride: [2, 1], padding: [3, 0] } },
  'one column, a kernel of three': { x: [2, 9, 41, 1], outputs: 12, kernel: [3, 3], options: { padding: 1, dilation: [2, 1] } },
  'one column, groups': { x: [3, 8, 21, 1], outputs: 8, kernel: [5, 2], options: { padding: [2, 1], stride: [1, 2], groups: 8 } },
  'a tall kernel': { x: [2, 2, 20, 5], outputs: 3, kernel: [11, 1], options: { padding: [5, 0] } },
};

describe.each(['float32', 'float64'] as const)('conv2d and its gradients in %s', (dtype) => {
  it.each(Object.keys(CASES))('agree with plain loops: %s', (name) => check(CASES[name]!, dtype));

  it('take any strides', () => {
    for (const name of ['a tutorial layer', 'groups', 'stride and dilation', 'one by one, stride 2']) check(CASES[name]!, dtype, true);
  });
});

describe('conv2d', () => {
  it('agrees with plain loops for random arguments', () => {
    const size = (min: number, max: number) => fc.integer({ min, max });
    const two = (min: number, max: number) => fc.tuple(size(min, max), size(min, max));
    const arbitrary = fc.record({
      batch: size(1, 5),
      groups: size(1, 3),
      inputs: size(1, 6),
      outputs: size(1, 6),
      size: two(1, 14),
      kernel: two(1, 4),
      stride: two(1, 4),
      padding: two(0, 3),
      dilation: two(1, 3),
      last: fc.boolean(),
    });
    const fits = (a: { size: number[]; kernel: number[]; padding: number[]; dilation: number[] }): boolean =>
      [0, 1].every((d) => a.size[d]! + 2 * a.padding[d]! > a.dilation[d]! * (a.kernel[d]! - 1));
    fc.assert(
      fc.property(arbitrary.filter(fits), (a) => {
        const { groups, stride, padding, dilation } = a;
        check(
          {
            x: [a.batch, groups * a.inputs, ...a.size],
            outputs: groups * a.outputs,
            kernel: a.kernel,
            options: { stride, padding, dilation, groups },
          },
          'float32',
          a.last,
        );
      }),
      { numRuns: 150, seed: 7 },
    );
  });

  it('gives the same bits on any number of threads', () => {
    for (const name of [
      'one small image, many outputs',
      'a tutorial layer',
      'several blocks of rows',
      'several blocks of channels, strided',
      'many small images',
    ]) {
      const base = CASES[name]!;
      const c = { ...base, x: [base.x[0] * 4, base.x[1], base.x[2], base.x[3]] as const };
      const s = setup(c, 'float32');
      device.threads = 1;
      const one = runAll(c, s);
      device.threads = 2;
      const two = runAll(c, s);
      for (const key of ['y', 'dx', 'dw', 'db'] as const)
        expect(worstDifference(two[key], one[key] as Float32Array), `${name}: ${key}`).toBe(0);
    }
  });

  it('leaves out the bias where there is none', () => {
    const c = CASES['stride 1, padding 1']!;
    const { x, w, dy, geometry } = setup(c, 'float64');
    const params = convParams(c.options);
    const [y] = run('conv2d', [x, w], params);
    expect(worstDifference(y!, referenceConv(geometry, rowMajor(x), rowMajor(w), undefined))).toBeLessThan(1e-13);
    expect(run('conv2dWeightGrad', [dy, x], convWeightGradParams(params, c.kernel, false))).toHaveLength(1);
  });

  it('takes an empty batch', () => {
    const c: Case = { x: [0, 3, 6, 6], outputs: 4, kernel: [3, 3], options: { padding: 1 } };
    const { y, dx, dw, db } = runAll(c, setup(c, 'float32'));
    expect([y.length, dx.length]).toEqual([0, 0]);
    expect([...dw, ...db].every((v) => v === 0)).toBe(true);
    expect(dw.length).toBe(108);
  });

  it('keeps an infinity or NaN to the outputs and gradients that see it', () => {
    const c: Case = { x: [2, 2, 5, 5], outputs: 3, kernel: [3, 3], options: { stride: 2 } };
    const s = setup(c, 'float32');
    (s.x.data as Float32Array)[0] = NaN; // first pixel: seen by the first output and the first tap only
    (s.dy.data as Float32Array)[3] = Infinity; // last output of the first plane: meets only whole windows
    const got = runAll(c, s);
    const [x, w, b, dy] = [s.x, s.w, s.b, s.dy].map(rowMajor) as [number[], number[], number[], number[]];
    const nan = (values: ArrayLike<number | bigint>): number[] =>
      Array.from(values, (v, i) => (Number.isNaN(Number(v)) ? i : -1)).filter((i) => i >= 0);
    expect(nan(got.y)).toEqual(nan(referenceConv(s.geometry, x, w, b)));
    expect(nan(got.dx)).toEqual(nan(referenceInputGrad(s.geometry, dy, w)));
    expect(nan(got.dw)).toEqual(nan(referenceWeightGrad(s.geometry, dy, x).dw));
    expect([...got.db].map(Number)[0]).toBe(Infinity);
  });
});

describe('convolution arguments', () => {
  const shape =
    (x: readonly number[], w: readonly number[], options: ConvOptions = {}, bias?: number[]) =>
    () =>
      convRules.conv2d.shape(
        [x, w, ...(bias === undefined ? [] : [bias])].map((dims) => layoutOf('float32', dims)),
        convParams(options),
      );

  it('follows floor((H + 2P - D(K - 1) - 1) / S) + 1', () => {
    const [y] = shape([2, 3, 33, 20], [8, 3, 5, 3], { stride: [2, 3], padding: [1, 0], dilation: [2, 4] })();
    expect(y!.shape).toEqual([2, 8, 14, 4]);
  });

  it('makes equal arguments one object', () => {
    expect(convParams({ stride: 2, padding: [1, 1] })).toBe(convParams({ stride: [2, 2], padding: 1 }));
  });

  it.each([
    [{ stride: 0 }, /stride to be a whole number of at least 1, or two of them, but got 0/],
    [{ padding: -1 }, /padding to be a whole number of at least 0/],
    [{ dilation: 1.5 }, /dilation/],
    [{ groups: 0 }, /groups/],
    [{ padding: 'same', stride: 2 }, /padding 'same' needs stride 1/],
    [{ padding: 'full' as 'same' }, /'same' or 'valid', but got 'full'/],
  ] as const)('refuses %j', (options, message) => {
    expect(() => convParams(options)).toThrow(message);
  });

  it('names what does not fit', () => {
    expect(shape([1, 1, 5, 5], [4, 3, 3, 3])).toThrow(/^conv2d expects 3 channels but receives 1 \(input 1×5×5\)/);
    expect(shape([1, 4, 5, 5], [4, 3, 3, 3], { groups: 2 })).toThrow(/expects 6 channels but receives 4/);
    expect(shape([1, 6, 5, 5], [5, 3, 3, 3], { groups: 2 })).toThrow(/multiple of groups 2, but got 5/);
    expect(shape([1, 3, 2, 5], [4, 3, 3, 3])).toThrow(/^conv2d: window 3×3 does not fit input 3×2×5/);
    expect(shape([3, 5, 5], [4, 3, 3, 3])).toThrow(/^conv2d expects a 3-d or 4-d input but receives 3×5×5/);
    expect(shape([1, 3, 5, 5], [4, 3, 3])).toThrow(/expected a weight of shape/);
    expect(shape([1, 3, 5, 5], [4, 3, 3, 3], {}, [3])).toThrow(/expected a bias of shape \[4\]/);
    expect(() => convRules.conv2d.shape([layoutOf('float32', [1, 1, 3, 3]), layoutOf('float64', [1, 1, 1, 1])], convParams())).toThrow(
      /one dtype, but got float32, float64/,
    );
    expect(() => convRules.conv2d.shape([layoutOf('int64', [1, 1, 3, 3])], convParams())).toThrow(/float32 or float64, but got int64/);
    const grad = [layoutOf('float32', [1, 4, 2, 3]), layoutOf('float32', [4, 3, 3, 3])];
    expect(() => convRules.conv2dInputGrad.shape(grad, convInputGradParams(convParams(), [5, 5]))).toThrow(
      /expected a gradient of shape \[1, 4, 3, 3\]/,
    );
  });
});
