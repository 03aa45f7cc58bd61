/** koffi, by which functions of C libraries are called: an optional dependency. */
import { createRequire } from 'node:module';
import { DistributedError } from '../../base/errors.ts';

export interface Library {
  func(name: string, result: string, args: readonly unknown[]): (...args: never[]) => number;
  symbol(name: string, type: string): unknown;
}

export interface Koffi {
  /** `null` is the program itself, with the C library. */
  load(path: string | null, options?: { global?: boolean }): Library;
  config(): Record<string, unknown>;
  config(options: Record<string, unknown>): void;
  out(type: unknown): unknown;
  address(value: unknown): bigint;
  view(address: bigint, bytes: number): ArrayBuffer;
}

/** MPICH needs more than koffi's own 1 MB and 128 KB, and ends the process without a word where it has less. */
const STACKS = { sync_stack_size: 8 << 20, async_stack_size: 4 << 20 };

const REMEDY = 'npm install koffi@3';

/** @throws DistributedError where it is not installed */
export function loadKoffi(): Koffi {
  let koffi: Koffi;
  try {
    koffi = createRequire(import.meta.url)('koffi') as Koffi;
  } catch (cause) {
    throw new DistributedError(`initProcessGroup: koffi, by which MPI is called, cannot be loaded; ${REMEDY}`, { cause });
  }
  try {
    koffi.config({ ...koffi.config(), ...STACKS });
  } catch {
    // This thread has loaded a library already: it keeps its stacks.
  }
  return koffi;
}

/** @throws DistributedError where it gives less stack than MPI needs */
export function requireStack(koffi: Koffi): void {
  const stack = Number(koffi.config()['sync_stack_size']);
  if (!(stack >= STACKS.sync_stack_size))
    throw new DistributedError(
      `initProcessGroup: koffi gives MPI ${stack} bytes of stack, of which it needs ${STACKS.sync_stack_size}; ${REMEDY}`,
    );
}
