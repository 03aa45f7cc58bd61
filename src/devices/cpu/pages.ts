/**
 * Runs of 4 KiB pages of one growing WebAssembly memory: what the heap takes large blocks and slabs of small ones from.
 *
 * Free runs stand in lists by size (eight to a power of two) with a bit for each list that has one, so the best fit is found
 * in a few steps, and a freed run is merged with its free neighbours at once (Masmano et al., "TLSF: a new dynamic memory
 * allocator for real-time systems", 2004). What is noted of a run lies in arrays by page number, not in its memory, which kernels
 * write. What lies behind the last run in use is untouched memory again.
 */

/** A page of this file, in bytes; one of WebAssembly's is 16 of them. */
export const PAGE_BYTES = 4096;
const WASM_PAGE = 65536;
/** Kernels may read this many bytes past the end of a block (the last vector of a row), so memory goes on that far. */
const READ_AHEAD = 128;
const BINS = 160;
/** So many runs of a list are looked at for the best; of equally good ones, the lowest. */
const LOOKED_AT = 16;
const NONE = -1;

/** The list for runs of `pages`: one for each size below 16, then eight to a power of two. */
function binOf(pages: number): number {
  if (pages < 16) return pages;
  const power = 31 - Math.clz32(pages);
  return 16 + (power - 4) * 8 + ((pages >>> (power - 3)) & 7);
}

export class Pages {
  readonly #memory: WebAssembly.Memory;
  readonly #maxWasmPages: number;
  readonly #heads = new Int32Array(BINS).fill(NONE);
  /** A bit for each list with a run in it. */
  readonly #filled = new Int32Array(BINS / 32);
  /** At a free run's first and last page: how many pages it has. 0 at those of a run in use. */
  #length = new Int32Array(0);
  /** At a free run's first page: its neighbours in its list. */
  #next = new Int32Array(0);
  #previous = new Int32Array(0);
  readonly #first: number;
  /** From here on nothing is in use, and nothing is in a list. */
  #top: number;
  #free = 0;

  /** Memory below `start` belongs to others. */
  constructor(memory: WebAssembly.Memory, maxWasmPages: number, start: number) {
    this.#memory = memory;
    this.#maxWasmPages = maxWasmPages;
    this.#first = this.#top = Math.ceil(start / PAGE_BYTES);
    this.#describe();
  }

  /** Bytes in free runs. */
  get freeBytes(): number {
    return this.#free * PAGE_BYTES;
  }

  /** Makes room for notes on all pages that there are. */
  #describe(): void {
    const pages = this.#memory.buffer.byteLength / PAGE_BYTES;
    const grown = (old: Int32Array): Int32Array<ArrayBuffer> => {
      const array = new Int32Array(pages);
      array.set(old);
      return array;
    };
    this.#length = grown(this.#length);
    this.#next = grown(this.#next);
    this.#previous = grown(this.#previous);
  }

  /** Takes a run. @returns its first page, −1 if there is no room, or none unless the memory grows and it may not */
  take(pages: number, mayGrow: boolean): number {
    const page = this.#bestFit(pages);
    if (page === NONE) return this.#extend(pages, mayGrow);
    this.#unlink(page);
    const rest = this.#length[page]! - pages;
    this.#mark(page, pages, 0);
    if (rest > 0) this.#link(page + pages, rest);
    return page;
  }

  /** Gives a run back. */
  give(page: number, pages: number): void {
    let start = page;
    let end = page + pages;
    const before = start > this.#first ? this.#length[start - 1]! : 0;
    if (before > 0) {
      start -= before;
      this.#unlink(start);
    }
    if (end === this.#top) {
      this.#top = start;
      return;
    }
    const after = this.#length[end]!;
    if (after > 0) {
      this.#unlink(end);
      end += after;
    }
    this.#link(start, end - start);
  }

  /** The smallest free run that holds `pages`, among the first of its list. */
  #bestFit(pages: number): number {
    const bin = binOf(pages);
    const near = this.#bestOf(bin, pages);
    if (near !== NONE) return near;
    const above = this.#nextFilled(bin + 1);
    return above === NONE ? NONE : this.#bestOf(above, pages);
  }

  #bestOf(bin: number, pages: number): number {
    let best = NONE;
    let bestLength = Infinity;
    let looked = 0;
    for (let page = this.#heads[bin]!; page !== NONE && looked < LOOKED_AT; page = this.#next[page]!, looked++) {
      const length = this.#length[page]!;
      if (length === pages) return page;
      if (length > pages && (length < bestLength || (length === bestLength && page < best))) {
        best = page;
        bestLength = length;
      }
    }
    return best;
  }

  /** The first list from `bin` on that has a run. */
  #nextFilled(bin: number): number {
    let word = bin >>> 5;
    if (word >= this.#filled.length) return NONE;
    let bits = this.#filled[word]! & (-1 << (bin & 31));
    while (bits === 0) {
      if (++word === this.#filled.length) return NONE;
      bits = this.#filled[word]!;
    }
    return (word << 5) + 31 - Math.clz32(bits & -bits);
  }

  /** A run of untouched memory. */
  #extend(pages: number, mayGrow: boolean): number {
    const page = this.#top;
    const end = (page + pages) * PAGE_BYTES + READ_AHEAD;
    if (end > this.#memory.buffer.byteLength && !(mayGrow && this.#grow(end))) return NONE;
    this.#top = page + pages;
    this.#mark(page, pages, 0);
    return page;
  }

  /** Grows in large steps, since each growth makes new views of the memory. @returns whether there is room now */
  #grow(needed: number): boolean {
    const have = this.#memory.buffer.byteLength;
    const exact = Math.ceil((needed - have) / WASM_PAGE);
    const room = this.#maxWasmPages - have / WASM_PAGE;
    if (exact > room) return false;
    for (const pages of [Math.min(room, Math.max(exact, Math.ceil(have / WASM_PAGE / 4), 64)), exact]) {
      try {
        this.#memory.grow(pages);
        this.#describe();
        return true;
      } catch (error) {
        if (!(error instanceof RangeError)) throw error; // the engine refuses a large step: try the exact one
      }
    }
    return false;
  }

  #mark(page: number, pages: number, length: number): void {
    this.#length[page] = length;
    this.#length[page + pages - 1] = length;
  }

  #link(page: number, pages: number): void {
    const bin = binOf(pages);
    const head = this.#heads[bin]!;
    this.#mark(page, pages, pages);
    this.#next[page] = head;
    this.#previous[page] = NONE;
    if (head !== NONE) this.#previous[head] = page;
    this.#heads[bin] = page;
    this.#filled[bin >>> 5]! |= 1 << (bin & 31);
    this.#free += pages;
  }

  #unlink(page: number): void {
    const pages = this.#length[page]!;
    const next = this.#next[page]!;
    const previous = this.#previous[page]!;
    if (next !== NONE) this.#previous[next] = previous;
    if (previous !== NONE) this.#next[previous] = next;
    else {
      const bin = binOf(pages);
      this.#heads[bin] = next;
      if (next === NONE) this.#filled[bin >>> 5]! &= ~(1 << (bin & 31));
    }
    this.#free -= pages;
  }
}
