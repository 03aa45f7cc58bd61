/** Bits moved up and down. */
import { provideFormulas } from '../family.ts';
import { shiftRules, type ShiftAttrs } from '../ops/shifts.ts';

export const shifts = provideFormulas<ShiftAttrs>(shiftRules);
