/** Lines that are followed element by element are no work for a GPU: there `tensor/scans.ts` and `tensor/order.ts` take other ways. */
import type { ScanAttrs } from '../../tensor/ops/scans.ts';
import type { GpuLowerings } from './table.ts';

const line = { refusal: 'follows a line in order, which only the CPU does' };

export const scanLowerings: GpuLowerings<ScanAttrs> = {
  cumprod: line,
  recurrence: line,
  cummax: line,
  cummin: line,
  kth: line,
};
