/**
 * Single-precision functions as vector expressions: exp, log, tanh and what is built of them. Reduction to a small
 * interval, then a polynomial, after S. L. Moshier's Cephes library (netlib.org/cephes, single precision), with the
 * edges (infinities, NaN, subnormal arguments and results) treated as C's functions treat them. Errors stay within about two
 * units in the last place.
 *
 * Every function takes the {@link Fn} it is built into (for temporaries) and an f32v expression. Double precision uses
 * the host's functions (`math` of the loop language) element by element instead.
 */
import { EXP_TAIL, LOG_TAIL, TANH_TAIL } from '../formula/coefficients.ts';
import { constant, either, type Expr, type Fn, type Local, type ValueType } from './ir.ts';

const pools = new WeakMap<Fn, Map<string, Local>>();

/** A constant kept in a variable that is set once, where the function starts, so that loops do not build it anew. */
export function hoisted(f: Fn, type: ValueType, value: number): Local {
  let pool = pools.get(f);
  if (pool === undefined) pools.set(f, (pool = new Map<string, Local>()));
  const key = `${type}:${Object.is(value, -0) ? '-0' : value}`;
  let local = pool.get(key);
  if (local === undefined) {
    local = f.local('c', type);
    f.body.unshift({ kind: 'set', local, value: constant(type, value) });
    pool.set(key, local);
  }
  return local;
}

/** c₀xⁿ + c₁xⁿ⁻¹ + … + cₙ by Horner's rule. */
export function polynomial(f: Fn, x: Expr, coefficients: readonly number[]): Expr {
  let sum: Expr = hoisted(f, x.type, coefficients[0]!);
  for (const c of coefficients.slice(1)) sum = sum.fma(x, hoisted(f, x.type, c));
  return sum;
}

const LOG2_E = Math.LOG2E;
/** ln 2 in two parts: a multiple of the first by a small whole number is exact. */
const LN2_HIGH = 0.693359375;
const LN2_LOW = -2.1219444e-4;

/** eˣ - 1 for |x| ≤ ln2/2, in a variable. */
function smallExpm1(f: Fn, x: Local): Local {
  const squared = f.let('squared', x.mul(x));
  return f.let('em1', polynomial(f, x, EXP_TAIL).fma(squared, x));
}

/** A number that is added to this is rounded to a whole one, which stands in the lowest bits: cheaper than to round and to convert. */
const SHIFTED = 1.5 * 2 ** 23;

/** x = n·ln2 + r with n whole (given as i32, and as `whole`) and |r| ≤ ln2/2. Of a NaN, r is one, and n means nothing. */
function reduced(f: Fn, x: Expr): { n: Expr; whole: Local; r: Local } {
  const arg = f.let('bounded', x);
  const shifted = hoisted(f, 'f32v', SHIFTED);
  const sum = f.let('sum', arg.mul(hoisted(f, 'f32v', LOG2_E)).add(shifted));
  const n = f.let('n', sum.sub(shifted));
  const high = n.fma(hoisted(f, 'f32v', -LN2_HIGH), arg);
  return { n: sum.bits('i32v').sub(shifted.bits('i32v')), whole: n, r: f.let('r', n.fma(hoisted(f, 'f32v', -LN2_LOW), high)) };
}

/** eˣ: eˣ = 2ⁿ·eʳ with n = round(x / ln 2). The power of two is applied in two halves: one alone would overflow at the ends. */
export function expF32(f: Fn, x: Expr): Expr {
  const c = (value: number): Expr => hoisted(f, 'f32v', value);
  const { n, whole, r } = reduced(f, x.binary('pmin', c(89)).binary('pmax', c(-104))); // past these: infinity and 0
  const e = f.let('e', smallExpm1(f, r).add(c(1)));
  const power = f.let('power', n);
  const half = f.let('half', power.binary('shr', 1));
  // The first product is exact, so what has an instruction for both gives the same.
  return either('SCALED', e, e.mul(powerOfTwo(f, half)).mul(powerOfTwo(f, power.sub(half))), whole);
}

/** The same by pairs (Estrin): a few operations more, but few of them wait for one another. */
export function pairedPolynomial(f: Fn, x: Local, coefficients: readonly number[]): Expr {
  let terms: Expr[] = coefficients.map((c) => hoisted(f, x.type, c)).reverse();
  for (let power = x; ; power = f.let('power', power.mul(power))) {
    const sums = terms.filter((_, i) => i % 2 === 0).map((low, i) => terms[2 * i + 1]?.fma(power, low) ?? low);
    if (sums.length === 1) return sums[0]!;
    terms = sums.map((sum) => f.let('pair', sum));
  }
}

/** eˣ of arguments whose result is a normal number: what waits least. */
export function expInRange(f: Fn, x: Expr): Expr {
  const { n, r } = reduced(f, x);
  const squared = f.let('squared', r.mul(r));
  const one = r.add(hoisted(f, 'f32v', 1));
  return pairedPolynomial(f, r, EXP_TAIL).fma(squared, one).mul(powerOfTwo(f, n));
}

