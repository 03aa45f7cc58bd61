/** ConvNeXt: Z. Liu et al., "A ConvNet for the 2020s", 2022, as torchvision has it. */
import { COUNT, FINITE, PROBABILITY, requireKind, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import * as nn from '../../nn/index.ts';
import { full } from '../../tensor/create.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { Conv2dNormActivation, Permute, type NormLayer } from '../ops/misc.ts';
import { StochasticDepth } from '../ops/stochastic-depth.ts';
import { conv2d, stagesOf } from './channels.ts';

/** Blocks of one number of channels, and a step to the next number; null after the last. */
export interface ConvNeXtStage {
  readonly inputChannels: number;
  readonly outChannels: number | null;
  readonly numLayers: number;
}

export interface ConvNeXtOptions {
  /** Default 1000. */
  readonly numClasses?: number;
  /** Probability of the last block being left out in training; earlier ones have less, in proportion. Default 0 of the class, more of its sizes. */
  readonly stochasticDepthProb?: number;
  /** What a block's output is multiplied with at first. Default 1e-6. */
  readonly layerScale?: number;
}

/** Normalises the channels of each pixel: [N, C, H, W] → the same. */
class LayerNorm2d extends nn.LayerNorm {
  protected override run(x: Tensor): Tensor {
    return super.run(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2);
  }
}

/** Channels filtered one by one with 7×7, then mixed pixel by pixel, beside a shortcut. */
class CNBlock extends nn.Module {
  layer_scale: nn.Parameter;
  block: nn.Sequential;
  stochastic_depth: StochasticDepth;

  constructor(channels: number, layerScale: number, depthProb: number) {
    super();
    this.block = new nn.Sequential(
      conv2d(channels, channels, 7, { padding: 3, groups: channels }),
      new Permute([0, 2, 3, 1]),
      new nn.LayerNorm(channels, 1e-6),
      new nn.Linear(channels, 4 * channels),
      new nn.GELU(),
      new nn.Linear(4 * channels, channels),
      new Permute([0, 3, 1, 2]),
    );
    this.layer_scale = new nn.Parameter(full([channels, 1, 1], layerScale));
    this.stochastic_depth = new StochasticDepth(depthProb, 'row');
  }

  override forward(x: Tensor): Tensor {
    return this.stochastic_depth(this.layer_scale.mul(this.block(x))).add(x);
  }
}

const OPTIONS: OptionKinds<ConvNeXtOptions> = {
  numClasses: COUNT,
  stochasticDepthProb: PROBABILITY,
  layerScale: FINITE,
};
const STAGES = stagesOf('inputChannels', 'numLayers');

/** The last part reads as what it is made as, and any other layer may take its place: `model.classifier = new nn.Identity()`. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- an accessor in the types only
export interface ConvNeXt {
  get classifier(): nn.Sequential;
  set classifier(layer: nn.AnyLayer);
}

export class ConvNeXt extends nn.Module {
  features: nn.Sequential;
  avgpool: nn.AdaptiveAvgPool2d;

  constructor(stages: readonly ConvNeXtStage[], options: ConvNeXtOptions = {}) {
    super();
    requireKind('ConvNeXt', 'the stages', stages, STAGES);
    const given = requireOptions<ConvNeXtOptions>('ConvNeXt', options, OPTIONS, '{ numClasses: 10 }');
    const { numClasses = 1000, stochasticDepthProb = 0, layerScale = 1e-6 } = given;
    const normLayer: NormLayer = (channels) => new LayerNorm2d(channels, 1e-6);
    const stem = { kernelSize: 4, stride: 4, padding: 0, normLayer, activationLayer: null, bias: true };
    const layers: nn.ModuleBase[] = [new Conv2dNormActivation(3, stages[0]!.inputChannels, stem)];
    const total = stages.reduce((n, { numLayers }) => n + numLayers, 0);
    let block = 0;
    for (const { inputChannels, outChannels, numLayers } of stages) {
      const blocks: nn.ModuleBase[] = [];
      for (let i = 0; i < numLayers; i++, block++)
        blocks.push(new CNBlock(inputChannels, layerScale, (stochasticDepthProb * block) / (total - 1)));
      layers.push(new nn.Sequential(...blocks));
      if (outChannels !== null)
        layers.push(new nn.Sequential(normLayer(inputChannels), conv2d(inputChannels, outChannels, 2, { stride: 2 })));
    }
    this.features = new nn.Sequential(...layers);
    this.avgpool = new nn.AdaptiveAvgPool2d(1);
    const last = stages.at(-1)!;
    const features = last.outChannels ?? last.inputChannels;
    this.classifier = new nn.Sequential(normLayer(features), new nn.Flatten(1), new nn.Linear(features, numClasses));
    for (const m of this.modules()) {
      if (!(m instanceof nn.Conv2d) && !(m instanceof nn.Linear)) continue;
      nn.init.truncNormal_(m.weight, 0, 0.02);
      if (m.bias !== null) nn.init.zeros_(m.bias);
    }
  }

  override forward(x: Tensor): Tensor {
    return this.classifier(this.avgpool(this.features(x)));
  }
}

/** @param width channels of the first stage; each has twice as many as the one before */
function build(op: string, width: number, third: number, depthProb: number, options: unknown): ConvNeXt {
  const given = requireOptions<ConvNeXtOptions>(op, options, OPTIONS, '{ numClasses: 10 }');
  const stages = [3, 3, third, 3].map((numLayers, i) => ({
    inputChannels: width * 2 ** i,
    outChannels: i < 3 ? width * 2 ** (i + 1) : null,
    numLayers,
  }));
  return new ConvNeXt(stages, { stochasticDepthProb: depthProb, ...given });
}

/** ConvNeXt tiny, 28.6 million parameters; images from 32×32 on, made for 224×224. */
export const convnext_tiny = (options?: ConvNeXtOptions): ConvNeXt => build('convnext_tiny', 96, 9, 0.1, options);
/** ConvNeXt small, 50.2 million parameters. */
export const convnext_small = (options?: ConvNeXtOptions): ConvNeXt => build('convnext_small', 96, 27, 0.4, options);
/** ConvNeXt base, 88.6 million parameters. */
export const convnext_base = (options?: ConvNeXtOptions): ConvNeXt => build('convnext_base', 128, 27, 0.5, options);
/** ConvNeXt large, 197.8 million parameters. */
export const convnext_large = (options?: ConvNeXtOptions): ConvNeXt => build('convnext_large', 192, 27, 0.5, options);
