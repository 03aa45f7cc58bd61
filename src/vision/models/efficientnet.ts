/**
 * EfficientNet: M. Tan, Q. Le, "EfficientNet: Rethinking model scaling for convolutional neural networks", 2019, and "EfficientNetV2: Smaller
 * models and faster training", 2021, as torchvision has them.
 */
import { COUNT, orNull, PROBABILITY, requireKind, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import * as nn from '../../nn/index.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { Conv2dNormActivation, SqueezeExcitation, type ActivationLayer, type NormLayer } from '../ops/misc.ts';
import { StochasticDepth } from '../ops/stochastic-depth.ts';
import { CLASSIFIER_OPTIONS, divisible, NORM_OPTIONS, stagesOf, type ClassifierOptions, type NormOptions } from './channels.ts';

/** Blocks of one kind, one after the other. */
export interface EfficientNetStage {
  /** Whether one convolution expands and filters, as in the first stages of V2. Default false. */
  readonly fused?: boolean;
  readonly expandRatio: number;
  readonly kernel: number;
  /** Of the first block. */
  readonly stride: number;
  readonly inputChannels: number;
  readonly outChannels: number;
  readonly numLayers: number;
}

export interface EfficientNetOptions extends ClassifierOptions, NormOptions {
  /** Probability of a feature being left out in training. Default 0.2, more in larger ones. */
  readonly dropout?: number;
  /** Probability of the last block being left out in training; earlier ones have less, in proportion. Default 0.2. */
  readonly stochasticDepthProb?: number;
  /** Features before the classifier. Default null: four times the last stage's. */
  readonly lastChannel?: number | null;
}

const silu: ActivationLayer = (inplace = false) => new nn.SiLU(inplace);

/** Channels expanded, filtered one by one, weighed, and reduced again, beside a shortcut where sizes allow it. */
class MBConv extends nn.Module {
  block: nn.Sequential;
  stochastic_depth: StochasticDepth;
  readonly outChannels: number;
  private readonly _shortcut: boolean;

  constructor(stage: EfficientNetStage, depthProb: number, normLayer: NormLayer) {
    super();
    const { inputChannels, outChannels, kernel, stride } = stage;
    const shared = { normLayer, activationLayer: silu };
    const expanded = divisible(inputChannels * stage.expandRatio, 8);
    const layers: nn.ModuleBase[] = [];
    if (expanded !== inputChannels) layers.push(new Conv2dNormActivation(inputChannels, expanded, { kernelSize: 1, ...shared }));
    layers.push(
      new Conv2dNormActivation(expanded, expanded, { kernelSize: kernel, stride, groups: expanded, ...shared }),
      new SqueezeExcitation(expanded, Math.max(1, Math.floor(inputChannels / 4)), { activation: () => silu(true) }),
      new Conv2dNormActivation(expanded, outChannels, { kernelSize: 1, normLayer, activationLayer: null }),
    );
    this.block = new nn.Sequential(...layers);
    this.stochastic_depth = new StochasticDepth(depthProb, 'row');
    this.outChannels = outChannels;
    this._shortcut = stride === 1 && inputChannels === outChannels;
  }

  override forward(x: Tensor): Tensor {
    const y = this.block(x);
    return this._shortcut ? this.stochastic_depth(y).add(x) : y;
  }
}

/** As {@link MBConv}, with one convolution in place of the first two, and nothing weighed. */
class FusedMBConv extends nn.Module {
  block: nn.Sequential;
  stochastic_depth: StochasticDepth;
  readonly outChannels: number;
  private readonly _shortcut: boolean;

  constructor(stage: EfficientNetStage, depthProb: number, normLayer: NormLayer) {
    super();
    const { inputChannels, outChannels, kernel, stride } = stage;
    const first = { kernelSize: kernel, stride, normLayer, activationLayer: silu };
    const expanded = divisible(inputChannels * stage.expandRatio, 8);
    const layers: nn.ModuleBase[] =
      expanded === inputChannels
        ? [new Conv2dNormActivation(inputChannels, outChannels, first)]
        : [
            new Conv2dNormActivation(inputChannels, expanded, first),
            new Conv2dNormActivation(expanded, outChannels, { kernelSize: 1, normLayer, activationLayer: null }),
          ];
    this.block = new nn.Sequential(...layers);
    this.stochastic_depth = new StochasticDepth(depthProb, 'row');
    this.outChannels = outChannels;
    this._shortcut = stride === 1 && inputChannels === outChannels;
  }

  override forward(x: Tensor): Tensor {
    const y = this.block(x);
    return this._shortcut ? this.stochastic_depth(y).add(x) : y;
  }
}

const OPTIONS: OptionKinds<EfficientNetOptions> = {
  ...CLASSIFIER_OPTIONS,
  ...NORM_OPTIONS,
  stochasticDepthProb: PROBABILITY,
  lastChannel: orNull(COUNT),
};
const STAGES = stagesOf('expandRatio', 'kernel', 'stride', 'inputChannels', 'outChannels', 'numLayers');

/** The last part reads as what it is made as, and any other layer may take its place: `model.classifier = new nn.Identity()`. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- an accessor in the types only
export interface EfficientNet {
  get classifier(): nn.Sequential;
  set classifier(layer: nn.AnyLayer);
}

export class EfficientNet extends nn.Module {
  features: nn.Sequential;
  avgpool: nn.AdaptiveAvgPool2d;

  constructor(stages: readonly EfficientNetStage[], options: EfficientNetOptions = {}) {
    super();
    requireKind('EfficientNet', 'the stages', stages, STAGES);
    const given = requireOptions<EfficientNetOptions>('EfficientNet', options, OPTIONS, '{ numClasses: 10 }');
    const { numClasses = 1000, dropout = 0.2, stochasticDepthProb = 0.2 } = given;
    const { normEps: eps = 1e-5, normMomentum: momentum = 0.1 } = given;
    const normLayer: NormLayer = (channels) => new nn.BatchNorm2d(channels, { eps, momentum });
    const total = stages.reduce((n, { numLayers }) => n + numLayers, 0);
    const layers: nn.ModuleBase[] = [
      new Conv2dNormActivation(3, stages[0]!.inputChannels, { stride: 2, normLayer, activationLayer: silu }),
    ];
    let block = 0;
    for (const stage of stages) {
      const Block = stage.fused === true ? FusedMBConv : MBConv;
      const blocks: nn.ModuleBase[] = [];
      for (let i = 0; i < stage.numLayers; i++, block++) {
        const here = i === 0 ? stage : { ...stage, inputChannels: stage.outChannels, stride: 1 };
        blocks.push(new Block(here, (stochasticDepthProb * block) / total, normLayer));
      }
      layers.push(new nn.Sequential(...blocks));
    }
    const last = stages.at(-1)!.outChannels;
    const features = given.lastChannel ?? 4 * last;
    layers.push(new Conv2dNormActivation(last, features, { kernelSize: 1, normLayer, activationLayer: silu }));
    this.features = new nn.Sequential(...layers);
    this.avgpool = new nn.AdaptiveAvgPool2d(1);
    this.classifier = new nn.Sequential(new nn.Dropout(dropout, true), new nn.Linear(features, numClasses));
    for (const m of this.modules()) {
      if (m instanceof nn.Conv2d) nn.init.kaimingNormal_(m.weight, { mode: 'fanOut' });
      else if (m instanceof nn.Linear) nn.init.uniform_(m.weight, -1 / Math.sqrt(m.outFeatures), 1 / Math.sqrt(m.outFeatures));
      else continue;
      if (m.bias !== null) nn.init.zeros_(m.bias);
    }
  }

  override forward(x: Tensor): Tensor {
    return this.classifier(this.avgpool(this.features(x)).flatten(1));
  }
}

/** A stage: how much a block expands channels, kernel, stride, input and output channels, number of blocks. */
type Row = readonly [number, number, number, number, number, number];

const stage = ([expandRatio, kernel, stride, inputChannels, outChannels, numLayers]: Row, fused: boolean): EfficientNetStage => ({ fused, expandRatio, kernel, stride, inputChannels, outChannels, numLayers }); // prettier-ignore

const B0: readonly Row[] = [
  [1, 3, 1, 32, 16, 1],
  [6, 3, 2, 16, 24, 2],
  [6, 5, 2, 24, 40, 2],
  [6, 3, 2, 40, 80, 3],
  [6, 5, 1, 80, 112, 3],
  [6, 5, 2, 112, 192, 4],
  [6, 3, 1, 192, 320, 1],
];

/** The stages of B0 with widths and depths multiplied. */
const scaled = (width: number, depth: number): EfficientNetStage[] =>
  B0.map(([expand, kernel, stride, input, output, layers]) =>
    stage([expand, kernel, stride, divisible(input * width, 8), divisible(output * width, 8), Math.ceil(layers * depth)], false),
  );

/** The first three stages of V2 are fused. */
const v2 = (...rows: readonly Row[]): EfficientNetStage[] => rows.map((row, i) => stage(row, i < 3));

const S: readonly Row[] = [
  [1, 3, 1, 24, 24, 2],
  [4, 3, 2, 24, 48, 4],
  [4, 3, 2, 48, 64, 4],
  [4, 3, 2, 64, 128, 6],
  [6, 3, 1, 128, 160, 9],
  [6, 3, 2, 160, 256, 15],
];
const M: readonly Row[] = [
  [1, 3, 1, 24, 24, 3],
  [4, 3, 2, 24, 48, 5],
  [4, 3, 2, 48, 80, 5],
  [4, 3, 2, 80, 160, 7],
  [6, 3, 1, 160, 176, 14],
  [6, 3, 2, 176, 304, 18],
  [6, 3, 1, 304, 512, 5],
];
const L: readonly Row[] = [
  [1, 3, 1, 32, 32, 4],
  [4, 3, 2, 32, 64, 7],
  [4, 3, 2, 64, 96, 7],
  [4, 3, 2, 96, 192, 10],
  [6, 3, 1, 192, 224, 19],
  [6, 3, 2, 224, 384, 25],
  [6, 3, 1, 384, 640, 7],
];

/** Options before defaults are put under them. */
const checked = (op: string, options: unknown): EfficientNetOptions =>
  requireOptions<EfficientNetOptions>(op, options, OPTIONS, '{ numClasses: 10 }');

/** B5 to B7 were trained with the normalisation of TensorFlow. */
const TENSORFLOW = { normEps: 0.001, normMomentum: 0.01 } as const;
const V2 = { normEps: 0.001, lastChannel: 1280 } as const;

/** EfficientNet B0, 5.3 million parameters; made for 224×224. */
export const efficientnet_b0 = (options?: EfficientNetOptions): EfficientNet =>
  new EfficientNet(scaled(1, 1), checked('efficientnet_b0', options));
/** EfficientNet B1, 7.8 million parameters; made for 240×240. */
export const efficientnet_b1 = (options?: EfficientNetOptions): EfficientNet =>
  new EfficientNet(scaled(1, 1.1), checked('efficientnet_b1', options));
/** EfficientNet B2, 9.1 million parameters; made for 288×288. */
export const efficientnet_b2 = (options?: EfficientNetOptions): EfficientNet =>
  new EfficientNet(scaled(1.1, 1.2), { dropout: 0.3, ...checked('efficientnet_b2', options) });
/** EfficientNet B3, 12.2 million parameters; made for 300×300. */
export const efficientnet_b3 = (options?: EfficientNetOptions): EfficientNet =>
  new EfficientNet(scaled(1.2, 1.4), { dropout: 0.3, ...checked('efficientnet_b3', options) });
/** EfficientNet B4, 19.3 million parameters; made for 380×380. */
export const efficientnet_b4 = (options?: EfficientNetOptions): EfficientNet =>
  new EfficientNet(scaled(1.4, 1.8), { dropout: 0.4, ...checked('efficientnet_b4', options) });
/** EfficientNet B5, 30.4 million parameters; made for 456×456. */
export const efficientnet_b5 = (options?: EfficientNetOptions): EfficientNet =>
  new EfficientNet(scaled(1.6, 2.2), { dropout: 0.4, ...TENSORFLOW, ...checked('efficientnet_b5', options) });
/** EfficientNet B6, 43.0 million parameters; made for 528×528. */
export const efficientnet_b6 = (options?: EfficientNetOptions): EfficientNet =>
  new EfficientNet(scaled(1.8, 2.6), { dropout: 0.5, ...TENSORFLOW, ...checked('efficientnet_b6', options) });
/** EfficientNet B7, 66.3 million parameters; made for 600×600. */
export const efficientnet_b7 = (options?: EfficientNetOptions): EfficientNet =>
  new EfficientNet(scaled(2, 3.1), { dropout: 0.5, ...TENSORFLOW, ...checked('efficientnet_b7', options) });
/** EfficientNetV2 S, 21.5 million parameters; made for 384×384. */
export const efficientnet_v2_s = (options?: EfficientNetOptions): EfficientNet =>
  new EfficientNet(v2(...S), { dropout: 0.2, ...V2, ...checked('efficientnet_v2_s', options) });
/** EfficientNetV2 M, 54.1 million parameters; made for 480×480. */
export const efficientnet_v2_m = (options?: EfficientNetOptions): EfficientNet =>
  new EfficientNet(v2(...M), { dropout: 0.3, ...V2, ...checked('efficientnet_v2_m', options) });
/** EfficientNetV2 L, 118.5 million parameters; made for 480×480. */
export const efficientnet_v2_l = (options?: EfficientNetOptions): EfficientNet =>
  new EfficientNet(v2(...L), { dropout: 0.4, ...V2, ...checked('efficientnet_v2_l', options) });
