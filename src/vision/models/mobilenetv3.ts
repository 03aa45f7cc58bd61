/** MobileNetV3: A. Howard et al., "Searching for MobileNetV3", 2019, as torchvision has it. */
import { BOOL, COUNT, POSITIVE, requireKind, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import * as nn from '../../nn/index.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { Conv2dNormActivation, SqueezeExcitation, type ActivationLayer, type NormLayer } from '../ops/misc.ts';
import { CLASSIFIER_OPTIONS, divisible, NORM_OPTIONS, stagesOf, type ClassifierOptions, type NormOptions } from './channels.ts';

export interface MobileNetV3Options extends ClassifierOptions, NormOptions {
  /** Probability of a feature being left out in training. Default 0.2. */
  readonly dropout?: number;
  /** What batch normalisation adds to variances. Default 0.001. */
  readonly normEps?: number;
  /** The weight of a new batch in the running statistics. Default 0.01. */
  readonly normMomentum?: number;
}

export interface MobileNetV3BuilderOptions extends MobileNetV3Options {
  /** What numbers of channels are multiplied with. Default 1. */
  readonly widthMult?: number;
  /** Whether the last blocks have half the channels, as for segmentation. Default false. */
  readonly reducedTail?: boolean;
  /** Whether dilation stands in for the last stride, so that feature maps stay larger. Default false. */
  readonly dilated?: boolean;
}

/** One block of MobileNetV3. */
export interface MobileNetV3Block {
  readonly inputChannels: number;
  readonly kernel: number;
  readonly expandedChannels: number;
  readonly outChannels: number;
  /** Whether channels are weighed by squeeze and excitation. */
  readonly useSe: boolean;
  /** Whether the activation is Hardswish, not ReLU. */
  readonly useHs: boolean;
  readonly stride: number;
  readonly dilation: number;
}

const hardswish: ActivationLayer = (inplace = false) => new nn.Hardswish(inplace);
const relu: ActivationLayer = (inplace = false) => new nn.ReLU(inplace);

/** Channels expanded, filtered one by one, perhaps weighed, and reduced again, beside a shortcut where sizes allow it. */
class MobileNetV3Residual extends nn.Module {
  static override readonly name: string = 'InvertedResidual';
  block: nn.Sequential;
  readonly outChannels: number;
  /** Whether the block is the first of a stage with a stride, though dilation may stand in for it. */
  readonly isStrided: boolean;
  private readonly _shortcut: boolean;

  constructor(block: MobileNetV3Block, normLayer: NormLayer) {
    super();
    const { inputChannels, kernel, expandedChannels, outChannels, dilation } = block;
    const activationLayer = block.useHs ? hardswish : relu;
    const shared = { normLayer, activationLayer };
    const layers: nn.ModuleBase[] = [];
    if (expandedChannels !== inputChannels)
      layers.push(new Conv2dNormActivation(inputChannels, expandedChannels, { kernelSize: 1, ...shared }));
    const stride = dilation > 1 ? 1 : block.stride;
    layers.push(
      new Conv2dNormActivation(expandedChannels, expandedChannels, {
        kernelSize: kernel,
        stride,
        dilation,
        groups: expandedChannels,
        ...shared,
      }),
    );
    if (block.useSe) {
      const squeezed = divisible(Math.floor(expandedChannels / 4), 8);
      layers.push(new SqueezeExcitation(expandedChannels, squeezed, { scaleActivation: () => new nn.Hardsigmoid() }));
    }
    layers.push(new Conv2dNormActivation(expandedChannels, outChannels, { kernelSize: 1, normLayer, activationLayer: null }));
    this.block = new nn.Sequential(...layers);
    this.outChannels = outChannels;
    this.isStrided = block.stride > 1;
    this._shortcut = block.stride === 1 && inputChannels === outChannels;
  }

  override forward(x: Tensor): Tensor {
    const y = this.block(x);
    return this._shortcut ? y.add(x) : y;
  }
}

const OPTIONS: OptionKinds<MobileNetV3Options> = { ...CLASSIFIER_OPTIONS, ...NORM_OPTIONS };
const BUILDER_OPTIONS: OptionKinds<MobileNetV3BuilderOptions> = {
  ...OPTIONS,
  widthMult: POSITIVE,
  reducedTail: BOOL,
  dilated: BOOL,
};
const BLOCKS = stagesOf('inputChannels', 'kernel', 'expandedChannels', 'outChannels', 'stride', 'dilation');

/** The last part reads as what it is made as, and any other layer may take its place: `model.classifier = new nn.Identity()`. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- an accessor in the types only
export interface MobileNetV3 {
  get classifier(): nn.Sequential;
  set classifier(layer: nn.AnyLayer);
}

export class MobileNetV3 extends nn.Module {
  features: nn.Sequential;
  avgpool: nn.AdaptiveAvgPool2d;

  /** @param lastChannel features of the hidden layer of the classifier */
  constructor(blocks: readonly MobileNetV3Block[], lastChannel: number, options: MobileNetV3Options = {}) {
    super();
    requireKind('MobileNetV3', 'the blocks', blocks, BLOCKS);
    requireKind('MobileNetV3', 'lastChannel', lastChannel, COUNT);
    const given = requireOptions<MobileNetV3Options>('MobileNetV3', options, OPTIONS, '{ numClasses: 10 }');
    const { numClasses = 1000, dropout = 0.2, normEps: eps = 0.001, normMomentum: momentum = 0.01 } = given;
    const normLayer: NormLayer = (channels) => new nn.BatchNorm2d(channels, { eps, momentum });
    const first = blocks[0]!.inputChannels;
    const last = blocks.at(-1)!.outChannels;
    this.features = new nn.Sequential(
      new Conv2dNormActivation(3, first, { stride: 2, normLayer, activationLayer: hardswish }),
      ...blocks.map((block) => new MobileNetV3Residual(block, normLayer)),
      new Conv2dNormActivation(last, 6 * last, { kernelSize: 1, normLayer, activationLayer: hardswish }),
    );
    this.avgpool = new nn.AdaptiveAvgPool2d(1);
    this.classifier = new nn.Sequential(
      new nn.Linear(6 * last, lastChannel),
      new nn.Hardswish(true),
      new nn.Dropout(dropout, true),
      new nn.Linear(lastChannel, numClasses),
    );
    for (const m of this.modules()) {
      if (m instanceof nn.Conv2d) nn.init.kaimingNormal_(m.weight, { mode: 'fanOut' });
      else if (m instanceof nn.Linear) nn.init.normal_(m.weight, 0, 0.01);
      else continue;
      if (m.bias !== null) nn.init.zeros_(m.bias);
    }
  }

  override forward(x: Tensor): Tensor {
    return this.classifier(this.avgpool(this.features(x)).flatten(1));
  }
}

