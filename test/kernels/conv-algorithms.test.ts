/** Winograd's algorithm, the correlation along outputs, along flat planes and products of 1×1 kernels, called directly, where the ladder might have taken another way. */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { TypedArray } from '../../src/base/dtype.ts';
import { layoutOf } from '../../src/base/layout.ts';
import type { Value } from '../../src/compiler/lowering.ts';
import type { CpuLowering } from '../../src/lower/cpu/lowering.ts';
import { convGeometry, convParams, type ConvGeometry } from '../../src/geometry/conv.ts';
import { MAPS, PRODUCTS, REACH, TILE, type Matrix } from '../../src/kernels/cpu/conv/winograd-transforms.ts';
import { forwardCorrelation, inputGradCorrelation, PLAIN, type Finish, type Lowered } from '../../src/lower/cpu/conv/correlation.ts';
import { lowerFlat } from '../../src/lower/cpu/conv/flat.ts';
import { lowerPixelPanels } from '../../src/lower/cpu/conv/pixel-panels.ts';
import { lowerPixels } from '../../src/lower/cpu/conv/pixels.ts';
import { lowerPointwise } from '../../src/lower/cpu/conv/pointwise.ts';
import { lowerProducts } from '../../src/lower/cpu/conv/products.ts';
import { lowerCorrelation } from '../../src/lower/cpu/conv/rows.ts';
import { lowerSingle } from '../../src/lower/cpu/conv/single.ts';
import { lowerStrips } from '../../src/lower/cpu/conv/strips.ts';
import { lowerWeightProducts } from '../../src/lower/cpu/conv/weight-products.ts';
import { lowerWinogradWeightGrad } from '../../src/lower/cpu/conv/winograd-weight-grad.ts';
import { lowerWinograd } from '../../src/lower/cpu/conv/winograd.ts';
import { hostTensor, rowMajor, worstDifference, type HostDType } from '../support/host-tensors.ts';
import { device, runLowering, type HostTensor } from '../support/run-kernel.ts';
import { referenceConv, referenceInputGrad, referenceWeightGrad } from './conv-reference.ts';

/** How many cases are drawn: natively every kernel is compiled, and there are others' tests of what compilers make. */
const runs = (count: number): number =>
  Math.ceil(process.env['FLAMBEAU_NATIVE'] === 'wait' && process.env['FLAMBEAU_SLOW'] !== '1' ? count / 6 : count);
const threads = device.threads;
afterAll(() => {
  device.threads = threads;
});

interface Case {
  readonly x: readonly [number, number, number, number];
  readonly outputs: number;
  readonly groups?: number;
  readonly kernel?: readonly [number, number];
  readonly stride?: readonly [number, number];
  readonly dilation?: readonly [number, number];
  readonly padding: readonly [number, number];
}

interface Setup {
  readonly g: ConvGeometry;
  readonly x: HostTensor;
  readonly w: HostTensor;
  readonly b: HostTensor;
  readonly dy: HostTensor;
  readonly gate: HostTensor;
}

function setup({ x, outputs, groups = 1, kernel = [3, 3], stride = [1, 1], dilation = [1, 1], padding }: Case, dtype: HostDType): Setup {
  const w = hostTensor(dtype, [outputs, x[1] / groups, ...kernel], 2);
  const g = convGeometry('test', x, w.shape, convParams({ padding, stride, dilation, groups }));
  const y = [x[0], outputs, g.height.output, g.width.output];
  return {
    g,
    x: hostTensor(dtype, x, 1),
    w,
    b: hostTensor(dtype, [outputs], 3),
    dy: hostTensor(dtype, y, 4),
    gate: hostTensor(dtype, x, 5),
  };
}

type Build = (l: CpuLowering, inputs: readonly Value[], outputs: readonly Value[]) => Lowered | boolean;

/** What is worth doing depends on the machine's vectors. */
class Refused extends Error {}

/** Skips a property's run where an algorithm refuses the sizes. */
function unlessRefused(body: () => void): void {
  try {
    body();
  } catch (error) {
    fc.pre(!(error instanceof Refused));
    throw error;
  }
}

/** Runs a lowering that must accept the shape. */
function run(build: Build, inputs: readonly HostTensor[], outputs: readonly (readonly number[])[]): TypedArray[] {
  const { dtype } = inputs[0]!;
  const accepted = (l: CpuLowering, i: readonly Value[], o: readonly Value[]): void => {
    const taken = build(l, i, o);
    if (taken !== true && taken !== 'done') throw new Refused();
  };
  const { results, dispose } = runLowering(
    accepted,
    inputs,
    outputs.map((shape) => layoutOf(dtype, shape)),
  );
  dispose();
  return results;
}

