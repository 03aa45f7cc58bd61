/**
 * Coin flips, dropout masks and draws from a discrete distribution, as PyTorch makes them on the CPU (in builds
 * without MKL; those with MKL take `bernoulli_` with one probability from another stream).
 */
import type { TypedArray } from '../../base/dtype.ts';
import { ArgumentError } from '../../base/errors.ts';
import { defaultGenerator, type Generator } from './generator.ts';

const TWO_53 = 2 ** 53;

/** Draws per round: enough to make loops fast, small enough to stay in the cache. */
const CHUNK = 1024;
const coins = new Uint8Array(CHUNK);

/**
 * Fills `out` with ones with probability `p`, else zeros, as `tensor.bernoulli_(p)`: one double each.
 *
 * @throws {@link ArgumentError} unless 0 <= p <= 1
 * @see https://pytorch.org/docs/stable/generated/torch.Tensor.bernoulli_.html
 */
export function fillBernoulli(out: TypedArray, p: number, generator: Generator = defaultGenerator): void {
  requireProbability('bernoulli', p);
  if (out instanceof BigInt64Array) {
    const ones = new Uint8Array(out.length);
    fillBernoulli(ones, p, generator);
    ones.forEach((one, i) => (out[i] = BigInt(one)));
    return;
  }
  fillChoice(out, p, 1, generator);
}

/**
 * Fills `out` with ones with the probability at the same index of `p`, else zeros, as `torch.bernoulli(p)`: a
 * float32 probability takes one word, a float64 one two.
 *
 * @throws {@link ArgumentError} unless all probabilities are of [0, 1] and as many as outputs
 * @see https://pytorch.org/docs/stable/generated/torch.bernoulli.html
 */
export function fillBernoulliFrom(out: TypedArray, p: Float32Array | Float64Array, generator: Generator = defaultGenerator): void {
  if (p.length !== out.length) {
    throw new ArgumentError(`bernoulli: expected ${out.length} probabilities, but got ${p.length}; pass one per element`);
  }
  p.forEach((one: number) => requireProbability('bernoulli', one));
  const single = p instanceof Float32Array;
  for (let i = 0; i < out.length; i++) {
    const draw = single ? (generator.random() & 0xffffff) * 2 ** -24 : generator.random53() / TWO_53;
    const one = draw < p[i]!;
    if (out instanceof BigInt64Array) out[i] = one ? 1n : 0n;
    else out[i] = one ? 1 : 0;
  }
}

/**
 * Fills `out` with what dropout multiplies its input by: 0 with probability `p`, else 1 / (1 - p). The draws are those
 * of `torch.nn.functional.dropout`; like it, p = 0 and p = 1 draw nothing. (`dropout2d` uses the same with one
 * element per channel.)
 *
 * @throws {@link ArgumentError} unless 0 <= p <= 1
 * @see https://pytorch.org/docs/stable/generated/torch.nn.functional.dropout.html
 */
export function fillDropoutMask(out: Float32Array | Float64Array, p: number, generator: Generator = defaultGenerator): void {
  requireProbability('dropout', p);
  if (p === 0) out.fill(1);
  else if (p === 1) out.fill(0);
  else fillChoice(out, 1 - p, 1 / (out instanceof Float32Array ? Math.fround(1 - p) : 1 - p), generator);
}

function fillChoice(out: Exclude<TypedArray, BigInt64Array>, p: number, value: number, generator: Generator): void {
  const threshold = Math.ceil(p * TWO_53); // draws are whole numbers, so this is PyTorch's comparison
  const length = out.length;
  for (let done = 0; done < length; done += CHUNK) {
    const count = Math.min(CHUNK, length - done);
    generator.fillRandomBelow(count === CHUNK ? coins : coins.subarray(0, count), threshold);
    for (let i = 0; i < count; i++) out[done + i] = coins[i]! * value;
  }
}

/**
 * Draws `count` indices with probabilities proportional to `weights`, as `torch.multinomial` on one row: with
 * replacement by searching the cumulative distribution, without by a race of exponential clocks (P. S. Efraimidis and
 * P. G. Spirakis, "Weighted random sampling with a reservoir", 2006).
 *
 * @param weights - not negative, finite, not all zero; they need not sum to 1
 * @throws {@link ArgumentError} if they are not, or `count` is no positive integer, or exceeds the number of weights
 * (without replacement)
 * @see https://pytorch.org/docs/stable/generated/torch.multinomial.html
 */
