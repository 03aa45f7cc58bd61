/** Backward passes: `Tensor.backward`. Optimizers bring it, and so do the functions that compute gradients. */
import { backward } from '../differentiate.ts';
import { provideMethods } from '../family.ts';
import './gradients.ts';

provideMethods('training', { backward });
