/**
 * Trigonometric functions and other logarithms of single precision in the loop language, as vectors, after S. L. Moshier's Cephes library
 * (netlib.org/cephes: sinf, cosf, tanf, asinf, atanf, log2f, log10f). Its own file, since few programs use it:
 * `tensor/families/mathematics.ts` brings it.
 */
import { LOG_TAIL } from '../formula/coefficients.ts';
import { fromLanes } from './floats.ts';
import { math, type Expr, type Fn, type Local, type MathFn } from './ir.ts';
import { hoisted, logParts, polynomial } from './math.ts';

/** (sin x / x - 1) / x² and (cos x - 1 + x²/2) / x⁴ on |x| ≤ π/4, in x² */
const SIN = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1];
const COS = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2];
/** (tan x / x - 1) / x² */
const TAN = [9.38540185543e-3, 3.11992232697e-3, 2.44301354525e-2, 5.34112807005e-2, 1.33387994085e-1, 3.33331568548e-1];
/** (asin x / x - 1) / x² on |x| ≤ ½ */
const ASIN = [4.2163199048e-2, 2.4181311049e-2, 4.5470025998e-2, 7.4953002686e-2, 1.6666752422e-1];
/** (atan x / x - 1) / x² on |x| ≤ tan(π/8) */
const ATAN = [8.05374449538e-2, -1.38776856032e-1, 1.99777106478e-1, -3.33329491539e-1];
/** π/2 in three parts: a multiple of the first two by a small whole number is exact. */
const QUARTER = [1.5703125, 4.837512969970703125e-4, 7.549789954891882e-8] as const;
/** From here on the host reduces the argument. */
const FAR = 1024;

const SIGN = -0x80000000;
const floats = (f: Fn) => (value: number) => hoisted(f, 'f32v', value);
const signOf = (f: Fn, x: Expr): Expr => x.bits('i32v').and(hoisted(f, 'i32v', SIGN));
const flipped = (x: Expr, sign: Expr): Expr => x.bits('i32v').binary('xor', sign).bits('f32v');
/** x·tail(x²)·x² + x */
const odd = (f: Fn, x: Local, tail: readonly number[]): Expr => {
  const square = f.let('square', x.mul(x));
  return polynomial(f, square, tail).mul(square).fma(x, x);
};

/** |x| = q·π/2 + r with |r| ≤ π/4. */
function quarters(f: Fn, size: Expr): { q: Local; r: Local } {
  const c = floats(f);
  const near = f.let('near', size.binary('pmin', c(FAR)));
  const n = f.let('n', near.mul(c(2 / Math.PI)).unary('nearest'));
  let r: Expr = near;
  for (const part of QUARTER) r = n.fma(c(-part), r);
  return { q: f.let('q', n.cast('i32v')), r: f.let('r', r) };
}

const sinNear = (f: Fn, r: Local): Expr => odd(f, r, SIN);
function cosNear(f: Fn, r: Local): Expr {
  const square = f.let('square', r.mul(r));
  const c = floats(f);
  return polynomial(f, square, COS)
    .mul(square)
    .mul(square)
    .sub(square.mul(c(0.5)))
    .add(c(1));
}

/** `near` where |x| is below {@link FAR}; the others, which are rare, are computed by the host. */
function unlessFar(f: Fn, fn: MathFn, x: Local, near: Expr, lanes: number): Expr {
  const result = f.let('result', near);
  const far = f.let('far', x.unary('abs').lt(floats(f)(FAR)).unary('not'));
  const pairs = far.bits('i64v');
  let any: Expr = pairs.lane(0);
  for (let i = 1; i < lanes / 2; i++) any = any.or(pairs.lane(i));
  f.if(any.ne(0), () => {
    const byHost = (i: number): Expr => math(fn, x.lane(i).cast('f64')).cast('f32');
    const parts = Array.from({ length: Math.max(lanes, 1) }, (_, i) => byHost(i));
    f.set(result, far.select(lanes === 1 ? parts[0]!.splat() : fromLanes(parts), result));
  });
  return result;
}

export function sinF32(f: Fn, value: Expr, lanes: number): Expr {
  const x = f.let('x', value);
  const { q, r } = quarters(f, x.unary('abs'));
  const even = q.and(hoisted(f, 'i32v', 1)).eq(hoisted(f, 'i32v', 0));
  const sign = q
    .and(hoisted(f, 'i32v', 2))
    .binary('shl', 30)
    .binary('xor', signOf(f, x));
  return unlessFar(f, 'sin', x, flipped(even.select(sinNear(f, r), cosNear(f, r)), sign), lanes);
}

