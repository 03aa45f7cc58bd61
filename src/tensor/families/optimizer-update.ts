/** The updates of optimizers beyond SGD and Adam. */
import { provideFormulas } from '../family.ts';
import { optimizerUpdateRules, type OptimizerUpdateAttrs } from '../ops/optimizer-update.ts';

export const optimizerUpdate = provideFormulas<OptimizerUpdateAttrs>(optimizerUpdateRules);
