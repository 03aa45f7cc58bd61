/**
 * Activations beyond the everyday ones, part of `F`
 * (https://pytorch.org/docs/stable/nn.functional.html#non-linear-activation-functions).
 */
import { NUMBER, requireKind, requireOptions } from '../base/arguments.ts';
import { requireDType } from '../base/dtype.ts';
import { ArgumentError } from '../base/errors.ts';
import { NO_ATTRS } from '../geometry/attrs.ts';
import { requireTensor } from '../tensor/arguments.ts';
import { apply1, applyInPlace } from '../tensor/dispatch.ts';
import type { Shape } from '../tensor/shapes/dims.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { GELU_OPTIONS, isInPlace } from './options.ts';

export interface InPlace {
  /** Writes the result into the input. Default false. */
  readonly inplace?: boolean;
}

type Name = 'hardtanh' | 'hardswish' | 'silu' | 'elu';

function run<S extends Shape>(name: Name, x: Tensor<S>, scalars: readonly number[], options: InPlace): Tensor<S> {
  if (isInPlace(name, options)) return applyInPlace(name, [x], NO_ATTRS, scalars) as Tensor<S>;
  return apply1(name, [x], NO_ATTRS, scalars);
}

/**
 * x, but at least `min` and at most `max`. Nothing flows back through elements at a bound.
 * @throws ArgumentError where min is above max
 */
export function hardtanh<S extends Shape>(x: Tensor<S>, min = -1, max = 1, options: InPlace = {}): Tensor<S> {
  for (const bound of [min, max]) requireKind('hardtanh', 'the bounds', bound, NUMBER);
  if (!(min <= max)) throw new ArgumentError(`hardtanh: expected a lower bound that is not above the upper, but got ${min} and ${max}`); // prettier-ignore
  return run('hardtanh', x, [min, max], options);
}

/** min(max(x, 0), 6) */
export const relu6 = <S extends Shape>(x: Tensor<S>, options: InPlace = {}): Tensor<S> => hardtanh(x, 0, 6, options);

/** min(max(x + 3, 0), 6) / 6, a sigmoid of straight lines */
export function hardsigmoid<S extends Shape>(x: Tensor<S>, options?: InPlace): Tensor<S>;
export function hardsigmoid(x: Tensor, options: InPlace = {}): Tensor {
  requireTensor('hardsigmoid', 'the input', x);
  requireDType('hardsigmoid', 'input', x.dtype, ['float32', 'float64']);
  const y = hardtanh(x.add(3), 0, 6).div(6);
  return isInPlace('hardsigmoid', options) ? x.copy_(y) : y;
}

/** x·hardsigmoid(x) */
export const hardswish = <S extends Shape>(x: Tensor<S>, options: InPlace = {}): Tensor<S> =>
  run('hardswish', x, [], options);

/** x·sigmoid(x), also called swish */
export const silu = <S extends Shape>(x: Tensor<S>, options: InPlace = {}): Tensor<S> => run('silu', x, [], options);

/** x where positive, alpha·(eˣ − 1) elsewhere */
export const elu = <S extends Shape>(x: Tensor<S>, alpha = 1, options: InPlace = {}): Tensor<S> =>
  run('elu', x, [alpha], options);

export interface GeluOptions {
  /** 'tanh' for the approximation by a hyperbolic tangent. Default 'none'. */
  readonly approximate?: 'none' | 'tanh';
}

/**
 * x·Φ(x), Φ the normal distribution.
 * @throws ArgumentError for an approximation that is not known
 */
export function gelu<S extends Shape>(x: Tensor<S>, options: GeluOptions = {}): Tensor<S> {
  requireTensor('gelu', 'the input', x);
  const { approximate = 'none' } = requireOptions<GeluOptions>('gelu', options, GELU_OPTIONS, "{ approximate: 'tanh' }"); // prettier-ignore
  if (approximate === 'none') return apply1('gelu', [x], NO_ATTRS);
  const input = x as Tensor;
  const inner = input.mul(input).mul(0.044715).add(1).mul(input).mul(Math.sqrt(2 / Math.PI)); // prettier-ignore
  return inner.tanh().add(1).mul(input).mul(0.5);
}

/** ln(1 + e^(βx)) / β, and x itself where βx is above the threshold */
export const softplus = <S extends Shape>(x: Tensor<S>, beta = 1, threshold = 20): Tensor<S> =>
  apply1('softplus', [x], NO_ATTRS, [beta, threshold]);