const gated = (gate: Value): Finish => ({ kind: 'gate', gate });

const winograd = {
  forward: ({ g, x, w, b, dy }: Setup, finish = PLAIN) =>
    run(
      (l, [vx, vw, vb], [y]) => lowerWinograd(l, forwardCorrelation(g, vw!), { x: vx!, w: vw!, bias: vb, y: y!, finish }),
      [x, w, b],
      [dy.shape],
    )[0]!,
  inputGrad: ({ g, x, w, dy, gate }: Setup, gates = false) =>
    run(
      (l, [vdy, vw, vg], [dx]) =>
        lowerWinograd(l, inputGradCorrelation(g, vw!), { x: vdy!, w: vw!, y: dx!, finish: gates ? gated(vg!) : PLAIN }),
      [dy, w, gate],
      [x.shape],
    )[0]!,
  weightGrad: ({ g, x, w, b, dy }: Setup) =>
    run((l, [vdy, vx], [dw, db]) => lowerWinogradWeightGrad(l, g, vdy!, vx!, dw!, db), [dy, x], [w.shape, b.shape]),
};

const along = (lower: typeof lowerPixels) => ({
  forward: ({ g, x, w, b, dy }: Setup, finish = PLAIN) =>
    run(
      (l, [vx, vw, vb], [y]) => lower(l, forwardCorrelation(g, vw!), { x: vx!, w: vw!, bias: vb, y: y!, finish }),
      [x, w, b],
      [dy.shape],
    )[0]!,
  inputGrad: ({ g, x, w, dy, gate }: Setup, gates = false) =>
    run(
      (l, [vdy, vw, vg], [dx]) => lower(l, inputGradCorrelation(g, vw!), { x: vdy!, w: vw!, y: dx!, finish: gates ? gated(vg!) : PLAIN }),
      [dy, w, gate],
      [x.shape],
    )[0]!,
});
const flat = along(lowerFlat);
const pixels = along(lowerPixels);
const panels = along(lowerPixelPanels);
const products = along(lowerProducts);
const pointwise = along(lowerPointwise);
const strips = along(lowerStrips);

const weightProducts = ({ g, x, w, b, dy }: Setup): TypedArray[] =>
  run((l, [vdy, vx], [dw, db]) => lowerWeightProducts(l, g, vdy!, vx!, dw!, db), [dy, x], [w.shape, b.shape]);

const UNIT = { float32: 1.2e-7, float64: 2.3e-16 };

function expectClose(got: TypedArray, expected: Float64Array, terms: number, dtype: 'float32' | 'float64', c: Case): void {
  expect(worstDifference(got, expected), JSON.stringify(c)).toBeLessThanOrEqual(UNIT[dtype] * (64 + terms));
}

/** Sizes around whole tiles and vectors, channels around whole vectors and panels; images enough for the work to pay. */
const size = (min: number, max: number) => fc.integer({ min, max });
const arbitrary = fc.record({
  batch: size(6, 9),
  channels: size(16, 41),
  outputs: size(16, 41),
  rows: size(9, 19),
  columns: size(9, 19),
  padding: fc.tuple(size(0, 2), size(0, 2)),
});

describe("Winograd's maps", () => {
  const times = (a: Matrix, b: Matrix): Matrix => a.map((row) => b[0]!.map((_, j) => row.reduce((sum, c, k) => sum + c * b[k]![j]!, 0)));
  const turned = (a: Matrix): Matrix => a[0]!.map((_, j) => a.map((row) => row[j]!));
  const around = (m: Matrix, x: Matrix): Matrix => times(times(m, x), turned(m));
  const noise = (n: number, salt: number): Matrix =>
    Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => Math.sin(7 * i + 3 * j * j + salt)));

  it('make a tile of a correlation', () => {
    const [x, w] = [noise(REACH, 1), noise(3, 2)];
    const [u, v] = [around(MAPS.weights, w), around(MAPS.elements, x)];
    const y = around(
      MAPS.outputs,
      u.map((row, i) => row.map((c, j) => c * v[i]![j]!)),
    );
    for (let i = 0; i < TILE; i++)
      for (let j = 0; j < TILE; j++) {
        let sum = 0;
        for (let a = 0; a < 3; a++) for (let b = 0; b < 3; b++) sum += x[i + a]![j + b]! * w[a]![b]!;
        expect(y[i]![j]).toBeCloseTo(sum, 12);
      }
    expect(PRODUCTS).toBe(36);
  });

  it('have coefficients that single precision holds, but for the weights', () => {
    for (const name of ['elements', 'outputs', 'gradients'] as const) for (const c of MAPS[name].flat()) expect(Math.fround(c)).toBe(c);
  });
});