export function multinomial(
  weights: Float32Array | Float64Array,
  count: number,
  options: { readonly replacement?: boolean; readonly generator?: Generator } = {},
): Int32Array {
  const { replacement = false, generator = defaultGenerator } = options;
  const sums = checkMultinomial(weights, count, replacement);
  // A single one is drawn as if without replacement.
  return replacement && count > 1 ? searchCumulative(sums, count, generator) : race(weights, count, generator);
}

/** @param sums of the weights up to each */
function searchCumulative(sums: Float32Array | Float64Array, count: number, generator: Generator): Int32Array {
  const last = sums.length - 1;
  const total = sums[last]!;
  const share = sums instanceof Float32Array ? (i: number) => Math.fround(sums[i]! / total) : (i: number) => sums[i]! / total;
  const chosen = new Int32Array(count);
  for (let k = 0; k < count; k++) {
    const draw = generator.random53() / TWO_53;
    let [low, high] = [0, last]; // the last share is 1
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (share(middle) < draw) low = middle + 1;
      else high = middle;
    }
    chosen[k] = low;
  }
  return chosen;
}

/**
 * `count` indices with replacement for each of several rows, as {@link multinomial} draws them, by single-precision sums of the weights up to each, of which one is above 0.
 * @param words gets them, as the words of int64 that are 0
 */
export function drawFromSums(
  sums: Float32Array,
  rows: number,
  count: number,
  words: Int32Array,
  generator: Generator = defaultGenerator,
): void {
  const size = sums.length / rows;
  for (let row = 0; row < rows; row++) {
    const first = row * size;
    const total = sums[first + size - 1]!;
    for (let k = 0; k < count; k++) {
      const draw = generator.random53() / TWO_53;
      let [low, high] = [first, first + size - 1]; // the last share is 1
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (Math.fround(sums[middle]! / total) < draw) low = middle + 1;
        else high = middle;
      }
      words[2 * (row * count + k)] = low - first;
    }
  }
}

function race(weights: Float32Array | Float64Array, count: number, generator: Generator): Int32Array {
  const times = weights.slice();
  for (let i = 0; i < times.length; i++) times[i] = -Math.log(1 - generator.random53() / TWO_53);
  for (let i = 0; i < times.length; i++) times[i] = weights[i]! / times[i]!;
  const order = Int32Array.from(times, (_, i) => i);
  order.sort((a, b) => times[b]! - times[a]! || a - b);
  return order.slice(0, count);
}

/** @returns the sums of the weights up to each, rounded one by one */
function checkMultinomial<A extends Float32Array | Float64Array>(weights: A, count: number, replacement: boolean): A {
  const fail = (expected: string, came: string): never => {
    throw new ArgumentError(`multinomial: expected ${expected}, but got ${came}`);
  };
  if (!Number.isInteger(count) || count < 1) fail('a positive number of samples', String(count));
  if (!replacement && count > weights.length) {
    fail(`at most ${weights.length} samples from as many weights`, `${count}; pass replacement: true to allow repeats`);
  }
  const sums = weights.slice() as A;
  const bad = sumUp(sums);
  if (bad >= 0) fail('finite weights that are not negative', `${weights[bad]} at index ${bad}`);
  let positive = 0;
  for (let i = 0; i < weights.length; i++) positive += weights[i]! > 0 ? 1 : 0;
  if (positive === 0) fail('weights with a positive sum', 'only zeros');
  if (!replacement && count > positive) fail(`at most ${positive} samples, the number of positive weights`, String(count));
  return sums;
}

/** Makes weights their sums up to each, rounded one by one. A function of its own, since engines keep numbers of larger ones on the heap. @returns where a weight is none, or -1 */
function sumUp(sums: Float32Array | Float64Array): number {
  const single = sums instanceof Float32Array;
  let sum = 0;
  for (let i = 0; i < sums.length; i++) {
    const weight = sums[i]!;
    if (!(weight >= 0 && weight < Infinity)) return i;
    sum = single ? Math.fround(sum + weight) : sum + weight;
    sums[i] = sum;
  }
  return -1;
}

function requireProbability(op: string, p: number): void {
  if (p >= 0 && p <= 1) return;
  throw new ArgumentError(`${op}: expected a probability of [0, 1], but got ${p}; pass a fraction`);
}
