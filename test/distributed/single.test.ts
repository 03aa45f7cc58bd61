/** What needs no other process: environments, the group of one, samplers, arguments. */
import { DistributedError, ones, tensor } from 'flambeau';
import { DistributedSampler } from 'flambeau/data';
import * as dist from 'flambeau/distributed';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { launchOf } from '../../src/distributed/environment.ts';
import { missing, missingHere } from '../../src/distributed/mpi/missing.ts';
import { libraryNames } from '../../src/distributed/mpi/library.ts';

interface Case {
  readonly length: number;
  readonly numReplicas: number;
  readonly shuffle: boolean;
  readonly seed: number;
  readonly dropLast: boolean;
  readonly epoch: number;
  readonly indices: readonly (readonly number[])[];
}
const { sampler: cases } = JSON.parse(readFileSync(new URL('../fixtures/distributed.json', import.meta.url), 'utf8')) as {
  sampler: Case[];
};

describe('DistributedSampler', () => {
  it.each(cases)(
    "has PyTorch's indices: $length samples, $numReplicas processes, epoch $epoch",
    ({ length, epoch, indices, ...options }) => {
      indices.forEach((expected, rank) => {
        const sampler = new DistributedSampler({ length }, { ...options, rank });
        sampler.setEpoch(epoch);
        expect([...sampler]).toEqual(expected);
        expect(sampler.length).toBe(expected.length);
      });
    },
  );

  it('needs a rank below the number of processes, or a group', () => {
    expect(() => new DistributedSampler([1, 2], { numReplicas: 2, rank: 2 })).toThrow(
      'DistributedSampler: expected rank to be from 0 to 1, but got 2',
    );
    expect(() => new DistributedSampler([1, 2])).toThrow(DistributedError);
  });
});

describe('the environment', () => {
  it('tells launchers apart', () => {
    expect(launchOf({})).toBeUndefined();
    expect(launchOf({ OMPI_COMM_WORLD_RANK: '1', OMPI_COMM_WORLD_SIZE: '4', OMPI_COMM_WORLD_LOCAL_RANK: '1', OMPI_COMM_WORLD_LOCAL_SIZE: '2', SLURM_PROCID: '0', SLURM_STEP_NUM_TASKS: '1' })).toEqual({ launcher: 'Open MPI', rank: 1, worldSize: 4, localRank: 1, localWorldSize: 2 }); // prettier-ignore
    expect(launchOf({ PMI_RANK: '0', PMI_SIZE: '2' })).toMatchObject({ launcher: 'MPICH', rank: 0, worldSize: 2 });
    expect(launchOf({ RANK: '3', WORLD_SIZE: '4', LOCAL_RANK: '1' })).toMatchObject({ launcher: 'torchrun', rank: 3, localRank: 1 });
    expect(launchOf({ SLURM_PROCID: '5', SLURM_STEP_NUM_TASKS: '8', SLURM_LOCALID: '1', SLURM_STEP_TASKS_PER_NODE: '4(x2)' })).toEqual({
      launcher: 'Slurm',
      rank: 5,
      worldSize: 8,
      localRank: 1,
      localWorldSize: 4,
    });
  });

  it('refuses what is no number', () => {
    expect(() => launchOf({ RANK: 'first', WORLD_SIZE: '2' })).toThrow(
      "expected the environment variable RANK to be a whole number, but got 'first'",
    );
    expect(() => launchOf({ RANK: '2', WORLD_SIZE: '2' })).toThrow('RANK is 2, but WORLD_SIZE only 2');
  });

  it('says who is missing while MPI starts', async () => {
    const here = { launcher: 'Open MPI', rank: 0, worldSize: 3, localRank: 0, localWorldSize: 3 } as const;
    const seen = [0, 1].map((rank) => ({ rank, pid: 7 + rank, command: 'node a.mjs', hasMpi: rank === 0 }));
    expect(missing(here, 'one', seen)).toBe(
      'rank 1 on one runs, but has not called it (process 8: node a.mjs), rank 2 on one is not there: ended, or not started',
    );
    const there = { worldSize: 4, localWorldSize: 2 };
    expect(missing(there, 'one', seen.slice(0, 1))).toBe('1 of the 2 processes of one are not there: ended, or not started');
    expect(missing(there, 'one', seen.map((x) => ({ ...x, hasMpi: true })))).toContain('all 2 processes of one have called it: some of other hosts have not'); // prettier-ignore
    expect(missing(here, 'one', undefined)).toBe('another process has not called it');
    if (process.platform !== 'linux') return;
    const job = { PMIX_NAMESPACE: `test-${process.pid}` };
    const child = spawn('sleep', ['20'], { env: { ...process.env, ...job, OMPI_COMM_WORLD_RANK: '1' } });
    Object.assign(process.env, job);
    try {
      await expect.poll(() => missingHere(here)).toContain(`has not called it (process ${child.pid}: sleep 20), ranks 0, 2 on`);
    } finally {
      delete process.env['PMIX_NAMESPACE'];
      child.kill();
    }
  });

  it('says which library comes first', () => {
    expect(libraryNames('MPICH', {})[0]).toBe('libmpich.so.12');
    expect(libraryNames('Open MPI', {})[0]).toBe('libmpi.so.40');
    expect(libraryNames(undefined, { FLAMBEAU_MPI: '/opt/mpi/libmpi.so' })).toEqual(['/opt/mpi/libmpi.so']);
    const folder = mkdtempSync(join(tmpdir(), 'flambeau-mpi-'));
    for (const name of ['bin', 'lib']) mkdirSync(join(folder, name));
    for (const name of ['bin/mpirun', 'lib/libmpi.so.12']) writeFileSync(join(folder, name), '');
    const PATH = ['/nowhere', join(folder, 'bin'), '/usr/bin'].join(delimiter);
    expect(libraryNames('MPICH', { PATH }).slice(0, 2)).toEqual([join(folder, 'lib/libmpi.so.12'), 'libmpich.so.12']);
    expect(libraryNames('Open MPI', { PATH })[0]).toBe('libmpi.so.40'); // a launcher of another MPI than the program on the path
    rmSync(folder, { recursive: true });
  });
});

