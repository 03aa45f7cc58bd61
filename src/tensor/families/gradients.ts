/**
 * Operations that only gradients run, and how gradients of convolutions' weights are computed, which is half of all code for convolutions: what computes
 * gradients brings them, since inference does not need them.
 */
import { convWeightLowerings } from '../../lower/cpu/conv/index.ts';
import { maxPoolGradLowerings } from '../../lower/cpu/pool.ts';
import { extremeGradLowerings } from '../../lower/cpu/reduce/index.ts';
import { softmaxGradLowerings } from '../../lower/cpu/softmax.ts';
import { provideFamily, provideLowerings } from '../family.ts';
import { maxPoolGradRules, type MaxPoolGradAttrs } from '../ops/pool.ts';
import { extremeGradRules, type ExtremeGradAttrs } from '../ops/reduce.ts';
import { softmaxGradRules, type SoftmaxGradAttrs } from '../ops/softmax.ts';

export const gradients = provideFamily<MaxPoolGradAttrs & ExtremeGradAttrs & SoftmaxGradAttrs>({
  rules: { ...maxPoolGradRules, ...extremeGradRules, ...softmaxGradRules },
  lowerings: { ...maxPoolGradLowerings, ...extremeGradLowerings, ...softmaxGradLowerings },
});
provideLowerings(convWeightLowerings);
