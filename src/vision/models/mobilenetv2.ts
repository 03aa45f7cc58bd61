/** MobileNetV2: M. Sandler et al., "MobileNetV2: Inverted residuals and linear bottlenecks", 2018, as torchvision has it. */
import { arrayOf, COUNT, POSITIVE, PROBABILITY, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import * as nn from '../../nn/index.ts';
import { adaptiveAvgPool2d } from '../../nn/functional.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { Conv2dNormActivation, type ActivationLayer } from '../ops/misc.ts';
import { divisible } from './channels.ts';

export interface MobileNetV2Options {
  /** Default 1000. */
  readonly numClasses?: number;
  /** What numbers of channels are multiplied with. Default 1. */
  readonly widthMult?: number;
  /** For each stage how much a block expands channels, its output channels, the number of blocks, and the first one's stride. */
  readonly invertedResidualSetting?: readonly (readonly [number, number, number, number])[];
  /** What numbers of channels are multiples of. Default 8. */
  readonly roundNearest?: number;
  /** Probability of a feature being left out in training. Default 0.2. */
  readonly dropout?: number;
}

const SETTING = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

const relu6: ActivationLayer = (inplace = false) => new nn.ReLU6(inplace);

/** Channels expanded, filtered one by one, and reduced again, beside a shortcut where sizes allow it. */
class InvertedResidual extends nn.Module {
  conv: nn.Sequential;
  private readonly _shortcut: boolean;

  constructor(input: number, output: number, stride: number, expandRatio: number) {
    super();
    const hidden = Math.round(input * expandRatio);
    const layers: nn.ModuleBase[] =
      expandRatio === 1 ? [] : [new Conv2dNormActivation(input, hidden, { kernelSize: 1, activationLayer: relu6 })];
    layers.push(
      new Conv2dNormActivation(hidden, hidden, { stride, groups: hidden, activationLayer: relu6 }),
      new nn.Conv2d(hidden, output, 1, { bias: false }),
      new nn.BatchNorm2d(output),
    );
    this.conv = new nn.Sequential(...layers);
    this._shortcut = stride === 1 && input === output;
  }

  override forward(x: Tensor): Tensor {
    const y = this.conv(x);
    return this._shortcut ? x.add(y) : y;
  }
}

const OPTIONS: OptionKinds<MobileNetV2Options> = {
  numClasses: COUNT,
  widthMult: POSITIVE,
  invertedResidualSetting: arrayOf(arrayOf(COUNT, 'four numbers'), 'blocks'),
  roundNearest: COUNT,
  dropout: PROBABILITY,
};

/** The last part reads as what it is made as, and any other layer may take its place: `model.classifier = new nn.Identity()`. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- an accessor in the types only
export interface MobileNetV2 {
  get classifier(): nn.Sequential;
  set classifier(layer: nn.AnyLayer);
}

export class MobileNetV2 extends nn.Module {
  features: nn.Sequential;

  constructor(options: MobileNetV2Options = {}) {
    super();
    const given = requireOptions<MobileNetV2Options>('MobileNetV2', options, OPTIONS, '{ numClasses: 10 }');
    const { numClasses = 1000, widthMult = 1, roundNearest = 8, dropout = 0.2 } = given;
    let channels = divisible(32 * widthMult, roundNearest);
    const last = divisible(1280 * Math.max(1, widthMult), roundNearest);
    const layers: nn.ModuleBase[] = [new Conv2dNormActivation(3, channels, { stride: 2, activationLayer: relu6 })];
    for (const [expandRatio, filters, count, stride] of given.invertedResidualSetting ?? SETTING) {
      const output = divisible(filters * widthMult, roundNearest);
      for (let i = 0; i < count; i++) {
        layers.push(new InvertedResidual(channels, output, i === 0 ? stride : 1, expandRatio));
        channels = output;
      }
    }
    layers.push(new Conv2dNormActivation(channels, last, { kernelSize: 1, activationLayer: relu6 }));
    this.features = new nn.Sequential(...layers);
    this.classifier = new nn.Sequential(new nn.Dropout(dropout), new nn.Linear(last, numClasses));
    for (const m of this.modules()) {
      if (m instanceof nn.Conv2d) nn.init.kaimingNormal_(m.weight, { mode: 'fanOut' });
      else if (m instanceof nn.Linear) nn.init.normal_(m.weight, 0, 0.01);
      else continue;
      if (m.bias !== null) nn.init.zeros_(m.bias);
    }
  }

  override forward(x: Tensor): Tensor {
    return this.classifier(adaptiveAvgPool2d(this.features(x), [1, 1]).flatten(1));
  }
}

/** MobileNetV2, 3.5 million parameters; made for 224×224. */
export const mobilenet_v2 = (options?: MobileNetV2Options): MobileNetV2 => new MobileNetV2(options);
