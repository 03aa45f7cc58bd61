/**
 * Products of matrices by tiles: C[M, N] = A[M, K]·B[K, N] for each of several batches. A workgroup makes a tile of C; slices of A and B go through
 * workgroup memory, every thread keeps some results in registers. How A and B are read and C is written is text, so convolutions are products
 * too, whose operands are gathered (implicit GEMM; Chetlur et al., "cuDNN: efficient primitives for deep learning", 2014).
 *
 * Workgroup memory is read and written by whole vectors, since parts of one vector may not be written by two threads. Of an operand whose neighbours in
 * memory lie along K, a thread reads some rows at one place of K: a vector goes across K. Of any other, it reads some places of K of one row: a vector goes
 * along K. Either way, threads read neighbours together, and what a read has to work out of its fast index is worked out once.
 *
 * Deep products of few tiles are split along K: parts lie behind one another; a second launch adds them up in a fixed order and writes C.
 */
import { wgslKernel, type WgslArg, type WgslLaunch, type WgslOperand, type WgslParam } from './kernel.ts';
import { WALK_GROUP, walkGroups, walkText } from './walk.ts';

/** Results of a workgroup, depth of a slice, results of a thread. All are powers of two, and a workgroup has {@link TILE_THREADS} threads. */
export interface TileSizes {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly threadRows: number;
  readonly threadColumns: number;
}

const TILE_THREADS = 64;

const LARGE: TileSizes = { rows: 64, columns: 64, depth: 32, threadRows: 8, threadColumns: 8 };
const MIDDLE: TileSizes = { rows: 32, columns: 32, depth: 32, threadRows: 4, threadColumns: 4 };
const LOW: TileSizes = { rows: 16, columns: 64, depth: 32, threadRows: 4, threadColumns: 4 };
const NARROW: TileSizes = { rows: 64, columns: 16, depth: 32, threadRows: 4, threadColumns: 4 };
/** Compiled in a tenth of the time: what adapters on the processor are given. */
const SMALL: TileSizes = { rows: 16, columns: 16, depth: 16, threadRows: 2, threadColumns: 2 };

/** Workgroups that keep a large card busy. */
const BUSY = 192;

/**
 * The tile for a product. On a card, the larger it is, the more often a number that has been read is used: 64×64 reads once for 32 multiplications. But few
 * rows or columns would leave most of it empty, and few tiles most of the card, unless there is depth enough to split.
 */
export function tileFor(product: Pick<TileProduct, 'm' | 'n' | 'k' | 'batches'>, small: boolean): TileSizes {
  const { m, n } = product;
  if (small) return SMALL;
  if (m <= 16) return LOW;
  if (n <= 16) return NARROW;
  if (m <= 32 || n <= 32) return MIDDLE;
  return tilesOf(product, LARGE) * mostParts(product) < BUSY / 2 ? MIDDLE : LARGE;
}

export interface TileProduct {
  /** Names the texts. */
  readonly name: string;
  /** A and B. */
  readonly inputs: readonly WgslOperand[];
  /** What `write` mentions: C last. */
  readonly others: readonly WgslOperand[];
  readonly params: readonly WgslParam[];
  readonly args: readonly WgslArg[];
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batches: number;
  readonly type: 'f32' | 'i32';
  /** Which index of A neighbours in memory differ in, and likewise of B. */
  readonly fastA: 'm' | 'k';
  readonly fastB: 'n' | 'k';
  /** Of A, statements for a value of the fast index `i` that reads share; they may set private variables of `state`. */
  readonly fixA?: string;
  readonly fixB?: string;
  /** Bodies of functions of (m, k), (k, n) and (m, n, v); `batch` is the number of the batch. */
  readonly readA: string;
  readonly readB: string;
  readonly write: string;
  /** Private variables. */
  readonly state?: string;
  /** Functions that `write` calls. */
  readonly functions?: string;
}

/** The launches of a product. */
export interface ProductLaunches {
  /** Operands: A, B, then the others, or where there is a second launch the parts. */
  readonly first: WgslLaunch;
  /** Float32 elements of the parts, [parts, batches, M, N]; 0 without a second launch. */
  readonly between: number;
  /** Operands: the parts, then the others. */
  readonly second?: WgslLaunch;
}

const tilesOf = ({ m, n, batches }: Pick<TileProduct, 'm' | 'n' | 'batches'>, t: TileSizes): number =>
  Math.ceil(m / t.rows) * Math.ceil(n / t.columns) * batches;

/** A part should be so deep that adding it up costs little beside it, and a second launch pays only from two of twice that. */
const PART_DEPTH = 128;
const mostParts = ({ k }: Pick<TileProduct, 'k'>): number => (k < 2 * PART_DEPTH ? 1 : Math.min(Math.floor(k / PART_DEPTH), 64));

/** Into how many parts K is cut. */
function partsOf(product: TileProduct, t: TileSizes): number {
  const tiles = tilesOf(product, t);
  if (tiles === 0 || tiles >= BUSY / 2 || product.type !== 'f32') return 1;
  return Math.max(1, Math.min(Math.floor(BUSY / tiles), mostParts(product)));
}

