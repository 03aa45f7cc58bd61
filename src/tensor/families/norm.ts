/** Batch normalisation. */
import { normLowerings } from '../../lower/cpu/norm.ts';
import { provideFamily } from '../family.ts';
import { normRules, type NormAttrs } from '../ops/norm.ts';

export const norm = provideFamily<NormAttrs>({ rules: normRules, lowerings: normLowerings });
