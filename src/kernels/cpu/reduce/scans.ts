/** Kernels of running products, extremes and recurrences: they follow lines as those of `lines.ts` do. Floats are computed in double precision. */
import { itemSize, type DType } from '../../../base/dtype.ts';
import { computeOf } from '../../formula/elementwise.ts';
import { isFloat } from '../elementwise/expr.ts';
import { loadElement, storeElement } from '../elementwise/memory.ts';
import { constant, type Expr, type Local, type ScalarType, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from '../kernel.ts';
import { firstElement, LINE_PARAMS, SIDE_BY_SIDE, type LineParams } from './lines.ts';

const accumulator = (dtype: DType): ScalarType => (computeOf(dtype) === 'f32' ? 'f64' : computeOf(dtype));

/** Calls `follow` for all lines: for as many as lie side by side at once, else for one. */
function sideBySide({ f, p, lo, hi }: KernelScope<LineParams>, follow: (line: Local, lines: number) => void): void {
  const line = f.let('line', lo);
  const each = (lines: number) => (): void => {
    follow(line, lines);
    f.inc(line, lines);
  };
  f.while(line.lt(hi), () => {
    const together = line.rem(p.inner).add(SIDE_BY_SIDE).le(p.inner).and(line.add(SIDE_BY_SIDE).le(hi));
    f.if(together, each(SIDE_BY_SIDE), each(1));
  });
}

const many = <T>(lines: number, of: (i: number) => T): T[] => Array.from({ length: lines }, (_, i) => of(i));

/** out = running products of x. */
export function cumprodKernel(target: Target, dtype: DType): Kernel<LineParams> {
  const as = accumulator(dtype);
  const bytes = itemSize(dtype);
  return cachedKernel(target, `cumprod/${dtype}`, LINE_PARAMS, (scope) => {
    const { f, p } = scope;
    const step = f.let('step', p.inner.mul(bytes));
    sideBySide(scope, (line, lines) => {
      const first = f.let('offset', firstElement(scope, line).mul(bytes));
      const products = many(lines, (i) => f.let(`product${i}`, constant(as, 1)));
      const [at, to] = [f.let('at', p.x.add(first)), f.let('to', p.out.add(first))];
      f.for('i', 0, p.length, () => {
        products.forEach((product, i) => f.set(product, product.mul(loadElement(dtype, as, at, i * bytes))));
        products.forEach((product, i) => storeElement(f, dtype, as, to, product, i * bytes));
        f.inc(at, step);
        f.inc(to, step);
      });
    });
  });
}

/**
 * y[k] = x[k] + extra[k] · y[k - 1]; `reverse`: y[k] = x[k] + extra[k + 1] · y[k + 1]. Each is the other's gradient of x.
 */
export function recurrenceKernel(target: Target, dtype: DType, reverse: boolean): Kernel<LineParams> {
  const as = accumulator(dtype);
  const bytes = itemSize(dtype);
  return cachedKernel(target, `recurrence/${dtype}/${reverse ? 'reverse' : ''}`, LINE_PARAMS, (scope) => {
    const { f, p } = scope;
    const apart = f.let('apart', p.inner.mul(bytes));
    const step = f.let('step', reverse ? constant('i32', 0).sub(apart) : apart);
    sideBySide(scope, (line, lines) => {
      const first = f.let('offset', firstElement(scope, line).mul(bytes));
      if (reverse) f.inc(first, p.length.sub(1).mul(apart));
      const [at, by, to] = [p.x, p.extra, p.out].map((start) => f.let('at', start.add(first))) as [Local, Local, Local];
      if (!reverse) f.inc(by, step); // the factor of the second one; backwards it is that of the first
      const last = many(lines, (i) => f.let(`y${i}`, loadElement(dtype, as, at, i * bytes)));
      last.forEach((y, i) => storeElement(f, dtype, as, to, y, i * bytes));
      f.for('i', 1, p.length, () => {
        f.inc(at, step);
        f.inc(to, step);
        last.forEach((y, i) => f.set(y, y.mul(loadElement(dtype, as, by, i * bytes)).add(loadElement(dtype, as, at, i * bytes))));
        last.forEach((y, i) => storeElement(f, dtype, as, to, y, i * bytes));
        f.inc(by, step);
      });
    });
  });
}

/** out = the extreme so far, extra (int64) = where it is, the last of equals; a NaN stays, and of several the last one counts. */
export function runningExtremeKernel(target: Target, which: 'max' | 'min', dtype: DType): Kernel<LineParams> {
  const as = computeOf(dtype);
  const bytes = itemSize(dtype);
  return cachedKernel(target, `running-${which}/${dtype}`, LINE_PARAMS, (scope) => {
    const { f, p } = scope;
    const later = (x: Expr, best: Expr): Expr => {
      const reaches = which === 'max' ? x.ge(best) : x.le(best);
      return isFloat(x) ? reaches.or(x.ne(x)) : reaches;
    };
    sideBySide(scope, (line, lines) => {
      const first = f.let('first', firstElement(scope, line));
      const [at, to] = [f.let('at', p.x.add(first.mul(bytes))), f.let('to', p.out.add(first.mul(bytes)))];
      const places = f.let('places', p.extra.add(first.mul(8)));
      const best = many(lines, (i) => f.let(`best${i}`, loadElement(dtype, as, at, i * bytes)));
      const place = many(lines, (i) => f.let(`place${i}`, constant('i32', 0)));
      f.for('i', 0, p.length, (here) => {
        best.forEach((known, i) => {
          const x = f.let('x', loadElement(dtype, as, at, i * bytes));
          const taken = f.let('taken', later(x, known));
          f.set(known, taken.select(x, known));
          f.set(place[i]!, taken.select(here, place[i]!));
          storeElement(f, dtype, as, to, known, i * bytes);
          storeElement(f, 'int64', 'i32', places, place[i]!, i * 8);
        });
        f.inc(at, p.inner.mul(bytes));
        f.inc(to, p.inner.mul(bytes));
        f.inc(places, p.inner.mul(8));
      });
    });
  });
}
