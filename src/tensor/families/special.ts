/** Special functions: erfc, erfinv, the gamma function's logarithm and its derivatives. */
import { provideFormulas } from '../family.ts';
import { specialRules, type SpecialAttrs } from '../ops/special.ts';
import './error-function.ts';

export const special = provideFormulas<SpecialAttrs>(specialRules);
