/** Floats of 16 bits on the host: IEEE 754 binary16 and bfloat16, as their bits and as numbers. */
const bits = new Uint32Array(1);
const single = new Float32Array(bits.buffer);

/** The value of a binary16: 1 sign bit, 5 of exponent, 10 of fraction. */
function halfValue(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Numbers of half precision, given as their bits. */
export function widened(halves: Uint16Array, dtype: 'float16' | 'bfloat16'): Float32Array {
  if (dtype === 'float16') return Float32Array.from(halves, halfValue);
  return new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer); // the upper half of a float32
}

/** Halves to even: the fraction of `x`, which is at least 0. */
function rounded(x: number): number {
  const whole = Math.floor(x);
  const rest = x - whole;
  return rest > 0.5 || (rest === 0.5 && whole % 2 === 1) ? whole + 1 : whole;
}

/** The bits of a number, rounded to single precision first, as PyTorch does, and then to nearest, ties to even. */
export function halfBits(dtype: 'float16' | 'bfloat16', value: number): number {
  single[0] = value;
  const sign = (bits[0]! >>> 16) & 0x8000;
  if (Number.isNaN(value)) return dtype === 'float16' ? 0x7e00 : 0x7fc0;
  if (dtype === 'bfloat16') return ((bits[0]! + 0x7fff + ((bits[0]! >>> 16) & 1)) >>> 16) & 0xffff;
  const size = Math.abs(single[0]);
  if (size >= 65520) return sign | 0x7c00;
  // In units of the last place: 2⁻²⁴ for subnormal numbers, 2^(exponent - 10) above. A carry goes into the exponent by itself.
  const exponent = Math.max(((bits[0]! >>> 23) & 0xff) - 127, -14);
  const units = rounded(size / 2 ** (exponent - 10));
  return sign | (units + (units >= 1024 || exponent > -14 ? (exponent + 14) * 1024 : 0));
}

/** The bits of numbers, each as {@link halfBits} rounds it: undoes {@link widened}. */
export const narrowed = (numbers: Float32Array, dtype: 'float16' | 'bfloat16'): Uint16Array =>
  Uint16Array.from(numbers, (value) => halfBits(dtype, value));
