/**
 * Operations that only gradients run; those of convolutions' weights are half of all code for convolutions. What computes gradients brings them, since
 * inference does not need them.
 */
import { convWeightGradLowerings } from '../../lower/cpu/conv/index.ts';
import { maxPoolGradLowerings } from '../../lower/cpu/pool.ts';
import { extremeGradLowerings } from '../../lower/cpu/reduce/index.ts';
import { softmaxGradLowerings } from '../../lower/cpu/softmax.ts';
import { mention, provideFamily } from '../family.ts';
import { convWeightGradRules, type ConvWeightGradAttrs } from '../ops/conv.ts';
import { maxPoolGradRules, type MaxPoolGradAttrs } from '../ops/pool.ts';
import { extremeGradRules, type ExtremeGradAttrs } from '../ops/reduce.ts';
import { softmaxGradRules, type SoftmaxGradAttrs } from '../ops/softmax.ts';

type GradAttrs = ConvWeightGradAttrs & MaxPoolGradAttrs & ExtremeGradAttrs & SoftmaxGradAttrs;

export const gradients = provideFamily<GradAttrs>({
  rules: { ...convWeightGradRules, ...maxPoolGradRules, ...extremeGradRules, ...softmaxGradRules },
  lowerings: { ...convWeightGradLowerings, ...maxPoolGradLowerings, ...extremeGradLowerings, ...softmaxGradLowerings },
});

mention(gradients); // a statement, so that no bundler leaves them out
