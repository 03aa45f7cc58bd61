/** A rank fails: all others say which, where and in what, and no process is left. */
import { spawn } from 'node:child_process';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { env, MPIS, starts, type InstalledMpi } from '../support/ranks.ts';

interface Ended {
  readonly status: number | null;
  readonly output: string;
  readonly seconds: number;
}

function run(mpi: InstalledMpi, ranks: number, how: string, more: Record<string, string> = {}): Promise<Ended> {
  const program = fileURLToPath(new URL('failing.mjs', import.meta.url));
  const start = performance.now();
  const child = spawn(mpi.start, [...mpi.args, '-n', String(ranks), process.execPath, program, how], { env: { ...env, ...more }, timeout: 60_000, stdio: ['ignore', 'pipe', 'pipe'] }); // prettier-ignore
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += String(data)));
  return new Promise((resolve) => {
    child.on('close', (status) => resolve({ status, output, seconds: (performance.now() - start) / 1000 }));
  });
}

const host = hostname();
const three = 'allReduce of 4 float32 \\(sum\\)';
const two = 'broadcast of 2 float32 \\(from rank 0\\)';
const differs = (call: string): string => `number 3 is ${three} on rank 0 on ${host}, but ${call} on rank 1 on ${host}\\. All ranks must call the same collectives in the same order`; // prettier-ignore

/** What goes wrong, with how many ranks, and what is said. */
const FAILURES: readonly (readonly [how: string, ranks: number, text: string])[] = [
  ['kill', 3, `rank 1 on ${host}, last seen .*, is gone \\(killed, or crashed\\); rank 0 on ${host} and rank 2 on ${host} wait in number 3, ${three}`],
  ['throw', 3, `rank 1 on ${host} has thrown TypeError: Cannot read .*, after number 2, ${two}; rank 0 on ${host}`],
  ['exit', 2, `rank 1 on ${host} has ended \\(exit code 0\\) without destroyProcessGroup\\(\\), after number 2, ${two}`],
  ['hang', 2, `rank 1 on ${host} \\(after number 2, ${two}, for \\d\\.\\d s\\) has not called number 3, ${three}, within 1\\.5 s; rank 0 on ${host} waits in number 3`],
  ['dtype', 2, differs('allReduce of 4 int32 \\(sum\\)')],
  ['size', 2, differs('allReduce of 5 float32 \\(sum\\)')],
  ['operation', 2, differs('broadcast of 4 float32 \\(from rank 0\\)')],
  ['end', 2, differs('destroyProcessGroup')],
]; // prettier-ignore

describe.each(MPIS)('over $name', (mpi) => {
  const isThere = starts(mpi);

  it.skipIf(!isThere).concurrent.each(FAILURES)('%s', async (how, ranks, text) => {
    const { status, output } = await run(mpi, ranks, how);
    expect(status, output).not.toBe(0);
    for (let rank = 0; rank < ranks; rank++) {
      if (rank !== 1) expect(output).toMatch(new RegExp(`DistributedError: allReduce of 4 float32 \\(sum\\) on rank ${rank}: ${text}`)); // prettier-ignore
    }
    expect(output).toMatch({ kill: /./, throw: /Uncaught TypeError/, exit: /rank 1 ends \(exit code 0\) without destroyProcessGroup/, hang: /DistributedError: rank 1 on/ }[how] ?? /on rank 1: number 3 is/); // prettier-ignore
  });
});
