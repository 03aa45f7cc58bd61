/** What is found among elements, in their order: places that are true, runs of equals, how many lie where. Whole numbers, without gradients. */
import { requireDType } from '../../base/dtype.ts';
import { layoutOf } from '../../base/layout.ts';
import { normalizeDim } from '../../base/shape.ts';
import { remembered, type Attrs, type DimParams } from '../../geometry/attrs.ts';
import type { OpRules } from './rule.ts';

/** How many there are of something. Made by {@link countParams}. */
export interface CountParams extends Attrs {
  readonly count: number;
}
export const countParams = (count: number): CountParams => remembered('count', { key: String(count), count });

/** Made by {@link runsParams}. */
export interface RunsParams extends Attrs {
  /** Whether their ends are wanted. */
  readonly ends: boolean;
}
export const runsParams = (ends: boolean): RunsParams => remembered('runs', { key: ends ? 'ends' : '', ends });

export interface FindingAttrs {
  /** [bool] → the places of its `count` true elements, int64 [count, dimensions]. Whoever asks has counted them. */
  places: CountParams;
  /** [x [n]] → [the first element of each run of equals [n], (where it ends, int64 [n],) how many runs there are, int64 []]: what follows the runs means nothing */
  runs: RunsParams;
  /** [x], scalars from and to → how many elements lie in each of `count` equal parts between them, int64 [count] */
  histogram: CountParams;
  /** Sorted lines along `dim` → the last place of the longest run of equals, the first of several: int64, size 1 along `dim` */
  longestRun: DimParams;
}

export const findingRules: OpRules<FindingAttrs> = {
  places: {
    shape: ([mask], { count }) => {
      requireDType('nonzero', 'the input', mask!.dtype, ['bool']);
      return [layoutOf('int64', [count, mask!.shape.length])];
    },
    gradient: null,
  },
  runs: {
    shape: ([x], { ends }) => [layoutOf(x!.dtype, [x!.numel]), ...(ends ? [layoutOf('int64', [x!.numel])] : []), layoutOf('int64', [])],
    gradient: null,
  },
  histogram: {
    shape: ([x], { count }) => {
      requireDType('histc', 'the input', x!.dtype, ['float32', 'float64']);
      return [layoutOf('int64', [count])];
    },
    gradient: null,
  },
  longestRun: {
    shape: ([x], { dim }) => {
      const axis = normalizeDim('mode', dim, x!.shape.length);
      return [
        layoutOf(
          'int64',
          x!.shape.map((size, i) => (i === axis ? 1 : size)),
        ),
      ];
    },
    gradient: null,
  },
};
