/**
 * Trainings of W1, W2 and ResNet-18 with SyncBatchNorm in 1, 2 and 4 processes beside PyTorch's DistributedDataParallel over gloo (test/fixtures/distributed_long.py):
 * a few steps always, 100 with FLAMBEAU_SLOW=1. In float64 all losses are within 1e-5; so are those in float32, but where steps have amplified last digits: there they are
 * no farther from PyTorch's than four times what PyTorch is from itself within the next two steps when it adds up in another order (ResNet-18: 3e-6, 1e-4, 1e-3, … from step to step).
 */
import { describe, expect, it } from 'vitest';
import { fixture, MPIS, runRanks, starts } from '../support/ranks.ts';

const DTYPES = ['float64', 'float32'] as const;
interface Long extends Readonly<Record<(typeof DTYPES)[number], Readonly<Record<string, readonly number[]>>>> {
  readonly batch: number;
  readonly again: readonly number[];
}
const { networks } = fixture('distributed-long') as { networks: Record<string, Long> };
const slow = process.env['FLAMBEAU_SLOW'] === '1';
const isThere = starts(MPIS[0]);

/** How far PyTorch's own losses in float32 were apart up to each step. */
function drift({ float32, float64, again }: Long): number[] {
  const all = [...Object.values(float32), float64['1']!, again];
  let most = 0;
  return again.map((_, i) => {
    const each = all.map((one) => one[i]!);
    most = Math.max(most, Math.max(...each) - Math.min(...each));
    return most;
  });
}

const CASES = slow
  ? Object.keys(networks).flatMap((name) => DTYPES.flatMap((dtype) => [1, 2, 4].map((ranks) => ({ name, dtype, ranks, steps: 100 }))))
  : [{ name: 'w2', dtype: 'float32' as const, ranks: 2, steps: 12 }];

describe.skipIf(!isThere)('beside PyTorch', () => {
  it.each(CASES)('$name, $dtype, $ranks processes, $steps steps', ({ name, dtype, ranks, steps }) => {
    const network = networks[name]!;
    const args = ['long.mjs', name, String(steps), String(network.batch), dtype];
    const { result, status, output } = runRanks(MPIS[0], ranks, args, slow ? { FLAMBEAU_NATIVE: '1' } : {}, 800_000);
    expect(status, output).toBe(0);
    const expected = (network[dtype][String(ranks)] ?? network[dtype]['1']!).slice(0, steps); // SyncBatchNorm: the whole batch in one process
    expect(result).toHaveLength(steps);
    const own = dtype === 'float64' ? expected.map(() => 0) : drift(network);
    const beyond = (result as number[]).filter(
      (loss, i) => Math.abs(loss - expected[i]!) > Math.max(1e-5 * Math.max(1, expected[i]!), 4 * own[Math.min(i + 2, steps - 1)]!),
    );
    expect(beyond).toEqual([]);
  });
});
