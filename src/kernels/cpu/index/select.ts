/**
 * Slices picked by a list of indices, and slices added or written to where a list of indices points. Tensors are dense, seen as
 * [outer, size, inner]; the list has `count` int64 entries. An index outside traps before it is used (`fault.ts`).
 */
import type { DType } from '../../../base/dtype.ts';
import { itemSize } from '../../../base/dtype.ts';
import { computeOf } from '../../formula/elementwise.ts';
import { binary } from '../elementwise/nodes.ts';
import { loadElement, storeElement } from '../elementwise/memory.ts';
import { trapUnless } from '../fault.ts';
import { constant, i32, load, vectorOf, type Expr, type Fn, type Local, type MemType, type Target } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';

const SELECT_PARAMS = {
  x: 'ptr',
  index: 'ptr',
  out: 'ptr',
  count: 'i32',
  size: 'i32',
  /** Bytes of `inner` elements. */
  inner: 'i32',
} as const;

const PUT_PARAMS = {
  /** Changed; [outer, size, inner]. */
  out: 'ptr',
  index: 'ptr',
  /** [outer, count, inner] */
  source: 'ptr',
  count: 'i32',
  size: 'i32',
  inner: 'i32',
} as const;

/** What moves elements of a size without looking at them. */
export const mover = (bytes: number): MemType & ('u8' | 'i32' | 'i64') => (bytes === 1 ? 'u8' : bytes === 4 ? 'i32' : 'i64');

/**
 * The int64 index at `ptr`, counted from the start. Outside of `size` (i64) it traps; `wraps` says whether negative ones count from the end.
 */
export function fromStart(f: Fn, ptr: Expr, size: Local, wraps: boolean): Local {
  const index = f.let('index', load('i64', ptr));
  const inside = (): Expr => index.compare('ltU', size); // unsigned: negative numbers are large
  if (!wraps) trapUnless(f, inside());
  else {
    f.if(inside().unary('eqz'), () => {
      f.inc(index, size); // one that is too large gets larger: it never comes around to a place
      trapUnless(f, inside());
    });
  }
  return index;
}

/** out[o, i, :] = x[o, index[i], :]. A unit of work is one slice of `out`; `size` is above 0. @param single slices are one element */
export function indexSelectKernel(target: Target, bytes: number, wraps: boolean, single: boolean): Kernel<typeof SELECT_PARAMS> {
  const element = mover(bytes);
  const width = target.vectorBytes;
  const key = `index/select-${bytes}${wraps ? '-wrap' : ''}${single ? '-single' : ''}`;
  return cachedKernel(target, key, SELECT_PARAMS, ({ f, p, lo, hi }) => {
    const inner = single ? i32(bytes) : p.inner;
    const whole = f.let('whole', p.inner.and(-width));
    const places = f.let('places', p.size.cast('i64'));
    const outer = f.let('outer', lo.div(p.count));
    const line = f.let('line', p.x.add(outer.mul(p.size).mul(p.inner)));
    const lineBytes = f.let('lineBytes', p.size.mul(p.inner));
    const end = f.let('end', p.index.add(p.count.mul(8)));
    const at = f.let('at', p.index.add(lo.sub(outer.mul(p.count)).mul(8)));
    const to = f.let('to', p.out.add(lo.mul(p.inner)));
    f.for('unit', lo, hi, () => {
      const index = fromStart(f, at, places, wraps);
      const from = f.let('from', line.add(index.cast('i32').mul(inner)));
      if (single) f.store(element, to, load(element, from));
      else {
        f.for('v', 0, whole, (v) => f.store('i32v', to.add(v), load('i32v', from.add(v))), width);
        f.for('s', whole, p.inner, (s) => f.store(element, to.add(s), load(element, from.add(s))), bytes);
      }
      f.inc(to, inner);
      f.inc(at, 8);
      f.if(at.ge(end), () => {
        f.set(at, p.index);
        f.inc(line, lineBytes);
      });
    });
  });
}

/** Bytes of a slice that one unit of work changes. */
export const PUT_COLUMNS = 1024;
/** Vectors of a long slice that are added in one turn. */
const TURN = 4;
/** Bytes from which on a slice is worth such turns. */
export const LONG_SLICE = 128;

/** How elements that come to one place are joined with what is there. */
export type Join = 'add' | 'prod' | 'amax' | 'amin';