describe('one process alone', () => {
  beforeEach(() => dist.initProcessGroup());
  afterEach(() => {
    if (dist.isInitialized()) dist.destroyProcessGroup();
  });

  it('is a group of one', () => {
    expect([dist.getRank(), dist.getWorldSize(), dist.getBackend(), dist.getNodeLocalRank()]).toEqual([0, 1, 'single', 0]);
    const x = tensor([1, 2]);
    expect(dist.allReduce(x, { op: 'avg' })).toBeUndefined();
    const all = tensor([[0, 0]]);
    dist.allGatherIntoTensor(all, x);
    expect(all.tolist()).toEqual([[1, 2]]);
    const there = tensor([0, 0]);
    dist.gather(x, [there]);
    dist.scatter(x, [tensor([3, 4])]);
    expect([there.tolist(), x.tolist()]).toEqual([[1, 2], [3, 4]]); // prettier-ignore
    expect(() => dist.initProcessGroup()).toThrow('there is a group already');
  });

  it('refuses what does not fit', () => {
    expect(() => dist.allReduce(tensor([1, 2], { dtype: 'int32' }), { op: 'avg' })).toThrow(
      "allReduce: 'avg' divides, but the tensor is int32",
    );
    expect(() => dist.allReduce(ones(2), { op: 'bor' })).toThrow("allReduce: 'bor' works on bits of whole numbers");
    expect(() => dist.allReduce(tensor([true]))).toThrow("allReduce: 'sum' of bool says how many");
    expect(() => dist.broadcast(ones(2), 1)).toThrow('broadcast: expected src to be a rank below 1, but got 1');
    expect(() => dist.allGatherIntoTensor(ones(3), ones(2))).toThrow('expected the output to have 2 elements');
    expect(() => dist.allGather([], ones(2))).toThrow('expected 1 outputs, one for each process, but got 0');
    expect(() => dist.gather(ones(2))).toThrow(
      'gather: expected gatherList at rank 0, which is dst, and null elsewhere, but got none there',
    );
    expect(() => dist.scatter(ones(2), [ones(3)])).toThrow('scatter: expected scatterList of shape [2], but one has [3]');
    expect(() => dist.gather(ones(2), [ones(2)], 1)).toThrow('gather: expected dst to be a rank below 1, but got 1');
    expect(() => dist.allReduce(ones(2), { op: 'mean' as 'avg' })).toThrow('allReduce: expected op to be');
  });
});

it('needs a group', () => {
  expect(() => dist.getRank()).toThrow('getRank: there is no process group; call initProcessGroup() first');
  expect(() => dist.allReduce(ones(2))).toThrow(DistributedError);
});
