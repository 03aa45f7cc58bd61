/** Reductions as devices are given them: many elements to one, by a combination that does not care for order up to rounding. */
import type { Formula, NumberType } from './formula.ts';

export interface Reduction {
  /** Names everything below. */
  readonly name: string;
  /** The value of no elements, or 'first' where there is none and doubling an element changes nothing. */
  readonly identity: number | 'first';
  readonly combine: (a: Formula, b: Formula) => Formula;
  /** Applied to every element; `other` is a number that belongs to the result. */
  readonly map?: (x: Formula, other: Formula) => Formula;
  /** From the combined value to the result. `n` is a number of the call: the count to divide by, a float. */
  readonly finish?: (value: Formula, n: Formula) => Formula;
  /** Elements count as true or false, and the result is one of them. */
  readonly truth?: true;
}

const sum = { identity: 0, combine: (a, b) => a.add(b) } satisfies Partial<Reduction>;

/**
 * The larger (`less` false) or the smaller; NaN wins. Either order of a pseudo-extreme passes on a NaN of its first operand, and of equal
 * numbers their bits: so the two or-ed are the extreme, and three instructions. Of two zeros either may come.
 */
const extreme =
  (op: 'pmin' | 'pmax', whole: 'min' | 'max'): Reduction['combine'] =>
  (a, b) => {
    if (!a.isFloat) return a[whole](b);
    const bits = a.type === 'f32' ? 'i32' : 'i64';
    return a
      .binary(op, b)
      .bits(bits)
      .or(b.binary(op, a).bits(bits))
      .bits(a.type as NumberType);
  };

/** The mean squared distance from a mean; `n` may be less than the elements, and 0. */
const variance = {
  ...sum,
  map: (x, mean) => {
    const distance = x.sub(mean);
    return distance.mul(distance);
  },
  finish: (total, n) => total.div(n.max(0).cast(total.type)),
} satisfies Partial<Reduction>;

export const REDUCTIONS = {
  sum: { name: 'sum', ...sum },
  mean: { name: 'mean', ...sum, finish: (total, n) => total.div(n.cast(total.type)) },
  var: { name: 'var', ...variance },
  std: { name: 'std', ...variance, finish: (total, n) => variance.finish(total, n).sqrt() },
  prod: { name: 'prod', identity: 1, combine: (a, b) => a.mul(b) },
  amax: { name: 'amax', identity: 'first', combine: extreme('pmax', 'max') },
  amin: { name: 'amin', identity: 'first', combine: extreme('pmin', 'min') },
  /** What is no NaN. */
  nansum: { name: 'nansum', ...sum, map: (x) => (x.isFloat ? x.eq(x).select(x, 0) : x) },
  squares: { name: 'squares', ...sum, map: (x) => x.mul(x) },
  norm1: { name: 'norm1', ...sum, map: (x) => x.abs() },
  norm2: { name: 'norm2', ...sum, map: (x) => x.mul(x), finish: (total) => total.sqrt() },
  any: { name: 'any', identity: 0, combine: (a, b) => a.or(b), truth: true },
  all: { name: 'all', identity: 1, combine: (a, b) => a.and(b), truth: true },
} satisfies { readonly [name: string]: Reduction };
