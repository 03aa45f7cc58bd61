/** What modules keep to themselves, and what compiled functions ask of them. */
import type { ModuleBase } from './module-base.ts';
import { everyModule, type Hooks } from './module-hooks.ts';
import { Parameter } from './parameter.ts';
import type { StateHooks } from './state-dict-hooks.ts';

/** A module's bookkeeping, kept out of its visible properties. */
export interface Internals {
  /** Names of children that were added by name, in order; they are fields, too. Other children are found by looking. */
  readonly added: Set<string>;
  /** Names of fields that are parameters, as far as seen: nothing but a parameter or null may take their place. */
  readonly parameters: string[];
  /** Whether the fields have been looked through for parameters. */
  seen: boolean;
  /** Buffers by name; whether stateDict() includes them. */
  readonly buffers: Map<string, boolean>;
  readonly hooks: Hooks;
  /** Hooks of state dicts; none are kept where there are none. */
  stateHooks: StateHooks | undefined;
  /** Of lists: brings the children in order after assignments, before they are gone through. */
  settle: ((list: ModuleBase) => void) | undefined;
  /** Whether printing shows children that print alike as one, with their number: ModuleList. */
  folds: boolean;
}

export const INTERNALS = Symbol('flambeau module');

/**
 * What a compiled function takes for granted of a module: its mode, its fields, which of its parameters learn. Gives a
 * function that says whether all that is still so; it runs before every call of the compiled function, so it allocates nothing.
 */
export function unchanged(module: ModuleBase): () => boolean {
  const { buffers, hooks } = module[INTERNALS];
  const { training } = module;
  const buffersThen = buffers.size;
  const hooksThen = hooks.version + everyModule.version; // each only grows
  const fields = module as unknown as Readonly<Record<string, unknown>>;
  const names = Object.keys(fields);
  const values = names.map((name) => fields[name]);
  const parameters = values.filter((value) => value instanceof Parameter);
  const learned = parameters.map(({ requiresGrad }) => requiresGrad);
  return () => {
    if (module.training !== training || buffers.size !== buffersThen || hooks.version + everyModule.version !== hooksThen) return false;
    const now = Object.keys(fields); // twice as fast as `for … in`
    if (now.length !== names.length) return false;
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!;
      if (now[i] !== name || !Object.is(fields[name], values[i])) return false;
    }
    for (let j = 0; j < learned.length; j++) if (parameters[j]!.requiresGrad !== learned[j]) return false;
    return true;
  };
}