const u32 = (...names: readonly string[]): WgslParam[] => names.map((name) => ({ name, type: 'u32' }));

export function productLaunches(product: TileProduct, t: TileSizes): ProductLaunches {
  const { m, n, k, batches, params, args } = product;
  const [tilesM, tilesN] = [Math.ceil(m / t.rows), Math.ceil(n / t.columns)];
  const parts = partsOf(product, t);
  const per = Math.ceil(k / parts / t.depth) * t.depth;
  const shape = [t.rows, t.columns, t.depth, t.threadRows, t.threadColumns].join('x');
  const isSplit = parts > 1;
  const key = `product:${product.name}|${product.fastA}${product.fastB}|${product.type}|${shape}${isSplit ? '|parts' : ''}`;
  const kernel = wgslKernel(key, () => ({
    operands: [...product.inputs, ...(isSplit ? [PARTS] : product.others)],
    params: [...u32('M', 'N', 'K', 'tiles_m', 'tiles_n', 'parts', 'per'), ...params],
    workgroup: [TILE_THREADS, 1, 1],
    body: bodyText(product, t, isSplit),
  }));
  const first = {
    kernel,
    args: [m, n, k, tilesM, tilesN, parts, per, ...args],
    groups: tilesM * tilesN * batches * parts,
  };
  if (!isSplit) return { first, between: 0 };
  return { first, between: parts * batches * m * n, second: sumLaunch(product, parts) };
}

const PARTS: WgslOperand = { name: 'parts_', dtype: 'float32' };

/** Adds up parts, from the first to the last, and writes C. */
function sumLaunch(product: TileProduct, parts: number): WgslLaunch {
  const { m, n, batches, others } = product;
  const operands = [PARTS, ...others];
  const kernel = wgslKernel(`product:${product.name}|sum`, () => ({
    operands,
    params: [...u32('n', 'M', 'N', 'parts'), ...product.params],
    workgroup: WALK_GROUP,
    body: `var<private> batch: u32;
${writeText(product)}
fn element(i: u32) {
  var v = parts__at(i); for (var part = 1u; part < p.parts; part++) { v += parts__at(part * p.n + i); }
  let r = i / p.N; batch = r / p.M; write_c(r % p.M, i % p.N, v);
}
${walkText(operands)}`,
  }));
  const total = batches * m * n;
  return { kernel, args: [total, m, n, parts, ...product.args], groups: walkGroups(operands, total) };
}

const writeText = ({ functions = '', type, write }: TileProduct): string =>
  `${functions}\nfn write_c(m: u32, n: u32, v: ${type}) { ${write} }`;

const range = (n: number): number[] => [...Array(n).keys()];

/** Rows of A, or columns of B, in workgroup memory. */
interface Side {
  readonly name: 'a' | 'b';
  /** Whether neighbours in memory lie along K; a vector in workgroup memory then goes across it. */
  readonly fastK: boolean;
  readonly size: number;
  readonly depth: number;
  /** Elements of a vector. */
  readonly width: number;
  /** Results of a thread along this side, and threads along it. */
  readonly own: number;
  readonly threads: number;
}

function bodyText(product: TileProduct, t: TileSizes, split: boolean): string {
  const { type } = product;
  const width = Math.min(4, t.threadRows, t.threadColumns);
  const across = t.columns / t.threadColumns;
  const a: Side = { name: 'a', fastK: product.fastA === 'k', size: t.rows, depth: t.depth, width, own: t.threadRows, threads: t.rows / t.threadRows }; // prettier-ignore
  const b: Side = { name: 'b', fastK: product.fastB === 'k', size: t.columns, depth: t.depth, width, own: t.threadColumns, threads: across }; // prettier-ignore
  const results = range(t.threadRows).flatMap((i) => range(t.threadColumns).map((j) => ({ i, j })));
  const write = split
    ? `fn write_c(m: u32, n: u32, v: f32) { parts__put(((part * (p.groups_ / (p.tiles_m * p.tiles_n * p.parts)) + batch) * p.M + m) * p.N + n, v); }`
    : writeText(product);
  const vector = `vec${width}<${type}>`;
  const rows = range(t.threadRows).map((i) => `let at_m${i} = m0 + ${placeText(a, i, 'row')};`);
  const columns = range(t.threadColumns).map((j) => `let at_n${j} = n0 + ${placeText(b, j, 'column')};`);
  return `
var<workgroup> tile_a: array<${vector}, ${(t.depth * t.rows) / width}>;
var<workgroup> tile_b: array<${vector}, ${(t.depth * t.columns) / width}>;
var<private> batch: u32; var<private> part: u32; var<private> k_end: u32;
${product.state ?? ''}
fn fix_a(i: u32) { ${product.fixA ?? ''} }
fn fix_b(i: u32) { ${product.fixB ?? ''} }
fn read_a(m: u32, k: u32) -> ${type} { ${product.readA} }
fn read_b(k: u32, n: u32) -> ${type} { ${product.readB} }
fn a_or_0(x: u32, k: u32) -> ${type} { if (x < p.M && k < k_end) { return read_a(x, k); } return ${type}(0); }
fn b_or_0(x: u32, k: u32) -> ${type} { if (x < p.N && k < k_end) { return read_b(k, x); } return ${type}(0); }
${write}
fn run(i: u32, local: vec3u, thread: u32) {
  let n0 = (i % p.tiles_n) * ${t.columns}u; let m0 = ((i / p.tiles_n) % p.tiles_m) * ${t.rows}u;
  let z = i / (p.tiles_n * p.tiles_m); let here = z % p.parts; part = here; batch = z / p.parts;
  let stop = min(p.K, (here + 1u) * p.per); k_end = stop;
  let row = thread / ${across}u; let column = thread % ${across}u;
  ${results.map(({ i, j }) => `var c${i}_${j} = ${type}(0);`).join(' ')}
  ${a.fastK ? '' : `fix_a(min(m0 + thread % ${t.rows}u, p.M - 1u));`}
  ${b.fastK ? '' : `fix_b(min(n0 + thread % ${t.columns}u, p.N - 1u));`}
  for (var k0 = here * p.per; k0 < stop; k0 += ${t.depth}u) {
    ${loadText(a, vector)}
    ${loadText(b, vector)}
    workgroupBarrier();
    for (var q = 0u; q < ${t.depth / width}u; q++) {
      ${vectorsText(a, 'row')}
      ${vectorsText(b, 'column')}
      ${range(width)
        .flatMap((k) => results.map(({ i, j }) => productText(type, `c${i}_${j}`, elementText(a, i, k), elementText(b, j, k))))
        .join(' ')}
    }
    workgroupBarrier();
  }
  ${rows.join(' ')} ${columns.join(' ')}
  ${results.map(({ i, j }) => `if (at_m${i} < p.M && at_n${j} < p.N) { write_c(at_m${i}, at_n${j}, c${i}_${j}); }`).join('\n  ')}
}`;
}

