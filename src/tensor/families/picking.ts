/** `x.at(…)` and `x.setAt(…)`, `indexSelect`, `gather`, `nonzero`. */
import { provideMethods } from '../family.ts';
import { at, setAt } from '../indexing.ts';
import { assignPicked, gather, indexSelect, nonzero, pick, trueIndices } from '../picking.ts';

provideMethods('picking', { assignPicked, at, gather, indexSelect, nonzero, pick, setAt, trueIndices });
