/** Calls of the program between the kernels of a compiled function. */
import { hostCallLowerings } from '../../lower/cpu/host-call.ts';
import { provideFamily } from '../family.ts';
import { hostCallRules, type HostCallAttrs } from '../ops/host-call.ts';

export const hostCalls = provideFamily<HostCallAttrs>({ rules: hostCallRules, lowerings: hostCallLowerings });
