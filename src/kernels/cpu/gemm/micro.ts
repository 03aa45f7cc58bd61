/** The register tile of products of packed panels, whole and with fewer rows. */
import { intFn, Tile, tileRows, type ElementKit } from './tile.ts';
import { load, type Expr, type Fn, type Local } from '../ir.ts';
import type { KernelScope, ParamSpec } from '../kernel.ts';

/**
 * `a` is a panel of as many rows as the whole tile, depth-major; `b` is `depth` rows of vectors, `bs` bytes from one to the next. What C starts from
 * is at `init`, row by row of `initRow` bytes.
 */
export const MICRO_ARGS = ['depth', 'a', 'b', 'bs', 'init', 'initRow', 'c', 'cm'] as const;

/** Of tiles that ask for memory ahead: also where the next panel of B lies, of which they ask for a line a step. */
export const AHEAD_ARGS = [...MICRO_ARGS, 'soon'] as const;

/** Tiles of these numbers of rows, `vectors` wide; those of fewer rows are powers of two, so that every number of rows is a sum of some. */
export function buildMicros(
  scope: KernelScope<ParamSpec>,
  kit: ElementKit,
  vectors: number,
  heights: readonly number[] = [tileRows(kit), 8, 4, 2, 1].filter((rows) => rows <= tileRows(kit)),
  isAhead = false,
): ReadonlyMap<number, Fn> {
  return new Map(heights.map((rows) => [rows, buildMicro(scope, kit, rows, vectors, isAhead)]));
}

/** C = init + Σ_k a[k]·b[k]. C is read when the sum is done: nothing waits for it. */
function buildMicro(scope: KernelScope<ParamSpec>, kit: ElementKit, rows: number, vectors: number, isAhead: boolean): Fn {
  const names = (isAhead ? AHEAD_ARGS : MICRO_ARGS) as typeof AHEAD_ARGS;
  return intFn(scope, `micro${rows}x${vectors}`, names, (f, { depth, a, b, bs, init, initRow, c, cm, soon }) => {
    const offsets = Array.from({ length: vectors }, (_, j) => j * kit.vectorBytes);
    const tile = new Tile(f, kit, rows, vectors);
    const asks = isAhead && kit.vectorBytes > 16; // in WebAssembly it would do nothing
    if (asks) {
      const place = f.let('place', c);
      for (let i = 0; i < rows; i++) {
        for (const offset of offsets) f.prefetch(place.add(offset), true);
        if (i + 1 < rows) f.inc(place, cm);
      }
    }
    f.for('k', 0, depth, () => {
      tile.outerStep(
        a,
        offsets.map((offset) => load(kit.vector, b, offset)),
      );
      if (asks) f.prefetch(soon);
      f.inc(a, tileRows(kit) * kit.bytes);
      f.inc(b, bs);
      if (asks) f.inc(soon, kit.vectorBytes);
    });
    tile.acc.forEach((row, i) => {
      row.forEach((acc, j) => f.store(kit.vector, c, acc.add(load(kit.vector, init, offsets[j])), offsets[j]));
      if (i + 1 < rows) f.inc(init, initRow);
      if (i + 1 < rows) f.inc(c, cm);
    });
  });
}

/** The first `tall` rows of a tile, or all where there are more. */
export function partialTile(
  f: Fn,
  kit: ElementKit,
  micros: ReadonlyMap<number, Fn>,
  tall: Local,
  given: Readonly<Record<(typeof AHEAD_ARGS)[number], Expr>>,
): void {
  const [tallest, ...rest] = [...micros.keys()];
  const { depth, a, b, bs, init, initRow, c, cm, soon } = given;
  f.if(
    tall.ge(tallest!),
    () => f.call(micros.get(tallest!)!, depth, a, b, bs, init, initRow, c, cm, soon),
    () => {
      const [part, from, to] = [f.let('part', a), f.let('partFrom', init), f.let('partTo', c)];
      for (const rows of rest) {
        f.if(tall.and(rows), () => {
          f.call(micros.get(rows)!, depth, part, b, bs, from, initRow, to, cm, soon);
          f.inc(part, rows * kit.bytes);
          f.inc(from, initRow.mul(rows));
          f.inc(to, cm.mul(rows));
        });
      }
    },
  );
}
