/**
 * What the matrix-product and convolution kernels share: the facts of an element type, register tiles of accumulators,
 * and the two vector idioms they need, transposing a square of vectors and summing vectors' lanes.
 */
import { lanes, load, loadSplat, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope, type ParamSpec } from '../kernel.ts';

export type Element = 'f32' | 'f64';

/** An element type on a target: sizes in bytes, vector type, lanes of one vector. */
export interface ElementKit {
  readonly element: Element;
  readonly vector: 'f32v' | 'f64v';
  readonly bytes: number;
  readonly lanes: number;
  readonly vectorBytes: number;
}

export function elementKit(target: Target, element: Element): ElementKit {
  return {
    element,
    vector: element === 'f32' ? 'f32v' : 'f64v',
    bytes: element === 'f32' ? 4 : 8,
    lanes: lanes(target, element),
    vectorBytes: target.vectorBytes,
  };
}

/** Vectors in a row of a register tile of four rows: 8 accumulators in WebAssembly (see `ir.ts`), 12 of wider registers. */
export const tileVectors = (kit: ElementKit): number => (kit.vectorBytes > 16 ? 3 : 2);

/** Vectors in a row of a product's register tile. */
export const TILE_VECTORS = 2;

/**
 * Rows of a product's register tile: as many as registers hold sums for, beside the vectors of B and a splatted element of A. 8 sums in
 * WebAssembly (see `ir.ts`), 12 of 16 registers, 24 of 32 with the widest vectors.
 */
export const tileRows = ({ vectorBytes }: ElementKit): number => ({ 16: 4, 32: 6, 64: 12 })[vectorBytes]!;

/**
 * Depth of packed panels. With wide vectors a panel of B takes 24 KB of the first-level cache, which each of A's panels runs against; panels of A come
 * from the second level.
 */
export const panelDepth = ({ vectorBytes }: ElementKit): number => (vectorBytes > 16 ? 24576 / (TILE_VECTORS * vectorBytes) : 256);

/** A vector of lane masks: all ones in the first `count` lanes. */
export function laneMask(kit: ElementKit, count: number): Int32Array {
  const words = kit.bytes / 4;
  return Int32Array.from({ length: kit.lanes * words }, (_, i) => (Math.floor(i / words) < count ? -1 : 0));
}

/** The masks of the first 0, 1, … lanes, one after the other. */
export const laneMasks = (kit: ElementKit): Int32Array =>
  Int32Array.from(Array.from({ length: kit.lanes }, (_, count) => [...laneMask(kit, count)]).flat());

/** A function whose parameters are all 32-bit integers, with its arguments by name. */
export function intFn<const N extends string>(
  scope: KernelScope<ParamSpec>,
  name: string,
  names: readonly N[],
  build: (f: Fn, args: Readonly<Record<N, Local>>) => void,
): Fn {
  const params = names.map((label) => [label, 'i32'] as const);
  return scope.fn(name, params, (f, locals) =>
    build(f, Object.fromEntries(names.map((label, i) => [label, locals[i]!])) as Record<N, Local>),
  );
}

/** for (i = from; i < to; i += step) */
export function forStep(
  f: Fn,
  name: string,
  [from, to, step]: readonly [Expr | number, Expr | number, number],
  body: (i: Local) => void,
): void {
  f.for(name, from, to, body, step);
}

/** The smaller of two signed integers. */
export const minI32 = (f: Fn, name: string, a: Expr, b: Expr): Local => {
  const x = f.let(`${name}A`, a);
  const y = f.let(`${name}B`, b);
  return f.let(name, x.lt(y).select(x, y));
};

export const maxI32 = (f: Fn, name: string, a: Expr, b: Expr): Local => {
  const x = f.let(`${name}A`, a);
  const y = f.let(`${name}B`, b);
  return f.let(name, x.gt(y).select(x, y));
};

/** A register tile: `rows` × `columns` vector accumulators, every one a variable of its own. */
export class Tile {
  readonly acc: readonly (readonly Local[])[];
  readonly #f: Fn;
  readonly #kit: ElementKit;

