/**
 * Floats of 16 bits, which no machine here computes in: their bits, in i32, to float32 and back, for scalars and
 * vectors alike. Rounding is to nearest, ties to even, as IEEE 754 has it; NaN becomes the quiet one that PyTorch writes.
 */
import { hoisted } from '../math.ts';
import { constant, isVector, type Expr, type Fn, type ValueType } from '../ir.ts';

type Half = 'float16' | 'bfloat16';

const floatType = (bits: Expr): ValueType => (isVector(bits.type) ? 'f32v' : 'f32');
const wholeType = (x: Expr): ValueType => (isVector(x.type) ? 'i32v' : 'i32');
const asFloat = (bits: Expr): Expr => bits.bits(floatType(bits));
const asBits = (x: Expr): Expr => x.bits(wholeType(x));
/** A value where a condition holds, else 0. */
const where = (condition: Expr, value: Expr): Expr => (isVector(condition.type) ? condition.and(value) : condition.select(value, 0));

/** Half, extended by its sign, to single precision: exact. `half` is read twice. */
export function fromHalf(dtype: Half, half: Expr): Expr {
  if (dtype === 'bfloat16') return asFloat(half.binary('shl', 16)); // the upper half of a float32
  const whole = (value: number): Expr => constant(half.type, value);
  const scaled = asBits(finite(half, whole(-0x70002000), constant(floatType(half), 2 ** 112)));
  const special = half.and(whole(0x7c00)).eq(whole(0x7c00)); // infinities and NaN
  return asFloat(scaled.or(where(special, whole(0x7f800000))));
}

/** Exponent and fraction are in their places, the exponent 112 too small; multiplying makes subnormal numbers right, too. */
const finite = (half: Expr, mask: Expr, scale: Expr): Expr => asFloat(half.binary('shl', 13).and(mask)).mul(scale);

const EXPONENTS = 0x7c007c007c007c00n;
/**
 * Four of them, as shorts and as they lie in memory: whether one is an infinity or NaN is asked of all together, since it is seldom so, and
 * of a scalar, since vectors have enough to do.
 */
export function fromHalves(f: Fn, halves: Expr, four: Expr): Expr {
  const half = f.let('half', halves);
  const value = f.let('value', finite(half, hoisted(f, 'i32v', -0x70002000), hoisted(f, 'f32v', 2 ** 112)));
  const carried = four.and(constant('i64', EXPONENTS)).add(constant('i64', 0x0400040004000400n));
  f.if(carried.and(constant('i64', -0x7fff7fff7fff8000n)).ne(0), () => f.set(value, fromHalf('float16', half)));
  return value;
}

/** Single precision to the bits of a half, rounded; above them are zeros. */
export function toHalf(f: Fn, dtype: Half, x: Expr): Expr {
  const whole = (value: number): Expr => hoisted(f, wholeType(x), value);
  const bits = f.let('bits', asBits(x));
  const value = asFloat(bits);
  if (dtype === 'bfloat16') {
    const odd = bits.binary('shrU', 16).and(whole(1));
    return value.eq(value).select(bits.add(whole(0x7fff)).add(odd).binary('shrU', 16), whole(0x7fc0));
  }
  const limit = hoisted(f, floatType(x), 65536); // becomes infinity, as does a NaN, whose place is taken
  const size = f.let('size', asBits(limit.binary('pmin', asFloat(bits.and(whole(0x7fffffff))))));
  const [power, least] = [f.let('power', size.and(whole(0x7f800000))), whole(0x38800000)]; // 2⁻¹⁴: subnormal below
  const scale = f.let('scale', isVector(x.type) ? power.binary('max', least) : power.gt(least).select(power, least));
  // The last place of a number 2¹³ times as large is the half's: adding it rounds, and its distance from it is the fraction.
  const large = f.let('large', scale.add(whole(13 << 23)));
  const fraction = asBits(asFloat(size).add(asFloat(large))).sub(large);
  const half = fraction.add(scale.binary('shrU', 13)).add(whole(-113 << 10));
  return half.or(where(value.ne(value), whole(0x200))).or(bits.binary('shrU', 16).and(whole(0x8000)));
}