export function cosF32(f: Fn, value: Expr, lanes: number): Expr {
  const x = f.let('x', value);
  const { q, r } = quarters(f, x.unary('abs'));
  const even = q.and(hoisted(f, 'i32v', 1)).eq(hoisted(f, 'i32v', 0));
  const sign = q
    .add(hoisted(f, 'i32v', 1))
    .and(hoisted(f, 'i32v', 2))
    .binary('shl', 30);
  return unlessFar(f, 'cos', x, flipped(even.select(cosNear(f, r), sinNear(f, r)), sign), lanes);
}

export function tanF32(f: Fn, value: Expr, lanes: number): Expr {
  const x = f.let('x', value);
  const { q, r } = quarters(f, x.unary('abs'));
  const even = q.and(hoisted(f, 'i32v', 1)).eq(hoisted(f, 'i32v', 0));
  const near = f.let('tan', odd(f, r, TAN));
  return unlessFar(f, 'tan', x, flipped(even.select(near, floats(f)(-1).div(near)), signOf(f, x)), lanes);
}

/** asin of magnitudes: directly up to ½, by the half angle above. */
function asinParts(f: Fn, size: Local): { large: Local; small: Local } {
  const c = floats(f);
  const large = f.let('large', size.gt(c(0.5)));
  const half = c(1).sub(size).mul(c(0.5)).unary('sqrt');
  return { large, small: f.let('small', odd(f, f.let('s', large.select(half, size)), ASIN)) };
}

export function asinF32(f: Fn, value: Expr): Expr {
  const c = floats(f);
  const x = f.let('x', value);
  const { large, small } = asinParts(f, f.let('size', x.unary('abs')));
  return flipped(large.select(c(Math.PI / 2).sub(small.add(small)), small), signOf(f, x));
}

export function acosF32(f: Fn, value: Expr): Expr {
  const c = floats(f);
  const x = f.let('x', value);
  const { large, small } = asinParts(f, f.let('size', x.unary('abs')));
  const twice = f.let('twice', small.add(small));
  const outer = x.lt(c(0)).select(c(Math.PI).sub(twice), twice);
  return large.select(outer, c(Math.PI / 2).sub(flipped(small, signOf(f, x))));
}

/** atan of magnitudes. */
function atanSize(f: Fn, size: Local): Expr {
  const c = floats(f);
  const [far, middle] = [f.let('far', size.gt(c(2.414213562373095))), f.let('middle', size.gt(c(0.414213562373095)))];
  const from = f.let('from', far.select(c(Math.PI / 2), middle.select(c(Math.PI / 4), c(0))));
  const inner = middle.select(size.sub(c(1)).div(size.add(c(1))), size);
  return odd(f, f.let('t', far.select(c(-1).div(size), inner)), ATAN).add(from);
}

export function atanF32(f: Fn, value: Expr): Expr {
  const x = f.let('x', value);
  return flipped(atanSize(f, f.let('size', x.unary('abs'))), signOf(f, x));
}

/** The angle of (x, y). */
export function atan2F32(f: Fn, y: Expr, x: Expr): Expr {
  const c = floats(f);
  const [a, b] = [f.let('y', y), f.let('x', x)];
  const [p, q] = [f.let('p', a.unary('abs')), f.let('q', b.unary('abs'))];
  const [more, less] = [f.let('more', p.binary('max', q)), f.let('less', p.binary('min', q))];
  const plain = f.let('plain', less.div(more));
  const ratio = f.let('ratio', more.eq(c(0)).select(c(0), less.eq(c(Infinity)).select(c(1), plain)));
  const first = f.let('first', atanSize(f, ratio));
  const steep = f.let('steep', p.gt(q).select(c(Math.PI / 2).sub(first), first));
  const left = b.bits('i32v').lt(hoisted(f, 'i32v', 0));
  return flipped(left.select(c(Math.PI).sub(steep), steep), signOf(f, a));
}

/** Factors in two parts, of which a product with the first is exact or nearly so. */
const LOG2_E_REST = 0.4426950408889634;
const LOG10_2 = [3.0078125e-1, 0.0002487456639811952] as const;
const LOG10_E = [4.3359375e-1, 0.0007007319032518276] as const;

/** Powers of two are exact. */
export const log2F32 = (f: Fn, x: Expr): Expr =>
  logParts(f, x, LOG_TAIL, (e, t, rest) => {
    const c = floats(f);
    return t
      .fma(c(LOG2_E_REST), rest.mul(c(LOG2_E_REST)))
      .add(rest)
      .add(t)
      .add(e);
  });

export const log10F32 = (f: Fn, x: Expr): Expr =>
  logParts(f, x, LOG_TAIL, (e, t, rest) => {
    const c = floats(f);
    const small = f.let('both', t.add(rest)).mul(c(LOG10_E[1]));
    return e.fma(c(LOG10_2[0]), t.fma(c(LOG10_E[0]), rest.fma(c(LOG10_E[0]), e.fma(c(LOG10_2[1]), small))));
  });
