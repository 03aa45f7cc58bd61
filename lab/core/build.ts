/** From blocks to a network of the library. */
import { manualSeed, nn } from 'flambeau';
import { moduleOf } from './modules.ts';
import { check, type BlockShape, type Checked } from './shapes.ts';
import type { NetworkSpec } from './spec.ts';

export { Residual } from './modules.ts';
export type { BlockShape };

export interface Built extends Checked {
  /** Where a block does not fit, the blocks before it only. */
  readonly network: nn.Sequential;
}

/**
 * Makes the network with the initial weights of a seed: the same as PyTorch draws for the same layers after `torch.manual_seed(seed)`.
 */
export function build(network: NetworkSpec, classes: number, seed: number): Built {
  const checked = check(network, classes);
  manualSeed(seed);
  const fitting = checked.blocks.findIndex(({ output }) => output === undefined);
  const layers = fitting === -1 ? network.layers : network.layers.slice(0, fitting);
  const modules = layers.map((layer, i) => {
    const { input = [], inner } = checked.blocks[i]!;
    return moduleOf(layer, { shape: input, classes }, inner);
  });
  return { ...checked, network: new nn.Sequential(...modules) };
}
