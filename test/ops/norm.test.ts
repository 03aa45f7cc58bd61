/** Batch normalisation and its running statistics, against PyTorch (test/fixtures/ops/norm.py). */
import { F } from 'flambeau';
import { testFamily } from '../support/run-fixtures.ts';

interface Args {
  readonly training: boolean;
  readonly momentum: number;
  readonly eps: number;
}

testFamily(
  'norm',
  {
    batchNorm: ({ x, mean, variance, weight = null, bias = null }, args: Args) => {
      const y = F.batchNorm(x, mean ?? null, variance ?? null, { weight, bias, ...args });
      return args.training && mean !== undefined && variance !== undefined ? [y, mean, variance] : y;
    },
  },
  { writes: ['mean', 'variance'] },
);