const productText = (type: string, c: string, a: string, b: string): string =>
  type === 'f32' ? `${c} = fma(${a}, ${b}, ${c});` : `${c} += ${a} * ${b};`;

/**
 * Where in the tile a thread's row (or column) number `i` lies: threads have neighbouring vectors, so that they find them in different banks, and write
 * results side by side.
 */
function placeText({ fastK, width, threads }: Side, i: number, me: string): string {
  return fastK ? `(${me} + ${Math.floor(i / width) * threads}u) * ${width}u + ${i % width}u` : `${me} + ${i * threads}u`;
}

/** Vectors across K lie row by row of K; the order in a row is turned, so that threads which write one column reach different banks. */
const acrossText = ({ size, width }: Side, vector: string, k: string): string =>
  `(${k}) * ${size / width}u + ((${vector}) ^ ((${k}) & ${size / width - 1}u))`;

/** Reads a slice, `depth` deep, into workgroup memory; what lies outside is 0. */
function loadText(side: Side, vector: string): string {
  const { name, fastK, size, depth, width } = side;
  const count = (size * depth) / width / TILE_THREADS; // vectors of a thread
  const first = name === 'a' ? 'm0' : 'n0';
  const elements = (text: (e: number) => string): string => `${vector}(${range(width).map(text).join(', ')})`;
  if (fastK) {
    return `{ let kk = thread % ${depth}u; let k = k0 + kk; fix_${name}(min(k, p.K - 1u));
      for (var e = 0u; e < ${count}u; e++) { let g = thread / ${depth}u + e * ${TILE_THREADS / depth}u; let x = ${first} + g * ${width}u;
        tile_${name}[${acrossText(side, 'g', 'kk')}] = ${elements((e) => `${name}_or_0(x + ${e}u, k)`)}; } }`;
  }
  return `{ let xx = thread % ${size}u; let x = ${first} + xx;
      for (var e = 0u; e < ${count}u; e++) { let g = thread / ${size}u + e * ${TILE_THREADS / size}u; let k = k0 + g * ${width}u;
        tile_${name}[g * ${size}u + xx] = ${elements((e) => `${name}_or_0(x, k + ${e}u)`)}; } }`;
}

/** A thread's vectors for the places q·width … of K. */
function vectorsText(side: Side, me: string): string {
  const { name, fastK, size, width, own, threads } = side;
  if (!fastK)
    return range(own)
      .map((i) => `let ${name}${i} = tile_${name}[q * ${size}u + ${me} + ${i * threads}u];`)
      .join(' ');
  const at = (i: number, k: number): string => acrossText(side, `${me} + ${i * threads}u`, `q * ${width}u + ${k}u`);
  return range(width)
    .flatMap((k) => range(own / width).map((i) => `let ${name}${i}_${k} = tile_${name}[${at(i, k)}];`))
    .join(' ');
}

/** Of those, the element of row (or column) number `i` at place q·width + k. */
const elementText = ({ name, fastK, width }: Side, i: number, k: number): string =>
  fastK ? `${name}${Math.floor(i / width)}_${k}.${'xyzw'[i % width]}` : `${name}${i}.${'xyzw'[k]}`;
