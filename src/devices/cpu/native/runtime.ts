/** Calls the native runtime (`runtime-source.ts`) through koffi, an optional dependency. */
import { DeviceError } from '../../../base/errors.ts';
import type { System } from './system.ts';

interface Library {
  func(prototype: string): (...args: never[]) => unknown;
}

export interface Runtime {
  /** The address of a kernel's entry; 0 when its file cannot be loaded. */
  open(path: string, symbol: string): bigint;
  /** Runs a job block; what it returns is 0 or the kind of a failed division. */
  run(block: number): number;
}

interface Koffi {
  load(path: string): Library;
}

/** Whether koffi is installed. To load it takes 20 ms: that is left until there is something to call. */
export function hasKoffi(system: System): boolean {
  try {
    system.resolve('koffi');
    return true;
  } catch {
    return false;
  }
}

/** Binds a compiled runtime to one memory. @throws when koffi or the library cannot be loaded */
export function bindRuntime(system: System, path: string, memory: WebAssembly.Memory): Runtime {
  const library = (system.require('koffi') as Koffi).load(path);
  const func = <F>(prototype: string): F => library.func(prototype) as unknown as F;
  const stay = func<(path: string) => number>('int flambeau_stay(const char *path)');
  const makePool = func<(mem: Uint8Array) => number>('int flambeau_pool(void *mem)');
  const open = func<(path: string, symbol: string) => number | bigint>('uint64_t flambeau_open(const char *path, const char *symbol)');
  const run = func<(pool: number, block: number) => number>('int flambeau_run(int pool, uint32_t block)');
  if (stay(path) === 0) throw new DeviceError('cpu: the native runtime cannot be kept loaded');
  const pool = makePool(new Uint8Array(memory.buffer));
  if (pool < 0) throw new DeviceError('cpu: too many devices use native kernels');
  return {
    open: (file, symbol) => BigInt(open(file, symbol)),
    run: (block) => run(pool, block),
  };
}
