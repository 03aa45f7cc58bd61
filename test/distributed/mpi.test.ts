/**
 * Programs of several processes, over Open MPI and MPICH where they are installed: collectives, and trainings whose losses are those of PyTorch's
 * DistributedDataParallel (test/fixtures/distributed.py). They run the built package.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const { losses } = JSON.parse(readFileSync(at('../fixtures/distributed.json'), 'utf8')) as { losses: Record<string, number[]> }; // prettier-ignore

const MPIS = [
  { name: 'Open MPI', start: 'mpirun.openmpi', args: ['--oversubscribe'] },
  { name: 'MPICH', start: 'mpirun.mpich', args: [] },
] as const;

interface Ended {
  readonly result: unknown;
  readonly status: number | null;
  readonly output: string;
}

const env = { ...process.env, OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1', OMPI_MCA_mpi_yield_when_idle: '1', FLAMBEAU_NATIVE: '0', NO_COLOR: '1' }; // prettier-ignore

/** Whether it is installed, and starts processes here. */
const starts = ({ start, args }: (typeof MPIS)[number]): boolean =>
  spawnSync(start, [...args, '-n', '2', process.execPath, '-e', '0'], { env, timeout: 30_000 }).status === 0;

function run(mpi: (typeof MPIS)[number], ranks: number, program: string): Ended {
  const ended = spawnSync(mpi.start, [...mpi.args, '-n', String(ranks), process.execPath, at('program.mjs'), program], {
    encoding: 'utf8',
    timeout: 100_000,
    env,
  });
  const output = ended.stdout + ended.stderr;
  const line = /^result: (.*)$/m.exec(ended.stdout)?.[1];
  return { result: line === undefined ? undefined : JSON.parse(line), status: ended.status, output };
}

function resultOf(...call: Parameters<typeof run>): unknown {
  const { result, status, output } = run(...call);
  expect(status, output).toBe(0);
  return result;
}

const near = (found: readonly number[], expected: readonly number[]): void => {
  expect(found).toHaveLength(expected.length);
  found.forEach((loss, i) => expect(Math.abs(loss - expected[i]!)).toBeLessThan(1e-5 * Math.max(1, expected[i]!)));
};

describe.each(MPIS)('over $name', (mpi) => {
  const isThere = starts(mpi);

  it.skipIf(!isThere)('collectives of every dtype and kind, from views as well', () => {
    expect(resultOf(mpi, 3, 'collectives')).toEqual({
      float32: [6, 6],
      float64: [6, 6],
      int32: [6, 6],
      int64: [6, 6],
      uint8: [6, 6],
      product: [24, 0],
      min: [2, -2],
      max: [4, 0],
      band: [4, 3],
      bor: [7, 3],
      bxor: [4, 3],
      any: [true, false],
      strided: [
        [2, 8],
        [4, 10],
        [6, 12],
      ],
      part: [6, 6],
      broadcast: [2, 20],
      reduce: [6],
      allGatherIntoTensor: [
        [0, 0],
        [1, -1],
        [2, -2],
      ],
      allGather: [
        [[0], [7]],
        [[1], [7]],
        [[2], [7]],
      ],
      reduceScatterTensor: [2, 2],
      reduceScatter: [0, 3],
      empty: [],
      objects: [
        { rank: 0, text: '' },
        { rank: 1, text: 'ä' },
        { rank: 2, text: 'ää' },
      ],
      told: ['from', { zero: true }],
      backend: 'mpi',
      size: 3,
      local: 0,
    });
  });

  it.skipIf(!isThere)('several at a time, while the program goes on', () => {
    const sums = Array.from({ length: 8 }, (_, i) => 2 * i + 1);
    expect(resultOf(mpi, 2, 'asynchronous')).toEqual({ sums, done: true, turned: true });
  });

  it.skipIf(!isThere)("trainings have the losses of PyTorch's DistributedDataParallel", () => {
    const found = resultOf(mpi, 2, 'trainings') as Record<string, number[]>;
    for (const name of ['tutorial', 'buckets', 'compiled']) near(found[name]!, losses['tutorial']!);
    near(found['accumulated']!, losses['accumulated']!);
    near(found['accumulatedCompiled']!, losses['accumulated']!);
    near(found['shared']!, losses['shared']!);
    near(found['normed']!, losses['normed']!);
    near(found['normedCompiled']!, losses['normed']!);
  });

  it.skipIf(!isThere)('four processes have the losses of two, and the same bits in every run', () => {
    const [once, again] = [resultOf(mpi, 4, 'bits'), resultOf(mpi, 4, 'bits')] as [number[], number[]];
    expect(again).toEqual(once);
    near(once, losses['tutorial']!);
  });

  it.skipIf(!isThere)('processes may have different numbers of batches', () => {
    expect(resultOf(mpi, 3, 'join')).toEqual({ steps: 2, finite: true });
  });

  it.skipIf(!isThere)('says which parameters differ, and which got no gradient', () => {
    expect(resultOf(mpi, 2, 'different')).toBe(
      "DistributedDataParallel: the processes' modules differ: 0.weight is float32 [3, 4] in rank 0, float32 [5, 4] in rank 1; 0.bias is float32 [3] in rank 0, " +
        'float32 [5] in rank 1; make the same module in all processes',
    );
    expect(resultOf(mpi, 2, 'unused')).toBe(
      'DistributedDataParallel: in the backward pass before, 2 parameters of rank 0 got no gradient: sometimes.weight, sometimes.bias. Pass ' +
        '{ findUnusedParameters: true } if the forward pass does not use all of them, and see that all that it returns goes into the loss',
    );
  });
});
