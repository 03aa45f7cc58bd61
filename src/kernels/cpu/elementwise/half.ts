/**
 * Floats of 16 bits, which no machine here computes in: their bits, in the low half of i32, to float32 and back, for scalars and
 * vectors alike. Rounding is to nearest, ties to even, as IEEE 754 has it; NaN becomes the quiet one that PyTorch writes.
 */
import { hoisted } from '../math.ts';
import { constant, isVector, type Expr, type Fn, type ValueType } from '../ir.ts';

type Half = 'float16' | 'bfloat16';

const floatType = (bits: Expr): ValueType => (isVector(bits.type) ? 'f32v' : 'f32');
const wholeType = (x: Expr): ValueType => (isVector(x.type) ? 'i32v' : 'i32');
const asFloat = (bits: Expr): Expr => bits.bits(floatType(bits));
const asBits = (x: Expr): Expr => x.bits(wholeType(x));

/** Half to single precision: exact. */
export function fromHalf(dtype: Half, bits: Expr): Expr {
  if (dtype === 'bfloat16') return asFloat(bits.binary('shl', 16)); // the upper half of a float32
  const magnitude = bits.and(0x7fff).binary('shl', 13);
  // Exponent and fraction are in their places, the exponent 112 too small; multiplying makes subnormal numbers right, too.
  const finite = asFloat(magnitude).mul(constant(floatType(bits), 2 ** 112));
  const special = asFloat(magnitude.or(0x7f800000)); // infinities and NaN
  const value = bits.and(0x7c00).compare('eq', 0x7c00).select(special, finite);
  return asFloat(asBits(value).or(bits.and(0x8000).binary('shl', 16)));
}

/** The same of bits that lie in the upper half of i32, whatever is below: what four halves are when they are spread over a register. */
export function fromHighHalf(f: Fn, dtype: Half, high: Expr): Expr {
  if (dtype === 'bfloat16') return asFloat(high.and(hoisted(f, wholeType(high), -0x10000)));
  const whole = (value: number): Expr => hoisted(f, wholeType(high), value);
  const magnitude = high.and(whole(0x7fff0000)).binary('shrU', 3);
  const scaled = f.let('scaled', asFloat(magnitude).mul(hoisted(f, floatType(high), 2 ** 112)));
  const special = asBits(scaled).or(scaled.ge(hoisted(f, floatType(high), 65536)).and(whole(0x7f800000))); // infinities and NaN
  return asFloat(special.or(high.and(whole(-0x80000000))));
}

/** Single precision to the bits of a half, rounded. */
export function toHalf(f: Fn, dtype: Half, x: Expr): Expr {
  const bits = f.let('bits', asBits(x));
  const magnitude = f.let('magnitude', bits.and(0x7fffffff));
  const isNaN = magnitude.compare('gt', 0x7f800000);
  const whole = (value: number): Expr => constant(wholeType(x), value);
  if (dtype === 'bfloat16') {
    const odd = bits.binary('shrU', 16).and(1);
    return isNaN.select(whole(0x7fc0), bits.add(0x7fff).add(odd).binary('shrU', 16));
  }
  const odd = magnitude.binary('shrU', 13).and(1);
  const normal = magnitude
    .add(0x0fff - 0x38000000)
    .add(odd)
    .binary('shrU', 13);
  // Below 2⁻¹⁴: a unit in the last place of numbers from 0.5 on is 2⁻²⁴, so adding 0.5 rounds to that.
  const subnormal = asBits(asFloat(magnitude).add(constant(floatType(bits), 0.5))).add(-0x3f000000);
  const finite = magnitude.compare('lt', 0x38800000).select(subnormal, normal);
  const large = magnitude.compare('ge', 0x477ff000).select(whole(0x7c00), finite); // 65520 and more
  return isNaN.select(whole(0x7e00), large).or(bits.binary('shrU', 16).and(0x8000));
}
