/** Activations beyond relu, sigmoid and tanh. */
import { errorFunction } from './error-function.ts';
import { provideFormulas } from '../family.ts';
import { moreActivationRules, type MoreActivationAttrs } from '../ops/unary-activation.ts';

export const activation = provideFormulas<MoreActivationAttrs>(moreActivationRules, errorFunction);
