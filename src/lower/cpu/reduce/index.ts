/** The table of reductions. */
import type { CpuLowering } from '../lowering.ts';
import type { NormParams, ReduceParams, VarianceParams } from '../../../geometry/reduce.ts';
import type { ExtremeGradAttrs, ReduceAttrs, ReductionAttrs } from '../../../tensor/ops/reduce.ts';
import type { OpLowering, OpLowerings } from '../../table.ts';
import { lowerArgExtreme, lowerCumsum, lowerExtremeGrad, lowerLogSumExp, lowerProdGrad } from './lines.ts';
import { lowerNorm, lowerReduce, lowerVariance, type ReduceName } from './reduce.ts';

const simple = (name: ReduceName): OpLowering<ReduceParams, CpuLowering> => ({
  lower: (l, [x], [out], params) => lowerReduce(l, name, x!, out!, params),
});

const variance = (root: boolean): OpLowering<VarianceParams, CpuLowering> => ({
  lower: (l, [x], [out], params) => lowerVariance(l, x!, out!, params, root),
});

/** A value and its index. */
const extreme = (which: 'max' | 'min'): OpLowering<ReduceParams, CpuLowering> => ({
  lower: (l, [x], [values, indices], params) => lowerArgExtreme(l, which, x!, values, indices!, params),
});

const place = (which: 'max' | 'min'): OpLowering<ReduceParams, CpuLowering> => ({
  lower: (l, [x], [indices], params) => lowerArgExtreme(l, which, x!, undefined, indices!, params),
});

export const reduceLowerings: OpLowerings<ReduceAttrs, CpuLowering> = {
  sum: simple('sum'),
  mean: simple('mean'),
  amax: simple('amax'),
  amin: simple('amin'),
  max: simple('amax'),
  min: simple('amin'),
  maxDim: extreme('max'),
  minDim: extreme('min'),
  argmax: place('max'),
  argmin: place('min'),
  any: simple('any'),
  all: simple('all'),
};

export const extremeGradLowerings: OpLowerings<ExtremeGradAttrs, CpuLowering> = {
  extremeGrad: {
    lower: (l, [g, indices, x], [out], params) => lowerExtremeGrad(l, g!, indices!, x!.layout, out!, params),
  },
};

/** Of the family `reductions`. */
export const reductionLowerings: OpLowerings<ReductionAttrs, CpuLowering> = {
  prod: simple('prod'),
  var: variance(false),
  std: variance(true),
  nansum: simple('nansum'),
  norm: { lower: (l, [x], [out], params: NormParams) => lowerNorm(l, x!, out!, params) },
  logsumexp: { lower: (l, [x], [out], params) => lowerLogSumExp(l, x!, out!, params) },
  cumsum: { lower: (l, [x], [out], params) => lowerCumsum(l, x!, out!, params) },
  prodGrad: { lower: (l, [g, x], [out], params) => lowerProdGrad(l, g!, x!, out!, params) },
};
