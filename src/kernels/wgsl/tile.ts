/**
 * Products of matrices by tiles: C[M, N] = A[M, K]·B[K, N] for each of several batches. A workgroup makes a tile of C; slices of A and B go through
 * workgroup memory, every thread keeps some results in registers. How A and B are read and C is written is text, so convolutions are products
 * too, whose operands are gathered (implicit GEMM; Chetlur et al., "cuDNN: efficient primitives for deep learning", 2014).
 *
 * Deep products of few tiles are split along K: parts lie behind one another and are added up by a second launch, in a fixed order.
 */
import { wgslKernel, type WgslArg, type WgslLaunch, type WgslOperand, type WgslParam } from './kernel.ts';

/** Results of a workgroup, depth of a slice, results of a thread. */
export interface TileSizes {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly threadRows: number;
  readonly threadColumns: number;
}

const LARGE: TileSizes = { rows: 64, columns: 64, depth: 16, threadRows: 4, threadColumns: 4 };
const MIDDLE: TileSizes = { rows: 32, columns: 32, depth: 16, threadRows: 2, threadColumns: 2 };
/** Compiled in a tenth of the time: what adapters on the processor are given. */
const SMALL: TileSizes = { rows: 16, columns: 16, depth: 16, threadRows: 2, threadColumns: 2 };

export function tileFor(m: number, n: number, small: boolean): TileSizes {
  if (small) return SMALL;
  return m > 32 && n > 32 ? LARGE : MIDDLE;
}

export interface TileProduct {
  /** Names the texts. */
  readonly name: string;
  readonly operands: readonly WgslOperand[];
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
}

/** A split product: parts are [parts, batches, M, N] in float32, and are to be added up. */
export interface SplitLaunch {
  readonly launch: WgslLaunch;
  readonly parts: number;
}

/** Into how many parts K is cut. */
export function partsOf({ m, n, k, batches }: Pick<TileProduct, 'm' | 'n' | 'k' | 'batches'>, t: TileSizes): number {
  const tiles = Math.ceil(m / t.rows) * Math.ceil(n / t.columns) * batches;
  if (tiles >= 96 || k < 16 * t.depth) return 1;
  return Math.max(1, Math.min(Math.floor(192 / tiles), Math.floor(k / (8 * t.depth)), 64));
}

/**
 * @param parts as `partsOf` says; with more than one, `write` is not used: parts are written to the last operand, which then is
 * [parts, batches, M, N]
 */
export function tileLaunch(product: TileProduct, t: TileSizes, parts = 1): WgslLaunch {
  const { m, n, k, batches } = product;
  const tilesM = Math.ceil(m / t.rows);
  const tilesN = Math.ceil(n / t.columns);
  const per = Math.ceil(k / parts / t.depth) * t.depth;
  const threads = (t.rows / t.threadRows) * (t.columns / t.threadColumns);
  const shape = [t.rows, t.columns, t.depth, t.threadRows, t.threadColumns].join('x');
  const key = `product:${product.name}|${product.fastA}${product.fastB}|${product.type}|${shape}${parts > 1 ? '|parts' : ''}`;
  const own: WgslParam[] = ['M', 'N', 'K', 'tiles_m', 'tiles_n', 'parts', 'per'].map((name) => ({ name, type: 'u32' }));
  const kernel = wgslKernel(key, () => ({
    operands: product.operands,
    params: [...own, ...product.params],
    workgroup: [threads, 1, 1],
    body: bodyText(product, t, parts > 1),
  }));
  const groups = m * n === 0 ? 0 : tilesM * tilesN * batches * parts;
  return { kernel, args: [m, n, k, tilesM, tilesN, parts, per, ...product.args], groups };
}

const range = (n: number): number[] => [...Array(n).keys()];

