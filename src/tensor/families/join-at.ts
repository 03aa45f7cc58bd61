/** Products and extremes at indices. */
import { joinAtLowerings } from '../../lower/cpu/indexing.ts';
import { provideFamily } from '../family.ts';
import { joinAtRules, type JoinAtAttrs } from '../ops/join-at.ts';

export const joinAt = provideFamily<JoinAtAttrs>({ rules: joinAtRules, lowerings: joinAtLowerings });
