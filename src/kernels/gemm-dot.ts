/**
 * Matrix product for thin operands that both lie along the summed dimension: C[m,n] = init[n] + Σ_k A[m,k]·B[n,k], which
 * is what a linear layer computes. Vectors run along k, so nothing is packed; each element of C is one lane sum at the
 * end. Large products are cheaper packed: `gemm.ts`.
 */
import { elementKit, laneSums, minI32, Tile, type Element, type ElementKit } from './gemm-tile.ts';
import { load, type Fn, type Local, type Target } from './ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from './kernel.ts';

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

/** The mask table for sums over `k` elements. */
export function tailMask(kit: ElementKit, k: number): Int32Array {
  const words = kit.bytes / 4;
  return Int32Array.from({ length: kit.lanes * words }, (_, i) =>
    Math.floor(i / words) >= kit.lanes - (k % kit.lanes) ? -1 : 0,
  );
}

export function gemmDotKernel(target: Target, element: Element): Kernel<typeof GEMM_DOT_PARAMS> {
  return cachedKernel(target, `gemm-dot/${element}`, GEMM_DOT_PARAMS, (scope) =>
    buildDot(scope, elementKit(target, element)),
  );
}

function buildDot(scope: KernelScope<typeof GEMM_DOT_PARAMS>, kit: ElementKit): void {
  const { f, p, lo, hi } = scope;
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
    f.for(
      'j',
      j0,
      jEnd,
      (j) => {
        const init = f.let('init', p.init.add(j.mul(p.initStep).mul(kit.bytes)));
        f.for(
          'i',
          i0,
          iEnd,
          (i) => {
            const last = minI32(f, 'last', i.add(1), p.m.sub(1)); // an odd last row is computed twice
            f.call(tile, a.add(i.mul(p.am)), a.add(last.mul(p.am)), b.add(j.mul(p.bn)), p.bn, jEnd.sub(j), p.k, p.mask, init, p.initStep, c.add(i.mul(p.cm)).add(j.mul(kit.bytes)), last.sub(i).mul(p.cm)); // prettier-ignore
          },
          TILE_M,
        );
      },
      TILE_N,
    );
  });
}

/** Two rows of A against four of B; `wide` of those four are valid. */
function buildTile(scope: KernelScope<typeof GEMM_DOT_PARAMS>, kit: ElementKit): Fn {
  const names = ['a0', 'a1', 'b', 'bn', 'wide', 'k', 'mask', 'init', 'initStep', 'c', 'cm'];
  return scope.fn(
    'tile',
    names.map((name) => [name, 'i32'] as const),
    (f, args) => {
      // prettier-ignore
      const [a0, a1, b, bn, wide, k, mask, init, initStep, c, cm] = args as unknown as readonly Local[] & { length: 11 } & [
        Local, Local, Local, Local, Local, Local, Local, Local, Local, Local, Local]; // prettier-ignore
      const tile = new Tile(f, kit, TILE_N, TILE_M);
      const rows = [b];
      for (let q = 1; q < TILE_N; q++) {
        const previous = rows[q - 1]!;
        rows.push(f.let(`b${q}Row`, wide.gt(q).select(previous.add(bn), previous)));
      }
      const pointers = [...rows, a0, a1];
      const vectors = f.let('vectors', k.div(kit.lanes));
      f.for('t', 0, vectors, () => {
        tile.dotStep(rows.map((row) => load(kit.vector, row)), [a0, a1].map((row) => load(kit.vector, row))); // prettier-ignore
        for (const pointer of pointers) f.inc(pointer, kit.vectorBytes);
      });
      const rest = f.let('rest', k.rem(kit.lanes));
      f.if(rest.ne(0), () => {
        const keep = f.let('keep', load(kit.vector, mask));
        const back = f.let('back', rest.sub(kit.lanes).mul(kit.bytes)); // the last whole vector; its old lanes masked
        const tail = (row: Local) => load(kit.vector, row.add(back)).and(keep);
        tile.dotStep(rows.map(tail), [a0, a1].map(tail)); // prettier-ignore
      });
      for (let i = 0; i < TILE_M; i++) storeRow(f, kit, tile.acc.map((row) => row[i]!), wide, init, initStep, c.add(cm.mul(i))); // prettier-ignore
    },
  );
}

/** Sums the lanes of one row's accumulators and writes init + sum for the valid ones. */
function storeRow(
  f: Fn,
  kit: ElementKit,
  acc: readonly Local[],
  wide: Local,
  init: Local,
  initStep: Local,
  to: Local | ReturnType<Local['add']>,
): void {
  // prettier-ignore
  const at = f.let('at', to);
  for (let q = 0; q < TILE_N; q += kit.lanes) {
    const sums = laneSums(f, acc.slice(q, q + kit.lanes));
    f.if(
      wide.ge(q + kit.lanes).and(initStep),
      () => f.store(kit.vector, at, sums.add(load(kit.vector, init, q * kit.bytes)), q * kit.bytes),
      () => {
        for (let lane = 0; lane < kit.lanes; lane++) {
          f.if(wide.gt(q + lane), () => {
            const from = init.add(initStep.mul((q + lane) * kit.bytes));
            f.store(kit.element, at, sums.lane(lane).add(load(kit.element, from)), (q + lane) * kit.bytes);
          });
        }
      },
    );
  }
}
