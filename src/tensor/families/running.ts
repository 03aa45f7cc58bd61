/** Running products and extremes, and the element of a rank: the operations behind `cumprod`, `cummax`, `median`, `kthvalue`, … */
import { scanLowerings } from '../../lower/cpu/scans.ts';
import { provideFamily } from '../family.ts';
import { scanRules, type ScanAttrs } from '../ops/scans.ts';
import { indexing } from './indexing.ts';

export const running = provideFamily<ScanAttrs>({ rules: scanRules, lowerings: scanLowerings }, indexing);
