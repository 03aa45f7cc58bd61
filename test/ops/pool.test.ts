/** Pooling, against PyTorch (test/fixtures/ops/pool.py). */
import { F, type nn } from 'flambeau';
import { testFamily } from '../support/run-fixtures.ts';

interface Window {
  readonly kernel: nn.Pair;
  readonly stride?: nn.Pair;
  readonly padding?: nn.Pair;
  readonly ceilMode?: boolean;
}
type MaxArgs = Window & { readonly dilation?: nn.Pair };
type AvgArgs = Window & { readonly countIncludePad?: boolean; readonly divisorOverride?: number | null };
interface AdaptiveArgs {
  readonly size: Parameters<typeof F.adaptiveAvgPool2d>[1];
}

testFamily('pool', {
  maxPool2d: ({ x }, { kernel, ...options }: MaxArgs) => F.maxPool2d(x, kernel, options),
  maxPool2dIndices: ({ x }, { kernel, ...options }: MaxArgs) => {
    const { values, indices } = F.maxPool2dWithIndices(x, kernel, options);
    return [values, indices];
  },
  avgPool2d: ({ x }, { kernel, ...options }: AvgArgs) => F.avgPool2d(x, kernel, options),
  adaptiveAvgPool2d: ({ x }, { size }: AdaptiveArgs) => F.adaptiveAvgPool2d(x, size),
  adaptiveMaxPool2d: ({ x }, { size }: AdaptiveArgs) => F.adaptiveMaxPool2d(x, size),
});
