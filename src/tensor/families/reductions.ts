/** Reductions that are rarely used, and running sums: `prod`, `var`, `std`, `logsumexp`, `cumsum`. */
import { reductionLowerings } from '../../lower/cpu/reduce/index.ts';
import { provideFamily } from '../family.ts';
import { reductionRules, type ReductionAttrs } from '../ops/reduce.ts';

export const reductions = provideFamily<ReductionAttrs>({ rules: reductionRules, lowerings: reductionLowerings });
