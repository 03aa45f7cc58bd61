import { describe, expect, it } from 'vitest';
import { ArgumentError, compile, F, manualSeed, nn, optim, randint, randn, tensor } from '../../src/index.ts';

const withGrads = (...grads: number[][]): nn.Parameter[] =>
  grads.map((grad) => {
    const p = new nn.Parameter(tensor(grad.map(() => 1)));
    p.mul(tensor(grad)).sum().backward();
    return p;
  });
const values = (ps: readonly nn.Parameter[]): number[] => ps.flatMap((p) => p.grad!.tolist() as number[]);

describe('clipGradNorm_', () => {
  it('scales all gradients by one factor, torch 1.13 rounding included', () => {
    const ps = withGrads([3, 4], [12]);
    expect(nn.utils.clipGradNorm_(ps, 6.5).item()).toBe(13);
    // torch.nn.utils.clip_grad_norm_ of the same: [1.4999998807907104, 1.9999998807907104, 5.999999523162842]
    expect(values(ps)).toEqual([1.4999998807907104, 1.9999998807907104, 5.999999523162842]);
  });

  it('leaves short gradients and parameters without one alone', () => {
    const ps = [...withGrads([0.3, -0.4]), new nn.Parameter(tensor([1]))];
    expect(nn.utils.clipGradNorm_(ps, 1).item()).toBeCloseTo(0.5, 6);
    expect(values(ps.slice(0, 1))).toEqual([Math.fround(0.3), Math.fround(-0.4)]);
    expect(ps[1]!.grad).toBeNull();
    expect(nn.utils.clipGradNorm_([], 1).item()).toBe(0);
  });

  it('takes the largest element for the norm of Infinity', () => {
    const ps = withGrads([3, -8], [2]);
    expect(nn.utils.clipGradNorm_(ps, 4, Infinity).item()).toBe(8);
    expect(values(ps).map((v) => Math.round(v * 1000) / 1000)).toEqual([1.5, -4, 1]);
  });

  it('gives the same bits in a compiled step', () => {
    const losses = (compiled: boolean): number[] => {
      manualSeed(0);
      const model = new nn.Linear(6, 3);
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.5, momentum: 0.9 });
      const step = (x: ReturnType<typeof randn>, y: ReturnType<typeof randint>) => {
        optimizer.zeroGrad();
        const loss = F.crossEntropy(model(x), y);
        loss.backward();
        nn.utils.clipGradNorm_(model.parameters(), 0.1);
        optimizer.step();
        return loss;
      };
      const run = compiled ? compile(step) : step;
      return Array.from({ length: 6 }, () => run(randn(8, 6), randint(0, 3, [8])).item());
    };
    expect(losses(true)).toEqual(losses(false));
  });

  it('refuses other norms and maxima', () => {
    expect(() => nn.utils.clipGradNorm_([], 0)).toThrow(ArgumentError);
    expect(() => nn.utils.clipGradNorm_([], 1, NaN)).toThrow(/expected normType to be a number/);
  });
});

it('clipGradValue_ clamps every element', () => {
  const ps = withGrads([3, -0.5], [-7]);
  nn.utils.clipGradValue_(ps, 1);
  expect(values(ps)).toEqual([1, -0.5, -1]);
  expect(() => nn.utils.clipGradValue_(ps, NaN)).toThrow(ArgumentError);
});
