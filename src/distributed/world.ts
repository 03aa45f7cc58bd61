/** The one group of all processes of a program, and what they are told at its beginning (https://pytorch.org/docs/stable/distributed.html). */
import { oneOf, POSITIVE, requireOptions, type OptionKinds } from '../base/arguments.ts';
import { DistributedError } from '../base/errors.ts';
import { SingleProcess, type ProcessGroup } from './process-group.ts';

/** What {@link initProcessGroup} takes. */
export interface ProcessGroupOptions {
  /** `'mpi'`, or `'single'` for this process alone; by default what has started the program. */
  readonly backend?: 'mpi' | 'single';
  /** Milliseconds that a collective may take, 30 minutes if it is left out. */
  readonly timeout?: number;
}

const OPTIONS: OptionKinds<ProcessGroupOptions> = { backend: oneOf('mpi', 'single'), timeout: POSITIVE };
const HALF_AN_HOUR = 30 * 60 * 1000;

/** Makes the group of the processes that MPI has started, `wanted` or not: undefined where it has started none. */
type MakeMpi = (timeout: number, wanted: boolean) => ProcessGroup | undefined;
/** Values as bytes, and back: what structured clones can hold. */
export interface Codec {
  pack(value: unknown): Uint8Array;
  unpack(bytes: Uint8Array): unknown;
}
let makeMpi: MakeMpi | undefined;
let codec: Codec | undefined;
let world: ProcessGroup | undefined;
let wasEnded = false;

/** Node's entry brings it. */
export function provideMpi(make: MakeMpi, values: Codec): void {
  [makeMpi, codec] = [make, values];
}

/** Where there is none, there are no other processes. */
export const codecIfAny = (): Codec | undefined => codec;

/**
 * Joins the processes that a launcher has started (`mpirun -n 4 node program.mjs`); every process calls it, once, before anything else of
 * `flambeau/distributed`. Without a launcher the group is this process alone, so the same program runs by itself, and in a browser.
 * @throws DistributedError where there is a group already, or MPI cannot be had
 * @see https://pytorch.org/docs/stable/distributed.html#torch.distributed.init_process_group
 * @example
 * import { tensor } from 'flambeau';
 * import * as dist from 'flambeau/distributed';
 *
 * dist.initProcessGroup();
 * const x = tensor([dist.getRank() + 1]);
 * dist.allReduce(x); // with 4 processes 1 + 2 + 3 + 4
 * console.log(dist.getWorldSize(), x.item()); // 1 1
 * dist.destroyProcessGroup();
 */
export function initProcessGroup(options: ProcessGroupOptions = {}): void {
  const { backend, timeout = HALF_AN_HOUR } = requireOptions<ProcessGroupOptions>(
    'initProcessGroup',
    options,
    OPTIONS,
    "{ backend: 'mpi', timeout: 60_000 }",
  );
  if (world !== undefined) throw new DistributedError('initProcessGroup: there is a group already; destroyProcessGroup() ends it');
  if (backend !== 'single' && wasEnded)
    throw new DistributedError(
      'initProcessGroup: MPI cannot begin again in a process in which it has ended; call destroyProcessGroup() at the end of the program',
    );
  if (backend === 'mpi' && makeMpi === undefined)
    throw new DistributedError("initProcessGroup: there is no MPI in browsers; leave backend out, or write 'single'");
  const made = backend === 'single' ? undefined : makeMpi?.(timeout, backend === 'mpi');
  world = made ?? new SingleProcess();
}

/**
 * Ends the group, when all processes have come here; a program's last call.
 * @see https://pytorch.org/docs/stable/distributed.html#torch.distributed.destroy_process_group
 */
export function destroyProcessGroup(): void {
  const group = requireGroup('destroyProcessGroup');
  if (group.backend === 'mpi') wasEnded = true;
  world = undefined;
  group.close();
}

/** Whether {@link initProcessGroup} was called. */
export const isInitialized = (): boolean => world !== undefined;

/** Whether `backend: 'mpi'` can be asked for: not in browsers. Whether a library is installed shows when it is loaded. */
export const isMpiAvailable = (): boolean => makeMpi !== undefined;

/** The group. @throws DistributedError before {@link initProcessGroup} */
export function requireGroup(op: string): ProcessGroup {
  if (world === undefined) throw new DistributedError(`${op}: there is no process group; call initProcessGroup() first`);
  return world;
}

/** The group, if there is one: what works without asks this. */
export const groupIfAny = (): ProcessGroup | undefined => world;

/** This process's number, from 0. @throws DistributedError before {@link initProcessGroup} */
export const getRank = (): number => requireGroup('getRank').rank;

/** How many processes there are. @throws DistributedError before {@link initProcessGroup} */
export const getWorldSize = (): number => requireGroup('getWorldSize').size;

/** This process's number among those of its machine. @throws DistributedError before {@link initProcessGroup} */
export const getNodeLocalRank = (): number => requireGroup('getNodeLocalRank').localRank;

/** `'mpi'`, or `'single'`. @throws DistributedError before {@link initProcessGroup} */
export const getBackend = (): string => requireGroup('getBackend').backend;
