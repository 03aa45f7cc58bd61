/**
 * Activations that are composed of other operations, part of `F`
 * (https://pytorch.org/docs/stable/nn.functional.html#non-linear-activation-functions). Compiled, each is one kernel.
 */
import { fused } from '../tensor/fused.ts';
import { BOOL, NUMBER, WHOLE } from '../base/arguments.ts';
import { requireDType, requireFloating } from '../base/dtype.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { normalizeDim, showShape } from '../base/shape.ts';
import { readCall } from '../base/signature.ts';
import { NO_ATTRS } from '../geometry/attrs.ts';
import { GENERATOR, TENSOR } from '../tensor/arguments.ts';
import { fromTypedArray } from '../tensor/create.ts';
import { apply1 } from '../tensor/dispatch.ts';
import { activation as activationOps } from '../tensor/families/activation.ts';
import { where } from '../tensor/functions.ts';
import { nonzero } from '../tensor/picking.ts';
import { defaultGenerator, type Generator } from '../tensor/random/index.ts';
import type { Shape } from '../tensor/shapes/dims.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { activate, type InPlace } from './functional-activation.ts';
import { inPlace } from './in-place.ts';
import { functionOf } from './signatures.ts';

const INPLACE = { inplace: BOOL };

const SELU_CALL = functionOf<InPlace>('selu', INPLACE);
const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

const floating = (op: string, x: Tensor): void => requireFloating(op, 'input', x.dtype);

/** The scaled {@link elu} of self-normalising networks (Klambauer et al. 2017). */
export function selu<S extends Shape>(input: Tensor<S>, inplace?: boolean | InPlace): Tensor<S>;
export function selu(...args: readonly unknown[]): Tensor {
  const { input, inplace } = readCall(SELU_CALL, args);
  return activate(activationOps.elu, input, [SELU_ALPHA, SELU_SCALE, 1], inplace);
}

export interface CeluOptions extends InPlace {
  /** Not 0. Default 1. */
  readonly alpha?: number;
}
const CELU_CALL = functionOf<CeluOptions>('celu', { alpha: NUMBER, ...INPLACE });

/**
 * max(0, x) + min(0, α·(exp(x/α) − 1)), whose slope is continuous.
 * @throws ArgumentError for alpha 0
 */
export function celu<S extends Shape>(input: Tensor<S>, alpha?: number | CeluOptions, inplace?: boolean | InPlace): Tensor<S>;
export function celu(...args: readonly unknown[]): Tensor {
  const { input, alpha = 1, inplace } = readCall(CELU_CALL, args);
  if (alpha === 0) throw new ArgumentError('celu: expected alpha not to be 0, by which the input is divided; leave it out for 1');
  return activate(activationOps.elu, input, [alpha, 1, 1 / alpha], inplace);
}

export interface ShrinkOptions {
  /** Default 0.5. */
  readonly lambd?: number;
}
const HARDSHRINK = functionOf<ShrinkOptions>('hardshrink', { lambd: NUMBER });
const SOFTSHRINK = functionOf<ShrinkOptions>('softshrink', { lambd: NUMBER });

/** Where x is more than λ away from 0; not where it is NaN. */
const beyond = (x: Tensor, lambd: number): Tensor => x.gt(lambd).logicalOr(x.lt(-lambd));

/** 0, and NaN for NaN; nothing flows back. */
const nothing = (x: Tensor): Tensor => x.detach().mul(0);

/** 0 within λ of 0, x elsewhere. */
export function hardshrink<S extends Shape>(input: Tensor<S>, lambd?: number | ShrinkOptions): Tensor<S>;
export function hardshrink(...args: readonly unknown[]): Tensor {
  const { input, lambd = 0.5 } = readCall(HARDSHRINK, args);
  floating('hardshrink', input);
  return HARD([input], lambd);
}
const HARD = fused<[number]>('HardshrinkBackward0', ([x], lambd) => where(beyond(x!, lambd), x!, nothing(x!)));

/**
 * x moved towards 0 by λ, 0 within λ of it.
 * @throws ArgumentError for a negative λ
 */
export function softshrink<S extends Shape>(input: Tensor<S>, lambd?: number | ShrinkOptions): Tensor<S>;
export function softshrink(...args: readonly unknown[]): Tensor {
  const { input, lambd = 0.5 } = readCall(SOFTSHRINK, args);
  floating('softshrink', input);
  if (!(lambd >= 0)) throw new ArgumentError(`softshrink: expected lambd to be at least 0, but got ${lambd}`);
  return SOFT([input], lambd);
}
const SOFT = fused<[number]>('SoftshrinkBackward0', ([x], lambd) =>
  where(beyond(x!, lambd), x!.sub(x!.detach().clamp({ min: -lambd, max: lambd })), nothing(x!)),
);

