/**
 * Layers whose arguments are fields, as in PyTorch: what is assigned to one after the layer was made (`criterion.reduction = 'none'`,
 * `conv.stride = [1, 1]`) counts from the next call on.
 */
import { requireKind, type Kind } from '../../base/arguments.ts';
import { readCall, type Signature } from '../../base/signature.ts';

/** What was made of fields, and of which values of theirs. Not a field itself: compiled functions watch those. */
const made = new WeakMap<object, { readonly of: readonly unknown[]; readonly value: unknown }>();

/** What `make` gives for a layer, made again only where one of its fields is not what it was. */
export function madeOf<T>(layer: object, of: readonly unknown[], make: () => T): T {
  const last = made.get(layer);
  if (last?.of.every((value, i) => value === of[i]) === true) return last.value as T;
  const value = make();
  made.set(layer, { of, value });
  return value;
}

type Fields = Record<string, unknown>;

/** The tables of arguments of classes whose options are fields. */
const tables = new WeakMap<object, Signature<unknown>>();

/** Makes the options of a call fields of the layer, those that are left out with their defaults. @returns the options as they were given */
export function optionFields<O extends object>(layer: object, of: Signature<O>, args: readonly unknown[], defaults: object): O {
  const given = readCall(of, args);
  tables.set(layer.constructor, of);
  for (const [name, usual] of Object.entries(defaults)) (layer as Fields)[name] = (given as Fields)[name] ?? usual;
  return given;
}

/** The options that a layer's fields say by now: those of {@link optionFields}, or of a table. @throws ArgumentError for one that was assigned and is none */
export function optionsOf<O extends object>(
  layer: object,
  { op, kinds }: { readonly op: string; readonly kinds: object } = tables.get(layer.constructor)!,
): O {
  const options: Fields = {};
  for (const [name, kind] of Object.entries(kinds)) {
    if (!(name in layer)) continue;
    const value = (layer as Fields)[name];
    requireKind(op, name, value, kind as Kind);
    options[name] = value;
  }
  return options as O;
}
