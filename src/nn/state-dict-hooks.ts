/** Hooks around state dicts: of modules that write or read theirs otherwise than by name (PyTorch: `register_state_dict_pre_hook` and others). */
import { FUNCTION, requireKind } from '../base/arguments.ts';
import type { RemovableHandle } from '../tensor/autograd.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { INTERNALS } from './module-internals.ts';
import type { ModuleBase } from './module-base.ts';
import type { LoadResult, StateDict } from './state-dict.ts';

/** Runs before a module's part of a state dict is made. */
export type StateDictPreHook = (module: ModuleBase, prefix: string) => void;
/** Runs after a module's part of a state dict has been made, and may change the dict. */
export type StateDictPostHook = (module: ModuleBase, state: StateDict, prefix: string) => void;
/** Runs before a state dict is loaded, and may change the copy that is loaded; the prefix is that of the module's keys, with the dot. */
export type LoadStateDictPreHook = (module: ModuleBase, state: StateDict, prefix: string) => void;
/** Runs after a state dict has been loaded. */
export type LoadStateDictPostHook = (module: ModuleBase, result: LoadResult) => void;

/** The hooks of one module. */
export interface StateHooks {
  readonly before: StateDictPreHook[];
  readonly after: StateDictPostHook[];
  readonly beforeLoad: LoadStateDictPreHook[];
  readonly afterLoad: LoadStateDictPostHook[];
}

/** Adds a hook. @throws ArgumentError where it is no function */
export function addStateHook<K extends keyof StateHooks>(
  op: string,
  module: ModuleBase,
  kind: K,
  hook: StateHooks[K][number],
): RemovableHandle {
  requireKind(op, 'the hook', hook, FUNCTION);
  const internals = module[INTERNALS];
  internals.stateHooks ??= { before: [], after: [], beforeLoad: [], afterLoad: [] };
  const list = internals.stateHooks[kind] as unknown[];
  list.push(hook);
  const remove = (): void => {
    const place = list.indexOf(hook);
    if (place !== -1) list.splice(place, 1);
  };
  return { remove, [Symbol.dispose]: remove };
}

/** The state dict that a module and those below it load: changed by their hooks, in a copy, where there are any. */
export function toLoad(module: ModuleBase, saved: unknown): unknown {
  const hooked = [...module.namedModules()].filter(([, one]) => (one[INTERNALS].stateHooks?.beforeLoad.length ?? 0) > 0);
  if (hooked.length === 0 || typeof saved !== 'object' || saved === null || Array.isArray(saved)) return saved;
  const state = new Map(saved instanceof Map ? (saved as StateDict) : Object.entries(saved as Record<string, Tensor>));
  for (const [path, one] of hooked)
    for (const hook of one[INTERNALS].stateHooks!.beforeLoad) hook(one, state, path === '' ? '' : `${path}.`);
  return state;
}

/** Runs what is to run after loading, modules below first. */
export function afterLoading(module: ModuleBase, result: LoadResult): void {
  for (const one of [...module.modules()].reverse()) for (const hook of one[INTERNALS].stateHooks?.afterLoad ?? []) hook(one, result);
}
