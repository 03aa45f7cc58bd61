/** The formula of a copy or conversion. */
import type { DType } from '../../base/dtype.ts';
import type { ElementwiseSpec } from './elementwise.ts';
import type { FormulaType } from './formula.ts';

export const moveSpec = (from: DType, to: DType, as: FormulaType): ElementwiseSpec => ({
  name: 'copy',
  inputs: [{ dtype: from, as }],
  outputs: [{ dtype: to, as }],
  scalars: [],
  results: ([x]) => [x!],
  cost: 0.1,
});
