/** Model files that visitors open: weights for the blocks that stand, or blocks made of what is in the file. Nothing in a file is run but the operators of ONNX. */
import type { Tensor } from 'flambeau';
import { deserialize } from 'flambeau/files';
import { findState } from '../../src/train/find-state.ts';
import { inferBlocks, ModelError } from './model-blocks.ts';
import { asMobileNetBlock } from './mobilenet.ts';
import { nameOf, settled, type ModelFile, type State } from './model-settle.ts';
import { readOnnx } from './onnx-blocks.ts';
import type { NetworkSpec } from './spec.ts';
import { fitOf } from './state-shapes.ts';
import { TEMPLATES } from './templates.ts';

/**
 * Reads a `.pt`, safetensors or ONNX file.
 * @throws FormatError for a damaged or hostile one, ModelError with what does not fit and what to do
 */
export function readModelFile(bytes: Uint8Array, name: string, network: NetworkSpec, classes: number): ModelFile {
  if (/\.onnx$/i.test(name)) return readOnnx(bytes, name, classes);
  const state = findState(deserialize(bytes));
  if (state === undefined) {
    throw new ModelError(`${name} holds no weights by name: save it with torch.save(model.state_dict(), "${plain(name)}")`);
  }
  const shapes = new Map([...state].map(([key, tensor]) => [key, tensor.shape as readonly number[]]));
  const mobile = asMobileNetBlock(state);
  if (mobile !== undefined) return mobileNet(mobile, network);
  const fit = fitOf(shapes, network, classes);
  if (fit.all) return { network, isNew: false, weights: state, notes: [`All ${state.size} tensors fit your blocks.`] };
  if (fit.usable !== undefined) {
    const weights = new Map(fit.usable.map((key) => [key, state.get(key)!]));
    return {
      network,
      isNew: false,
      weights,
      notes: [`All but the last block's weights fit: it begins anew, for your ${classes} classes.`],
    };
  }
  return fromBlocks(state, shapes, name, classes);
}

/** The blocks that stand, where they begin with MobileNetV2's, or those of the template. */
function mobileNet(weights: State, network: NetworkSpec): ModelFile {
  const stands = network.layers[0]?.kind === 'mobileNetV2';
  const template = TEMPLATES.find(({ network: { layers } }) => layers[0]?.kind === 'mobileNetV2')!;
  const notes = [
    'These are the weights of MobileNetV2. Its convolutions stay as they are; the blocks behind them are trained, for your classes.',
  ];
  return { network: stands ? network : template.network, isNew: !stands, weights, notes };
}

const plain = (name: string): string => name.replace(/[^\w.-]/g, '_');

/** The blocks that the shapes tell. */
function fromBlocks(state: State, shapes: ReadonlyMap<string, readonly number[]>, name: string, classes: number): ModelFile {
  let inferred: ReturnType<typeof inferBlocks>;
  try {
    inferred = inferBlocks(shapes);
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    throw new ModelError(
      `The weights of ${name} fit neither your blocks nor a chain of blocks: ${error.message}. Build the blocks that they were saved from, then open the file again.`,
    );
  }
  const { layers, channels, size, places } = inferred;
  const renamed = new Map<string, Tensor>();
  for (const [key, tensor] of state) {
    const dot = key.lastIndexOf('.');
    renamed.set(`${places.get(key.slice(0, Math.max(0, dot)))}.${key.slice(dot + 1)}`, tensor);
  }
  const notes = ['A file of weights does not say strides, paddings, activations and poolings: look at them, they are a guess.'];
  return settled({ name: nameOf(name), channels, size, layers }, renamed, classes, notes);
}
