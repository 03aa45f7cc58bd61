/** Filling parameters with their first values (https://pytorch.org/docs/stable/nn.init.html), in place, without history. */
import { FINITE, NUMBER, oneOf, requireKind, requireOptions, type OptionKinds } from '../base/arguments.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { showShape } from '../base/shape.ts';
import { GENERATOR, requireTensor } from '../tensor/arguments.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import { fillUniform, type Generator } from '../tensor/random/index.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { fillWith, type FloatArray, type NormalFill } from './fill.ts';
import { normalCdf } from './normal.ts';

export { dirac_, eye_, orthogonal_, sparse_ } from './init-more.ts';

/** Checks what all of these take: a tensor, numbers, and perhaps a generator. */
function requireArguments(op: string, x: unknown, numbers: readonly unknown[], generator?: unknown): void {
  requireTensor(op, 'the first argument', x);
  for (const number of numbers) requireKind(op, 'every number', number, FINITE);
  if (generator !== undefined) requireKind(op, 'generator', generator, GENERATOR);
}

/** Numbers from U(a, b). */
export function uniform_(x: Tensor, a = 0, b = 1, generator?: Generator): Tensor {
  requireArguments('uniform_', x, [a, b], generator);
  return fillWith('uniform_', x, (data) => fillUniform(data, a, b, generator));
}

/** Numbers from N(mean, std²). */
export function normal_(x: Tensor, mean = 0, std = 1, generator?: Generator): Tensor {
  requireArguments('normal_', x, [mean, std], generator);
  return fillWith('normal_', x, (data, normal) => normal(data, mean, std, generator));
}

export function constant_(x: Tensor, value: number): Tensor {
  requireTensor('constant_', 'the first argument', x);
  requireKind('constant_', 'value', value, NUMBER);
  return withGradMode(false, () => x.fill_(value));
}
export const zeros_ = (x: Tensor): Tensor => constant_(x, 0);
export const ones_ = (x: Tensor): Tensor => constant_(x, 1);

/**
 * Inputs and outputs that one element connects to: a weight [out, in, kH, kW] has fan-in in·kH·kW.
 * @throws ShapeError with fewer than two dimensions
 */
export function fans(x: Tensor): { fanIn: number; fanOut: number } {
  requireTensor('init', 'the first argument', x);
  const { shape } = x.layout;
  if (shape.length < 2)
    throw new ShapeError(`init: fan-in and fan-out need at least 2 dimensions, but got shape ${showShape(shape)}`);
  const field = shape.slice(2).reduce((n, size) => n * size, 1);
  return { fanIn: shape[1]! * field, fanOut: shape[0]! * field };
}

const NONLINEARITY = oneOf('linear', 'conv2d', 'sigmoid', 'tanh', 'relu', 'leakyRelu');
export type Nonlinearity = 'linear' | 'conv2d' | 'sigmoid' | 'tanh' | 'relu' | 'leakyRelu';

