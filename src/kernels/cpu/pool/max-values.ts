/** Windowed maxima alone, for programs that do not ask where they were found: rows of a window are joined before its columns. */
import { elements, type Floats } from '../floats.ts';
import { constant, load, type Expr, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';
import { eachBlock, eachTap, loadTap, patternKey, storeBlock, WINDOW_PARAMS, type TapPattern } from './window.ts';

/** The greater of two, NaN where either is one. Of two zeros either may come. */
const greater = (t: Floats, a: Expr, b: Expr): Expr => a.binary('pmax', b).bits(t.mask).or(b.binary('pmax', a).bits(t.mask)).bits(t.vector);

export const maxValuesKernel = (target: Target, t: Floats, taps: TapPattern): Kernel<typeof WINDOW_PARAMS> =>
  cachedKernel(target, `pool/max-${t.scalar}-${patternKey(taps)}`, WINDOW_PARAMS, (scope) => {
    const { f, p } = scope;
    const strideBytes = f.let('strideBytes', elements(t, p.strideWidth));
    const join = (best: Local, value: Expr): void => {
      const taken = f.let('value', value);
      f.set(best, greater(t, best, taken));
    };
    eachBlock(scope, t, -Infinity, (block) => {
      const best = f.let('best', constant(t.vector, -Infinity));
      if (taps.stride === 2 && taps.columns > 0) {
        // Neighbours in a row: those of even columns, and of odd ones between them; the third of a window is the next one's first.
        const starts = taps.columns === 3 ? [0, 2 * t.bytes] : [0];
        const pairs = starts.map((start) =>
          [0, t.width].map((at) => ({ at: start + at, max: f.let('max', constant(t.vector, -Infinity)) })),
        );
        const { rowCount, taps: at } = block;
        const row = f.let('row', at);
        f.for('ky', 0, rowCount, () => {
          for (const { at, max } of pairs.flat()) join(max, load(t.vector, row, at));
          f.inc(row, p.rowStep);
        });
        const every = (first: number): number[] => Array.from({ length: t.lanes }, (_, i) => 2 * i + first);
        pairs.forEach(([low, high], i) => {
          for (const odd of i === 0 ? [0, 1] : [0]) join(best, low!.max.shuffle(high!.max, every(odd)));
        });
      } else {
        eachTap(scope, t, taps, block, (ptr, offset) => join(best, loadTap(t, taps, ptr, offset, strideBytes)));
      }
      storeBlock(scope, t, block, best);
    });
  });