/** 2ⁿ for whole numbers within the normal range. */
const powerOfTwo = (f: Fn, n: Expr): Expr =>
  n
    .add(hoisted(f, 'i32v', 127))
    .binary('shl', 23)
    .bits('f32v');

/** eˣ - 1, precise near 0: 2·(h·(eʳ - 1) + (h - ½)) with h = 2ⁿ⁻¹, which stays in range up to the largest result. */
export function expm1F32(f: Fn, x: Expr): Expr {
  const c = (value: number): Expr => hoisted(f, 'f32v', value);
  const arg = f.let('x', x);
  const { n, r } = reduced(f, arg.binary('pmin', c(89)).binary('pmax', c(-25)));
  const half = f.let('half', powerOfTwo(f, n.sub(hoisted(f, 'i32v', 1))));
  const result = f.let('result', smallExpm1(f, r).fma(half, half.sub(c(0.5))));
  const tiny = arg.unary('abs').lt(c(1e-30)); // x itself: halving would lose bits, and the sign of 0
  return tiny.select(arg, result.add(result));
}

/** ln x = e·ln2 + ln m, with m scaled into [√½, √2). */
export const logF32 = (f: Fn, x: Expr): Expr =>
  logParts(f, x, LOG_TAIL, (e, t, rest) => {
    const low2 = e.fma(hoisted(f, 'f32v', LN2_LOW), rest);
    return e.fma(hoisted(f, 'f32v', LN2_HIGH), t.add(low2));
  });

/** A logarithm of x = 2ᵉ·(1 + t), by the exponent e, t, and ln(1 + t) - t. */
export function logParts(f: Fn, x: Expr, coefficients: readonly number[], combined: (e: Local, t: Local, rest: Local) => Expr): Expr {
  const c = (value: number): Expr => hoisted(f, 'f32v', value);
  const arg = f.let('x', x);
  const tiny = f.let('tiny', arg.lt(c(1.17549435e-38))); // subnormal, zero or negative
  const scaled = f.let('scaled', tiny.select(arg.mul(c(2 ** 23)), arg).bits('i32v'));
  const m = f.let(
    'm',
    scaled
      .and(hoisted(f, 'i32v', 0x7fffff))
      .or(hoisted(f, 'i32v', 0x3f000000))
      .bits('f32v'),
  );
  const low = f.let('low', m.lt(c(Math.SQRT1_2)));
  const exponent = scaled
    .binary('shrU', 23)
    .sub(hoisted(f, 'i32v', 126))
    .cast('f32v');
  const adjust = low
    .bits('f32v')
    .and(c(1))
    .add(tiny.bits('f32v').and(c(23)));
  const e = f.let('e', exponent.sub(adjust));
  const t = f.let('t', m.add(low.bits('f32v').and(m)).sub(c(1))); // 2m - 1 or m - 1
  const squared = f.let('squared', t.mul(t));
  const tail = f.let('tail', polynomial(f, t, coefficients).mul(t).mul(squared));
  const rest = f.let('rest', tail.sub(squared.mul(c(0.5))));
  const regular = f.let('regular', combined(e, t, rest));
  // ±∞, NaN, 0 and negative arguments
  const infinite = arg.lt(c(Infinity)).select(regular, arg);
  const nonPositive = arg.eq(c(0)).select(c(-Infinity), c(NaN));
  return arg.le(c(0)).select(nonPositive, infinite);
}

/** ln(1 + x), precise near 0: ln u corrected by what rounding u = 1 + x lost. */
export function log1pF32(f: Fn, x: Expr): Expr {
  const c = (value: number): Expr => hoisted(f, 'f32v', value);
  const arg = f.let('x', x);
  const u = f.let('u', arg.add(c(1)));
  const log = f.let('log', logF32(f, u));
  const lost = u.sub(c(1)).sub(arg).div(u);
  const regular = f.let('regular', log.sub(lost));
  const edge = u
    .binary('pmax', c(0))
    .lt(c(Infinity))
    .and(u.ne(c(0))); // u = 0 and u = ∞ have no correction
  return u.eq(c(1)).select(arg, edge.select(regular, log));
}

/** tanh x: odd polynomial near 0, else 1 - 2/(e²ˣ + 1). */
export function tanhF32(f: Fn, x: Expr): Expr {
  const c = (value: number): Expr => hoisted(f, 'f32v', value);
  const arg = f.let('x', x);
  const sign = f.let('sign', arg.bits('i32v').and(hoisted(f, 'i32v', -0x80000000)));
  const size = f.let('size', arg.unary('abs'));
  const e = expF32(f, size.add(size));
  const far = f.let('far', c(1).sub(c(2).div(e.add(c(1)))));
  const squared = f.let('squared', arg.mul(arg));
  const near = polynomial(f, squared, TANH_TAIL).mul(squared).fma(size, size);
  return size.ge(c(0.625)).select(far, near).bits('i32v').or(sign).bits('f32v');
}

/** 1 / (1 + e⁻ˣ) */
export function sigmoidF32(f: Fn, x: Expr): Expr {
  const one = hoisted(f, 'f32v', 1);
  return one.div(expF32(f, x.unary('neg')).add(one));
}
