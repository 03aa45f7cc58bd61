/** Max-pooling over windows. */
import { maxPoolLowerings } from '../../lower/cpu/pool.ts';
import { provideFamily } from '../family.ts';
import { maxPoolRules, type MaxPoolAttrs } from '../ops/pool.ts';

export const maxPool = provideFamily<MaxPoolAttrs>({ rules: maxPoolRules, lowerings: maxPoolLowerings });
