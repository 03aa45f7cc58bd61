/** FCN: J. Long et al., "Fully convolutional networks for semantic segmentation", 2015, as torchvision has it. */
import { FCNHead, resnetBackbone, segmentationOptions, SimpleSegmentationModel, type SegmentationOptions } from './backbones.ts';

export class FCN extends SimpleSegmentationModel {
  static override readonly name: string = 'FCN';
}

function build(op: string, depth: 50 | 101, options: SegmentationOptions | undefined): FCN {
  const { numClasses, auxLoss } = segmentationOptions(op, options);
  const { layers, channels, auxChannels } = resnetBackbone(depth, auxLoss);
  const aux = auxLoss ? new FCNHead(auxChannels, numClasses) : null;
  return new FCN(layers, new FCNHead(channels, numClasses), aux);
}

/** FCN on a ResNet-50, 33.0 million parameters, 35.3 with the second classifier: [N, 3, H, W] → `{ out: [N, numClasses, H, W] }`. */
export const fcn_resnet50 = (options?: SegmentationOptions): FCN => build('fcn_resnet50', 50, options);
/** FCN on a ResNet-101, 52.0 million parameters, 54.3 with the second classifier. */
export const fcn_resnet101 = (options?: SegmentationOptions): FCN => build('fcn_resnet101', 101, options);
