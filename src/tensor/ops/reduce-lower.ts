/** The lowerings of `reduce.ts`. */
import { InternalError } from '../../base/errors.ts';
import type { Layout } from '../../base/layout.ts';
import type { Lowering, Value } from '../../compiler/lowering.ts';
import type { ReduceParams, ScanParams, VarianceParams } from './reduce-attrs.ts';

export type ReduceName = 'sum' | 'mean' | 'prod' | 'amax' | 'amin' | 'any' | 'all';

const absent = (): never => {
  throw new InternalError('not lowered yet');
};
export const lowerReduce: (l: Lowering, name: ReduceName, x: Value, out: Value, params: ReduceParams) => void = absent;
export const lowerArgExtreme: (l: Lowering, which: 'max' | 'min', x: Value, values: Value | undefined, indices: Value, params: ReduceParams) => void = absent; // prettier-ignore
export const lowerVariance: (l: Lowering, x: Value, out: Value, params: VarianceParams, root: boolean) => void = absent;
export const lowerLogSumExp: (l: Lowering, x: Value, out: Value, params: ReduceParams) => void = absent;
export const lowerCumsum: (l: Lowering, x: Value, out: Value, params: ScanParams) => void = absent;
export const lowerExtremeGrad: (l: Lowering, g: Value, indices: Value, x: Layout, out: Value, params: ReduceParams) => void = absent; // prettier-ignore
export const lowerProdGrad: (l: Lowering, g: Value, x: Value, out: Value, params: ReduceParams) => void = absent;
