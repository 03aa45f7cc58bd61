/** The published networks that `flambeau train` offers beside its own, by torchvision's names, and how their state dicts are recognised. */
import type { DeferredState } from '../nn/state-dict.ts';
import type { Tensor } from '../tensor/tensor.ts';
import * as models from '../vision/models/index.ts';
import { NETWORK_PRINTS } from './network-prints.ts';
import type { Classifier } from './models.ts';

type Make = (options: { readonly numClasses: number }) => Classifier;

/** Networks from [N, 3, H, W] to logits [N, classes] in training and evaluation alike. */
const {
  alexnet, convnext_base, convnext_large, convnext_small, convnext_tiny, densenet121, densenet161, densenet169, densenet201, efficientnet_b0,
  efficientnet_b1, efficientnet_b2, efficientnet_b3, efficientnet_b4, efficientnet_b5, efficientnet_b6, efficientnet_b7, efficientnet_lite0,
  efficientnet_lite1, efficientnet_lite2, efficientnet_lite3, efficientnet_lite4, efficientnet_v2_l, efficientnet_v2_m, efficientnet_v2_s, mnasnet0_5,
  mnasnet0_75, mnasnet1_0, mnasnet1_3, mobilenet_v2, mobilenet_v3_large, mobilenet_v3_small, regnet_x_16gf, regnet_x_1_6gf, regnet_x_32gf,
  regnet_x_3_2gf, regnet_x_400mf, regnet_x_800mf, regnet_x_8gf, regnet_y_16gf, regnet_y_1_6gf, regnet_y_32gf, regnet_y_3_2gf, regnet_y_400mf,
  regnet_y_800mf, regnet_y_8gf, resnet101, resnet152, resnet18, resnet34, resnet50, resnext101_32x8d, resnext50_32x4d, shufflenet_v2_x0_5,
  shufflenet_v2_x1_0, shufflenet_v2_x1_5, shufflenet_v2_x2_0, squeezenet1_0, squeezenet1_1, swin_b, swin_s, swin_t, vgg11, vgg11_bn, vgg13, vgg13_bn,
  vgg16, vgg16_bn, vgg19, vgg19_bn, vit_b_16, vit_b_32, wide_resnet101_2, wide_resnet50_2,
} = models; // prettier-ignore

export const NETWORKS = {
  alexnet, convnext_base, convnext_large, convnext_small, convnext_tiny, densenet121, densenet161, densenet169, densenet201, efficientnet_b0,
  efficientnet_b1, efficientnet_b2, efficientnet_b3, efficientnet_b4, efficientnet_b5, efficientnet_b6, efficientnet_b7, efficientnet_lite0,
  efficientnet_lite1, efficientnet_lite2, efficientnet_lite3, efficientnet_lite4, efficientnet_v2_l, efficientnet_v2_m, efficientnet_v2_s, mnasnet0_5,
  mnasnet0_75, mnasnet1_0, mnasnet1_3, mobilenet_v2, mobilenet_v3_large, mobilenet_v3_small, regnet_x_16gf, regnet_x_1_6gf, regnet_x_32gf,
  regnet_x_3_2gf, regnet_x_400mf, regnet_x_800mf, regnet_x_8gf, regnet_y_16gf, regnet_y_1_6gf, regnet_y_32gf, regnet_y_3_2gf, regnet_y_400mf,
  regnet_y_800mf, regnet_y_8gf, resnet101, resnet152, resnet18, resnet34, resnet50, resnext101_32x8d, resnext50_32x4d, shufflenet_v2_x0_5,
  shufflenet_v2_x1_0, shufflenet_v2_x1_5, shufflenet_v2_x2_0, squeezenet1_0, squeezenet1_1, swin_b, swin_s, swin_t, vgg11, vgg11_bn, vgg13, vgg13_bn,
  vgg16, vgg16_bn, vgg19, vgg19_bn, vit_b_16, vit_b_32, wide_resnet101_2, wide_resnet50_2,
} as const; // prettier-ignore

export type NetworkName = keyof typeof NETWORKS;

export const NETWORK_NAMES = Object.keys(NETWORKS) as readonly NetworkName[];

export const isNetworkName = (name: string): name is NetworkName => Object.hasOwn(NETWORKS, name);

export const makeNetwork = (name: NetworkName, numClasses: number): Classifier => (NETWORKS[name] as unknown as Make)({ numClasses }); // prettier-ignore

/** Side of the images that the published weights were trained on; those that stretch further are not in torchvision's order of sizes. */
const SIDES: { readonly [K in NetworkName]?: number } = { efficientnet_lite1: 240, efficientnet_lite2: 260, efficientnet_lite3: 280, efficientnet_lite4: 300, efficientnet_b1: 240, efficientnet_b2: 288, efficientnet_b3: 300, efficientnet_b4: 380, efficientnet_b5: 456, efficientnet_b6: 528, efficientnet_b7: 600, efficientnet_v2_s: 384, efficientnet_v2_m: 480, efficientnet_v2_l: 480 }; // prettier-ignore

export const usualSide = (name: NetworkName): number => SIDES[name] ?? 224;

/** Whether published weights of it expect images from -1 to 1, and not ImageNet's mean and deviation. */
export const isFromMinusOne = (name: NetworkName): boolean => name.startsWith('efficientnet_lite');

/** The shape of an entry; of one that is still in its file it is not read for that. */
const shapeOf = (state: ReadonlyMap<string, Tensor>, name: string): readonly number[] =>
  ('shapeInFile' in state ? (state as DeferredState).shapeInFile(name) : undefined) ?? state.get(name)!.layout.shape;

/** The last layer's weight and bias, whose sizes follow the classes. */
export const headOf = (state: ReadonlyMap<string, Tensor>): readonly string[] => [...state.keys()].slice(-2);

/** 32 bits of the names and shapes of all but the last layer, in order (FNV-1a). */
export function printOf(state: ReadonlyMap<string, Tensor>): number {
  let hash = 0x811c9dc5;
  for (const name of [...state.keys()].slice(0, -2)) {
    for (const letter of `${name} ${shapeOf(state, name).join()}\n`) {
      hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193);
    }
  }
  return hash >>> 0;
}

/** The network that a state dict belongs to, and its number of classes; undefined when it is none of these. */
export function recogniseNetwork(
  state: ReadonlyMap<string, Tensor>,
): { name: NetworkName; classes: number } | undefined {
  if (state.size < 4) return undefined;
  const print = printOf(state);
  const name = NETWORK_NAMES.find((known) => NETWORK_PRINTS[known] === print);
  const [classes, ...more] = shapeOf(state, headOf(state)[1]!);
  return name === undefined || classes === undefined || more.length > 0 ? undefined : { name, classes };
}
