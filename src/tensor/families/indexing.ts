/** Selecting, gathering, scattering, joining, padding, sorting. */
import { indexingLowerings } from '../../lower/cpu/indexing.ts';
import { provideFamily } from '../family.ts';
import { indexingRules, type IndexingAttrs } from '../ops/indexing.ts';

export const indexing = provideFamily<IndexingAttrs>({ rules: indexingRules, lowerings: indexingLowerings });
