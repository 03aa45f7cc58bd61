/** The device that tensors live on, made when the first tensor is: importing the package costs nothing. */
import { CpuDevice } from '../devices/cpu/cpu.ts';

let cpu: CpuDevice | undefined;

export function cpuDevice(): CpuDevice {
  cpu ??= new CpuDevice();
  return cpu;
}

/**
 * Sets how many threads kernels run on, the calling one included (PyTorch: `torch.set_num_threads`).
 * Results do not depend on it.
 * @throws ArgumentError unless 1 ≤ count ≤ 64
 */
export function setNumThreads(count: number): void {
  cpuDevice().threads = count;
}

/** How many threads kernels run on: by default one per processor where memory can be shared, else 1. */
export function getNumThreads(): number {
  return cpuDevice().threads;
}

/**
 * Waits until the threads that kernels run on are up, and says how many they are, the calling one included. They start by
 * themselves and join in as they come up; only in browsers, where a thread cannot start before the program pauses, is this
 * worth calling: once, before a long loop that never awaits.
 * @example
 * import { ones, startThreads } from 'flambeau';
 * const threads = await startThreads();
 * if (!(threads >= 1) || ones(2).sum().item() !== 2) throw new Error('computes on any number of threads');
 */
export function startThreads(): Promise<number> {
  return cpuDevice().startThreads();
}

/**
 * Waits until the native kernels that the program has asked for so far are compiled, and says whether native kernels are
 * used: they are not without a C compiler or koffi, nor with FLAMBEAU_NATIVE=0. An operation asks for its kernels when it
 * has run a few times, and moves to them at its next run. Programs need not wait; measurements may want to.
 * @example
 * import { ones } from 'flambeau';
 * import { nativeReady } from 'flambeau/node';
 * for (let i = 0; i < 5; i++) ones(1000).sum();
 * const native: boolean = await nativeReady();
 * if (ones(1000).sum().item() !== 1000) throw new Error(`computes the same, native or not (${native})`);
 */
export function nativeReady(): Promise<boolean> {
  return cpuDevice().faster?.settled() ?? Promise.resolve(false);
}
