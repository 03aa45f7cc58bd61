/** Special functions: erfc, erfinv, the gamma function's logarithm and its derivatives. */
import { errorFunction } from './error-function.ts';
import { provideFormulas } from '../family.ts';
import { specialRules, type SpecialAttrs } from '../ops/special.ts';

export const special = provideFormulas<SpecialAttrs>(specialRules, errorFunction);
