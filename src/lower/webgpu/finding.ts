/** What is found in order is no work for a GPU: there the host looks for it (`tensor/picking.ts`, `sets.ts`, `order.ts`). */
import type { FindingAttrs } from '../../tensor/ops/finding.ts';
import type { GpuLowerings } from './table.ts';

const inOrder = { refusal: 'follows elements in order, which only the CPU does' };

export const findingLowerings: GpuLowerings<FindingAttrs> = {
  places: inOrder,
  runs: inOrder,
  histogram: inOrder,
  longestRun: inOrder,
};
