/**
 * Natural logarithm, sine and cosine in single precision, operation for operation as in the vector code that PyTorch
 * uses for float32 normals, so that those agree in every bit.
 *
 * Methods: the single-precision routines of the Cephes library (S. L. Moshier): argument reduction with a constant
 * split in parts, then minimax polynomials.
 *
 * `f(a * b + c)` stands where a compiler fuses a multiplication with the addition after it: the product is exact in
 * double, so this rounds twice at worst, and goes wrong only if the first rounding hits a tie of the second. For the
 * 2²⁴ arguments that normals can have (1 - k/2²⁴ and 2π·k/2²⁴) it never changes a result; all were compared with the
 * exact `fma32`.
 *
 * Not general: the arguments are those of normals, [2⁻²⁴, 1] for the logarithm and [0, 2π] for the angle.
 */

const f = Math.fround;

const scratch = new Float32Array(1);
const scratchBits = new Int32Array(scratch.buffer);

const HALF_BITS = 0x3f000000; // the bits of 0.5
const MANTISSA = 0x007fffff;
const SQRT_HALF = f(0.7071067811865475);
const LN2_HIGH = f(0.693359375);
const LN2_LOW = f(-2.1219444e-4);
const L0 = f(7.0376836292e-2);
const L1 = f(-1.151461031e-1);
const L2 = f(1.167699874e-1);
const L3 = f(-1.2420140846e-1);
const L4 = f(1.4249322787e-1);
const L5 = f(-1.6668057665e-1);
const L6 = f(2.0000714765e-1);
const L7 = f(-2.4999993993e-1);
const L8 = f(3.3333331174e-1);

/** ln x for a float32 x of [2⁻²⁴, 1]. */
export function log32(value: number): number {
  scratch[0] = value;
  const bits = scratchBits[0]!;
  scratchBits[0] = (bits & MANTISSA) | HALF_BITS;
  let x = scratch[0]; // of [½, 1), value = x·2^e
  let e = (bits >>> 23) - 126;
  if (x < SQRT_HALF) {
    e -= 1;
    x += x - 1; // exact, as is the other branch
  } else {
    x -= 1;
  }
  const z = f(x * x);
  let y = f(L0 * x + L1);
  y = f(y * x + L2);
  y = f(y * x + L3);
  y = f(y * x + L4);
  y = f(y * x + L5);
  y = f(y * x + L6);
  y = f(y * x + L7);
  y = f(y * x + L8);
  y = f(f(y * x) * z + f(e * LN2_LOW));
  y = f(y - z * 0.5);
  return f(e * LN2_HIGH + f(x + y));
}

const FOUR_OVER_PI = f(1.27323954473516);
// π/4 in three parts, negated
const P1 = -0.78515625;
const P2 = -0.00024187564849853516;
const P3 = f(-3.774894977445941e-8);
const C0 = f(2.443315711809948e-5);
const C1 = f(-1.388731625493765e-3);
const C2 = f(4.166664568298827e-2);
const S0 = f(-1.9515295891e-4);
const S1 = f(8.3321608736e-3);
const S2 = f(-1.6666654611e-1);

/** Writes sin x to `out[0]` and cos x to `out[1]`, for a float32 x of [0, 2π]. */
export function sinCos32(angle: number, out: Float32Array): void {
  const octant = ((f(angle * FOUR_OVER_PI) | 0) + 1) & ~1; // the nearest even multiple of π/4
  const x = f(octant * P3 + f(octant * P2 + f(octant * P1 + angle))); // of [-π/4, π/4]
  const z = f(x * x);
  let c = f(f(C0 * z + C1) * z + C2);
  c = f(f(f(c * z) * z - z * 0.5) + 1);
  let s = f(f(S0 * z + S1) * z + S2);
  s = f(f(s * z) * x + x);
  const swap = (octant & 2) !== 0;
  const sine = swap ? c : s;
  const cosine = swap ? s : c;
  out[0] = (octant & 4) !== 0 ? -sine : sine;
  out[1] = ((octant - 2) & 4) === 0 ? -cosine : cosine;
}
