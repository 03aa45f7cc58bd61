/** Composed elementwise functions that run as one kernel, with and without gradients. */
import { compile, F, grad, noGrad, profile, tensor, type Tensor } from 'flambeau';
import { describe, expect, it } from 'vitest';
import { fused } from '../../src/tensor/fused.ts';

const EDGES = [0, -0, 0.3, -0.5, 2, -7, 88, Infinity, -Infinity, NaN];
const leaf = (values: readonly number[]): Tensor => tensor([...values], { requiresGrad: true });

/** Functions of one to three tensors. */
const FUNCTIONS: readonly (readonly [string, (...xs: Tensor[]) => Tensor])[] = [
  ['frac', (x) => x.frac()],
  ['nanToNum', (x) => x.nanToNum({ posinf: 3 })],
  ['hypot', (x, y) => x.hypot(y)],
  ['ldexp', (x, y) => x.ldexp(y)],
  ['fmax', (x, y) => x.fmax(y)],
  ['lerp', (x, y, z) => x.lerp(y, z)],
  ['addcmul', (x, y, z) => x.addcmul(y, z, { value: 0.5 })],
  ['addcdiv', (x, y, z) => x.addcdiv(y, z)],
  ['hardshrink', (x) => F.hardshrink(x)],
  ['softshrink', (x) => F.softshrink(x, 0.2)],
  ['softsign', (x) => F.softsign(x)],
  ['mish', (x) => F.mish(x)],
  ['threshold', (x) => F.threshold(x, 0.1, -1)],
  ['hardsigmoid', (x) => F.hardsigmoid(x)],
];
const OPERANDS = [EDGES, EDGES.map((_, i) => 0.25 * i - 1), EDGES.map((_, i) => EDGES[(i * 3) % 10]!)];

/** The result and the gradients of all that take part. */
function step(fn: (...xs: Tensor[]) => Tensor): unknown[] {
  const xs = OPERANDS.slice(0, fn.length).map(leaf);
  const y = fn(...xs);
  const factors = tensor(EDGES.map((_, i) => i + 1));
  return [y.tolist(), ...grad(y, xs, { gradOutputs: factors }).map((g) => g.tolist())];
}

describe('a composed function', () => {
  it.each(FUNCTIONS)('%s gives the same the first time, when it is recorded, and from then on', (_, fn) => {
    const first = step(fn);
    for (let i = 0; i < 3; i++) expect(step(fn)).toEqual(first);
    const inside = compile((...xs: Tensor[]) => fn(...xs)); // where it is part of something larger
    expect(inside(...OPERANDS.slice(0, fn.length).map((x) => tensor([...x]))).tolist()).toEqual(first[0]);
  });

  it('is one launch from the second time on', () => {
    const [x, y] = [tensor([3, 5]), tensor([4, 12])];
    for (let i = 0; i < 3; i++) expect(x.hypot(y).tolist()).toEqual([5, 13]);
    const launches = profile(() => noGrad(() => x.hypot(y))).totals();
    expect(launches.reduce((sum, { calls }) => sum + calls, 0)).toBe(1);
  });

  it('has gradients of its own gradients, also of a tensor that comes twice', () => {
    const x = leaf([2]);
    for (let i = 0; i < 3; i++) {
      const [first] = grad(x.addcmul(x, x).sum(), [x], { createGraph: true }); // x + x²
      const [second] = grad(first.sum(), [x]);
      expect([first.item(), second.item()]).toEqual([5, 2]);
      expect(grad(x.addcmul(x, x).sum(), [x])[0].item()).toBe(5);
    }
  });

  it('has second derivatives where one gradient flows into two operands', () => {
    const plain = ([a, b]: readonly Tensor[]): Tensor => a!.add(b!).sigmoid();
    const one = fused('SigmoidBackward0', plain);
    const second = (fn: (xs: readonly Tensor[]) => Tensor): number[] => {
      const xs = [leaf([0.5, -1]), leaf([2, 0.25])];
      const y = fn([fn(xs.map((x) => x.mul(x))), xs[1]!.mul(2)]);
      const firsts = grad(y.sum(), xs, { createGraph: true });
      const penalty = firsts.reduce((sum, g) => sum.add(g.square().sum()), tensor(0));
      return grad(penalty, xs).flatMap((g) => g.tolist() as number[]);
    };
    const right = second(plain);
    for (let i = 0; i < 3; i++) second(one).forEach((value, j) => expect(value).toBeCloseTo(right[j]!, 6)); // summed in another order
  });

  it('sums the gradient of what was broadcast, and leaves out what nobody asks for', () => {
    for (let i = 0; i < 3; i++) {
      const [slope, x] = [leaf([0.5]), tensor([-2, 1, -3])];
      F.prelu(x, slope).sum().backward();
      expect([slope.grad!.tolist(), x.grad]).toEqual([[-5], null]);
    }
  });

  it('says what made it, and that it cannot be gone through twice', () => {
    const y = leaf([3]).hypot(tensor([4]));
    expect(y.gradFn?.name()).toBe('HypotBackward0');
    y.backward();
    expect(() => y.backward()).toThrow(/second time: HypotBackward0/);
    expect(leaf([1]).signbit().requiresGrad).toBe(false);
  });
});