/** `a` joined with `b`, in a type that is computed in; vectors or scalars. */
function joinedBy(f: Fn, join: Join, a: Expr, b: Expr): Expr {
  if (join === 'add') return a.add(b);
  return join === 'prod' ? a.mul(b) : binary(f, join === 'amax' ? 'max' : 'min', a, b);
}

/**
 * out[o, index[i], :] is joined with source[o, i, :], or becomes that for `copy`, in the order of the list. A unit of work is up to {@link PUT_COLUMNS} bytes
 * of the slices of one `o`, so that no two units write to one place.
 *
 * @param long for slices of at least {@link LONG_SLICE} bytes
 */
export function indexPutKernel(
  target: Target,
  dtype: DType,
  kind: Join | 'copy',
  long: boolean,
  wraps: boolean,
): Kernel<typeof PUT_PARAMS> {
  const bytes = itemSize(dtype);
  const key = `index/${kind}-${kind === 'copy' ? bytes : dtype}${long ? '-long' : ''}${wraps ? '-wrap' : ''}`;
  return cachedKernel(target, key, PUT_PARAMS, ({ f, p, lo, hi }) => {
    const blocks = f.let('blocks', p.inner.add(PUT_COLUMNS - 1).div(PUT_COLUMNS));
    const places = f.let('places', p.size.cast('i64'));
    f.for('unit', lo, hi, (unit) => {
      const outer = f.let('outer', unit.div(blocks));
      const first = f.let('first', unit.sub(outer.mul(blocks)).mul(PUT_COLUMNS));
      const left = f.let('left', p.inner.sub(first));
      const size = f.let('blockBytes', left.lt(PUT_COLUMNS).select(left, PUT_COLUMNS));
      const from = f.let('from', p.source.add(outer.mul(p.count).mul(p.inner).add(first)));
      const base = f.let('base', p.out.add(outer.mul(p.size).mul(p.inner).add(first)));
      const at = f.let('at', p.index);
      f.for('i', 0, p.count, () => {
        const index = fromStart(f, at, places, wraps);
        f.inc(at, 8);
        const to = f.let('to', base.add(index.cast('i32').mul(p.inner)));
        if (kind === 'copy') copySlice(f, dtype, to, from, size, target.vectorBytes);
        else joinSlice(f, dtype, kind, { to, from, size }, target.vectorBytes, long ? TURN : 1);
        f.inc(from, p.inner);
      });
    });
  });
}

interface Slice {
  readonly to: Local;
  readonly from: Local;
  readonly size: Local;
}

function joinSlice(f: Fn, dtype: DType, join: Join, { to, from, size }: Slice, width: number, turn: number): void {
  const bytes = itemSize(dtype);
  const vector = vectorOf(computeOf(dtype));
  const whole = f.let('whole', bytes === 1 ? constant('i32', 0) : size.and(-width));
  const addVector = (a: Expr, b: Expr): void => f.store(vector, a, joinedBy(f, join, load(vector, a), load(vector, b)));
  const turns = bytes > 1 && turn > 1 ? f.let('turns', size.and(-turn * width)) : 0;
  if (turns !== 0) {
    f.for('t', 0, turns, (t) => {
      const [a, b] = [f.let('toV', to.add(t)), f.let('fromV', from.add(t))];
      for (let i = 0; i < turn; i++) addVector(a.add(i * width), b.add(i * width));
    }, turn * width); // prettier-ignore
  }
  if (bytes > 1) f.for('v', turns, whole, (v) => addVector(to.add(v), from.add(v)), width);
  f.for('s', whole, size, (s) => joinElement(f, dtype, join, to.add(s), loadElement(dtype, computeOf(dtype), from.add(s))), bytes);
}

function copySlice(f: Fn, dtype: DType, to: Local, from: Local, size: Local, width: number): void {
  const element = mover(itemSize(dtype));
  const whole = f.let('whole', size.and(-width));
  f.for('v', 0, whole, (v) => f.store('i32v', to.add(v), load('i32v', from.add(v))), width);
  f.for('s', whole, size, (s) => f.store(element, to.add(s), load(element, from.add(s))), itemSize(dtype));
}

/** What is at ptr, joined with a value in the arithmetic of the dtype. */
export function joinElement(f: Fn, dtype: DType, join: Join, ptr: Expr, value: Expr): void {
  const as = computeOf(dtype);
  storeElement(f, dtype, as, ptr, joinedBy(f, join, loadElement(dtype, as, ptr), value));
}
