/** Models that give scores for each pixel, by torchvision's names (https://pytorch.org/vision/stable/models.html#semantic-segmentation). */
export type { SegmentationOptions, SegmentationOutputs } from './backbones.ts';
export { DeepLabV3, deeplabv3_mobilenet_v3_large, deeplabv3_resnet101, deeplabv3_resnet50 } from './deeplabv3.ts';
export { FCN, fcn_resnet101, fcn_resnet50 } from './fcn.ts';
export { LRASPP, lraspp_mobilenet_v3_large, type LRASPPOptions } from './lraspp.ts';
export { UNet, unet, type UNetOptions } from './unet.ts';
