/** `flambeau train` in several processes: each joins the others, and the first speaks for all. */
import { hostname } from 'node:os';
import { launchOf } from '../distributed/environment.ts';
import { enableMpi } from '../distributed/mpi/index.ts';
import { destroyProcessGroup, initProcessGroup, requireGroup } from '../distributed/world.ts';
import { getNumThreads, setNumThreads } from '../tensor/backend.ts';
import { SharedError, TrainingProcesses } from '../train/processes.ts';
import { TrainingError } from '../train/trainer.ts';
import { ASKED } from './interrupt.ts';
import { isLaunched } from './launch.ts';
import { UsageError } from './options.ts';
import { Terminal } from './terminal.ts';

/** How many processes a launcher has started; 1 without one. */
export const startedProcesses = (): number => launchOf(process.env)?.worldSize ?? 1;

/** This process's number, for messages; 0 without others. */
export function rankHere(): number {
  try {
    return launchOf(process.env)?.rank ?? 0;
  } catch {
    return 0; // whoever needs it says what is wrong
  }
}

/** Whether the first process says what has gone wrong here. */
export const isSaidElsewhere = (error: unknown): boolean =>
  rankHere() > 0 && (error instanceof UsageError || error instanceof SharedError || error instanceof TrainingError);

/**
 * Joins the processes that were started beside this one, and runs `fn` in each; alone without them. All but the first print nothing.
 * @returns the exit code
 */
export async function inProcesses(
  { seed, threads }: { readonly seed: number; readonly threads: number | undefined },
  terminal: Terminal,
  fn: (processes: TrainingProcesses | undefined, terminal: Terminal) => Promise<number>,
): Promise<number> {
  if (startedProcesses() === 1) return await fn(undefined, terminal);
  enableMpi();
  initProcessGroup({ backend: 'mpi' });
  if (threads !== undefined) setNumThreads(threads);
  const processes = new TrainingProcesses(requireGroup('flambeau train'), seed, { host: hostname(), threads: getNumThreads() });
  const own = processes.isFirst ? terminal : new Terminal({ write: () => true });
  let code: number;
  try {
    code = await fn(processes, own);
  } catch (error) {
    if (processes.hasFailed || error instanceof TrainingError) destroyProcessGroup(); // else the others wait for this one, and MPI ends them
    throw error;
  }
  const all = processes.most(code);
  destroyProcessGroup();
  return all === ASKED && isLaunched() ? 0 : all; // who asked knows it, and mpirun would take another code for a failure
}

/** Does it in each process, and goes on when all have. */
export const inEach = async <T>(processes: TrainingProcesses | undefined, fn: () => T | Promise<T>): Promise<T> =>
  processes === undefined ? await fn() : await processes.each(fn);

/** What the first process comes to, as JSON has it. */
export const byFirst = async <T>(processes: TrainingProcesses | undefined, fn: () => T | Promise<T>): Promise<T> =>
  processes === undefined ? await fn() : await processes.first(fn);
