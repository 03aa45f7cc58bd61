/** Interpolation of images. */
import { resampleLowerings } from '../../lower/cpu/resample.ts';
import { provideFamily } from '../family.ts';
import { resampleRules, type ResampleAttrs } from '../ops/resample.ts';

export const resample = provideFamily<ResampleAttrs>({ rules: resampleRules, lowerings: resampleLowerings });
