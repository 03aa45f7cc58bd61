/** Programs of several processes over the MPIs that are installed. They run the built package. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export const fixture = (name: string): unknown => JSON.parse(readFileSync(at(`../fixtures/${name}.json`), 'utf8'));

export const MPIS = [
  { name: 'Open MPI', start: 'mpirun.openmpi', args: ['--oversubscribe'] },
  { name: 'MPICH', start: 'mpirun.mpich', args: [] },
] as const;
export type InstalledMpi = (typeof MPIS)[number];

interface Ended {
  readonly result: unknown;
  readonly status: number | null;
  readonly output: string;
}

export const env = {
  ...process.env,
  OMPI_ALLOW_RUN_AS_ROOT: '1',
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
  OMPI_MCA_mpi_yield_when_idle: '1',
  FLAMBEAU_NATIVE: '0',
  NO_COLOR: '1',
};

/** Whether it is installed, and starts processes here. */
export const starts = ({ start, args }: InstalledMpi): boolean =>
  spawnSync(start, [...args, '-n', '2', process.execPath, '-e', '0'], { env, timeout: 30_000 }).status === 0;

/** What rank 0 prints as its result, of `node file …args` in so many processes. */
export function runRanks(
  mpi: InstalledMpi,
  ranks: number,
  [file, ...args]: readonly string[],
  more: Readonly<Record<string, string>> = {},
  timeout = 100_000,
): Ended {
  const ended = spawnSync(mpi.start, [...mpi.args, '-n', String(ranks), process.execPath, at(`../distributed/${file!}`), ...args], {
    encoding: 'utf8',
    timeout,
    env: { ...env, ...more },
  });
  const line = /^result: (.*)$/m.exec(ended.stdout)?.[1];
  return {
    result: line === undefined ? undefined : JSON.parse(line),
    status: ended.status,
    output: ended.stdout + ended.stderr,
  };
}

/** The result of a program of program.mjs, or of another file. */
export function resultOf(
  mpi: InstalledMpi,
  ranks: number,
  program: string,
  more?: Readonly<Record<string, string>>,
  file = 'program.mjs',
): unknown {
  const { result, status, output } = runRanks(mpi, ranks, [file, program], more);
  expect(status, output).toBe(0);
  return result;
}

export const near = (found: readonly number[], expected: readonly number[]): void => {
  expect(found).toHaveLength(expected.length);
  found.forEach((loss, i) => expect(Math.abs(loss - expected[i]!)).toBeLessThan(1e-5 * Math.max(1, Math.abs(expected[i]!))));
};
