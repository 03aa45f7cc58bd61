/** What lies in a page that classifies beside its program: a description, and all weights in one row as base64. Written in Node, read in the page. */
import { FormatError } from '../../base/errors.ts';
import { halfBits, widened } from '../../base/half.ts';
import type { ModuleBase } from '../../nn/module-base.ts';
import { fromTypedArray } from '../../tensor/create.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { ClassifierInfo } from '../classifier.ts';
import { createModel, type Classifier } from '../models.ts';

/** What is known of packed weights. */
export interface WeightsDescription {
  readonly dtype: 'float32' | 'float16';
  /** Names and shapes of the weights in their order. */
  readonly weights: readonly (readonly [name: string, shape: readonly number[]])[];
}

/** The classifier without its weights. */
export interface PageDescription extends WeightsDescription, Pick<ClassifierInfo, 'model' | 'spec' | 'classes'> {}

export interface PageData {
  readonly description: PageDescription;
  readonly weights: Uint8Array;
}

/** Packs weights. Counters of batches, which are int64, are left out: they are for training. */
export function packWeights(
  state: ReadonlyMap<string, Tensor>,
  isHalf: boolean,
): { readonly description: WeightsDescription; readonly weights: Uint8Array } {
  const floats = [...state].filter(([, tensor]) => tensor.dtype === 'float32');
  const dtype = isHalf ? 'float16' : 'float32';
  const pieces = floats.map(([, tensor]) => {
    const values = tensor.detach().toTypedArray() as Float32Array;
    return isHalf ? Uint16Array.from(values, (value) => halfBits('float16', value)) : values;
  });
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength), at);
    at += piece.byteLength;
  }
  const weights = floats.map(([name, tensor]) => [name, tensor.layout.shape] as const);
  return { description: { dtype, weights }, weights: bytes };
}

export function packPage({ model, spec, classes }: ClassifierInfo, state: ReadonlyMap<string, Tensor>, isHalf: boolean): PageData {
  const { description, weights } = packWeights(state, isHalf);
  return { description: { model, spec, classes, ...description }, weights };
}

/** Puts packed weights into the network that they are of. @throws FormatError when there are fewer bytes than weights */
export function unpackWeights(network: ModuleBase, description: WeightsDescription, weights: Uint8Array): void {
  const state = new Map(network.stateDict());
  let at = 0;
  for (const [name, shape] of description.weights) {
    const count = shape.reduce((a, b) => a * b, 1);
    const end = at + count * (description.dtype === 'float16' ? 2 : 4);
    if (end > weights.length)
      throw new FormatError(`the page has ${weights.length} bytes of weights, which end before ${name}; it was cut off`);
    const piece = weights.slice(at, end).buffer;
    const values = description.dtype === 'float16' ? widened(new Uint16Array(piece), 'float16') : new Float32Array(piece);
    state.set(name, fromTypedArray(values, [...shape]));
    at = end;
  }
  network.loadStateDict(state);
  network.eval();
}

/** The network with its weights, ready for use. @throws FormatError when there are fewer bytes than weights */
export function unpackPage({ description, weights }: PageData): Classifier {
  const network = createModel(description.model, description.spec);
  unpackWeights(network, description, weights);
  return network;
}
