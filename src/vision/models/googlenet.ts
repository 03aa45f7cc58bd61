/** GoogLeNet: C. Szegedy et al., "Going deeper with convolutions", 2014, as torchvision has it. */
import { BOOL, COUNT, PROBABILITY, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import { adaptiveAvgPool2d, relu } from '../../nn/functional.ts';
import * as nn from '../../nn/index.ts';
import { cat } from '../../tensor/functions.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { conv2d } from './channels.ts';
import { fromImageNet } from './imagenet-input.ts';

export interface GoogLeNetOptions {
  /** Default 1000. */
  readonly numClasses?: number;
  /** Whether two more classifiers, on the way, help in training. Default true. */
  readonly auxLogits?: boolean;
  /** Whether inputs are normalised with ImageNet's means and deviations, and shall be made what Google's weights expect. Default false. */
  readonly transformInput?: boolean;
  /** Whether to draw weights from truncated normal distributions, rather than leaving each layer's own. Default true. */
  readonly initWeights?: boolean;
  /** Probability of a feature being left out in training. Default 0.2. */
  readonly dropout?: number;
  /** The same in the two classifiers on the way. Default 0.7. */
  readonly dropoutAux?: number;
}

/** What GoogLeNet gives in training: of the classifiers, the last first. */
export interface GoogLeNetOutputs {
  readonly logits: Tensor;
  readonly auxLogits2: Tensor;
  readonly auxLogits1: Tensor;
}

/** A convolution, normalised, then ReLU. */
class GoogLeNetConv2d extends nn.Module {
  static override readonly name: string = 'BasicConv2d';
  conv: nn.Conv2d;
  bn: nn.BatchNorm2d;

  constructor(input: number, output: number, kernel: number, options: { stride?: number; padding?: number } = {}) {
    super();
    this.conv = conv2d(input, output, kernel, { ...options, bias: false });
    this.bn = new nn.BatchNorm2d(output, { eps: 0.001 });
  }

  override forward(x: Tensor): Tensor {
    return relu(this.bn(this.conv(x)), { inplace: true });
  }
}

const sequence = (...layers: nn.ModuleBase[]): nn.Sequential => new nn.Sequential(...layers);

/** 1×1, 3×3 and two sizes of filters more, and a pool, side by side. torchvision has 3×3 where the paper has 5×5. */
class Inception extends nn.Module {
  branch1: GoogLeNetConv2d;
  branch2: nn.Sequential;
  branch3: nn.Sequential;
  branch4: nn.Sequential;

  constructor(input: number, ...[c1, reduced3, c3, reduced5, c5, pool]: readonly [number, number, number, number, number, number]) {
    super();
    this.branch1 = new GoogLeNetConv2d(input, c1, 1);
    this.branch2 = sequence(new GoogLeNetConv2d(input, reduced3, 1), new GoogLeNetConv2d(reduced3, c3, 3, { padding: 1 }));
    this.branch3 = sequence(new GoogLeNetConv2d(input, reduced5, 1), new GoogLeNetConv2d(reduced5, c5, 3, { padding: 1 }));
    const around = { stride: 1, padding: 1, ceilMode: true } as const;
    this.branch4 = sequence(new nn.MaxPool2d(3, around), new GoogLeNetConv2d(input, pool, 1));
  }

  override forward(x: Tensor): Tensor {
    return cat([this.branch1(x), this.branch2(x), this.branch3(x), this.branch4(x)], 1);
  }
}

/** A classifier on the way. */
class GoogLeNetAux extends nn.Module {
  static override readonly name: string = 'InceptionAux';
  conv: GoogLeNetConv2d;
  fc1: nn.Linear;
  fc2: nn.Linear;
  dropout: nn.Dropout;

  constructor(input: number, numClasses: number, dropout: number) {
    super();
    this.conv = new GoogLeNetConv2d(input, 128, 1);
    this.fc1 = new nn.Linear(2048, 1024);
    this.fc2 = new nn.Linear(1024, numClasses);
    this.dropout = new nn.Dropout(dropout);
  }

  override forward(x: Tensor): Tensor {
    const y = this.conv(adaptiveAvgPool2d(x, [4, 4])).flatten(1);
    return this.fc2(this.dropout(relu(this.fc1(y), { inplace: true })));
  }
}

const OPTIONS: OptionKinds<GoogLeNetOptions> = {
  numClasses: COUNT,
  auxLogits: BOOL,
  transformInput: BOOL,
  initWeights: BOOL,
  dropout: PROBABILITY,
  dropoutAux: PROBABILITY,
};

const halved = (kernel: 2 | 3): nn.MaxPool2d =>
  kernel === 2 ? new nn.MaxPool2d(2, 2, { ceilMode: true }) : new nn.MaxPool2d(3, 2, { ceilMode: true });

/**
 * `Out` is what a call gives: the logits, or in training with the other classifiers {@link GoogLeNetOutputs}.
 *
 * The last part reads as what it is made as, and any other layer may take its place: `model.fc = new nn.Identity()`.
 */
// eslint-disable-next-line @typescript-eslint/no-unused-vars, @typescript-eslint/no-unsafe-declaration-merging -- an accessor in the types only
export interface GoogLeNet<Out> {
  get fc(): nn.Linear;
  set fc(layer: nn.AnyLayer);
}

export class GoogLeNet<Out = Tensor | GoogLeNetOutputs> extends nn.Module {
  conv1: GoogLeNetConv2d;
  maxpool1: nn.MaxPool2d;
  conv2: GoogLeNetConv2d;
  conv3: GoogLeNetConv2d;
  maxpool2: nn.MaxPool2d;
  inception3a: Inception;
  inception3b: Inception;
  maxpool3: nn.MaxPool2d;
  inception4a: Inception;
  inception4b: Inception;
  inception4c: Inception;
  inception4d: Inception;
  inception4e: Inception;
  maxpool4: nn.MaxPool2d;
  inception5a: Inception;
  inception5b: Inception;
  aux1: GoogLeNetAux | null;
  aux2: GoogLeNetAux | null;
  avgpool: nn.AdaptiveAvgPool2d;
  dropout: nn.Dropout;
  readonly transformInput: boolean;

  constructor(options: GoogLeNetOptions = {}) {
    super();
    const given = requireOptions<GoogLeNetOptions>('GoogLeNet', options, OPTIONS, '{ numClasses: 10 }');
    const { numClasses = 1000, auxLogits = true, transformInput = false, initWeights = true } = given;
    const { dropout = 0.2, dropoutAux = 0.7 } = given;
    this.transformInput = transformInput;
    this.conv1 = new GoogLeNetConv2d(3, 64, 7, { stride: 2, padding: 3 });
    this.maxpool1 = halved(3);
    this.conv2 = new GoogLeNetConv2d(64, 64, 1);
    this.conv3 = new GoogLeNetConv2d(64, 192, 3, { padding: 1 });
    this.maxpool2 = halved(3);
    this.inception3a = new Inception(192, 64, 96, 128, 16, 32, 32);
    this.inception3b = new Inception(256, 128, 128, 192, 32, 96, 64);
    this.maxpool3 = halved(3);
    this.inception4a = new Inception(480, 192, 96, 208, 16, 48, 64);
    this.inception4b = new Inception(512, 160, 112, 224, 24, 64, 64);
    this.inception4c = new Inception(512, 128, 128, 256, 24, 64, 64);
    this.inception4d = new Inception(512, 112, 144, 288, 32, 64, 64);
    this.inception4e = new Inception(528, 256, 160, 320, 32, 128, 128);
    this.maxpool4 = halved(2);
    this.inception5a = new Inception(832, 256, 160, 320, 32, 128, 128);
    this.inception5b = new Inception(832, 384, 192, 384, 48, 128, 128);
    this.aux1 = auxLogits ? new GoogLeNetAux(512, numClasses, dropoutAux) : null;
    this.aux2 = auxLogits ? new GoogLeNetAux(528, numClasses, dropoutAux) : null;
    this.avgpool = new nn.AdaptiveAvgPool2d([1, 1]);
    this.dropout = new nn.Dropout(dropout);
    this.fc = new nn.Linear(1024, numClasses);
    if (!initWeights) return;
    for (const m of this.modules()) {
      if (m instanceof nn.Conv2d || m instanceof nn.Linear) nn.init.truncNormal_(m.weight, 0, 0.01, -2, 2);
    }
  }

  override forward(x: Tensor): Out {
    let y = this.transformInput ? fromImageNet(x) : x;
    y = this.maxpool2(this.conv3(this.conv2(this.maxpool1(this.conv1(y)))));
    y = this.inception4a(this.maxpool3(this.inception3b(this.inception3a(y))));
    const auxLogits1 = this.training ? this.aux1?.(y) : undefined;
    y = this.inception4d(this.inception4c(this.inception4b(y)));
    const auxLogits2 = this.training ? this.aux2?.(y) : undefined;
    y = this.inception5b(this.inception5a(this.maxpool4(this.inception4e(y))));
    const logits = this.fc(this.dropout(this.avgpool(y).flatten(1)));
    return (auxLogits2 === undefined ? logits : { logits, auxLogits2, auxLogits1 }) as Out;
  }
}

/**
 * GoogLeNet, 13.0 million parameters, 6.6 without the classifiers on the way; images from 15×15 on, made for 224×224. In training it gives
 * {@link GoogLeNetOutputs}, unless it is made with `auxLogits: false`.
 */
export function googlenet(options: GoogLeNetOptions & { readonly auxLogits: false }): GoogLeNet<Tensor>;
export function googlenet(options?: GoogLeNetOptions): GoogLeNet;
export function googlenet(options?: GoogLeNetOptions): nn.ModuleBase {
  return new GoogLeNet(options);
}
