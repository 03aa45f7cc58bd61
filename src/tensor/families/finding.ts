/** Places, runs and counts: the operations behind `nonzero`, `maskedSelect`, `unique`, `histc`, `mode`. */
import { findingLowerings } from '../../lower/cpu/finding.ts';
import { provideFamily } from '../family.ts';
import { findingRules, type FindingAttrs } from '../ops/finding.ts';

export const finding = provideFamily<FindingAttrs>({ rules: findingRules, lowerings: findingLowerings });
