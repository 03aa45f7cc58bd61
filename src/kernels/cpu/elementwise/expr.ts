/**
 * Arithmetic that is more than one instruction: Python's remainder and floor division, C's fmod, powers, extremes that
 * pass NaN on. Expressions are in one arithmetic type, vector or scalar as noted; the rules of the edges are PyTorch's.
 */
import { constant, elementOf, isVector, math, type Expr, type Fn, type MathFn } from '../ir.ts';
import { hoisted } from '../math.ts';

export const isFloat = (x: Expr): boolean => elementOf(x.type) === 'f32' || elementOf(x.type) === 'f64';

/** The larger; NaN wins. */
export function maximum(a: Expr, b: Expr): Expr {
  return isFloat(a) ? a.binary('max', b) : a.gt(b).select(a, b);
}

/** The smaller; NaN wins. */
export function minimum(a: Expr, b: Expr): Expr {
  return isFloat(a) ? a.binary('min', b) : a.lt(b).select(a, b);
}

/** Logical not of a condition. */
export const not = (condition: Expr): Expr => condition.unary(isVector(condition.type) ? 'not' : 'eqz');

/** A function of the host on scalars of any float type, computed in double precision. */
export const hostMath = (fn: MathFn, ...args: Expr[]): Expr => math(fn, ...args.map((arg) => arg.cast('f64'))).cast(args[0]!.type);

/** Quotients below this are whole in double precision with room for a product of them and a single. */
const EXACT_QUOTIENT = 2 ** 29;

/** C's fmod on float scalars, exact. Single precision by one division in double precision, where the quotient is no larger than that takes. */
export function fmod(f: Fn, a: Expr, b: Expr): Expr {
  if (a.type !== 'f32') return fmodByHalves(f, a, b);
  const [x, y] = [f.let('x', a), f.let('y', b)];
  const size = f.let('size', x.unary('abs').cast('f64'));
  const divisor = f.let('divisor', y.unary('abs').cast('f64'));
  const quotient = f.let('quotient', size.div(divisor).unary('trunc'));
  const rest = f.let('rest', size.sub(quotient.mul(divisor)));
  const low = rest.lt(0).select(rest.add(divisor), rest); // the division may have rounded up
  const result = f.let('result', low.cast('f32').binary('copysign', x));
  f.if(quotient.lt(EXACT_QUOTIENT).and(divisor.lt(Infinity)).unary('eqz'), () => {
    f.set(result, fmodByHalves(f, x, y));
  });
  return result;
}

/** The same: subtracts b·2ᵏ, largest first, each difference being representable. */
function fmodByHalves(f: Fn, a: Expr, b: Expr): Expr {
  const x = f.let('x', a);
  const y = f.let('y', b.unary('abs'));
  const rest = f.let('rest', x.unary('abs'));
  const finite = rest.lt(Infinity).and(y.gt(0)); // false for NaN, too
  const result = f.let('result', constant(x.type, NaN));
  f.if(finite, () => {
    f.if(y.lt(Infinity), () => {
      const part = f.let('part', y);
      f.while(part.le(rest.mul(0.5)), () => f.set(part, part.add(part)));
      f.while(part.ge(y), () => {
        f.if(rest.ge(part), () => f.set(rest, rest.sub(part)));
        f.set(part, part.mul(0.5));
      });
    });
    f.set(result, rest.binary('copysign', x));
  });
  return result;
}

/** Python's %: the result has the divisor's sign. Scalars. */
export function remainder(f: Fn, a: Expr, b: Expr): Expr {
  const divisor = f.let('divisor', b);
  const rest = f.let('rest', isFloat(a) ? fmod(f, a, divisor) : a.rem(divisor));
  const wrong = rest.ne(0).and(rest.lt(0).ne(divisor.lt(0)));
  return rest.type === 'f32' ? eitherOf(f, wrong, rest.add(divisor), rest) : wrong.select(rest.add(divisor), rest);
}

/** One of two singles by their bits: where signs are random, a branch, which compilers make of a selection, is mostly foreseen wrongly. */
function eitherOf(f: Fn, condition: Expr, yes: Expr, no: Expr): Expr {
  const mask = f.let('mask', constant('i32', 0).sub(condition));
  const [a, b] = [yes.bits('i32').and(mask), no.bits('i32').and(mask.binary('xor', -1))];
  return a.or(b).bits('f32');
}

