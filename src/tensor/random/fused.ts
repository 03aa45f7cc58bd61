/**
 * Fused multiply-add, a·b + c rounded once, for float32 and float64 in plain JavaScript.
 *
 * PyTorch's CPU kernels are compiled for machines with FMA instructions, and the compiler contracts `x * range + from`
 * into one; rounding twice would change the last bit of half of all uniform numbers.
 *
 * Methods: T. J. Dekker, "A floating-point technique for extending the available precision" (1971), for the exact
 * product; S. Boldo and G. Melquiond, "Emulation of a FMA and correctly rounded sums: proved algorithms using
 * rounding to odd", IEEE Trans. Computers 57 (2008).
 */

/**
 * fl32(a·b + c) for float32 a, b, c (zero and normal numbers).
 *
 * The product is exact in double. The sum is rounded to 53 bits, then to 24, which only goes wrong if the first
 * rounding lands exactly halfway between two floats; then the error of the first one decides.
 */
export function fma32(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  const rounded = Math.fround(sum);
  const other = rounded + 2 * (sum - rounded); // mirror image of `rounded` about `sum`
  return sum === rounded || other !== Math.fround(other) ? rounded : settleTie(product, c, sum, rounded, other);
}

/** `rounded` and `other` are the two floats next to `sum`, equally far: picks by the exact sum `product + c`. */
function settleTie(product: number, c: number, sum: number, rounded: number, other: number): number {
  const error = sumError(product, c, sum);
  if (error === 0) return rounded;
  return error > 0 === other > rounded ? other : rounded;
}

/** What `sum` = fl(a + b) misses of a + b, exactly (Knuth's TwoSum). */
function sumError(a: number, b: number, sum: number): number {
  const bPart = sum - a;
  return a - (sum - bPart) + (b - bPart);
}

// Where the product's parts neither overflow nor lose bits to underflow.
const LARGEST = 2 ** 900;
const SMALLEST = 2 ** -900;

/** fl64(a·b + c), for operands and a product of ordinary size (2^±900); rounds twice outside that range. */
export function fma64(a: number, b: number, c: number): number {
  const high = a * b;
  const size = Math.max(Math.abs(a), Math.abs(b), Math.abs(high), Math.abs(c));
  if (!(size < LARGEST && Math.abs(high) > SMALLEST)) return high + c;
  const low = productError(a, b, high);
  const top = c + low;
  const sum = high + top;
  const rest = sumOdd(sumError(c, low, top), sumError(high, top, sum));
  return sum + rest;
}

/** What `product` = fl(a·b) misses of a·b, exactly (Dekker's splitting into halves of 26 bits). */
function productError(a: number, b: number, product: number): number {
  const aHigh = upperHalf(a);
  const aLow = a - aHigh;
  const bHigh = upperHalf(b);
  const bLow = b - bHigh;
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
}

function upperHalf(x: number): number {
  const scaled = x * 134217729; // 2²⁷ + 1
  return scaled - (scaled - x);
}

const scratch = new Float64Array(1);
const scratchBits = new BigInt64Array(scratch.buffer);

/** a + b rounded to odd: an inexact sum gets an odd last bit, so that rounding it again cannot be fooled. */
function sumOdd(a: number, b: number): number {
  const sum = a + b;
  const error = sumError(a, b, sum);
  if (error === 0) return sum;
  scratch[0] = sum;
  const bits = scratchBits[0]!;
  if ((bits & 1n) === 0n) scratchBits[0] = error > 0 === sum > 0 ? bits + 1n : bits - 1n;
  return scratch[0];
}
