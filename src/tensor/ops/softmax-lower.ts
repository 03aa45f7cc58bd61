/** The lowerings of `softmax.ts`. */
import { InternalError } from '../../base/errors.ts';

const absent = (): never => {
  throw new InternalError('not lowered yet');
};
export const lowerLogSoftmax = absent;
export const lowerLogSoftmaxGrad = absent;
export const lowerSoftmax = absent;
export const lowerSoftmaxGrad = absent;
