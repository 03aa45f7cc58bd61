/**
 * Functions of WGSL that kernels call instead of its own, which may be off by hundreds of units in the last place, and whose operators need not honour NaN
 * and infinities: those are told by their bits.
 *
 * Single precision after S. L. Moshier's Cephes library (netlib.org/cephes): reduction to a small interval, then a polynomial, the same as
 * `kernels/cpu/math.ts`; trigonometric arguments beyond a few thousand by the method of Payne and Hanek ("Radian reduction for
 * trigonometric functions", 1983); powers by a logarithm of twice the precision (Dekker, "A floating-point technique for extending the available precision", 1971).
 * Compilers may fuse a·b + c and drop subnormal numbers; nothing here relies on either.
 */

import { ERF_NEAR, EXP_TAIL, LOG_ERFC, LOG_TAIL, TANH_TAIL } from '../formula/coefficients.ts';

interface WgslFunction {
  readonly needs: readonly string[];
  readonly text: string;
}

const float = (value: number): string => `${Math.fround(value)}f`;

/** c₀xⁿ + c₁xⁿ⁻¹ + … + cₙ by Horner's rule. */
const polynomial = (x: string, [first, ...rest]: readonly number[]): string =>
  rest.reduce((sum, c) => `(${sum} * ${x} + ${float(c)})`, float(first!));

const SIN_TAIL = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1];
const COS_TAIL = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2];
const ATAN_TAIL = [8.05374449538e-2, -1.38776856032e-1, 1.99777106478e-1, -3.33329491539e-1];
const ASIN_TAIL = [4.2163199048e-2, 2.4181311049e-2, 4.5470025998e-2, 7.4953002686e-2, 1.6666752422e-1];

/** 2/π in words of 32 bits, the first 32 bits behind a word of zeros. */
const TWO_OVER_PI = [0, 0x28be60db, 0x9391054a, 0x7f09d5f4, 0x7d4d3770, 0x36d8a566, 0x4f10e410];

