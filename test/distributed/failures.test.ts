/** A rank fails: all others say which, where and in what, and no process is left. */
import { spawn } from 'node:child_process';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { env, MPIS, starts, type InstalledMpi } from '../support/ranks.ts';

interface Ended {
  readonly status: number | null;
  readonly output: string;
}

function run(mpi: InstalledMpi, ranks: number, how: string, more: Record<string, string> = {}): Promise<Ended> {
  const program = fileURLToPath(new URL('failing.mjs', import.meta.url));
  const child = spawn(mpi.start, [...mpi.args, '-n', String(ranks), process.execPath, program, how], {
    env: { ...env, ...more },
    timeout: 60_000,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += String(data)));
  return new Promise((resolve) => {
    child.on('close', (status) => resolve({ status, output }));
  });
}

const host = hostname();
const three = 'allReduce of 4 float32 \\(sum\\)';
const two = 'broadcast of 2 float32 \\(from rank 0\\)';
const differs = (call: string): string =>
  `number 3 is ${three} on rank 0 on ${host}, but ${call} on rank 1 on ${host}\\. All ranks must call the same collectives in the same order`;

const overMpi = { FLAMBEAU_MPI_MEMORY: '0' };

interface Failure {
  readonly how: string;
  readonly ranks: number;
  /** What all ranks but the failing one say. */
  readonly text: string;
  /** What it says itself. */
  readonly own?: RegExp;
  readonly env?: Record<string, string>;
}
const FAILURES: readonly Failure[] = [
  { how: 'kill', ranks: 3, text: `rank 1 on ${host}, last seen .*, is gone \\(killed, or crashed\\)` },
  { how: 'throw', ranks: 3, text: `rank 1 on ${host} has thrown TypeError: Cannot read .*, after number 2, ${two}`, own: /Uncaught TypeError/ },
  { how: 'exit', ranks: 2, text: `rank 1 on ${host} has ended \\(exit code 0\\) without destroyProcessGroup\\(\\), after number 2, ${two}`, own: /rank 1 ends \(exit code 0\)/ },
  { how: 'hang', ranks: 2, text: `rank 1 on ${host} \\(after number 2, ${two}, for \\d+\\.\\d s\\) has not called number 3, ${three}, within 1\\.5 s; rank 0 on ${host} waits in number 3`, own: /rank 1 on \S+ ends: rank 1/ },
  { how: 'dtype', ranks: 2, text: differs('allReduce of 4 int32 \\(sum\\)'), own: /on rank 1: number 3 is/ },
  { how: 'operation', ranks: 2, text: differs('broadcast of 4 float32 \\(from rank 0\\)'), own: /on rank 1: number 3 is/, env: overMpi },
  { how: 'size', ranks: 2, text: differs('allReduce of 5 float32 \\(sum\\)'), own: /on rank 1: number 3 is/, env: overMpi },
  { how: 'end', ranks: 2, text: differs('destroyProcessGroup'), own: /destroyProcessGroup on rank 1: number 3 is/ },
]; // prettier-ignore

describe.each(MPIS)('over $name', (mpi) => {
  const isThere = starts(mpi);

  it.skipIf(!isThere).concurrent.each(FAILURES)('$how', async ({ how, ranks, text, own = /./, env: more }) => {
    const { status, output } = await run(mpi, ranks, how, more);
    expect(status, output).not.toBe(0);
    for (let rank = 0; rank < ranks; rank++) {
      if (rank !== 1) expect(output).toMatch(new RegExp(`DistributedError: .*rank ${rank}(:| on ${host} ends:) ${text}`));
    }
    expect(output).toMatch(own);
  });
});
