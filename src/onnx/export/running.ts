/** Exporters of running products and extremes: in as many steps as the size has binary digits, each element joins the one 2ᵏ before it. */
import type { ScanParams } from '../../geometry/reduce.ts';
import type { Context, Exporter } from './context.ts';

/** Parts of values along the dimension of a scan. */
function along(c: Context<ScanParams>): {
  readonly size: number;
  readonly cut: (of: string, from: number, to: number) => string;
  readonly join: (first: string, rest: string) => string;
} {
  const { dim } = c.attrs;
  const axis = c.graph.ints([dim]);
  return {
    size: c.size(0, dim),
    cut: (of, from, to) => c.graph.one('Slice', [of, c.graph.ints([from]), c.graph.ints([to]), axis]),
    join: (first, rest) => c.graph.one('Concat', [first, rest], { axis: dim }),
  };
}

export function runningProducts(c: Context<ScanParams>): string {
  const { size, cut, join } = along(c);
  let products = c.name(0);
  for (let step = 1; step < size; step *= 2) {
    products = join(cut(products, 0, step), c.one('Mul', [cut(products, 0, size - step), cut(products, step, size)]));
  }
  return products;
}

/**
 * Running extremes and where they are. The later of two stays if it is as extreme, or NaN; after NaN nothing is.
 * @param better the comparison of a later element with an earlier one
 */
export const runningExtremes =
  (better: 'GreaterOrEqual' | 'LessOrEqual'): Exporter<ScanParams> =>
  (c) => {
    const { size, cut, join } = along(c);
    const dtype = c.dtype();
    if (dtype === 'bool') return c.refuse('of truth values; convert them to numbers');
    const line = c.sizes().map((_, d) => (d === c.attrs.dim ? size : 1));
    let values = c.name(0);
    let places = c.one('Expand', [
      c.graph.constant(
        'int64',
        Array.from({ length: size }, (_, i) => i),
        line,
      ),
      c.graph.sizes(c.sizes()),
    ]);
    for (let step = 1; step < size; step *= 2) {
      const [early, late] = [cut(values, 0, size - step), cut(values, step, size)];
      const wins = c.one(better, [late, early]);
      const taken = dtype.startsWith('float') ? c.one('Or', [wins, c.one('IsNaN', [late])]) : wins;
      const chosen = c.one('Where', [taken, late, early]);
      places = join(cut(places, 0, step), c.one('Where', [taken, cut(places, step, size), cut(places, 0, size - step)]));
      values = join(cut(values, 0, step), chosen);
    }
    return [values, places];
  };
