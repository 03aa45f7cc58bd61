/** Hooks around modules: `module.registerForwardHook` and its neighbours. */
import { provideMethods } from '../../tensor/family.ts';
import { addBackwardHook, addForwardHook, addForwardPreHook, withHooks } from '../hooked-calls.ts';

provideMethods('hooks', { addBackwardHook, addForwardHook, addForwardPreHook, withHooks });
