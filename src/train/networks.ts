/** The published networks that `flambeau train` offers beside its own, by torchvision's names, and how their state dicts are recognised. */
import type { DeferredState } from '../nn/state-dict.ts';
import type { Tensor } from '../tensor/tensor.ts';
import * as models from '../vision/models/index.ts';
import { NETWORK_PRINTS } from './network-prints.ts';
import type { Classifier } from './models.ts';

/** From [N, 3, H, W] to logits [N, classes], in training and evaluation alike. */
export type NetworkName = keyof typeof NETWORK_PRINTS;

export const NETWORK_NAMES = Object.keys(NETWORK_PRINTS) as readonly NetworkName[];

export const isNetworkName = (name: string): name is NetworkName => Object.hasOwn(NETWORK_PRINTS, name);

type Make = (options: { readonly numClasses: number }) => Classifier;

export const makeNetwork = (name: NetworkName, numClasses: number): Classifier => (models[name] as unknown as Make)({ numClasses }); // prettier-ignore

/** Side of the images that the published weights were trained on; those that stretch further are not in torchvision's order of sizes. */
const SIDES: { readonly [K in NetworkName]?: number } = { efficientnet_lite1: 240, efficientnet_lite2: 260, efficientnet_lite3: 280, efficientnet_lite4: 300, efficientnet_b1: 240, efficientnet_b2: 288, efficientnet_b3: 300, efficientnet_b4: 380, efficientnet_b5: 456, efficientnet_b6: 528, efficientnet_b7: 600, efficientnet_v2_s: 384, efficientnet_v2_m: 480, efficientnet_v2_l: 480 }; // prettier-ignore

export const usualSide = (name: NetworkName): number => SIDES[name] ?? 224;

/** The networks that the Python package torchvision has under the same name. */
export type TorchvisionName = Exclude<NetworkName, `efficientnet_lite${string}`>;

export const isFromTorchvision = (name: string): name is TorchvisionName => isNetworkName(name) && !name.startsWith('efficientnet_lite'); // prettier-ignore

/** Whether published weights of it expect images from -1 to 1, and not ImageNet's mean and deviation. */
export const isFromMinusOne = (name: NetworkName): boolean => name.startsWith('efficientnet_lite');

/** The shape of an entry; of one that is still in its file it is not read for that. */
const shapeOf = (state: ReadonlyMap<string, Tensor>, name: string): readonly number[] =>
  ('shapeInFile' in state ? (state as DeferredState).shapeInFile(name) : undefined) ?? state.get(name)!.layout.shape;

/** The last layer's weight and bias, whose sizes follow the classes. */
export const headOf = (state: ReadonlyMap<string, Tensor>): readonly string[] => [...state.keys()].slice(-2);

/** Names and shapes of weights, in order. */
export type Shapes = readonly (readonly [name: string, shape: readonly number[]])[];

const shapesOf = (state: ReadonlyMap<string, Tensor>): Shapes => [...state.keys()].map((name) => [name, shapeOf(state, name)]); // prettier-ignore

/** 32 bits of the names and shapes of all but the last layer, in order (FNV-1a). */
export const printOf = (state: ReadonlyMap<string, Tensor>): number => printOfShapes(shapesOf(state));

function printOfShapes(shapes: Shapes): number {
  let hash = 0x811c9dc5;
  for (const [name, shape] of shapes.slice(0, -2)) {
    for (const letter of `${name} ${shape.join()}\n`) {
      hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193);
    }
  }
  return hash >>> 0;
}

/** The network that a state dict belongs to, and its number of classes; undefined when it is none of these. */
export const recogniseNetwork = (state: ReadonlyMap<string, Tensor>): { name: NetworkName; classes: number } | undefined => recogniseShapes(shapesOf(state)); // prettier-ignore

/** As {@link recogniseNetwork}, where nothing but names and shapes is known. */
export function recogniseShapes(shapes: Shapes): { name: NetworkName; classes: number } | undefined {
  if (shapes.length < 4) return undefined;
  const print = printOfShapes(shapes);
  const name = NETWORK_NAMES.find((known) => NETWORK_PRINTS[known] === print);
  const [classes, ...more] = shapes.at(-1)![1];
  return name === undefined || classes === undefined || more.length > 0 ? undefined : { name, classes };
}
