/** What a group of processes can do together, whoever carries it out. */
import type { DType } from '../base/dtype.ts';

/** How results of several processes become one (https://pytorch.org/docs/stable/distributed.html#torch.distributed.ReduceOp). */
export type ReduceOp = 'sum' | 'product' | 'min' | 'max' | 'band' | 'bor' | 'bxor';

/** What all processes of a group have to ask for alike, each of them, in one order. */
export interface Call {
  readonly kind: 'allReduce' | 'reduce' | 'broadcast' | 'allGather' | 'reduceScatter' | 'gather' | 'scatter' | 'barrier';
  readonly dtype: DType;
  /** Elements: of an `allGather`, `gather`, `scatter` or `reduceScatter`, one process's part. */
  readonly count: number;
  readonly op?: ReduceOp;
  /** The process that has the values, or gets the result. */
  readonly root?: number;
}

/** A call with this process's memory. */
export interface Collective extends Call {
  /** The memory of a `barrier` is empty. Where nothing is to send, what lies in `receive` is both: of an `allGather`, in this process's part. */
  readonly receive: Uint8Array;
  readonly send?: Uint8Array;
}

/** As text, for errors: `allReduce of 12 float32 (sum)`. */
export function showCollective({ kind, count, dtype, op, root }: Omit<Call, 'kind'> & { readonly kind: string }): string {
  if (kind === 'barrier' || kind === 'destroyProcessGroup') return kind;
  const where = root === undefined ? [] : [kind === 'broadcast' || kind === 'scatter' ? `from rank ${root}` : `to rank ${root}`];
  const how = [...(op === undefined ? [] : [op]), ...where];
  return `${kind} of ${count} ${dtype}${how.length === 0 ? '' : ` (${how.join(', ')})`}`;
}

/** A collective on its way. Until it is done, its memory is not to be read, written or given back. */
export interface Pending {
  readonly isDone: boolean;
  /** Waits here. @throws DistributedError when it fails, or takes longer than the group's timeout */
  wait(): void;
  /** Resolves when it is done, and is rejected where `wait` throws. */
  readonly promise: Promise<void>;
}

/** Processes that compute together. Memory is this process's own; collectives begin in the order in which they were started. */
export interface ProcessGroup {
  /** `'mpi'`, or `'single'` for one process alone. */
  readonly backend: string;
  /** This process's number, and how many there are. */
  readonly rank: number;
  readonly size: number;
  /** The same among the processes of this machine. */
  readonly localRank: number;
  readonly localSize: number;
  start(collective: Collective): Pending;
  /** Ends it when all processes do. */
  close(): void;
}

const DONE: Pending = { isDone: true, wait: () => undefined, promise: Promise.resolve() };

/** One process alone: what it has is everybody's. */
export class SingleProcess implements ProcessGroup {
  readonly backend = 'single';
  readonly rank = 0;
  readonly size = 1;
  readonly localRank = 0;
  readonly localSize = 1;

  start({ send, receive }: Collective): Pending {
    if (send !== undefined) receive.set(send);
    return DONE;
  }

  close(): void {
    // Nobody else is there.
  }
}