describe.each(['float32', 'float64'] as const)("Winograd's algorithm in %s", (dtype) => {
  it('agrees with plain loops for random sizes', () => {
    fc.assert(
      fc.property(arbitrary, ({ batch, channels, outputs, rows, columns, padding }) =>
        unlessRefused(() => {
          const c: Case = { x: [batch, channels, rows, columns], outputs, padding };
          const s = setup(c, dtype);
          const [x, w, b, dy] = [s.x, s.w, s.b, s.dy].map(rowMajor) as [number[], number[], number[], number[]];
          expectClose(winograd.forward(s), referenceConv(s.g, x, w, b), channels * 9, dtype, c);
          expectClose(winograd.inputGrad(s), referenceInputGrad(s.g, dy, w), outputs * 9, dtype, c);
          const [dw, db] = winograd.weightGrad(s);
          const expected = referenceWeightGrad(s.g, dy, x);
          expectClose(dw!, expected.dw, batch * rows * columns, dtype, c);
          expectClose(db!, expected.db, batch * rows * columns, dtype, c);
        }),
      ),
      { numRuns: runs(6), seed: 3 },
    );
  });

  it('takes many channels on few pixels, and blocks of rows of large images', () => {
    for (const c of [
      { x: [18, 160, 4, 4], outputs: 136, padding: [1, 1] },
      { x: [1, 16, 70, 45], outputs: 24, padding: [1, 1] },
    ] satisfies Case[]) {
      const s = setup(c, dtype);
      const [x, w, b, dy] = [s.x, s.w, s.b, s.dy].map(rowMajor) as [number[], number[], number[], number[]];
      expectClose(winograd.forward(s), referenceConv(s.g, x, w, b), c.x[1] * 9, dtype, c);
      const expected = referenceWeightGrad(s.g, dy, x);
      const [dw, db] = winograd.weightGrad(s);
      expectClose(dw!, expected.dw, c.x[0] * c.x[2] * c.x[3], dtype, c);
      expectClose(db!, expected.db, c.x[0] * c.x[2] * c.x[3], dtype, c);
    }
  });
});

const strided = fc.record({
  batch: size(1, 5),
  channels: size(8, 40),
  outputs: size(17, 40),
  rows: size(2, 14),
  columns: size(2, 14),
  kernel: fc.tuple(size(1, 4), size(1, 4)),
  stride: fc.tuple(size(1, 3), size(1, 3)),
  padding: fc.tuple(size(0, 2), size(0, 2)),
});

describe.each([
  ['pixels', 'float32', pixels],
  ['pixels', 'float64', pixels],
  ['panels of pixels', 'float32', panels],
  ['panels of pixels', 'float64', panels],
] as const)('the correlation along outputs by %s in %s', (_, dtype, algorithm) => {
  it('agrees with plain loops for random sizes, kernels and strides', () => {
    const large = ({
      rows,
      columns,
      kernel,
      stride,
      padding,
    }: {
      rows: number;
      columns: number;
      kernel: number[];
      stride: number[];
      padding: number[];
    }) =>
      [rows, columns]
        .map((n, d) => Math.floor((n + 2 * padding[d]! - kernel[d]!) / stride[d]!) + 1)
        .reduce((a, b) => Math.max(a, 0) * Math.max(b, 0)) >= 4;
    fc.assert(
      fc.property(strided.filter(large), ({ batch, channels, outputs, rows, columns, kernel, stride, padding }) =>
        unlessRefused(() => {
          const c: Case = { x: [batch, channels, rows, columns], outputs, kernel, stride, padding };
          const s = setup(c, dtype);
          const [x, w, b, dy] = [s.x, s.w, s.b, s.dy].map(rowMajor) as [number[], number[], number[], number[]];
          const taps = kernel[0] * kernel[1];
          expectClose(algorithm.forward(s), referenceConv(s.g, x, w, b), channels * taps, dtype, c);
          expectClose(algorithm.inputGrad(s), referenceInputGrad(s.g, dy, w), outputs * taps, dtype, c);
        }),
      ),
      { numRuns: runs(25), seed: 5 },
    );
  });
});

