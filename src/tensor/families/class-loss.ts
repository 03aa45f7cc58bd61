/** Losses of classes: cross-entropy and negative log likelihood. */
import { classLossLowerings } from '../../lower/cpu/loss.ts';
import { provideFamily } from '../family.ts';
import { classLossRules, type ClassLossAttrs } from '../ops/loss.ts';

export const classLoss = provideFamily<ClassLossAttrs>({ rules: classLossRules, lowerings: classLossLowerings });
