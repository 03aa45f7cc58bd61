/**
 * The allocator of a GPU: a few large buffers, its pages, out of which blocks are cut at multiples of 256 bytes.
 *
 * Kernels bind whole pages and find their operands by offsets within, so the fewer pages there are, the fewer variants of a kernel and the
 * fewer bind groups: a page is twice as large as the one before it, and blocks are taken from the oldest page that has room. Free runs stand
 * in lists by size (eight to a power of two), a freed run is merged with its free neighbours at once, as in `devices/cpu/pages.ts`; but what is
 * noted lies in maps, for the host cannot afford an array over all units of a card.
 *
 * It knows nothing of WebGPU: pages are made and destroyed by functions that it is given.
 */
import { OutOfMemoryError } from '../../base/errors.ts';

/** What blocks begin at multiples of: WebGPU's alignment of bindings, should a kernel ever bind a block by itself. */
export const UNIT = 256;
/** So many runs of a list are looked at for the best. */
const LOOKED_AT = 16;

/** A large buffer that blocks are cut from. */
export interface Page<B> {
  readonly id: number;
  readonly buffer: B;
  readonly bytes: number;
}

/** A block: a piece of one page. */
export interface Block<B> {
  readonly page: Page<B>;
  /** Bytes from the page's start. */
  readonly offset: number;
  readonly bytes: number;
}

/** The list for runs of `units`: one for each size below 16, then eight to a power of two. */
function binOf(units: number): number {
  if (units < 16) return units;
  const power = 31 - Math.clz32(units);
  return 16 + (power - 4) * 8 + ((units >>> (power - 3)) & 7);
}

/** The free runs of one page, in units. */
class Runs {
  readonly #lengths = new Map<number, number>();
  /** By its end, where a free run begins. */
  readonly #ends = new Map<number, number>();
  readonly #bins: Set<number>[] = [];
  readonly #units: number;
  #free = 0;

  constructor(units: number) {
    this.#units = units;
    this.#link(0, units);
  }

  get free(): number {
    return this.#free;
  }

  get isEmpty(): boolean {
    return this.#free === this.#units;
  }

  /** Takes a run. @returns where it begins, −1 where none is long enough */
  take(units: number): number {
    const start = this.#find(units);
    if (start < 0) return -1;
    const length = this.#lengths.get(start)!;
    this.#unlink(start, length);
    if (length > units) this.#link(start + units, length - units);
    return start;
  }

  give(start: number, units: number): void {
    let first = start;
    let length = units;
    const before = this.#ends.get(start);
    if (before !== undefined) {
      const size = this.#lengths.get(before)!;
      this.#unlink(before, size);
      first = before;
      length += size;
    }
    const after = this.#lengths.get(start + units);
    if (after !== undefined) {
      this.#unlink(start + units, after);
      length += after;
    }
    this.#link(first, length);
  }

  #find(units: number): number {
    const own = this.#bins[binOf(units)];
    if (own !== undefined) {
      let best = -1;
      let bestLength = Infinity;
      let looked = 0;
      for (const start of own) {
        const length = this.#lengths.get(start)!;
        if (length >= units && length < bestLength) [best, bestLength] = [start, length];
        if (++looked === LOOKED_AT) break;
      }
      if (best >= 0) return best;
    }
    for (let bin = binOf(units) + 1; bin < this.#bins.length; bin++) {
      const found = this.#bins[bin]?.values().next();
      if (found?.done === false) return found.value;
    }
    return -1;
  }

  #link(start: number, length: number): void {
    this.#lengths.set(start, length);
    this.#ends.set(start + length, start);
    (this.#bins[binOf(length)] ??= new Set()).add(start);
    this.#free += length;
  }

  #unlink(start: number, length: number): void {
    this.#lengths.delete(start);
    this.#ends.delete(start + length);
    this.#bins[binOf(length)]!.delete(start);
    this.#free -= length;
  }
}

export interface HeapOptions<B> {
  readonly create: (bytes: number) => B;
  readonly destroy: (buffer: B) => void;
  /** Bytes of the first page. */
  readonly pageBytes: number;
  /** The most that one page may have. */
  readonly maxPageBytes: number;
  /** The most that all may have together. */
  readonly maxBytes: number;
}

