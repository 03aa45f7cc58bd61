/**
 * Activations, part of `F`: the everyday ones and those with an operation of their own
 * (https://pytorch.org/docs/stable/nn.functional.html#non-linear-activation-functions). Those that are composed of others are
 * in `functional-activation-more.ts`.
 */
import { fused } from '../tensor/fused.ts';
import { BOOL, NUMBER, oneOf, orNull, refuseMore, WHOLE } from '../base/arguments.ts';
import { requireFloating } from '../base/dtype.ts';
import { ArgumentError } from '../base/errors.ts';
import { readCall } from '../base/signature.ts';
import { NO_ATTRS } from '../geometry/attrs.ts';
import { ONE_DIM, requireTensor } from '../tensor/arguments.ts';
import { apply1, applyInPlace } from '../tensor/dispatch.ts';
import { activation as activationOps } from '../tensor/families/activation.ts';
import type { Shape } from '../tensor/shapes/dims.ts';
import type { DimArgument } from '../tensor/shapes/reduce.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { inPlace } from './in-place.ts';
import { functionOf } from './signatures.ts';

/** What activations take that can work in place, as `true` or by name. */
export interface InPlace {
  /** Writes the result into the input. Default false. */
  readonly inplace?: boolean;
}

export interface LeakyReluOptions extends InPlace {
  /** What negative elements are multiplied by. Default 0.01. */
  readonly negativeSlope?: number;
}

export interface HardtanhOptions extends InPlace {
  /** Default -1. */
  readonly minVal?: number;
  /** Default 1. */
  readonly maxVal?: number;
}

export interface EluOptions extends InPlace {
  /** Default 1. */
  readonly alpha?: number;
}

export interface SoftplusOptions {
  /** Default 1. */
  readonly beta?: number;
  /** Where β·x is above this, the result is x. Default 20. */
  readonly threshold?: number;
}

export interface GeluOptions {
  /** 'tanh' for the approximation by a hyperbolic tangent. Default 'none'. */
  readonly approximate?: 'none' | 'tanh';
}

const INPLACE = { inplace: BOOL };
const RELU = functionOf<InPlace>('relu', INPLACE);
const RELU6 = functionOf<InPlace>('relu6', INPLACE);
const HARDSIGMOID = functionOf<InPlace>('hardsigmoid', INPLACE);
const HARDSWISH = functionOf<InPlace>('hardswish', INPLACE);
const SILU = functionOf<InPlace>('silu', INPLACE);
const LEAKY_RELU = functionOf<LeakyReluOptions>('leakyRelu', { negativeSlope: NUMBER, ...INPLACE });
const HARDTANH = functionOf<HardtanhOptions>('hardtanh', { minVal: NUMBER, maxVal: NUMBER, ...INPLACE });
const ELU_CALL = functionOf<EluOptions>('elu', { alpha: NUMBER, ...INPLACE });
const SOFTPLUS = functionOf<SoftplusOptions>('softplus', { beta: NUMBER, threshold: NUMBER });
const GELU_CALL = functionOf<GeluOptions>('gelu', { approximate: oneOf('none', 'tanh') });

type Name = 'leakyRelu' | 'hardtanh' | 'hardswish' | 'silu' | 'elu';

/** An activation that is one operation, with its numbers; in place where that is asked for. */
export function activate(name: Name, x: Tensor, scalars: readonly number[], inplace = false): Tensor {
  return inplace ? applyInPlace(name, [x], NO_ATTRS, scalars) : apply1(name, [x], NO_ATTRS, scalars);
}

/**
 * max(x, 0) (https://pytorch.org/docs/stable/generated/torch.nn.functional.relu.html).
 * @example
 * import { F, tensor } from 'flambeau';
 * if (String(F.relu(tensor([-1, 2])).tolist()) !== '0,2') throw new Error('nothing below zero');
 */
export function relu<S extends Shape>(input: Tensor<S>, inplace?: boolean | InPlace): Tensor<S>;
export function relu(...args: readonly unknown[]): Tensor {
  const { input, inplace } = readCall(RELU, args);
  return inplace === true ? input.relu_() : input.relu();
}

