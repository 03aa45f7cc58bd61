/** softmax and the losses, against PyTorch (test/fixtures/ops/softmax_loss.py). */
import { F, type nn } from 'flambeau';
import { pairLossParams } from '../../src/geometry/loss.ts';
import { apply } from '../../src/tensor/dispatch.ts';
import { testFamily } from '../support/run-fixtures.ts';

interface ClassArgs {
  readonly reduction?: nn.Reduction;
  readonly ignoreIndex?: number;
  readonly labelSmoothing?: number;
}
interface PairArgs {
  readonly reduction?: nn.Reduction;
  readonly beta?: number;
}

testFamily('softmax_loss', {
  softmax: ({ x }, { dim }: { dim: number }) => F.softmax(x, dim),
  logSoftmax: ({ x }, { dim }: { dim: number }) => F.logSoftmax(x, dim),
  crossEntropy: ({ x, target, weight = null }, args: ClassArgs) => F.crossEntropy(x, target, { weight, ...args }),
  nllLoss: ({ x, target, weight = null }, args: ClassArgs) => F.nllLoss(x, target, { weight, ...args }),
  mseLoss: ({ x, target }, args: PairArgs) => F.mseLoss(x, target, args),
  l1Loss: ({ x, target }, args: PairArgs) => F.l1Loss(x, target, args),
  smoothL1Loss: ({ x, target }, args: PairArgs) => F.smoothL1Loss(x, target, args),
  huberLoss: ({ x, target }, { reduction, delta }: { reduction?: nn.Reduction; delta?: number }) =>
    apply('huberLoss', [x, target], pairLossParams('huber', reduction, delta)),
  bceWithLogits: ({ x, target }, { reduction }: PairArgs) =>
    apply('bceWithLogits', [x, target], pairLossParams('bceWithLogits', reduction)),
});
