/** Losses between tensors of one shape. */
import { pairLossLowerings } from '../../lower/cpu/loss.ts';
import { provideFamily } from '../family.ts';
import { pairLossRules, type PairLossAttrs } from '../ops/loss.ts';

export const pairLoss = provideFamily<PairLossAttrs>({ rules: pairLossRules, lowerings: pairLossLowerings });
