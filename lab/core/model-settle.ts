/** What comes of a model file: blocks that fit one another, and the weights that fit them. */
import type { Tensor } from 'flambeau';
import { ModelError } from './model-blocks.ts';
import { check } from './shapes.ts';
import type { NetworkSpec } from './spec.ts';
import { fitOf } from './state-shapes.ts';

export type State = ReadonlyMap<string, Tensor>;

export interface ModelFile {
  /** The blocks: those that stood, or new ones. */
  readonly network: NetworkSpec;
  readonly isNew: boolean;
  /** Weights under the blocks' names; undefined where only the blocks were taken. */
  readonly weights: State | undefined;
  /** What was done, and what to look at. */
  readonly notes: readonly string[];
}

export const nameOf = (file: string): string =>
  file
    .replace(/\.\w+$/, '')
    .slice(0, 60)
    .trim() || 'From a file';

/** New blocks with the weights that fit them; the last Linear gives one number for each class, where the file's is for as many. */
export function settled(network: NetworkSpec, weights: State, classes: number, notes: readonly string[]): ModelFile {
  const { error, output } = check(network, classes);
  if (output === undefined) throw new ModelError(`The blocks of ${network.name} do not fit one another: ${error}`);
  const last = network.layers.findLastIndex(({ kind }) => kind === 'linear');
  const layer = network.layers[last];
  const same = layer?.kind === 'linear' && layer.outFeatures === classes;
  const layers = network.layers.map((one, i) => (i === last && one.kind === 'linear' ? { ...one, outFeatures: 0 } : one));
  const made: NetworkSpec = { ...network, layers };
  const shapes = new Map([...weights].map(([key, tensor]) => [key, tensor.shape as readonly number[]]));
  const { usable } = fitOf(shapes, made, classes);
  const head =
    same || layer?.kind !== 'linear'
      ? []
      : [`Its last Linear gave ${layer.outFeatures} numbers; now it gives one for each of your ${classes} classes and begins anew.`];
  const kept = usable && new Map(usable.map((key) => [key, weights.get(key)!]));
  return { network: made, isNew: true, weights: kept, notes: [...notes, ...head] };
}
