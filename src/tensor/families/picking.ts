/** `indexSelect`, `gather`, `x.at(…)` and `x.setAt(…)` with tensors of indices and masks, `nonzero`. */
import { provideMethods } from '../family.ts';
import { assignPicked, gather, indexSelect, nonzero, pick, trueIndices } from '../picking.ts';

provideMethods('picking', { assignPicked, gather, indexSelect, nonzero, pick, trueIndices });
