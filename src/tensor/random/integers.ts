/**
 * Random integers and permutations as PyTorch draws them on the CPU: remainders of raw words. (The slight bias of a
 * remainder is PyTorch's, and part of the stream.)
 */
import type { DType, TypedArray } from '../../base/dtype.ts';
import { ArgumentError } from '../../base/errors.ts';
import { drawBlocks } from './bulk.ts';
import { defaultGenerator, type Generator } from './generator.ts';

/** The integers that `random_` and `randint` may store in a dtype: all of it, or what a float holds exactly. */
const RANGES: { readonly [K in DType]: readonly [lowest: bigint, highest: bigint] } = {
  bool: [0n, 1n],
  uint8: [0n, 255n],
  int32: [-(1n << 31n), (1n << 31n) - 1n],
  int64: [-(1n << 63n), (1n << 63n) - 1n],
  float32: [-(1n << 24n), 1n << 24n],
  float64: [-(1n << 53n), 1n << 53n],
  int8: [-128n, 127n],
  int16: [-(1n << 15n), (1n << 15n) - 1n],
  uint16: [0n, (1n << 16n) - 1n],
  float16: [-(1n << 11n), 1n << 11n],
  bfloat16: [-(1n << 8n), 1n << 8n],
};

/** From so many numbers on, kernels draw. */
const MIN_BULK = 4096;
const WORD = 2 ** 32;
/** From this range on, a remainder of one word would be biased too much. */
const WIDE = 1n << 28n;
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * Fills `out` with integers of [low, high), as `tensor.random_(low, high)` and `torch.randint`: one word each if the
 * range is below 2²⁸, two otherwise (up to PyTorch 2.6, one below 2³²).
 *
 * @param dtype - needed only to tell bool from uint8
 * @throws {@link ArgumentError} if the bounds are no integers, `low >= high`, or the dtype cannot hold the range
 * (float32 holds the integers up to ±2²⁴, float64 up to ±2⁵³)
 * @see https://pytorch.org/docs/stable/generated/torch.randint.html
 */
export function fillRandint(
  out: TypedArray,
  low: number | bigint,
  high: number | bigint,
  generator: Generator = defaultGenerator,
  dtype: DType = dtypeOf(out),
): void {
  const [base, end] = [toInteger('low', low), toInteger('high', high)];
  if (base >= end) {
    throw new ArgumentError(`randint: expected low < high, but got low=${low} and high=${high}; the end is exclusive`);
  }
  const [lowest, highest] = RANGES[dtype];
  if (base < lowest || end - 1n > highest) {
    throw new ArgumentError(
      `randint: expected integers of [${lowest}, ${highest}] for ${dtype}, but got low=${low} and high=${high}; ` +
        'narrow the range or choose a wider dtype',
    );
  }
  const range = end - base;
  if (range >= WIDE) fillWide(out, range, base, generator);
  else if (base >= -MAX_SAFE && end <= MAX_SAFE) fillNarrow(out, Number(range), Number(base), generator);
  else fillNarrowFar(out, Number(range), base, generator);
}

/**
 * Fills `out` with integers from the dtype's whole non-negative range, as `tensor.random_()`: [0, 2⁶³) for int64,
 * [0, 2³¹) for int32, [0, 255] for uint8, 0 or 1 for bool, [0, 2²⁴] for float32, [0, 2⁵³] for float64.
 *
 * @param dtype - needed only to tell bool from uint8
 * @see https://pytorch.org/docs/stable/generated/torch.Tensor.random_.html
 */
export function fillRandom(out: TypedArray, generator: Generator = defaultGenerator, dtype: DType = dtypeOf(out)): void {
  const range = RANGES[dtype][1] + 1n;
  if (range > 0xffffffffn) fillWide(out, range, 0n, generator);
  else fillNarrow(out, Number(range), 0, generator);
}

/**
 * One draw of an int64 of [0, 2⁶³): PyTorch's samplers and loaders take their base seeds by
 * `torch.empty((), dtype=torch.int64).random_()`.
 */
export function randomInt64(generator: Generator = defaultGenerator): bigint {
  return generator.random64() & 0x7fffffffffffffffn;
}

/**
 * Fills `out` with a random permutation of 0 … out.length - 1, as `torch.randperm`.
 *
 * @throws {@link ArgumentError} if the dtype cannot hold the largest index exactly
 * @see https://pytorch.org/docs/stable/generated/torch.randperm.html
 */
export function fillRandperm(out: TypedArray, generator: Generator = defaultGenerator): void {
  if (BigInt(out.length) > RANGES[dtypeOf(out)][1] + 1n) {
    throw new ArgumentError(
      `randperm: expected n small enough for ${dtypeOf(out)} to hold n - 1, but got n=${out.length}; choose a wider dtype`,
    );
  }
  const permutation = randperm(out.length, generator);
  if (out instanceof BigInt64Array) widen(permutation, new Int32Array(out.buffer, out.byteOffset, 2 * out.length));
  else out.set(permutation);
}

