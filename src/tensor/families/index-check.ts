/** The check of class indices that compiled functions run. */
import { indexCheckLowerings } from '../../lower/cpu/indexing.ts';
import { provideFamily } from '../family.ts';
import { indexCheckRules, type IndexCheckAttrs } from '../ops/indexing.ts';

export const indexCheck = provideFamily<IndexCheckAttrs>({ rules: indexCheckRules, lowerings: indexCheckLowerings });
