/** Calls of the program between launches, which a GPU's queue does not wait for. */
import type { HostCallAttrs } from '../../tensor/ops/host-call.ts';
import type { GpuLowerings } from './table.ts';

export const hostCallLowerings: GpuLowerings<HostCallAttrs> = {
  hostCall: { refusal: "reads memory of the program; use tensors on the CPU (.to('cpu'))" },
};