const TANHSHRINK = functionOf<object>('tanhshrink', {});
const SOFTSIGN = functionOf<object>('softsign', {});
const LOG_SIGMOID = functionOf<object>('logsigmoid', {});

/** x − tanh(x) */
export function tanhshrink<S extends Shape>(input: Tensor<S>): Tensor<S>;
export function tanhshrink(...args: readonly unknown[]): Tensor {
  const { input } = readCall(TANHSHRINK, args);
  return TANH_REST([input]);
}
const TANH_REST = fused('SubBackward0', ([x]) => x!.sub(x!.tanh()));

/** x / (1 + |x|) */
export function softsign<S extends Shape>(input: Tensor<S>): Tensor<S>;
export function softsign(...args: readonly unknown[]): Tensor {
  const { input } = readCall(SOFTSIGN, args);
  return SIGN_LIKE([input]);
}
const SIGN_LIKE = fused('DivBackward0', ([x]) => x!.div(x!.abs().add(1)));

/** Where a softplus is its argument to the last digit of float64. */
const FAR = 40;

/** ln(1 + eˣ) to all digits of either dtype. */
const exactSoftplus = (x: Tensor): Tensor => apply1(activationOps.softplus, [x], NO_ATTRS, [1, FAR]);

/** The logarithm of the sigmoid (PyTorch: `F.logsigmoid`). */
export function logsigmoid<S extends Shape>(input: Tensor<S>): Tensor<S>;
export function logsigmoid(...args: readonly unknown[]): Tensor {
  const { input } = readCall(LOG_SIGMOID, args);
  floating('logsigmoid', input);
  return LOG_OF_SIGMOID([input]);
}
const LOG_OF_SIGMOID = fused('LogSigmoidBackward0', ([x]) => exactSoftplus(x!.neg()).neg());

const MISH = functionOf<InPlace>('mish', INPLACE);

/** x·tanh(softplus(x)) (Misra 2019). */
export function mish<S extends Shape>(input: Tensor<S>, inplace?: boolean | InPlace): Tensor<S>;
export function mish(...args: readonly unknown[]): Tensor {
  const { input, inplace } = readCall(MISH, args);
  floating('mish', input);
  return inPlace(inplace, input, (x) => GATED([x]));
}
const GATED = fused('MishBackward0', ([x]) => x!.mul(exactSoftplus(x!).tanh()));

export interface ThresholdOptions extends InPlace {
  readonly threshold: number;
  readonly value: number;
}
const THRESHOLD = functionOf<ThresholdOptions>('threshold', { threshold: NUMBER, value: NUMBER, ...INPLACE }, { required: 2 });

/** x where it is above a threshold, a value elsewhere. */
export function threshold<S extends Shape>(input: Tensor<S>, threshold: number, value: number, inplace?: boolean | InPlace): Tensor<S>;
export function threshold<S extends Shape>(input: Tensor<S>, options: ThresholdOptions): Tensor<S>;
export function threshold(...args: readonly unknown[]): Tensor {
  const { input, threshold: bound, value, inplace } = readCall(THRESHOLD, args);
  return inPlace(inplace, input, (x) => ABOVE([x], bound, value));
}
const ABOVE = fused<[number, number]>('ThresholdBackward0', ([x], bound, value) => x!.maskedFill(x!.le(bound), value));

const PRELU = functionOf<{ weight: Tensor }>('prelu', { weight: TENSOR }, { required: 1 });

/**
 * x where positive, w·x elsewhere, with one slope for all or one for each channel (dimension 1).
 * @throws ShapeError unless the weight is a scalar, [1] or [channels]
 */
export function prelu<S extends Shape>(input: Tensor<S>, weight: Tensor): Tensor<S>;
export function prelu(...args: readonly unknown[]): Tensor {
  const { input: x, weight } = readCall(PRELU, args);
  floating('prelu', x);
  requireDType('prelu', 'weight', weight.dtype, [x.dtype]);
  const slopes = weight.numel();
  const channels = x.ndim < 2 ? 1 : x.layout.shape[1]!;
  if (weight.ndim > 1 || (slopes !== 1 && slopes !== channels)) {
    throw new ShapeError(
      `prelu: expected a weight of shape [1] or [${channels}], one for each channel of the input ${showShape(x.layout.shape)}, but got ${showShape(weight.layout.shape)}`,
    );
  }
  const each = slopes === 1 || x.ndim < 2 ? weight.reshape([]) : weight.reshape([slopes, ...Array<number>(x.ndim - 2).fill(1)]);
  return SLOPED([x, each]);
}
const SLOPED = fused('PreluKernelBackward0', ([x, slopes]) => {
  const positive = x!.gt(0);
  return where(positive, x!, x!.maskedFill(positive, 0).mul(slopes!)); // nothing positive flows into the slopes
});

