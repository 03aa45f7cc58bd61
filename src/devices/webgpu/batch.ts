/**
 * Launches on their way to the engine, as words: many are handed over together. Kernels and groups of pages are numbers that the engine is told of before.
 */
import { Recent } from '../../base/recent.ts';
import { watchers } from '../../base/watchers.ts';
import { wgslText, type WgslKernel } from '../../kernels/wgsl/kernel.ts';
import type { Engine } from './engine.ts';
import type { Page } from './heap.ts';

/** Words of a launch before its parameters: kernel, group of pages, workgroups, how many parameters. */
export const LAUNCH_HEAD = 4;
/** Launches after which a program's end is an occasion to hand over. */
export const ENOUGH = 24;
const ROOM = 1 << 14;

/** A kernel that the engine knows by a number, as long as something refers to this. */
export interface KernelName {
  readonly id: number;
}

/** A group of pages that the engine knows by a number. */
export interface GroupName {
  readonly id: number;
  readonly pages: readonly Page<number>[];
}

export class Batch {
  readonly #engine: Engine;
  readonly words = new Uint32Array(ROOM);
  #used = 0;
  #launches = 0;
  #willPublish = false;
  /** Programs hold theirs; here those are forgotten that none has asked for in a while. */
  readonly #kernels = new Recent<string, KernelName>(1024);
  readonly #groups = new Map<string, GroupName>();
  readonly #forgotten: FinalizationRegistry<number>;
  #nextId = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#forgotten = new FinalizationRegistry((id) => {
      this.publish();
      engine.dropKernel(id);
    });
  }

  /** How many kernels have been asked for. */
  get kernelCount(): number {
    return this.#kernels.size;
  }

  /** A kernel whose operands lie in these of the bound pages. */
  kernel(kernel: WgslKernel, slots: readonly number[]): KernelName {
    const key = `${kernel.key}@${slots.join('')}`;
    let name = this.#kernels.get(key);
    if (name === undefined) {
      name = { id: this.#nextId++ };
      const text = wgslText(kernel, slots);
      watchers.code?.('WGSL', key, text);
      this.#engine.kernel(name.id, key, text, Math.max(0, ...slots) + 1);
      this.#kernels.set(key, name);
      this.#forgotten.register(name, name.id);
    }
    return name;
  }

  /** These pages, in this order. */
  group(pages: readonly Page<number>[]): GroupName {
    const key = pages.map(({ id }) => id).join();
    let name = this.#groups.get(key);
    if (name === undefined) {
      name = { id: this.#nextId++, pages };
      this.#engine.group(
        name.id,
        pages.map(({ id }) => id),
      );
      this.#groups.set(key, name);
    }
    return name;
  }

  /** A page goes, and the groups that it is in. */
  dropPage(page: number): void {
    this.publish();
    for (const [key, { pages }] of this.#groups) if (pages.some(({ id }) => id === page)) this.#groups.delete(key);
    this.#engine.dropPage(page);
  }

  /** Room for a launch with so many parameters. @returns where in `words` these begin */
  add(kernel: KernelName, group: GroupName, groups: number, count: number): number {
    if (this.#used + LAUNCH_HEAD + count > ROOM) this.publish();
    const { words } = this;
    const at = this.#used;
    words[at] = kernel.id;
    words[at + 1] = group.id;
    words[at + 2] = groups;
    words[at + 3] = count;
    this.#used = at + LAUNCH_HEAD + count;
    this.#launches++;
    return at + LAUNCH_HEAD;
  }

  /** The end of a run: many launches are handed over now, few with those that follow before the program lets others run. */
  mark(): void {
    if (this.#launches >= ENOUGH) this.publish();
    else if (!this.#willPublish) {
      this.#willPublish = true;
      queueMicrotask(() => {
        this.#willPublish = false;
        this.publish();
      });
    }
  }

  /** Hands over what there is. */
  publish(): void {
    if (this.#used === 0) return;
    const words = this.words.subarray(0, this.#used);
    this.#used = this.#launches = 0;
    this.#engine.launches(words);
  }
}
