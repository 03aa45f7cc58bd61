/** The error function in the loop language. Its own file, since few programs use it: `tensor/families/error-function.ts` brings it. */
import { ERF_NEAR, LOG_ERFC } from '../formula/coefficients.ts';
import { constant, math, type Expr, type Fn } from './ir.ts';
import { expInRange, hoisted, pairedPolynomial, polynomial } from './math.ts';

/** The error function: beyond 1 one less the exponential of a polynomial, within 2.6 units in the last place. */
export function erfF32(f: Fn, x: Expr): Expr {
  const c = (value: number): Expr => hoisted(f, 'f32v', value);
  const arg = f.let('x', x);
  const sign = f.let('sign', arg.bits('i32v').and(hoisted(f, 'i32v', -0x80000000)));
  const size = f.let('size', arg.bits('i32v').binary('xor', sign).bits('f32v'));
  const near = f.let('near', polynomial(f, f.let('squared', arg.mul(arg)), ERF_NEAR).mul(arg));
  const bounded = f.let('bounded', size.binary('pmin', c(4))); // from where on it is 1 to the last bit
  const far = c(1)
    .sub(expInRange(f, pairedPolynomial(f, bounded, LOG_ERFC)))
    .bits('i32v')
    .or(sign)
    .bits('f32v');
  return size.gt(c(1)).select(far, near);
}

/** Levels of the continued fraction: at 2, the last is below a rounding. */
const LEVELS = 44;

/**
 * The error function of an f64 scalar. Below 2 it is 2/√π · e^(-x²) · Σ 2ⁿx²ⁿ⁺¹/(1·3·…·(2n+1)), all of whose terms have one sign; above, 1 less
 * e^(-x²)/√π · 1/(x + ½/(x + 1/(x + 1½/(x + …)))), so that what is left of 1 is rounded once (Abramowitz & Stegun 7.1.6, 7.1.14). Past 6 it is 1
 * to the last bit.
 */
export function erfF64(f: Fn, x: Expr): Expr {
  const arg = f.let('x', x);
  const size = f.let('size', arg.unary('abs'));
  const result = f.let('result', constant('f64', 1).binary('copysign', arg));
  const squared = f.let('squared', arg.mul(arg));
  f.if(size.lt(2), () => {
    const term = f.let('term', arg);
    const sum = f.let('sum', constant('f64', 0));
    const n = f.let('n', constant('f64', 1));
    f.while(sum.add(term).ne(sum), () => {
      f.inc(sum, term);
      f.inc(n, 2);
      f.set(term, term.mul(squared).mul(2).div(n));
    });
    const scale = math('exp', squared.unary('neg')).mul(2 / Math.sqrt(Math.PI));
    f.set(result, arg.eq(0).select(arg, sum.mul(scale)));
  });
  f.if(size.ge(2).and(size.lt(6)), () => {
    const fraction = f.let('fraction', constant('f64', 0));
    const level = f.let('level', constant('f64', LEVELS / 2));
    f.while(level.gt(0), () => {
      f.set(fraction, level.div(size.add(fraction)));
      f.inc(level, -0.5);
    });
    const rest = math('exp', squared.unary('neg'))
      .mul(1 / Math.sqrt(Math.PI))
      .div(size.add(fraction));
    f.set(result, constant('f64', 1).sub(rest).binary('copysign', arg));
  });
  return arg.ne(arg).select(arg, result);
}
