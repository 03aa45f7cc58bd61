/** Blocks that torchvision's models are made of (https://pytorch.org/vision/stable/ops.html#layers). */
import { arrayOf, BOOL, COUNT, FUNCTION, orNull, pairOf, PROBABILITY, requireKind, requireOptions, STEP, WHOLE, WIDTH, type OptionKinds } from '../../base/arguments.ts'; // prettier-ignore
import { pythonBool, pythonFloat } from '../../base/python-format.ts';
import * as nn from '../../nn/index.ts';
import type { Tensor } from '../../tensor/tensor.ts';

type Pair = readonly [number, number];

/** Makes a normalisation for a number of channels, such as `(channels) => new nn.BatchNorm2d(channels, { eps: 1e-3 })`. */
export type NormLayer = (channels: number) => nn.ModuleBase;
/** Makes an activation, such as `(inplace) => new nn.SiLU(inplace)`; `inplace` is undefined where it shall be the layer's own. */
export type ActivationLayer = (inplace?: boolean) => nn.ModuleBase;

const batchNorm: NormLayer = (channels) => new nn.BatchNorm2d(channels);
const relu: ActivationLayer = (inplace = false) => new nn.ReLU(inplace);

export interface Conv2dNormActivationOptions {
  /** Default 3. */
  readonly kernelSize?: number | Pair;
  /** Default 1. */
  readonly stride?: number | Pair;
  /** Default null: as much as keeps the size at stride 1, (kernelSize − 1) / 2 · dilation, rounded down. */
  readonly padding?: number | Pair | null;
  /** Default 1. */
  readonly groups?: number;
  /** Default a BatchNorm2d; null for none. */
  readonly normLayer?: NormLayer | null;
  /** Default a ReLU; null for none. */
  readonly activationLayer?: ActivationLayer | null;
  /** Default 1. */
  readonly dilation?: number | Pair;
  /** Whether the activation changes its input; null leaves it to the activation. Default true. */
  readonly inplace?: boolean | null;
  /** Default null: only without a normalisation. */
  readonly bias?: boolean | null;
}

const CONV_OPTIONS: OptionKinds<Conv2dNormActivationOptions> = {
  kernelSize: pairOf(STEP),
  stride: pairOf(STEP),
  padding: orNull(pairOf(WIDTH)),
  groups: COUNT,
  normLayer: orNull(FUNCTION),
  activationLayer: orNull(FUNCTION),
  dilation: pairOf(STEP),
  inplace: orNull(BOOL),
  bias: orNull(BOOL),
};

const both = (size: number | Pair): Pair => (typeof size === 'number' ? [size, size] : size);

/** What keeps the size at stride 1: one number where the kernel and the dilation are. */
function samePadding(kernel: number | Pair, dilation: number | Pair): number | Pair {
  const along = (k: number, d: number): number => Math.floor((k - 1) / 2) * d;
  if (typeof kernel === 'number' && typeof dilation === 'number') return along(kernel, dilation);
  const [k, d] = [both(kernel), both(dilation)];
  return [along(k[0], d[0]), along(k[1], d[1])];
}

/**
 * A convolution, then a normalisation, then an activation: [N, inChannels, H, W] → [N, outChannels, H′, W′]
 * (https://pytorch.org/vision/stable/generated/torchvision.ops.Conv2dNormActivation.html).
 * @throws ArgumentError for an option that does not exist or is of the wrong kind
 * @example
 * import { nn, randn } from 'flambeau';
 * import { ops } from 'flambeau/vision';
 * const block = new ops.Conv2dNormActivation(3, 8, { stride: 2, activationLayer: (inplace) => new nn.SiLU(inplace) });
 * if (block(randn(1, 3, 16, 16)).shape.join() !== '1,8,8,8') throw new Error('eight channels, half the size');
 */
export class Conv2dNormActivation extends nn.Sequential {
  readonly outChannels: number;

  constructor(inChannels: number, outChannels: number, options: Conv2dNormActivationOptions = {}) {
    super();
    const given = requireOptions<Conv2dNormActivationOptions>('Conv2dNormActivation', options, CONV_OPTIONS);
    const { kernelSize = 3, stride = 1, groups = 1, dilation = 1, inplace = true } = given;
    const { normLayer = batchNorm, activationLayer = relu } = given;
    const padding = given.padding ?? samePadding(kernelSize, dilation);
    const bias = given.bias ?? normLayer === null;
    this.outChannels = outChannels;
    this.append(
      new nn.Conv2d<number, number, number | Pair, number | Pair, number | Pair, number | Pair, number>(
        inChannels,
        outChannels,
        kernelSize,
        { stride, padding, dilation, groups, bias },
      ),
    );
    if (normLayer !== null) this.append(normLayer(outChannels));
    if (activationLayer !== null) this.append(activationLayer(inplace ?? undefined));
  }
}

export interface SqueezeExcitationOptions {
  /** Between the two convolutions. Default a ReLU. */
  readonly activation?: ActivationLayer;
  /** What makes the factors. Default a Sigmoid. */
  readonly scaleActivation?: ActivationLayer;
}
const SQUEEZE_OPTIONS: OptionKinds<SqueezeExcitationOptions> = { activation: FUNCTION, scaleActivation: FUNCTION };

