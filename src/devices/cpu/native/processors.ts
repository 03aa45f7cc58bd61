/**
 * The processors that are this process's to use: where a launcher (mpirun, srun, torchrun) has started several on one machine, they share it.
 * In Node; elsewhere nobody is started so.
 */
import { ArgumentError } from '../../../base/errors.ts';
import { nodeBuiltin, processors } from '../host.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where launchers say how many processes of a job are on this machine. Slurm writes `4(x2)` for two machines with four each. */
export const LOCAL_SIZES = {
  'Open MPI': 'OMPI_COMM_WORLD_LOCAL_SIZE',
  MPICH: 'MPI_LOCALNRANKS',
  torchrun: 'LOCAL_WORLD_SIZE',
  Slurm: 'SLURM_STEP_TASKS_PER_NODE',
} as const;

const OTHERS = ['SLURM_CPUS_PER_TASK', 'FLAMBEAU_THREADS'];

/** How many processes share this machine's processors: 1 without a launcher. */
export function processesHere(env: Environment): number {
  for (const name of Object.values(LOCAL_SIZES)) {
    const count = Number(/^\d+/.exec(env[name] ?? '')?.[0] ?? 0);
    if (count > 0) return count;
  }
  return 1;
}

/**
 * Processors by the processes that share them; never more than the process may run on.
 * @param available - processors that the process may run on
 * @param all - those that its launcher may: where that has more, it has bound each process to a part (Open MPI and Intel MPI do), which others may have as well
 */
export function shareOf(env: Environment, available: number, all: number): number {
  const count = processesHere(env);
  const perTask = Number(env['SLURM_CPUS_PER_TASK'] ?? 0);
  if (count > 1 && perTask > 0) return Math.min(perTask, available);
  return Math.max(1, Math.min(Math.floor(Math.max(all, available) / count), available));
}

/** How many processors a list as Linux writes it has: `0-3,8`. */
export function countListed(list: string): number {
  return list.split(',').reduce((sum, range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return sum + last - first + 1;
  }, 0);
}

/** Processors that the process which has started this one may run on; 0 where that is not known. */
function processorsOfLauncher(): number {
  const files = nodeBuiltin<{ readFileSync(path: string, encoding: 'utf8'): string }>('node:fs');
  try {
    const { ppid } = (globalThis as unknown as { process: { ppid: number } }).process;
    const list = /^Cpus_allowed_list:\s*([\d,-]+)$/m.exec(files!.readFileSync(`/proc/${ppid}/status`, 'utf8'))?.[1];
    return list === undefined ? 0 : countListed(list);
  } catch {
    return 0; // not Linux, or not permitted
  }
}

/** The environment; empty where the host keeps it from programs (Deno, unless permitted). */
function environment(): Environment {
  const { env } = (globalThis as unknown as { process: { env: Environment } }).process;
  try {
    return Object.fromEntries([...Object.values(LOCAL_SIZES), ...OTHERS].map((name) => [name, env[name]]));
  } catch {
    return {};
  }
}

/** How many processors this process may take for itself. */
export const processorsOfMine = (): number => shareOf(environment(), processors(), processorsOfLauncher());

/**
 * How many threads kernels run on when nobody has called `setNumThreads`; undefined where nothing is said.
 * @throws ArgumentError where `FLAMBEAU_THREADS` is no number of threads
 */
export function wantedThreads(): number | undefined {
  const asked = environment()['FLAMBEAU_THREADS'];
  if (asked === undefined || asked === '') return undefined;
  const count = Number(asked);
  if (Number.isInteger(count) && count >= 1 && count <= 64) return count;
  throw new ArgumentError(
    `FLAMBEAU_THREADS: expected a whole number from 1 to 64, but got '${asked}'; leave it out for a thread for each processor`,
  );
}