/** Python's //. Scalars; dividing integers by 0 traps. */
export function floorDivide(f: Fn, a: Expr, b: Expr): Expr {
  return isFloat(a) ? floorDivideFloat(f, a, b) : floorDivideInt(f, a, b);
}

/** As Python does it: from the exact remainder, so that the quotient is not rounded up to the next whole number. */
function floorDivideFloat(f: Fn, a: Expr, b: Expr): Expr {
  const [x, y] = [f.let('x', a), f.let('y', b)];
  const result = f.let('quotient', x.div(y));
  f.if(y.ne(0), () => {
    const rest = f.let('rest', fmod(f, x, y));
    const less = rest
      .ne(0)
      .and(rest.lt(0).ne(y.lt(0)))
      .cast(x.type);
    const exact = f.let('exact', x.sub(rest).div(y).sub(less));
    const down = f.let('down', exact.unary('floor'));
    const floor = f.let('floor', down.add(exact.sub(down).gt(0.5).cast(x.type)));
    const zero = constant(x.type, 0).binary('copysign', result);
    const nothing = exact.eq(0);
    f.set(result, x.type === 'f32' ? eitherOf(f, nothing, zero, floor) : nothing.select(zero, floor));
  });
  return result;
}

function floorDivideInt(f: Fn, a: Expr, b: Expr): Expr {
  const [x, y] = [f.let('x', a), f.let('y', b)];
  const negative = f.let('negative', constant(x.type, 0).sub(x)); // x / -1 traps for the smallest number
  const divisor = f.let('divisor', y.eq(-1).select(constant(x.type, 1), y));
  const quotient = f.let('quotient', x.div(divisor));
  const rest = f.let('rest', x.sub(quotient.mul(divisor)));
  const down = rest.ne(0).and(rest.lt(0).ne(divisor.lt(0)));
  return y.eq(-1).select(negative, down.select(quotient.sub(1), quotient));
}

/** aᵇ on scalars. Floats follow C's pow, where 1ᵇ and (±1)^±∞ are 1; integers wrap, and 1/aⁿ is 0 unless |a| = 1. */
export function power(f: Fn, a: Expr, b: Expr): Expr {
  return isFloat(a) ? powerFloat(f, a, b) : powerInt(f, a, b);
}

function powerFloat(f: Fn, a: Expr, b: Expr): Expr {
  const [x, y] = [f.let('x', a), f.let('y', b)];
  const one = constant(x.type, 1);
  const always = x.eq(1).or(x.eq(-1).and(y.unary('abs').eq(Infinity))); // the host's Math.pow gives NaN there
  return always.select(one, hostMath('pow', x, y));
}

function powerInt(f: Fn, a: Expr, b: Expr): Expr {
  const [base, left] = [f.let('base', a), f.let('left', b)];
  const result = f.let('result', constant(base.type, 1));
  const unit = base.eq(1).or(base.eq(-1));
  const one = constant(base.type, 1);
  f.if(left.lt(0), () => {
    f.set(result, unit.select(left.and(1).eq(0).select(one, base), 0));
  });
  f.while(left.gt(0), () => {
    f.if(left.and(1).ne(0), () => f.set(result, result.mul(base)));
    f.set(base, base.mul(base));
    f.set(left, left.binary('shr', 1));
  });
  return result;
}

/** -1, 0 or 1; NaN gives 0, as in PyTorch. */
export function sign(f: Fn, x: Expr): Expr {
  const arg = f.let('x', x);
  const c = (value: number): Expr => hoisted(f, arg.type, value);
  return arg.gt(c(0)).select(c(1), arg.lt(c(0)).select(c(-1), c(0)));
}

/** Numbers without a sign instruction: 0 - x. */
export const negate = (x: Expr): Expr => (isVector(x.type) || isFloat(x) ? x.unary('neg') : constant(x.type, 0).sub(x));

export const absolute = (f: Fn, x: Expr): Expr => {
  if (isVector(x.type) || isFloat(x)) return x.unary('abs');
  const arg = f.let('x', x);
  return arg.lt(0).select(negate(arg), arg);
};
