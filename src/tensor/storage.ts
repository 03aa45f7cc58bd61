/**
 * Storages: the memory behind tensors, and how it comes back without anyone calling `dispose`.
 *
 * Three ways, from the surest to the last resort:
 * - the backward pass frees the gradients it made for its own use as soon as they are consumed (`autograd.ts`);
 * - `memoryScope()` frees what was made inside it;
 * - storages that nothing refers to any more are found by a sweep. New storages stand in a list; when they have grown to
 *   more than a budget, the list is turned into weak references, a full collection is asked for (`collector.ts`), and the
 *   blocks of those that are gone are freed. The budget adapts so that this takes a small, fixed share of the time. In
 *   browsers, which collect when they like, a FinalizationRegistry does the finding between tasks.
 */
import { AutogradError } from '../base/errors.ts';
import { letGoOfIdle } from '../compiler/idle.ts';
import type { Device } from '../devices/device.ts';
import { allowance } from './allowance.ts';
import { findCollector, type Collect } from './collector.ts';

let nextSerial = 0;

/** What the next storage's `serial` will be. */
export const nextStorageSerial = (): number => nextSerial;

/** A block of device memory. Tensors that are views of each other share one. */
export class Storage {
  readonly device: Device;
  readonly address: number;
  readonly bytes: number;
  /** Counts up from storage to storage: tells which of two is older. */
  readonly serial = nextSerial++;
  /** Kept out of enclosing memory scopes: parameters' gradients and optimizer state outlive the scope they arose in. */
  kept = false;
  readonly #block: Block;

  constructor(device: Device, block: Block) {
    this.device = device;
    this.#block = block;
    this.address = block.address;
    this.bytes = block.bytes;
  }

  /** Counts in-place changes; a saved tensor whose storage moved on cannot be used for gradients. */
  get version(): number {
    return this.#block.version;
  }

  set version(value: number) {
    this.#block.version = value;
  }

  get freed(): boolean {
    return this.#block.freed;
  }

