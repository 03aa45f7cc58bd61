/**
 * Powers, remainders and hyperbolic functions of single precision as vectors: they need more digits in between, so half of the lanes at a time is computed in
 * double precision and rounded once; and the exponential of double precision. Its own file, since few programs use it:
 * `tensor/families/mathematics.ts` brings it.
 */
import { fmod as fmodOfOne } from './elementwise/expr.ts';
import { fromLanes } from './floats.ts';
import type { Expr, Fn } from './ir.ts';
import { hoisted, polynomial } from './math.ts';

const doubles = (f: Fn) => (value: number) => hoisted(f, 'f64v', value);
const numbers = (count: number, of: (i: number) => number): number[] => Array.from({ length: count }, (_, i) => of(i));

/** A function of two vectors of doubles as one of singles. */
function byHalves(f: Fn, lanes: number, a: Expr, b: Expr, of: (a: Expr, b: Expr) => Expr): Expr {
  const half = lanes / 2;
  const upper = numbers(lanes, (i) => half + (i % half));
  const wide = (x: Expr): Expr => f.let('wide', x.cast('f64v'));
  const low = f.let('low', of(wide(a), wide(b)).cast('f32v'));
  const high = f.let('high', of(wide(a.shuffle(a, upper)), wide(b.shuffle(b, upper))).cast('f32v'));
  return low.shuffle(
    high,
    numbers(lanes, (i) => (i < half ? i : lanes + i - half)),
  );
}

/** log₂ of numbers from √½ to √2 by s = (m - 1) / (m + 1): 2·atanh(s) / ln 2, highest power of s² first; off by less than 2⁻³⁸. */
const LOG2 = numbers(7, (i) => 2 / ((13 - 2 * i) * Math.LN2));
/** 2ᵗ for |t| ≤ ½: its Taylor series, off by less than 2⁻³⁶. */
const EXP2 = numbers(10, (i) => Math.LN2 ** (9 - i) / numbers(9 - i, (k) => k + 1).reduce((n, k) => n * k, 1));
/** Whole numbers that are added to this stand in the lowest bits. */
const SHIFTED = 2 ** 52;
const BIAS = 1023;

/** log₂ of magnitudes. */
function log2(f: Fn, size: Expr): Expr {
  const c = doubles(f);
  const bits = f.let('bits', size.bits('i64v'));
  const one = c(1).bits('i64v');
  const biased = f.let('biased', bits.sub(c(Math.SQRT1_2).bits('i64v')).add(one).binary('shrU', 52));
  const exponent = biased
    .or(c(SHIFTED).bits('i64v'))
    .bits('f64v')
    .sub(c(SHIFTED + BIAS));
  const m = f.let('m', bits.sub(biased.binary('shl', 52)).add(one).bits('f64v'));
  const s = f.let('s', m.sub(c(1)).div(m.add(c(1))));
  const square = f.let('square', s.mul(s));
  const finite = polynomial(f, square, LOG2).fma(s, exponent);
  return size.eq(c(0)).select(c(-Infinity), size.lt(c(Infinity)).select(finite, size));
}

/** 2ⁿ for whole n within the normal range. */
const powerOf2 = (f: Fn, n: Expr): Expr =>
  n
    .add(doubles(f)(SHIFTED + BIAS))
    .bits('i64v')
    .binary('shl', 52)
    .bits('f64v');

/** 2ᵖ for |p| ≤ 1000. */
function exp2(f: Fn, power: Expr): Expr {
  const p = f.let('p', power);
  const n = f.let('n', p.unary('nearest'));
  return polynomial(f, f.let('t', p.sub(n)), EXP2).mul(powerOf2(f, n));
}

