/** State dicts of optimizers, and optimizers as text: `optimizer.stateDict`, `loadStateDict`, `toString`. */
import { provideMethods } from '../../tensor/family.ts';
import { packState, printGroup, unpackState } from '../optimizer-state.ts';
import { loadError } from '../saved-state.ts';

provideMethods('optimizer-states', { loadError, packState, printGroup, unpackState });
