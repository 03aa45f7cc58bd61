/** Inverse hyperbolic functions, sinc, logit, copysign, x·log(y), logarithms of sums of exponentials. */
import { provideFormulas } from '../family.ts';
import { hyperbolicRules, type HyperbolicAttrs } from '../ops/hyperbolic.ts';
import './mathematics.ts';

export const hyperbolic = provideFormulas<HyperbolicAttrs>(hyperbolicRules);
