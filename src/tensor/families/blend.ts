/** Weighted sums of elements at given places. */
import { blendLowerings } from '../../lower/cpu/blend.ts';
import { provideFamily } from '../family.ts';
import { blendRules, type BlendAttrs } from '../ops/blend.ts';

export const blend = provideFamily<BlendAttrs>({ rules: blendRules, lowerings: blendLowerings });
