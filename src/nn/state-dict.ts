/** State dicts: the named tensors of a module, and loading them without ever leaving a module half loaded. */
import { StateDictError } from '../base/errors.ts';
import { sameDims, showShape } from '../base/shape.ts';
import { noGrad } from '../tensor/autograd.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Parameters and persistent buffers by their path (`layer1.0.conv1.weight`), in PyTorch's order. */
export type StateDict = Map<string, Tensor>;

export interface LoadOptions {
  /** Default true: missing and unexpected keys are errors. Wrong shapes always are. */
  readonly strict?: boolean;
}

export interface LoadResult {
  readonly missingKeys: readonly string[];
  readonly unexpectedKeys: readonly string[];
}

/**
 * Copies `source` into `target`, all or nothing.
 * @throws StateDictError that lists every missing, unexpected and wrong-shaped key together
 */
export function copyState(
  model: string,
  target: StateDict,
  source: ReadonlyMap<string, Tensor>,
  strict: boolean,
): LoadResult {
  const missingKeys = [...target.keys()].filter((key) => !source.has(key));
  const unexpectedKeys = [...source.keys()].filter((key) => !target.has(key));
  const mismatched = [...target].flatMap(([key, tensor]) => {
    const value = source.get(key);
    if (value === undefined || sameDims(value.layout.shape, tensor.layout.shape)) return [];
    return [`${key}: the file has ${showShape(value.layout.shape)}, the model ${showShape(tensor.layout.shape)}`];
  });
  const problems = [
    ...(strict && missingKeys.length > 0 ? [`missing keys: ${missingKeys.join(', ')}`] : []),
    ...(strict && unexpectedKeys.length > 0 ? [`unexpected keys: ${unexpectedKeys.join(', ')}`] : []),
    ...(mismatched.length > 0 ? [`size mismatch: ${mismatched.join('; ')}`] : []),
  ];
  if (problems.length > 0) {
    throw new StateDictError(
      `loadStateDict: the state dict does not fit ${model}; nothing was loaded.\n  ${problems.join('\n  ')}${prefixHint(target, unexpectedKeys)}`,
    );
  }
  noGrad(() => {
    for (const [key, tensor] of target) {
      const value = source.get(key);
      if (value !== undefined) tensor.copy_(value);
    }
  });
  return { missingKeys, unexpectedKeys };
}

/** Names saved from a wrapped model start with the wrapper's field. */
function prefixHint(target: StateDict, unexpected: readonly string[]): string {
  for (const prefix of ['module.', '_orig_mod.', 'model.']) {
    if (
      unexpected.length > 0 &&
      unexpected.every((key) => key.startsWith(prefix) && target.has(key.slice(prefix.length)))
    ) {
      return `\n  every key starts with '${prefix}': remove it from the keys`;
    }
  }
  return strictHint(unexpected);
}

const strictHint = (unexpected: readonly string[]): string =>
  unexpected.length > 0 ? '\n  pass { strict: false } to load only the keys that fit' : '';