/** Few kinds of kernels and groups, which native targets compile one by one, and many sizes. */
const grouped = fc.record({
  batch: size(1, 9),
  groups: size(2, 5),
  sizes: fc.tuple(size(1, 19), size(1, 19)),
  padding: fc.tuple(size(0, 2), size(0, 2)),
  kind: fc.constantFrom(
    { channels: 4, outputs: 4, kernel: [3, 3], stride: [1, 1], dilation: [1, 1] } as const,
    { channels: 3, outputs: 13, kernel: [3, 3], stride: [2, 2], dilation: [1, 1] } as const,
    { channels: 9, outputs: 1, kernel: [2, 3], stride: [1, 2], dilation: [1, 2] } as const,
    { channels: 2, outputs: 8, kernel: [1, 1], stride: [2, 1], dilation: [1, 1] } as const,
  ),
});

describe.each(['float32', 'float64'] as const)('groups along flat planes in %s', (dtype) => {
  const check = (c: Case): void => {
    const s = setup(c, dtype);
    const [x, w, b, dy, gate] = [s.x, s.w, s.b, s.dy, s.gate].map(rowMajor) as [number[], number[], number[], number[], number[]];
    const { inPerGroup, outPerGroup, height, width } = s.g;
    const taps = height.kernel * width.kernel;
    expectClose(flat.forward(s), referenceConv(s.g, x, w, b), inPerGroup * taps, dtype, c);
    if (Math.min(height.input, width.input) < 2 && Math.max(height.stride, width.stride) > 1) return; // some residues have no results
    const dx = referenceInputGrad(s.g, dy, w);
    expectClose(flat.inputGrad(s), dx, outPerGroup * taps, dtype, c);
    expectClose(
      flat.inputGrad(s, true),
      dx.map((v, i) => (gate[i]! > 0 ? v : 0)),
      outPerGroup * taps,
      dtype,
      c,
    );
  };

  it('agree with plain loops for random sizes', () => {
    const large = ({
      sizes,
      padding,
      kind,
    }: {
      sizes: number[];
      padding: number[];
      kind: { kernel: readonly number[]; dilation: readonly number[] };
    }) => sizes.every((n, d) => n + 2 * padding[d]! > (kind.kernel[d]! - 1) * kind.dilation[d]!);
    fc.assert(
      fc.property(grouped.filter(large), ({ batch, groups, sizes, padding, kind: { channels, outputs, ...kind } }) =>
        check({ x: [batch, groups * channels, ...sizes], outputs: groups * outputs, groups, padding, ...kind }),
      ),
      // Native targets compile a kernel for each kind, tile and width of vectors.
      { numRuns: runs(dtype === 'float32' ? 80 : 20), seed: 3 },
    );
  });

  it('agree with plain loops in blocks of rows and images', () => {
    check({ x: [1, 24, 40, 33], outputs: 24, groups: 2, padding: [1, 1] });
    check({ x: [2, 24, 41, 35], outputs: 10, groups: 2, padding: [1, 1], stride: [2, 2] });
    check({ x: [19, 8, 3, 2], outputs: 8, groups: 2, padding: [1, 1] });
  });
});

describe.each([
  ['products', 'float32', products],
  ['products', 'float64', products],
  ['panels of pixels', 'float32', panels],
  ['panels of pixels', 'float64', panels],
  ['vectors along pixels', 'float32', pointwise],
  ['strips of pixels', 'float32', strips],
] as const)('%s of 1×1 kernels in %s', (_, dtype, algorithm) => {
  const point = { kernel: [1, 1], padding: [0, 0] } as const;
  const check = (c: Case): void => {
    const s = setup(c, dtype);
    const [x, w, b, dy] = [s.x, s.w, s.b, s.dy].map(rowMajor) as [number[], number[], number[], number[]];
    expectClose(algorithm.forward(s), referenceConv(s.g, x, w, b), c.x[1], dtype, c);
    expectClose(algorithm.inputGrad(s), referenceInputGrad(s.g, dy, w), c.outputs, dtype, c);
  };

  it('agree with plain loops for random sizes', () => {
    const sizes = fc.record({ batch: size(1, 9), channels: size(8, 40), outputs: size(8, 40), rows: size(1, 23), columns: size(1, 23) });
    fc.assert(
      fc.property(sizes, ({ batch, channels, outputs, rows, columns }) =>
        unlessRefused(() => check({ x: [batch, channels, rows, columns], outputs, ...point })),
      ),
      { numRuns: runs(25), seed: 7 },
    );
  });

  it('take sums longer than a panel, more outputs than weights in the cache, images in blocks and several at a time', () => {
    check({ x: [1, 500, 4, 8], outputs: 24, ...point });
    check({ x: [1, 9, 3, 21], outputs: 301, ...point });
    check({ x: [2, 8, 29, 31], outputs: 8, ...point });
    check({ x: [7, 8, 9, 7], outputs: 13, ...point });
    check({ x: [1, 500, 29, 31], outputs: 8, ...point });
  });
});

