/**
 * Resampling of bytes by a small WebAssembly module with vectors (`tools/resample-kernel`): rows come in strips, as decoders give them, and only the sums between
 * the two passes are kept whole. Its results are those of the loops in `resample.ts`, bit for bit, which run where there is no WebAssembly.
 */
import { unpackedWasm } from '../../io/bytes/packed-wasm.ts';
import packed from './resample-kernel.wasm';
import type { BytePlan, Pass } from './resample-bytes.ts';

interface Kernel {
  readonly memory: WebAssembly.Memory;
  readonly __heap_base: WebAssembly.Global<'i32'>;
  across(
    from: number,
    to: number,
    rows: number,
    pitch: number,
    inner: number,
    width: number,
    places: number,
    weights: number,
    bits: number,
  ): void;
  down(from: number, to: number, height: number, pitch: number, places: number, weights: number, bits: number): void;
  planes(from: number, to: number, pixels: number, channels: number, table: number): void;
}

/** Bytes of rows that are taken at a time: they stay in the processor's cache. */
const STRIP = 2 ** 16;
/** The kernel reads and writes in vectors, past the end by less than this. */
const MARGIN = 64;
/** More memory than this is not asked for: the loops run instead. */
const MOST = 2 ** 28;
/** Memory of an instance from which on it is not kept. */
const LARGE = 2 ** 25;

let compiled: WebAssembly.Module | null | undefined;
let current: Kernel | undefined;

function compile(): WebAssembly.Module | null {
  try {
    return new WebAssembly.Module(unpackedWasm(packed));
  } catch {
    return null; // without WebAssembly, its vectors, or a page's leave to compile it
  }
}

/** An instance with so much memory behind its own; undefined where there is none. */
function kernelWith(bytes: number): Kernel | undefined {
  compiled ??= compile();
  if (compiled === null || bytes > MOST) return undefined;
  try {
    current ??= new WebAssembly.Instance(compiled).exports as unknown as Kernel;
    const missing = current.__heap_base.value + bytes - current.memory.buffer.byteLength;
    if (missing > 0) current.memory.grow(Math.ceil(missing / 2 ** 16));
    return current;
  } catch (cause) {
    if (cause instanceof RangeError || cause instanceof WebAssembly.RuntimeError) return undefined; // no memory is left
    throw cause;
  }
}

function letGo(): void {
  if (current !== undefined && current.memory.buffer.byteLength > LARGE) current = undefined;
}

/** Weights as the kernel reads them: in groups, high halves before low ones. */
interface Tables {
  readonly places: Uint32Array;
  readonly weights: Int16Array;
}

/** Null where weights are too large for two halves. */
function tablesOf(pass: Pass | undefined, group: number): Tables | null | undefined {
  if (pass === undefined) return undefined;
  const { weights: w } = pass;
  const places = new Uint32Array(3 * w.first.length);
  const each = Math.ceil(w.size / group) * 2 * group;
  const weights = new Int16Array(w.first.length * each);
  for (let i = 0; i < w.first.length; i++) {
    const n = w.count[i]!;
    places.set([w.first[i]!, i * each, Math.ceil(n / group)], 3 * i);
    for (let k = 0; k < n; k++) {
      const weight = w.weights[i * w.size + k]!;
      if (weight >= 2 ** 23 || weight < -(2 ** 23)) return null;
      const at = i * each + Math.floor(k / group) * 2 * group + (k % group);
      weights[at] = weight >> 8;
      weights[at + group] = weight & 255;
    }
  }
  return { places, weights };
}

/** Where a pass finds its tables. */
interface Placed extends Tables {
  readonly placesAt: number;
  readonly weightsAt: number;
}

/** Hands out stretches of the memory. */
class Layout {
  size = 0;

  take(bytes: number): number {
    const at = this.size;
    this.size += Math.ceil((bytes + MARGIN) / 16) * 16;
    return at;
  }

  tables(tables: Tables | undefined): Placed | undefined {
    if (tables === undefined) return undefined;
    return { ...tables, placesAt: this.take(tables.places.byteLength), weightsAt: this.take(tables.weights.byteLength) };
  }
}

/** One picture on its way to another size. There is one at a time: no other may begin before `finish`. */
export class Resampler {
  readonly #plan: BytePlan;
  readonly #kernel: Kernel;
  readonly #across: Placed | undefined;
  readonly #down: Placed | undefined;
  readonly #stage: number;
  readonly #middle: number;
  readonly #out: number;
  #rows = 0;

