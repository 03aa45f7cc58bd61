/** Depthwise convolutions and their gradients over sizes around whole vectors and tiles, with what may follow them. */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { TypedArray } from '../../src/base/dtype.ts';
import { layoutOf } from '../../src/base/layout.ts';
import type { Value } from '../../src/compiler/lowering.ts';
import { convGeometry, convParams, type ConvGeometry, type ConvOptions } from '../../src/geometry/conv.ts';
import type { CpuLowering } from '../../src/lower/cpu/lowering.ts';
import { forwardCorrelation, inputGradCorrelation, PLAIN, type Finish } from '../../src/lower/cpu/conv/correlation.ts';
import { lowerDepthwise, lowerDepthwiseWeightGrad } from '../../src/lower/cpu/conv/depthwise.ts';
import { hostTensor, rowMajor, worstDifference, type HostDType } from '../support/host-tensors.ts';
import { device, runLowering, type HostTensor } from '../support/run-kernel.ts';
import { referenceConv, referenceInputGrad, referenceWeightGrad } from './conv-reference.ts';

const threads = device.threads;
afterAll(() => {
  device.threads = threads;
});

interface Case {
  readonly batch: number;
  readonly channels: number;
  readonly multiplier: number;
  readonly size: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly options: ConvOptions;
}

type Build = (l: CpuLowering, inputs: readonly Value[], outputs: readonly Value[]) => unknown;

function run(build: Build, inputs: readonly HostTensor[], outputs: readonly (readonly number[])[]): TypedArray[] {
  const { dtype } = inputs[0]!;
  const accepted: Build = (l, i, o) => expect(build(l, i, o)).toBeTruthy();
  const { results, dispose } = runLowering(
    accepted,
    inputs,
    outputs.map((shape) => layoutOf(dtype, shape)),
  );
  dispose();
  return results;
}

interface Setup {
  readonly g: ConvGeometry;
  readonly x: HostTensor;
  readonly w: HostTensor;
  readonly b: HostTensor;
  readonly dy: HostTensor;
  /** Of x's shape. */
  readonly gate: HostTensor;
}

function setup({ batch, channels, multiplier, size, kernel, options }: Case, dtype: HostDType): Setup {
  const shape = [batch, channels, ...size];
  const w = hostTensor(dtype, [channels * multiplier, 1, ...kernel], 2);
  const g = convGeometry('test', shape, w.shape, convParams({ ...options, groups: channels }));
  const dy = hostTensor(dtype, [batch, channels * multiplier, g.height.output, g.width.output], 4);
  return { g, x: hostTensor(dtype, shape, 1), w, b: hostTensor(dtype, [channels * multiplier], 3), dy, gate: hostTensor(dtype, shape, 5) };
}

const forward = ({ g, x, w, b, dy }: Setup): TypedArray =>
  run(
    (l, [vx, vw, vb], [y]) => lowerDepthwise(l, forwardCorrelation(g, vw!), { x: vx!, w: vw!, bias: vb, y: y!, finish: PLAIN }),
    [x, w, b],
    [dy.shape],
  )[0]!;
const inputGrad = ({ g, x, w, dy, gate }: Setup, gates = false): TypedArray =>
  run((l, [vdy, vw, vg], [dx]) => {
    const finish: Finish = gates ? { kind: 'add+gate', gate: vg, residual: vg } : PLAIN;
    return lowerDepthwise(l, inputGradCorrelation(g, vw!), { x: vdy!, w: vw!, y: dx!, finish });
  }, [dy, w, gate], [x.shape])[0]!; // prettier-ignore
const weightGrad = ({ g, x, w, b, dy }: Setup): TypedArray[] =>
  run((l, [vdy, vx], [dw, db]) => lowerDepthwiseWeightGrad(l, g, vdy!, vx!, dw!, db), [dy, x], [w.shape, b.shape]);

type Within = (actual: TypedArray, expected: Float64Array, terms: number) => void;

function checkWeights(s: Setup, within: Within): void {
  const { g } = s;
  const gradient = referenceWeightGrad(g, rowMajor(s.dy), rowMajor(s.x));
  const pixels = g.batch * g.height.output * g.width.output;
  const [dw, db] = weightGrad(s);
  within(dw!, gradient.dw, pixels);
  within(db!, gradient.db, pixels);
}

