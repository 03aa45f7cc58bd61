/**
 * The allocator of the CPU device: size classes with free lists over one growing WebAssembly memory.
 *
 * Blocks are 64-byte aligned. Classes are spaced at quarters of a power of two, so that at most a fifth of a block is
 * slack. A freed block waits for a request of its class, which suits tensors, whose sizes repeat from step to step. Only
 * when the memory would have to grow although much of it is free (another batch size, another network), larger blocks are
 * cut up and neighbours merged.
 */
import { OutOfMemoryError } from '../../base/errors.ts';

const PAGE = 65536;
const ALIGN = 64;
/** Kernels may read this many bytes past the end of a block (the last vector of a row), so memory goes on that far. */
const READ_AHEAD = 64;
/** With this share of the memory free, blocks of other classes are used before the memory grows. */
const ENOUGH_FREE = 1 / 4;
/** Merging looks at all free blocks: with this share of the memory freed since the last time it is worth it. */
const WORTH_MERGING = 1 / 8;

/** The block size that serves a request of `bytes`. */
export function sizeClass(bytes: number): number {
  if (bytes <= 1024) return Math.max(ALIGN, Math.ceil(bytes / ALIGN) * ALIGN);
  const power = 2 ** Math.floor(Math.log2(bytes));
  const step = power / 4;
  return Math.ceil(bytes / step) * step;
}

/** The largest block size within `bytes`, a multiple of the alignment. */
function largestClass(bytes: number): number {
  if (bytes <= 1024) return bytes;
  const step = 2 ** Math.floor(Math.log2(bytes)) / 4;
  return Math.floor(bytes / step) * step;
}

/** Free memory from `start` up to `end`. */
interface Stretch {
  start: number;
  end: number;
}

export class Heap {
  readonly #memory: WebAssembly.Memory;
  readonly #maxPages: number;
  readonly #free = new Map<number, number[]>();
  #top: number;
  #inUse = 0;
  #freeBytes = 0;
  /** Bytes freed since the last merge. */
  #freed = 0;

  /** Memory below `start` belongs to others. */
  constructor(memory: WebAssembly.Memory, maxPages: number, start: number) {
    this.#memory = memory;
    this.#maxPages = maxPages;
    this.#top = Math.ceil(start / ALIGN) * ALIGN;
  }

  /** Bytes in blocks handed out. */
  get inUse(): number {
    return this.#inUse;
  }

  allocate(bytes: number): number {
    const size = sizeClass(bytes);
    const list = this.#free.get(size);
    const reused = list?.pop();
    this.#inUse += size;
    if (reused !== undefined) {
      this.#freeBytes -= size;
      return reused;
    }
    try {
      return this.#extend(size);
    } catch (error) {
      this.#inUse -= size;
      throw error;
    }
  }

  /** A block of a class that has none free. */
  #extend(size: number): number {
    const { byteLength } = this.#memory.buffer;
    if (this.#top + size + READ_AHEAD > byteLength) {
      if (this.#freeBytes > byteLength * ENOUGH_FREE) {
        const address = this.#split(size) ?? (this.#freed > byteLength * WORTH_MERGING ? this.#merge(size) : undefined);
        if (address !== undefined) return address;
      }
      if (!this.#fits(size)) {
        const address = this.#merge(size); // may lower the top
        if (address !== undefined) return address;
        if (!this.#fits(size)) throw this.#exhausted(size);
      }
    }
    const address = this.#top;
    this.#top += size;
    return address;
  }

  /** Whether a block of `size` has room at the top, growing the memory if it can. */
  #fits(size: number): boolean {
    const end = this.#top + size + READ_AHEAD;
    return end <= this.#memory.buffer.byteLength || this.#grow(end);
  }

  free(address: number, bytes: number): void {
    const size = sizeClass(bytes);
    this.#inUse -= size;
    this.#freed += size;
    this.#put(address, size);
  }

  /** Grows in large steps, since each growth makes new views of the memory. @returns whether there is room now */
  #grow(needed: number): boolean {
    const have = this.#memory.buffer.byteLength;
    const exact = Math.ceil((needed - have) / PAGE);
    const room = this.#maxPages - have / PAGE;
    if (exact > room) return false;
    for (const pages of [Math.min(room, Math.max(exact, Math.ceil(have / PAGE / 4), 64)), exact]) {
      try {
        this.#memory.grow(pages);
        return true;
      } catch (error) {
        if (!(error instanceof RangeError)) throw error; // the engine refuses a large step: try the exact one
      }
    }
    return false;
  }

  /** Cuts a block of `size` from the smallest larger free block. */
  #split(size: number): number | undefined {
    let best = Infinity;
    for (const [larger, list] of this.#free) if (larger > size && larger < best && list.length > 0) best = larger;
    const start = this.#free.get(best)?.pop();
    if (start === undefined) return undefined;
    this.#freeBytes -= best;
    this.#cut({ start: start + size, end: start + best });
    return start;
  }

  /**
   * Merges neighbouring free blocks and takes a block of `size` from the smallest stretch that holds it; the rest becomes
   * free blocks again, those at the top untouched memory.
   */
  #merge(size: number): number | undefined {
    const stretches = this.#freeStretches();
    this.#free.clear();
    this.#freeBytes = 0;
    this.#freed = 0;
    const last = stretches.at(-1);
    if (last?.end === this.#top) {
      this.#top = last.start;
      stretches.pop();
    }
    let best: Stretch | undefined;
    for (const stretch of stretches) {
      const length = stretch.end - stretch.start;
      if (length >= size && (best === undefined || length < best.end - best.start)) best = stretch;
    }
    const taken = best?.start;
    if (best !== undefined) best.start += size;
    for (const stretch of stretches) this.#cut(stretch);
    return taken;
  }

  /** The free memory below the top, by address, as long stretches. */
  #freeStretches(): Stretch[] {
    const blocks = [...this.#free].flatMap(([size, list]) => list.map((start) => ({ start, end: start + size })));
    const stretches: Stretch[] = [];
    for (const block of blocks.sort((a, b) => a.start - b.start)) {
      const last = stretches.at(-1);
      if (last?.end === block.start) last.end = block.end;
      else stretches.push(block);
    }
    return stretches;
  }

  /** Cuts a stretch into free blocks, the largest first. */
  #cut({ start, end }: Stretch): void {
    while (start < end) {
      const size = largestClass(end - start);
      this.#put(start, size);
      start += size;
    }
  }

  #put(address: number, size: number): void {
    this.#freeBytes += size;
    const list = this.#free.get(size);
    if (list === undefined) this.#free.set(size, [address]);
    else list.push(address);
  }

  #exhausted(size: number): OutOfMemoryError {
    const mb = (n: number): string => `${Math.round(n / 1e6)} MB`;
    const live = this.#inUse - size;
    return new OutOfMemoryError(
      `cpu memory: a block of ${mb(size)} does not fit: of at most ${mb(this.#maxPages * PAGE)}, ${mb(live)} are held by live ` +
        `tensors and ${mb(this.#freeBytes)} lie free in pieces that are too small; use a smaller batch, free tensors with ` +
        'memoryScope(), or run validation under noGrad()',
    );
  }
}
