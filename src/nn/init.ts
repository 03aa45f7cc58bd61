/** Filling parameters with their first values (https://pytorch.org/docs/stable/nn.init.html), in place, without history. */
import { FINITE, NUMBER, oneOf, orNull, type OptionKinds } from '../base/arguments.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { showShape } from '../base/shape.ts';
import { readCall, signature, type Signature } from '../base/signature.ts';
import { GENERATOR, requireTensor, TENSOR } from '../tensor/arguments.ts';
import type { Call } from '../tensor/calls.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import { fillUniform, type Generator } from '../tensor/random/index.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { fillWith, type FloatArray, type NormalFill } from './fill.ts';
import { normalCdf } from './normal.ts';

export { dirac_, eye_, orthogonal_, sparse_ } from './init-more.ts';

type Made = Partial<Record<string, unknown>>;
/** The arguments of `nn.init.name(tensor, …)`, by position or by name in one object that stands in place of the rest, or of all. */
const initOf = <O extends Made>(name: string, kinds: OptionKinds<O>, required = 0, example?: string): Signature<OfTensor & O> =>
  signature<OfTensor & O>(
    name,
    { tensor: TENSOR, ...kinds },
    { required: required + 1, ...(example === undefined ? {} : { example: `nn.init.${example}` }) },
  );
interface OfTensor {
  readonly tensor: Tensor;
}
interface Drawn {
  readonly generator?: Generator | null;
}
const DRAWN = { generator: orNull(GENERATOR) };

interface UniformCall extends Drawn {
  readonly a?: number;
  readonly b?: number;
}
const UNIFORM = initOf<UniformCall & Made>('uniform_', { a: FINITE, b: FINITE, ...DRAWN }, 0, 'uniform_(weight, -0.1, 0.1)');
/** Numbers from U(a, b), 0 and 1 by default. */
export function uniform_(tensor: Tensor, ...args: Call<[a?: number, b?: number, generator?: Generator | null], UniformCall>): Tensor;
export function uniform_(call: OfTensor & UniformCall): Tensor;
export function uniform_(...args: readonly unknown[]): Tensor {
  const { tensor, a = 0, b = 1, generator } = readCall<OfTensor & UniformCall>(UNIFORM, args);
  return fillWith('uniform_', tensor, (data) => fillUniform(data, a, b, generator ?? undefined));
}

interface NormalCall extends Drawn {
  readonly mean?: number;
  readonly std?: number;
}
const NORMAL = initOf<NormalCall & Made>('normal_', { mean: FINITE, std: FINITE, ...DRAWN }, 0, 'normal_(weight, 0, 0.02)');
/** Numbers from N(mean, std²), 0 and 1 by default. */
export function normal_(tensor: Tensor, ...args: Call<[mean?: number, std?: number, generator?: Generator | null], NormalCall>): Tensor;
export function normal_(call: OfTensor & NormalCall): Tensor;
export function normal_(...args: readonly unknown[]): Tensor {
  const { tensor, mean = 0, std = 1, generator } = readCall<OfTensor & NormalCall>(NORMAL, args);
  return fillWith('normal_', tensor, (data, normal) => normal(data, mean, std, generator ?? undefined));
}

interface ConstantCall {
  readonly val: number;
}
const CONSTANT = initOf<ConstantCall & Made>('constant_', { val: NUMBER }, 1, 'constant_(weight, 0.5)');
/** One value everywhere. */
export function constant_(tensor: Tensor, val: number | ConstantCall): Tensor;
export function constant_(call: OfTensor & ConstantCall): Tensor;
export function constant_(...args: readonly unknown[]): Tensor {
  const { tensor, val } = readCall<OfTensor & ConstantCall>(CONSTANT, args);
  return withGradMode(false, () => tensor.fill_(val));
}

const ZEROS = initOf('zeros_', {});
const ONES = initOf('ones_', {});
export const zeros_ = (tensor: Tensor | OfTensor): Tensor => constant_(readCall<OfTensor>(ZEROS, [tensor]).tensor, 0);
export const ones_ = (tensor: Tensor | OfTensor): Tensor => constant_(readCall<OfTensor>(ONES, [tensor]).tensor, 1);

/**
 * Inputs and outputs that one element connects to: a weight [out, in, kH, kW] has fan-in in·kH·kW.
 * @throws ShapeError with fewer than two dimensions
 */
export function fans(x: Tensor): { fanIn: number; fanOut: number } {
  requireTensor('init', 'the first argument', x);
  const { shape } = x.layout;
  if (shape.length < 2) throw new ShapeError(`init: fan-in and fan-out need at least 2 dimensions, but got shape ${showShape(shape)}`);
  const field = shape.slice(2).reduce((n, size) => n * size, 1);
  return { fanIn: shape[1]! * field, fanOut: shape[0]! * field };
}

