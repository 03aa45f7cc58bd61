/** Inception v3: C. Szegedy et al., "Rethinking the Inception architecture for computer vision", 2015, as torchvision has it. */
import { BOOL, COUNT, PROBABILITY, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import { adaptiveAvgPool2d, avgPool2d, maxPool2d, relu } from '../../nn/functional.ts';
import * as nn from '../../nn/index.ts';
import { cat } from '../../tensor/functions.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { fromImageNet } from './imagenet-input.ts';

export interface InceptionOptions {
  /** Default 1000. */
  readonly numClasses?: number;
  /** Whether a second classifier, halfway, helps in training. Default true. */
  readonly auxLogits?: boolean;
  /** Whether inputs are normalised with ImageNet's means and deviations, and shall be made what Google's weights expect. Default false. */
  readonly transformInput?: boolean;
  /** Whether to draw weights from truncated normal distributions, rather than leaving each layer's own. Default true. */
  readonly initWeights?: boolean;
  /** Probability of a feature being left out in training. Default 0.5. */
  readonly dropout?: number;
}

/** What Inception v3 gives in training. */
export interface InceptionOutputs {
  readonly logits: Tensor;
  readonly auxLogits: Tensor;
}

type Pair = readonly [number, number];

/** A convolution, normalised, then ReLU. */
class BasicConv2d extends nn.Module {
  conv: nn.Conv2d;
  bn: nn.BatchNorm2d;

  constructor(input: number, output: number, kernel: number | Pair, options: { stride?: number; padding?: number | Pair } = {}) {
    super();
    this.conv = new nn.Conv2d(input, output, kernel, { ...options, bias: false });
    this.bn = new nn.BatchNorm2d(output, { eps: 0.001 });
  }

  override forward(x: Tensor): Tensor {
    return relu(this.bn(this.conv(x)), { inplace: true });
  }
}

const PADDED = { padding: 1 } as const;
const HALVED = { stride: 2 } as const;
const pooled = (x: Tensor): Tensor => avgPool2d(x, 3, { stride: 1, padding: 1 });

/** 1×1, 5×5 and double 3×3 filters side by side, at 35×35. */
class InceptionA extends nn.Module {
  branch1x1: BasicConv2d;
  branch5x5_1: BasicConv2d;
  branch5x5_2: BasicConv2d;
  branch3x3dbl_1: BasicConv2d;
  branch3x3dbl_2: BasicConv2d;
  branch3x3dbl_3: BasicConv2d;
  branch_pool: BasicConv2d;

  constructor(input: number, poolFeatures: number) {
    super();
    this.branch1x1 = new BasicConv2d(input, 64, 1);
    this.branch5x5_1 = new BasicConv2d(input, 48, 1);
    this.branch5x5_2 = new BasicConv2d(48, 64, 5, { padding: 2 });
    this.branch3x3dbl_1 = new BasicConv2d(input, 64, 1);
    this.branch3x3dbl_2 = new BasicConv2d(64, 96, 3, PADDED);
    this.branch3x3dbl_3 = new BasicConv2d(96, 96, 3, PADDED);
    this.branch_pool = new BasicConv2d(input, poolFeatures, 1);
  }

  override forward(x: Tensor): Tensor {
    const branch5x5 = this.branch5x5_2(this.branch5x5_1(x));
    const branch3x3 = this.branch3x3dbl_3(this.branch3x3dbl_2(this.branch3x3dbl_1(x)));
    return cat([this.branch1x1(x), branch5x5, branch3x3, this.branch_pool(pooled(x))], 1);
  }
}

/** From 35×35 to 17×17. */
class InceptionB extends nn.Module {
  branch3x3: BasicConv2d;
  branch3x3dbl_1: BasicConv2d;
  branch3x3dbl_2: BasicConv2d;
  branch3x3dbl_3: BasicConv2d;

  constructor(input: number) {
    super();
    this.branch3x3 = new BasicConv2d(input, 384, 3, HALVED);
    this.branch3x3dbl_1 = new BasicConv2d(input, 64, 1);
    this.branch3x3dbl_2 = new BasicConv2d(64, 96, 3, PADDED);
    this.branch3x3dbl_3 = new BasicConv2d(96, 96, 3, HALVED);
  }

  override forward(x: Tensor): Tensor {
    const double = this.branch3x3dbl_3(this.branch3x3dbl_2(this.branch3x3dbl_1(x)));
    return cat([this.branch3x3(x), double, maxPool2d(x, 3, HALVED)], 1);
  }
}

const ROW = [1, 7] as const;
const COLUMN = [7, 1] as const;
const ALONG_ROW = { padding: [0, 3] } as const;
const ALONG_COLUMN = { padding: [3, 0] } as const;

/** 7×7 filters as rows and columns, at 17×17. */
class InceptionC extends nn.Module {
  branch1x1: BasicConv2d;
  branch7x7_1: BasicConv2d;
  branch7x7_2: BasicConv2d;
  branch7x7_3: BasicConv2d;
  branch7x7dbl_1: BasicConv2d;
  branch7x7dbl_2: BasicConv2d;
  branch7x7dbl_3: BasicConv2d;
  branch7x7dbl_4: BasicConv2d;
  branch7x7dbl_5: BasicConv2d;
  branch_pool: BasicConv2d;

  constructor(input: number, inner: number) {
    super();
    this.branch1x1 = new BasicConv2d(input, 192, 1);
    this.branch7x7_1 = new BasicConv2d(input, inner, 1);
    this.branch7x7_2 = new BasicConv2d(inner, inner, ROW, ALONG_ROW);
    this.branch7x7_3 = new BasicConv2d(inner, 192, COLUMN, ALONG_COLUMN);
    this.branch7x7dbl_1 = new BasicConv2d(input, inner, 1);
    this.branch7x7dbl_2 = new BasicConv2d(inner, inner, COLUMN, ALONG_COLUMN);
    this.branch7x7dbl_3 = new BasicConv2d(inner, inner, ROW, ALONG_ROW);
    this.branch7x7dbl_4 = new BasicConv2d(inner, inner, COLUMN, ALONG_COLUMN);
    this.branch7x7dbl_5 = new BasicConv2d(inner, 192, ROW, ALONG_ROW);
    this.branch_pool = new BasicConv2d(input, 192, 1);
  }

  override forward(x: Tensor): Tensor {
    const single = this.branch7x7_3(this.branch7x7_2(this.branch7x7_1(x)));
    const half = this.branch7x7dbl_3(this.branch7x7dbl_2(this.branch7x7dbl_1(x)));
    const double = this.branch7x7dbl_5(this.branch7x7dbl_4(half));
    return cat([this.branch1x1(x), single, double, this.branch_pool(pooled(x))], 1);
  }
}

/** From 17×17 to 8×8. */
class InceptionD extends nn.Module {
  branch3x3_1: BasicConv2d;
  branch3x3_2: BasicConv2d;
  branch7x7x3_1: BasicConv2d;
  branch7x7x3_2: BasicConv2d;
  branch7x7x3_3: BasicConv2d;
  branch7x7x3_4: BasicConv2d;

  constructor(input: number) {
    super();
    this.branch3x3_1 = new BasicConv2d(input, 192, 1);
    this.branch3x3_2 = new BasicConv2d(192, 320, 3, HALVED);
    this.branch7x7x3_1 = new BasicConv2d(input, 192, 1);
    this.branch7x7x3_2 = new BasicConv2d(192, 192, ROW, ALONG_ROW);
    this.branch7x7x3_3 = new BasicConv2d(192, 192, COLUMN, ALONG_COLUMN);
    this.branch7x7x3_4 = new BasicConv2d(192, 192, 3, HALVED);
  }

  override forward(x: Tensor): Tensor {
    const branch3x3 = this.branch3x3_2(this.branch3x3_1(x));
    const crossed = this.branch7x7x3_3(this.branch7x7x3_2(this.branch7x7x3_1(x)));
    return cat([branch3x3, this.branch7x7x3_4(crossed), maxPool2d(x, 3, HALVED)], 1);
  }
}

/** 3×3 filters as a row and a column side by side, at 8×8. */
class InceptionE extends nn.Module {
  branch1x1: BasicConv2d;
  branch3x3_1: BasicConv2d;
  branch3x3_2a: BasicConv2d;
  branch3x3_2b: BasicConv2d;
  branch3x3dbl_1: BasicConv2d;
  branch3x3dbl_2: BasicConv2d;
  branch3x3dbl_3a: BasicConv2d;
  branch3x3dbl_3b: BasicConv2d;
  branch_pool: BasicConv2d;

  constructor(input: number) {
    super();
    this.branch1x1 = new BasicConv2d(input, 320, 1);
    this.branch3x3_1 = new BasicConv2d(input, 384, 1);
    this.branch3x3_2a = new BasicConv2d(384, 384, [1, 3], { padding: [0, 1] });
    this.branch3x3_2b = new BasicConv2d(384, 384, [3, 1], { padding: [1, 0] });
    this.branch3x3dbl_1 = new BasicConv2d(input, 448, 1);
    this.branch3x3dbl_2 = new BasicConv2d(448, 384, 3, PADDED);
    this.branch3x3dbl_3a = new BasicConv2d(384, 384, [1, 3], { padding: [0, 1] });
    this.branch3x3dbl_3b = new BasicConv2d(384, 384, [3, 1], { padding: [1, 0] });
    this.branch_pool = new BasicConv2d(input, 192, 1);
  }

  override forward(x: Tensor): Tensor {
    const y = this.branch3x3_1(x);
    const z = this.branch3x3dbl_2(this.branch3x3dbl_1(x));
    const single = cat([this.branch3x3_2a(y), this.branch3x3_2b(y)], 1);
    const double = cat([this.branch3x3dbl_3a(z), this.branch3x3dbl_3b(z)], 1);
    return cat([this.branch1x1(x), single, double, this.branch_pool(pooled(x))], 1);
  }
}

/** The classifier halfway. */
class InceptionAux extends nn.Module {
  conv0: BasicConv2d;
  conv1: BasicConv2d;
  fc: nn.Linear;

  constructor(input: number, numClasses: number) {
    super();
    this.conv0 = new BasicConv2d(input, 128, 1);
    this.conv1 = new BasicConv2d(128, 768, 5);
    this.fc = new nn.Linear(768, numClasses);
  }

  override forward(x: Tensor): Tensor {
    const y = this.conv1(this.conv0(avgPool2d(x, 5, { stride: 3 })));
    return this.fc(adaptiveAvgPool2d(y, [1, 1]).flatten(1));
  }
}

const OPTIONS: OptionKinds<InceptionOptions> = {
  numClasses: COUNT,
  auxLogits: BOOL,
  transformInput: BOOL,
  initWeights: BOOL,
  dropout: PROBABILITY,
};

/**
 * `Out` is what a call gives: the logits, or in training with the second classifier {@link InceptionOutputs}.
 *
 * The last part reads as what it is made as, and any other layer may take its place: `model.fc = new nn.Identity()`.
 */
// eslint-disable-next-line @typescript-eslint/no-unused-vars, @typescript-eslint/no-unsafe-declaration-merging -- an accessor in the types only
export interface Inception3<Out> {
  get fc(): nn.Linear;
  set fc(layer: nn.AnyLayer);
}

export class Inception3<Out = Tensor | InceptionOutputs> extends nn.Module {
  Conv2d_1a_3x3: BasicConv2d;
  Conv2d_2a_3x3: BasicConv2d;
  Conv2d_2b_3x3: BasicConv2d;
  maxpool1: nn.MaxPool2d;
  Conv2d_3b_1x1: BasicConv2d;
  Conv2d_4a_3x3: BasicConv2d;
  maxpool2: nn.MaxPool2d;
  Mixed_5b: InceptionA;
  Mixed_5c: InceptionA;
  Mixed_5d: InceptionA;
  Mixed_6a: InceptionB;
  Mixed_6b: InceptionC;
  Mixed_6c: InceptionC;
  Mixed_6d: InceptionC;
  Mixed_6e: InceptionC;
  AuxLogits: InceptionAux | null;
  Mixed_7a: InceptionD;
  Mixed_7b: InceptionE;
  Mixed_7c: InceptionE;
  avgpool: nn.AdaptiveAvgPool2d;
  dropout: nn.Dropout;
  readonly transformInput: boolean;

  constructor(options: InceptionOptions = {}) {
    super();
    const {
      numClasses = 1000,
      auxLogits = true,
      transformInput = false,
      initWeights = true,
      dropout = 0.5,
    } = requireOptions<InceptionOptions>('Inception3', options, OPTIONS, '{ numClasses: 10 }');
    this.transformInput = transformInput;
    this.Conv2d_1a_3x3 = new BasicConv2d(3, 32, 3, HALVED);
    this.Conv2d_2a_3x3 = new BasicConv2d(32, 32, 3);
    this.Conv2d_2b_3x3 = new BasicConv2d(32, 64, 3, PADDED);
    this.maxpool1 = new nn.MaxPool2d(3, 2);
    this.Conv2d_3b_1x1 = new BasicConv2d(64, 80, 1);
    this.Conv2d_4a_3x3 = new BasicConv2d(80, 192, 3);
    this.maxpool2 = new nn.MaxPool2d(3, 2);
    this.Mixed_5b = new InceptionA(192, 32);
    this.Mixed_5c = new InceptionA(256, 64);
    this.Mixed_5d = new InceptionA(288, 64);
    this.Mixed_6a = new InceptionB(288);
    this.Mixed_6b = new InceptionC(768, 128);
    this.Mixed_6c = new InceptionC(768, 160);
    this.Mixed_6d = new InceptionC(768, 160);
    this.Mixed_6e = new InceptionC(768, 192);
    this.AuxLogits = auxLogits ? new InceptionAux(768, numClasses) : null;
    this.Mixed_7a = new InceptionD(768);
    this.Mixed_7b = new InceptionE(1280);
    this.Mixed_7c = new InceptionE(2048);
    this.avgpool = new nn.AdaptiveAvgPool2d([1, 1]);
    this.dropout = new nn.Dropout(dropout);
    this.fc = new nn.Linear(2048, numClasses);
    if (initWeights) this._initialise();
  }

  private _initialise(): void {
    for (const m of this.modules()) {
      if (!(m instanceof nn.Conv2d) && !(m instanceof nn.Linear)) continue;
      nn.init.truncNormal_(m.weight, 0, m === this.AuxLogits?.fc ? 0.001 : 0.1, -2, 2);
    }
  }

  override forward(x: Tensor): Out {
    let y = this.transformInput ? fromImageNet(x) : x;
    y = this.Conv2d_2b_3x3(this.Conv2d_2a_3x3(this.Conv2d_1a_3x3(y)));
    y = this.Conv2d_4a_3x3(this.Conv2d_3b_1x1(this.maxpool1(y)));
    y = this.Mixed_5d(this.Mixed_5c(this.Mixed_5b(this.maxpool2(y))));
    y = this.Mixed_6e(this.Mixed_6d(this.Mixed_6c(this.Mixed_6b(this.Mixed_6a(y)))));
    const auxLogits = this.training ? this.AuxLogits?.(y) : undefined;
    y = this.Mixed_7c(this.Mixed_7b(this.Mixed_7a(y)));
    const logits = this.fc(this.dropout(this.avgpool(y)).flatten(1));
    return (auxLogits === undefined ? logits : { logits, auxLogits }) as Out;
  }
}

/**
 * Inception v3, 27.2 million parameters; images from 75×75 on, made for 299×299. In training it gives {@link InceptionOutputs},
 * unless it is made with `auxLogits: false`.
 */
export function inception_v3(options: InceptionOptions & { readonly auxLogits: false }): Inception3<Tensor>;
export function inception_v3(options?: InceptionOptions): Inception3;
export function inception_v3(options?: InceptionOptions): nn.ModuleBase {
  return new Inception3(options);
}
