/** Reductions as devices are given them: many elements to one, by a combination that does not care for order up to rounding. */
import type { Formula } from './formula.ts';

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
  amax: { name: 'amax', identity: 'first', combine: (a, b) => a.max(b) },
  amin: { name: 'amin', identity: 'first', combine: (a, b) => a.min(b) },
  any: { name: 'any', identity: 0, combine: (a, b) => a.or(b), truth: true },
  all: { name: 'all', identity: 1, combine: (a, b) => a.and(b), truth: true },
} satisfies { readonly [name: string]: Reduction };
