/** conv2d and its three gradients, against PyTorch (test/fixtures/ops/conv.py). */
import { F, manualSeed, ones, randn, type nn, type Tensor } from 'flambeau';
import { expect, test } from 'vitest';
import { testFamily } from '../support/run-fixtures.ts';

testFamily('conv', {
  conv2d: ({ x, w, b }, options: nn.ConvOptions) => F.conv2d(x, w, b, options),
});

// What `sum()` sends back: one number in memory, of which the strides make a whole tensor.
test.each([
  [1, 3, 3, 1, {}],
  [3, 24, 40, 1, {}],
  [2, 5, 7, 3, { padding: 1 }],
  [2, 6, 8, 3, { stride: 2, padding: 1 }],
  [2, 8, 8, 3, { padding: 1, groups: 8 }],
  [2, 40, 40, 3, { padding: 1 }],
] as const)(
  'gradients of one number everywhere: %i images, %i → %i channels, kernel %i, %j',
  (batch, channels, outputs, kernel, options) => {
    manualSeed(0);
    const groups = 'groups' in options ? options.groups : 1;
    const [x, w]: Tensor[] = [randn(batch, channels, 9, 11), randn(outputs, channels / groups, kernel, kernel)];
    const gradients = (send: (y: Tensor) => Tensor): (Tensor | null)[] => {
      const leaves = [x!, w!].map((leaf) => leaf.clone().requiresGrad_());
      const y = F.conv2d(leaves[0]!, leaves[1]!, undefined, options);
      y.backward(send(y));
      return leaves.map(({ grad }) => grad);
    };
    const [found, expected] = [gradients((y) => ones(1).expand(...y.shape)), gradients((y) => ones(y.shape))];
    found.forEach((grad, i) => expect(grad!.sub(expected[i]!).abs().max().item()).toBeLessThan(1e-4));
  },
);
