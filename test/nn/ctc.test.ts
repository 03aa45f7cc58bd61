/** The CTC loss: its recursions against the same composed of operations with gradients, which second derivatives use. */
import { autograd, F, manualSeed, noGrad, randn, tensor, type Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';

const CASES = {
  'equal lengths': { input: [9, 9, 9], target: [3, 3, 3] },
  'lengths of their own, one target without labels': { input: [9, 6, 4], target: [3, 1, 0] },
  'inputs that end before the last time': { input: [7, 5, 6], target: [3, 2, 1] },
  'a target that is too long': { input: [9, 9, 2], target: [2, 3, 3] },
};
const LABELS = tensor(
  [
    [1, 2, 2],
    [3, 3, 1],
    [4, 1, 4],
  ],
  { dtype: 'int64' },
);

describe.each(Object.entries(CASES))('%s', (_, { input, target }) => {
  test.each([true, false])('zeroInfinity %s', (zeroInfinity) => {
    manualSeed(1);
    const given = F.logSoftmax(randn(9, 3, 5, { dtype: 'float64' }), 2);
    const g = tensor([1, 2, 0.5], { dtype: 'float64' });
    const loss = (x: Tensor): Tensor => F.ctcLoss(x, LABELS, input, target, { reduction: 'none', zeroInfinity });
    const [x, y] = [given.clone().requiresGrad_(), given.clone().requiresGrad_()];
    const quick = loss(x);
    expect(quick.gradFn?.name()).toBe('CtcLossBackward0');
    quick.backward(g);
    const [composed] = autograd.grad(loss(y), [y], { gradOutputs: g, createGraph: true });
    expect(composed.requiresGrad).toBe(true);
    expect(x.grad!.allclose(composed, { rtol: 1e-9, atol: 1e-12 })).toBe(true);
    expect(noGrad(() => loss(given)).tolist()).toEqual(quick.tolist());
  });
});

test('a second backward pass needs the graph to be kept', () => {
  const x = F.logSoftmax(randn(9, 3, 5), 2)
    .detach()
    .requiresGrad_();
  const loss = F.ctcLoss(x, LABELS, [9, 9, 9], [3, 3, 3]);
  loss.backward();
  expect(() => loss.backward()).toThrow(/retainGraph/);
});