describe.each(['float32', 'float64'] as const)('gradients of weights as products in %s', (dtype) => {
  const check = (c: Case): void => {
    const s = setup(c, dtype);
    const [x, dy] = [s.x, s.dy].map(rowMajor) as [number[], number[]];
    const [dw, db] = weightProducts(s);
    const expected = referenceWeightGrad(s.g, dy, x);
    const pixels = c.x[0] * s.g.height.output * s.g.width.output;
    expectClose(dw!, expected.dw, pixels, dtype, c);
    expectClose(db!, expected.db, pixels, dtype, c);
  };

  it('agree with plain loops for random sizes, kernels and strides', () => {
    const reaches = ({ rows, columns, kernel, padding }: { rows: number; columns: number; kernel: number[]; padding: number[] }) =>
      [rows, columns].every((n, d) => n + 2 * padding[d]! >= kernel[d]!);
    fc.assert(
      fc.property(strided.filter(reaches), ({ batch, channels, outputs, rows, columns, kernel, stride, padding }) =>
        unlessRefused(() => check({ x: [batch, channels, rows, columns], outputs: outputs + 16, kernel, stride, padding })),
      ),
      { numRuns: runs(20), seed: 8 },
    );
  });

  it('take 1×1 kernels, whose rows are joined, in blocks of channels and outputs, and units of some pixels', () => {
    const point = { kernel: [1, 1], padding: [0, 0] } as const;
    check({ x: [3, 500, 2, 3], outputs: 290, ...point });
    check({ x: [5, 24, 33, 26], outputs: 49, ...point });
    check({ x: [9, 40, 7, 7], outputs: 70, ...point });
  });
});

it('gradients of weights as products give the same bits on any number of threads', () => {
  const s = setup({ x: [20, 48, 13, 11], outputs: 37, padding: [1, 1] }, 'float32');
  device.threads = 1;
  const one = weightProducts(s);
  device.threads = 2;
  expect(weightProducts(s)).toEqual(one);
});

