/** Which pictures a network takes for alike: those whose features before the last layer point the same way. */
import { cat, nn, noGrad, type Tensor } from 'flambeau';
import { functional as F } from 'flambeau/nn';
import { normalised } from '../dataset.ts';
import type { LayerSpec } from '../spec.ts';
import { evaluated, floats } from './look.ts';

export interface Neighbour {
  /** Place in the set. */
  readonly index: number;
  /** Cosine of the angle between the features: 1 is the same direction. */
  readonly similarity: number;
}

/** Numbers of pictures that go through the network together. */
const TOGETHER = 64;

/** What the last linear layer gets, a row for each picture; of networks without one, the scores. */
function featuresOf(network: nn.Sequential, layers: readonly LayerSpec[], x: Tensor): Tensor {
  const last = layers.findLastIndex(({ kind }) => kind === 'linear');
  const modules = ([...network.children()] as nn.Module[]).slice(0, last < 0 ? undefined : last);
  return modules.reduce<Tensor>((value, module) => module(value), x).flatten(1);
}

/**
 * Features of a whole set of bytes [N, channels, size, size], brought to length 1.
 * @param between - waited for between two pieces, so that others have their turn
 */
export async function setFeatures(
  network: nn.Sequential,
  layers: readonly LayerSpec[],
  images: Tensor,
  between: () => Promise<void>,
): Promise<Tensor> {
  const rows: Tensor[] = [];
  for (let i = 0; i < images.size(0); i += TOGETHER) {
    const some: Tensor = images.narrow(0, i, Math.min(TOGETHER, images.size(0) - i));
    rows.push(evaluated(network, () => noGrad(() => featuresOf(network, layers, normalised(some)))));
    await between();
  }
  return noGrad(() => F.normalize(cat(rows, 0), { dim: 1 }));
}

/** The most alike first. `features` are those of the set. */
export function nearest(network: nn.Sequential, layers: readonly LayerSpec[], x: Tensor, features: Tensor, count: number): Neighbour[] {
  const similarity = evaluated(network, () =>
    noGrad(() => {
      const own = F.normalize(featuresOf(network, layers, x), { dim: 1 });
      return floats(features.matmul(own.view(-1)));
    }),
  );
  return [...similarity]
    .map((value, index) => ({ index, similarity: value }))
    .sort((a, b) => b.similarity - a.similarity || a.index - b.index)
    .slice(0, count);
}
