import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countListed, processesHere, shareOf } from '../../src/devices/cpu/native/processors.ts';
import { main } from '../../src/cli/main.ts';
import { launch } from '../../src/cli/launch.ts';
import { mpirunArguments, mpirunEnvironment } from '../../src/cli/mpirun.ts';
import { SubsetRandomSampler } from '../../src/data/sampler.ts';
import { Generator } from '../../src/tensor/random/index.ts';
import type { BatchSource } from '../../src/train/progress.ts';
import { partOf, sharedBatches, SharedOrder } from '../../src/train/share.ts';
import { StepTimes, stragglers } from '../../src/train/step-times.ts';

async function run(...argv: readonly string[]): Promise<{ readonly code: number; readonly out: string }> {
  let out = '';
  const sink = { write: (text: string) => (out += text) };
  const code = await main(argv, sink, sink);
  return { code, out };
}

describe('flambeau run', () => {
  const command = ['node', 'a.mjs', '--epochs', '3'];

  it('tells Open MPI and MPICH the same, each in its words', () => {
    const job = { processes: 5, hosts: 'one,two:4', tag: true, command };
    const env = { PATH: '/bin', FLAMBEAU_THREADS: '2' };
    expect(mpirunArguments({ kind: 'openmpi', path: 'mpirun' }, job, env).join(' ')).toBe(
      '-n 5 --host one:3,two:4 -x FLAMBEAU_THREADS --tag-output node a.mjs --epochs 3',
    );
    expect(mpirunArguments({ kind: 'mpich', path: 'mpirun' }, job, env).join(' ')).toBe(
      '-n 5 -hosts one:3,two:4 -prepend-rank node a.mjs --epochs 3',
    );
    const filed = { processes: 2, hostfile: 'hosts', command: ['node'] };
    expect(mpirunArguments({ kind: 'openmpi', path: 'mpirun' }, filed, {}).join(' ')).toBe('-n 2 --hostfile hosts node');
    expect(mpirunArguments({ kind: 'mpich', path: 'mpirun' }, filed, {}).join(' ')).toBe('-n 2 -f hosts node');
  });

  it('leaves what somebody has set, and lets only root run as root', () => {
    const env = mpirunEnvironment({ kind: 'openmpi', path: 'mpirun' }, { OMPI_MCA_mpi_yield_when_idle: '0' }, false);
    expect(env['OMPI_MCA_mpi_yield_when_idle']).toBe('0');
    expect(env['OMPI_MCA_rmaps_base_oversubscribe']).toBe('1');
    expect(env).not.toHaveProperty('OMPI_ALLOW_RUN_AS_ROOT');
    expect(mpirunEnvironment({ kind: 'openmpi', path: 'mpirun' }, {}, true)).toHaveProperty('OMPI_ALLOW_RUN_AS_ROOT');
    expect(mpirunEnvironment({ kind: 'mpich', path: 'mpirun' }, {}, true)).toHaveProperty('HYDRA_LAUNCHER_EXTRA_ARGS');
    const inJob = { SLURM_JOB_ID: '1', I_MPI_PIN: '1' }; // there srun gets these arguments
    expect(mpirunEnvironment({ kind: 'mpich', path: 'mpirun' }, inJob, true)).toEqual(inJob);
  });

  it('ends an mpirun that outlives a failed job', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'flambeau-mpirun-'));
    const path = process.env['PATH'];
    const script = '[ "$1" = --version ] && echo MPICH && exit; touch "$FLAMBEAU_LAUNCHED/failed"; sleep 60';
    writeFileSync(join(folder, 'mpirun'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    process.env['PATH'] = `${folder}:${path}`;
    try {
      expect(await launch({ processes: 2, command: ['a.mjs'], cleanUpMs: 100 })).toBe(137);
    } finally {
      process.env['PATH'] = path;
      rmSync(folder, { recursive: true });
    }
  });

  it('says what is wrong with a command line', async () => {
    expect(await run('run', '--help')).toMatchObject({ code: 0 });
    const wrong: readonly (readonly [readonly string[], RegExp])[] = [
      [['a.mjs'], /how many processes\? say -n 4/],
      [['-n', '2'], /which program\?/],
      [['-n', '0', 'a.mjs'], /--processes: expected a whole number ≥ 1/],
      [['-n', '2', 'absent.mjs'], /there is no file 'absent\.mjs'; expected a program of JavaScript, or train/],
      [['-n', '2', 'predict', 'a.jpg'], /flambeau predict works in one process; only train in several/],
      [['-n', '2', '--hosts', 'a', '--hostfile', 'b', 'train'], /--hosts and --hostfile say the same/],
      [['-n', '2', '--host', 'a', 'train'], /there is no option --host; did you mean --hosts/],
    ];
    for (const [argv, text] of wrong) {
      const { code, out } = await run('run', ...argv);
      expect([code, out]).toEqual([2, expect.stringMatching(text)]);
    }
  });

  it.skipIf(existsSync('/usr/lib64/openmpi') || existsSync('/usr/lib64/mpich'))(
    'says which packages bring mpirun where there is none',
    async () => {
      const path = process.env['PATH'];
      process.env['PATH'] = '/nowhere';
      try {
        const { code, out } = await run('train', '--processes', '2');
        expect([code, out]).toEqual([
          1,
          'flambeau: there is no mpirun of MPI here, which starts several processes; to install it: apt-get install openmpi-bin (Debian, Ubuntu), dnf install openmpi (Fedora), brew install open-mpi (macOS)\n',
        ]);
        expect((await run('run', '-n', '2', '--mpi', 'mpich', 'train')).out).toMatch(/no mpirun of MPICH .* apt-get install mpich/);
      } finally {
        process.env['PATH'] = path;
      }
    },
  );
});

