/**
 * Image classifiers by torchvision's names, with its layers, options, state-dict keys and initial weights
 * (https://pytorch.org/vision/0.14/models.html). Weights come from files: `model.loadStateDict(...)`.
 */
export { AlexNet, alexnet, type AlexNetOptions } from './alexnet.ts';
export { DenseNet, densenet121, densenet161, densenet169, densenet201, type DenseNetOptions } from './densenet.ts';
export { Inception3, inception_v3, type InceptionOptions, type InceptionOutputs } from './inception.ts';
export { MobileNetV2, mobilenet_v2, type MobileNetV2Options } from './mobilenetv2.ts';
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
export { SqueezeNet, squeezenet1_0, squeezenet1_1, type SqueezeNetOptions } from './squeezenet.ts';
export { VGG, vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn, type VGGOptions } from './vgg.ts';
