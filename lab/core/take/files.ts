/** A network as files that other programs open. */
import { getRngState, setRngState, zeros, type nn } from 'flambeau';
import { serialize } from 'flambeau/files';
import { serializeOnnx } from 'flambeau/onnx';
import { packWeights, type WeightsDescription } from '../../../src/train/export/page-data.ts';
import { build } from '../build.ts';
import type { PictureSet } from '../dataset.ts';
import type { NetworkSpec } from '../spec.ts';

/** What lies in a page that classifies, beside its program and its weights. */
export interface PageDescription extends WeightsDescription {
  readonly spec: NetworkSpec;
  readonly classes: readonly string[];
}

/** The state dict, as torch.save and safetensors' save_file write it. */
export const weightsFile = (network: nn.Module, format: 'pt' | 'safetensors'): Uint8Array => serialize(network.stateDict(), { format });

/** Scores before softmax of float32 [N, channels, size, size] between -1 and 1; any N. */
export function onnxFile(network: nn.Sequential, spec: NetworkSpec, classes: readonly string[]): Uint8Array {
  const docString = `${spec.name}: scores of ${classes.join(', ')} for pixels / 127.5 - 1`;
  const example = zeros(1, spec.channels, spec.size, spec.size);
  return serializeOnnx(network, example, { outputNames: ['scores'], docString });
}

export function pageParts(
  network: nn.Module,
  spec: NetworkSpec,
  classes: readonly string[],
): { readonly description: PageDescription; readonly weights: Uint8Array } {
  const { description, weights } = packWeights(network.stateDict(), false);
  return { description: { spec, classes, ...description }, weights };
}

/** Bytes of pictures and their labels as torch.load gives them: a dict of tensors, and the names of the classes. */
export const picturesFile = (train: PictureSet, valid: PictureSet, classes: readonly string[]): Uint8Array =>
  serialize({
    images: train.images,
    labels: train.labels,
    valid_images: valid.images,
    valid_labels: valid.labels,
    classes: [...classes],
  });

/** A network of its own with these weights, or those that the seed gives. A run's random numbers stay where they are. */
export function copyOf(spec: NetworkSpec, classes: number, seed: number, weights?: ReturnType<nn.Module['stateDict']>): nn.Sequential {
  const random = getRngState();
  try {
    const { network, error } = build(spec, classes, seed);
    if (error !== undefined) throw new Error(error);
    if (weights !== undefined) network.loadStateDict(weights);
    network.eval();
    return network;
  } finally {
    setRngState(random);
  }
}
