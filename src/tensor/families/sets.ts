/** `unique`, `bincount`, `histc`, `histogram`, `searchsorted`, … */
import { provideMethods } from '../family.ts';
import { histogram } from '../histogram.ts';
import { bincount, histc, isin, unique, uniqueConsecutive } from '../sets.ts';

provideMethods('sets', { bincount, histc, histogram, isin, unique, uniqueConsecutive });