function check(c: Case, dtype: HostDType): void {
  const s = setup(c, dtype);
  const { g } = s;
  const [x, w, b, dy, gate] = [s.x, s.w, s.b, s.dy, s.gate].map(rowMajor) as [number[], number[], number[], number[], number[]];
  const unit = dtype === 'float32' ? 1.2e-7 : 2.3e-16;
  const within: Within = (actual, expected, terms) =>
    expect(worstDifference(actual, expected), JSON.stringify(c)).toBeLessThanOrEqual(unit * (16 + terms));
  const taps = c.kernel[0] * c.kernel[1];
  within(forward(s), referenceConv(g, x, w, b), taps);
  if (c.channels > 1) checkWeights(s, within);
  if (c.multiplier > 1 || g.width.stride > 2 || g.width.input < g.width.stride || g.height.input < g.height.stride) return;
  const dx = referenceInputGrad(g, dy, w);
  within(inputGrad(s), dx, taps);
  within(
    inputGrad(s, true),
    dx.map((value, i) => (gate[i]! <= 0 ? 0 : value + gate[i]!)),
    taps,
  );
}

const integer = (min: number, max: number) => fc.integer({ min, max });
const two = (min: number, max: number) => fc.tuple(integer(min, max), integer(min, max));
/** Few kinds of kernels, which native targets compile one by one, and many sizes. */
const kinds = fc.constantFrom(
  { kernel: [3, 3] as const, stride: [1, 1], dilation: [1, 1] },
  { kernel: [3, 3] as const, stride: [2, 2], dilation: [1, 1] },
  { kernel: [5, 5] as const, stride: [2, 2], dilation: [1, 1] },
  { kernel: [2, 3] as const, stride: [3, 1], dilation: [1, 2] },
  { kernel: [1, 2] as const, stride: [1, 3], dilation: [1, 1] },
);
const arbitrary = fc
  .record({
    batch: integer(1, 3),
    channels: integer(1, 5),
    multiplier: fc.constantFrom(1, 1, 2),
    size: two(1, 37),
    padding: two(0, 3),
    kind: kinds,
  })
  .filter(({ size, padding, kind }) => [0, 1].every((d) => size[d]! + 2 * padding[d]! > kind.dilation[d]! * (kind.kernel[d]! - 1)));

describe.each(['float32', 'float64'] as const)('depthwise convolutions in %s', (dtype) => {
  it('agree with plain loops for random sizes', () => {
    fc.assert(
      fc.property(
        arbitrary,
        ({ batch, channels, multiplier, size, padding, kind }) =>
        check({ batch, channels: Math.max(channels, multiplier), multiplier, size, kernel: kind.kernel, options: { padding, stride: kind.stride, dilation: kind.dilation } }, dtype), // prettier-ignore
      ),
      // Native targets compile a kernel for each kind and width of block.
      {
        numRuns: Math.ceil((dtype === 'float32' ? 120 : 20) / (process.env['FLAMBEAU_NATIVE'] === 'wait' ? 6 : 1)),
        seed: 5,
      },
    );
  });

  it('agree with plain loops in blocks of rows, and for kernels that do not fit into registers', () => {
    check({ batch: 1, channels: 2, multiplier: 1, size: [61, 150], kernel: [3, 3], options: { padding: 1 } }, dtype);
    check({ batch: 2, channels: 2, multiplier: 1, size: [63, 151], kernel: [3, 3], options: { padding: 1, stride: 2 } }, dtype);
    check({ batch: 1, channels: 3, multiplier: 1, size: [14, 15], kernel: [7, 7], options: { padding: 3 } }, dtype);
  });
});

describe('depthwise convolutions', () => {
  it('give the same bits on any number of threads, next to what other threads write', () => {
    const s = setup({ batch: 3, channels: 40, multiplier: 1, size: [15, 7], kernel: [3, 3], options: { padding: 1 } }, 'float32');
    const all = (): TypedArray[] => [forward(s), inputGrad(s), inputGrad(s, true), ...weightGrad(s)];
    device.threads = 1;
    const one = all();
    device.threads = 2;
    all().forEach((result, i) => expect(result).toEqual(one[i]));
  });

  it('keep an infinity to the outputs and gradients that see it', () => {
    const s = setup({ batch: 1, channels: 2, multiplier: 1, size: [7, 7], kernel: [3, 3], options: {} }, 'float32');
    (s.x.data as Float32Array)[6] = Infinity; // the end of the first row
    const finite = (values: TypedArray): number[] => Array.from(values, Number).flatMap((v, i) => (Number.isFinite(v) ? [] : [i]));
    expect(finite(forward(s))).toEqual([4]);
    expect(finite(weightGrad(s)[0]!)).toEqual([2]);
  });
});
