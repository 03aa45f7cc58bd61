/**
 * The allocator of the CPU device, over one growing WebAssembly memory.
 *
 * Small blocks, up to 16 KiB, have size classes (multiples of 64 bytes, from 1 KiB on quarters of a power of two) and lie in slabs
 * of their class, so that what lives long and is small does not cut up the room for what is large. Larger blocks are runs of
 * 4 KiB pages (`pages.ts`). Of slabs that are empty, a few are kept; the others go back to the pages.
 *
 * No allocator that leaves blocks where they are can bound what it reserves by a multiple of what lives for every order of calls
 * (Robson, "Bounds for some functions concerning dynamic storage allocation", 1974: a factor of the logarithm of the largest
 * size). For the orders that programs have, test/devices/heap.test.ts holds it to twice the most that ever lived, and 16 MB.
 */
import { OutOfMemoryError } from '../../base/errors.ts';
import { PAGE_BYTES, Pages } from './pages.ts';

const ALIGN = 64;
const MAX_SMALL = 16384;
/** A slab holds at least this many blocks, and this many bytes. */
const SLAB_BLOCKS = 8;
const SLAB_BYTES = 16384;
/** Empty slabs of up to so many bytes altogether wait for blocks of their class. */
const KEPT_EMPTY = 2e6;
const WASM_PAGE = 65536;

/** The sizes of small blocks. */
const SIZES: readonly number[] = smallSizes();
/** Which of them serves a request, by its bytes in units of the alignment, rounded up. */
const CLASSES = Uint8Array.from({ length: MAX_SMALL / ALIGN + 1 }, (_, units) => SIZES.findIndex((size) => size >= units * ALIGN));

function smallSizes(): number[] {
  const sizes: number[] = [];
  for (let size = ALIGN; size < 1024; size += ALIGN) sizes.push(size);
  for (let power = 1024; power < MAX_SMALL; power *= 2) {
    for (let quarter = 4; quarter < 8; quarter++) sizes.push((power / 4) * quarter + (power < PAGE_BYTES ? 0 : ALIGN));
  }
  return [...sizes, MAX_SMALL + ALIGN];
}

/** The block size that serves a request of `bytes`. */
export function sizeClass(bytes: number): number {
  return bytes <= MAX_SMALL ? SIZES[CLASSES[(bytes + ALIGN - 1) >>> 6]!]! : pagesFor(bytes) * PAGE_BYTES;
}

/**
 * Tensors that all begin at the start of a page have their rows in the same sets of the caches and look like each other's stores: kernels
 * with several streams then take up to a quarter longer. So blocks begin at different places within a page, in turn, and small ones that
 * would have whole pages have 64 bytes more.
 */
const STARTS = 8;
const BETWEEN_STARTS = 448;
const LAST_START = (STARTS - 1) * BETWEEN_STARTS;

const pagesFor = (bytes: number): number => Math.ceil((bytes + LAST_START) / PAGE_BYTES);

/** Pages cut into blocks of one class. Those with a free block form a list for each class. */
interface Slab {
  readonly page: number;
  readonly pages: number;
  readonly kind: number;
  readonly capacity: number;
  /** Addresses of the blocks that are free. */
  readonly free: number[];
  next: Slab | undefined;
  previous: Slab | undefined;
}

export class Heap {
  readonly #maxPages: number;
  readonly #pages: Pages;
  /** By class, the first slab with a free block. */
  readonly #open: (Slab | undefined)[] = SIZES.map(() => undefined);
  /** By page, the slab that it belongs to. */
  readonly #slabs: (Slab | undefined)[] = [];
  #inUse = 0;
  /** Bytes of free blocks in slabs. */
  #freeInSlabs = 0;
  /** Bytes of slabs without a block in use. */
  #empty = 0;
  /** How many large blocks there have been. */
  #large = 0;

  /** Memory below `start` belongs to others. */
  constructor(memory: WebAssembly.Memory, maxPages: number, start: number) {
    this.#maxPages = maxPages;
    this.#pages = new Pages(memory, maxPages, start);
  }

  /** Bytes in blocks handed out. */
  get inUse(): number {
    return this.#inUse;
  }

