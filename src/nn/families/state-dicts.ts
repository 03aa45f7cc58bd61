/** State dicts of modules: `stateDict`, `loadStateDict` and the hooks around them. Files bring it. */
import { provideMethods } from '../../tensor/family.ts';
import { addStateHook } from '../state-dict-hooks.ts';
import { loadState, stateOf } from '../state-dict.ts';

provideMethods('state-dicts', { addStateHook, loadState, stateOf });
