/** The lowerings of `pool.ts`. */
import { InternalError } from '../../base/errors.ts';

const absent = (): never => {
  throw new InternalError('not lowered yet');
};
export const lowerAdaptiveAvg = absent;
export const lowerAdaptiveAvgGrad = absent;
export const lowerAdaptiveMax = absent;
export const lowerAvgPool = absent;
export const lowerAvgPoolGrad = absent;
export const lowerMaxPool = absent;
export const lowerMaxPoolGrad = absent;
export const lowerPickMax = absent;
