/**
 * Memory that comes back where nobody can be asked which storages are still referred to: browsers, and hosts whose collector cannot be
 * called. Engines do collect array buffers by themselves, in the middle of a synchronous loop too, but not blocks of WebAssembly
 * memory, and they tell of objects that are gone (`FinalizationRegistry`) only between tasks.
 *
 * So when memory has grown by a budget, blocks that were not used for a while **spill**: their contents are copied into an array
 * buffer that only their storage refers to, and the block is free. If nothing refers to the storage, the engine takes the array
 * buffer with it. If something does, the contents come back when they are next asked for. Nothing has to be known about
 * who refers to what, and nothing that is wrong here could lose a value.
 *
 * Time is counted in epochs. One ends when memory is looked through; blocks that were not used in the one before it spill. An
 * buffer holds until the epoch in which it was asked for is over.
 *
 * Loops that do pause are spared the copies: what is gone is found by a FinalizationRegistry, and since engines know
 * nothing of a storage's block, each larger storage refers to an array buffer of its size that is never touched, so that they
 * collect as if it were an object of that size.
 */
import { MIN_BUDGET, ofTensors, OVERHEAD, usage, type Block, type Reclaimer } from './block.ts';
import type { Storage } from './storage.ts';

/** At most so much between two looks; a step that needs more than this at once copies more. */
const MAX_BUDGET = 1e9;
/** With this share of what spilled coming back, the budget is too small for the program. */
const TOO_MUCH_BACK = 1 / 4;
/** Storages from this size on weigh what they are. */
const WEIGHTY = 65536;

/** Where a storage's contents are while it has no block. Only the storage refers to it, except while it has a block. */
export class Home {
  readonly spiller: Spiller;
  contents: Uint8Array | undefined;

  constructor(spiller: Spiller) {
    this.spiller = spiller;
  }
}

let epoch = 1;

/** Buffers asked for in an epoch hold until it is over. */
export const currentEpoch = (): number => epoch;

/** What makes the engine feel the size of a storage; undefined for small ones, and where there is no room for it. */
export function weightOf(bytes: number): ArrayBuffer | undefined {
  if (bytes < WEIGHTY) return undefined;
  try {
    return new ArrayBuffer(bytes);
  } catch {
    return undefined; // it is no more than a hint
  }
}

/** Bun's own collection: it finds array buffers, but clears no weak references before the job ends. */
export function findBunCollector(): (() => void) | undefined {
  const { Bun } = globalThis as { Bun?: { gc?: (now: boolean) => unknown } };
  const gc = Bun?.gc;
  return typeof gc === 'function' ? () => void gc(true) : undefined;
}

export class Spiller implements Reclaimer {
  budget = 2 * MIN_BUDGET;
  /** The blocks that hold memory, with the homes of their storages. */
  readonly #resident = new Map<Block, Home>();
  readonly #registry = new FinalizationRegistry<Block>((block) => {
    block.release();
    this.#resident.delete(block);
  });
  /** Asks the engine to collect what array buffers it can, where that helps. */
  readonly #collect: (() => void) | undefined;
  /** How many blocks there were after the last look. */
  #count = 0;
  /** Bytes that the last look spilled, and those that have come back since. */
  #spilled = 0;
  #restored = 0;

  constructor(collect?: () => void) {
    this.#collect = collect;
  }

  growth(): number {
    return usage.held - usage.baseline + Math.max(0, this.#resident.size - this.#count) * OVERHEAD;
  }

  due(): boolean {
    return this.growth() > this.budget;
  }

  track(storage: Storage, block: Block): void {
    const home = new Home(this);
    storage.moveIn(home);
    this.#settle(storage, block, home);
  }

  /** The block has been freed. */
  forget(block: Block): void {
    if (this.#resident.delete(block)) this.#registry.unregister(block);
  }

  /** Gives the contents of a storage memory again. @throws OutOfMemoryError */
  restore(storage: Storage, block: Block, home: Home): void {
    const { device, bytes } = block;
    block.settle(device.allocate(bytes));
    device.write(block.buffer!, 0, home.contents!);
    home.contents = undefined;
    this.#restored += bytes;
    this.#settle(storage, block, home);
  }

  #settle(storage: Storage, block: Block, home: Home): void {
    block.used = epoch;
    this.#resident.set(block, home);
    this.#registry.register(storage, block, block);
  }

  relieve(addressesInUse: boolean): void {
    if (addressesInUse) return; // the next tensor will see to it
    if (this.#restored > this.#spilled * TOO_MUCH_BACK) this.budget = Math.min(this.budget * 1.5, MAX_BUDGET);
    else this.budget = Math.max(this.budget * 0.9, MIN_BUDGET);
    this.#restored = 0;
    this.#spilled = this.#spillUnusedSince(epoch);
    epoch++;
    this.#count = this.#resident.size;
    usage.baseline = usage.held;
    if (this.#spilled > 0) this.#collect?.();
  }

  reclaim(): boolean {
    return this.#spillUnusedSince(epoch) > 0;
  }

  reclaimAll(): boolean {
    return this.#spillUnusedSince(++epoch) > 0;
  }

  live(): { count: number; bytes: number } {
    return ofTensors(this.#resident.keys());
  }

  /** What is here stays here: only the blocks' storages know each other. */
  handOver(): void {
    // Their homes name this spiller, and finding what is gone goes on by itself.
  }

  /** Spills the blocks last used before an epoch. @returns how many bytes */
  #spillUnusedSince(then: number): number {
    let bytes = 0;
    for (const [block, home] of this.#resident) {
      if (block.used >= then || !block.forTensor || block.device.readNow === undefined) continue;
      const contents = contentsOf(block);
      if (contents === undefined) break; // the host has no room either
      home.contents = contents;
      bytes += block.bytes;
      block.vacate();
      this.forget(block);
    }
    return bytes;
  }
}

/** A copy of what is in a block; undefined where the host has no memory for it. */
function contentsOf({ device, buffer, bytes }: Block): Uint8Array | undefined {
  try {
    return device.readNow?.(buffer!, 0, 'uint8', bytes) as Uint8Array | undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
