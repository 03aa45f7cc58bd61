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
export function fillBernoulliFrom(
  out: TypedArray,
  p: Float32Array | Float64Array,
  generator: Generator = defaultGenerator,
): void {
  if (p.length !== out.length) {
    throw new ArgumentError(
      `bernoulli: expected ${out.length} probabilities, but got ${p.length}; pass one per element`,
    );
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
export function fillDropoutMask(
  out: Float32Array | Float64Array,
  p: number,
  generator: Generator = defaultGenerator,
): void {
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
  checkMultinomial(weights, count, replacement);
  // A single one is drawn as if without replacement.
  return replacement && count > 1 ? searchCumulative(weights, count, generator) : race(weights, count, generator);
}

function searchCumulative(weights: Float32Array | Float64Array, count: number, generator: Generator): Int32Array {
  const cumulative = weights.slice();
  for (let i = 1; i < cumulative.length; i++) cumulative[i] = cumulative[i - 1]! + weights[i]!;
  const total = cumulative.at(-1)!;
  for (let i = 0; i < cumulative.length; i++) cumulative[i] = cumulative[i]! / total;
  cumulative[cumulative.length - 1] = 1;
  const chosen = new Int32Array(count);
  for (let k = 0; k < count; k++) {
    const draw = generator.random53() / TWO_53;
    let [low, high] = [0, cumulative.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (cumulative[middle]! < draw) low = middle + 1;
      else high = middle;
    }
    chosen[k] = low;
  }
  return chosen;
}

function race(weights: Float32Array | Float64Array, count: number, generator: Generator): Int32Array {
  const times = weights.slice();
  for (let i = 0; i < times.length; i++) times[i] = -Math.log(1 - generator.random53() / TWO_53);
  for (let i = 0; i < times.length; i++) times[i] = weights[i]! / times[i]!;
  const order = Int32Array.from(times, (_, i) => i);
  order.sort((a, b) => times[b]! - times[a]! || a - b);
  return order.slice(0, count);
}

function checkMultinomial(weights: Float32Array | Float64Array, count: number, replacement: boolean): void {
  const fail = (expected: string, came: string): never => {
    throw new ArgumentError(`multinomial: expected ${expected}, but got ${came}`);
  };
  if (!Number.isInteger(count) || count < 1) fail('a positive number of samples', String(count));
  if (!replacement && count > weights.length) {
    fail(`at most ${weights.length} samples from as many weights`, `${count}; pass replacement: true to allow repeats`);
  }
  const bad = weights.findIndex((weight: number) => !(weight >= 0 && weight < Infinity));
  if (bad >= 0) fail('finite weights that are not negative', `${weights[bad]} at index ${bad}`);
  let positive = 0;
  for (const weight of weights) if (weight > 0) positive++;
  if (positive === 0) fail('weights with a positive sum', 'only zeros');
  if (!replacement && count > positive)
    fail(`at most ${positive} samples, the number of positive weights`, String(count));
}

function requireProbability(op: string, p: number): void {
  if (p >= 0 && p <= 1) return;
  throw new ArgumentError(`${op}: expected a probability of [0, 1], but got ${p}; pass a fraction`);
}
