/** DenseNet: G. Huang et al., "Densely connected convolutional networks", 2016, as torchvision has it. */
import { arrayOf, COUNT, PROBABILITY, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import { adaptiveAvgPool2d, dropout, relu } from '../../nn/functional.ts';
import * as nn from '../../nn/index.ts';
import { cat } from '../../tensor/functions.ts';
import type { Tensor } from '../../tensor/tensor.ts';

export interface DenseNetOptions {
  /** Filters that each layer adds. Default 32. */
  readonly growthRate?: number;
  /** Layers of each block. Default [6, 12, 24, 16]. */
  readonly blockConfig?: readonly number[];
  /** Filters of the first convolution. Default 64. */
  readonly numInitFeatures?: number;
  /** Filters of a layer's 1×1 convolution, as a multiple of the growth rate. Default 4. */
  readonly bnSize?: number;
  /** Probability of a layer's feature being left out in training. Default 0. */
  readonly dropRate?: number;
  /** Default 1000. */
  readonly numClasses?: number;
}

/** What a layer adds to all the features before it. */
class DenseLayer extends nn.Module {
  static override readonly name: string = '_DenseLayer';
  norm1: nn.BatchNorm2d;
  relu1: nn.ReLU;
  conv1: nn.Conv2d;
  norm2: nn.BatchNorm2d;
  relu2: nn.ReLU;
  conv2: nn.Conv2d;
  private readonly _dropRate: number;

  constructor(features: number, growthRate: number, bnSize: number, dropRate: number) {
    super();
    this.norm1 = new nn.BatchNorm2d(features);
    this.relu1 = new nn.ReLU(true);
    this.conv1 = new nn.Conv2d(features, bnSize * growthRate, 1, { bias: false });
    this.norm2 = new nn.BatchNorm2d(bnSize * growthRate);
    this.relu2 = new nn.ReLU(true);
    this.conv2 = new nn.Conv2d(bnSize * growthRate, growthRate, 3, { padding: 1, bias: false });
    this._dropRate = dropRate;
  }

  override forward(features: readonly Tensor[]): Tensor {
    const y = this.conv1(this.relu1(this.norm1(cat(features, 1))));
    const added = this.conv2(this.relu2(this.norm2(y)));
    return this._dropRate > 0 ? dropout(added, { p: this._dropRate, training: this.training }) : added;
  }
}

class DenseBlock extends nn.Module {
  static override readonly name: string = '_DenseBlock';

  constructor(layers: number, features: number, growthRate: number, bnSize: number, dropRate: number) {
    super();
    for (let i = 0; i < layers; i++) {
      this.addModule(`denselayer${i + 1}`, new DenseLayer(features + i * growthRate, growthRate, bnSize, dropRate));
    }
  }

  override forward(x: Tensor): Tensor {
    const features = [x];
    for (const layer of this.children()) features.push((layer as DenseLayer)(features));
    return cat(features, 1);
  }
}

/** Half the channels, half the height and width. */
class Transition extends nn.Sequential {
  static override readonly name: string = '_Transition';

  constructor(input: number, output: number) {
    super();
    this.addModule('norm', new nn.BatchNorm2d(input));
    this.addModule('relu', new nn.ReLU(true));
    this.addModule('conv', new nn.Conv2d(input, output, 1, { bias: false }));
    this.addModule('pool', new nn.AvgPool2d(2, 2));
  }
}

const OPTIONS: OptionKinds<DenseNetOptions> = {
  growthRate: COUNT,
  blockConfig: arrayOf(COUNT, 'whole numbers'),
  numInitFeatures: COUNT,
  bnSize: COUNT,
  dropRate: PROBABILITY,
  numClasses: COUNT,
};

/** The last part reads as what it is made as, and any other layer may take its place: `model.classifier = new nn.Identity()`. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- an accessor in the types only
export interface DenseNet {
  get classifier(): nn.Linear;
  set classifier(layer: nn.AnyLayer);
}

export class DenseNet extends nn.Module {
  features: nn.Sequential;

  constructor(options: DenseNetOptions = {}) {
    super();
    const given = requireOptions<DenseNetOptions>('DenseNet', options, OPTIONS, '{ numClasses: 10 }');
    const { growthRate = 32, blockConfig = [6, 12, 24, 16], numInitFeatures = 64, bnSize = 4, dropRate = 0 } = given;
    const features = new nn.Sequential();
    features.addModule('conv0', new nn.Conv2d(3, numInitFeatures, 7, { stride: 2, padding: 3, bias: false }));
    features.addModule('norm0', new nn.BatchNorm2d(numInitFeatures));
    features.addModule('relu0', new nn.ReLU(true));
    features.addModule('pool0', new nn.MaxPool2d(3, 2, { padding: 1 }));
    let channels = numInitFeatures;
    blockConfig.forEach((layers, i) => {
      features.addModule(`denseblock${i + 1}`, new DenseBlock(layers, channels, growthRate, bnSize, dropRate));
      channels += layers * growthRate;
      if (i === blockConfig.length - 1) return;
      const half = Math.floor(channels / 2);
      features.addModule(`transition${i + 1}`, new Transition(channels, half));
      channels = half;
    });
    features.addModule('norm5', new nn.BatchNorm2d(channels));
    this.features = features;
    this.classifier = new nn.Linear(channels, given.numClasses ?? 1000);
    for (const m of this.modules()) {
      if (m instanceof nn.Conv2d) nn.init.kaimingNormal_(m.weight);
      else if (m instanceof nn.Linear && m.bias !== null) nn.init.zeros_(m.bias);
    }
  }

  override forward(x: Tensor): Tensor {
    const features = relu(this.features(x), { inplace: true });
    return this.classifier(adaptiveAvgPool2d(features, [1, 1]).flatten(1));
  }
}

/** DenseNet with 121 layers of weights, 8.0 million parameters; images from 29×29 on, made for 224×224. */
export const densenet121 = (options?: DenseNetOptions): DenseNet => new DenseNet(options);
/** DenseNet with 161 layers of weights, 28.7 million parameters. */
export const densenet161 = (options?: DenseNetOptions): DenseNet =>
  new DenseNet({ growthRate: 48, blockConfig: [6, 12, 36, 24], numInitFeatures: 96, ...options });
/** DenseNet with 169 layers of weights, 14.1 million parameters. */
export const densenet169 = (options?: DenseNetOptions): DenseNet => new DenseNet({ blockConfig: [6, 12, 32, 32], ...options });
/** DenseNet with 201 layers of weights, 20.0 million parameters. */
export const densenet201 = (options?: DenseNetOptions): DenseNet => new DenseNet({ blockConfig: [6, 12, 48, 32], ...options });
