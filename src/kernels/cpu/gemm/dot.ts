/**
 * Matrix product for thin operands that both lie along the summed dimension: C[m,n] = init[n] + Σ_k A[m,k]·B[n,k], which
 * is what a linear layer computes. Vectors run along k, so nothing is packed; each element of C is one lane sum at the
 * end. Large products are cheaper packed: `gemm.ts`.
 */
import { elementKit, forStep, intFn, laneMask, laneSums, minI32, Tile, type Element, type ElementKit } from './tile.ts';
import { i32, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from '../kernel.ts';

/** The register tile: rows of B (neighbours in C) × rows of A. */
const TILE_N = 4;
const TILE_M = 2;
/** A unit of work: 16 rows × 64 columns of C. */
const BLOCK_M = 16;
const BLOCK_N = 64;

export const GEMM_DOT_PARAMS = {
  a: 'ptr',
  b: 'ptr',
  c: 'ptr',
  /** A row of N elements, or a zero when `initStep` is 0. */
  init: 'ptr',
  initStep: 'i32',
  /** Lane masks of the last, partial vector along k (all ones where the element is new), for k not a multiple of a vector. */
  mask: 'ptr',
  /** Pairs of byte offsets of A and B, one for each matrix of the batch. */
  batch: 'ptr',
  m: 'i32',
  n: 'i32',
  /** At least one vector. */
  k: 'i32',
  /** Bytes from row to row of A, B and C, and from matrix to matrix of C. */
  am: 'i32',
  bn: 'i32',
  cm: 'i32',
  cBatch: 'i32',
  blocksDown: 'i32',
  blocksAcross: 'i32',
} as const;

export const gemmDotBlocks = (m: number, n: number): { down: number; across: number } => ({
  down: Math.ceil(m / BLOCK_M),
  across: Math.ceil(n / BLOCK_N),
});

/** Nanoseconds of one unit. */
export const gemmDotCost = (kit: ElementKit, m: number, n: number, k: number): number =>
  100 + (Math.min(m, BLOCK_M) * Math.min(n, BLOCK_N) * k * kit.bytes) / 60;

/** The mask table for sums over `k` elements: the last k mod lanes. */
export const tailMask = (kit: ElementKit, k: number): Int32Array => laneMask(kit, k % kit.lanes).reverse();

/** Bytes of scratch of a thread: one row of a tile. */
export const gemmDotScratch = (kit: ElementKit): number => Math.max(TILE_N, kit.lanes) * kit.bytes;

export function gemmDotKernel(target: Target, element: Element): Kernel<typeof GEMM_DOT_PARAMS> {
  return cachedKernel(target, `gemm-dot/${element}`, GEMM_DOT_PARAMS, (scope) => buildDot(scope, elementKit(target, element)));
}

function buildDot(scope: KernelScope<typeof GEMM_DOT_PARAMS>, kit: ElementKit): void {
  const { f, p, lo, hi, scratch } = scope;
  const tile = buildTile(scope, kit);
  const perMatrix = f.let('perMatrix', p.blocksDown.mul(p.blocksAcross));
  f.for('unit', lo, hi, (unit) => {
    const matrix = f.let('matrix', unit.div(perMatrix));
    const block = f.let('block', unit.rem(perMatrix));
    const i0 = f.let('i0', block.rem(p.blocksDown).mul(BLOCK_M));
    const j0 = f.let('j0', block.div(p.blocksDown).mul(BLOCK_N));
    const iEnd = minI32(f, 'iEnd', i0.add(BLOCK_M), p.m);
    const jEnd = minI32(f, 'jEnd', j0.add(BLOCK_N), p.n);
    const offsets = f.let('offsets', p.batch.add(matrix.mul(8)));
    const a = f.let('aMatrix', p.a.add(load('i32', offsets)));
    const b = f.let('bMatrix', p.b.add(load('i32', offsets, 4)));
    const c = f.let('cMatrix', p.c.add(matrix.mul(p.cBatch)));
    forStep(f, 'j', [j0, jEnd, TILE_N], (j) => {
      const init = f.let('init', p.init.add(j.mul(p.initStep).mul(kit.bytes)));
      forStep(f, 'i', [i0, iEnd, TILE_M], (i) => {
        const last = minI32(f, 'last', i.add(1), p.m.sub(1)); // an odd last row is computed twice
        const rows = [a.add(i.mul(p.am)), a.add(last.mul(p.am)), b.add(j.mul(p.bn)), p.bn, jEnd.sub(j)];
        const to = [c.add(i.mul(p.cm)).add(j.mul(kit.bytes)), last.sub(i).mul(p.cm)];
        f.call(tile, ...rows, p.k, p.mask, init, p.initStep, ...to, scratch);
      });
    });
  });
}

/** Two rows of A against four of B; `wide` of those four are valid. */
function buildTile(scope: KernelScope<typeof GEMM_DOT_PARAMS>, kit: ElementKit): Fn {
  const store = buildStoreRow(scope, kit);
  const names = ['a0', 'a1', 'b', 'bn', 'wide', 'k', 'mask', 'init', 'initStep', 'c', 'cm', 'sums'] as const;
  return intFn(scope, 'tile', names, (f, { a0, a1, b, bn, wide, k, mask, init, initStep, c, cm, sums }) => {
    const tile = new Tile(f, kit, TILE_N, TILE_M);
    const rows = [b];
    for (let q = 1; q < TILE_N; q++) {
      const previous = rows[q - 1]!;
      rows.push(f.let(`b${q}Row`, wide.gt(q).select(previous.add(bn), previous)));
    }
    const end = f.let('end', k.div(kit.lanes).mul(kit.vectorBytes));
    forStep(f, 't', [0, end, kit.vectorBytes], (t) => {
      const at = (row: Local): Expr => load(kit.vector, row.add(t));
      tile.dotStep(rows.map(at), [a0, a1].map(at));
    });
    f.if(k.rem(kit.lanes), () => {
      const keep = f.let('keep', load(kit.vector, mask));
      const last = f.let('lastVector', k.sub(kit.lanes).mul(kit.bytes)); // the last whole vector, its old lanes masked
      const at = (row: Local): Expr => load(kit.vector, row.add(last)).and(keep);
      tile.dotStep(rows.map(at), [a0, a1].map(at));
    });
    for (let i = 0; i < TILE_M; i++) {
      for (let q = 0; q < TILE_N; q += kit.lanes) {
        const rows = Array.from({ length: kit.lanes }, (_, lane) => tile.acc[Math.min(q + lane, TILE_N - 1)]![i]!);
        const total = laneSums(f, rows);
        f.store(kit.vector, sums, total, q * kit.bytes);
      }
      f.call(store, sums, wide, init, initStep, c.add(cm.mul(i)));
    }
  });
}

/** c[j] = init[j] + sums[j] for the valid ones of a tile's row. */
function buildStoreRow(scope: KernelScope<typeof GEMM_DOT_PARAMS>, kit: ElementKit): Fn {
  return intFn(scope, 'storeRow', ['sums', 'wide', 'init', 'initStep', 'c'], (f, { sums, wide, init, initStep, c }) => {
    const width = minI32(f, 'width', wide, i32(TILE_N));
    f.for('j', 0, width, (j) => {
      const at = f.let('at', j.mul(kit.bytes));
      f.store(kit.element, c.add(at), load(kit.element, sums.add(at)).add(load(kit.element, init.add(at.mul(initStep)))));
    });
  });
}
