/** What modules keep in state dicts besides tensors, under `_extra_state` (PyTorch: `get_extra_state`, `set_extra_state`). */
import { ModuleBase } from './module-base.ts';
import type { StateDict } from './state-dict.ts';

const KEY = '_extra_state';
const keyOf = (path: string): string => (path === '' ? KEY : `${path}.${KEY}`);

/** Whether a module's class says something of extra state. */
const says = (module: ModuleBase, name: 'getExtraState' | 'setExtraState'): boolean => module[name] !== ModuleBase.prototype[name];

/** Adds to a state dict what a module keeps besides tensors, if it says so. */
export function addExtraState(module: ModuleBase, state: StateDict, path: string): void {
  if (says(module, 'getExtraState')) state.set(keyOf(path), module.getExtraState() as never);
}

/** The keys of a state dict that modules read themselves, and the modules. */
export function extraStates(root: ModuleBase): Map<string, ModuleBase> {
  const found = new Map<string, ModuleBase>();
  for (const [path, module] of root.namedModules()) {
    if (says(module, 'getExtraState') || says(module, 'setExtraState')) found.set(keyOf(path), module);
  }
  return found;
}

/** Gives modules what a state dict has for them besides tensors. */
export function loadExtraStates(extra: ReadonlyMap<string, ModuleBase>, saved: unknown): void {
  if (extra.size === 0) return;
  const state = saved instanceof Map ? (saved as ReadonlyMap<string, unknown>) : new Map(Object.entries(saved as object));
  for (const [key, module] of extra) if (state.has(key)) module.setExtraState(state.get(key));
}
