/**
 * Slices picked by a list of indices, and slices added to where a list of indices points. Tensors are dense, seen as
 * [outer, size, inner]; the list has `count` int64 entries. Negative indices count from the end; beyond that, reading takes
 * the nearest slice and adding leaves the slice out.
 */
import type { DType } from '../base/dtype.ts';
import { itemSize } from '../base/dtype.ts';
import { computeOf, loadElement, storeElement } from './elementwise-memory.ts';
import { constant, load, vectorOf, type Expr, type Fn, type Local, type MemType, type Target } from './ir.ts';
import { cachedKernel, type Kernel } from './kernel.ts';

const SELECT_PARAMS = {
  x: 'ptr',
  index: 'ptr',
  out: 'ptr',
  count: 'i32',
  size: 'i32',
  /** Bytes of `inner` elements. */
  inner: 'i32',
} as const;

const ADD_PARAMS = {
  /** Added to; [outer, size, inner]. */
  out: 'ptr',
  index: 'ptr',
  /** [outer, count, inner] */
  source: 'ptr',
  count: 'i32',
  size: 'i32',
  inner: 'i32',
} as const;

/** What moves elements of a size without looking at them. */
export const mover = (bytes: number): MemType & ('u8' | 'i32' | 'i64') => (bytes === 1 ? 'u8' : bytes === 4 ? 'i32' : 'i64'); // prettier-ignore

/** An int64 index, counted from the start. */
function fromStart(f: Fn, ptr: Expr, size: Local): Local {
  const index = f.let('index', load('i64', ptr));
  f.if(index.lt(0), () => f.inc(index, size.cast('i64')));
  return index;
}

/** out[o, i, :] = x[o, index[i], :]. A unit of work is one slice of `out`; `size` is above 0. */
export function indexSelectKernel(target: Target, bytes: number): Kernel<typeof SELECT_PARAMS> {
  const element = mover(bytes);
  const width = target.vectorBytes;
  return cachedKernel(target, `index/select-${bytes}`, SELECT_PARAMS, ({ f, p, lo, hi }) => {
    const whole = f.let('whole', p.inner.and(-width));
    f.for('unit', lo, hi, (unit) => {
      const outer = f.let('outer', unit.div(p.count));
      const index = fromStart(f, p.index.add(unit.sub(outer.mul(p.count)).mul(8)), p.size);
      f.if(index.lt(0), () => f.set(index, 0));
      f.if(index.ge(p.size.cast('i64')), () => f.set(index, p.size.sub(1).cast('i64')));
      const from = f.let('from', p.x.add(outer.mul(p.size).add(index.cast('i32')).mul(p.inner)));
      const to = f.let('to', p.out.add(unit.mul(p.inner)));
      f.for('v', 0, whole, (v) => f.store('i32v', to.add(v), load('i32v', from.add(v))), width);
      f.for('s', whole, p.inner, (s) => f.store(element, to.add(s), load(element, from.add(s))), bytes);
    });
  });
}

/** Bytes of a slice that one unit of work adds. */
export const ADD_COLUMNS = 1024;

/**
 * out[o, index[i], :] += source[o, i, :], in the order of the list. A unit of work is up to {@link ADD_COLUMNS} bytes of the slices
 * of one `o`, so that no two units write to one place.
 */
export function indexAddKernel(target: Target, dtype: DType): Kernel<typeof ADD_PARAMS> {
  const bytes = itemSize(dtype);
  const vector = vectorOf(computeOf(dtype));
  const width = target.vectorBytes;
  return cachedKernel(target, `index/add-${dtype}`, ADD_PARAMS, ({ f, p, lo, hi }) => {
    const blocks = f.let('blocks', p.inner.add(ADD_COLUMNS - 1).div(ADD_COLUMNS));
    f.for('unit', lo, hi, (unit) => {
      const outer = f.let('outer', unit.div(blocks));
      const first = f.let('first', unit.sub(outer.mul(blocks)).mul(ADD_COLUMNS));
      const left = f.let('left', p.inner.sub(first));
      const size = f.let('blockBytes', left.lt(ADD_COLUMNS).select(left, ADD_COLUMNS));
      const whole = f.let('whole', bytes === 1 ? constant('i32', 0) : size.and(-width));
      const from = f.let('from', p.source.add(outer.mul(p.count).mul(p.inner).add(first)));
      const base = f.let('base', p.out.add(outer.mul(p.size).mul(p.inner).add(first)));
      f.for('i', 0, p.count, (i) => {
        const index = fromStart(f, p.index.add(i.mul(8)), p.size);
        f.if(index.compare('ltU', p.size.cast('i64')), () => {
          const to = f.let('to', base.add(index.cast('i32').mul(p.inner)));
          if (bytes > 1) {
            f.for('v', 0, whole, (v) => f.store(vector, to.add(v), load(vector, to.add(v)).add(load(vector, from.add(v)))), width); // prettier-ignore
          }
          f.for('s', whole, size, (s) => addElement(f, dtype, to.add(s), loadElement(dtype, computeOf(dtype), from.add(s))), bytes); // prettier-ignore
        });
        f.inc(from, p.inner);
      });
    });
  });
}

/** *ptr += value, in the arithmetic of the dtype. */
export function addElement(f: Fn, dtype: DType, ptr: Expr, value: Expr): void {
  const as = computeOf(dtype);
  storeElement(f, dtype, as, ptr, loadElement(dtype, as, ptr).add(value));
}
