/**
 * Layers whose arguments are fields, as in PyTorch: what is assigned to one after the layer was made (`criterion.reduction = 'none'`,
 * `conv.stride = [1, 1]`) counts from the next call on.
 */
import { requireKind, type Kind } from '../../base/arguments.ts';
import { readCall, type Signature } from '../../base/signature.ts';

/** What was made of fields, and of which values of theirs. */
export interface Made<T> {
  readonly of: readonly unknown[];
  readonly value: T;
}

/** What `make` gives, made again only where a field is not what it was. */
export function madeOf<T>(last: Made<T> | undefined, of: readonly unknown[], make: () => T): Made<T> {
  return last?.of.every((value, i) => value === of[i]) === true ? last : { of, value: make() };
}

type Fields = Record<string, unknown>;

/** Makes the options of a call fields of the layer, those that are left out with their defaults. @returns the options as they were given */
export function optionFields<O extends object>(
  layer: object,
  of: Signature<O>,
  args: readonly unknown[],
  defaults: object,
): O {
  // prettier-ignore
  const given = readCall(of, args);
  for (const [name, usual] of Object.entries(defaults)) (layer as Fields)[name] = (given as Fields)[name] ?? usual;
  return given;
}

/** The options that a layer's fields say by now. @throws ArgumentError for one that was assigned and is none */
export function optionsOf<O extends object>(layer: object, of: Signature<O>): O {
  const options: Fields = {};
  for (const [name, kind] of Object.entries(of.kinds)) {
    if (!(name in layer)) continue;
    const value = (layer as Fields)[name];
    requireKind(of.op, name, value, kind as Kind);
    options[name] = value;
  }
  return options as O;
}