export interface RReluOptions extends InPlace {
  /** Default 1/8. */
  readonly lower?: number;
  /** Default 1/3. */
  readonly upper?: number;
  /** Default false. */
  readonly training?: boolean;
  /** By name only. */
  readonly generator?: Generator;
}
const RRELU = functionOf<RReluOptions>(
  'rrelu',
  { lower: NUMBER, upper: NUMBER, training: BOOL, ...INPLACE, generator: GENERATOR },
  { positional: 4 },
);
const TWO_53 = 2 ** 53;

/**
 * x where positive, r·x elsewhere: in training with r drawn between two bounds for each such element, else with their mean. What is drawn
 * depends on the elements, so that a compiled function cannot contain it in training.
 * @throws ArgumentError where the lower bound is above the upper
 */
export function rrelu<S extends Shape>(
  input: Tensor<S>,
  lower?: number | RReluOptions,
  upper?: number | Omit<RReluOptions, 'lower'>,
  training?: boolean | Omit<RReluOptions, 'lower' | 'upper'>,
  inplace?: boolean | Pick<RReluOptions, 'inplace' | 'generator'>,
): Tensor<S>;
export function rrelu(...args: readonly unknown[]): Tensor {
  const { input, lower = 1 / 8, upper = 1 / 3, training = false, inplace, generator = defaultGenerator } = readCall(RRELU, args);
  floating('rrelu', input);
  if (!(lower <= upper))
    throw new ArgumentError(`rrelu: expected a lower bound that is not above the upper, but got ${lower} and ${upper}`);
  if (!training) return activate(activationOps.leakyRelu, input, [(lower + upper) / 2], inplace);
  const slopes = drawnSlopes(input.detach().cpu(), lower, upper - lower, generator);
  const noise = fromTypedArray(slopes as Float32Array, [...input.layout.shape]).to(input.device);
  return inPlace(inplace, input, (x) => x.mul(noise));
}

/** For each element that is not positive a draw, in their order, else 1. Where they are a kernel finds, without a branch for each. */
function drawnSlopes(elements: Tensor, lower: number, range: number, generator: Generator): FloatArray {
  const places = nonzero(elements.reshape([-1]).le(0)).toTypedArray() as BigInt64Array;
  const draws = new Float64Array(places.length);
  generator.fillRandom53(draws);
  const slopes = new (elements.dtype === 'float64' ? Float64Array : Float32Array)(elements.layout.numel).fill(1);
  setAt(slopes, new Int32Array(places.buffer, places.byteOffset, 2 * places.length), draws, lower, range);
  return slopes;
}

type FloatArray = Float32Array | Float64Array;

/** @param places the words of int64 */
function setAt(slopes: FloatArray, places: Int32Array, draws: Float64Array, lower: number, range: number): void {
  const { length } = draws;
  for (let k = 0; k < length; k++) slopes[places[2 * k]!] = (draws[k]! / TWO_53) * range + lower;
}

const GLU_CALL = functionOf<{ dim?: number }>('glu', { dim: WHOLE });

/**
 * a·sigmoid(b), where a and b are the halves of the input along a dimension.
 * @throws ShapeError for an odd size
 */
export function glu(input: Tensor, dim?: number | { readonly dim?: number }): Tensor;
export function glu(...args: readonly unknown[]): Tensor {
  const { input, dim = -1 } = readCall(GLU_CALL, args);
  floating('glu', input);
  if (input.ndim === 0) throw new ShapeError('glu: expected an input with dimensions, but got a scalar');
  const axis = normalizeDim('glu', dim, input.ndim);
  const size = input.layout.shape[axis]!;
  if (size % 2 !== 0)
    throw new ShapeError(
      `glu: expected an even size of dimension ${axis}, which is halved, but got an input of ${showShape(input.layout.shape)}`,
    );
  return GATE([input.narrow(axis, 0, size / 2), input.narrow(axis, size / 2, size / 2)]);
}
const GATE = fused('GluBackward0', ([x, gate]) => x!.mul(gate!.sigmoid()));