/**
 * Multiplies each channel with a factor that is computed of the means of all (https://arxiv.org/abs/1709.01507): [N, C, H, W] → the same
 * (https://pytorch.org/vision/stable/generated/torchvision.ops.SqueezeExcitation.html).
 * @example
 * import { randn } from 'flambeau';
 * import { ops } from 'flambeau/vision';
 * const block = new ops.SqueezeExcitation(8, 2);
 * if (block(randn(1, 8, 4, 4)).shape.join() !== '1,8,4,4') throw new Error('the shape stays');
 */
export class SqueezeExcitation extends nn.Module {
  avgpool: nn.AdaptiveAvgPool2d;
  fc1: nn.Conv2d;
  fc2: nn.Conv2d;
  activation: nn.AnyLayer;
  scale_activation: nn.AnyLayer;

  constructor(inputChannels: number, squeezeChannels: number, options: SqueezeExcitationOptions = {}) {
    super();
    const given = requireOptions<SqueezeExcitationOptions>('SqueezeExcitation', options, SQUEEZE_OPTIONS);
    this.avgpool = new nn.AdaptiveAvgPool2d(1);
    this.fc1 = new nn.Conv2d(inputChannels, squeezeChannels, 1);
    this.fc2 = new nn.Conv2d(squeezeChannels, inputChannels, 1);
    this.activation = (given.activation?.() ?? new nn.ReLU()) as nn.AnyLayer;
    this.scale_activation = (given.scaleActivation?.() ?? new nn.Sigmoid()) as nn.AnyLayer;
  }

  override forward(x: Tensor): Tensor {
    const squeezed = this.activation(this.fc1(this.avgpool(x)));
    return this.scale_activation(this.fc2(squeezed)).mul(x);
  }
}

/** Dropout whose probability is a float to PyTorch also where it is 0 or 1, and is printed as one. */
export class FloatDropout extends nn.Dropout {
  static override readonly name: string = 'Dropout';

  override extraRepr(): string {
    return `p=${pythonFloat(this.p)}, inplace=${pythonBool(this.inplace)}`;
  }
}

export interface MLPOptions {
  /** After each layer but the last. Default null: none. */
  readonly normLayer?: NormLayer | null;
  /** After each layer but the last. Default a ReLU. */
  readonly activationLayer?: ActivationLayer;
  /** Whether activations and dropout change their inputs; null leaves it to them. Default null. */
  readonly inplace?: boolean | null;
  /** Whether the layers have biases. Default true. */
  readonly bias?: boolean;
  /** Probability of an element being left out in training, after each layer. Default 0. */
  readonly dropout?: number;
}
const MLP_OPTIONS: OptionKinds<MLPOptions> = {
  normLayer: orNull(FUNCTION),
  activationLayer: FUNCTION,
  inplace: orNull(BOOL),
  bias: BOOL,
  dropout: PROBABILITY,
};

/**
 * Fully connected layers one after the other, each with dropout behind it: [..., inChannels] → [..., last of hiddenChannels]
 * (https://pytorch.org/vision/stable/generated/torchvision.ops.MLP.html).
 * @example
 * import { randn } from 'flambeau';
 * import { ops } from 'flambeau/vision';
 * if (new ops.MLP(4, [16, 2])(randn(3, 4)).shape.join() !== '3,2') throw new Error('two numbers a row');
 */
export class MLP extends nn.Sequential {
  constructor(inChannels: number, hiddenChannels: readonly number[], options: MLPOptions = {}) {
    super();
    requireKind('MLP', 'hiddenChannels', hiddenChannels, arrayOf(COUNT, 'whole numbers'), 'write new MLP(4, [16, 2])');
    const given = requireOptions<MLPOptions>('MLP', options, MLP_OPTIONS);
    const { normLayer = null, activationLayer = relu, bias = true, dropout = 0 } = given;
    const inplace = given.inplace ?? undefined;
    let features = inChannels;
    hiddenChannels.forEach((hidden, i) => {
      this.append(new nn.Linear(features, hidden, bias));
      if (i < hiddenChannels.length - 1) {
        if (normLayer !== null) this.append(normLayer(hidden));
        this.append(activationLayer(inplace));
      }
      this.append(new FloatDropout(dropout, inplace ?? false));
      features = hidden;
    });
  }
}

/**
 * A view with the dimensions in another order (https://pytorch.org/vision/stable/generated/torchvision.ops.Permute.html).
 * @example
 * import { randn } from 'flambeau';
 * import { ops } from 'flambeau/vision';
 * if (new ops.Permute([0, 2, 3, 1])(randn(1, 3, 4, 5)).shape.join() !== '1,4,5,3') throw new Error('channels last');
 */
export class Permute extends nn.Module {
  readonly dims: readonly number[];

  constructor(dims: readonly number[]) {
    super();
    requireKind('Permute', 'dims', dims, arrayOf(WHOLE, 'dimensions'), 'write new Permute([0, 2, 3, 1])');
    this.dims = [...dims];
  }

  override forward(x: Tensor): Tensor {
    return x.permute(...this.dims);
  }
}
