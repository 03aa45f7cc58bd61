/** The rarer activations as layers (https://pytorch.org/docs/stable/nn.html#non-linear-activations-weighted-sum-nonlinearity). */
import { BOOL, COUNT, NUMBER, WHOLE } from '../../base/arguments.ts';
import { ArgumentError, ShapeError } from '../../base/errors.ts';
import { pythonFloat } from '../../base/python-format.ts';
import { showShape } from '../../base/shape.ts';
import { readCall } from '../../base/signature.ts';
import { full } from '../../tensor/create.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { EluOptions, InPlace } from '../functional-activation.ts';
import { celu, glu, hardshrink, logsigmoid, mish, prelu, rrelu, selu, softshrink, softsign, tanhshrink, threshold, type CeluOptions, type RReluOptions, type ShrinkOptions, type ThresholdOptions } from '../functional-activation-more.ts'; // prettier-ignore
import { Parameter } from '../parameter.ts';
import type { IdentityFn, ShapeFn } from '../shape-types.ts';
import { layerOf } from '../signatures.ts';
import { andInPlace, InPlaceLayer } from './activation.ts';
import { Layer } from './layer.ts';

const INPLACE = { inplace: BOOL };

/** The scaled ELU of self-normalising networks. */
export class SELU extends InPlaceLayer {
  protected override run(x: Tensor): Tensor {
    return selu(x, this.inplace);
  }
}

/** x·tanh(softplus(x)) */
export class Mish extends InPlaceLayer {
  protected override run(x: Tensor): Tensor {
    return mish(x, this.inplace);
  }
}

const CELU_LAYER = layerOf<CeluOptions>('CELU', { alpha: NUMBER, ...INPLACE });

/** max(0, x) + min(0, α·(exp(x/α) − 1)) */
export class CELU extends Layer<IdentityFn> {
  alpha: number;
  inplace: boolean;

  constructor(alpha?: number | EluOptions, inplace?: boolean | InPlace);
  constructor(...args: readonly unknown[]) {
    super();
    const { alpha = 1, inplace = false } = readCall(CELU_LAYER, args);
    this.alpha = alpha;
    this.inplace = inplace;
  }

  protected override run(x: Tensor): Tensor {
    return celu(x, this.alpha, this.inplace);
  }

  override extraRepr(): string {
    return `alpha=${pythonFloat(this.alpha)}${andInPlace(this.inplace)}`;
  }
}

abstract class ShrinkLayer extends Layer<IdentityFn> {
  lambd: number;

  constructor(lambd?: number | ShrinkOptions);
  constructor(...args: readonly unknown[]) {
    super();
    this.lambd = readCall(layerOf<ShrinkOptions>(this.typeName(), { lambd: NUMBER }), args).lambd ?? 0.5;
  }

  override extraRepr(): string {
    return String(this.lambd);
  }
}

/** 0 within λ of 0, x elsewhere. */
export class Hardshrink extends ShrinkLayer {
  protected override run(x: Tensor): Tensor {
    return hardshrink(x, this.lambd);
  }
}

/** x moved towards 0 by λ, 0 within λ of it. */
export class Softshrink extends ShrinkLayer {
  protected override run(x: Tensor): Tensor {
    return softshrink(x, this.lambd);
  }
}

/** x − tanh(x) */
export class Tanhshrink extends Layer<IdentityFn> {
  protected override run(x: Tensor): Tensor {
    return tanhshrink(x);
  }
}

/** x / (1 + |x|) */
export class Softsign extends Layer<IdentityFn> {
  protected override run(x: Tensor): Tensor {
    return softsign(x);
  }
}

/** The logarithm of the sigmoid. */
export class LogSigmoid extends Layer<IdentityFn> {
  protected override run(x: Tensor): Tensor {
    return logsigmoid(x);
  }
}

const THRESHOLD = layerOf<ThresholdOptions>('Threshold', { threshold: NUMBER, value: NUMBER, ...INPLACE }, { required: 2 });

/** x where it is above a threshold, a value elsewhere. */
export class Threshold extends Layer<IdentityFn> {
  threshold: number;
  value: number;
  inplace: boolean;

