/** What the launcher of a process has said in its environment: which of how many it is. */
import { ArgumentError } from '../base/errors.ts';
import { LOCAL_SIZES } from '../devices/cpu/native/processors.ts';

export interface Launch {
  readonly launcher: 'Open MPI' | 'MPICH' | 'Slurm' | 'torchrun';
  readonly rank: number;
  readonly worldSize: number;
  readonly localRank: number;
  readonly localWorldSize: number;
}

/** Set by `flambeau run` in the processes that it starts: a folder on its machine, where a process that ends because the job has failed leaves a file. */
export const LAUNCHED = 'FLAMBEAU_LAUNCHED';
export const FAILED_FILE = 'failed';

type Environment = Readonly<Record<string, string | undefined>>;

/** Names of rank, size, rank and size on this machine, in the order in which they are looked for: an `mpirun` inside of a Slurm job says more. */
const NAMES: readonly (readonly [Launch['launcher'], rank: string, size: string, local: string, localSize: string])[] = [
  ['Open MPI', 'OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_RANK', LOCAL_SIZES['Open MPI']],
  ['MPICH', 'PMI_RANK', 'PMI_SIZE', 'MPI_LOCALRANKID', LOCAL_SIZES.MPICH],
  ['torchrun', 'RANK', 'WORLD_SIZE', 'LOCAL_RANK', LOCAL_SIZES.torchrun],
  ['Slurm', 'SLURM_PROCID', 'SLURM_STEP_NUM_TASKS', 'SLURM_LOCALID', LOCAL_SIZES.Slurm],
];

export const rankVariable = (launcher: Launch['launcher']): string => NAMES.find(([name]) => name === launcher)![1];

/**
 * How this process was started; undefined where no launcher has.
 * @throws ArgumentError for numbers that are none, or do not fit
 */
export function launchOf(env: Environment): Launch | undefined {
  const found = NAMES.find(([, rank, size]) => env[rank] !== undefined && env[size] !== undefined);
  if (found === undefined) return undefined;
  const [launcher, ...names] = found;
  const [rank, worldSize] = [wholeOf(env, names[0]), wholeOf(env, names[1])];
  const localRank = env[names[2]] === undefined ? rank : wholeOf(env, names[2]);
  const localWorldSize = env[names[3]] === undefined ? worldSize : wholeOf(env, names[3]);
  if (rank >= worldSize)
    throw new ArgumentError(`initProcessGroup: ${names[0]} is ${rank}, but ${names[1]} only ${worldSize}; ranks begin with 0`);
  return { launcher, rank, worldSize, localRank, localWorldSize };
}

/** Slurm writes `4(x2)` for two machines with four tasks each. */
function wholeOf(env: Environment, name: string): number {
  const text = env[name]!;
  const value = /^\d+/.exec(text)?.[0];
  if (value === undefined)
    throw new ArgumentError(`initProcessGroup: expected the environment variable ${name} to be a whole number, but got '${text}'`);
  return Number(value);
}
