/** The memory that all processes of a machine see, which MPI makes for them. */
import type { Abi, Handle } from './abi.ts';
import { BYTES_EACH } from './common-memory.ts';
import type { Mpi } from './library.ts';

export interface Window {
  /** Where the first process's part begins, in this process. */
  readonly base: bigint;
  free(): void;
}

/** MPI writes a handle or an address here. */
const cell = (): Uint8Array<ArrayBuffer> => new Uint8Array(8);
const addressIn = (bytes: Uint8Array<ArrayBuffer>): bigint => new BigUint64Array(bytes.buffer)[0]!;
const handleIn = (bytes: Uint8Array<ArrayBuffer>, { handle }: Abi): Handle =>
  handle === 'int' ? new Int32Array(bytes.buffer)[0]! : addressIn(bytes);

/** Undefined where the processes are on several machines, or MPI cannot; the same in all of them. */
export function shareMemory(mpi: Mpi, rank: number, size: number): Window | undefined {
  const { abi } = mpi;
  const made = cell();
  if (mpi.splitByType(abi.world, abi.sharedType, rank, abi.noInfo, made) !== 0) return undefined;
  const machine = handleIn(made, abi);
  const here = [0];
  if (mpi.commSize(machine, here) !== 0 || here[0] !== size) return undefined;
  const [base, window, bytes] = [cell(), cell(), cell()];
  let isThere = mpi.allocateShared(BYTES_EACH, 1, abi.noInfo, machine, base, window) === 0;
  if (isThere) isThere = mpi.queryShared(handleIn(window, abi), 0, bytes, [0], base) === 0;
  const all = new Int32Array([isThere ? 1 : 0]);
  const flags = new Uint8Array(all.buffer);
  if (mpi.allReduce(abi.inPlace, flags, 1, abi.types.int32, abi.ops.min, abi.world) !== 0 || all[0] === 0) return undefined;
  return { base: addressIn(base), free: () => void mpi.freeWindow(window) };
}