/** C's pow of doubles that were singles. */
function powerOf(f: Fn, x: Expr, y: Expr): Expr {
  const c = doubles(f);
  const size = f.let('size', x.unary('abs'));
  const fixed = size
    .eq(c(1))
    .and(x.eq(c(1)).or(y.eq(y)))
    .or(y.eq(c(0)));
  const p = f.let('power', fixed.select(c(0), y.mul(log2(f, size))));
  const result = f.let('result', exp2(f, p.binary('pmin', c(200)).binary('pmax', c(-200)))); // past these: infinity and 0
  // Negative numbers to whole powers have the sign of odd ones; to others, and finite, they are none.
  const half = f.let('half', y.mul(c(0.5)));
  const odd = half.unary('trunc').ne(half);
  const whole = y.unary('trunc').eq(y);
  const sign = x.bits('i64v').and(c(-0).bits('i64v'));
  const signed = result.bits('i64v').binary('xor', odd.and(whole).and(sign)).bits('f64v');
  const none = x
    .lt(c(0))
    .and(size.lt(c(Infinity)))
    .and(whole.unary('not'));
  return none.select(c(NaN), signed);
}

/** xʸ, rounded once from more digits than singles have. */
export function powerF32(f: Fn, x: Expr, y: Expr, lanes: number): Expr {
  return byHalves(f, lanes, f.let('x', x), f.let('y', y), (a, b) => powerOf(f, a, b));
}

/** Quotients below this are whole in double precision with room for a product of them and a single. */
const EXACT_QUOTIENT = 2 ** 29;

/** C's fmod, exact: by one division where the quotient is not too large; else, which is rare, number by number. */
export function fmodF32(f: Fn, a: Expr, b: Expr, lanes: number): Expr {
  const c = doubles(f);
  const [x, y] = [f.let('x', a), f.let('y', b)];
  const fits = f.let('fits', hoisted(f, 'i64v', -1));
  const size = byHalves(f, lanes, f.let('size', x.unary('abs')), f.let('divisor', y.unary('abs')), (n, divisor) => {
    const quotient = f.let('quotient', n.div(divisor).unary('trunc'));
    f.set(fits, fits.and(quotient.lt(c(EXACT_QUOTIENT))).and(divisor.lt(c(Infinity))));
    const rest = f.let('rest', n.sub(quotient.mul(divisor)));
    return rest.lt(c(0)).select(rest.add(divisor), rest); // the division may have rounded up
  });
  const sign = x.bits('i32v').and(hoisted(f, 'i32v', -0x80000000));
  const result = f.let('result', size.bits('i32v').or(sign).bits('f32v'));
  const all = numbers(lanes / 2, (i) => i)
    .map((i) => fits.lane(i))
    .reduce((one, other) => one.and(other));
  f.if(all.eq(0), () => {
    f.set(result, fromLanes(numbers(lanes, (i) => i).map((i) => fmodOfOne(f, x.lane(i), y.lane(i)))));
  });
  return result;
}

/** Whether a rest is to be moved by one divisor, whose sign Python's remainder has. */
function wrongSide(f: Fn, rest: Expr, divisor: Expr): Expr {
  const zero = hoisted(f, 'f32v', 0);
  return rest.ne(zero).and(rest.lt(zero).binary('xor', divisor.lt(zero)));
}

/** Python's %: the result has the divisor's sign. */
export function remainderF32(f: Fn, a: Expr, b: Expr, lanes: number): Expr {
  const y = f.let('y', b);
  const rest = f.let('rest', fmodF32(f, a, y, lanes));
  return wrongSide(f, rest, y).select(rest.add(y), rest);
}