/** How much a nonlinearity shrinks the signal, for He's and Glorot's scaling. */
export function calculateGain(nonlinearity: Nonlinearity, negativeSlope = 0.01): number {
  requireKind('calculateGain', 'nonlinearity', nonlinearity, NONLINEARITY);
  requireKind('calculateGain', 'negativeSlope', negativeSlope, NUMBER);
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

const KAIMING_OPTIONS: OptionKinds<KaimingOptions> = {
  a: NUMBER,
  mode: oneOf('fanIn', 'fanOut'),
  nonlinearity: NONLINEARITY,
  generator: GENERATOR,
};

const kaimingOptions = (op: string, options: unknown): KaimingOptions =>
  requireOptions<KaimingOptions>(op, options, KAIMING_OPTIONS, "{ mode: 'fanOut', nonlinearity: 'relu' }");

function kaimingStd(x: Tensor, options: KaimingOptions): number {
  const { a = 0, mode = 'fanIn', nonlinearity = 'leakyRelu' } = options;
  return calculateGain(nonlinearity, a) / Math.sqrt(fans(x)[mode]);
}

/** Nothing is there to fill, and fan-in may be zero: PyTorch warns and leaves the tensor. */
function isEmpty(x: Tensor): boolean {
  requireTensor('init', 'the first argument', x);
  return x.layout.numel === 0;
}

/** He initialisation, uniform (https://arxiv.org/abs/1502.01852). */
export function kaimingUniform_(x: Tensor, options: KaimingOptions = {}): Tensor {
  const given = kaimingOptions('kaimingUniform_', options);
  if (isEmpty(x)) return x;
  const bound = Math.sqrt(3) * kaimingStd(x, given);
  return uniform_(x, -bound, bound, given.generator);
}

/** He initialisation, normal. */
export function kaimingNormal_(x: Tensor, options: KaimingOptions = {}): Tensor {
  const given = kaimingOptions('kaimingNormal_', options);
  if (isEmpty(x)) return x;
  return normal_(x, 0, kaimingStd(x, given), given.generator);
}

/** Glorot initialisation, uniform (https://proceedings.mlr.press/v9/glorot10a.html). */
export function xavierUniform_(x: Tensor, gain = 1, generator?: Generator): Tensor {
  requireKind('xavierUniform_', 'gain', gain, NUMBER);
  const { fanIn, fanOut } = fans(x);
  const bound = gain * Math.sqrt(6 / (fanIn + fanOut));
  return uniform_(x, -bound, bound, generator);
}

/** Glorot initialisation, normal. */
export function xavierNormal_(x: Tensor, gain = 1, generator?: Generator): Tensor {
  requireKind('xavierNormal_', 'gain', gain, NUMBER);
  const { fanIn, fanOut } = fans(x);
  return normal_(x, 0, gain * Math.sqrt(2 / (fanIn + fanOut)), generator);
}

/**
 * Numbers from N(mean, std²), only those from `a` to `b`: others are drawn again, as in PyTorch 2.15, number for number. Where few would do,
 * uniform numbers are drawn and accepted by their density (https://en.wikipedia.org/wiki/Rejection_sampling).
 * @throws ArgumentError for a standard deviation that is not positive, an empty range, or one so far from the mean that hardly a number is in it
 */
export function truncNormal_(x: Tensor, mean = 0, std = 1, a = -2, b = 2, generator?: Generator): Tensor {
  requireArguments('truncNormal_', x, [mean, std, a, b], generator);
  if (!(std > 0) || !(a < b)) throw new ArgumentError(`truncNormal_: expected std above 0 and a below b, but got std ${std}, a ${a} and b ${b}`); // prettier-ignore
  const share = normalCdf((b - mean) / std) - normalCdf((a - mean) / std);
  const range = { mean, std, a, b };
  return fillWith('truncNormal_', x, (data, normal) => {
    if (share > 0.3) redrawnNormal(data, normal, range, generator);
    else acceptedUniform(data, range, generator);
  });
}

interface Truncated {
  readonly mean: number;
  readonly std: number;
  readonly a: number;
  readonly b: number;
}

/** Rounds of draws before a range counts as hopeless. */
const MAX_ROUNDS = 10_000;

/** Draws `data.length` numbers at a time, as PyTorch does, until no element is `pending`. */
function redraw(data: FloatArray, { mean, std, a, b }: Truncated, round: () => boolean): void {
  for (let rounds = 0; round(); rounds++) {
    if (rounds < MAX_ROUNDS) continue;
    throw new ArgumentError(`truncNormal_: expected a range that numbers from N(${mean}, ${std}²) fall into, but ${data.length} draws of [${a}, ${b}] did not succeed in ${MAX_ROUNDS} rounds; choose one nearer to the mean`); // prettier-ignore
  }
}

function redrawnNormal(data: FloatArray, normal: NormalFill, range: Truncated, generator: Generator | undefined): void {
  const fresh = data.slice();
  const [low, high] = inDType(data, range.a, range.b) as [number, number];
  const outside = (value: number): boolean => value < low || value > high;
  normal(data, range.mean, range.std, generator);
  redraw(data, range, () => {
    if (!data.some(outside)) return false;
    normal(fresh, range.mean, range.std, generator);
    for (let i = 0; i < data.length; i++) if (outside(data[i]!)) data[i] = fresh[i]!;
    return true;
  });
}

function acceptedUniform(data: FloatArray, range: Truncated, generator: Generator | undefined): void {
  const { mean, std, a, b } = range;
  const [candidates, chances] = [data.slice(), data.slice()];
  const round = data instanceof Float32Array ? Math.fround : (value: number): number => value;
  const peak = -0.5 * ((Math.max(a, Math.min(mean, b)) - mean) / std) ** 2;
  const [middle, spread, top] = inDType(data, mean, std, peak) as [number, number, number];
  // In the tensor's precision, step by step, so that the same numbers are accepted.
  const refused = (i: number): boolean => {
    const distance = round(round(candidates[i]! - middle) / spread);
    return round(Math.log(chances[i]!)) > round(round(-0.5 * round(distance * distance)) - top);
  };
  const pending = new Uint8Array(data.length).fill(1);
  redraw(data, range, () => {
    fillUniform(candidates, a, b, generator);
    fillUniform(chances, 0, 1, generator);
    let left = false;
    for (let i = 0; i < data.length; i++) {
      if (pending[i] === 0) continue;
      data[i] = candidates[i]!;
      pending[i] = Number(refused(i));
      left ||= pending[i] === 1;
    }
    return left;
  });
}

/** Numbers as a tensor's elements. */
const inDType = (data: FloatArray, ...values: number[]): number[] => data instanceof Float32Array ? values.map(Math.fround) : values; // prettier-ignore

/** PyTorch's default for Conv2d and Linear: weight, then bias, from U(±1/√fan_in); without inputs, the bias is zeros. */
export function defaultInit(weight: Tensor, bias: Tensor | null): void {
  const { fanIn } = fans(weight);
  kaimingUniform_(weight, { a: Math.sqrt(5) });
  const bound = fanIn === 0 ? 0 : 1 / Math.sqrt(fanIn);
  if (bias !== null) uniform_(bias, 0 - bound, bound); // not from −0
}
