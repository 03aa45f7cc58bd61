/**
 * Sorting along one dimension, with the positions that the elements had: bottom-up merge sort, stable (Knuth, "The Art of
 * Computer Programming" vol. 3, 5.2.4). NaN counts as larger than every number, as in PyTorch.
 *
 * A unit of work is one line of a dense [outer, size, inner].
 */
import type { DType } from '../../../base/dtype.ts';
import { itemSize } from '../../../base/dtype.ts';
import { computeOf } from '../../formula/elementwise.ts';
import { loadElement, storeElement } from '../elementwise/memory.ts';
import { i32, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';

const PARAMS = {
  x: 'ptr',
  values: 'ptr',
  indices: 'ptr',
  size: 'i32',
  inner: 'i32',
  /** How many sorted elements are kept. */
  kept: 'i32',
} as const;

/** Bytes of scratch for lines of `size` elements: two lists of entries, an entry being an element and its position. */
export const sortScratch = (dtype: DType, size: number): number => 2 * size * entryBytes(dtype);

/** Elements of 8 bytes keep their alignment. */
const entryBytes = (dtype: DType): number => (itemSize(dtype) === 8 ? 16 : 8);

export interface Entries {
  readonly f: Fn;
  readonly dtype: DType;
  readonly bytes: number;
  /** Offset of the position in an entry. */
  readonly position: number;
}

/** Whether `b` must come before `a`, which it follows. */
function before({ dtype }: Entries, b: Expr, a: Expr, descending: boolean): Expr {
  const order = descending ? b.gt(a) : b.lt(a);
  if (dtype !== 'float32' && dtype !== 'float64') return order;
  const [first, second] = descending ? [b, a] : [a, b]; // NaN first when descending, last when ascending
  return order.or(first.ne(first).and(second.eq(second)));
}

function copyEntry(e: Entries, from: Local, to: Local): void {
  e.f.store('i64', to, load('i64', from));
  if (e.bytes === 16) e.f.store('i64', to, load('i64', from, 8), 8);
}

/** Merges the sorted runs [a, aEnd) and [aEnd, bEnd) into `to`. */
function merge(e: Entries, a: Local, aEnd: Local, bEnd: Local, to: Local, descending: boolean): void {
  const { f, dtype, bytes } = e;
  const as = computeOf(dtype);
  const b = f.let('b', aEnd);
  const total = f.let('total', bEnd.sub(a));
  f.for(
    'turn',
    0,
    total,
    () => {
      const right = f.let('right', a.eq(aEnd)); // the left run is used up
      f.if(a.ne(aEnd).and(b.ne(bEnd)), () => {
        const [x, y] = [f.let('x', loadElement(dtype, as, a)), f.let('y', loadElement(dtype, as, b))];
        f.set(right, before(e, y, x, descending));
      });
      f.if(
        right,
        () => {
          copyEntry(e, b, to);
          f.inc(b, bytes);
        },
        () => {
          copyEntry(e, a, to);
          f.inc(a, bytes);
        },
      );
      f.inc(to, bytes);
    },
    bytes,
  );
}

/** Sorts `size` entries at `from`, using as much room at `spare`; the result's address is left in `from`. */
export function sortEntries(e: Entries, from: Local, spare: Local, size: Local, descending: boolean): void {
  const { f, bytes } = e;
  const end = f.let('end', size.mul(bytes));
  const run = f.let('run', i32(bytes));
  f.while(run.lt(end), () => {
    const to = f.let('to', spare);
    f.for('turn', 0, end.add(run).add(run).sub(1).div(run.add(run)), (turn) => {
      const start = f.let('start', turn.mul(run).mul(2));
      const clip = (offset: Expr): Local => {
        const at = f.let('at', offset);
        f.if(at.gt(end), () => f.set(at, end));
        return f.let('address', from.add(at));
      };
      const first = f.let('first', from.add(start));
      merge(e, first, clip(start.add(run)), clip(start.add(run).add(run)), to, descending);
    });
    const swap = f.let('swap', from);
    f.set(from, spare);
    f.set(spare, swap);
    f.set(run, run.add(run));
  });
}

/** values, indices = the first `kept` of the sorted lines. */
export function sortKernel(target: Target, dtype: DType, descending: boolean): Kernel<typeof PARAMS> {
  const key = `index/sort-${dtype}${descending ? '-descending' : ''}`;
  return cachedKernel(target, key, PARAMS, ({ f, p, lo, hi, scratch }) => {
    const size = itemSize(dtype);
    const as = computeOf(dtype);
    const e = { f, dtype, bytes: entryBytes(dtype), position: entryBytes(dtype) / 2 };
    f.for('line', lo, hi, (line) => {
      const outer = f.let('outer', line.div(p.inner));
      const column = f.let('column', line.sub(outer.mul(p.inner)));
      const list = f.let('list', scratch);
      const spare = f.let('spare', scratch.add(p.size.mul(e.bytes)));
      const source = f.let('source', p.x.add(outer.mul(p.size).mul(p.inner).add(column).mul(size)));
      const entry = f.let('entry', list);
      f.for('i', 0, p.size, (i) => {
        storeElement(f, dtype, as, entry, loadElement(dtype, as, source));
        f.store('i32', entry, i, e.position);
        f.inc(entry, e.bytes);
        f.inc(source, p.inner.mul(size));
      });
      sortEntries(e, list, spare, p.size, descending);
      const out = f.let('out', outer.mul(p.kept).mul(p.inner).add(column));
      f.for('i', 0, p.kept, () => {
        storeElement(f, dtype, as, p.values.add(out.mul(size)), loadElement(dtype, as, list));
        f.store('i64', p.indices.add(out.mul(8)), load('i32', list, e.position).cast('i64'));
        f.inc(list, e.bytes);
        f.inc(out, p.inner);
      });
    });
  });
}
