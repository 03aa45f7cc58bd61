/**
 * Gives the memory of short-lived tensors back while it is still in the caches.
 *
 * Most results of eager operations are dropped within a few operations, but only the engine knows. A full collection costs
 * milliseconds, so it comes seldom, and until then every result takes memory that the caches have long forgotten. A collection of
 * young objects costs a tenth of a millisecond. It clears no weak references, but it does take dead members out of a `WeakSet`;
 * whoever is still in it can be seen through the host's inspection, which calls the members' own method for that. So new storages
 * are members of such a set; when a few megabytes have been taken, young objects are collected, and the blocks of all storages that
 * do not answer are free for what comes next. What has answered twice is old, and the sweeps' (`sweep.ts`).
 */
import { usage, type Block } from './block.ts';
import type { YoungCollector } from './collector.ts';
import type { Storage } from './storage.ts';

/**
 * So many bytes may be taken between two collections, at least: what the last cache holds. A program that only goes through memory is
 * twice as fast if it soon writes where it has just been; others lose more by collections than they gain by caches.
 */
const LEAST = 8e6;
const LEAST_COMPUTING = 24e6;
/** Bytes that results take in a microsecond of processor time where a program does little else. */
const MEMORY_BOUND = 6e3;
/** Blocks from so many bytes on are looked after here; membership would cost a quarter of an operation on fewer. */
export const NURSED = 16384;
/** From so many blocks on, those that have been freed are looked for. */
const MANY = 4096;
/** How many collections a storage must live through to be old. */
const OLD = 2;

/** Who has answered in the roll call that is going on. */
let present: { readonly storage: Storage; readonly block: Block }[] | undefined;

/** A storage that is inspected is there. */
export function answer(storage: Storage, block: Block): void {
  present?.push({ storage, block });
}

export class Nursery {
  readonly #host: YoungCollector;
  #members = new WeakSet<Storage>();
  /** The members' blocks. */
  #blocks: Block[] = [];
  /** How many of them there may be until freed ones are looked for. */
  #many = MANY;
  /** Bytes in all blocks after the last collection, or fewer. */
  #before = usage.held;
  /** By how many bytes memory may grow until the next. */
  #interval = LEAST;
  /** The processor time at the end of the last. */
  #ended = 0;

  constructor(host: YoungCollector) {
    this.#host = host;
  }

  /** How many storages are looked after here. */
  get count(): number {
    return this.#blocks.length;
  }

  track(storage: Storage, block: Block): void {
    this.#members.add(storage);
    this.#blocks.push(block);
  }

  /** Whether it is time for {@link collect}. */
  due(): boolean {
    const { held } = usage;
    if (held < this.#before) this.#before = held;
    return held - this.#before > this.#interval || this.#blocks.length > this.#many;
  }

  /** Frees what nothing refers to any more. @returns those that have grown old; they belong here no longer */
  collect(most: number): Storage[] {
    this.forgetFreed();
    if (!this.due()) return [];
    const { held } = usage;
    const bound = held - this.#before > MEMORY_BOUND * (this.#host.spent() - this.#ended);
    this.#host.collect();
    const old = this.#sort(OLD);
    this.#before = usage.held;
    this.#adapt(held - usage.held, bound ? LEAST : LEAST_COMPUTING, most);
    this.#ended = this.#host.spent();
    return old;
  }

  /** Drops the blocks that have been freed already. */
  forgetFreed(): void {
    this.#blocks = this.#blocks.filter(({ freed }) => !freed);
    this.#many = Math.max(MANY, 2 * this.#blocks.length);
  }

  /** After a full collection: frees likewise. @returns all others; nothing belongs here any more */
  empty(): Storage[] {
    const old = this.#sort(0);
    this.#before = usage.held;
    return old;
  }

  /** @returns those that have answered at least so many times */
  #sort(times: number): Storage[] {
    const members = this.#rollCall();
    for (const block of this.#blocks) if (block.age >= 0) block.release();
    this.#members = new WeakSet();
    this.#blocks = [];
    const old: Storage[] = [];
    for (const { storage, block } of members) {
      if (block.age >= 0) continue; // has been here
      block.age = ~block.age;
      if (block.freed) continue;
      if (++block.age >= times) old.push(storage);
      else this.track(storage, block);
    }
    return old;
  }

  #rollCall(): NonNullable<typeof present> {
    const members: NonNullable<typeof present> = (present = []);
    try {
      this.#host.inspect(this.#members);
    } finally {
      present = undefined;
    }
    for (const { block } of members) if (block.age >= 0) block.age = ~block.age; // negative: is there
    return members;
  }

  /** A collection that frees little comes less often. */
  #adapt(freed: number, least: number, most: number): void {
    const interval = this.#interval * (freed > this.#interval / 2 ? 0.5 : 2);
    this.#interval = Math.min(Math.max(interval, least), most);
  }
}
