/** What lies in a page that classifies beside its program: a description, and all weights in one row as base64. Written in Node, read in the page. */
import { FormatError } from '../../base/errors.ts';
import { halfBits, widened } from '../../base/half.ts';
import { fromTypedArray } from '../../tensor/create.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { ClassifierInfo } from '../classifier.ts';
import { createModel, type Classifier } from '../models.ts';

/** The classifier without its weights. */
export interface PageDescription extends Pick<ClassifierInfo, 'model' | 'spec' | 'classes'> {
  readonly dtype: 'float32' | 'float16';
  /** Names and shapes of the weights in their order. */
  readonly weights: readonly (readonly [name: string, shape: readonly number[]])[];
}

export interface PageData {
  readonly description: PageDescription;
  readonly weights: Uint8Array;
}

/** Packs weights. Counters of batches, which are int64, are left out: they are for training. */
export function packPage(
  { model, spec, classes }: ClassifierInfo,
  state: ReadonlyMap<string, Tensor>,
  isHalf: boolean,
): PageData {
  // prettier-ignore
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
  return { description: { model, spec, classes, dtype, weights }, weights: bytes };
}

/** The network with its weights, ready for use. @throws FormatError when there are fewer bytes than weights */
export function unpackPage({ description, weights }: PageData): Classifier {
  const network = createModel(description.model, description.spec);
  const state = new Map(network.stateDict());
  let at = 0;
  for (const [name, shape] of description.weights) {
    const count = shape.reduce((a, b) => a * b, 1);
    const end = at + count * (description.dtype === 'float16' ? 2 : 4);
    if (end > weights.length) throw new FormatError(`the page has ${weights.length} bytes of weights, which end before ${name}; it was cut off`); // prettier-ignore
    const piece = weights.slice(at, end).buffer;
    const values =
      description.dtype === 'float16' ? widened(new Uint16Array(piece), 'float16') : new Float32Array(piece);
    state.set(name, fromTypedArray(values, [...shape]));
    at = end;
  }
  network.loadStateDict(state);
  network.eval();
  return network;
}
