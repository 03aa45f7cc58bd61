/** What frozen blocks have made of pictures, so that another run of the same beginning and weights begins at once. */
import { frozenBlocks } from '../../core/mobilenet.ts';
import type { FrozenOutputs, Weights } from '../../core/session.ts';
import type { NetworkSpec } from '../../core/spec.ts';

const SEED = {};
const known = new WeakMap<object, Map<string, FrozenOutputs>>();

/** Of a network's frozen beginning, to be added to; undefined where it has none. */
export function frozenOutputsOf(network: NetworkSpec, weights: Weights | undefined, seed: number): FrozenOutputs | undefined {
  const count = frozenBlocks(network.layers);
  if (count === 0) return undefined;
  const of = known.get(weights ?? SEED) ?? new Map<string, FrozenOutputs>();
  known.set(weights ?? SEED, of);
  const key = JSON.stringify([network.layers.slice(0, count), network.size, weights === undefined ? seed : undefined]);
  const outputs: FrozenOutputs = of.get(key) ?? new Map();
  of.set(key, outputs);
  return outputs;
}
