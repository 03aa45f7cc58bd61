/** The rest of `nn.init` against PyTorch (test/fixtures/ops/init_more.py), and small names that no other test has. */
import { autograd, cuda, manualSeed, nn, rand, zeros, type Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';
import { decode, loadFixture, type Encoded } from '../support/fixtures.ts';

interface Fill {
  readonly id: string;
  readonly op: string;
  readonly args: readonly never[];
  readonly shape: readonly number[];
  readonly out: Encoded;
  /** The number that is drawn next. */
  readonly after: number;
}
interface Fixture {
  readonly fills: readonly Fill[];
  readonly gains: readonly (readonly [name: nn.init.Nonlinearity, slope: number | null, gain: number])[];
  readonly fans: readonly (readonly [shape: number[], fanIn: number, fanOut: number])[];
}
const { fills, gains, fans } = loadFixture<Fixture>('init_more');

describe('what tensors are filled with', () => {
  const table = nn.init as unknown as Readonly<Record<string, (x: Tensor, ...args: readonly never[]) => Tensor>>;
  test.each(fills)('$id', ({ op, args, shape, out, after }) => {
    const x = zeros([...shape]);
    manualSeed(5);
    expect(table[op]!(x, ...args)).toBe(x);
    const expected = decode(out).data as Float32Array;
    if (op !== 'orthogonal_') expect(x.toTypedArray()).toEqual(expected);
    // Factors of matrices are rounded elsewhere.
    else x.toTypedArray().forEach((value, i) => expect(Math.abs(Number(value) - expected[i]!), `element ${i}`).toBeLessThan(2e-6));
    expect(rand(1).item()).toBe(after);
  });
});

test.each(gains)('the gain of %s with the slope %s', (name, slope, gain) => {
  expect(slope === null ? nn.init.calculateGain(name) : nn.init.calculateGain(name, slope)).toBeCloseTo(gain, 14);
});

test.each(fans)('what a weight of shape %s connects', (shape, fanIn, fanOut) => {
  expect(nn.init.fans(zeros(shape))).toEqual({ fanIn, fanOut });
});

test('weight and bias of a fresh layer are what defaultInit draws', () => {
  manualSeed(7);
  const layer = new nn.Linear(4, 3);
  const [weight, bias] = [zeros(3, 4), zeros(3)];
  manualSeed(7);
  nn.init.defaultInit(weight, bias);
  expect(weight.tolist()).toEqual(layer.weight.tolist());
  expect(bias.tolist()).toEqual(layer.bias!.tolist());
});

test('seeding all GPUs seeds as the one call does', () => {
  manualSeed(11);
  const expected = rand(3).tolist();
  cuda.manualSeedAll(11);
  expect(rand(3).tolist()).toEqual(expected);
});

test('anomaly mode says whether it looks for NaN', () => {
  expect(autograd.isAnomalyCheckNanEnabled()).toBe(true); // of the mode that is off, as in PyTorch
  autograd.setDetectAnomaly(true, false);
  expect(autograd.isAnomalyCheckNanEnabled()).toBe(false);
  autograd.setDetectAnomaly(true);
  expect(autograd.isAnomalyCheckNanEnabled()).toBe(true);
  autograd.setDetectAnomaly(false);
});
