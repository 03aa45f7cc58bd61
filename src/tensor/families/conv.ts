/** Convolution; how gradients of weights are computed comes with the first module that computes gradients (`gradients.ts`). */
import { convLowerings } from '../../lower/cpu/conv/index.ts';
import { provideFamily } from '../family.ts';
import { convRules, type ConvAttrs } from '../ops/conv.ts';

export const conv = provideFamily<ConvAttrs, 'conv2dWeightGrad'>({ rules: convRules, lowerings: convLowerings });