/** What layers without a nonlinearity of their own multiply the signal by: nothing. */
const PLAIN = ['linear', 'conv1d', 'conv2d', 'conv3d', 'convTranspose1d', 'convTranspose2d', 'convTranspose3d', 'sigmoid'] as const;
export type Nonlinearity = (typeof PLAIN)[number] | 'tanh' | 'relu' | 'leakyRelu' | 'selu';
const NONLINEARITY = oneOf(...PLAIN, 'tanh', 'relu', 'leakyRelu', 'selu');

interface GainCall {
  nonlinearity: Nonlinearity;
  param?: number | null;
}
const GAIN = signature<GainCall>(
  'calculateGain',
  { nonlinearity: NONLINEARITY, param: orNull(NUMBER) },
  { required: 1, example: "nn.init.calculateGain('leakyRelu', 0.2)" },
);
/** How much a nonlinearity shrinks the signal, for He's and Glorot's scaling. Of `leakyRelu`, `param` is the negative slope, 0.01 by default. */
export function calculateGain(nonlinearity: Nonlinearity | GainCall, param?: number | null | Pick<GainCall, 'param'>): number;
export function calculateGain(...args: readonly unknown[]): number {
  const { nonlinearity, param } = readCall<GainCall>(GAIN, args);
  switch (nonlinearity) {
    case 'tanh':
      return 5 / 3;
    case 'relu':
      return Math.SQRT2;
    case 'selu':
      return 3 / 4;
    case 'leakyRelu':
      return Math.sqrt(2 / (1 + (param ?? 0.01) ** 2));
    default:
      return 1;
  }
}

export interface KaimingOptions extends Drawn {
  /** Slope of the leaky rectifier after this layer. Default 0. */
  readonly a?: number;
  readonly mode?: 'fanIn' | 'fanOut';
  readonly nonlinearity?: Nonlinearity;
}
type Mode = NonNullable<KaimingOptions['mode']>;
type KaimingArguments = Call<[a?: number, mode?: Mode, nonlinearity?: Nonlinearity, generator?: Generator | null], KaimingOptions>;

const KAIMING: OptionKinds<KaimingOptions & Made> = { a: NUMBER, mode: oneOf('fanIn', 'fanOut'), nonlinearity: NONLINEARITY, ...DRAWN };
const KAIMING_UNIFORM = initOf('kaimingUniform_', KAIMING, 0, "kaimingUniform_(weight, { mode: 'fanOut', nonlinearity: 'relu' })");
const KAIMING_NORMAL = initOf('kaimingNormal_', KAIMING, 0, "kaimingNormal_(weight, { mode: 'fanOut', nonlinearity: 'relu' })");

function kaimingStd(x: Tensor, options: KaimingOptions): number {
  const { a = 0, mode = 'fanIn', nonlinearity = 'leakyRelu' } = options;
  return calculateGain(nonlinearity, a) / Math.sqrt(fans(x)[mode]);
}

/**
 * He initialisation, uniform (https://arxiv.org/abs/1502.01852). Of a tensor without elements nothing is filled, where PyTorch warns.
 * @example
 * import { nn } from 'flambeau';
 * const conv = new nn.Conv2d(3, 8, 3);
 * nn.init.kaimingUniform_(conv.weight, { mode: 'fanOut', nonlinearity: 'relu' });
 */
export function kaimingUniform_(tensor: Tensor, ...args: KaimingArguments): Tensor;
export function kaimingUniform_(call: OfTensor & KaimingOptions): Tensor;
export function kaimingUniform_(...args: readonly unknown[]): Tensor {
  const { tensor, ...given } = readCall<OfTensor & KaimingOptions>(KAIMING_UNIFORM, args);
  if (tensor.layout.numel === 0) return tensor;
  const bound = Math.sqrt(3) * kaimingStd(tensor, given);
  return uniform_(tensor, -bound, bound, given.generator);
}

/** He initialisation, normal. */
export function kaimingNormal_(tensor: Tensor, ...args: KaimingArguments): Tensor;
export function kaimingNormal_(call: OfTensor & KaimingOptions): Tensor;
export function kaimingNormal_(...args: readonly unknown[]): Tensor {
  const { tensor, ...given } = readCall<OfTensor & KaimingOptions>(KAIMING_NORMAL, args);
  if (tensor.layout.numel === 0) return tensor;
  return normal_(tensor, 0, kaimingStd(tensor, given), given.generator);
}

