/** Beginning with weights that others have trained. */
import { FormatError, StateDictError } from '../base/errors.ts';
import type { ModuleBase } from '../nn/module-base.ts';
import type { Parameter } from '../nn/parameter.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { findState } from './find-state.ts';
import { inferModel, type ModelName } from './models.ts';
import { headOf, recogniseNetwork, renamedFromTimm } from './networks.ts';

/**
 * Loads a state dict into a network of the same kind; where the classes are others, all but the last layer.
 *
 * @param value - a state dict with torchvision's or timm's keys, or a checkpoint that holds one (see find-state.ts)
 * @param where - what messages call the file
 * @returns whether the last layer came along
 * @throws FormatError when there is no state dict in it
 * @throws StateDictError when it is that of another network, which is named if it is known
 */
export function loadPretrained(network: ModuleBase, value: unknown, where: string): boolean {
  const saved = stateIn(value, where);
  const own = network.stateDict();
  const head = headOf(own);
  const fits = (name: string): boolean => same(own.get(name), saved.get(name));
  const isCount = (name: string): boolean => name.endsWith('.num_batches_tracked') && !saved.has(name); // old files lack them
  const wrong = [...own.keys()].find((name) => !head.includes(name) && !fits(name) && !isCount(name));
  if (wrong !== undefined || head.some((name) => !saved.has(name))) {
    const known = recogniseNetwork(saved);
    const came = known === undefined ? 'those of a network that is not known here' : `those of ${known.name} with ${known.classes} classes`;
    throw new StateDictError(
      `${where}: its weights are ${came}, which do not fit ${network.constructor.name} (${wrong ?? head[0]!}); choose the same network with --model`,
    );
  }
  const isWhole = head.every(fits);
  network.loadStateDict(isWhole ? saved : new Map([...saved].filter(([name]) => !head.includes(name))), {
    strict: isWhole && ![...own.keys()].some(isCount),
  });
  return isWhole;
}

/**
 * The name of the network that weights belong to.
 * @throws FormatError when there is no state dict, StateDictError when it is of none that is known
 */
export function requireNetwork(value: unknown, where: string): ModelName {
  const known = inferModel(stateIn(value, where));
  if (known !== undefined) return known.name;
  throw new StateDictError(
    `${where}: its weights are those of a network that is not known here; expected one of those that flambeau models lists`,
  );
}

const same = (a: Tensor | undefined, b: Tensor | undefined): boolean =>
  a !== undefined && b !== undefined && a.layout.shape.join() === b.layout.shape.join();

function stateIn(value: unknown, where: string): ReadonlyMap<string, Tensor> {
  const found = findState(value);
  if (found !== undefined) return recogniseNetwork(found) === undefined ? (renamedFromTimm(found) ?? found) : found;
  throw new FormatError(`${where}: expected the state dict of a network, but there is none in it`);
}

/** All parameters that learn but those of the last layer, whose names end the state dict. */
export function bodyParameters(network: ModuleBase): Parameter[] {
  const head = headOf(network.stateDict());
  return [...network.namedParameters()]
    .filter(([name, parameter]) => parameter.requiresGrad && !head.includes(name))
    .map(([, parameter]) => parameter);
}
