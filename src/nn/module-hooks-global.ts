/** Hooks around all modules (PyTorch: `torch.nn.modules.module`). */
import './families/hooks.ts';

import type { RemovableHandle } from '../tensor/autograd.ts';
import { addBackwardHook, addForwardHook, addForwardPreHook } from './hooked-calls.ts';
import {
  everyModule,
  type ForwardHook,
  type ForwardHookOptions,
  type ForwardPreHook,
  type FullBackwardHook,
  type FullBackwardPreHook,
} from './module-hooks.ts';

/** Runs `hook` before the forward of every module (PyTorch: `torch.nn.modules.module.register_module_forward_pre_hook`). */
export const registerModuleForwardPreHook = (hook: ForwardPreHook): RemovableHandle =>
  addForwardPreHook('registerModuleForwardPreHook', everyModule, hook, undefined);

/** Runs `hook` after the forward of every module (PyTorch: `torch.nn.modules.module.register_module_forward_hook`). */
export const registerModuleForwardHook = (
  hook: ForwardHook,
  options?: Pick<ForwardHookOptions, 'withKwargs' | 'alwaysCall'>,
): RemovableHandle => addForwardHook('registerModuleForwardHook', everyModule, hook, options);

/** As `registerFullBackwardPreHook` of every module (PyTorch: `torch.nn.modules.module.register_module_full_backward_pre_hook`). */
export const registerModuleFullBackwardPreHook = (hook: FullBackwardPreHook): RemovableHandle =>
  addBackwardHook('registerModuleFullBackwardPreHook', everyModule, everyModule.backwardBefore, hook, undefined);

/** As `registerFullBackwardHook` of every module (PyTorch: `torch.nn.modules.module.register_module_full_backward_hook`). */
export const registerModuleFullBackwardHook = (hook: FullBackwardHook): RemovableHandle =>
  addBackwardHook('registerModuleFullBackwardHook', everyModule, everyModule.backwardAfter, hook, undefined);