/** Python's //, from the exact remainder, so that the quotient is not rounded up to the next whole number. */
export function floorDivideF32(f: Fn, a: Expr, b: Expr, lanes: number): Expr {
  const c = (value: number): Expr => hoisted(f, 'f32v', value);
  const [x, y] = [f.let('x', a), f.let('y', b)];
  const rest = f.let('rest', fmodF32(f, x, y, lanes));
  const one = c(1).bits('i32v');
  const oneWhere = (mask: Expr): Expr => mask.and(one).bits('f32v');
  const exact = f.let(
    'exact',
    x
      .sub(rest)
      .div(y)
      .sub(oneWhere(wrongSide(f, rest, y))),
  );
  const down = f.let('down', exact.unary('floor'));
  const floor = down.add(oneWhere(exact.sub(down).gt(c(0.5))));
  const quotient = f.let('quotient', x.div(y));
  const zero = quotient
    .bits('i32v')
    .and(hoisted(f, 'i32v', -0x80000000))
    .bits('f32v');
  return y.eq(c(0)).select(quotient, exact.eq(c(0)).select(zero, floor));
}

/** ln 2 in two parts: a multiple of the first by a whole number up to 2048 is exact. */
const LN2_HIGH = 0.69314718036912381649;
const LN2_LOW = 1.90821492927058770002e-10;
/** (eʳ - 1 - r - r²/2) / r³ for |r| ≤ ln2/2: its Taylor series, off by less than 2⁻⁵⁹ of eʳ. */
const EXP_REST = numbers(12, (i) => 1 / numbers(14 - i, (k) => k + 1).reduce((n, k) => n * k, 1));

/**
 * eˣ of vectors of doubles, off by less than 0.52 units in the last place: 1 + r + r²/2 is summed with what rounding loses, r² being that of the upper half of r's digits, whose
 * square is exact, and a rest.
 */
export function expF64(f: Fn, x: Expr): Expr {
  const c = doubles(f);
  const arg = f.let('x', x.binary('pmin', c(710)).binary('pmax', c(-746))); // past these: infinity and 0
  const n = f.let('n', arg.mul(c(Math.LOG2E)).unary('nearest'));
  const high = f.let('high', arg.sub(n.mul(c(LN2_HIGH))));
  const low = f.let('low', n.mul(c(LN2_LOW)));
  const r = f.let('r', high.sub(low));
  const lost = high.sub(r).sub(low);
  const upper = f.let(
    'upper',
    r
      .bits('i64v')
      .and(hoisted(f, 'i64v', -0x8000000))
      .bits('f64v'),
  );
  const half = f.let('half', upper.mul(upper).mul(c(0.5)));
  const one = f.let('one', r.add(c(1)));
  const sum = f.let('sum', one.add(half));
  const rest = polynomial(f, r, EXP_REST).mul(r.mul(r).mul(r));
  const square = r.sub(upper).mul(r.add(upper)).mul(c(0.5));
  const tail = half
    .sub(sum.sub(one))
    .add(r.sub(one.sub(c(1))))
    .add(lost.mul(one).add(square))
    .add(rest);
  const first = f.let('first', n.mul(c(0.5)).unary('nearest'));
  return sum
    .add(tail)
    .mul(powerOf2(f, first))
    .mul(powerOf2(f, n.sub(first)));
}

/** A function of singles by one of doubles. */
const bySingle =
  (of: (f: Fn, x: Expr) => Expr) =>
  (f: Fn, value: Expr, lanes: number): Expr => {
    const x = f.let('x', value);
    return byHalves(f, Math.max(lanes, 4), x, x, (half) => of(f, half)); // a scalar is a vector of four, too
  };

/** (eˣ + e⁻ˣ) / 2, rounded once. */
export const coshF32 = bySingle((f, x) => {
  const e = f.let('e', expF64(f, x.unary('abs')));
  const c = doubles(f);
  return e.add(c(1).div(e)).mul(c(0.5));
});

/** (eˣ - e⁻ˣ) / 2, rounded once; near 0 its series, where the difference would lose digits. */
export const sinhF32 = bySingle((f, x) => {
  const c = doubles(f);
  const e = f.let('e', expF64(f, x));
  const far = e.sub(c(1).div(e)).mul(c(0.5));
  const near = polynomial(f, f.let('square', x.mul(x)), [1 / 120, 1 / 6, 1]).mul(x);
  return x
    .unary('abs')
    .lt(c(2 ** -6))
    .select(near, far);
});
