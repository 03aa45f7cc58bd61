/** The lowerings of `norm.ts`. */
import { InternalError } from '../../base/errors.ts';

const absent = (): never => {
  throw new InternalError('not lowered yet');
};
export const lowerBatchNorm = absent;
export const lowerBatchNormEval = absent;
export const lowerBatchNormEvalGrad = absent;
export const lowerBatchNormGrad = absent;
