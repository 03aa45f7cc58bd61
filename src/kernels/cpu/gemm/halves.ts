/**
 * Matrix product C[M,N] = init + A[M,K]·B[K,N] of float32 matrices in half precision, for processors that multiply and add vectors of halves, twice as
 * many elements as of singles. Chains of 32 products are summed in halves; then they are widened and added to singles.
 *
 * B is packed before, depth block by depth block, in panels of {@link HALF_COLUMNS}; the unit of work is a strip of rows of C, as in `gemm.ts`.
 */
import { buildHalfPanel, HEAD, unscaled } from './half-panels.ts';
import { buildPackPanels } from './pack.ts';
import { elementKit, forStep, intFn, minI32, type ElementKit } from './tile.ts';
import { constant, i32, load, loadSplat, type Expr, type Fn, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope, type ParamSpec } from '../kernel.ts';

/** A register tile: 24 vectors of sums of 32 registers. */
export const HALF_ROWS = 12;
const VECTORS = 2;
/** Products summed in halves. */
const CHAIN = 32;
/** Of packed panels: one of B takes 24 KB of the first-level cache. */
export const HALF_DEPTH = 6 * CHAIN;
const ROW_BYTES = HALF_ROWS * 4;
/** The longest vector. */
const LINE = 64;
/** Rows of A packed at a time: they take 110 KB of the second-level cache. */
const BLOCK_ROWS = 12 * HALF_ROWS;

/**
 * Bytes from one panel of A to the next: a head, and lines of {@link HALF_ROWS} halves, each twice. They are written in whole vectors, of which the last
 * may be longer; it must not reach the next panel's head, which another thread may have written before.
 */
export const halfRowsBytes = (depth: number): number => HEAD + Math.ceil((depth * ROW_BYTES) / LINE) * LINE;
export const halfRowsStep = (depth: Expr): Expr =>
  depth
    .mul(ROW_BYTES)
    .add(HEAD + LINE - 1)
    .and(-LINE);

/** Columns of a panel of B. */
export const halfColumns = (target: Target): number => (VECTORS * target.vectorBytes) / 2;

export const GEMM_HALVES_PACK_PARAMS = {
  b: 'ptr',
  packed: 'ptr',
  n: 'i32',
  k: 'i32',
  bk: 'i32',
  bn: 'i32',
  panels: 'i32',
} as const;

/** Bytes of all of B packed, panels of a depth block, and the units of packing it. */
export function halfPacking(target: Target, n: number, k: number): { bytes: number; panels: number; units: number } {
  const width = halfColumns(target);
  const panels = Math.ceil(n / width);
  const blocks = Math.ceil(k / HALF_DEPTH);
  return { bytes: panels * (blocks * HEAD + width * k * 2), panels, units: panels * blocks };
}

/** Bytes of scratch of a thread that packs: a panel of singles, and a vector. */
export const halfPackScratch = (target: Target): number => halfColumns(target) * HALF_DEPTH * 4 + target.vectorBytes;

/** Packs all of B. The unit of work is a panel. */
export function gemmHalvesPackKernel(target: Target): Kernel<typeof GEMM_HALVES_PACK_PARAMS> {
  return cachedKernel(target, 'gemm-halves-pack', GEMM_HALVES_PACK_PARAMS, (scope) => {
    const { f, p, lo, hi, scratch } = scope;
    const kit = elementKit(target, 'f32');
    const width = halfColumns(target);
    const pack = buildPackPanels(scope, kit, width);
    const panel = buildHalfPanel(scope, kit, 'single', width / kit.lanes);
    f.for('unit', lo, hi, (unit) => {
      const j0 = f.let('j0', unit.rem(p.panels).mul(width));
      const k0 = f.let('k0', unit.div(p.panels).mul(HALF_DEPTH));
      const depth = minI32(f, 'depth', i32(HALF_DEPTH), p.k.sub(k0));
      const columns = minI32(f, 'columns', i32(width), p.n.sub(j0));
      const from = f.let('from', p.b.add(k0.mul(p.bk)).add(j0.mul(p.bn)));
      const to = f.let('to', p.packed.add(blockAt(p.panels, k0, width)).add(panelAt(j0, depth, width)));
      const whole = f.let('whole', p.bn.eq(kit.bytes).and(columns.eq(width)));
      f.if(
        whole,
        () => f.call(panel, from, p.bk, depth, to),
        () => {
          f.call(pack, from, p.bn, p.bk, columns, depth, scratch);
          f.call(panel, scratch, i32(width * kit.bytes), depth, to);
        },
      );
    });
  });
}

/** Where a depth block begins in the packed B, in bytes, and in it the panel of column j. */
const blockAt = (panels: Expr, k0: Expr, width: number): Expr => panels.mul(k0.mul(width * 2).add(k0.div(HALF_DEPTH).mul(HEAD)));
const panelAt = (j: Expr, depth: Expr, width: number): Expr => j.div(width).mul(depth.mul(width * 2).add(HEAD));

