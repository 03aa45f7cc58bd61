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
 * In the second way float32 numbers go through float32 logarithm, sine and cosine, bit for bit as PyTorch's vector code
 * computes them: a kernel does that (kernels/cpu/random/normal.ts), a chunk at a time.
 */
import { isHalf, type DType } from '../../base/dtype.ts';
import { ArgumentError } from '../../base/errors.ts';
import { NORMAL_BLOCK as BLOCK } from '../../kernels/cpu/random/normal.ts';
import { BULK, makeNormal } from './bulk.ts';
import { fma64 } from './fused.ts';
import { defaultGenerator, type Generator } from './generator.ts';
import { fillUniform } from './uniform.ts';

const HALF = BLOCK / 2;

/**
 * Fills `out` with draws from the normal distribution, as `tensor.normal_(mean, std)` fills a contiguous tensor.
 *
 * @param std - not negative
 * @throws {@link ArgumentError} if `std` is negative or NaN
 * @see https://pytorch.org/docs/stable/generated/torch.Tensor.normal_.html
 */
export function fillNormal(out: Float32Array | Float64Array, mean = 0, std = 1, generator: Generator = defaultGenerator): void {
  if (out.length < BLOCK) {
    fillNormalOneByOne(out, mean, std, generator);
    return;
  }
  requireStd(std);
  const whole = out.length - (out.length % BLOCK);
  const fill = out instanceof Float32Array ? fillBlocks32 : fillBlocks64;
  fill(out.subarray(0, whole) as Float32Array & Float64Array, mean, std, generator);
  if (whole === out.length) return;
  const tail = out.subarray(out.length - BLOCK);
  fillUniform(tail.subarray(BLOCK - (out.length % BLOCK)), 0, 1, generator); // drawn, but not used
  fill(tail as Float32Array & Float64Array, mean, std, generator);
}

/** As {@link fillNormal} for half types, of which `out` has the numbers: the ragged end is not drawn before the last 16 are drawn again. */
function fillNormalHalf(out: Float32Array | Float64Array, mean = 0, std = 1, generator: Generator = defaultGenerator): void {
  const ragged = out.length % BLOCK;
  if (out.length < BLOCK || ragged === 0) {
    fillNormal(out, mean, std, generator);
    return;
  }
  fillNormal(out.subarray(0, out.length - ragged), mean, std, generator);
  fillNormal(out.subarray(out.length - BLOCK), mean, std, generator);
}

/** How contiguous tensors of a dtype are filled. */
export const normalOf = (dtype: DType): typeof fillNormal => (isHalf(dtype) ? fillNormalHalf : fillNormal);

/**
 * Fills `out` the way PyTorch fills tensors of fewer than 16 elements, and those that are not contiguous (then `out`
 * takes the elements in logical order).
 *
 * @throws {@link ArgumentError} if `std` is negative or NaN
 */
export function fillNormalOneByOne(out: Float32Array | Float64Array, mean = 0, std = 1, generator: Generator = defaultGenerator): void {
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

function fillBlocks32(out: Float32Array, mean: number, std: number, generator: Generator): void {
  // A part at a time, which is still in the caches.
  for (let from = 0; from < out.length; from += BULK) {
    const part = out.subarray(from, from + BULK);
    fillUniform(part, 0, 1, generator);
    makeNormal(part, Math.fround(mean), Math.fround(std));
  }
}

function fillBlocks64(data: Float64Array, mean: number, std: number, generator: Generator): void {
  const plain = mean === 0 && std === 1;
  fillUniform(data, 0, 1, generator);
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

export function requireStd(std: number): void {
  if (std >= 0) return;
  throw new ArgumentError(`normal: expected std >= 0, but got ${std}; pass a standard deviation that is not negative`);
}
