/**
 * Kernels that follow a line of elements in order: the extreme and its place, running sums, the products of all other
 * elements. A line is one dimension of a dense tensor seen as [outer, line, inner]; its elements are `inner` apart.
 */
import { itemSize, type DType } from '../base/dtype.ts';
import { isFloat } from './elementwise-expr.ts';
import { computeOf, loadElement, storeElement } from './elementwise-memory.ts';
import { constant, type Expr, type Local, type ScalarType, type Target } from './ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from './kernel.ts';

const LINE_PARAMS = { x: 'ptr', out: 'ptr', extra: 'ptr', length: 'i32', inner: 'i32' } as const;
export type LineParams = typeof LINE_PARAMS;

/** The number of a line's first element: lines are numbered (outer, inner). */
function firstElement({ f, p }: KernelScope<LineParams>, line: Expr): Local {
  const outer = f.let('outer', line.div(p.inner));
  return f.let(
    'first',
    outer
      .mul(p.length)
      .mul(p.inner)
      .add(line.sub(outer.mul(p.inner))),
  );
}

/**
 * `extra[line]` = where the largest (or smallest) element lies, the first of equals, NaN before all; `out[line]` = that
 * element, if `values`.
 */
export function argExtremeKernel(
  target: Target,
  which: 'max' | 'min',
  dtype: DType,
  values: boolean,
): Kernel<LineParams> {
  const as = computeOf(dtype);
  const bytes = itemSize(dtype);
  return cachedKernel(target, `arg-${which}/${dtype}/${values ? 'values' : 'index'}`, LINE_PARAMS, (scope) => {
    const { f, p, lo, hi } = scope;
    f.for('line', lo, hi, (line) => {
      const at = f.let('at', p.x.add(firstElement(scope, line).mul(bytes)));
      const step = f.let('step', p.inner.mul(bytes));
      const best = f.let('best', loadElement(dtype, as, at));
      const place = f.let('place', constant('i32', 0));
      const x = f.local('x', as);
      f.for('i', 1, p.length, (i) => {
        f.inc(at, step);
        f.set(x, loadElement(dtype, as, at));
        f.if(beats(which, x, best), () => {
          f.set(best, x);
          f.set(place, i);
        });
      });
      storeElement(f, 'int64', 'i32', p.extra.add(line.mul(8)), place);
      if (values) storeElement(f, dtype, as, p.out.add(line.mul(bytes)), best);
    });
  });
}

/** Whether x comes before the best so far; a NaN only does if that is none. */
function beats(which: 'max' | 'min', x: Expr, best: Expr): Expr {
  if (!isFloat(x)) return which === 'max' ? x.gt(best) : x.lt(best);
  const notBehind = which === 'max' ? x.le(best) : x.ge(best); // false as well where either is NaN
  return notBehind.unary('eqz').and(best.eq(best));
}

/** Running sums of every line, from the front or the back; floats are added up in double precision. */
export function cumsumKernel(target: Target, input: DType, output: DType, reverse: boolean): Kernel<LineParams> {
  const as: ScalarType = computeOf(output) === 'f32' ? 'f64' : computeOf(output);
  const [inBytes, outBytes] = [itemSize(input), itemSize(output)];
  return cachedKernel(target, `cumsum/${input}>${output}/${reverse ? 'reverse' : ''}`, LINE_PARAMS, (scope) => {
    const { f, p, lo, hi } = scope;
    f.for('line', lo, hi, (line) => {
      const first = firstElement(scope, line);
      const sign = reverse ? -1 : 1;
      if (reverse) f.inc(first, p.length.sub(1).mul(p.inner));
      const sum = f.let('sum', constant(as, 0));
      const at = f.let('at', p.x.add(first.mul(inBytes)));
      const to = f.let('to', p.out.add(first.mul(outBytes)));
      f.for('i', 0, p.length, () => {
        f.inc(sum, loadElement(input, as, at));
        storeElement(f, output, as, to, sum);
        f.inc(at, p.inner.mul(sign * inBytes));
        f.inc(to, p.inner.mul(sign * outBytes));
      });
    });
  });
}

/**
 * `out[i]` = `extra[line]` · product of the line's other elements: what is before it, going forth, times what is behind
 * it, coming back. Right also where elements are 0.
 */
export function prodGradKernel(target: Target, dtype: DType): Kernel<LineParams> {
  const bytes = itemSize(dtype);
  return cachedKernel(target, `prod-grad/${dtype}`, LINE_PARAMS, (scope) => {
    const { f, p, lo, hi } = scope;
    f.for('line', lo, hi, (line) => {
      const first = f.let('offset', firstElement(scope, line).mul(bytes));
      const step = f.let('step', p.inner.mul(bytes));
      const product = f.let('product', loadElement(dtype, 'f64', p.extra.add(line.mul(bytes))));
      const at = f.let('at', p.x.add(first));
      const to = f.let('to', p.out.add(first));
      const advance = (by: Expr): void => {
        f.set(product, product.mul(loadElement(dtype, 'f64', at)));
        f.inc(at, by);
        f.inc(to, by);
      };
      f.for('i', 0, p.length, () => {
        storeElement(f, dtype, 'f64', to, product);
        advance(step);
      });
      const back = f.let('back', constant('i32', 0).sub(step));
      f.set(product, constant('f64', 1));
      f.for('j', 0, p.length, () => {
        f.inc(at, back);
        f.inc(to, back);
        storeElement(f, dtype, 'f64', to, product.mul(loadElement(dtype, 'f64', to)));
        f.set(product, product.mul(loadElement(dtype, 'f64', at)));
      });
    });
  });
}
