/** conv2d and its three gradients, against PyTorch (test/fixtures/ops/conv.py). */
import { F, type nn } from 'flambeau';
import { testFamily } from '../support/run-fixtures.ts';

testFamily('conv', {
  conv2d: ({ x, w, b }, options: nn.ConvOptions) => F.conv2d(x, w, b, options),
});