function bodyText(product: TileProduct, t: TileSizes, split: boolean): string {
  const { type } = product;
  const threads = (t.rows / t.threadRows) * (t.columns / t.threadColumns);
  const across = t.columns / t.threadColumns;
  const [strideA, strideB] = [t.rows + 1, t.columns + 1]; // one more, so that columns are spread over the banks
  const results = range(t.threadRows).flatMap((i) => range(t.threadColumns).map((j) => ({ i, j })));
  const output = product.operands.at(-1)!.name;
  const write = split
    ? `${output}_put(((part * (p.groups_ / (p.tiles_m * p.tiles_n * p.parts)) + batch) * p.M + m) * p.N + n, v);`
    : product.write;
  return `
var<workgroup> tile_a: array<${type}, ${t.depth * strideA}>;
var<workgroup> tile_b: array<${type}, ${t.depth * strideB}>;
const zero_ = ${type}(0);
var<private> batch: u32; var<private> part: u32;
${product.state ?? ''}
fn fix_a(i: u32) { ${product.fixA ?? ''} }
fn fix_b(i: u32) { ${product.fixB ?? ''} }
fn read_a(m: u32, k: u32) -> ${type} { ${product.readA} }
fn read_b(k: u32, n: u32) -> ${type} { ${product.readB} }
fn write_c(m: u32, n: u32, v: ${type}) { ${write} }
fn run(i: u32, local: vec3u, thread: u32) {
  let n0 = (i % p.tiles_n) * ${t.columns}u; let m0 = ((i / p.tiles_n) % p.tiles_m) * ${t.rows}u;
  let z = i / (p.tiles_n * p.tiles_m); let here = z % p.parts; part = here; batch = z / p.parts;
  let k_end = min(p.K, (here + 1u) * p.per);
  let row = (thread / ${across}u) * ${t.threadRows}u; let column = (thread % ${across}u) * ${t.threadColumns}u;
  ${results.map(({ i, j }) => `var c${i}_${j} = ${type}(0);`).join(' ')}
  ${product.fastA === 'm' ? `fix_a(min(m0 + thread % ${t.rows}u, p.M - 1u));` : ''}
  ${product.fastB === 'n' ? `fix_b(min(n0 + thread % ${t.columns}u, p.N - 1u));` : ''}
  for (var k0 = here * p.per; k0 < k_end; k0 += ${t.depth}u) {
    ${loadText('a', product.fastA, t.rows, t.depth, threads, strideA)}
    ${loadText('b', product.fastB, t.columns, t.depth, threads, strideB)}
    workgroupBarrier();
    for (var k = 0u; k < ${t.depth}u; k++) {
      ${range(t.threadRows).map((i) => `let a${i} = tile_a[k * ${strideA}u + row + ${i}u];`).join(' ')}
      ${range(t.threadColumns).map((j) => `let b${j} = tile_b[k * ${strideB}u + column + ${j}u];`).join(' ')}
      ${results.map(({ i, j }) => (type === 'f32' ? `c${i}_${j} = fma(a${i}, b${j}, c${i}_${j});` : `c${i}_${j} += a${i} * b${j};`)).join(' ')}
    }
    workgroupBarrier();
  }
  ${results.map(({ i, j }) => `if (m0 + row + ${i}u < p.M && n0 + column + ${j}u < p.N) { write_c(m0 + row + ${i}u, n0 + column + ${j}u, c${i}_${j}); }`).join('\n  ')}
}`; // prettier-ignore
}

/** Reads a slice of A (`side` a: rows m) or B (columns n) into workgroup memory, `depth` deep; what lies outside is 0. */
function loadText(side: 'a' | 'b', fast: string, size: number, depth: number, threads: number, stride: number): string {
  const [index, limit] = side === 'a' ? ['m', 'p.M'] : ['n', 'p.N'];
  const call = side === 'a' ? 'read_a(x, k)' : 'read_b(k, x)';
  const alongK = fast === 'k';
  const width = alongK ? depth : size;
  const rows = (size * depth) / threads; // elements of a thread
  const step = threads / width;
  const first = `thread % ${width}u`;
  const second = `thread / ${width}u`;
  const [k, x] = alongK ? [`k0 + ${first}`, `${index}0 + at`] : ['k0 + at', `${index}0 + ${first}`];
  return `{ ${alongK ? `let k = ${k}; fix_${side}(min(k, p.K - 1u));` : `let x = ${x};`}
      for (var e = 0u; e < ${rows}u; e++) { let at = ${second} + e * ${step}u; ${alongK ? `let x = ${x};` : `let k = ${k};`}
        var v = zero_; if (x < ${limit} && k < k_end) { v = ${call}; }
        tile_${side}[(k - k0) * ${stride}u + x - ${index}0] = v; } }`;
}
