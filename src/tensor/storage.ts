/**
 * Storages: the memory behind tensors, and how it comes back without anyone calling `dispose`.
 *
 * Three ways, from the surest to the last resort:
 * - the backward pass frees the gradients it made for its own use as soon as they are consumed (`autograd.ts`);
 * - `memoryScope()` frees what was made inside it;
 * - storages that nothing refers to any more are found through weak references. Under memory pressure in Node a full
 *   collection is asked for first. A weak reference keeps its target alive until the running job ends, which a synchronous
 *   training loop never does, so the kept-alive list is cleared as well, by evaluating an empty script whose context has
 *   its own microtask queue. In browsers, which offer no such thing, a FinalizationRegistry does the finding between tasks.
 */
import { AutogradError } from '../base/errors.ts';
import type { Device } from '../devices/device.ts';

/** A block of device memory. Tensors that are views of each other share one. */
export class Storage {
  readonly device: Device;
  readonly address: number;
  readonly bytes: number;
  /** Counts in-place changes; a saved tensor whose storage moved on cannot be used for gradients. */
  version = 0;
  /** Kept out of enclosing memory scopes: parameters' gradients and optimizer state outlive the scope they arose in. */
  kept = false;
  readonly #block: Block;

  constructor(device: Device, block: Block) {
    this.device = device;
    this.#block = block;
    this.address = block.address;
    this.bytes = block.bytes;
  }

  get freed(): boolean {
    return this.#block.freed;
  }

  /** Gives the memory back now. Using the storage afterwards is a named error, never garbage. */
  free(): void {
    this.#block.release();
  }
}

/** What stays known of a storage when the storage itself is gone. */
class Block {
  readonly device: Device;
  readonly address: number;
  readonly bytes: number;
  freed = false;

  constructor(device: Device, address: number, bytes: number) {
    this.device = device;
    this.address = address;
    this.bytes = bytes;
  }

  release(): void {
    if (this.freed) return;
    this.freed = true;
    this.device.free(this.address, this.bytes);
  }
}

/** The error for using freed memory. */
export function usedAfterFree(op: string): AutogradError {
  return new AutogradError(
    `${op}: this tensor's memory has been freed, by memoryScope() or because the backward pass was done with it; ` +
      'return the tensor from the scope, or clone() what must outlive it',
  );
}

interface Collector {
  /** Collects garbage now and lets go of weak targets that are no longer reachable. */
  collect(): void;
}

interface Tracked {
  readonly ref: WeakRef<Storage>;
  readonly block: Block;
}

/** Allocation between two sweeps. Adapts: large live sets are swept less often. */
const MIN_BUDGET = 128e6;

let tracked: Tracked[] = [];
let budget = MIN_BUDGET;
let sinceSweep = 0;
const scopes: Storage[][] = [];
let collector: Collector | undefined | null;
let registry: FinalizationRegistry<Block> | undefined;

/** A new storage of at least `bytes`. Not zeroed. @throws OutOfMemoryError */
export function allocateStorage(device: Device, bytes: number): Storage {
  let address: number;
  try {
    address = device.allocate(bytes);
  } catch (error) {
    if (!sweep(true)) throw error;
    address = device.allocate(bytes);
  }
  const block = new Block(device, address, bytes);
  const storage = new Storage(device, block);
  sinceSweep += bytes + 64;
  track(storage, block);
  scopes.at(-1)?.push(storage);
  return storage;
}

function track(storage: Storage, block: Block): void {
  collector ??= nodeCollector();
  if (collector !== null) {
    tracked.push({ ref: new WeakRef(storage), block });
    return;
  }
  registry ??= new FinalizationRegistry((gone) => gone.release());
  registry.register(storage, block);
}

/** Sweeps when enough was allocated since the last time. Call it where no bare addresses are held. */
export function collectIfNeeded(): void {
  if (sinceSweep > budget) sweep(true);
}

/** Whether much was allocated since memory was last reclaimed: an async loop should then let a macrotask pass. */
export function memoryPressure(): boolean {
  return sinceSweep > budget / 2;
}

/**
 * Frees what is unreachable. First without a collection, since the engine may have run one by itself.
 * @returns whether anything was freed
 */
function sweep(force: boolean): boolean {
  sinceSweep = 0;
  if (collector === null || collector === undefined) return false;
  const before = tracked.length;
  if (force) collector.collect();
  let live = 0;
  const alive: Tracked[] = [];
  for (const entry of tracked) {
    if (entry.block.freed) continue;
    if (entry.ref.deref() === undefined) {
      entry.block.release();
    } else {
      alive.push(entry);
      live += entry.block.bytes;
    }
  }
  tracked = alive;
  budget = Math.max(MIN_BUDGET, live / 2);
  return alive.length < before;
}

interface NodeVm {
  createContext(sandbox: object, options: { microtaskMode: 'afterEvaluate' }): object;
  runInNewContext(code: string): unknown;
  Script: new (code: string) => { runInContext(context: object): void };
}

/** Node's means of collecting on demand; null where there are none. */
function nodeCollector(): Collector | null {
  const host = (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }).process;
  const vm = host?.getBuiltinModule?.('node:vm') as NodeVm | undefined;
  const v8 = host?.getBuiltinModule?.('node:v8') as { setFlagsFromString(flag: string): void } | undefined;
  if (vm === undefined || v8 === undefined) return null;
  let gc: (() => void) | undefined;
  let clear: (() => void) | undefined;
  return {
    collect() {
      if (gc === undefined) {
        v8.setFlagsFromString('--expose-gc');
        gc = vm.runInNewContext('gc') as () => void;
        const context = vm.createContext({}, { microtaskMode: 'afterEvaluate' });
        const script = new vm.Script('0');
        clear = () => script.runInContext(context);
      }
      clear?.();
      gc();
    },
  };
}

/** Opens a scope that collects the storages made from now on. Scopes nest. */
export function openScope(): void {
  scopes.push([]);
}

/** Closes the innermost scope; returns what was made in it and not yet freed. The caller frees or hands on. */
export function closeScope(): Storage[] {
  return scopes.pop()!.filter((storage) => !storage.freed);
}

/** Hands storages to the scope around, if there is one. */
export function adoptIntoScope(storages: readonly Storage[]): void {
  scopes.at(-1)?.push(...storages);
}

/** Live storages and their bytes, for tests and memory reports. */
export function liveStorages(): { count: number; bytes: number } {
  sweep(true);
  return { count: tracked.length, bytes: tracked.reduce((sum, entry) => sum + entry.block.bytes, 0) };
}