interface OwnPage<B> extends Page<B> {
  readonly runs: Runs;
}

export class Heap<B> {
  readonly #options: HeapOptions<B>;
  readonly #pages: OwnPage<B>[] = [];
  /** Taken back twice would hand out memory twice. */
  readonly #live = new Set<Block<B>>();
  #nextId = 0;
  #nextBytes: number;
  #reserved = 0;
  #inUse = 0;
  #peak = 0;

  constructor(options: HeapOptions<B>) {
    this.#options = options;
    this.#nextBytes = options.pageBytes;
  }

  /** Bytes in blocks handed out. */
  get inUse(): number {
    return this.#inUse;
  }

  /** The most bytes that were handed out at a time, since the last reset. */
  get peak(): number {
    return this.#peak;
  }

  resetPeak(): void {
    this.#peak = this.#inUse;
  }

  /** Bytes of all pages. */
  get reserved(): number {
    return this.#reserved;
  }

  /** @throws OutOfMemoryError */
  allocate(bytes: number): Block<B> {
    const units = Math.max(1, Math.ceil(bytes / UNIT));
    if (units * UNIT > this.#options.maxPageBytes) throw this.#tooLarge(bytes);
    for (const page of this.#pages) {
      const block = this.#takeFrom(page, units);
      if (block !== undefined) return block;
    }
    return this.#takeFrom(this.#newPage(units * UNIT, bytes), units)!;
  }

  free(block: Block<B>): void {
    if (!this.#live.delete(block)) return;
    this.#inUse -= block.bytes;
    (block.page as OwnPage<B>).runs.give(block.offset / UNIT, block.bytes / UNIT);
  }

  /** Destroys pages of which nothing is in use. @returns whether there were any */
  trim(): boolean {
    const empty = this.#pages.filter(({ runs }) => runs.isEmpty);
    for (const page of empty) {
      this.#pages.splice(this.#pages.indexOf(page), 1);
      this.#reserved -= page.bytes;
      this.#options.destroy(page.buffer);
    }
    return empty.length > 0;
  }

  #takeFrom(page: OwnPage<B>, units: number): Block<B> | undefined {
    const start = page.runs.take(units);
    if (start < 0) return undefined;
    const block = { page, offset: start * UNIT, bytes: units * UNIT };
    this.#live.add(block);
    this.#inUse += block.bytes;
    if (this.#inUse > this.#peak) this.#peak = this.#inUse;
    return block;
  }

  #newPage(needed: number, asked: number): OwnPage<B> {
    const { maxPageBytes, maxBytes } = this.#options;
    if (this.#reserved + needed > maxBytes) this.trim();
    const room = Math.floor((maxBytes - this.#reserved) / UNIT) * UNIT;
    if (needed > room) throw this.#exhausted(asked);
    const bytes = Math.min(Math.max(this.#nextBytes, needed), maxPageBytes, room);
    const page = { id: this.#nextId++, buffer: this.#options.create(bytes), bytes, runs: new Runs(bytes / UNIT) };
    this.#pages.push(page);
    this.#reserved += bytes;
    this.#nextBytes = Math.min(2 * this.#nextBytes, maxPageBytes);
    return page;
  }

  #tooLarge(bytes: number): OutOfMemoryError {
    return new OutOfMemoryError(
      `webgpu memory: a block of ${mb(bytes)} is more than this adapter lets a kernel see at once (${mb(this.#options.maxPageBytes)}); use a ` +
        'smaller batch, or the cpu device',
    );
  }

  #exhausted(bytes: number): OutOfMemoryError {
    const free = this.#pages.reduce((sum, { runs }) => sum + runs.free * UNIT, 0);
    return new OutOfMemoryError(
      `webgpu memory: a block of ${mb(bytes)} does not fit: of at most ${mb(this.#options.maxBytes)}, ${mb(this.#inUse)} are held by live tensors and ` +
        `${mb(free)} lie free in pieces that are too small; use a smaller batch, free tensors with memoryScope(), or run validation under noGrad()`,
    );
  }
}

const mb = (n: number): string => (n < 1e6 ? `${n} bytes` : `${Math.round(n / 1e6)} MB`);
