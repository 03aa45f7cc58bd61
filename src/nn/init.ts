/** Filling parameters with their first values (https://pytorch.org/docs/stable/nn.init.html), in place, without history. */
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { showShape } from '../base/shape.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import { fillNormal, fillUniform, prepareDraws, type Generator } from '../tensor/random/index.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { normalCdf, normalQuantile } from './normal.ts';

type FloatArray = Float32Array | Float64Array;

function fillWith(x: Tensor, fill: (data: FloatArray) => void): Tensor {
  prepareDraws(); // must not move the memory while it is written to
  x.overwrite((data) => fill(data as FloatArray));
  return x;
}

/** Numbers from U(a, b). */
export const uniform_ = (x: Tensor, a = 0, b = 1, generator?: Generator): Tensor =>
  fillWith(x, (data) => fillUniform(data, a, b, generator));

/** Numbers from N(mean, std²). */
export const normal_ = (x: Tensor, mean = 0, std = 1, generator?: Generator): Tensor =>
  fillWith(x, (data) => fillNormal(data, mean, std, generator));

export const constant_ = (x: Tensor, value: number): Tensor => withGradMode(false, () => x.fill_(value));
export const zeros_ = (x: Tensor): Tensor => constant_(x, 0);
export const ones_ = (x: Tensor): Tensor => constant_(x, 1);

/**
 * Inputs and outputs that one element connects to: a weight [out, in, kH, kW] has fan-in in·kH·kW.
 * @throws ShapeError with fewer than two dimensions
 */
export function fans(x: Tensor): { fanIn: number; fanOut: number } {
  const { shape } = x.layout;
  if (shape.length < 2)
    throw new ShapeError(`init: fan-in and fan-out need at least 2 dimensions, but got shape ${showShape(shape)}`);
  const field = shape.slice(2).reduce((n, size) => n * size, 1);
  return { fanIn: shape[1]! * field, fanOut: shape[0]! * field };
}

export type Nonlinearity = 'linear' | 'conv2d' | 'sigmoid' | 'tanh' | 'relu' | 'leakyRelu';

/** How much a nonlinearity shrinks the signal, for He's and Glorot's scaling. */
export function calculateGain(nonlinearity: Nonlinearity, negativeSlope = 0.01): number {
  switch (nonlinearity) {
    case 'linear':
    case 'conv2d':
    case 'sigmoid':
      return 1;
    case 'tanh':
      return 5 / 3;
    case 'relu':
      return Math.SQRT2;
    case 'leakyRelu':
      return Math.sqrt(2 / (1 + negativeSlope ** 2));
  }
}

export interface KaimingOptions {
  /** Slope of the leaky rectifier after this layer. Default 0. */
  readonly a?: number;
  readonly mode?: 'fanIn' | 'fanOut';
  readonly nonlinearity?: Nonlinearity;
  readonly generator?: Generator;
}

function kaimingStd(x: Tensor, options: KaimingOptions): number {
  const { a = 0, mode = 'fanIn', nonlinearity = 'leakyRelu' } = options;
  return calculateGain(nonlinearity, a) / Math.sqrt(fans(x)[mode]);
}

/** He initialisation, uniform (https://arxiv.org/abs/1502.01852). */
export function kaimingUniform_(x: Tensor, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * kaimingStd(x, options);
  return uniform_(x, -bound, bound, options.generator);
}

/** He initialisation, normal. */
export const kaimingNormal_ = (x: Tensor, options: KaimingOptions = {}): Tensor =>
  normal_(x, 0, kaimingStd(x, options), options.generator);

/** Glorot initialisation, uniform (https://proceedings.mlr.press/v9/glorot10a.html). */
export function xavierUniform_(x: Tensor, gain = 1): Tensor {
  const { fanIn, fanOut } = fans(x);
  const bound = gain * Math.sqrt(6 / (fanIn + fanOut));
  return uniform_(x, -bound, bound);
}

/** Glorot initialisation, normal. */
export function xavierNormal_(x: Tensor, gain = 1): Tensor {
  const { fanIn, fanOut } = fans(x);
  return normal_(x, 0, gain * Math.sqrt(2 / (fanIn + fanOut)));
}

/**
 * Numbers from N(mean, std²), only those from `a` to `b`: the inverse of the distribution of uniform numbers, which is PyTorch's way
 * too. Its single-precision arithmetic is followed up to a few units in the last place.
 * @throws ArgumentError for a standard deviation that is not positive or an empty range
 */
export function truncNormal_(x: Tensor, mean = 0, std = 1, a = -2, b = 2, generator?: Generator): Tensor {
  if (!(std > 0) || !(a < b)) throw new ArgumentError(`truncNormal_: expected std above 0 and a below b, but got std ${std}, a ${a} and b ${b}`); // prettier-ignore
  const [low, high] = [normalCdf((a - mean) / std), normalCdf((b - mean) / std)];
  return fillWith(x, (data) => {
    fillUniform(data, 2 * low - 1, 2 * high - 1, generator);
    for (let i = 0; i < data.length; i++) {
      data[i] = Math.min(Math.max(mean + std * normalQuantile((data[i]! + 1) / 2), a), b);
    }
  });
}

/** PyTorch's default for Conv2d and Linear: weight, then bias, from U(±1/√fan_in). */
export function defaultInit(weight: Tensor, bias: Tensor | null): void {
  const { fanIn } = fans(weight);
  if (fanIn === 0) return;
  kaimingUniform_(weight, { a: Math.sqrt(5) });
  const bound = 1 / Math.sqrt(fanIn);
  if (bias !== null) uniform_(bias, -bound, bound);
}

/** Throws unless `value` is a whole number ≥ `least`. */
export function requireCount(layer: string, name: string, value: number, least = 1): void {
  if (!Number.isInteger(value) || value < least)
    throw new ArgumentError(`${layer}: expected ${name} to be a whole number ≥ ${least}, but got ${value}`);
}
