/**
 * Storages: the memory behind tensors, and how it comes back without anyone calling `dispose`.
 *
 * Three ways, from the surest to the last resort:
 * - the backward pass frees the gradients it made for its own use as soon as they are consumed (`autograd.ts`);
 * - `memoryScope()` frees what was made inside it;
 * - storages that nothing refers to any more are found by sweeps where the host can be asked for a collection (`sweep.ts`); in
 *   others, such as browsers, what was not used for a while moves into memory that the engine collects by itself (`spill.ts`).
 */
import type { DType, TypedArray } from '../base/dtype.ts';
import { ArgumentError, AutogradError, DeviceError, OutOfMemoryError, type FlambeauError } from '../base/errors.ts';
import { letGoOfIdle } from '../compiler/idle.ts';
import type { Buffer, Device } from '../devices/device.ts';
import { allowance } from './allowance.ts';
import { Block, usage, type Reclaimer } from './block.ts';
import { currentEpoch, findBunCollector, Spiller, weightOf, type Home } from './spill.ts';
import { isInferenceModeEnabled } from './grad-mode.ts';
import { answer } from './nursery.ts';

const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom') as never;

let nextSerial = 0;

/** What the next storage's `serial` will be. */
export const nextStorageSerial = (): number => nextSerial;

/** A piece of device memory. Tensors that are views of each other share one. */
export class Storage {
  // Every operation makes one of these, and the collection of garbage takes as long as they are large: what the block knows is asked of it.
  /** Counts up from storage to storage: tells which of two is older. */
  readonly serial = nextSerial++;
  /** Kept out of enclosing memory scopes: optimizer state outlives the scope that it arose in. */
  kept = false;
  /** Whose gradient this became inside a memory scope: it goes with them. */
  #gradientOf: Storage[] | undefined;
  /** Of how many tensors it is the gradient. */
  #gradients = 0;
  /** A memory scope has ended and left it, because it was a gradient. */
  #spared = false;
  /** Made inside `inferenceMode`: what lies in it never takes part in gradients. */
  inference = false;
  /** Of a tensor that was only recorded: it has no memory, and never will. */
  readonly imaginary: boolean;
  readonly #block: Block;
  /** Set where blocks spill, except in an alias. */
  #home: Home | undefined;
  /** Of its size and never touched: what the engine takes it for, where blocks spill. */
  weight: ArrayBuffer | undefined;
  /** What this is an alias of, where blocks spill. */
  #original: WeakRef<Storage> | undefined;

  constructor(block: Block, imaginary = false) {
    this.imaginary = imaginary;
    this.#block = block;
  }

  get device(): Device {
    return this.#block.device;
  }

  get bytes(): number {
    return this.#block.bytes;
  }

  /** The contents while they are not on the device, to be read only: to ask for the buffer brings them back. */
  get spilled(): Uint8Array | undefined {
    return this.#home?.contents;
  }

  /** Where it lies, until the epoch ends ({@link storageEpoch}). */
  get buffer(): Buffer {
    const block = this.#block;
    block.used = currentEpoch();
    return block.buffer ?? this.#restored();
  }

