/** Reductions, against PyTorch (test/fixtures/ops/reduce.py). */
import type { Tensor } from 'flambeau';
import { testFamily, type Binding } from '../support/run-fixtures.ts';

interface ReduceArgs {
  readonly dim?: number | readonly number[];
  readonly keepdim?: boolean;
  readonly correction?: number;
}
type ReduceName = 'sum' | 'mean' | 'prod' | 'amax' | 'amin' | 'any' | 'all' | 'logsumexp' | 'var' | 'std' | 'argmax' | 'argmin';

/** The methods as they are when their name is not known. */
type Reductions = Record<ReduceName, (dim: ReduceArgs['dim'], options: ReduceArgs) => Tensor>;

const reduce =
  (name: ReduceName): Binding =>
  ({ x }, { dim, ...options }: ReduceArgs) =>
    (x as unknown as Reductions)[name](dim, options);

/** All elements give one tensor; a dimension gives values and indices. */
const extreme =
  (name: 'max' | 'min'): Binding =>
  ({ x }, { dim, ...options }: ReduceArgs): readonly Tensor[] => {
    if (dim === undefined) return [x[name]()];
    const { values, indices } = x[name](Number(dim), options);
    return [values, indices];
  };

testFamily('reduce', {
  sum: reduce('sum'),
  mean: reduce('mean'),
  prod: reduce('prod'),
  amax: reduce('amax'),
  amin: reduce('amin'),
  any: reduce('any'),
  all: reduce('all'),
  logsumexp: reduce('logsumexp'),
  var: reduce('var'),
  std: reduce('std'),
  argmax: reduce('argmax'),
  argmin: reduce('argmin'),
  max: extreme('max'),
  min: extreme('min'),
  cumsum: ({ x }, { dim }: { dim: number }) => x.cumsum(dim),
});
