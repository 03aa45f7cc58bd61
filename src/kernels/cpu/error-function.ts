/** The error function in the loop language. Its own file, since few programs use it: `tensor/families/error-function.ts` brings it. */
import { ERF_NEAR, ERFC_FAR, ERFC_MIDDLE } from '../formula/coefficients.ts';
import { constant, math, type Expr, type Fn } from './ir.ts';
import { expF32, hoisted, polynomial } from './math.ts';

/** The error function. */
export function erfF32(f: Fn, x: Expr): Expr {
  const c = (value: number): Expr => hoisted(f, 'f32v', value);
  const arg = f.let('x', x);
  const sign = f.let('sign', arg.bits('i32v').and(hoisted(f, 'i32v', -0x80000000)));
  const size = f.let('size', arg.unary('abs'));
  const squared = f.let('squared', arg.mul(arg));
  const near = f.let('near', polynomial(f, squared, ERF_NEAR).mul(arg));
  const q = f.let('q', c(1).div(size));
  const y = f.let('y', q.mul(q));
  const tail = size
    .lt(c(2))
    .select(polynomial(f, y, ERFC_MIDDLE), polynomial(f, y, ERFC_FAR))
    .mul(q);
  const far = c(1).sub(expF32(f, squared.unary('neg')).mul(tail)).bits('i32v').or(sign).bits('f32v'); // prettier-ignore
  return size.gt(c(1)).select(far, near);
}

/**
 * The error function of an f64 scalar: 2/√π · e^(-x²) · Σ 2ⁿx²ⁿ⁺¹/(1·3·…·(2n+1)), all of whose terms have one sign
 * (Abramowitz & Stegun 7.1.6). Past 6 it is 1 to the last bit.
 */
export function erfF64(f: Fn, x: Expr): Expr {
  const arg = f.let('x', x);
  const size = f.let('size', arg.unary('abs'));
  const result = f.let('result', constant('f64', 1).binary('copysign', arg));
  f.if(size.lt(6), () => {
    const squared = f.let('squared', arg.mul(arg));
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
  return arg.ne(arg).select(arg, result);
}
