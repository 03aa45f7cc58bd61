/** LRASPP, the segmentation head of A. Howard et al., "Searching for MobileNetV3", 2019, as torchvision has it. */
import { COUNT, requireOptions, type OptionKinds } from '../../../base/arguments.ts';
import * as nn from '../../../nn/index.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import { conv2d } from '../channels.ts';
import type { IntermediateLayerGetter } from '../intermediate-layers.ts';
import { mobilenetBackbone, resizedLike, type SegmentationOutputs } from './backbones.ts';

export interface LRASPPOptions {
  /** Default 21, those of PASCAL VOC with the background. */
  readonly numClasses?: number;
}

const sequence = (...layers: nn.ModuleBase[]): nn.Sequential => new nn.Sequential(...layers);

/** Late maps, weighed by their means, and early ones, each to classes, added. */
class LRASPPHead extends nn.Module<(maps: Record<string, Tensor>) => Tensor> {
  cbr: nn.Sequential;
  scale: nn.Sequential;
  low_classifier: nn.Conv2d;
  high_classifier: nn.Conv2d;

  constructor(lowChannels: number, highChannels: number, numClasses: number, inner: number) {
    super();
    const pointwise = (): nn.Conv2d => conv2d(highChannels, inner, 1, { bias: false });
    this.cbr = sequence(pointwise(), new nn.BatchNorm2d(inner), new nn.ReLU(true));
    this.scale = sequence(new nn.AdaptiveAvgPool2d(1), pointwise(), new nn.Sigmoid());
    this.low_classifier = conv2d(lowChannels, numClasses, 1);
    this.high_classifier = conv2d(inner, numClasses, 1);
  }

  override forward(maps: Record<string, Tensor>): Tensor {
    const [low, high] = [maps['low']!, maps['high']!];
    const weighed = this.cbr(high).mul(this.scale(high));
    return this.low_classifier(low).add(this.high_classifier(resizedLike(weighed, low)));
  }
}

export class LRASPP extends nn.Module<(x: Tensor) => SegmentationOutputs> {
  backbone: IntermediateLayerGetter;
  classifier: LRASPPHead;

  /** @param backbone gives early maps called `low` and late ones called `high` */
  constructor(backbone: IntermediateLayerGetter, lowChannels: number, highChannels: number, numClasses: number, interChannels = 128) {
    super();
    this.backbone = backbone;
    this.classifier = new LRASPPHead(lowChannels, highChannels, numClasses, interChannels);
  }

  override forward(x: Tensor): SegmentationOutputs {
    return { out: resizedLike(this.classifier(this.backbone(x)), x) };
  }
}

const OPTIONS: OptionKinds<LRASPPOptions> = { numClasses: COUNT };

/** LRASPP on MobileNetV3 large, 3.2 million parameters: [N, 3, H, W] → `{ out: [N, numClasses, H, W] }`. */
export function lraspp_mobilenet_v3_large(options?: LRASPPOptions): LRASPP {
  const { numClasses = 21 } = requireOptions<LRASPPOptions>('lraspp_mobilenet_v3_large', options, OPTIONS, '{ numClasses: 2 }');
  const { layers, channels, auxChannels } = mobilenetBackbone({ out: 'high', low: 'low' });
  return new LRASPP(layers, auxChannels, channels, numClasses);
}