describe('parts of processes', () => {
  it('make up each batch of one process, the last as well', () => {
    const order = Array.from({ length: 25 }, (_, i) => 100 - i);
    for (const size of [2, 3, 4]) {
      const part = partOf(12, { rank: 0, size });
      const ranks = Array.from({ length: size }, (_, rank) => {
        const share = { rank, size };
        const sampler = new SharedOrder(new SubsetRandomSampler(order, { generator: new Generator().manualSeed(1) }), part, share);
        const mine = [...sampler];
        expect(mine).toHaveLength(sampler.length);
        const { partOf: counts } = sharedBatches({ length: 3 } as BatchSource, new Generator(), { images: 25, part, share });
        return [0, 1, 2].map((batch) => {
          expect(counts!(batch).all).toBe(batch === 2 ? 1 : 12);
          const images = mine.slice(batch * part, (batch + 1) * part);
          expect(images.length).toBeGreaterThan(0); // nobody has nothing, but what is not its own does not count
          return images.slice(0, counts!(batch).own);
        });
      });
      const whole = [...new SubsetRandomSampler(order, { generator: new Generator().manualSeed(1) })];
      for (const batch of [0, 1, 2])
        expect(ranks.flatMap((of) => of[batch]!).sort()).toEqual(whole.slice(12 * batch, 12 * batch + 12).sort());
    }
  });

  it('say who keeps the others waiting', () => {
    const times = new StepTimes(['a', 'b', 'b'].map((host) => ({ host, threads: 1 })));
    for (let i = 0; i < 5000; i++)
      times.add([
        [10, 6],
        [16, 0],
        [11, 5],
      ]);
    times.add([
      [NaN, NaN],
      [NaN, NaN],
      [NaN, NaN],
    ]);
    expect(stragglers(times.ranks).map(({ rank, others }) => [rank.rank, rank.host, rank.work, others])).toEqual([[1, 'b', 16, 11]]);
    expect(times.ranks[0]).toEqual({ rank: 0, host: 'a', threads: 1, work: 10, slow: 10, waiting: 6 });
  });
});

describe('processors of a process', () => {
  it('are those of its machine by its processes, whoever has started them', () => {
    expect(processesHere({})).toBe(1);
    for (const name of ['OMPI_COMM_WORLD_LOCAL_SIZE', 'MPI_LOCALNRANKS', 'LOCAL_WORLD_SIZE', 'SLURM_STEP_TASKS_PER_NODE'])
      expect(processesHere({ [name]: '4' })).toBe(4);
    expect(processesHere({ SLURM_STEP_TASKS_PER_NODE: '4(x2)' })).toBe(4);
    const four = { OMPI_COMM_WORLD_LOCAL_SIZE: '4' };
    expect(shareOf({}, 8, 8)).toBe(8);
    expect(shareOf(four, 16, 16)).toBe(4);
    expect(shareOf(four, 2, 2)).toBe(1);
    expect(shareOf(four, 1, 64)).toBe(1); // bound to a core each
    expect(shareOf(four, 32, 64)).toBe(16); // to one of two sockets
    expect(shareOf({ SLURM_STEP_TASKS_PER_NODE: '2', SLURM_CPUS_PER_TASK: '8' }, 8, 64)).toBe(8);
    expect(shareOf(four, 4, 16)).toBe(4); // to a quarter each
    expect(['0', '0-3', '0-3,8,10-11'].map(countListed)).toEqual([1, 4, 7]);
  });
});
