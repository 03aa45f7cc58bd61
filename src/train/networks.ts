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

export const makeNetwork = (name: NetworkName, numClasses: number): Classifier => (models[name] as unknown as Make)({ numClasses });

/** Side of the images that the published weights were trained on; those that stretch further are not in torchvision's order of sizes. */
const SIDES: { readonly [K in NetworkName]?: number } = { efficientnet_lite1: 240, efficientnet_lite2: 260, efficientnet_lite3: 280, efficientnet_lite4: 300, efficientnet_b1: 240, efficientnet_b2: 288, efficientnet_b3: 300, efficientnet_b4: 380, efficientnet_b5: 456, efficientnet_b6: 528, efficientnet_b7: 600, efficientnet_v2_s: 384, efficientnet_v2_m: 480, efficientnet_v2_l: 480 }; // prettier-ignore

export const usualSide = (name: NetworkName): number => SIDES[name] ?? 224;

/** The networks that the Python package torchvision has under the same name. */
export type TorchvisionName = Exclude<NetworkName, `efficientnet_lite${string}`>;

export const isFromTorchvision = (name: string): name is TorchvisionName => isNetworkName(name) && !name.startsWith('efficientnet_lite');

/** Whether published weights of it expect images from -1 to 1, and not ImageNet's mean and deviation. */
export const isFromMinusOne = (name: NetworkName): boolean => name.startsWith('efficientnet_lite');

/** The shape of an entry; of one that is still in its file it is not read for that. */
const shapeOf = (state: ReadonlyMap<string, Tensor>, name: string): readonly number[] =>
  ('shapeInFile' in state ? (state as DeferredState).shapeInFile(name) : undefined) ?? state.get(name)!.layout.shape;

/** The last layer's weight and bias, whose sizes follow the classes. */
export const headOf = (state: ReadonlyMap<string, Tensor>): readonly string[] => [...state.keys()].slice(-2);

/** Names and shapes of weights, in order. */
export type Shapes = readonly (readonly [name: string, shape: readonly number[]])[];

const shapesOf = (state: ReadonlyMap<string, Tensor>): Shapes => [...state.keys()].map((name) => [name, shapeOf(state, name)]);

/** Where the last layer is: the first of these that there is. */
const HEADS = ['fc', '_fc', 'heads.head', 'head', 'classifier', 'classifier.6', 'classifier.3', 'classifier.2', 'classifier.1'];

/** 32 bits of the names and shapes of all but the last layer (FNV-1a of each, added up), in whatever order they come: safetensors files sort them, and old files lack counts of batches. */
export const printOf = (state: ReadonlyMap<string, Tensor>): number => printOfShapes(shapesOf(state));

function printOfShapes(shapes: Shapes, head = headName(shapes)): number {
  const left = [`${head}.weight`, `${head}.bias`];
  let sum = 0;
  for (const [name, shape] of shapes) {
    if (left.includes(name) || name.endsWith('.num_batches_tracked')) continue;
    let hash = 0x811c9dc5;
    for (const letter of `${name} ${shape.join()}`) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193);
    sum = (sum + Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)) | 0;
  }
  return sum >>> 0;
}

function headName(shapes: Shapes): string | undefined {
  const names = new Set(shapes.map(([name]) => name));
  return HEADS.find((head) => names.has(`${head}.weight`) && names.has(`${head}.bias`));
}

/** The network that a state dict belongs to, and its number of classes; undefined when it is none of these. */
export const recogniseNetwork = (state: ReadonlyMap<string, Tensor>): { name: NetworkName; classes: number } | undefined =>
  recogniseShapes(shapesOf(state));

/** As {@link recogniseNetwork}, where nothing but names and shapes is known. */
export function recogniseShapes(shapes: Shapes): { name: NetworkName; classes: number } | undefined {
  const head = headName(shapes);
  if (head === undefined || shapes.length < 4) return undefined;
  const print = printOfShapes(shapes, head);
  const name = NETWORK_NAMES.find((known) => NETWORK_PRINTS[known] === print);
  const [classes, ...more] = shapes.find(([name]) => name === `${head}.bias`)![1];
  return name === undefined || classes === undefined || more.length > 0 ? undefined : { name, classes };
}

/** A network of each family whose keys timm writes otherwise, and a key that only the family has. */
const TIMM: readonly (readonly [sign: string, of: NetworkName])[] = [
  ['patch_embed.norm.weight', 'swin_t'],
  ['patch_embed.proj.weight', 'vit_b_16'],
  ['stem.conv.weight', 'regnet_y_400mf'],
  ['stem.0.weight', 'convnext_tiny'],
  ['pre_logits.fc1.weight', 'vgg11'],
  ['conv_stem.weight', 'efficientnet_b0'],
  ['conv_stem.weight', 'mobilenet_v2'],
  ['conv_stem.weight', 'mobilenet_v3_small'],
];

/** A state dict of timm with torchvision's keys; undefined when it is of no network that is known here, or has those keys anyway. */
export function renamedFromTimm(state: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Tensor> | undefined {
  for (const [sign, of] of TIMM) {
    const renamed = state.has(sign) ? models.fromTimm(state, of) : undefined;
    if (renamed !== undefined && recogniseNetwork(renamed) !== undefined) return renamed;
  }
  return undefined;
}
