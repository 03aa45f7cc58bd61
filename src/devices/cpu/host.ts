/**
 * What the CPU device asks of its host, Node or browser: threads, processors, WebAssembly features. Everything is found
 * by looking, so one bundle runs in both.
 */
import type { SpawnThread } from './pool.ts';
import type { WorkerSetup } from './worker-main.ts';

interface NodeProcess {
  readonly versions?: { readonly node?: string };
  getBuiltinModule?(name: string): unknown;
}

/** The part of node:worker_threads that the pool uses. */
interface NodeWorkers {
  Worker: new (source: string, options: { eval: true; workerData: unknown }) => { unref(): void };
}

const nodeProcess = (globalThis as { process?: NodeProcess }).process;

/** A built-in module of Node, without an import that a browser bundle would trip over; undefined elsewhere. */
export function nodeBuiltin<T>(name: string): T | undefined {
  return nodeProcess?.versions?.node === undefined ? undefined : (nodeProcess.getBuiltinModule?.(name) as T | undefined);
}

export const isNode = nodeProcess?.versions?.node !== undefined;

/** Whether the calling thread may sleep in Atomics.wait; a browser's main thread may not. */
export function mayBlock(): boolean {
  return isNode || typeof (globalThis as { document?: unknown }).document === 'undefined';
}

/** Whether a memory can be shared between threads: always in Node, in browsers on cross-origin isolated pages. */
export function canShareMemory(): boolean {
  if (typeof SharedArrayBuffer === 'undefined') return false;
  return isNode || (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === true;
}

export function processors(): number {
  const os = nodeBuiltin<{ availableParallelism(): number }>('node:os');
  if (os !== undefined) return os.availableParallelism();
  return (globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator?.hardwareConcurrency ?? 1;
}

/** The smallest module with a relaxed fused multiply-add. */
const RELAXED_PROBE = new Uint8Array([
  0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0, 10, 61, 1, 59, 0, 0xfd, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0xfd, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfd, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0xfd, 0x85, 2, 0x0b,
]);

/**
 * Whether relaxed SIMD can be used. Node 20 has it behind a flag that may be set at run time, before the first module
 * is compiled; later versions and current browsers have it on.
 */
export function hasRelaxedSimd(): boolean {
  if (WebAssembly.validate(RELAXED_PROBE)) return true;
  const v8 = nodeBuiltin<{ setFlagsFromString(flag: string): void }>('node:v8');
  if (v8 === undefined) return false;
  v8.setFlagsFromString('--experimental-wasm-relaxed-simd');
  return WebAssembly.validate(RELAXED_PROBE);
}

/** Starts pool threads the host's way. They do not keep a Node process alive. */
export const spawnThread: SpawnThread = (source, setup, lost) => {
  const workers = nodeBuiltin<NodeWorkers>('node:worker_threads');
  if (workers !== undefined) {
    const code = `${source}(require('node:worker_threads').workerData)`;
    const worker = new workers.Worker(code, { eval: true, workerData: setup });
    worker.unref();
  } else {
    spawnWebWorker(source, setup, lost);
  }
};

/** Where there are no workers, or a policy of the page (`worker-src`, Trusted Types) is against this one, it does without. */
function spawnWebWorker(source: string, setup: WorkerSetup, lost: () => void): void {
  if (typeof Worker === 'undefined') {
    lost();
    return;
  }
  const code = `onmessage = (event) => { ${source}(event.data); close(); };`;
  const url = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
  try {
    const worker = new Worker(url);
    worker.onerror = lost;
    worker.postMessage(setup);
  } catch {
    lost(); // the program computes the same on fewer threads, and getNumThreads() says on how many
  } finally {
    URL.revokeObjectURL(url);
  }
}
