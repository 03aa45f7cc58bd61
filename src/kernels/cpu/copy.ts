/**
 * Transposing copies: where what lies side by side in the source lies apart in the target, a plain loop touches a whole
 * cache line for every element. This kernel goes by tiles of a cache line's width, in which small blocks are turned in
 * registers. Other copies are elementwise kernels.
 */
import { i32, load, type Expr, type Fn, type Local, type Target } from './ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from './kernel.ts';

const PARAMS = {
  from: 'ptr', to: 'ptr',
  /** The target's inner dimension, and its step in the source, in bytes. */
  columns: 'i32', fromStep: 'i32',
  /** The source's inner dimension, and its step in the target. */
  rows: 'i32', toStep: 'i32',
  /** Two outer dimensions: the size of the second, and the steps of both. */
  outer: 'i32', fromOuter0: 'i32', fromOuter1: 'i32', toOuter0: 'i32', toOuter1: 'i32',
} as const; // prettier-ignore
export type TransposeParams = typeof PARAMS;

/** Rows of the target in one unit of work: more would be more streams of writes than caches follow. */
export const TRANSPOSE_TILE = 8;

/** Units are (outer index, {@link TRANSPOSE_TILE} rows of the target). */
export function transposeKernel(target: Target, bytes: 4 | 8): Kernel<TransposeParams> {
  return cachedKernel(target, `transpose/${bytes}`, PARAMS, (scope) => transpose(scope, bytes));
}

function transpose({ f, p, lo, hi }: KernelScope<TransposeParams>, bytes: 4 | 8): void {
  const lanes = 16 / bytes;
  const tiles = f.let('tiles', p.rows.add(TRANSPOSE_TILE - 1).div(TRANSPOSE_TILE));
  const blockBytes = f.let('blockBytes', p.fromStep.mul(lanes));
  f.for('unit', lo, hi, (unit) => {
    const place = f.let('place', unit.div(tiles));
    const [outer0, outer1] = [f.let('outer0', place.div(p.outer)), f.let('outer1', place.rem(p.outer))];
    const row = f.let('row', unit.rem(tiles).mul(TRANSPOSE_TILE));
    const rows = f.let('rowsHere', p.rows.sub(row));
    f.set(rows, rows.lt(TRANSPOSE_TILE).select(rows, TRANSPOSE_TILE));
    const from = f.let('fromAt', p.from.add(outer0.mul(p.fromOuter0)).add(outer1.mul(p.fromOuter1)).add(row.mul(bytes)));
    const to = f.let('toAt', p.to.add(outer0.mul(p.toOuter0)).add(outer1.mul(p.toOuter1)).add(row.mul(p.toStep)));
    const left = f.let('left', p.columns);
    f.while(left.ge(lanes), () => {
      strip(f, bytes, { from, to, fromStep: p.fromStep, toStep: p.toStep, rows });
      f.inc(from, blockBytes);
      f.inc(to, 16);
      f.set(left, left.sub(lanes));
    });
    f.while(left.gt(0), () => {
      column(f, bytes, f.let('source', from), f.let('target', to), rows, p.toStep);
      f.inc(from, p.fromStep);
      f.inc(to, bytes);
      f.set(left, left.sub(1));
    });
  });
}

interface Strip {
  readonly from: Expr;
  readonly to: Expr;
  readonly fromStep: Expr;
  readonly toStep: Expr;
  readonly rows: Expr;
}

/** A vector's width of columns, over the rows of a tile. */
function strip(f: Fn, bytes: 4 | 8, { from, to, fromStep, toStep, rows }: Strip): void {
  const lanes = 16 / bytes;
  const source = f.let('source', from);
  const target = f.let('target', to);
  const left = f.let('rowsLeft', rows);
  f.while(left.ge(lanes), () => {
    const loaded = Array.from({ length: lanes }, (_, i) =>
      f.let(`x${i}`, load(bytes === 4 ? 'f32v' : 'f64v', source.add(fromStep.mul(i)))),
    );
    const turned = bytes === 4 ? turn4(f, loaded) : turn2(loaded);
    turned.forEach((vector, i) => f.store(bytes === 4 ? 'f32v' : 'f64v', target.add(toStep.mul(i)), vector));
    f.inc(source, 16);
    f.inc(target, toStep.mul(lanes));
    f.set(left, left.sub(lanes));
  });
  f.while(left.gt(0), () => {
    for (let i = 0; i < lanes; i++) {
      const element = load(bytes === 4 ? 'i32' : 'i64', source.add(fromStep.mul(i)));
      f.store(bytes === 4 ? 'i32' : 'i64', target, element, i * bytes);
    }
    f.inc(source, bytes);
    f.inc(target, toStep);
    f.set(left, left.sub(1));
  });
}

/** One column of the target. */
function column(f: Fn, bytes: 4 | 8, source: Local, target: Local, rows: Expr, toStep: Expr): void {
  f.for('r', i32(0), rows, () => {
    f.store(bytes === 4 ? 'i32' : 'i64', target, load(bytes === 4 ? 'i32' : 'i64', source));
    f.inc(source, bytes);
    f.inc(target, toStep);
  });
}

/** Transposes a 4×4 block of 32-bit elements. */
function turn4(f: Fn, rows: readonly Local[]): Expr[] {
  const [a, b, c, d] = rows as [Local, Local, Local, Local];
  const low = [0, 4, 1, 5];
  const high = [2, 6, 3, 7];
  const ab = [f.let('ab0', a.shuffle(b, low)), f.let('ab1', a.shuffle(b, high))] as const;
  const cd = [f.let('cd0', c.shuffle(d, low)), f.let('cd1', c.shuffle(d, high))] as const;
  return [0, 1].flatMap((i) => [ab[i]!.shuffle(cd[i]!, [0, 1, 4, 5]), ab[i]!.shuffle(cd[i]!, [2, 3, 6, 7])]);
}

/** Transposes a 2×2 block of 64-bit elements. */
function turn2(rows: readonly Local[]): Expr[] {
  const [a, b] = rows as [Local, Local];
  return [a.shuffle(b, [0, 2]), a.shuffle(b, [1, 3])];
}
