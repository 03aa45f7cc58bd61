/**
 * The allocator of the CPU device: size classes with free lists over one growing WebAssembly memory.
 *
 * Blocks are 64-byte aligned. Classes are spaced at quarters of a power of two, so that at most a fifth of a block is
 * slack; blocks of a class are reused for that class only, which suits tensors, whose sizes repeat from step to step.
 */
import { OutOfMemoryError } from '../../base/errors.ts';

const PAGE = 65536;
const ALIGN = 64;

/** The block size that serves a request of `bytes`. */
export function sizeClass(bytes: number): number {
  if (bytes <= 1024) return Math.max(ALIGN, Math.ceil(bytes / ALIGN) * ALIGN);
  const power = 2 ** Math.floor(Math.log2(bytes));
  const step = power / 4;
  return Math.ceil(bytes / step) * step;
}

export class Heap {
  readonly #memory: WebAssembly.Memory;
  readonly #maxPages: number;
  readonly #free = new Map<number, number[]>();
  #top: number;
  #inUse = 0;
  #freeBytes = 0;

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
    const address = this.#top;
    if (address + size > this.#memory.buffer.byteLength) this.#grow(address + size, size);
    this.#top = address + size;
    return address;
  }

  free(address: number, bytes: number): void {
    const size = sizeClass(bytes);
    this.#inUse -= size;
    this.#freeBytes += size;
    const list = this.#free.get(size);
    if (list === undefined) this.#free.set(size, [address]);
    else list.push(address);
  }

  /** Grows in large steps, since each growth makes new views of the memory. */
  #grow(needed: number, size: number): void {
    const have = this.#memory.buffer.byteLength;
    const exact = Math.ceil((needed - have) / PAGE);
    const room = this.#maxPages - have / PAGE;
    if (exact <= room) {
      for (const pages of [Math.min(room, Math.max(exact, Math.ceil(have / PAGE / 4), 64)), exact]) {
        try {
          this.#memory.grow(pages);
          return;
        } catch (error) {
          if (!(error instanceof RangeError)) throw error; // the engine refuses a large step: try the exact one
        }
      }
    }
    this.#inUse -= size;
    const mb = (n: number): string => `${Math.round(n / 1e6)} MB`;
    throw new OutOfMemoryError(
      `cpu memory: a block of ${mb(size)} does not fit: ${mb(this.#inUse)} are held by live tensors and ${mb(this.#freeBytes)} ` +
        `lie free in blocks of other sizes, of at most ${mb(this.#maxPages * PAGE)}; use a smaller batch, free tensors ` +
        'with memoryScope(), or run validation under noGrad()',
    );
  }
}
