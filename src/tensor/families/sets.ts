/** `unique`, `bincount`, `histc`, `searchsorted`, … */
import { provideMethods } from '../family.ts';
import { bincount, histc, isin, unique, uniqueConsecutive } from '../sets.ts';

provideMethods('sets', { bincount, histc, isin, unique, uniqueConsecutive });
