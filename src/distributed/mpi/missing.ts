/**
 * Who is missing while MPI starts, which waits for all processes and tells of none. Linux shows what else the launcher has started on this machine, and
 * whether that has MPI in its memory.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { rankVariable, type Launch } from '../environment.ts';

/** A process of the job on this machine. */
export interface Seen {
  readonly rank: number;
  readonly pid: number;
  readonly command: string;
  /** Whether it has called `initProcessGroup`. */
  readonly hasMpi: boolean;
}

/** Variables that only processes of one job have alike, with Open MPI and Slurm; MPICH's have the same parent. */
const JOB = ['PMIX_NAMESPACE', 'SLURM_STEP_ID', 'SLURM_JOB_ID'];

const read = (pid: number | string, file: string): string => readFileSync(`/proc/${pid}/${file}`, 'utf8');
const environmentOf = (pid: string): ReadonlyMap<string, string> =>
  new Map(
    read(pid, 'environ')
      .split('\0')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const),
  );
const parentOf = (pid: string): number => Number(/^PPid:\s*(\d+)/m.exec(read(pid, 'status'))?.[1]);

/** What this launcher has started here and still runs; undefined where nobody shows that. */
function seenHere({ launcher }: Launch): Seen[] | undefined {
  const name = rankVariable(launcher);
  let pids: string[];
  try {
    pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
    read(process.pid, 'environ');
  } catch {
    return undefined;
  }
  const job = JOB.filter((key) => process.env[key] !== undefined);
  const seen = new Map<number, Seen>();
  for (const pid of pids.sort((a, b) => Number(a) - Number(b))) {
    try {
      const env = environmentOf(pid);
      const rank = Number(env.get(name) ?? NaN);
      const isOfJob = job.length > 0 ? job.every((key) => env.get(key) === process.env[key]) : parentOf(pid) === process.ppid;
      if (!Number.isInteger(rank) || !isOfJob) continue;
      const command = read(pid, 'cmdline').split('\0').join(' ').trim();
      const hasMpi = /\/lib(mpi|mpich)[._]/.test(read(pid, 'maps'));
      const before = seen.get(rank); // what a process has started has its environment
      seen.set(rank, before === undefined ? { rank, pid: Number(pid), command, hasMpi } : { ...before, hasMpi: before.hasMpi || hasMpi });
    } catch {
      // It has ended meanwhile, or is somebody else's.
    }
  }
  return [...seen.values()].sort((a, b) => a.rank - b.rank);
}

const some = (texts: readonly string[]): string =>
  texts.length > 4 ? `${texts.slice(0, 4).join(', ')} and ${texts.length - 4} more` : texts.join(', ');

/** Who is missing, in words. */
export function missing(
  { localWorldSize, worldSize }: Pick<Launch, 'localWorldSize' | 'worldSize'>,
  host: string,
  seen: readonly Seen[] | undefined,
): string {
  if (seen === undefined) return 'another process has not called it';
  const idle = seen
    .filter(({ hasMpi }) => !hasMpi)
    .map(({ rank, pid, command }) => `rank ${rank} on ${host} runs, but has not called it (process ${pid}: ${command.slice(0, 120)})`);
  const isAlone = localWorldSize === worldSize;
  const here = new Set(seen.map(({ rank }) => rank));
  const ended = Array.from({ length: worldSize }, (_, rank) => rank).filter((rank) => !here.has(rank));
  if (isAlone && ended.length > 0)
    idle.push(
      `${ended.length === 1 ? 'rank' : 'ranks'} ${some(ended.map(String))} on ${host} ${ended.length === 1 ? 'is' : 'are'} not there: ended, or not started`,
    );
  else if (seen.length < localWorldSize)
    idle.push(`${localWorldSize - seen.length} of the ${localWorldSize} processes of ${host} are not there: ended, or not started`);
  if (idle.length > 0) return some(idle);
  if (isAlone) return `all ${worldSize} have called it on ${host}, but MPI does not start`;
  return `all ${localWorldSize} processes of ${host} have called it: some of other hosts have not, or the hosts do not reach one another by MPI`;
}

export const missingHere = (launch: Launch | undefined): string =>
  launch === undefined ? 'another process has not called it' : missing(launch, hostname(), seenHere(launch));
