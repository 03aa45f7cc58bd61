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

/** @throws DistributedError where it is not installed, or gives too little stack */
export function loadKoffi(): Koffi {
  const remedy = 'npm install koffi@3';
  let koffi: Koffi;
  try {
    koffi = createRequire(import.meta.url)('koffi') as Koffi;
    koffi.config({ ...koffi.config(), ...STACKS });
  } catch (cause) {
    throw new DistributedError(`initProcessGroup: koffi, by which MPI is called, cannot be loaded; ${remedy}`, { cause }); // prettier-ignore
  }
  const stack = Number(koffi.config()['sync_stack_size']);
  if (!(stack >= STACKS.sync_stack_size)) throw new DistributedError(`initProcessGroup: koffi gives MPI ${stack} bytes of stack, of which it needs ${STACKS.sync_stack_size}; ${remedy}`); // prettier-ignore
  return koffi;
}