  /** A block of at least `bytes`, at a multiple of 64. @throws OutOfMemoryError */
  allocate(bytes: number): number {
    if (bytes <= MAX_SMALL) return this.#allocateSmall(CLASSES[(bytes + ALIGN - 1) >>> 6]!);
    const pages = pagesFor(bytes);
    const page = this.#take(pages);
    if (page < 0) throw this.#exhausted(bytes);
    this.#inUse += pages * PAGE_BYTES;
    return page * PAGE_BYTES + (this.#large++ % STARTS) * BETWEEN_STARTS;
  }

  free(address: number, bytes: number): void {
    if (bytes <= MAX_SMALL) {
      this.#freeSmall(address);
      return;
    }
    const pages = pagesFor(bytes);
    this.#inUse -= pages * PAGE_BYTES;
    this.#pages.give(Math.floor(address / PAGE_BYTES), pages);
  }

  /** Pages for a block or a slab; empty slabs are given back before the memory grows. */
  #take(pages: number): number {
    const page = this.#pages.take(pages, false);
    if (page >= 0) return page;
    if (this.#empty > 0) this.#discardEmpty();
    return this.#pages.take(pages, true);
  }

  #allocateSmall(kind: number): number {
    const slab = this.#open[kind] ?? this.#newSlab(kind);
    if (slab.free.length === slab.capacity) this.#empty -= slab.pages * PAGE_BYTES;
    const address = slab.free.pop()!;
    if (slab.free.length === 0) this.#close(slab);
    const size = SIZES[kind]!;
    this.#inUse += size;
    this.#freeInSlabs -= size;
    return address;
  }

  #freeSmall(address: number): void {
    const slab = this.#slabs[address >>> 12]!;
    const size = SIZES[slab.kind]!;
    this.#inUse -= size;
    this.#freeInSlabs += size;
    const count = slab.free.push(address);
    if (count === 1) this.#reopen(slab);
    if (count === slab.capacity) this.#keepOrDiscard(slab);
  }

  #newSlab(kind: number): Slab {
    const size = SIZES[kind]!;
    let pages = Math.ceil(Math.max(size * SLAB_BLOCKS, SLAB_BYTES) / PAGE_BYTES);
    let page = this.#take(pages);
    if (page < 0) {
      pages = Math.ceil(size / PAGE_BYTES); // the memory is all but full
      page = this.#take(pages);
      if (page < 0) throw this.#exhausted(size);
    }
    const capacity = Math.floor((pages * PAGE_BYTES) / size);
    const free: number[] = [];
    for (let i = capacity - 1; i >= 0; i--) free.push(page * PAGE_BYTES + i * size); // the lowest is taken first
    const slab: Slab = { page, pages, kind, capacity, free, next: undefined, previous: undefined };
    for (let i = 0; i < pages; i++) this.#slabs[page + i] = slab;
    this.#freeInSlabs += capacity * size;
    this.#empty += pages * PAGE_BYTES;
    this.#reopen(slab);
    return slab;
  }

  /** Puts a slab that has a free block again behind the first of its class, which fills up before it. */
  #reopen(slab: Slab): void {
    const first = this.#open[slab.kind];
    if (first === undefined) {
      this.#open[slab.kind] = slab;
      return;
    }
    slab.next = first.next;
    slab.previous = first;
    if (first.next !== undefined) first.next.previous = slab;
    first.next = slab;
  }

  #close(slab: Slab): void {
    const { next, previous } = slab;
    if (next !== undefined) next.previous = previous;
    if (previous !== undefined) previous.next = next;
    else this.#open[slab.kind] = next;
    slab.next = slab.previous = undefined;
  }

  #keepOrDiscard(slab: Slab): void {
    this.#empty += slab.pages * PAGE_BYTES;
    if (this.#empty > KEPT_EMPTY) this.#discard(slab);
  }

  #discardEmpty(): void {
    for (const first of this.#open) {
      for (let slab = first; slab !== undefined;) {
        const { next } = slab;
        if (slab.free.length === slab.capacity) this.#discard(slab);
        slab = next;
      }
    }
  }

  /** Gives an empty slab back. */
  #discard(slab: Slab): void {
    this.#close(slab);
    this.#empty -= slab.pages * PAGE_BYTES;
    this.#freeInSlabs -= slab.capacity * SIZES[slab.kind]!;
    for (let i = 0; i < slab.pages; i++) this.#slabs[slab.page + i] = undefined;
    this.#pages.give(slab.page, slab.pages);
  }

  #exhausted(bytes: number): OutOfMemoryError {
    const mb = (n: number): string => `${Math.round(n / 1e6)} MB`;
    return new OutOfMemoryError(
      `cpu memory: a block of ${mb(bytes)} does not fit: of at most ${mb(this.#maxPages * WASM_PAGE)}, ${mb(this.#inUse)} are held by live ` +
        `tensors and ${mb(this.#pages.freeBytes + this.#freeInSlabs)} lie free in pieces that are too small; use a smaller batch, free tensors with ` +
        'memoryScope(), or run validation under noGrad()',
    );
  }
}
