/** Convolution, and transposed convolution, which is the gradient of its input; the gradient of weights comes with what computes gradients (`gradients.ts`). */
import { convLowerings } from '../../lower/cpu/conv/index.ts';
import { provideFamily } from '../family.ts';
import { convRules, type ConvAttrs } from '../ops/conv.ts';

export const conv = provideFamily<ConvAttrs>({ rules: convRules, lowerings: convLowerings });
