/** State dicts in files that others have made: alone, or as an entry of a checkpoint, with the names that wrappers have left on them. */
import { isStateDict } from '../io/checkpoint-value.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Entries that hold a network's weights, as torchvision's and timm's training scripts, Lightning and most tutorials call them. */
export const STATE_KEYS = ['state_dict', 'model', 'model_state_dict', 'state_dict_ema', 'net'] as const;

/** What DataParallel, `torch.compile` and Lightning put before every name. */
export const STATE_PREFIXES = ['module.', '_orig_mod.', 'model.', 'net.'] as const;

type State = ReadonlyMap<string, Tensor>;

/** The state dict in a value; undefined when there is none. */
export function findState(value: unknown): State | undefined {
  if (isStateDict(value) && value.size > 0) return unwrapped(value);
  for (const key of STATE_KEYS) {
    const inside: unknown = value instanceof Map ? value.get(key) : undefined;
    if (isStateDict(inside) && inside.size > 0) return unwrapped(inside);
  }
  return undefined;
}

function unwrapped(state: State): State {
  const names = [...state.keys()];
  const prefix = STATE_PREFIXES.find((each) => names.every((name) => name.startsWith(each)));
  return prefix === undefined ? state : unwrapped(new Map(names.map((name) => [name.slice(prefix.length), state.get(name)!])));
}
