/**
 * Sweeps, where the engine can be asked for a collection (`collector.ts`). New storages, when they have lived through the nursery (`nursery.ts`), stand in a list; when they have grown to
 * more than a budget, the list is turned into weak references, a full collection is asked for, and the blocks of those that
 * are gone are freed. The budget adapts so that this takes a small, fixed share of the time.
 */
import { MIN_BUDGET, ofTensors, OVERHEAD, usage, type Block, type Reclaimer } from './block.ts';
import type { Collect, YoungCollector } from './collector.ts';
import { Nursery, NURSED } from './nursery.ts';
import type { Storage } from './storage.ts';

/** The share of the time that sweeps should take. */
const TIME_SHARE = 0.02;

/** A storage that has lived through a sweep. */
interface Old {
  readonly ref: WeakRef<Storage>;
  readonly block: Block;
}

export class Sweeper implements Reclaimer {
  budget = 2 * MIN_BUDGET;
  readonly #collect: Collect;
  /** Where those are that were made lately, where the host can collect young objects. */
  readonly #nursery: Nursery | undefined;
  /** Made since the last sweep, but for those. */
  #young: Storage[] = [];
  #old: Old[] = [];
  #lastSweep = 0;

  constructor(collect: Collect, young?: YoungCollector) {
    this.#collect = collect;
    this.#nursery = young && new Nursery(young);
  }

  growth(): number {
    return usage.held - usage.baseline + (this.#young.length + (this.#nursery?.count ?? 0)) * OVERHEAD;
  }

  due(): boolean {
    return this.#nursery?.due() === true || this.growth() > this.budget;
  }

  track(storage: Storage, block: Block): void {
    if (this.#nursery === undefined || block.bytes < NURSED) this.#young.push(storage);
    else this.#nursery.track(storage, block);
  }

  /** Forgets the storages that have been freed already; sweeps if that is not enough. */
  relieve(): void {
    if (this.#nursery?.due() === true) this.#adoptYoung();
    if (this.growth() <= this.budget) return;
    this.#forgetFreed();
    if (this.growth() > this.budget / 2) this.reclaim();
  }

  reclaim(): boolean {
    const before = usage.held;
    const start = performance.now();
    this.#weaken();
    this.#collect();
    this.#releaseGone();
    usage.baseline = usage.held;
    this.#adaptBudget(start);
    return usage.held < before;
  }

  /** A sweep has found everything already. */
  reclaimAll(): boolean {
    return false;
  }

  live(): { count: number; bytes: number } {
    this.reclaim();
    return ofTensors(this.#old.map(({ block }) => block));
  }

  handOver(to: Reclaimer): void {
    for (const storage of this.#nursery?.empty() ?? []) storage.trackedBy(to);
    for (const storage of this.#young) if (!storage.freed) storage.trackedBy(to);
    for (const { ref } of this.#old) ref.deref()?.trackedBy(to);
  }

  // The next three are functions of their own so that no stack frame still refers to the storages during a collection: the
  // engine takes all that an unoptimised function has ever put into its registers for alive.

  #adoptYoung(): void {
    for (const storage of this.#nursery!.collect(this.budget)) this.#young.push(storage);
  }

  #forgetFreed(): void {
    this.#young = this.#young.filter((storage) => !storage.freed);
    this.#nursery?.forgetFreed();
  }

  /** From now on young storages are referred to weakly. */
  #weaken(): void {
    for (const storage of this.#young) if (!storage.freed) this.#old.push(storage.grownOld());
    this.#young = [];
  }

  #releaseGone(): void {
    for (const storage of this.#nursery?.empty() ?? []) this.#old.push(storage.grownOld());
    this.#old = this.#old.filter(({ ref, block }) => {
      if (!block.freed && ref.deref() === undefined) block.release();
      return !block.freed;
    });
  }

  /** Collections take as long whatever the bytes, so their share of the time is set by how seldom they are. */
  #adaptBudget(start: number): void {
    const now = performance.now();
    const share = (now - start) / Math.max(now - this.#lastSweep, 1e-3);
    this.#lastSweep = now;
    const factor = Math.min(Math.max(share / TIME_SHARE, 0.7), 1.5);
    this.budget = Math.min(Math.max(this.budget * factor, MIN_BUDGET), usage.most);
  }
}
