/** The lowerings of `loss.ts`. */
import { InternalError } from '../../base/errors.ts';

const absent = (): never => {
  throw new InternalError('not lowered yet');
};
export const lowerCrossEntropy = absent;
export const lowerCrossEntropyGrad = absent;
export const lowerNll = absent;
export const lowerNllGrad = absent;
export const lowerPairLossGrad = absent;
export const lowerPairLoss = (_: string) => absent;
