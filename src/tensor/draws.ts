/** Random numbers into tensors and from them, as PyTorch draws them on the CPU: the same seed gives the same numbers. */
import { BOOL, either, kind, NUMBER, POSITIVE, requireKind, requireOptions, STEP, WHOLE } from '../base/arguments.ts';
import { isFloating, type TypedArray } from '../base/dtype.ts';
import { ArgumentError, DTypeError, ShapeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { showShape, type Dims } from '../base/shape.ts';
import { GENERATOR, requireFloatTensor, requireTensor, TENSOR_OR_NUMBER } from './arguments.ts';
import { flat, type Call } from './calls.ts';
import { drawnBy, drawnTensor, fromTypedArray, randint, randn, type RandomOptions } from './create.ts';
import { broadcastTensors } from './functions.ts';
import { isTensor } from './is-tensor.ts';
import { inMemoryOrder, memoryOrder } from './memory-order.ts';
import { defaultGenerator, drawFromSums, fillBernoulli, fillBernoulliFrom, fillNormalOneByOne, fillRandint, fillRandom, fillUniform, multinomial as drawIndices, normalOf, requireStd, type Generator } from './random/index.ts'; // prettier-ignore
import type { Tensor } from './tensor.ts';
import { weightSums } from './weight-sums.ts';

type FloatArray = Float32Array | Float64Array;

export interface DrawOptions {
  readonly generator?: Generator;
}

/** Fills a tensor with what is drawn; within compiled functions anew at every run. */
export function filled<T extends Tensor>(x: T, fill: (data: TypedArray) => void): T {
  return x.copy_(inMemoryOrder(x.layout, (shape) => drawnBy(shape, x.dtype, fill, x.storage.device)));
}

function requireFloating(op: string, x: Tensor): void {
  requireTensor(op, 'the input', x);
  requireFloatTensor(op, x);
}

interface UniformCall extends DrawOptions {
  from?: number;
  to?: number;
}
const UNIFORM = signature<UniformCall>('uniform_', { from: NUMBER, to: NUMBER, generator: GENERATOR }, { positional: 2 });

/** Numbers from [from, to). */
export function uniform_<T extends Tensor>(x: T, args: readonly unknown[]): T {
  requireFloating('uniform_', x);
  const { from = 0, to = 1, generator } = readCall<UniformCall>(UNIFORM, args);
  return filled(x, (data) => fillUniform(data as FloatArray, from, to, generator));
}

interface NormalCall extends DrawOptions {
  mean?: number;
  std?: number;
}
const NORMAL_ = signature<NormalCall>('normal_', { mean: NUMBER, std: NUMBER, generator: GENERATOR }, { positional: 2 });

/** Numbers from N(mean, std²). */
export function normal_<T extends Tensor>(x: T, args: readonly unknown[]): T {
  requireFloating('normal_', x);
  const { mean = 0, std = 1, generator } = readCall<NormalCall>(NORMAL_, args);
  const draw = x.layout.contiguous ? normalOf(x.dtype) : fillNormalOneByOne;
  return filled(x, (data) => draw(data as FloatArray, mean, std, generator));
}

interface ExponentialCall extends DrawOptions {
  lambd?: number;
}
const EXPONENTIAL = signature<ExponentialCall>('exponential_', { lambd: POSITIVE, generator: GENERATOR }, { positional: 1 });

/** Numbers from the exponential distribution: waiting times of events that come `lambd` times in a unit. */
export function exponential_<T extends Tensor>(x: T, args: readonly unknown[]): T {
  requireFloating('exponential_', x);
  const { lambd = 1, generator = defaultGenerator } = readCall<ExponentialCall>(EXPONENTIAL, args);
  return filled(x, (data) => {
    for (let i = 0; i < data.length; i++) data[i] = (-1 / lambd) * Math.log1p(-generator.random53() * 2 ** -53);
  });
}

const BIG = either(
  WHOLE,
  kind('a bigint', (value) => typeof value === 'bigint'),
);
interface RandomCall extends DrawOptions {
  from?: number | bigint;
  to?: number | bigint;
}
const RANDOM = signature<RandomCall>('random_', { from: BIG, to: BIG, generator: GENERATOR }, { positional: 2 });

/** Whole numbers from [from, to); one number is `to`, none the dtype's range from 0 on. */
export function random_<T extends Tensor>(x: T, args: readonly unknown[]): T {
  requireTensor('random_', 'the input', x);
  const { from, to, generator } = readCall<RandomCall>(RANDOM, args);
  if (from === undefined && to === undefined) return filled(x, (data) => fillRandom(data, generator, x.dtype));
  const [low, high] = to === undefined ? [0, from!] : [from ?? 0, to];
  return filled(x, (data) => fillRandint(data, low, high, generator, x.dtype));
}

interface BernoulliCall extends DrawOptions {
  p?: number | Tensor;
}
const BERNOULLI_ = signature<BernoulliCall>('bernoulli_', { p: TENSOR_OR_NUMBER, generator: GENERATOR }, { positional: 1 });
const BERNOULLI = signature<BernoulliCall>('bernoulli', { p: NUMBER, generator: GENERATOR }, { positional: 1 });

/** Ones with probability `p`, a number or a tensor of one for each element, else zeros. */
export function bernoulli_<T extends Tensor>(x: T, args: readonly unknown[]): T {
  requireTensor('bernoulli_', 'the input', x);
  const { p = 0.5, generator } = readCall<BernoulliCall>(BERNOULLI_, args);
  if (!isTensor(p)) return filled(x, (data) => fillBernoulli(data, p, generator));
  requireFloating('bernoulli_', p);
  const each = p.expand(x.layout.shape).detach();
  const probabilities = each
    .permute(memoryOrder(x.layout) ?? each.layout.shape.map((_, i) => i))
    .contiguous()
    .toTypedArray() as FloatArray;
  return filled(x, (data) => fillBernoulliFrom(data, probabilities, generator));
}

/** Ones where a draw is below the element, which is a probability, else zeros; or with one probability for all. */
export function bernoulli(x: Tensor, ...args: Call<[p?: number], BernoulliCall>): Tensor;
export function bernoulli(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireTensor('bernoulli', 'the input', x);
  const { p, generator } = readCall<BernoulliCall>(BERNOULLI, args);
  const result = x.requiresGrad ? flat(x) : x.detach().mul(0);
  if (p !== undefined) return filled(result, (data) => fillBernoulli(data, p as number, generator));
  requireFloating('bernoulli', x);
  const probabilities = x.detach().contiguous().toTypedArray() as FloatArray;
  return filled(result, (data) => fillBernoulliFrom(data, probabilities, generator));
}

interface MultinomialCall extends DrawOptions {
  numSamples: number;
  replacement?: boolean;
}
export type MultinomialArguments = Call<[numSamples: number, replacement?: boolean], MultinomialCall>;
const MULTINOMIAL = signature<MultinomialCall>(
  'multinomial',
  { numSamples: STEP, replacement: BOOL, generator: GENERATOR },
  { required: 1, positional: 2 },
);

/** Indices drawn with probabilities proportional to a vector's elements, or to those of each row of a matrix. */
export function multinomial(x: Tensor, ...args: MultinomialArguments): Tensor;
export function multinomial(x: Tensor, ...args: readonly unknown[]): Tensor {
  requireFloating('multinomial', x);
  const { numSamples, replacement = false, generator } = readCall<MultinomialCall>(MULTINOMIAL, args);
  if (x.ndim !== 1 && x.ndim !== 2)
    throw new ShapeError(`multinomial: expected a vector or a matrix, but got shape ${showShape(x.layout.shape)}`);
  const size = x.layout.shape.at(-1)!;
  const rows = x.ndim === 1 ? 1 : x.layout.shape[0]!;
  const several = replacement && numSamples > 1;
  const sums = several ? weightSums(x.detach().contiguous(), rows, size) : undefined;
  const shape = x.ndim === 1 ? [numSamples] : [rows, numSamples];
  if (sums !== undefined) {
    const drawn = new BigInt64Array(rows * numSamples);
    drawFromSums(sums, rows, numSamples, new Int32Array(drawn.buffer), generator);
    return fromTypedArray(drawn, shape);
  }
  const weights = x.detach().contiguous().toTypedArray() as FloatArray;
  if (rows > 1 && !several) return racedRows(x, weights, rows, size, numSamples, generator);
  const data = new BigInt64Array(rows * numSamples);
  const draw = (): void => {
    for (let row = 0; row < rows; row++) {
      const drawn = drawIndices(weights.subarray(row * size, (row + 1) * size), numSamples, {
        replacement,
        generator: generator ?? defaultGenerator,
      });
      drawn.forEach((index, i) => (data[row * numSamples + i] = BigInt(index)));
    }
  };
  return drawnTensor(shape, 'int64', data, draw, x.storage.device);
}

/** All rows' races at once, which is the order in which PyTorch draws. Each row is checked as one alone. */
function racedRows(
  x: Tensor,
  weights: FloatArray,
  rows: number,
  size: number,
  count: number,
  generator: Generator = defaultGenerator,
): Tensor {
  const data = new BigInt64Array(rows * count);
  const draw = (): void => {
    for (let row = 0; row < rows; row++) {
      drawIndices(weights.subarray(row * size, (row + 1) * size), count, { generator }).forEach(
        (index, i) => (data[row * count + i] = BigInt(index)),
      );
    }
  };
  return drawnTensor([rows, count], 'int64', data, draw, x.storage.device);
}

const NORMAL = { mean: TENSOR_OR_NUMBER, std: TENSOR_OR_NUMBER };
const GENERATORS = { generator: GENERATOR };

/**
 * Normal random numbers: with means and deviations of tensors, which broadcast, or of numbers for a tensor of `size`.
 * @see https://pytorch.org/docs/stable/generated/torch.normal.html
 */
export function normal(mean: Tensor | number, std?: Tensor | number, size?: Dims | DrawOptions, options?: RandomOptions): Tensor {
  requireKind('normal', 'mean', mean, NORMAL.mean);
  const deviation = std ?? 1;
  requireKind('normal', 'std', deviation, NORMAL.std);
  if (isTensor(mean) || isTensor(deviation)) {
    const { generator } = requireOptions<DrawOptions>('normal', size, GENERATORS, '{ generator }');
    const [m, s] = [mean, deviation].map((value, i) => (isTensor(value) ? value : ((i === 0 ? deviation : mean) as Tensor)).detach());
    const shape = broadcastTensors(m!, s!)[0]!.layout.shape;
    const first = isTensor(mean) ? mean : (deviation as Tensor);
    requireFloating('normal', first);
    if (isTensor(deviation)) requireFloating('normal', deviation);
    if (isTensor(deviation) && deviation.lt(0).any().item() !== 0) throw new ArgumentError('normal: expected deviations of at least 0');
    return randn([...shape], { dtype: first.dtype, ...(generator === undefined ? {} : { generator }) })
      .mul(deviation)
      .add(mean);
  }
  requireKind('normal', 'size', size, SIZES, 'write normal(0, 1, [2, 3])');
  const shape = size as Dims;
  if (!isFloating(options?.dtype ?? 'float32'))
    throw new DTypeError(`normal: expected a floating-point dtype, but got ${String(options?.dtype)}`);
  requireStd(deviation);
  return randn([...shape], options ?? {})
    .mul(deviation)
    .add(mean);
}
const SIZES = kind('an array of sizes', (value) => Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0));

/** Random whole numbers in [low, high), or [0, low) without `high`, in the shape and the dtype of a tensor. */
export function randintLike(x: Tensor, low: number, high?: number | RandomOptions, options?: RandomOptions): Tensor {
  requireTensor('randintLike', 'the input', x);
  const [from, to, given] = typeof high === 'number' ? [low, high, options] : [0, low, high];
  const { requiresGrad = false, ...plain } = { dtype: x.dtype, device: x.device, ...given };
  const made = inMemoryOrder(x.layout, (shape) => randint(from, to, [...shape], plain));
  return requiresGrad ? made.requiresGrad_() : made;
}