  /**
   * Begins with a picture.
   * @param widest - most bytes from row to row of what will be pushed
   */
  static begin(plan: BytePlan, widest: number): Resampler | undefined {
    const layout = new Layout();
    const across = tablesOf(plan.across, plan.inner === 3 ? 4 : 8);
    const down = tablesOf(plan.down, 2);
    if (across === null || down === null) return undefined;
    const places = { across: layout.tables(across), down: layout.tables(down) };
    const rows = plan.rows.to - plan.rows.from;
    const wide = (plan.columns.to - plan.columns.from) * plan.inner;
    const narrow = plan.width * plan.inner;
    const isStreamed = across !== undefined && !plan.columnsFirst;
    const stage = layout.take(isStreamed ? Math.max(STRIP, widest) : rows * wide + wide);
    const middle = layout.take(isStreamed ? rows * narrow + narrow : plan.height * wide);
    const out = layout.take(plan.height * narrow);
    const kernel = kernelWith(layout.size);
    return kernel && new Resampler(plan, kernel, places, [stage, middle, out]);
  }

  private constructor(
    plan: BytePlan,
    kernel: Kernel,
    { across, down }: { readonly across: Placed | undefined; readonly down: Placed | undefined },
    places: readonly [number, number, number],
  ) {
    const base = kernel.__heap_base.value;
    this.#plan = plan;
    this.#kernel = kernel;
    const { buffer } = kernel.memory;
    const placed = (tables: Placed | undefined): Placed | undefined => {
      if (tables === undefined) return undefined;
      const [placesAt, weightsAt] = [tables.placesAt + base, tables.weightsAt + base];
      new Uint32Array(buffer, placesAt, tables.places.length).set(tables.places);
      new Int16Array(buffer, weightsAt, tables.weights.length).set(tables.weights);
      return { ...tables, placesAt, weightsAt };
    };
    this.#across = placed(across);
    this.#down = placed(down);
    [this.#stage, this.#middle, this.#out] = places.map((at) => at + base) as [number, number, number];
  }

  /** Takes the next rows of the stretch, which lie `pitch` bytes apart; `bytes` begins with its first column. */
  push(bytes: Uint8Array, pitch: number, rows: number): void {
    const { columns, inner, columnsFirst, width } = this.#plan;
    const wide = (columns.to - columns.from) * inner;
    const target = new Uint8Array(this.#kernel.memory.buffer);
    if (this.#across === undefined || columnsFirst) {
      for (let y = 0; y < rows; y++) target.set(bytes.subarray(y * pitch, y * pitch + wide), this.#stage + (this.#rows + y) * wide);
      this.#rows += rows;
      return;
    }
    const most = Math.max(1, Math.floor(STRIP / pitch));
    for (let y = 0; y < rows; y += most) {
      const n = Math.min(most, rows - y);
      target.set(bytes.subarray(y * pitch, (y + n - 1) * pitch + wide), this.#stage);
      this.#runAcross(this.#stage, this.#middle + this.#rows * width * inner, n, pitch);
      this.#rows += n;
    }
  }

  /** The picture at its new size, once all rows are there. */
  finish(): Uint8Array {
    const { width, height, inner, columns, columnsFirst } = this.#plan;
    const narrow = width * inner;
    const wide = (columns.to - columns.from) * inner;
    const isStreamed = this.#across !== undefined && !columnsFirst;
    let at = isStreamed ? this.#middle : this.#stage;
    if (this.#down !== undefined) {
      const to = this.#across !== undefined && columnsFirst ? this.#middle : this.#out;
      const { placesAt, weightsAt } = this.#down;
      this.#kernel.down(at, to, height, isStreamed ? narrow : wide, placesAt, weightsAt, this.#plan.down!.bits);
      at = to;
    }
    if (this.#across !== undefined && columnsFirst) {
      this.#runAcross(at, this.#out, height, wide);
      at = this.#out;
    }
    const result = new Uint8Array(this.#kernel.memory.buffer).slice(at, at + height * narrow);
    letGo();
    return result;
  }

  #runAcross(from: number, to: number, rows: number, pitch: number): void {
    const { inner, width, across } = this.#plan;
    this.#kernel.across(from, to, rows, pitch, inner, width, this.#across!.placesAt, this.#across!.weightsAt, across!.bits);
  }
}
