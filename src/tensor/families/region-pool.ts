/** Means over windows, and pooling to a given size. */
import { regionPoolLowerings } from '../../lower/cpu/pool.ts';
import { provideFamily } from '../family.ts';
import { regionPoolRules, type RegionPoolAttrs } from '../ops/pool.ts';
import { maxPool } from './max-pool.ts';

export const regionPool = provideFamily<RegionPoolAttrs>({ rules: regionPoolRules, lowerings: regionPoolLowerings }, maxPool);