describe.each([
  ['winograd', winograd, lowerWinograd, { kernel: [3, 3], padding: [1, 1] }],
  ['flat', flat, lowerFlat, { kernel: [3, 3], padding: [1, 1], outputs: 36, groups: 3 }],
  ['pixels', pixels, lowerPixels, { kernel: [3, 3], padding: [1, 1] }],
  ['panels of pixels', panels, lowerPixelPanels, { kernel: [3, 3], padding: [1, 1] }],
  ['products', products, lowerProducts, { kernel: [1, 1], padding: [0, 0] }],
  ['pointwise', pointwise, lowerPointwise, { kernel: [1, 1], padding: [0, 0] }],
  ['strips', strips, lowerStrips, { kernel: [1, 1], padding: [0, 0] }],
] as const)('%s', (_, algorithm, lower, shape) => {
  const s = setup({ x: [6, 24, 13, 11], outputs: 37, ...shape }, 'float32');
  const outputs = s.g.outChannels;

  it('does the ReLU, or the gate of its gradient, that follows', () => {
    const plain = algorithm.forward(s);
    expect(algorithm.forward(s, { kind: 'relu' })).toEqual(Float32Array.from(plain as Float32Array, (v) => Math.max(v, 0)));
    const grad = algorithm.inputGrad(s) as Float32Array;
    const open = rowMajor(s.gate);
    expect(algorithm.inputGrad(s, true)).toEqual(grad.map((v, i) => (open[i]! > 0 ? v : 0)));
  });

  it('scales, shifts and adds before the ReLU', () => {
    const residual = hostTensor('float32', s.dy.shape, 6);
    const affine = hostTensor('float32', [outputs, 2], 7);
    const build: Build = (l, [vx, vw, vb, vr, va], [y]) => {
      const finish: Finish = { kind: 'affine+add+relu', residual: vr!, affine: va! };
      return lower(l, forwardCorrelation(s.g, vw!), { x: vx!, w: vw!, bias: vb, y: y!, finish });
    };
    const [got] = run(build, [s.x, s.w, s.b, residual, affine], [s.dy.shape]);
    const [scales, added] = [rowMajor(affine), rowMajor(residual)];
    const plane = s.g.height.output * s.g.width.output;
    const expected = Array.from(algorithm.forward(s) as Float32Array, (sum, i) => {
      const output = Math.floor(i / plane) % outputs;
      return Math.max(0, sum * scales[2 * output]! + scales[2 * output + 1]! + added[i]!);
    });
    expect(worstDifference(got!, expected)).toBeLessThan(1e-5);
  });

  it('gives the same bits on any number of threads', () => {
    const many = setup({ x: [40, 24, 13, 11], outputs: 37, ...shape }, 'float32');
    const picture = setup({ x: [1, 72, 14, 13], outputs: 133, ...shape }, 'float32'); // cut further where threads share it
    const all = (): TypedArray[] => [
      ...[many, picture].flatMap((s) => [algorithm.forward(s), algorithm.inputGrad(s)]),
      ...('weightGrad' in algorithm ? algorithm.weightGrad(many) : []),
    ];
    device.threads = 1;
    const one = all();
    device.threads = 2;
    expect(all()).toEqual(one);
  });
});

describe.each(['float32', 'float64'] as const)('weights times images of one pixel in %s', (dtype) => {
  const single = along(lowerSingle);
  const sizes = fc.record({ batch: size(1, 3), channels: size(4, 40), outputs: size(16, 40) });

  it('agrees with plain loops, and with scales, shifts, sums and a ReLU behind', () => {
    fc.assert(
      fc.property(sizes, ({ batch, channels, outputs }) => {
        const c: Case = { x: [batch, channels, 1, 1], outputs, kernel: [1, 1], padding: [0, 0] };
        const s = setup(c, dtype);
        const [x, w, b] = [s.x, s.w, s.b].map(rowMajor) as [number[], number[], number[]];
        const sums = referenceConv(s.g, x, w, b);
        expectClose(single.forward(s), sums, channels, dtype, c);
        const [residual, affine] = [hostTensor(dtype, s.dy.shape, 6), hostTensor(dtype, [outputs, 2], 7)];
        const build: Build = (l, [vx, vw, vb, vr, va], [y]) => {
          const finish: Finish = { kind: 'affine+add+relu', residual: vr!, affine: va! };
          return lowerSingle(l, forwardCorrelation(s.g, vw!), { x: vx!, w: vw!, bias: vb, y: y!, finish });
        };
        const [got] = run(build, [s.x, s.w, s.b, residual, affine], [s.dy.shape]);
        const [scales, added] = [rowMajor(affine), rowMajor(residual)];
        const expected = sums.map((sum, i) => Math.max(0, sum * scales[2 * (i % outputs)]! + scales[2 * (i % outputs) + 1]! + added[i]!));
        expectClose(got!, expected, channels, dtype, c);
      }),
      { numRuns: runs(12), seed: 9 },
    );
  });
});

describe('single precision', () => {
  it("keeps Winograd's error within three times that of direct sums", () => {
    const s = setup({ x: [4, 64, 16, 16], outputs: 32, padding: [1, 1] }, 'float32');
    const [x, w, b] = [s.x, s.w, s.b].map(rowMajor) as [number[], number[], number[]];
    const exact = referenceConv(s.g, x, w, b);
    const rms = (y: TypedArray): number => Math.hypot(...Array.from(exact, (v, i) => Number(y[i]) - v));
    const direct = run(
      (l, [vx, vw, vb], [y]) => {
        lowerCorrelation(l, forwardCorrelation(s.g, vw!), { x: vx!, w: vw!, bias: vb, y: y!, finish: PLAIN });
        return true;
      },
      [s.x, s.w, s.b],
      [s.dy.shape],
    )[0]!;
    expect(rms(direct)).toBeGreaterThan(0);
    expect(rms(winograd.forward(s)) / rms(direct)).toBeLessThan(3);
  });
});