  /** The same memory under another identity, so that a recording can tell who reached it by which way. Does not keep it alive. */
  alias(): Storage {
    return new Storage(this.device, this.#block);
  }

  /** Of a tensor that was only recorded: it has no memory, and never will. */
  get imaginary(): boolean {
    return this.#block.address < 0;
  }

  /** What the sweeps keep of it instead of itself. */
  grownOld(): Old {
    return { ref: new WeakRef(this), block: this.#block };
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
  /** Or for a plan. */
  readonly forTensor: boolean;
  freed = false;
  version = 0;

  constructor(device: Device, address: number, bytes: number, forTensor: boolean) {
    this.device = device;
    this.address = address;
    this.bytes = bytes;
    this.forTensor = forTensor;
  }

  release(): void {
    if (this.freed) return;
    this.freed = true;
    held -= this.bytes;
    baseline = Math.min(baseline, held);
    this.device.free(this.address, this.bytes);
  }
}

/**
 * A storage without memory, for what an operation that is only being recorded would compute. It counts as freed: to use its
 * contents is an error.
 */
export function imaginaryStorage(device: Device, bytes: number): Storage {
  allowance?.spend(bytes);
  const block = new Block(device, -1, bytes, true);
  block.freed = true;
  const storage = new Storage(device, block);
  scopes.at(-1)?.push(storage); // the backward pass tells by it whose gradients are whose
  return storage;
}

/** The error for using the memory of a storage that is freed. */
export const unusable = (op: string, storage: Storage): AutogradError => (storage.imaginary ? neverComputed(op) : usedAfterFree(op)); // prettier-ignore

const neverComputed = (op: string): AutogradError =>
  new AutogradError(`${op}: this tensor was made inside a compiled function, which keeps only what it returns; return it from there`); // prettier-ignore

/** The error for using freed memory. */
export function usedAfterFree(op: string): AutogradError {
  return new AutogradError(
    `${op}: this tensor's memory has been freed, by memoryScope() or because the backward pass was done with it; ` +
      'return the tensor from the scope, or clone() what must outlive it',
  );
}

/** A storage that has lived through a sweep. */
interface Old {
  readonly ref: WeakRef<Storage>;
  readonly block: Block;
}

/** Bytes by which memory may grow before a sweep: the bounds of the budget. */
const MIN_BUDGET = 64e6;
const MAX_BUDGET = 256e6;
/** What a storage counts besides its block, so that loops over tiny tensors are swept too: its objects and its history. */
const OVERHEAD = 2048;
/** The share of the time that sweeps should take. */
const TIME_SHARE = 0.02;

/** Made since the last sweep. Empty where nothing can collect on demand. */
let young: Storage[] = [];
let old: Old[] = [];
/** Bytes of all storages not freed, and how few they were since the last sweep. */
let held = 0;
let baseline = 0;
let budget = 2 * MIN_BUDGET;
let lastSweep = 0;
const scopes: Scope[] = [];
let collect: Collect | undefined | null = null; // null: not looked for yet
let registry: FinalizationRegistry<Block> | undefined;

/**
 * A new storage of at least `bytes`, not zeroed. May free storages that nothing refers to: call it while no address is in
 * use whose storage is not.
 * @throws OutOfMemoryError
 */
export function allocateStorage(device: Device, bytes: number): Storage {
  allowance?.spend(bytes);
  const storage = tracked(device, bytes, true);
  scopes.at(-1)?.push(storage);
  return storage;
}

/** A storage in no scope. What plans hold comes back as what tensors lie in does. */
function tracked(device: Device, bytes: number, forTensor: boolean): Storage {
  if (growth() > budget) relieve();
  if (device.reclaim === undefined) adopt(device);
  const block = new Block(device, device.allocate(bytes), bytes, forTensor);
  const storage = new Storage(device, block);
  held += bytes;
  track(storage, block);
  return storage;
}

/** From now on the device's memory is looked after here. */
function adopt(device: Device): void {
  device.reclaim = reclaim;
  device.hold = (bytes) => tracked(device, bytes, false);
}

/** What can be done when memory has run out: first what nothing refers to goes, then what plans hold between runs. */
function reclaim(attempt: number): boolean {
  return (attempt === 0 && sweep()) || (attempt < 2 && letGoOfIdle());
}

/** How much more is held than after the last sweep, the objects of storages included. */
const growth = (): number => held - baseline + young.length * OVERHEAD;

function track(storage: Storage, block: Block): void {
  if (collect === null) collect = findCollector();
  if (collect !== undefined) {
    young.push(storage);
    return;
  }
  registry ??= new FinalizationRegistry((gone) => gone.release());
  registry.register(storage, block);
}

/** Forgets the storages that have been freed already; sweeps if that is not enough. */
function relieve(): void {
  forgetFreed();
  if (growth() > budget / 2) sweep();
}

// The next two are functions of their own so that no stack frame still refers to the storages during a collection: the
// engine takes all that an unoptimised function has ever put into its registers for alive.

function forgetFreed(): void {
  young = young.filter((storage) => !storage.freed);
}

/** From now on young storages are referred to weakly. */
function weaken(): void {
  for (const storage of young) if (!storage.freed) old.push(storage.grownOld());
  young = [];
}

/** Whether much was allocated since memory was last reclaimed: an async loop should then let a macrotask pass. */
export function memoryPressure(): boolean {
  return growth() > budget / 2;
}

/**
 * Frees what is unreachable, where a collection can be asked for.
 * @returns whether anything was freed
 */
function sweep(): boolean {
  if (collect === null || collect === undefined) return false;
  const before = held;
  const start = performance.now();
  weaken();
  collect();
  releaseGone();
  baseline = held;
  adaptBudget(start);
  return held < before;
}

function releaseGone(): void {
  old = old.filter(({ ref, block }) => {
    if (!block.freed && ref.deref() === undefined) block.release();
    return !block.freed;
  });
}

/** Collections take as long whatever the bytes, so their share of the time is set by how seldom they are. */
function adaptBudget(start: number): void {
  const now = performance.now();
  const share = (now - start) / Math.max(now - lastSweep, 1e-3);
  lastSweep = now;
  const factor = Math.min(Math.max(share / TIME_SHARE, 0.7), 1.5);
  budget = Math.min(Math.max(budget * factor, MIN_BUDGET), MAX_BUDGET);
}

/** An open scope, to close it by. */
export type Scope = Storage[];

/** Opens a scope that collects the storages made from now on. Scopes nest. */
export function openScope(): Scope {
  const scope: Scope = [];
  scopes.push(scope);
  return scope;
}

/** Whether no scope has been opened inside this one that is still open. */
export const isInnermost = (scope: Scope): boolean => scopes.at(-1) === scope;

/** Takes a scope out that is not the innermost one: nothing is freed, the scope around it takes over. */
export function abandonScope(scope: Scope): void {
  const place = scopes.indexOf(scope);
  if (place === -1) return;
  scopes.splice(place, 1);
  scopes[place - 1]?.push(...scope);
}

/** Closes the innermost scope; returns what was made in it and not yet freed. The caller frees or hands on. */
export function closeScope(): Storage[] {
  return scopes.pop()!.filter((storage) => !storage.freed || storage.imaginary);
}

/** Hands storages to the scope around, if there is one. */
export function adoptIntoScope(storages: readonly Storage[]): void {
  scopes.at(-1)?.push(...storages);
}

/** Tensors' storages that something refers to, and their bytes, for tests and memory reports. Sweeps first. */
export function liveStorages(): { count: number; bytes: number } {
  sweep();
  const blocks = old.map(({ block }) => block).filter(({ forTensor }) => forTensor);
  return { count: blocks.length, bytes: blocks.reduce((sum, { bytes }) => sum + bytes, 0) };
}