/** A block's input channels, kernel, expanded and output channels, squeeze and excitation, Hardswish, stride. */
type Row = readonly [number, number, number, number, boolean, boolean, number];

const LARGE: readonly Row[] = [
  [16, 3, 16, 16, false, false, 1],
  [16, 3, 64, 24, false, false, 2],
  [24, 3, 72, 24, false, false, 1],
  [24, 5, 72, 40, true, false, 2],
  [40, 5, 120, 40, true, false, 1],
  [40, 5, 120, 40, true, false, 1],
  [40, 3, 240, 80, false, true, 2],
  [80, 3, 200, 80, false, true, 1],
  [80, 3, 184, 80, false, true, 1],
  [80, 3, 184, 80, false, true, 1],
  [80, 3, 480, 112, true, true, 1],
  [112, 3, 672, 112, true, true, 1],
  [112, 5, 672, 160, true, true, 2],
  [160, 5, 960, 160, true, true, 1],
  [160, 5, 960, 160, true, true, 1],
];
const SMALL: readonly Row[] = [
  [16, 3, 16, 16, true, false, 2],
  [16, 3, 72, 24, false, false, 2],
  [24, 3, 88, 24, false, false, 1],
  [24, 5, 96, 40, true, true, 2],
  [40, 5, 240, 40, true, true, 1],
  [40, 5, 240, 40, true, true, 1],
  [40, 5, 120, 48, true, true, 1],
  [48, 5, 144, 48, true, true, 1],
  [48, 5, 288, 96, true, true, 2],
  [96, 5, 576, 96, true, true, 1],
  [96, 5, 576, 96, true, true, 1],
];

/** @param last features of the classifier's hidden layer */
function build(op: string, rows: readonly Row[], last: number, options?: MobileNetV3BuilderOptions): MobileNetV3 {
  const {
    widthMult = 1,
    reducedTail = false,
    dilated = false,
    ...rest
  } = requireOptions<MobileNetV3BuilderOptions>(op, options, BUILDER_OPTIONS, '{ numClasses: 10 }');
  const width = (channels: number): number => divisible(channels * widthMult, 8);
  const divider = reducedTail ? 2 : 1;
  const blocks = rows.map(([input, kernel, expanded, output, useSe, useHs, stride], i): MobileNetV3Block => {
    // The tail is the last three blocks: of the first of them only the output.
    const place = i - (rows.length - 3);
    const [whole, half] = place > 0 ? [divider, divider] : [1, place === 0 ? divider : 1];
    return {
      inputChannels: width(input / whole),
      kernel,
      expandedChannels: width(expanded / whole),
      outChannels: width(output / half),
      useSe,
      useHs,
      stride,
      dilation: dilated && place >= 0 ? 2 : 1,
    };
  });
  return new MobileNetV3(blocks, width(last / divider), rest);
}

/** MobileNetV3 large, 5.5 million parameters; made for 224×224. */
export const mobilenet_v3_large = (options?: MobileNetV3BuilderOptions): MobileNetV3 => build('mobilenet_v3_large', LARGE, 1280, options);
/** MobileNetV3 small, 2.5 million parameters. */
export const mobilenet_v3_small = (options?: MobileNetV3BuilderOptions): MobileNetV3 => build('mobilenet_v3_small', SMALL, 1024, options);
