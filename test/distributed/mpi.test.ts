/**
 * Programs of several processes, over Open MPI and MPICH where they are installed: collectives, and trainings whose losses are those of PyTorch's
 * DistributedDataParallel (test/fixtures/distributed.py). They run the built package.
 */
import { describe, expect, it } from 'vitest';
import { fixture, MPIS, near, resultOf, starts } from '../support/ranks.ts';

const { losses, edges } = fixture('distributed') as { losses: Record<string, number[]>; edges: Record<string, number[][]> };

describe.each(MPIS)('over $name', (mpi) => {
  const isThere = starts(mpi);

  it.skipIf(!isThere)('collectives of every dtype and kind, from views as well', () => {
    expect(resultOf(mpi, 3, 'collectives')).toEqual({
      float32: [6, 6],
      float64: [6, 6],
      int32: [6, 6],
      int64: [6, 6],
      int8: [6, 6],
      int16: [6, 6],
      uint8: [6, 6],
      uint16: [6, 6],
      float16: [6, 6],
      bfloat16: [6, 6],
      small: [1, 2, 1, 2, 1, 2],
      alias: [2, 4, 4, 6, 6, 8],
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
      scattered: [0, 7],
      gathered: [0, 1, 2].map((i) => [[i, 1], [2, 3]]), // prettier-ignore
      empty: [],
      objects: [
        { rank: 0, text: '' },
        { rank: 1, text: 'ä' },
        { rank: 2, text: 'ää' },
      ],
      rich: ['NaN', 'NaN', 'NaN'],
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

  it.skipIf(!isThere)("clipping, scaled losses, freezing, copies, saved states and two modules in turn are PyTorch's", () => {
    const { unsynced, saved, ...found } = resultOf(mpi, 2, 'cared') as Record<string, number[]>;
    for (const [name, each] of Object.entries(found)) near(each, losses[name]!);
    near(saved!, losses['tutorial']!);
    expect(unsynced).toEqual([1.5, 1, 1.5]);
  });

  it.skipIf(!isThere)("a module has PyTorch's gradients, whatever passes lead to them", () => {
    const found = resultOf(mpi, 2, '', {}, 'edges.mjs') as typeof edges;
    expect(Object.keys(found).sort()).toEqual(Object.keys(edges).sort());
    for (const [name, ranks] of Object.entries(found)) ranks.forEach((each, rank) => near(each, edges[name]![rank]!));
  });

  it.skipIf(!isThere)('data of many pieces, in memory that all see and in messages', () => {
    for (const env of [{}, { FLAMBEAU_MPI_MEMORY: '0' }]) expect(resultOf(mpi, 3, 'large', env)).toEqual([0, 0, 0, 0, 0, 0, 0]);
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