export const GEMM_HALVES_PARAMS = {
  a: 'ptr',
  b: 'ptr',
  c: 'ptr',
  /** What C starts from: a row of N elements, or a few zero vectors when `initStep` is 0. */
  init: 'ptr',
  initStep: 'i32',
  m: 'i32',
  n: 'i32',
  k: 'i32',
  /** Steps in bytes along rows and columns of A, and from row to row of C. */
  am: 'i32',
  ak: 'i32',
  cm: 'i32',
  /** Rows of a unit of work. */
  blockRows: 'i32',
  panels: 'i32',
} as const;

/** Rows of a unit. */
export const halfBlockRows = (m: number): number => Math.ceil(Math.min(BLOCK_ROWS, Math.max(32, m / 8)) / HALF_ROWS) * HALF_ROWS;

/** The scratch: a panel of singles of A, its halves, a tile's sums, and where chains are widened. */
export const singlesBytes = HALF_ROWS * HALF_DEPTH * 4 + 64;
const halvesBytes = (BLOCK_ROWS / HALF_ROWS) * halfRowsBytes(HALF_DEPTH);
const tileBytes = (kit: ElementKit): number => HALF_ROWS * VECTORS * 2 * kit.vectorBytes;
export const halfScratch = (target: Target): number => {
  const kit = elementKit(target, 'f32');
  return singlesBytes + halvesBytes + halfTileBytes(kit);
};
/** A tile's sums, and a chain's. */
export const halfTileBytes = (kit: ElementKit): number => tileBytes(kit) + tileBytes(kit) / 2;

/** Nanoseconds of a unit of so many rows. */
export const halfCost = (rows: number, n: number, k: number): number => 500 + (rows * n * k) / 90;

export function gemmHalvesKernel(target: Target): Kernel<typeof GEMM_HALVES_PARAMS> {
  return cachedKernel(target, 'gemm-halves', GEMM_HALVES_PARAMS, (scope) => {
    const { f, p, lo, hi, scratch } = scope;
    const kit = elementKit(target, 'f32');
    const width = halfColumns(target);
    const packRows = buildPackRows(scope, kit);
    const column = buildColumn(scope, kit);
    const halves = f.let('halves', scratch.add(singlesBytes));
    f.for('unit', lo, hi, (unit) => {
      const i0 = f.let('i0', unit.mul(p.blockRows));
      const rows = minI32(f, 'rows', p.blockRows, p.m.sub(i0));
      const c = f.let('cBlock', p.c.add(i0.mul(p.cm)));
      forStep(f, 'k0', [0, p.k, HALF_DEPTH], (k0) => {
        const depth = minI32(f, 'depth', i32(HALF_DEPTH), p.k.sub(k0));
        f.call(packRows, p.a.add(i0.mul(p.am)).add(k0.mul(p.ak)), p.am, p.ak, rows, depth, scratch, halves);
        const block = f.let('block', p.b.add(blockAt(p.panels, k0, width)));
        const first = f.let('first', k0.eq(0));
        const initStep = f.let('initStep', first.select(p.initStep, i32(1)).mul(kit.bytes));
        const initRow = f.let('initRow', first.select(i32(0), p.cm));
        const init = f.let('init', first.select(p.init, c)); // later depth blocks go on from C itself
        forStep(f, 'j', [0, p.n, width], (j) => {
          const columns = minI32(f, 'columns', i32(width), p.n.sub(j));
          f.call(column, halves, rows, depth, block.add(panelAt(j, depth, width)), init.add(j.mul(initStep)), initRow, c.add(j.mul(kit.bytes)), p.cm, columns, halves.add(halvesBytes)); // prettier-ignore
        });
      });
    });
  });
}

/** Packs rows of A, panel by panel: as singles, of which there is room for {@link singlesBytes}, then as halves. */
export function buildPackRows(scope: KernelScope<ParamSpec>, kit: ElementKit): Fn {
  const pack = buildPackPanels(scope, kit, HALF_ROWS);
  const panel = buildHalfPanel(scope, kit, 'twice', 1);
  const names = ['a', 'am', 'ak', 'rows', 'depth', 'singles', 'to'] as const;
  return intFn(scope, 'packRows', names, (f, { a, am, ak, rows, depth, singles, to }) => {
    const elements = f.let('elements', depth.mul(HALF_ROWS));
    forStep(f, 'i', [0, rows, HALF_ROWS], (i) => {
      f.call(pack, a.add(i.mul(am)), am, ak, minI32(f, 'count', i32(HALF_ROWS), rows.sub(i)), depth, singles);
      f.store(kit.vector, singles.add(elements.mul(kit.bytes)), constant(kit.vector, 0)); // the last vector may be longer
      f.call(panel, singles, i32(kit.vectorBytes), elements.add(kit.lanes - 1).div(kit.lanes), to);
      f.inc(to, halfRowsStep(depth));
    });
  });
}

