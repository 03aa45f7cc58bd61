/** Layer and group normalisation. */
import { lineNormLowerings } from '../../lower/cpu/norm-lines.ts';
import { provideFamily } from '../family.ts';
import { lineNormRules, type LineNormAttrs } from '../ops/norm-lines.ts';

export const lineNorm = provideFamily<LineNormAttrs>({ rules: lineNormRules, lowerings: lineNormLowerings });
