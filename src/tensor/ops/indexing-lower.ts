/** The lowerings of `indexing.ts`. */
import { InternalError } from '../../base/errors.ts';

const absent = (): never => {
  throw new InternalError('not lowered yet');
};
export const lowerCat = absent;
export const lowerFlip = absent;
export const lowerGather = absent;
export const lowerGatherGrad = absent;
export const lowerIndexAdd = absent;
export const lowerIndexSelect = absent;
export const lowerIndexSelectGrad = absent;
export const lowerOneHot = absent;
export const lowerPad = absent;
export const lowerScatter = absent;
export const lowerScatterAdd = absent;
export const lowerScatterValue = absent;
export const lowerSort = absent;
export const lowerTriangle = (_: string) => absent;
