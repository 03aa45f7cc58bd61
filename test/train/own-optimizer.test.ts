/** Optimizers and schedules of one's own, in PyTorch's way. */
import { nn, noGrad, optim, tensor, Tensor, zerosLike } from 'flambeau';
import { expect, test } from 'vitest';
import { ArgumentError } from '../../src/base/errors.ts';

interface LionOptions {
  lr: number;
  betas: [number, number];
  weightDecay: number;
}
class Lion extends optim.Optimizer<LionOptions> {
  constructor(params: optim.Params<LionOptions>, lr = 1e-4, betas: [number, number] = [0.9, 0.99], weightDecay = 0) {
    super(params, { lr, betas, weightDecay });
  }
  override step<T>(closure?: () => T): T | undefined {
    const loss = closure?.();
    noGrad(() => {
      for (const { params, lr, betas, weightDecay } of this.paramGroups) {
        for (const p of params) {
          if (p.grad === null) continue;
          p.mul_(1 - lr * weightDecay);
          const state = this.stateOf(p);
          const average = (state['exp_avg'] ??= zerosLike(p)) as Tensor;
          const [beta1, beta2] = betas;
          p.add_(
            average
              .mul(beta1)
              .add(p.grad, { alpha: 1 - beta1 })
              .sign_(),
            { alpha: -lr },
          );
          average.mul_(beta2).add_(p.grad, { alpha: 1 - beta2 });
        }
      }
    });
    return loss;
  }
}

test('groups, steps, state and printing', () => {
  const [a, b] = [new nn.Parameter(tensor([1, -2])), new nn.Parameter(tensor([3]))];
  const optimizer = new Lion([{ params: [a] }, { params: [b], lr: 0.5, weightDecay: 0.1 }], 0.25);
  for (let i = 0; i < 2; i++) {
    optimizer.zeroGrad();
    optimizer.step(() => a.square().sum().add(b.square().sum()).backward());
  }
  expect(a.tolist()).toEqual([0.5, -1.5]);
  expect(b.item()).toBeCloseTo((3 * 0.95 - 0.5) * 0.95 - 0.5, 5);
  expect(optimizer.state.get(a)!['exp_avg']).toBeInstanceOf(Tensor);
  const saved = optimizer.stateDict();
  const other = new Lion([{ params: [a] }, { params: [b], lr: 0.1 }], 0.1);
  other.loadStateDict(saved);
  expect(other.paramGroups.map(({ lr }) => lr)).toEqual([0.25, 0.5]);
  expect((other.state.get(b)!['exp_avg'] as Tensor).item()).toBe((optimizer.state.get(b)!['exp_avg'] as Tensor).item());
  expect(String(optimizer)).toContain('Lion (\nParameter Group 0\n    betas: (0.9, 0.99)\n    lr: 0.25\n');
});

test('one without step or update says what it lacks', () => {
  class Lazy extends optim.Optimizer {}
  const p = new nn.Parameter(tensor([1]));
  const optimizer = new Lazy([p], { lr: 1 });
  p.square().sum().backward();
  expect(() => optimizer.step()).toThrow(/Lazy: an optimizer needs update\(param, grad, group, state\), or a step\(\)/);
  class Still extends optim.lrScheduler.LRScheduler {}
  expect(() => new Still(optimizer).step()).toThrow(ArgumentError);
});
