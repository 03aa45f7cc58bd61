/**
 * Normal random numbers as PyTorch draws them on the CPU, by the method of G. E. P. Box and M. E. Muller ("A note on
 * the generation of random normal deviates", 1958).
 *
 * PyTorch has two ways, and so has this file:
 * - fewer than 16 numbers: one by one in float64, each pair from two doubles; the second of a pair waits in the
 *   generator for the next call;
 * - 16 or more: all uniforms first, then blocks of 16 in place, the first half giving the radius and the second the
 *   angle. Where the length is no multiple of 16, the last 16 numbers are drawn again and overlap.
 *
 * In the second way float32 numbers go through float32 logarithm, sine and cosine (float32-math.ts), bit for bit as
 * PyTorch's vector code computes them.
 */
import { ArgumentError } from '../../base/errors.ts';
import { log32, sinCos32 } from './float32-math.ts';
import { fma32, fma64 } from './fused.ts';
import { defaultGenerator, type Generator } from './generator.ts';
import { fillUniform } from './uniform.ts';

/** Numbers that one block turns from uniform to normal. */
const BLOCK = 16;
const HALF = BLOCK / 2;

/**
 * Fills `out` with draws from the normal distribution, as `tensor.normal_(mean, std)` fills a contiguous tensor.
 *
 * @param std - not negative
 * @throws {@link ArgumentError} if `std` is negative or NaN
 * @see https://pytorch.org/docs/stable/generated/torch.Tensor.normal_.html
 */
export function fillNormal(
  out: Float32Array | Float64Array,
  mean = 0,
  std = 1,
  generator: Generator = defaultGenerator,
): void {
  if (out.length < BLOCK) {
    fillNormalOneByOne(out, mean, std, generator);
    return;
  }
  requireStd(std);
  fillUniform(out, 0, 1, generator);
  const whole = out.length - (out.length % BLOCK);
  transform(out, 0, whole, mean, std);
  if (whole === out.length) return;
  const tail = out.length - BLOCK;
  fillUniform(out.subarray(tail), 0, 1, generator);
  transform(out, tail, out.length, mean, std);
}

/**
 * Fills `out` the way PyTorch fills tensors of fewer than 16 elements, and those that are not contiguous (then `out`
 * takes the elements in logical order).
 *
 * @throws {@link ArgumentError} if `std` is negative or NaN
 */
export function fillNormalOneByOne(
  out: Float32Array | Float64Array,
  mean = 0,
  std = 1,
  generator: Generator = defaultGenerator,
): void {
  requireStd(std);
  for (let i = 0; i < out.length; i++) out[i] = fma64(standardNormal(generator), std, mean);
}

/** One draw from N(0, 1) in double precision. */
export function standardNormal(generator: Generator): number {
  const kept = generator.takeNextNormal();
  if (kept !== undefined) return kept;
  const u1 = generator.random53() * 2 ** -53;
  const u2 = generator.random53() * 2 ** -53;
  const radius = Math.sqrt(-2 * Math.log1p(-u2));
  const angle = 2 * Math.PI * u1;
  generator.keepNextNormal(radius * Math.sin(angle));
  return radius * Math.cos(angle);
}

/** Turns the uniform blocks in `data[from..to)` into normal ones. */
function transform(data: Float32Array | Float64Array, from: number, to: number, mean: number, std: number): void {
  if (data instanceof Float32Array) blocks32(data.subarray(from, to), mean, std);
  else blocks64(data.subarray(from, to), mean, std);
}

const sinCos = new Float32Array(2);

function blocks32(data: Float32Array, mean: number, std: number): void {
  const [mean32, std32, turn] = [Math.fround(mean), Math.fround(std), Math.fround(2 * Math.PI)];
  const plain = mean32 === 0 && std32 === 1;
  for (let block = 0; block < data.length; block += BLOCK) {
    for (let j = block; j < block + HALF; j++) {
      const radius = Math.fround(Math.sqrt(-2 * log32(Math.fround(1 - data[j]!))));
      const angle = Math.fround(turn * data[j + HALF]!);
      sinCos32(angle, sinCos);
      const x = radius * sinCos[1]!; // exact here, rounded by the store or by Math.fround
      const y = radius * sinCos[0]!;
      data[j] = plain ? x + 0 : fma32(Math.fround(x), std32, mean32);
      data[j + HALF] = plain ? y + 0 : fma32(Math.fround(y), std32, mean32);
    }
  }
}

function blocks64(data: Float64Array, mean: number, std: number): void {
  const plain = mean === 0 && std === 1;
  for (let block = 0; block < data.length; block += BLOCK) {
    for (let j = block; j < block + HALF; j++) {
      const radius = Math.sqrt(-2 * Math.log(1 - data[j]!));
      const angle = 2 * Math.PI * data[j + HALF]!;
      const x = radius * Math.cos(angle);
      const y = radius * Math.sin(angle);
      data[j] = plain ? x + 0 : fma64(x, std, mean);
      data[j + HALF] = plain ? y + 0 : fma64(y, std, mean);
    }
  }
}

function requireStd(std: number): void {
  if (std >= 0) return;
  throw new ArgumentError(`normal: expected std >= 0, but got ${std}; pass a standard deviation that is not negative`);
}