  #restored(): Buffer {
    const original = this.#original?.deref();
    if (original !== undefined) return original.buffer;
    if (this.#home === undefined) throw usedAfterFree('compile');
    this.#home.spiller.restore(this, this.#block, this.#home);
    return this.#block.buffer!;
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
    const alias = new Storage(this.#block, this.imaginary);
    alias.inference = this.inference;
    if (this.#home !== undefined) alias.#original = new WeakRef(this);
    return alias;
  }

  /** Whether its elements can be had at once. */
  get readable(): boolean {
    return this.device.readNow !== undefined;
  }

  /**
   * Elements from a byte on, at once.
   * @throws DeviceError where nobody can wait for the device
   */
  readNow(op: string, offset: number, dtype: DType, length: number): TypedArray {
    const { device } = this;
    if (device.readNow === undefined) throw cannotWait(op, device);
    return device.readNow(this.buffer, offset, dtype, length);
  }

  trackedBy(reclaimer: Reclaimer): void {
    reclaimer.track(this, this.#block);
  }

  /** A tensor over `leaf` has this as its gradient now. */
  becomeGradientOf(leaf: Storage): void {
    this.#gradients++;
    if (scopes.length > 0) (this.#gradientOf ??= []).push(leaf);
  }

  /** It has another now. What a scope left for being a gradient goes with the scope in which it ceases to be one. */
  ceaseGradientOf(leaf: Storage): void {
    const place = this.#gradientOf?.indexOf(leaf) ?? -1;
    if (place !== -1) this.#gradientOf!.splice(place, 1);
    if (--this.#gradients === 0 && this.#spared) scopes.at(-1)?.push(this);
  }

  /** Whether a scope that ends must ask before it frees this. */
  get wanted(): boolean {
    return this.kept || this.#gradients > 0;
  }

  /** Whether it stays when a memory scope ends: what is kept, and gradients unless their tensors have been freed. */
  outlivesScope(): boolean {
    if (this.kept) return true;
    const owners = this.#gradientOf;
    const orphaned = owners !== undefined && owners.length === this.#gradients && owners.every((leaf) => leaf.freed);
    this.#spared = this.#gradients > 0 && !orphaned;
    return this.#spared;
  }

  /** What the sweeps keep of it instead of itself. */
  grownOld(): { ref: WeakRef<Storage>; block: Block } {
    return { ref: new WeakRef(this), block: this.#block };
  }

  /** From now on its block may spill into this. */
  moveIn(home: Home): void {
    this.#home = home;
    this.weight = weightOf(this.bytes);
  }

  [INSPECT](): string {
    answer(this, this.#block);
    return `<${this.bytes} bytes on the ${this.device.name}>`;
  }

  /** Gives the memory back now. Using the storage afterwards is a named error, never garbage. */
  free(): void {
    this.#block.release();
    if (this.#home === undefined) return;
    this.#home.contents = this.weight = undefined;
    this.#home.spiller.forget(this.#block);
  }
}

const cannotWait = (op: string, { name }: Device): DeviceError =>
  new DeviceError(
    `${op}: values on the ${name} cannot be read at once here; await the asynchronous form, such as itemAsync(), or move the tensor with await x.toAsync('cpu') first`,
  );

/**
 * A storage without memory, for what an operation that is only being recorded would compute. It counts as freed: to use its
 * contents is an error.
 */
export function imaginaryStorage(device: Device, bytes: number): Storage {
  allowance?.spend(bytes);
  const block = new Block(device, bytes, true);
  block.freed = true;
  const storage = new Storage(block, true);
  storage.inference = isInferenceModeEnabled();
  scopes.at(-1)?.push(storage); // the backward pass tells by it whose gradients are whose
  return storage;
}

/** Of a tensor that has no memory yet (`uninitialized.ts`): as one that is freed, but for the reason. */
export class PendingStorage extends Storage {}

/** The error for using the memory of a storage that is freed. */
export const unusable = (op: string, storage: Storage): FlambeauError =>
  storage instanceof PendingStorage ? notThereYet(op) : storage.imaginary ? neverComputed(op) : usedAfterFree(op);

/** The error for asking an uninitialised tensor for something that it does not have yet. */
export const notThereYet = (op: string): ArgumentError =>
  new ArgumentError(
    `${op}: this parameter or buffer of a lazy layer is not initialised yet; call the model once with an input, or load a state dict, first`,
  );

const neverComputed = (op: string): AutogradError =>
  new AutogradError(`${op}: this tensor was made inside a compiled function, which keeps only what it returns; return it from there`);

/** The error for using freed memory. */
export function usedAfterFree(op: string): AutogradError {
  return new AutogradError(
    `${op}: this tensor's memory has been freed, by memoryScope() or because the backward pass was done with it; ` +
      'return the tensor from the scope, or clone() what must outlive it',
  );
}

const scopes: Scope[] = [];
let reclaimer: Reclaimer | undefined;

/** What can be done in every host. */
const spiller = (): Reclaimer => new Spiller(findBunCollector());
let findReclaimer: () => Reclaimer = spiller;

/**
 * Has memory come back in a way that only some hosts offer (`sweep-here.ts`), from now on.
 * @param find makes it, or is undefined where there is nothing of the kind; it is given what to do when the host only looked like one
 */
export function preferReclaimer(find: (giveUp: () => void) => Reclaimer | undefined): void {
  findReclaimer = () => find(() => reclaimWith(spiller())) ?? spiller();
  if (reclaimer !== undefined) reclaimWith(findReclaimer());
}

/** Has memory come back in another way from now on; tests choose one that way. */
export function reclaimWith(next: Reclaimer): void {
  const before = reclaimer;
  reclaimer = next;
  before?.handOver(next);
}

/**
 * A new storage of at least `bytes`, not zeroed. May give the memory of other storages to this one: call it while no buffer is
 * in use (see {@link storageEpoch}).
 * @throws OutOfMemoryError
 */
export function allocateStorage(device: Device, bytes: number): Storage {
  allowance?.spend(bytes);
  reclaimer ??= findReclaimer();
  if (reclaimer.due()) reclaimer.relieve(false);
  const storage = tracked(device, bytes, true);
  storage.inference = isInferenceModeEnabled();
  scopes.at(-1)?.push(storage);
  return storage;
}

/** Memory for a plan: it never moves, and comes back as what tensors lie in does. */
function hold(device: Device, bytes: number): Storage {
  reclaimer ??= findReclaimer();
  if (reclaimer.due()) reclaimer.relieve(true);
  return tracked(device, bytes, false);
}

/** A storage in no scope. */
function tracked(device: Device, bytes: number, forTensor: boolean): Storage {
  if (device.reclaim === undefined) adopt(device);
  const block = new Block(device, bytes, forTensor);
  block.settle(forTensor ? roomFor(device, bytes) : device.allocate(bytes));
  const storage = new Storage(block);
  storage.trackedBy(reclaimer!);
  return storage;
}

/** From now on the device's memory is looked after here. */
function adopt(device: Device): void {
  usage.most = Math.max(usage.most, device.limits.slack ?? 0);
  device.reclaim = reclaim;
  device.hold = (bytes) => hold(device, bytes);
}

/** What can be done when memory has run out: first what nothing refers to goes, then what plans hold between runs. */
function reclaim(attempt: number): boolean {
  return (attempt === 0 && reclaimer!.reclaim()) || (attempt < 2 && letGoOfIdle());
}

function roomFor(device: Device, bytes: number): Buffer {
  try {
    return device.allocate(bytes);
  } catch (error) {
    if (!(error instanceof OutOfMemoryError) || !reclaimer!.reclaimAll()) throw error;
    return device.allocate(bytes);
  }
}

/** The buffers of storages hold as long as this number does not change. */
export const storageEpoch = currentEpoch;

/** Whether much was allocated since memory was last reclaimed: an async loop should then let a macrotask pass. */
export const memoryPressure = (): boolean => reclaimer !== undefined && reclaimer.growth() > reclaimer.budget / 2;

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

/** Runs `fn` as if the innermost scope were not open: what it makes is the business of the one around. */
export function outsideScope<T>(fn: () => T): T {
  const inner = scopes.pop();
  try {
    return fn();
  } finally {
    if (inner !== undefined) scopes.push(inner);
  }
}

/** Hands storages to the scope around, if there is one. */
export function adoptIntoScope(storages: readonly Storage[]): void {
  scopes.at(-1)?.push(...storages);
}

/** Tensors' storages that something refers to, and their bytes, for tests and memory reports. Sweeps first, where that can be done. */
export const liveStorages = (): { count: number; bytes: number } => reclaimer?.live() ?? { count: 0, bytes: 0 };
