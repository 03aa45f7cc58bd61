/** SGD's update. */
import { provideFormulas } from '../family.ts';
import { sgdRules, type SgdAttrs } from '../ops/optimizer.ts';

export const sgd = provideFormulas<SgdAttrs>(sgdRules);