  constructor(threshold: number, value: number, inplace?: boolean | InPlace);
  constructor(options: ThresholdOptions);
  constructor(...args: readonly unknown[]) {
    super();
    const { threshold, value, inplace = false } = readCall(THRESHOLD, args);
    this.threshold = threshold;
    this.value = value;
    this.inplace = inplace;
  }

  protected override run(x: Tensor): Tensor {
    return threshold(x, this.threshold, this.value, this.inplace);
  }

  override extraRepr(): string {
    return `threshold=${this.threshold}, value=${this.value}${andInPlace(this.inplace)}`;
  }
}

interface PReLUOptions {
  /** 1, or the channels of the input. Default 1. */
  readonly numParameters?: number;
  /** The slope to begin with. Default 0.25. */
  readonly init?: number;
}
const PRELU = layerOf<PReLUOptions>('PReLU', { numParameters: COUNT, init: NUMBER });

/** x where positive, w·x elsewhere, with slopes that are learned: one, or one for each channel. */
export class PReLU extends Layer<IdentityFn> {
  readonly numParameters: number;
  readonly init: number;
  weight: Parameter;

  constructor(numParameters?: number | PReLUOptions, init?: number | Pick<PReLUOptions, 'init'>);
  constructor(...args: readonly unknown[]) {
    super();
    const { numParameters = 1, init = 0.25 } = readCall(PRELU, args);
    this.numParameters = numParameters;
    this.init = init;
    this.weight = new Parameter(full([numParameters], init));
    this.registerParameter('weight', this.weight);
  }

  protected override run(x: Tensor): Tensor {
    return prelu(x, this.weight);
  }

  override extraRepr(): string {
    return `num_parameters=${this.numParameters}`;
  }
}

type RReLUOptions = Pick<RReluOptions, 'lower' | 'upper' | 'inplace'>;
const RRELU = layerOf<RReLUOptions>('RReLU', { lower: NUMBER, upper: NUMBER, ...INPLACE });

/** x where positive, r·x elsewhere: in training with an r that is drawn for each such element, else with the mean. */
export class RReLU extends Layer<IdentityFn> {
  lower: number;
  upper: number;
  inplace: boolean;

  /** @throws ArgumentError where the lower bound is above the upper */
  constructor(lower?: number | RReLUOptions, upper?: number | Omit<RReLUOptions, 'lower'>, inplace?: boolean | InPlace);
  constructor(...args: readonly unknown[]) {
    super();
    const { lower = 1 / 8, upper = 1 / 3, inplace = false } = readCall(RRELU, args);
    if (!(lower <= upper))
      throw new ArgumentError(`RReLU: expected a lower bound that is not above the upper, but got ${lower} and ${upper}`);
    this.lower = lower;
    this.upper = upper;
    this.inplace = inplace;
  }

  protected override run(x: Tensor): Tensor {
    return rrelu(x, this.lower, this.upper, this.training, this.inplace);
  }

  override extraRepr(): string {
    return `lower=${pythonFloat(this.lower)}, upper=${pythonFloat(this.upper)}${andInPlace(this.inplace)}`;
  }
}

/** The last of a layer's sizes or another one is halved: nothing is known of the result's shape. */
interface HalvedFn extends ShapeFn {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a dynamic shape
  readonly out: any;
}

const GLU_LAYER = layerOf<{ dim?: number }>('GLU', { dim: WHOLE });

/** a·sigmoid(b), where a and b are the halves of the input along a dimension. */
export class GLU extends Layer<HalvedFn> {
  readonly dim: number;

  constructor(dim?: number | { readonly dim?: number });
  constructor(...args: readonly unknown[]) {
    super();
    this.dim = readCall(GLU_LAYER, args).dim ?? -1;
  }

  protected override run(x: Tensor): Tensor {
    return glu(x, this.dim);
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** Probabilities of the channels at each place of [N, C, H, W] or [C, H, W]. */
export class Softmax2d extends Layer<IdentityFn> {
  protected override run(x: Tensor): Tensor {
    if (x.ndim !== 3 && x.ndim !== 4)
      throw new ShapeError(`Softmax2d: expected an input [N, C, H, W] or [C, H, W], but got ${showShape(x.layout.shape)}`);
    return x.softmax(-3);
  }
}