/**
 * A random permutation of 0 … n - 1, as `torch.randperm(n)` draws it (Fisher-Yates from the front).
 *
 * @throws {@link ArgumentError} if n is no integer of [0, 2³¹)
 */
export function randperm(n: number, generator: Generator = defaultGenerator): Int32Array {
  if (!Number.isInteger(n) || n < 0 || n >= 2 ** 31) {
    throw new ArgumentError(`randperm: expected an integer n of [0, 2^31), but got ${n}; pass a count of elements`);
  }
  const result = new Int32Array(n);
  for (let i = 0; i < n; i++) result[i] = i;
  for (let i = 0; i < n - 1;) {
    const words = generator.randomChunk(n - 1 - i);
    exchange(result, i, words);
    i += words.length;
  }
  return result;
}

/** Exchanges elements from `first` on, one for each word, with one of those behind them or themselves. */
function exchange(values: Int32Array, first: number, words: Uint32Array): void {
  const [count, n] = [words.length, values.length];
  for (let k = 0; k < count; k++) {
    const i = first + k;
    const other = i + remainder(words[k]!, n - i, 1 / (n - i));
    const kept = values[i]!;
    values[i] = values[other]!;
    values[other] = kept;
  }
}

function fillNarrow(out: TypedArray, range: number, base: number, generator: Generator): void {
  const length = out.length;
  const wide = out instanceof BigInt64Array ? new Int32Array(out.buffer, out.byteOffset, 2 * length) : undefined;
  for (let done = 0; done < length;) {
    if (out instanceof BigInt64Array && length - done >= MIN_BULK && Math.abs(base) < 2 ** 50) {
      const drawn = drawBlocks(out.subarray(done), base, range, generator);
      done += drawn;
      if (drawn > 0) continue;
    }
    const words = generator.randomChunk(length - done);
    if (wide !== undefined) remaindersWide(wide, done, words, range, base);
    else remainders(out as Exclude<TypedArray, BigInt64Array>, done, words, range, base);
    done += words.length;
  }
}

/**
 * word % range for whole numbers below 2³², by the reciprocal: several times faster than the processor's division.
 * (word + ½) / range is at least ½ / range away from every integer, and the two roundings move it by less than
 * 2⁻²⁰ / range, so the quotient is exact.
 */
function remainder(word: number, range: number, inverse: number): number {
  return word - Math.floor((word + 0.5) * inverse) * range;
}

function remainders(out: Exclude<TypedArray, BigInt64Array>, start: number, words: Uint32Array, range: number, base: number): void {
  const inverse = 1 / range;
  const count = words.length;
  for (let i = 0; i < count; i++) out[start + i] = remainder(words[i]!, range, inverse) + base;
}

/** Writes int64 as pairs of 32-bit words, without a bigint per element. */
function remaindersWide(out: Int32Array, start: number, words: Uint32Array, range: number, base: number): void {
  const inverse = 1 / range;
  const count = words.length;
  for (let i = 0; i < count; i++) {
    const value = remainder(words[i]!, range, inverse) + base;
    out[2 * (start + i)] = value; // keeps the low 32 bits
    out[2 * (start + i) + 1] = Math.floor(value / WORD);
  }
}

/** As `fillNarrow`, around a base that no JavaScript number holds exactly (so the dtype is int64). */
function fillNarrowFar(out: TypedArray, range: number, base: bigint, generator: Generator): void {
  for (let i = 0; i < out.length; i++) store(out, i, BigInt(generator.random() % range) + base);
}

function fillWide(out: TypedArray, range: bigint, base: bigint, generator: Generator): void {
  for (let i = 0; i < out.length; i++) store(out, i, (generator.random64() % range) + base);
}

function store(out: TypedArray, index: number, value: bigint): void {
  if (out instanceof BigInt64Array) out[index] = value;
  else out[index] = Number(value);
}

/** Writes the words of values that are not negative as little-endian int64. */
function widen(values: Int32Array, words: Int32Array): void {
  const { length } = values;
  for (let i = 0; i < length; i++) {
    words[2 * i] = values[i]!;
    words[2 * i + 1] = 0;
  }
}

function dtypeOf(array: TypedArray): DType {
  if (array instanceof Float32Array) return 'float32';
  if (array instanceof Float64Array) return 'float64';
  if (array instanceof Int32Array) return 'int32';
  return array instanceof BigInt64Array ? 'int64' : 'uint8';
}

function toInteger(name: string, value: number | bigint): bigint {
  if (typeof value === 'bigint' || Number.isInteger(value)) return BigInt(value);
  throw new ArgumentError(`randint: expected an integer ${name}, but got ${value}; pass a whole number`);
}
