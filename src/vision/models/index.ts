/**
 * Models for images by torchvision's names, with its layers, options, state-dict keys and initial weights
 * (https://pytorch.org/vision/stable/models.html); EfficientNet-Lite, LeNet and U-Net besides. Weights come from files: `model.loadStateDict(...)`.
 */
export { AlexNet, alexnet, type AlexNetOptions } from './alexnet.ts';
export {
  ConvNeXt,
  convnext_base,
  convnext_large,
  convnext_small,
  convnext_tiny,
  type ConvNeXtOptions,
  type ConvNeXtStage,
} from './convnext.ts';
export { DenseNet, densenet121, densenet161, densenet169, densenet201, type DenseNetOptions } from './densenet.ts';
export {
  EfficientNet,
  efficientnet_b0,
  efficientnet_b1,
  efficientnet_b2,
  efficientnet_b3,
  efficientnet_b4,
  efficientnet_b5,
  efficientnet_b6,
  efficientnet_b7,
  efficientnet_v2_l,
  efficientnet_v2_m,
  efficientnet_v2_s,
  type EfficientNetOptions,
  type EfficientNetStage,
} from './efficientnet.ts';
export {
  EfficientNetLite,
  efficientnet_lite0,
  efficientnet_lite1,
  efficientnet_lite2,
  efficientnet_lite3,
  efficientnet_lite4,
  type EfficientNetLiteOptions,
} from './efficientnet-lite.ts';
export { GoogLeNet, googlenet, type GoogLeNetOptions, type GoogLeNetOutputs } from './googlenet.ts';
export { Inception3, inception_v3, type InceptionOptions, type InceptionOutputs } from './inception.ts';
export { LeNet, lenet, type LeNetOptions } from './lenet.ts';
export { MNASNet, mnasnet0_5, mnasnet0_75, mnasnet1_0, mnasnet1_3, type MNASNetOptions } from './mnasnet.ts';
export { createFeatureExtractor, FeatureExtractor, IntermediateLayerGetter, type ReturnNodes } from './intermediate-layers.ts';
export { modelUrls, type ModelWithWeights } from './model-urls.ts';
export { MobileNetV2, mobilenet_v2, type MobileNetV2Options } from './mobilenetv2.ts';
export {
  MobileNetV3,
  mobilenet_v3_large,
  mobilenet_v3_small,
  type MobileNetV3BuilderOptions,
  type MobileNetV3Options,
  type MobileNetV3Block,
} from './mobilenetv3.ts';
export {
  RegNet,
  regnet_x_400mf,
  regnet_x_800mf,
  regnet_x_1_6gf,
  regnet_x_3_2gf,
  regnet_x_8gf,
  regnet_x_16gf,
  regnet_x_32gf,
  regnet_y_400mf,
  regnet_y_800mf,
  regnet_y_1_6gf,
  regnet_y_3_2gf,
  regnet_y_8gf,
  regnet_y_16gf,
  regnet_y_32gf,
  regnet_y_128gf,
  type RegNetOptions,
  type RegNetParams,
} from './regnet.ts';
export {
  BasicBlock,
  Bottleneck,
  ResNet,
  resnet101,
  resnet152,
  resnet18,
  resnet34,
  resnet50,
  resnext101_32x8d,
  resnext50_32x4d,
  wide_resnet101_2,
  wide_resnet50_2,
  type ResNetOptions,
} from './resnet.ts';
export {
  ShuffleNetV2,
  shufflenet_v2_x0_5,
  shufflenet_v2_x1_0,
  shufflenet_v2_x1_5,
  shufflenet_v2_x2_0,
  type ShuffleNetV2Options,
} from './shufflenetv2.ts';
export { getModel, listModels, type ListModelsOptions, type ModelName } from './registry.ts';
export * as segmentation from './segmentation/index.ts';
export { SqueezeNet, squeezenet1_0, squeezenet1_1, type SqueezeNetOptions } from './squeezenet.ts';
export {
  SwinTransformer,
  swin_b,
  swin_s,
  swin_t,
  swin_v2_b,
  swin_v2_s,
  swin_v2_t,
  type SwinTransformerOptions,
  type SwinTransformerSize,
} from './swin-transformer.ts';
export { fromTimm } from './timm.ts';
export {
  interpolateEmbeddings,
  VisionTransformer,
  vit_b_16,
  vit_b_32,
  vit_h_14,
  vit_l_16,
  vit_l_32,
  type InterpolateEmbeddingsOptions,
  type VisionTransformerOptions,
  type VisionTransformerSize,
} from './vision-transformer.ts';
export { VGG, vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn, type VGGOptions } from './vgg.ts';
