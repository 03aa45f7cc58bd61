/** Several states at once: all of them, or none. */
import '../nn/families/state-dicts.ts';
import '../optim/families/optimizer-states.ts';

import { FormatError } from '../base/errors.ts';

/** What has a state that can be loaded. */
interface Stateful {
  stateDict(): unknown;
  loadStateDict(saved: never): unknown;
}

/** A copy of a state that later changes of what it belongs to do not reach. */
export function kept(state: unknown): unknown {
  if (typeof state !== 'object' || state === null) return state;
  if ('clone' in state && typeof state.clone === 'function') {
    return 'detach' in state ? (state as { detach(): { clone(): unknown } }).detach().clone() : state;
  }
  if (state instanceof Map) return new Map([...state].map(([key, value]) => [key, kept(value)]));
  if (Array.isArray(state)) return state.map(kept);
  return Object.fromEntries(Object.entries(state).map(([key, value]) => [key, kept(value)]));
}

/**
 * Loads the states of named parts out of a dictionary, and what `open` makes of its `position`.
 * @throws FormatError when it is of another format, or has a part that is not there now or lacks one; what a part throws. Nothing is changed then.
 */
export function loadTogether<P>(
  saved: unknown,
  format: string,
  open: (position: unknown) => P,
  parts: Readonly<Record<string, Stateful | undefined>>,
): P {
  const fail = (why: string): never => {
    throw new FormatError(`Trainer.loadStateDict: ${why}; expected what stateDict() of a trainer like this one gave`);
  };
  const part = (name: string): unknown => (saved instanceof Map ? (saved as ReadonlyMap<string, unknown>).get(name) : undefined);
  if (part('format') !== format) return fail('it is something else');
  const position = open(part('position'));
  const names = Object.keys(parts);
  for (const name of names) {
    const isThere = (part(name) ?? null) !== null;
    if (isThere !== (parts[name] !== undefined))
      fail(isThere ? `it has the state of one more part, ${name}` : `it has no state of the part ${name}`);
  }
  const changed: { readonly of: Stateful; readonly before: unknown }[] = [];
  try {
    for (const name of names) {
      const of = parts[name];
      if (of === undefined) continue;
      changed.push({ of, before: kept(of.stateDict()) });
      of.loadStateDict(part(name) as never);
    }
  } catch (error) {
    for (const { of, before } of changed.reverse()) of.loadStateDict(before as never);
    throw error;
  }
  return position;
}
