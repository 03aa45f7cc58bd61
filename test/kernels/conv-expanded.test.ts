/** A 1×1 convolution in one with the depthwise one behind it, called directly, where the ladder might have computed one after the other. */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { TypedArray } from '../../src/base/dtype.ts';
import { layoutOf } from '../../src/base/layout.ts';
import { convGeometry, convParams } from '../../src/geometry/conv.ts';
import { lowerExpanded } from '../../src/lower/cpu/conv/expanded.ts';
import { forwardCorrelation } from '../../src/lower/cpu/conv/correlation.ts';
import { hostTensor, rowMajor, worstDifference, type HostDType } from '../support/host-tensors.ts';
import { device, runLowering } from '../support/run-kernel.ts';
import { referenceConv } from './conv-reference.ts';

const threads = device.threads;
afterAll(() => {
  device.threads = threads;
});

interface Case {
  readonly x: readonly [number, number, number, number];
  readonly channels: number;
  readonly kernel: readonly [number, number];
  readonly stride?: readonly [number, number];
  readonly padding: readonly [number, number];
  /** Whether both ends have a bias, and scale, shift and activation instead. */
  readonly biased: boolean;
}

/** What comes out, and a function that gives what plain loops make. */
function run(
  { x: size, channels, kernel, stride = [1, 1], padding, biased }: Case,
  dtype: HostDType,
): readonly [TypedArray, () => number[]] {
  const x = hostTensor(dtype, size, 1);
  const w = [hostTensor(dtype, [channels, size[1], 1, 1], 2), hostTensor(dtype, [channels, 1, ...kernel], 3)];
  const b = [4, 5].map((seed) => hostTensor(dtype, [channels], seed));
  const affine = [6, 7].map((seed) => hostTensor(dtype, [channels, 2], seed));
  const first = convGeometry('test', size, w[0]!.shape, convParams({}));
  const between = [size[0], channels, size[2], size[3]];
  const second = convGeometry('test', between, w[1]!.shape, convParams({ padding, stride, groups: channels }));
  const shape = [size[0], channels, second.height.output, second.width.output];
  const residual = hostTensor(dtype, shape, 8);
  const { results, dispose } = runLowering(
    (l, [vx, w1, w2, b1, b2, a1, a2, r], [y]) => {
      const [c1, c2] = [forwardCorrelation(first, w1!), forwardCorrelation(second, w2!)];
      const ends = biased
        ? [
            { bias: b1, finish: { kind: 'none' } as const },
            { bias: b2, finish: { kind: 'add', residual: r } as const },
          ]
        : [{ finish: { kind: 'affine+relu', affine: a1 } as const }, { finish: { kind: 'affine+relu', affine: a2 } as const }];
      const taken = lowerExpanded(l, { c: c1, x: vx!, w: w1!, ...ends[0]! }, layoutOf(dtype, between), {
        c: c2,
        w: w2!,
        y: y!,
        ...ends[1]!,
      });
      expect(taken).toBe(true);
    },
    [x, ...w, ...b, ...affine, residual],
    [layoutOf(dtype, shape)],
  );
  dispose();
  const [xs, w1, w2, b1, b2, a1, a2, r] = [x, ...w, ...b, ...affine, residual].map(rowMajor);
  const done = (sums: Float64Array, plane: number, scales: number[]): number[] =>
    Array.from(sums, (sum, i) => {
      const channel = Math.floor(i / plane) % channels;
      return biased ? sum : Math.max(0, sum * scales[2 * channel]! + scales[2 * channel + 1]!);
    });
  const expected = (): number[] => {
    const middle = done(referenceConv(first, xs!, w1!, biased ? b1 : undefined), size[2] * size[3], a1!);
    const ends = done(referenceConv(second, middle, w2!, biased ? b2 : undefined), shape[2]! * shape[3]!, a2!);
    return biased ? ends.map((value, i) => value + r![i]!) : ends;
  };
  return [results[0]!, expected];
}

const size = (min: number, max: number) => fc.integer({ min, max });
/** Few kinds, which native targets compile one by one, and many sizes. */
const cases = fc.record({
  x: fc.tuple(size(1, 2), size(1, 40), size(6, 30), size(9, 37)),
  channels: size(1, 40),
  kind: fc.constantFrom(
    { kernel: [3, 3], stride: [1, 1], padding: [1, 1], biased: true } as const,
    { kernel: [3, 3], stride: [2, 2], padding: [1, 1], biased: false } as const,
    { kernel: [5, 4], stride: [2, 1], padding: [0, 2], biased: true } as const,
  ),
});

describe.each(['float32', 'float64'] as const)('an expansion in %s', (dtype) => {
  const unit = dtype === 'float32' ? 1.2e-7 : 2.3e-16;
  const check = (c: Case): void => {
    const [got, expected] = run(c, dtype);
    expect(worstDifference(got, expected()), JSON.stringify(c)).toBeLessThanOrEqual(unit * (64 + 32 * c.x[1]));
  };

  it('agrees with plain loops for random sizes', () => {
    fc.assert(
      fc.property(cases, ({ x, channels, kind }) => check({ x, channels, ...kind })),
      { numRuns: process.env['FLAMBEAU_NATIVE'] === 'wait' ? 12 : 40, seed: 4 },
    );
  });

  it('takes planes in blocks of rows', () => {
    check({ x: [1, 3, 131, 97], channels: 25, kernel: [3, 3], stride: [1, 1], padding: [1, 1], biased: true });
    check({ x: [1, 3, 130, 97], channels: 13, kernel: [3, 3], stride: [2, 2], padding: [1, 1], biased: false });
  });
});

it('gives the same bits on any number of threads', () => {
  const c: Case = { x: [2, 16, 66, 63], channels: 50, kernel: [3, 3], padding: [1, 1], biased: false };
  device.threads = 1;
  const [one] = run(c, 'float32');
  device.threads = 2;
  expect(run(c, 'float32')[0]).toEqual(one);
});