  constructor(f: Fn, kit: ElementKit, rows: number, columns: number) {
    this.#f = f;
    this.#kit = kit;
    this.acc = Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => f.local(`acc${i}_${j}`, kit.vector)));
  }

  /** Reads row i, column j from `columns[j] + i·stride`. The pointers are left changed. */
  load(columns: readonly Local[], stride: Expr): void {
    this.acc.forEach((row, i) => {
      row.forEach((acc, j) => this.#f.set(acc, load(this.#kit.vector, columns[j]!)));
      if (i + 1 < this.acc.length) for (const column of columns) this.#f.inc(column, stride);
    });
  }

  /**
   * Writes row i, column j to `columns[j] + i·stride`, as `finish` makes it from the sum, its place and i. The pointers are left
   * changed.
   */
  store(columns: readonly Local[], stride: Expr, finish: (sum: Local, place: Local, i: number) => Expr = (sum) => sum): void {
    this.acc.forEach((row, i) => {
      row.forEach((acc, j) => this.#f.store(this.#kit.vector, columns[j]!, finish(acc, columns[j]!, i)));
      if (i + 1 < this.acc.length) for (const column of columns) this.#f.inc(column, stride);
    });
  }

  /** acc[i][j] += (element i of `scalars`, in every lane) · vectors[j]: one step of an outer product. */
  outerStep(scalars: Expr, vectors: readonly Expr[]): void {
    const f = this.#f;
    const { vector, bytes } = this.#kit;
    const b = vectors.map((value, j) => f.let(`b${j}`, value));
    this.acc.forEach((row, i) => {
      const a = f.let(`a${i}`, loadSplat(vector, scalars, i * bytes));
      row.forEach((acc, j) => f.set(acc, a.fma(b[j]!, acc)));
    });
  }

  /** acc[i][j] += rows[i] · columns[j], lane by lane: one step of a set of dot products. */
  dotStep(rows: readonly Expr[], columns: readonly Expr[]): void {
    const f = this.#f;
    const b = columns.map((value, j) => f.let(`b${j}`, value));
    this.acc.forEach((row, i) => {
      const a = f.let(`a${i}`, rows[i]!);
      row.forEach((acc, j) => f.set(acc, a.fma(b[j]!, acc)));
    });
  }
}

/** One vector whose lane i is the sum of the lanes of `vectors[i]`; as many vectors as there are lanes. */
export function laneSums(f: Fn, vectors: readonly Expr[]): Local {
  const even = vectors.map((_, i) => 2 * i);
  const odd = even.map((lane) => lane + 1);
  let level = vectors.map((v, i) => f.let(`sum${i}`, v));
  while (level.length > 1) {
    const next: Local[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [a, b] = [level[i]!, level[i + 1]!];
      next.push(f.let('pair', a.shuffle(b, even).add(a.shuffle(b, odd)))); // sums of neighbouring lanes of a, then of b
    }
    level = next;
  }
  return level[0]!;
}

/**
 * The elements of `rows`, lane by lane: lane 0 of every row, lane 1 of every row, … one after the other in vectors of
 * `lanes`. As many rows as lanes make a transposed square. The number of rows is a power of two.
 */
export function transposed(f: Fn, rows: readonly Expr[], lanes: number): readonly Local[] {
  if (rows.length === 1) return [f.let('row', rows[0]!)];
  const zip = (from: number): number[] => Array.from({ length: lanes }, (_, i) => from + (i >> 1) + (i % 2 === 0 ? 0 : lanes));
  const [first, second] = [0, 1].map((odd) =>
    transposed(
      f,
      rows.filter((_, i) => i % 2 === odd),
      lanes,
    ),
  );
  return first!.flatMap((a, i) => [0, lanes / 2].map((from) => f.let('zip', a.shuffle(second![i]!, zip(from)))));
}

/**
 * A transposed square of as many vectors as they have lanes, by steps that stay within 16 bytes as long as they can: those
 * are single instructions on wider vectors too.
 */
export function transposedInLanes(f: Fn, rows: readonly Expr[], kit: ElementKit): readonly Local[] {
  const zone = 16 / kit.bytes;
  const groups: (readonly Local[])[] = [];
  for (let g = 0; g < kit.lanes; g += zone) groups.push(zipped(f, rows.slice(g, g + zone), kit.lanes, zone, 1));
  const columns = groups[0]!.map((_, j) =>
    zipped(
      f,
      groups.map((group) => group[j]!),
      kit.lanes,
      kit.lanes,
      zone,
    ),
  );
  return Array.from({ length: kit.lanes }, (_, i) => columns[i % zone]![Math.floor(i / zone)]!);
}

/** Interleaves rows, a power of two of them, within each `zone` lanes, in units of `unit` lanes. */
function zipped(f: Fn, rows: readonly Expr[], lanes: number, zone: number, unit: number): readonly Local[] {
  if (rows.length === 1) return [f.let('row', rows[0]!)];
  const zip = (from: number): number[] =>
    Array.from({ length: lanes }, (_, i) => {
      const place = Math.floor((i % zone) / unit);
      return i - (i % zone) + from + (place >> 1) * unit + (i % unit) + (place % 2 === 0 ? 0 : lanes);
    });
  const [first, second] = [0, 1].map((odd) =>
    zipped(
      f,
      rows.filter((_, i) => i % 2 === odd),
      lanes,
      zone,
      unit,
    ),
  );
  return first!.flatMap((a, i) => [0, zone / 2].map((from) => f.let('zip', a.shuffle(second![i]!, zip(from)))));
}

export const GATHER_PARAMS = { x: 'ptr', y: 'ptr', step: 'i32' } as const;

/** y[i] = x[i·step], `step` in bytes: makes a strided bias one that vectors can read. */
export function gatherKernel(target: Target, element: Element): Kernel<typeof GATHER_PARAMS> {
  const { bytes } = elementKit(target, element);
  return cachedKernel(target, `gemm-gather/${element}`, GATHER_PARAMS, ({ f, p, lo, hi }) => {
    f.for('i', lo, hi, (i) => {
      f.store(element, p.y.add(i.mul(bytes)), load(element, p.x.add(i.mul(p.step))));
    });
  });
}