const FUNCTIONS: Readonly<Record<string, WgslFunction>> = {
  // A parameter is in them, or compilers would refuse constants that are not finite.
  nan_: { needs: [], text: 'fn nan_() -> f32 { return bitcast<f32>((p.groups_ & 0u) | 0x7fc00000u); }' },
  inf_: { needs: [], text: 'fn inf_() -> f32 { return bitcast<f32>((p.groups_ & 0u) | 0x7f800000u); }' },
  is_nan: { needs: [], text: 'fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }' },
  is_inf: { needs: [], text: 'fn is_inf(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u; }' },
  is_finite: {
    needs: [],
    text: 'fn is_finite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) < 0x7f800000u; }',
  },
  truth: { needs: [], text: 'fn truth(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) != 0u; }' },
  max_: {
    needs: ['is_nan'],
    text: 'fn max_(a: f32, b: f32) -> f32 { return select(select(max(a, b), b, is_nan(b)), a, is_nan(a)); }',
  },
  min_: {
    needs: ['is_nan'],
    text: 'fn min_(a: f32, b: f32) -> f32 { return select(select(min(a, b), b, is_nan(b)), a, is_nan(a)); }',
  },
  with_sign: {
    needs: [],
    text: 'fn with_sign(x: f32, y: f32) -> f32 { return bitcast<f32>((bitcast<u32>(x) & 0x7fffffffu) | (bitcast<u32>(y) & 0x80000000u)); }',
  },
  pow2_: { needs: [], text: 'fn pow2_(n: i32) -> f32 { return bitcast<f32>(u32(n + 127) << 23u); }' },
  small_expm1: {
    needs: [],
    text: `fn small_expm1(r: f32) -> f32 { return ${polynomial('r', EXP_TAIL)} * (r * r) + r; }`,
  },
  exp_: {
    needs: ['is_nan', 'inf_', 'pow2_', 'small_expm1'],
    text: `fn exp_(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  if (x > 88.7228394f) { return inf_(); }
  let b = max(x, -104f); let n = round(b * ${float(Math.LOG2E)});
  let r = (b - n * 0.693359375f) + n * 2.1219444e-4f;
  let w = i32(n); let h = w >> 1u;
  return (small_expm1(r) + 1f) * pow2_(h) * pow2_(w - h);
}`,
  },
  expm1_: {
    needs: ['is_nan', 'inf_', 'pow2_', 'small_expm1'],
    text: `fn expm1_(x: f32) -> f32 {
  if (is_nan(x) || abs(x) < 1e-30f) { return x; }
  if (x > 88.7228394f) { return inf_(); }
  let b = max(x, -25f); let n = round(b * ${float(Math.LOG2E)});
  let r = (b - n * 0.693359375f) + n * 2.1219444e-4f;
  let h = pow2_(i32(n) - 1);
  let y = small_expm1(r) * h + (h - 0.5f);
  return y + y;
}`,
  },
  log_tail: {
    needs: [],
    text: `fn log_tail(t: f32) -> f32 { return ${polynomial('t', LOG_TAIL)} * t * (t * t) - 0.5f * (t * t); }`,
  },
  // x = 2ᵉ·(1 + t) with t in [√½ - 1, √2 - 1): (e, t)
  log_parts: {
    needs: [],
    text: `fn log_parts(x: f32) -> vec2f {
  let tiny = x < 1.17549435e-38f;
  let bits = bitcast<u32>(select(x, x * 8388608f, tiny));
  var e = i32(bits >> 23u) - 126 - select(0, 23, tiny);
  var m = bitcast<f32>((bits & 0x7fffffu) | 0x3f000000u);
  if (m < ${float(Math.SQRT1_2)}) { e -= 1; m = m + m; }
  return vec2f(f32(e), m - 1f);
}`,
  },
  log_edge: {
    needs: ['is_nan', 'inf_', 'nan_'],
    // of zero, negative numbers, infinity, NaN; else x
    text: `fn log_edge(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  return select(select(x, nan_(), x < 0f), -inf_(), x == 0f);
}`,
  },
  log_plain: { needs: [], text: 'fn log_plain(x: f32) -> bool { return x > 0f && bitcast<u32>(x) < 0x7f800000u; }' },
  log_: {
    needs: ['log_parts', 'log_tail', 'log_edge', 'log_plain'],
    text: `fn log_(x: f32) -> f32 {
  if (!log_plain(x)) { return log_edge(x); }
  let v = log_parts(x);
  return (v.y + (log_tail(v.y) + v.x * -2.1219444e-4f)) + v.x * 0.693359375f;
}`,
  },
  log2_: {
    needs: ['log_parts', 'log_tail', 'log_edge', 'log_plain'],
    text: `fn log2_(x: f32) -> f32 {
  if (!log_plain(x)) { return log_edge(x); }
  let v = log_parts(x); let y = log_tail(v.y);
  return ((y * 0.44269504f + v.y * 0.44269504f) + y + v.y) + v.x;
}`,
  },
  log10_: {
    needs: ['log_parts', 'log_tail', 'log_edge', 'log_plain'],
    text: `fn log10_(x: f32) -> f32 {
  if (!log_plain(x)) { return log_edge(x); }
  let v = log_parts(x); let y = log_tail(v.y);
  return (((y * 7.00731903251827651129e-4f + v.y * 7.00731903251827651129e-4f) + v.x * 2.48745663981195213739e-4f)
    + y * 4.3359375e-1f) + v.y * 4.3359375e-1f + v.x * 3.0078125e-1f;
}`,
  },
  log1p_: {
    needs: ['log_', 'log_tail'],
    text: `fn log1p_(x: f32) -> f32 {
  if (x > -0.29f && x < 0.41f) { return select(x + log_tail(x), x, abs(x) < 1e-10f); }
  let u = 1f + x; let y = log_(u);
  if (!(u > 0f && bitcast<u32>(u) < 0x7f800000u)) { return y; }
  return y - ((u - 1f) - x) / u;
}`,
  },
  tanh_: {
    needs: ['exp_', 'is_nan', 'with_sign'],
    text: `fn tanh_(x: f32) -> f32 {
  let a = abs(x); let q = x * x;
  if (is_nan(x)) { return x; }
  if (a < 0.625f) { return with_sign(${polynomial('q', TANH_TAIL)} * q * a + a, x); }
  return with_sign(1f - 2f / (exp_(min(a + a, 40f)) + 1f), x);
}`,
  },
  sigmoid_: { needs: ['exp_'], text: 'fn sigmoid_(x: f32) -> f32 { return 1f / (exp_(-x) + 1f); }' },
  erf_: {
    needs: ['exp_', 'is_nan', 'with_sign'],
    text: `fn erf_(x: f32) -> f32 {
  let a = min(abs(x), 4f); let s = a * a;
  if (is_nan(x)) { return x; }
  if (a <= 1f) { return ${polynomial('s', ERF_NEAR)} * x; }
  return with_sign(1f - exp_(${polynomial('a', LOG_ERFC)}), x);
}`,
  },
  mul_high: {
    needs: [],
    text: `fn mul_high(a: u32, b: u32) -> u32 {
  let al = a & 0xffffu; let ah = a >> 16u; let bl = b & 0xffffu; let bh = b >> 16u;
  let mid = ah * bl + ((al * bl) >> 16u); let low = al * bh + (mid & 0xffffu);
  return ah * bh + (mid >> 16u) + (low >> 16u);
}`,
  },
  // x = q·π/2 + r with |r| ≤ π/4: (r, q mod 4)
  trig_far: {
    needs: ['mul_high'],
    text: `const two_over_pi = array<u32, 7>(${TWO_OVER_PI.map((v) => `${v}u`).join(', ')});
fn trig_far(x: f32) -> vec2f {
  let bits = bitcast<u32>(x);
  let e = i32((bits >> 23u) & 255u) - 126; // |x| = 0.1…₂ · 2ᵉ
  let m = ((bits & 0x7fffffu) | 0x800000u) << 8u;
  let i = u32(e) >> 5u; let s = u32(e) & 31u;
  var table = two_over_pi;
  var hi = table[i]; var mid = table[i + 1u]; var lo = table[i + 2u];
  if (s != 0u) {
    let next = table[min(i + 3u, 6u)];
    hi = (hi << s) | (mid >> (32u - s)); mid = (mid << s) | (lo >> (32u - s)); lo = (lo << s) | (next >> (32u - s));
  }
  let p0 = mul_high(m, lo);
  let p1 = m * mid; let low = p1 + p0; let carry = select(0u, 1u, low < p1);
  var high = m * hi + mul_high(m, mid) + carry;
  var q = high >> 30u; high &= 0x3fffffffu;
  var f = f32(high) * 4294967296f + f32(low);
  if ((high & 0x20000000u) != 0u) { // past one half: 1 - fraction, exactly
    q += 1u;
    let nl = ~low + 1u; let nh = (~high & 0x3fffffffu) + select(0u, 1u, nl == 0u);
    f = -(f32(nh) * 4294967296f + f32(nl));
  }
  let r = f * 3.4061215800e-19f; // π/2 · 2⁻⁶²
  if (x < 0f) { return vec2f(-r, f32((4u - (q & 3u)) & 3u)); }
  return vec2f(r, f32(q & 3u));
}`,
  },
  trig_parts: {
    needs: ['trig_far'],
    text: `fn trig_parts(x: f32) -> vec2f {
  if (abs(x) > 4000f) { return trig_far(x); }
  let n = round(x * ${float(2 / Math.PI)});
  let r = ((x - n * 1.5703125f) - n * 4.837512969970703125e-4f) - n * 7.54978995489188216e-8f;
  return vec2f(r, f32(i32(n) & 3));
}`,
  },
  sin_poly: {
    needs: [],
    text: `fn sin_poly(r: f32) -> f32 { let z = r * r; return ${polynomial('z', SIN_TAIL)} * z * r + r; }`,
  },
  cos_poly: {
    needs: [],
    text: `fn cos_poly(r: f32) -> f32 { let z = r * r; return ${polynomial('z', COS_TAIL)} * z * z - 0.5f * z + 1f; }`,
  },
  sin_: {
    needs: ['trig_parts', 'sin_poly', 'cos_poly', 'is_finite', 'nan_'],
    text: `fn sin_(x: f32) -> f32 {
  if (!is_finite(x)) { return nan_(); }
  let v = trig_parts(x); let q = u32(v.y);
  let y = select(sin_poly(v.x), cos_poly(v.x), (q & 1u) != 0u);
  return select(y, -y, q >= 2u);
}`,
  },
  cos_: {
    needs: ['trig_parts', 'sin_poly', 'cos_poly', 'is_finite', 'nan_'],
    text: `fn cos_(x: f32) -> f32 {
  if (!is_finite(x)) { return nan_(); }
  let v = trig_parts(x); let q = u32(v.y);
  let y = select(cos_poly(v.x), sin_poly(v.x), (q & 1u) != 0u);
  return select(y, -y, q == 1u || q == 2u);
}`,
  },
  tan_: {
    needs: ['trig_parts', 'sin_poly', 'cos_poly', 'is_finite', 'nan_'],
    text: `fn tan_(x: f32) -> f32 {
  if (!is_finite(x)) { return nan_(); }
  let v = trig_parts(x); let s = sin_poly(v.x); let c = cos_poly(v.x);
  if ((u32(v.y) & 1u) != 0u) { return -c / s; }
  return s / c;
}`,
  },
  atan_: {
    needs: ['with_sign', 'is_nan'],
    text: `fn atan_(v: f32) -> f32 {
  if (is_nan(v)) { return v; }
  var x = abs(v); var y = 0f;
  if (x > 2.414213562373095f) { y = ${float(Math.PI / 2)}; x = -1f / x; }
  else if (x > 0.414213562373095f) { y = ${float(Math.PI / 4)}; x = (x - 1f) / (x + 1f); }
  let z = x * x;
  return with_sign(y + (${polynomial('z', ATAN_TAIL)} * z * x + x), v);
}`,
  },
  atan2_: {
    needs: ['atan_', 'with_sign', 'is_nan', 'is_inf'],
    text: `fn atan2_(y: f32, x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  if (is_nan(y)) { return y; }
  let left = (bitcast<u32>(x) & 0x80000000u) != 0u; let a = abs(y); let b = abs(x);
  var r = 0f;
  if (is_inf(y) && is_inf(x)) { r = ${float(Math.PI / 4)}; }
  else if (b > a) { r = atan_(a / b); }
  else if (a > 0f) { r = ${float(Math.PI / 2)} - atan_(b / a); }
  if (left) { r = ${float(Math.PI)} - r; }
  return with_sign(r, y);
}`,
  },
  asin_small: {
    needs: [],
    text: `fn asin_small(x: f32) -> f32 { let z = x * x; return ${polynomial('z', ASIN_TAIL)} * z * x + x; }`,
  },
  asin_: {
    needs: ['asin_small', 'nan_', 'is_nan', 'with_sign'],
    text: `fn asin_(x: f32) -> f32 {
  let a = abs(x);
  if (is_nan(x)) { return x; }
  if (a > 1f) { return nan_(); }
  if (a <= 0.5f) { return asin_small(x); }
  return with_sign(${float(Math.PI / 2)} - 2f * asin_small(sqrt(0.5f * (1f - a))), x);
}`,
  },
  acos_: {
    needs: ['asin_small', 'nan_', 'is_nan'],
    text: `fn acos_(x: f32) -> f32 {
  let a = abs(x);
  if (is_nan(x)) { return x; }
  if (a > 1f) { return nan_(); }
  if (a <= 0.5f) { return ${float(Math.PI / 2)} - asin_small(x); }
  let y = 2f * asin_small(sqrt(0.5f * (1f - a)));
  return select(y, ${float(Math.PI)} - y, x < 0f);
}`,
  },
  sinh_: {
    needs: ['expm1_', 'exp_', 'with_sign', 'is_nan'],
    text: `fn sinh_(x: f32) -> f32 {
  let a = abs(x);
  if (is_nan(x) || a < 1e-10f) { return x; }
  if (a > 80f) { let h = exp_(0.5f * a); return with_sign(0.5f * h * h, x); }
  let t = expm1_(a);
  return with_sign(0.5f * (t + t / (t + 1f)), x);
}`,
  },
  cosh_: {
    needs: ['exp_', 'is_nan'],
    text: `fn cosh_(x: f32) -> f32 {
  let a = abs(x);
  if (is_nan(x)) { return x; }
  if (a > 80f) { let h = exp_(0.5f * a); return 0.5f * h * h; }
  let t = exp_(a);
  return 0.5f * t + 0.5f / t;
}`,
  },
  fmod_: {
    needs: ['nan_', 'is_nan', 'is_inf', 'with_sign'],
    // exact: b·2ᵏ is subtracted, largest first, each difference being representable
    text: `fn fmod_(a: f32, b: f32) -> f32 {
  if (is_nan(a) || is_nan(b) || is_inf(a) || b == 0f) { return nan_(); }
  if (is_inf(b)) { return a; }
  var rest = abs(a); let y = abs(b);
  var part = y;
  while (part <= rest * 0.5f) { part = part + part; }
  while (part >= y) { if (rest >= part) { rest -= part; } part *= 0.5f; }
  return with_sign(rest, a);
}`,
  },
  remainder_: {
    needs: ['fmod_'],
    text: `fn remainder_(a: f32, b: f32) -> f32 {
  let rest = fmod_(a, b);
  return select(rest, rest + b, rest != 0f && (rest < 0f) != (b < 0f));
}`,
  },
  floor_divide: {
    needs: ['fmod_', 'is_finite', 'with_sign'],
    // as Python does it: from the exact remainder, so that the quotient is not rounded up to the next whole number
    text: `fn floor_divide(a: f32, b: f32) -> f32 {
  let quotient = a / b;
  if (b == 0f) { return quotient; }
  let rest = fmod_(a, b);
  var exact = (a - rest) / b;
  if (rest != 0f && (rest < 0f) != (b < 0f)) { exact -= 1f; }
  if (exact == 0f) { return with_sign(0f, quotient); }
  var whole = floor(exact);
  if (exact - whole > 0.5f) { whole += 1f; }
  return select(exact, whole, is_finite(exact));
}`,
  },
  remainder_i: {
    needs: [],
    text: `fn remainder_i(a: i32, b: i32) -> i32 {
  let rest = a % b;
  return select(rest, rest + b, rest != 0 && (rest < 0) != (b < 0));
}`,
  },
  floor_divide_i: {
    needs: [],
    text: `fn floor_divide_i(a: i32, b: i32) -> i32 {
  if (b == -1) { return 0 - a; }
  let quotient = a / b; let rest = a - quotient * b;
  return select(quotient, quotient - 1, rest != 0 && (rest < 0) != (b < 0));
}`,
  },
  pow_i: {
    needs: [],
    text: `fn pow_i(a: i32, b: i32) -> i32 {
  var base = a; var left = b; var y = 1;
  if (b < 0) { if (a == 1 || a == -1) { return select(a, 1, (b & 1) == 0); } return 0; }
  while (left > 0) { if ((left & 1) != 0) { y *= base; } base *= base; left = left >> 1u; }
  return y;
}`,
  },
  // a·b as the nearest number and what it lacks
  two_product: {
    needs: [],
    text: `fn two_product(a: f32, b: f32) -> vec2f {
  let ah = bitcast<f32>(bitcast<u32>(a) & 0xfffff000u); let al = a - ah;
  let bh = bitcast<f32>(bitcast<u32>(b) & 0xfffff000u); let bl = b - bh;
  let y = a * b;
  return vec2f(y, ((ah * bh - y) + ah * bl + al * bh) + al * bl);
}`,
  },
  // log₂ x of a positive finite number, in two parts
  log2_parts: {
    needs: ['log_parts', 'two_product'],
    text: `fn log2_parts(x: f32) -> vec2f {
  let v = log_parts(x); let t = v.y; let g = 2f + t; let gl = t - (g - 2f);
  let s = t / g; let sg = two_product(s, g);
  let sl = (((t - sg.x) - sg.y) - s * gl) / g;
  let z = s * s;
  // ln(1 + t) = 2s + 2s³(1/3 + z/5 + z²/7 + z³/9 + z⁴/11)
  let tail = 2f * s * z * ((((z * 0.09090909f + 0.11111111f) * z + 0.14285715f) * z + 0.2f) * z + 0.33333334f);
  let h = 2f * s; let l = 2f * sl + tail;
  let y = two_product(h, 1.44269502f); // log₂ e = 1.44269502 + 1.9259629e-8
  let low = y.y + h * 1.9259629e-8f + l * 1.44269504f;
  let sum = v.x + y.x; let back = sum - v.x;
  return vec2f(sum, (v.x - (sum - back)) + (y.x - back) + low);
}`,
  },
  exp2_parts: {
    needs: ['inf_', 'pow2_', 'small_expm1'],
    // 2^(h + l)
    text: `fn exp2_parts(h: f32, l: f32) -> f32 {
  if (h > 128.5f) { return inf_(); }
  if (h < -151f) { return 0f; }
  let n = round(h); let f = (h - n) + l;
  let w = i32(n); let k = w >> 1u;
  return (small_expm1(f * ${float(Math.LN2)}) + 1f) * pow2_(k) * pow2_(w - k);
}`,
  },
  pow_: {
    needs: ['log2_parts', 'exp2_parts', 'two_product', 'nan_', 'inf_', 'is_nan', 'is_inf'],
    text: `fn pow_(a: f32, b: f32) -> f32 {
  if (b == 0f || a == 1f) { return 1f; }
  if (is_nan(a)) { return a; }
  if (is_nan(b)) { return b; }
  let x = abs(a);
  if (is_inf(b)) {
    if (x == 1f) { return 1f; }
    return select(0f, inf_(), (x > 1f) == (b > 0f));
  }
  let whole = floor(b) == b; let odd = whole && abs(b) < 16777216f && (i32(b) & 1) != 0;
  let negative = (bitcast<u32>(a) & 0x80000000u) != 0u;
  var y = 0f;
  if (x == 0f || is_inf(a)) { y = select(inf_(), 0f, (x == 0f) == (b > 0f)); }
  else if (negative && !whole) { return nan_(); }
  else {
    let g = log2_parts(x);
    if (abs(b) > 1e9f) { y = select(select(0f, inf_(), (x > 1f) == (b > 0f)), 1f, x == 1f); }
    else if (abs(b * g.x) > 300f) { y = select(0f, inf_(), b * g.x > 0f); }
    else { let t = two_product(b, g.x); y = exp2_parts(t.x, t.y + b * g.y); }
  }
  return select(y, -y, negative && odd);
}`,
  },
};

/** The text of these functions and of what they need, each once. */
function mathText(names: Iterable<string>): string {
  const texts = new Map<string, string>();
  const add = (name: string): void => {
    if (texts.has(name)) return;
    const { needs, text } = FUNCTIONS[name]!;
    texts.set(name, text);
    needs.forEach(add);
  };
  for (const name of names) add(name);
  return [...texts.values()].join('\n');
}

/** The functions that a text calls. */
function mathUsed(text: string): string[] {
  return Object.keys(FUNCTIONS).filter((name) => new RegExp(`\\b${name}\\(`).test(text));
}

/** A body with the functions that it calls. */
export const withMath = (body: string): string => `${mathText(mathUsed(body))}\n${body}`;
