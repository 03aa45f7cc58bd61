/** The lowering of calls of the program between kernels. */
import type { HostCallAttrs } from '../../tensor/ops/host-call.ts';
import type { OpLowerings } from '../table.ts';
import type { CpuLowering } from './lowering.ts';

export const hostCallLowerings: OpLowerings<HostCallAttrs, CpuLowering> = {
  hostCall: { lower: (l, inputs, _, { name, call }) => l.call(name, inputs, call) },
};