/** One panel of columns: every tile of rows of the packed A against it. `sums` has {@link halfTileBytes}. */
export function buildColumn(scope: KernelScope<ParamSpec>, kit: ElementKit): Fn {
  const micro = buildMicro(scope, kit);
  const finish = buildFinish(scope, kit);
  const names = ['a', 'rows', 'depth', 'b', 'init', 'initRow', 'c', 'cm', 'columns', 'sums'] as const;
  return intFn(scope, 'column', names, (f, { a, rows, depth, b, init, initRow, c, cm, columns, sums }) => {
    forStep(f, 'i', [0, rows, HALF_ROWS], (i) => {
      const tall = minI32(f, 'tall', i32(HALF_ROWS), rows.sub(i));
      const panel = f.let('panel', a.add(i.div(HALF_ROWS).mul(halfRowsStep(depth))));
      f.call(micro, depth, panel.add(HEAD), b.add(HEAD), sums);
      f.call(finish, sums, panel, b, init.add(i.mul(initRow)), initRow, c.add(i.mul(cm)), cm, tall, columns);
    });
  });
}

/** sums = Σ_k a[k]·b[k] of a whole tile, in chains. What is made of a chain goes through memory: that is cheaper than taking registers apart. */
function buildMicro(scope: KernelScope<ParamSpec>, kit: ElementKit): Fn {
  return intFn(scope, 'micro', ['depth', 'a', 'b', 'sums'], (f, { depth, a, b, sums }) => {
    const chain = f.let('chain', sums.add(tileBytes(kit)));
    const zero = f.let('zero', constant(kit.vector, 0));
    forStep(f, 'at', [0, tileBytes(kit), kit.vectorBytes], (at) => f.store(kit.vector, sums.add(at), zero));
    const acc = Array.from({ length: HALF_ROWS }, (_, i) => Array.from({ length: VECTORS }, (_, j) => f.local(`acc${i}_${j}`, 'i32v')));
    forStep(f, 'k0', [0, depth, CHAIN], (k0) => {
      for (const sum of acc.flat()) f.set(sum, constant('i32v', 0));
      f.for('k', 0, minI32(f, 'length', i32(CHAIN), depth.sub(k0)), () => {
        const columns = acc[0]!.map((_, j) => f.let(`b${j}`, load('i32v', b, j * kit.vectorBytes)));
        acc.forEach((row, i) => {
          const scalar = f.let(`a${i}`, loadSplat('i32v', a, i * 4));
          row.forEach((sum, j) => f.set(sum, scalar.fmaHalves(columns[j]!, sum)));
        });
        f.inc(a, HALF_ROWS * 4);
        f.inc(b, VECTORS * kit.vectorBytes);
      });
      acc.flat().forEach((sum, v) => f.store('i32v', chain, sum, v * kit.vectorBytes));
      const [from, to] = [f.let('from', chain), f.let('to', sums)];
      f.for('row', 0, HALF_ROWS, () => {
        for (let v = 0; v < 2 * VECTORS; v++) {
          const more = load('f16h', from, (v * kit.vectorBytes) / 2);
          f.store(kit.vector, to, load(kit.vector, to, v * kit.vectorBytes).add(more), v * kit.vectorBytes);
        }
        f.inc(from, VECTORS * kit.vectorBytes);
        f.inc(to, 2 * VECTORS * kit.vectorBytes);
      });
    });
  });
}

/** C = init + the sums of a tile, back at their size; of its rows and columns those that exist. */
function buildFinish(scope: KernelScope<ParamSpec>, kit: ElementKit): Fn {
  const names = ['sums', 'a', 'b', 'init', 'initRow', 'c', 'cm', 'rows', 'columns'] as const;
  return intFn(scope, 'finish', names, (f, { sums, a, b, init, initRow, c, cm, rows, columns }) => {
    const [unscale, more] = unscaled(f, a, b);
    const whole = f.let('wholeBytes', columns.sub(columns.rem(kit.lanes)).mul(kit.bytes));
    const end = f.let('end', columns.mul(kit.bytes));
    f.for('i', 0, rows, () => {
      forStep(f, 'v', [0, whole, kit.vectorBytes], (at) => {
        const sum = load(kit.vector, sums.add(at)).mul(unscale).mul(more);
        f.store(kit.vector, c.add(at), load(kit.vector, init.add(at)).add(sum));
      });
      forStep(f, 'j', [whole, end, kit.bytes], (at) => {
        const sum = load(kit.element, sums.add(at)).mul(unscale.lane(0)).mul(more.lane(0));
        f.store(kit.element, c.add(at), load(kit.element, init.add(at)).add(sum));
      });
      f.inc(sums, VECTORS * 2 * kit.vectorBytes);
      f.inc(init, initRow);
      f.inc(c, cm);
    });
  });
}
