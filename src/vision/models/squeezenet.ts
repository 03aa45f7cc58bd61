/** SqueezeNet: F. Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", 2016, as torchvision has it. */
import { COUNT, oneOf, PROBABILITY, requireKind, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import * as nn from '../../nn/index.ts';
import { cat } from '../../tensor/functions.ts';
import type { Tensor } from '../../tensor/tensor.ts';

export interface SqueezeNetOptions {
  /** Default 1000. */
  readonly numClasses?: number;
  /** Probability of a feature being left out in training. Default 0.5. */
  readonly dropout?: number;
}

/** Few 1×1 filters, and after them 1×1 and 3×3 ones side by side. */
class Fire extends nn.Module {
  squeeze: nn.Conv2d;
  squeeze_activation: nn.ReLU;
  expand1x1: nn.Conv2d;
  expand1x1_activation: nn.ReLU;
  expand3x3: nn.Conv2d;
  expand3x3_activation: nn.ReLU;

  constructor(input: number, squeezed: number, expanded: number) {
    super();
    this.squeeze = new nn.Conv2d(input, squeezed, 1);
    this.squeeze_activation = new nn.ReLU(true);
    this.expand1x1 = new nn.Conv2d(squeezed, expanded, 1);
    this.expand1x1_activation = new nn.ReLU(true);
    this.expand3x3 = new nn.Conv2d(squeezed, expanded, 3, { padding: 1 });
    this.expand3x3_activation = new nn.ReLU(true);
  }

  override forward(x: Tensor): Tensor {
    const y = this.squeeze_activation(this.squeeze(x));
    return cat([this.expand1x1_activation(this.expand1x1(y)), this.expand3x3_activation(this.expand3x3(y))], 1);
  }
}

/** The input channels, squeezed and expanded channels of a {@link Fire}, or a pool. */
type Plan = readonly (readonly [number, number, number] | 'pool')[];

const PLANS = {
  '1_0': [
    'pool', [96, 16, 64], [128, 16, 64], [128, 32, 128],
    'pool', [256, 32, 128], [256, 48, 192], [384, 48, 192], [384, 64, 256],
    'pool', [512, 64, 256],
  ],
  '1_1': [
    'pool', [64, 16, 64], [128, 16, 64],
    'pool', [128, 32, 128], [256, 32, 128],
    'pool', [256, 48, 192], [384, 48, 192], [384, 64, 256], [512, 64, 256],
  ],
} as const satisfies Record<string, Plan>; // prettier-ignore

const OPTIONS: OptionKinds<SqueezeNetOptions> = { numClasses: COUNT, dropout: PROBABILITY };

/** The last part reads as what it is made as, and any other layer may take its place: `model.classifier = new nn.Identity()`. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- an accessor in the types only
export interface SqueezeNet {
  get classifier(): nn.Sequential;
  set classifier(layer: nn.AnyLayer);
}

export class SqueezeNet extends nn.Module {
  features: nn.Sequential;

  constructor(version: keyof typeof PLANS = '1_0', options: SqueezeNetOptions = {}) {
    super();
    const { numClasses = 1000, dropout = 0.5 } = requireOptions<SqueezeNetOptions>('SqueezeNet', options, OPTIONS, '{ numClasses: 10 }');
    requireKind('SqueezeNet', 'the version', version, oneOf(...Object.keys(PLANS)));
    const stem = version === '1_0' ? new nn.Conv2d(3, 96, 7, { stride: 2 }) : new nn.Conv2d(3, 64, 3, { stride: 2 });
    const layers: nn.ModuleBase[] = [stem, new nn.ReLU(true)];
    for (const step of PLANS[version] as Plan) {
      layers.push(step === 'pool' ? new nn.MaxPool2d(3, 2, { ceilMode: true }) : new Fire(...step));
    }
    this.features = new nn.Sequential(...layers);
    const last = new nn.Conv2d(512, numClasses, 1);
    this.classifier = new nn.Sequential(new nn.Dropout(dropout), last, new nn.ReLU(true), new nn.AdaptiveAvgPool2d([1, 1]));
    for (const m of this.modules()) {
      if (!(m instanceof nn.Conv2d)) continue;
      if (m === (last as unknown)) nn.init.normal_(m.weight, 0, 0.01);
      else nn.init.kaimingUniform_(m.weight);
      if (m.bias !== null) nn.init.zeros_(m.bias);
    }
  }

  override forward(x: Tensor): Tensor {
    return this.classifier(this.features(x)).flatten(1);
  }
}

/** SqueezeNet 1.0, 1.25 million parameters; images from 21×21 on, made for 224×224. */
export const squeezenet1_0 = (options?: SqueezeNetOptions): SqueezeNet => new SqueezeNet('1_0', options);
/** SqueezeNet 1.1, 1.24 million parameters and 2.4 times fewer multiplications than 1.0; images from 17×17 on. */
export const squeezenet1_1 = (options?: SqueezeNetOptions): SqueezeNet => new SqueezeNet('1_1', options);
