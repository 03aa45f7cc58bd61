/** The classifiers of which segmentation models take feature maps, and the form that most of these models have. */
import { BOOL, COUNT, requireOptions, type OptionKinds } from '../../../base/arguments.ts';
import { interpolate } from '../../../nn/functional.ts';
import * as nn from '../../../nn/index.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import { conv2d } from '../channels.ts';
import { IntermediateLayerGetter } from '../intermediate-layers.ts';
import { mobilenet_v3_large } from '../mobilenetv3.ts';
import { resnet101, resnet50 } from '../resnet.ts';

export interface SegmentationOptions {
  /** Default 21, those of PASCAL VOC with the background. */
  readonly numClasses?: number;
  /** Whether there is a second classifier on earlier feature maps, which helps in training. Default false. */
  readonly auxLoss?: boolean;
}

/** Scores of each class for each pixel of the input: [N, numClasses, H, W]. */
export interface SegmentationOutputs {
  readonly out: Tensor;
  /** Of the second classifier, if there is one. */
  readonly aux?: Tensor;
}

const OPTIONS: OptionKinds<SegmentationOptions> = { numClasses: COUNT, auxLoss: BOOL };

/** Options of a segmentation model, with torchvision's defaults. */
export const segmentationOptions = (op: string, options: unknown): Required<SegmentationOptions> => ({
  numClasses: 21,
  auxLoss: false,
  ...requireOptions<SegmentationOptions>(op, options, OPTIONS, '{ numClasses: 2 }'),
});

/** Maps resized to the height and width of another tensor. */
export function resizedLike(x: Tensor, like: Tensor): Tensor {
  const size = like.layout.shape.slice(-2);
  return interpolate(x, { size, mode: 'bilinear', alignCorners: false });
}

/** What gives the feature maps, and how many channels they have. */
export interface Backbone {
  readonly layers: IntermediateLayerGetter;
  readonly channels: number;
  /** Of the earlier maps. */
  readonly auxChannels: number;
}

/** A ResNet whose last two stages have dilation in place of strides: maps of an eighth of the height and width. */
export function resnetBackbone(depth: 50 | 101, aux: boolean): Backbone {
  const replaceStrideWithDilation = [false, true, true] as const;
  const model = depth === 50 ? resnet50({ replaceStrideWithDilation }) : resnet101({ replaceStrideWithDilation });
  const layers = new IntermediateLayerGetter(model, { layer4: 'out', ...(aux ? { layer3: 'aux' } : {}) });
  return { layers, channels: 2048, auxChannels: 1024 };
}

interface Mapped extends nn.ModuleBase {
  readonly outChannels: number;
  readonly isStrided?: boolean;
}

/**
 * MobileNetV3 large with dilation in its last stage: maps of a sixteenth of the height and width, and those of an eighth.
 * @param names what both are called; null where the earlier ones are not asked for
 */
export function mobilenetBackbone({ out, low }: { readonly out: string; readonly low: string | null }): Backbone {
  const { features } = mobilenet_v3_large({ dilated: true });
  const blocks = [...features.children()] as nn.ModuleBase[] as Mapped[];
  const stages = [0, ...blocks.flatMap((block, i) => (block.isStrided === true ? [i] : [])), blocks.length - 1];
  const [last, early] = [stages.at(-1)!, stages.at(-4)!];
  const layers = new IntermediateLayerGetter(features, { [last]: out, ...(low === null ? {} : { [early]: low }) });
  return { layers, channels: blocks[last]!.outChannels, auxChannels: blocks[early]!.outChannels };
}

/** A backbone, a classifier of its maps, perhaps another for earlier ones; scores are resized to the input's height and width. */
export class SimpleSegmentationModel extends nn.Module<(x: Tensor) => SegmentationOutputs> {
  static override readonly name: string = '_SimpleSegmentationModel';
  backbone: IntermediateLayerGetter;
  classifier: nn.Sequential;
  aux_classifier: nn.Sequential | null;

  /** @param backbone gives maps called `out`, and `aux` where there is a second classifier */
  constructor(backbone: IntermediateLayerGetter, classifier: nn.Sequential, auxClassifier: nn.Sequential | null = null) {
    super();
    this.backbone = backbone;
    this.classifier = classifier;
    this.aux_classifier = auxClassifier;
  }

  override forward(x: Tensor): SegmentationOutputs {
    const maps = this.backbone(x);
    const out = resizedLike(this.classifier(maps['out']!), x);
    if (this.aux_classifier === null) return { out };
    return { out, aux: resizedLike(this.aux_classifier(maps['aux']!), x) };
  }
}

/** A 3×3 convolution to a quarter of the channels, then a 1×1 convolution to the classes. */
export class FCNHead extends nn.Sequential {
  constructor(inChannels: number, channels: number) {
    super();
    const inner = Math.floor(inChannels / 4);
    this.append(conv2d(inChannels, inner, 3, { padding: 1, bias: false }));
    this.append(new nn.BatchNorm2d(inner));
    this.append(new nn.ReLU());
    this.append(new nn.Dropout(0.1));
    this.append(conv2d(inner, channels, 1));
  }
}