interface XavierCall extends Drawn {
  readonly gain?: number;
}
type XavierArguments = Call<[gain?: number, generator?: Generator | null], XavierCall>;
const XAVIER: OptionKinds<XavierCall & Made> = { gain: NUMBER, ...DRAWN };
const XAVIER_UNIFORM = initOf('xavierUniform_', XAVIER, 0, 'xavierUniform_(weight, 2)');
const XAVIER_NORMAL = initOf('xavierNormal_', XAVIER, 0, 'xavierNormal_(weight, 2)');

/** Glorot initialisation, uniform (https://proceedings.mlr.press/v9/glorot10a.html). */
export function xavierUniform_(tensor: Tensor, ...args: XavierArguments): Tensor;
export function xavierUniform_(call: OfTensor & XavierCall): Tensor;
export function xavierUniform_(...args: readonly unknown[]): Tensor {
  const { tensor, gain = 1, generator } = readCall<OfTensor & XavierCall>(XAVIER_UNIFORM, args);
  const { fanIn, fanOut } = fans(tensor);
  const bound = gain * Math.sqrt(6 / (fanIn + fanOut));
  return uniform_(tensor, -bound, bound, generator);
}

/** Glorot initialisation, normal. */
export function xavierNormal_(tensor: Tensor, ...args: XavierArguments): Tensor;
export function xavierNormal_(call: OfTensor & XavierCall): Tensor;
export function xavierNormal_(...args: readonly unknown[]): Tensor {
  const { tensor, gain = 1, generator } = readCall<OfTensor & XavierCall>(XAVIER_NORMAL, args);
  const { fanIn, fanOut } = fans(tensor);
  return normal_(tensor, 0, gain * Math.sqrt(2 / (fanIn + fanOut)), generator);
}

interface TruncCall extends Drawn {
  readonly mean?: number;
  readonly std?: number;
  readonly a?: number;
  readonly b?: number;
}
const TRUNC = initOf<TruncCall & Made>(
  'truncNormal_',
  { mean: FINITE, std: FINITE, a: FINITE, b: FINITE, ...DRAWN },
  0,
  'truncNormal_(weight, { std: 0.02 })',
);

/**
 * Numbers from N(mean, std²), only those from `a` to `b`: others are drawn again, as in PyTorch 2.15, number for number. Where few would do,
 * uniform numbers are drawn and accepted by their density (https://en.wikipedia.org/wiki/Rejection_sampling).
 * @throws ArgumentError for a standard deviation that is not positive, an empty range, or one so far from the mean that hardly a number is in it
 */
export function truncNormal_(
  tensor: Tensor,
  ...args: Call<[mean?: number, std?: number, a?: number, b?: number, generator?: Generator | null], TruncCall>
): Tensor;
export function truncNormal_(call: OfTensor & TruncCall): Tensor;
export function truncNormal_(...args: readonly unknown[]): Tensor {
  const { tensor: x, mean = 0, std = 1, a = -2, b = 2, generator } = readCall<OfTensor & TruncCall>(TRUNC, args);
  if (!(std > 0) || !(a < b))
    throw new ArgumentError(`truncNormal_: expected std above 0 and a below b, but got std ${std}, a ${a} and b ${b}`);
  const share = normalCdf((b - mean) / std) - normalCdf((a - mean) / std);
  const range = { mean, std, a, b };
  return fillWith('truncNormal_', x, (data, normal) => {
    if (share > 0.3) redrawnNormal(data, normal, range, generator ?? undefined);
    else acceptedUniform(data, range, generator ?? undefined);
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
    throw new ArgumentError(
      `truncNormal_: expected a range that numbers from N(${mean}, ${std}²) fall into, but ${data.length} draws of [${a}, ${b}] did not succeed in ${MAX_ROUNDS} rounds; choose one nearer to the mean`,
    );
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
const inDType = (data: FloatArray, ...values: number[]): number[] => (data instanceof Float32Array ? values.map(Math.fround) : values);

/** PyTorch's default for Conv2d and Linear: weight, then bias, from U(±1/√fan_in), He's way with a slope of √5; without inputs, the bias is zeros. */
export function defaultInit(weight: Tensor, bias: Tensor | null): void {
  const { fanIn } = fans(weight);
  const gain = Math.sqrt(2 / (1 + Math.sqrt(5) ** 2));
  if (weight.layout.numel > 0) spread(weight, Math.sqrt(3) * (gain / Math.sqrt(fanIn)));
  if (bias !== null) spread(bias, fanIn === 0 ? 0 : 1 / Math.sqrt(fanIn));
}

/** Numbers from U(−bound, bound), without a look at arguments: every layer begins so. */
const spread = (x: Tensor, bound: number): Tensor => fillWith('uniform_', x, (data) => fillUniform(data, 0 - bound, bound)); // not from −0
