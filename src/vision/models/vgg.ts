/** VGG: K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014, as torchvision has it. */
import { BOOL, COUNT, PROBABILITY, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import * as nn from '../../nn/index.ts';
import type { Tensor } from '../../tensor/tensor.ts';

export interface VGGOptions {
  /** Default 1000. */
  readonly numClasses?: number;
  /** Whether to draw weights as He et al. do, rather than leaving each layer's own. Default true. */
  readonly initWeights?: boolean;
  /** Probability of a feature being left out in training. Default 0.5. */
  readonly dropout?: number;
}

/** Numbers of filters of 3×3 convolutions; 'M' is 2×2 max-pooling. */
type Plan = readonly (number | 'M')[];

const PLANS = {
  A: [64, 'M', 128, 'M', 256, 256, 'M', 512, 512, 'M', 512, 512, 'M'],
  B: [64, 64, 'M', 128, 128, 'M', 256, 256, 'M', 512, 512, 'M', 512, 512, 'M'],
  D: [64, 64, 'M', 128, 128, 'M', 256, 256, 256, 'M', 512, 512, 512, 'M', 512, 512, 512, 'M'],
  E: [64, 64, 'M', 128, 128, 'M', 256, 256, 256, 256, 'M', 512, 512, 512, 512, 'M', 512, 512, 512, 512, 'M'],
} as const satisfies Record<string, Plan>;

function makeLayers(plan: Plan, batchNorm: boolean): nn.Sequential {
  const layers: nn.ModuleBase[] = [];
  let channels = 3;
  for (const step of plan) {
    if (step === 'M') {
      layers.push(new nn.MaxPool2d(2, 2));
      continue;
    }
    layers.push(new nn.Conv2d(channels, step, 3, { padding: 1 }));
    if (batchNorm) layers.push(new nn.BatchNorm2d(step));
    layers.push(new nn.ReLU(true));
    channels = step;
  }
  return new nn.Sequential(...layers);
}

const OPTIONS: OptionKinds<VGGOptions> = { numClasses: COUNT, initWeights: BOOL, dropout: PROBABILITY };

/** The last part reads as what it is made as, and any other layer may take its place: `model.classifier = new nn.Identity()`. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- an accessor in the types only
export interface VGG {
  get classifier(): nn.Sequential;
  set classifier(layer: nn.AnyLayer);
}

export class VGG extends nn.Module {
  features: nn.Sequential;
  avgpool: nn.AdaptiveAvgPool2d;

  /** @param features gives 512 channels */
  constructor(features: nn.Sequential, options: VGGOptions = {}) {
    super();
    const {
      numClasses = 1000,
      initWeights = true,
      dropout = 0.5,
    } = requireOptions<VGGOptions>('VGG', options, OPTIONS, '{ numClasses: 10 }');
    this.features = features;
    this.avgpool = new nn.AdaptiveAvgPool2d([7, 7]);
    this.classifier = new nn.Sequential(
      new nn.Linear(512 * 7 * 7, 4096),
      new nn.ReLU(true),
      new nn.Dropout(dropout),
      new nn.Linear(4096, 4096),
      new nn.ReLU(true),
      new nn.Dropout(dropout),
      new nn.Linear(4096, numClasses),
    );
    if (initWeights) this._initialise();
  }

  private _initialise(): void {
    for (const m of this.modules()) {
      if (m instanceof nn.Conv2d) nn.init.kaimingNormal_(m.weight, { mode: 'fanOut', nonlinearity: 'relu' });
      else if (m instanceof nn.Linear) nn.init.normal_(m.weight, 0, 0.01);
      else continue;
      if (m.bias !== null) nn.init.zeros_(m.bias);
    }
  }

  override forward(x: Tensor): Tensor {
    return this.classifier(this.avgpool(this.features(x)).flatten(1));
  }
}

const vgg = (plan: keyof typeof PLANS, batchNorm: boolean, options?: VGGOptions): VGG =>
  new VGG(makeLayers(PLANS[plan], batchNorm), options);

/** VGG with 11 layers of weights, 133 million parameters; images from 32×32 on, made for 224×224. */
export const vgg11 = (options?: VGGOptions): VGG => vgg('A', false, options);
/** VGG-11 with batch normalisation. */
export const vgg11_bn = (options?: VGGOptions): VGG => vgg('A', true, options);
/** VGG with 13 layers of weights, 133 million parameters. */
export const vgg13 = (options?: VGGOptions): VGG => vgg('B', false, options);
/** VGG-13 with batch normalisation. */
export const vgg13_bn = (options?: VGGOptions): VGG => vgg('B', true, options);
/** VGG with 16 layers of weights, 138 million parameters. */
export const vgg16 = (options?: VGGOptions): VGG => vgg('D', false, options);
/** VGG-16 with batch normalisation. */
export const vgg16_bn = (options?: VGGOptions): VGG => vgg('D', true, options);
/** VGG with 19 layers of weights, 144 million parameters. */
export const vgg19 = (options?: VGGOptions): VGG => vgg('E', false, options);
/** VGG-19 with batch normalisation. */
export const vgg19_bn = (options?: VGGOptions): VGG => vgg('E', true, options);
