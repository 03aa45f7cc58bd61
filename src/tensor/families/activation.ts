/** Activations beyond relu, sigmoid and tanh. */
import { provideFormulas } from '../family.ts';
import { moreActivationRules, type MoreActivationAttrs } from '../ops/unary-activation.ts';
import './error-function.ts';

export const activation = provideFormulas<MoreActivationAttrs>(moreActivationRules);
