/**
 * Kernels that follow a line of elements in order: the extreme and its place, running sums, the products of all other
 * elements. A line is one dimension of a dense tensor seen as [outer, line, inner]; its elements are `inner` apart.
 */
import { itemSize, type DType } from '../../../base/dtype.ts';
import { isFloat, not } from '../elementwise/expr.ts';
import { computeOf } from '../../formula/elementwise.ts';
import { loadElement, storeElement } from '../elementwise/memory.ts';
import { constant, load, vectorOf, type Expr, type Fn, type Local, type ScalarType, type Target } from '../ir.ts';
import { cachedKernel, type Kernel, type KernelScope } from '../kernel.ts';

export const LINE_PARAMS = { x: 'ptr', out: 'ptr', extra: 'ptr', length: 'i32', inner: 'i32' } as const;
export type LineParams = typeof LINE_PARAMS;

/** The number of a line's first element: lines are numbered (outer, inner). */
export function firstElement({ f, p }: KernelScope<LineParams>, line: Expr): Local {
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
export function argExtremeKernel(target: Target, which: Extreme, dtype: DType, values: boolean): Kernel<LineParams> {
  const key = `arg-${which}/${dtype}/${values ? 'values' : 'index'}`;
  return cachedKernel(target, key, LINE_PARAMS, (scope) => new ArgExtreme(scope, which, dtype, values).build());
}

type Extreme = 'max' | 'min';

/** Whether x comes before the best so far; a NaN only does if that is none. */
function beats(which: Extreme, x: Expr, best: Expr): Expr {
  if (!isFloat(x)) return which === 'max' ? x.gt(best) : x.lt(best);
  const notBehind = not(which === 'max' ? x.le(best) : x.ge(best)); // also where either is NaN
  return notBehind.and(best.eq(best));
}

/** Writes the body: four elements at a time for 32-bit types, of one line or of four that lie side by side. */
class ArgExtreme {
  readonly #scope: KernelScope<LineParams>;
  readonly #f: Fn;
  readonly #which: Extreme;
  readonly #dtype: DType;
  readonly #values: boolean;
  readonly #as: ScalarType;
  readonly #bytes: number;
  readonly #line: Local;
  readonly #at: Local;
  readonly #best: Local;
  readonly #place: Local;

  constructor(scope: KernelScope<LineParams>, which: Extreme, dtype: DType, values: boolean) {
    this.#scope = scope;
    this.#f = scope.f;
    this.#which = which;
    this.#dtype = dtype;
    this.#values = values;
    this.#as = computeOf(dtype);
    this.#bytes = itemSize(dtype);
    this.#line = scope.f.let('line', scope.lo);
    this.#at = scope.f.local('at', 'i32');
    this.#best = scope.f.local('best', this.#as);
    this.#place = scope.f.local('place', 'i32');
  }

  build(): void {
    const { p, hi } = this.#scope;
    const f = this.#f;
    const line = this.#line;
    const vectors = this.#dtype === 'float32' || this.#dtype === 'int32';
    f.while(line.lt(hi), () => {
      f.set(this.#at, p.x.add(firstElement(this.#scope, line).mul(this.#bytes)));
      if (!vectors) {
        this.#oneLine();
        return;
      }
      const together = line.rem(p.inner).add(4).le(p.inner).and(line.add(4).le(hi));
      f.if(
        together,
        () => this.#fourLines(),
        () => this.#oneLine(),
      );
    });
  }

  #element(): Expr {
    return loadElement(this.#dtype, this.#as, this.#at);
  }

  #store(offset: number, best: Expr, place: Expr): void {
    const { p } = this.#scope;
    const at = this.#line.add(offset);
    storeElement(this.#f, 'int64', 'i32', p.extra.add(at.mul(8)), place);
    if (this.#values) storeElement(this.#f, this.#dtype, this.#as, p.out.add(at.mul(this.#bytes)), best);
  }

  #oneLine(): void {
    const f = this.#f;
    const { p } = this.#scope;
    const step = f.let('step', p.inner.mul(this.#bytes));
    const x = f.local('x', this.#as);
    f.set(this.#best, this.#element());
    f.set(this.#place, 0);
    const i = f.let('i', constant('i32', 0));
    const count = f.let('count', p.length);
    if (this.#bytes === 4) f.if(p.inner.eq(1).and(count.ge(16)), () => this.#quarters(i));
    f.while(i.lt(count), () => {
      f.set(x, this.#element());
      f.if(beats(this.#which, x, this.#best), () => this.#take(x, i));
      f.inc(this.#at, step);
      f.inc(i, 1);
    });
    this.#store(0, this.#best, this.#place);
    f.inc(this.#line, 1);
  }

  #take(x: Expr, place: Expr): void {
    this.#f.set(this.#best, x);
    this.#f.set(this.#place, place);
  }

  /** The whole fours of a dense line, by the extreme of every fourth element; leaves `i` after them. */
  #quarters(i: Local): void {
    const f = this.#f;
    const { best, place } = this.#race(i, this.#scope.p.length.sub(3), 4, () => f.inc(this.#at, 16));
    // A quarter counts its places in fours. Of equal quarters (NaN is one, too) the earliest place wins.
    for (let lane = 0; lane < 4; lane++) {
      const x = f.let('x', best.lane(lane));
      const here = f.let('here', place.lane(lane).add(lane));
      if (lane === 0) {
        this.#take(x, here);
        continue;
      }
      const tie = x.eq(this.#best).or(x.ne(x).and(this.#best.ne(this.#best)));
      f.if(beats(this.#which, x, this.#best).or(tie.and(here.lt(this.#place))), () => this.#take(x, here));
    }
  }

  #fourLines(): void {
    const f = this.#f;
    const { p } = this.#scope;
    const step = f.let('step', p.inner.mul(4));
    const i = f.let('i', constant('i32', 0));
    const { best, place } = this.#race(i, p.length, 1, () => f.inc(this.#at, step));
    for (let lane = 0; lane < 4; lane++) this.#store(lane, best.lane(lane), place.lane(lane));
    f.inc(this.#line, 4);
  }

  /** Extremes of four lanes and their places, from `i` up to `end`. */
  #race(i: Local, end: Expr, step: number, advance: () => void): { best: Local; place: Local } {
    const f = this.#f;
    const type = vectorOf(this.#as);
    const best = f.let('bests', load(type, this.#at));
    const place = f.let('places', constant('i32v', 0));
    const x = f.local('x', type);
    const better = f.local('better', 'i32v');
    const last = f.let('last', end);
    f.while(i.lt(last), () => {
      f.set(x, load(type, this.#at));
      f.set(better, beats(this.#which, x, best));
      f.set(best, better.select(x, best));
      f.set(place, better.select(i.splat(), place));
      advance();
      f.inc(i, step);
    });
    return { best, place };
  }
}

/** Lines that lie side by side of which running sums are taken together: they share cache lines. */
export const SIDE_BY_SIDE = 16;

/** Running sums of every line, from the front or the back; floats are added up in double precision. */
export function cumsumKernel(target: Target, input: DType, output: DType, reverse: boolean): Kernel<LineParams> {
  const as: ScalarType = computeOf(output) === 'f32' ? 'f64' : computeOf(output);
  const [inBytes, outBytes] = [itemSize(input), itemSize(output)];
  return cachedKernel(target, `cumsum/${input}>${output}/${reverse ? 'reverse' : ''}`, LINE_PARAMS, (scope) => {
    const { f, p, lo, hi } = scope;
    const line = f.let('line', lo);
    const step = f.let('step', reverse ? constant('i32', 0).sub(p.inner) : p.inner);
    const follow = (lines: number): void => {
      const first = firstElement(scope, line);
      if (reverse) f.inc(first, p.length.sub(1).mul(p.inner));
      const sums = Array.from({ length: lines }, (_, i) => f.let(`sum${i}`, constant(as, 0)));
      const at = f.let('at', p.x.add(first.mul(inBytes)));
      const to = f.let('to', p.out.add(first.mul(outBytes)));
      f.for('i', 0, p.length, () => {
        sums.forEach((sum, i) => f.inc(sum, loadElement(input, as, at, i * inBytes)));
        sums.forEach((sum, i) => storeElement(f, output, as, to, sum, i * outBytes));
        f.inc(at, step.mul(inBytes));
        f.inc(to, step.mul(outBytes));
      });
      f.inc(line, lines);
    };
    f.while(line.lt(hi), () => {
      const together = line.rem(p.inner).add(SIDE_BY_SIDE).le(p.inner).and(line.add(SIDE_BY_SIDE).le(hi));
      f.if(
        together,
        () => follow(SIDE_BY_SIDE),
        () => follow(1),
      );
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