/** 1 / (1 + e⁻ˣ) */
export function sigmoid<S extends Shape>(input: Tensor<S>): Tensor<S>;
export function sigmoid(input: Tensor, ...more: readonly unknown[]): Tensor {
  requireTensor('sigmoid', 'the input', input);
  refuseMore('sigmoid', more, 'an input');
  return input.sigmoid();
}

/** The hyperbolic tangent. */
export function tanh<S extends Shape>(input: Tensor<S>): Tensor<S>;
export function tanh(input: Tensor, ...more: readonly unknown[]): Tensor {
  requireTensor('tanh', 'the input', input);
  refuseMore('tanh', more, 'an input');
  return input.tanh();
}

/** The dimension of a softmax, by name. */
export interface SoftmaxOptions<D> {
  readonly dim?: D;
}
const DIM = { dim: orNull(WHOLE) };
const SOFTMAX = functionOf<SoftmaxOptions<number | null>>('softmax', DIM);
const LOG_SOFTMAX = functionOf<SoftmaxOptions<number | null>>('logSoftmax', DIM);
const SOFTMIN = functionOf<SoftmaxOptions<number | null>>('softmin', DIM);

/** The input and the dimension; a dtype, which PyTorch takes as well, is refused with what to write. */
function alongDim(of: typeof SOFTMAX, args: readonly unknown[]): { input: Tensor; dim: number } {
  if (args.length > 2) refuseMore(of.op, args.slice(2), ONE_DIM);
  const { input, dim } = readCall(of, args);
  return { input, dim: dim ?? implicitDim(input) };
}

const implicitDim = ({ ndim }: Tensor): number => (ndim === 0 || ndim === 1 || ndim === 3 ? 0 : 1);

type Dim<S extends Shape, D extends number> = DimArgument<S, D> | SoftmaxOptions<D> | null;

/** Probabilities along a dimension. PyTorch's old default: dimension 0 of tensors with 0, 1 or 3 dimensions, else 1. */
export function softmax<S extends Shape, const D extends number>(input: Tensor<S>, dim?: Dim<S, D>): Tensor<S>;
export function softmax(...args: readonly unknown[]): Tensor {
  const { input, dim } = alongDim(SOFTMAX, args);
  return input.softmax(dim);
}

/** Logarithms of probabilities along a dimension, by default that of {@link softmax}. */
export function logSoftmax<S extends Shape, const D extends number>(input: Tensor<S>, dim?: Dim<S, D>): Tensor<S>;
export function logSoftmax(...args: readonly unknown[]): Tensor {
  const { input, dim } = alongDim(LOG_SOFTMAX, args);
  return input.logSoftmax(dim);
}

/** {@link softmax} of −x: the smallest gets the largest probability. */
export function softmin<S extends Shape, const D extends number>(input: Tensor<S>, dim?: Dim<S, D>): Tensor<S>;
export function softmin(...args: readonly unknown[]): Tensor {
  const { input, dim } = alongDim(SOFTMIN, args);
  return input.neg().softmax(dim);
}

/** x where positive, slope·x elsewhere. */
export function leakyRelu<S extends Shape>(
  input: Tensor<S>,
  negativeSlope?: number | LeakyReluOptions,
  inplace?: boolean | InPlace,
): Tensor<S>;
export function leakyRelu(...args: readonly unknown[]): Tensor {
  const { input, negativeSlope = 0.01, inplace } = readCall(LEAKY_RELU, args);
  return activate(activationOps.leakyRelu, input, [negativeSlope], inplace);
}

/**
 * x, but at least `minVal` and at most `maxVal`. Nothing flows back through elements at a bound.
 * @throws ArgumentError where minVal is above maxVal
 */
