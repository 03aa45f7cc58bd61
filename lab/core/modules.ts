/** One block as a module of the library, in its place. */
import { nn, type Tensor } from 'flambeau';
import { ruleOf, type Place } from './layers.ts';
import type { LayerSpec } from './spec.ts';

/** The input plus what the branch makes of it. */
export class Residual extends nn.Module {
  readonly branch: nn.Sequential;
  readonly shortcut: nn.Module;

  constructor(branch: nn.Sequential, shortcut: nn.Module) {
    super();
    this.branch = branch;
    this.shortcut = shortcut;
  }

  forward(x: Tensor): Tensor {
    const made: Tensor = this.branch(x);
    const kept: Tensor = this.shortcut(x);
    return made.add(kept);
  }
}

/** Blocks within a residual block, as far as their modules need to know them. */
type Inner = readonly {
  readonly input: readonly number[] | undefined;
  readonly output: readonly number[] | undefined;
}[];

/** @param inner what is known of the blocks within a residual block */
export function moduleOf(layer: LayerSpec, place: Place, inner: Inner = []): nn.Module {
  if (layer.kind !== 'residual') return ruleOf(layer).make(layer, place);
  const modules = layer.layers.map((one, i) => moduleOf(one, { ...place, shape: inner[i]?.input ?? place.shape }));
  const way = shortcutOf(place.shape, inner.at(-1)?.output ?? place.shape);
  return new Residual(new nn.Sequential(...modules), way === undefined ? new nn.Identity() : moduleOf(way, place));
}

/** What brings the input of a residual block to the shape of its branch: a 1×1 convolution, or nothing where they are alike. */
export function shortcutOf(input: readonly number[], output: readonly number[]): LayerSpec | undefined {
  if (input.join() === output.join()) return undefined;
  if (input.length === 1) return { kind: 'linear', outFeatures: output[0] ?? 1, bias: false };
  const stride = Math.max(1, Math.round((input[1] ?? 1) / (output[1] ?? 1)));
  return { kind: 'conv2d', outChannels: output[0] ?? 1, kernelSize: 1, stride, padding: 0, groups: 1, bias: false };
}
