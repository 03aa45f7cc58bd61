/** DeepLabV3: L.-C. Chen et al., "Rethinking atrous convolution for semantic image segmentation", 2017, as torchvision has it. */
import * as nn from '../../../nn/index.ts';
import { cat } from '../../../tensor/functions.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import { conv2d } from '../channels.ts';
import { FCNHead, mobilenetBackbone, resizedLike, resnetBackbone, segmentationOptions, SimpleSegmentationModel, type Backbone, type SegmentationOptions } from './backbones.ts'; // prettier-ignore

/** Channels within the head. */
const WIDTH = 256;

/** 3×3 filters with gaps. */
class ASPPConv extends nn.Sequential {
  constructor(input: number, output: number, dilation: number) {
    super();
    this.append(conv2d(input, output, 3, { padding: dilation, dilation, bias: false }));
    this.append(new nn.BatchNorm2d(output));
    this.append(new nn.ReLU());
  }
}

/** The mean of the whole map, everywhere. */
class ASPPPooling extends nn.Sequential {
  constructor(input: number, output: number) {
    super();
    this.append(new nn.AdaptiveAvgPool2d(1));
    this.append(conv2d(input, output, 1, { bias: false }));
    this.append(new nn.BatchNorm2d(output));
    this.append(new nn.ReLU());
  }

  protected override run(x: Tensor): Tensor {
    return resizedLike(super.run(x), x);
  }
}

const normed = (input: number, ...more: nn.ModuleBase[]): nn.Sequential =>
  new nn.Sequential(...([conv2d(input, WIDTH, 1, { bias: false }), new nn.BatchNorm2d(WIDTH), new nn.ReLU(), ...more] as nn.ModuleBase[]));

/** Filters with gaps of several widths side by side. */
class ASPP extends nn.Module {
  convs: nn.ModuleList;
  project: nn.Sequential;

  constructor(input: number, rates: readonly number[]) {
    super();
    this.convs = new nn.ModuleList([
      normed(input),
      ...rates.map((rate) => new ASPPConv(input, WIDTH, rate)),
      new ASPPPooling(input, WIDTH),
    ]);
    this.project = normed(this.convs.size * WIDTH, new nn.Dropout(0.5));
  }

  override forward(x: Tensor): Tensor {
    return this.project(
      cat(
        [...this.convs].map((conv) => (conv as nn.AnyLayer)(x)),
        1,
      ),
    );
  }
}

/** {@link ASPP}, then a 3×3 convolution, then a 1×1 convolution to the classes. */
class DeepLabHead extends nn.Sequential {
  constructor(inChannels: number, numClasses: number) {
    super();
    this.append(new ASPP(inChannels, [12, 24, 36]));
    this.append(conv2d(WIDTH, WIDTH, 3, { padding: 1, bias: false }));
    this.append(new nn.BatchNorm2d(WIDTH));
    this.append(new nn.ReLU());
    this.append(conv2d(WIDTH, numClasses, 1));
  }
}

export class DeepLabV3 extends SimpleSegmentationModel {
  static override readonly name: string = 'DeepLabV3';
}

function build(op: string, backbone: (aux: boolean) => Backbone, options: SegmentationOptions | undefined): DeepLabV3 {
  const { numClasses, auxLoss } = segmentationOptions(op, options);
  const { layers, channels, auxChannels } = backbone(auxLoss);
  const aux = auxLoss ? new FCNHead(auxChannels, numClasses) : null;
  return new DeepLabV3(layers, new DeepLabHead(channels, numClasses), aux);
}

/** DeepLabV3 on a ResNet-50, 39.6 million parameters, 42.0 with the second classifier: [N, 3, H, W] → `{ out: [N, numClasses, H, W] }`. */
export const deeplabv3_resnet50 = (options?: SegmentationOptions): DeepLabV3 =>
  build('deeplabv3_resnet50', (aux) => resnetBackbone(50, aux), options);
/** DeepLabV3 on a ResNet-101, 58.6 million parameters, 61.0 with the second classifier. */
export const deeplabv3_resnet101 = (options?: SegmentationOptions): DeepLabV3 =>
  build('deeplabv3_resnet101', (aux) => resnetBackbone(101, aux), options);
/** DeepLabV3 on MobileNetV3 large, 11.0 million parameters. */
export const deeplabv3_mobilenet_v3_large = (options?: SegmentationOptions): DeepLabV3 =>
  build('deeplabv3_mobilenet_v3_large', (aux) => mobilenetBackbone({ out: 'out', low: aux ? 'aux' : null }), options);