export function hardtanh<S extends Shape>(
  input: Tensor<S>,
  minVal?: number | HardtanhOptions,
  maxVal?: number | Omit<HardtanhOptions, 'minVal'>,
  inplace?: boolean | InPlace,
): Tensor<S>;
export function hardtanh(...args: readonly unknown[]): Tensor {
  const { input, minVal = -1, maxVal = 1, inplace } = readCall(HARDTANH, args);
  if (!(minVal <= maxVal))
    throw new ArgumentError(`hardtanh: expected a lower bound that is not above the upper, but got ${minVal} and ${maxVal}`);
  return activate(activationOps.hardtanh, input, [minVal, maxVal], inplace);
}

/** min(max(x, 0), 6) */
export function relu6<S extends Shape>(input: Tensor<S>, inplace?: boolean | InPlace): Tensor<S>;
export function relu6(...args: readonly unknown[]): Tensor {
  const { input, inplace } = readCall(RELU6, args);
  return activate(activationOps.hardtanh, input, [0, 6], inplace);
}

/** min(max(x + 3, 0), 6) / 6, a sigmoid of straight lines */
export function hardsigmoid<S extends Shape>(input: Tensor<S>, inplace?: boolean | InPlace): Tensor<S>;
export function hardsigmoid(...args: readonly unknown[]): Tensor {
  const { input, inplace } = readCall(HARDSIGMOID, args);
  requireFloating('hardsigmoid', 'input', input.dtype);
  return inPlace(inplace, input, (x) => HARD([x]));
}
// Bounded first: of the last numbers below 3 the sum is 6, and they have a gradient nevertheless.
const HARD = fused('HardsigmoidBackward0', ([x]) => activate(activationOps.hardtanh, x!, [-3, 3]).add(3).div(6));

/** x·hardsigmoid(x) */
export function hardswish<S extends Shape>(input: Tensor<S>, inplace?: boolean | InPlace): Tensor<S>;
export function hardswish(...args: readonly unknown[]): Tensor {
  const { input, inplace } = readCall(HARDSWISH, args);
  return activate(activationOps.hardswish, input, [], inplace);
}

/** x·sigmoid(x), also called swish */
export function silu<S extends Shape>(input: Tensor<S>, inplace?: boolean | InPlace): Tensor<S>;
export function silu(...args: readonly unknown[]): Tensor {
  const { input, inplace } = readCall(SILU, args);
  return activate(activationOps.silu, input, [], inplace);
}

/** x where positive, alpha·(eˣ − 1) elsewhere */
export function elu<S extends Shape>(input: Tensor<S>, alpha?: number | EluOptions, inplace?: boolean | InPlace): Tensor<S>;
export function elu(...args: readonly unknown[]): Tensor {
  const { input, alpha = 1, inplace } = readCall(ELU_CALL, args);
  return activate(activationOps.elu, input, [alpha, 1, 1], inplace);
}

/**
 * x·Φ(x), Φ the normal distribution.
 * @throws ArgumentError for an approximation that is not known
 */
export function gelu<S extends Shape>(input: Tensor<S>, approximate?: GeluOptions['approximate'] | GeluOptions): Tensor<S>;
export function gelu(...args: readonly unknown[]): Tensor {
  const { input, approximate = 'none' } = readCall(GELU_CALL, args);
  if (approximate === 'none') return apply1(activationOps.gelu, [input], NO_ATTRS);
  return BY_TANH([input]);
}
const BY_TANH = fused('GeluBackward0', ([x]) => {
  const inner = x!
    .mul(x!)
    .mul(0.044715)
    .add(1)
    .mul(x!)
    .mul(Math.sqrt(2 / Math.PI));
  return inner.tanh().add(1).mul(x!).mul(0.5);
});

/** ln(1 + e^(βx)) / β, and x itself where βx is above the threshold */
export function softplus<S extends Shape>(
  input: Tensor<S>,
  beta?: number | SoftplusOptions,
  threshold?: number | Pick<SoftplusOptions, 'threshold'>,
): Tensor<S>;
export function softplus(...args: readonly unknown[]): Tensor {
  const { input, beta = 1, threshold = 20 } = readCall(SOFTPLUS, args);
  return apply1(activationOps.softplus, [input], NO_ATTRS, [beta, threshold]);
}
