/**
 * The element of a rank along one dimension without sorting: elements as whole numbers of the same order, of which eight bits at a time
 * tell how many come before (radix selection: Knuth, "The Art of Computer Programming" vol. 3, 5.2.5). Every pass keeps only the elements that
 * share the leading bits of the one that is looked for. Of equal elements earlier ones come first, NaN counts as the largest and -0 as 0, as
 * in `sort.ts`.
 *
 * A unit of work is one line of a dense [outer, size, inner].
 */
import { itemSize, type DType } from '../../../base/dtype.ts';
import { computeOf } from '../../formula/elementwise.ts';
import { loadElement, storeElement } from '../elementwise/memory.ts';
import { constant, i32, load, type Expr, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';
import { sortEntries, type Entries } from './sort.ts';

const BUCKETS = 256;

/** The type of the whole numbers that stand for elements. */
const keyType = (dtype: DType): 'i32' | 'i64' => (itemSize(dtype) === 8 ? 'i64' : 'i32');
const keyBytes = (dtype: DType): number => (keyType(dtype) === 'i64' ? 8 : 4);

/** Bytes of scratch for lines of `size` elements, `kept` of which are put in order. */
export const rankScratch = (dtype: DType, size: number, kept = 0): number =>
  BUCKETS * 4 + Math.ceil((size * keyBytes(dtype)) / 16) * 16 + 2 * kept * (keyType(dtype) === 'i64' ? 16 : 8);

/** A whole number for an element, in the order of the elements; signed. */
function keyOf(f: Fn, dtype: DType, address: Expr, descending: boolean): Expr {
  const as = computeOf(dtype);
  const type = keyType(dtype);
  const x = f.let('x', loadElement(dtype, as, address));
  if (as !== 'f32' && as !== 'f64') return descending ? x.cast(type).binary('xor', -1) : x.cast(type);
  const number = x.ne(x).select(constant(as, NaN), x.add(0)); // one NaN, one zero
  const bits = f.let('bits', number.bits(type));
  const [sign, rest] = type === 'i64' ? [63, constant('i64', 0x7fffffffffffffffn)] : [31, i32(0x7fffffff)];
  const key = bits.binary('xor', bits.binary('shr', sign).and(rest)); // of negative ones the others are the larger
  return descending ? key.binary('xor', -1) : key;
}

interface Line {
  readonly f: Fn;
  readonly dtype: DType;
  readonly descending: boolean;
  readonly size: Expr;
  /** Room: counters, keys. */
  readonly counters: Local;
  readonly keys: Local;
}

/** What has been found out about the rank: its key, and how many of the equal ones come before it. */
interface Found {
  readonly key: Local;
  readonly ties: Local;
}

/** Finds the key of rank `rank` (from 0) among the keys in their room, which are lost. */
function select({ f, dtype, size, counters, keys }: Line, rank: Expr): Found {
  const type = keyType(dtype);
  const bytes = keyBytes(dtype);
  const left = f.let('left', rank);
  const count = f.let('count', size);
  const shift = f.let('shift', i32(bytes * 8 - 8));
  const mask = f.let('mask', i32(0x80)); // turns the sign of the first digit
  const at = f.local('at', 'i32');
  const digitOf = (key: Expr): Expr => {
    const moved = key.binary('shrU', type === 'i64' ? shift.cast('i64') : shift);
    return moved.cast('i32').and(255).binary('xor', mask);
  };
  const walk = (each: (key: Expr) => void): void => {
    f.set(at, keys);
    f.for('n', 0, count, () => {
      each(f.let('key', load(type, at)));
      f.inc(at, bytes);
    });
  };
  f.while(shift.ge(0).and(count.gt(1)), () => {
    f.for('clear', 0, BUCKETS * 4, (i) => f.store('i64', counters.add(i), constant('i64', 0)), 8);
    walk((key) => {
      const bucket = f.let('bucket', counters.add(digitOf(key).mul(4)));
      f.store('i32', bucket, load('i32', bucket).add(1));
    });
    const digit = f.let('digit', i32(0));
    const bucket = f.let('bucket', counters);
    f.while(left.ge(load('i32', bucket)), () => {
      f.set(left, left.sub(load('i32', bucket)));
      f.inc(bucket, 4);
      f.inc(digit, 1);
    });
    const to = f.let('to', keys);
    walk((key) => {
      f.store(type, to, key);
      f.inc(to, digitOf(key).eq(digit).mul(bytes));
    });
    f.set(count, load('i32', bucket));
    f.set(mask, 0);
    f.inc(shift, -8);
  });
  return { key: f.let('found', load(type, keys)), ties: left };
}

/** Calls `each` for the line's elements in order, with their key and place. */
function follow({ f, dtype, descending, size }: Line, source: Expr, step: Expr, each: (key: Local, place: Expr) => void): void {
  const at = f.let('at', source);
  const by = f.let('by', step);
  f.for('place', 0, size, (place) => {
    each(f.let('key', keyOf(f, dtype, at, descending)), place);
    f.inc(at, by);
  });
}

/** Fills the keys' room. */
function readKeys(line: Line, source: Expr, step: Expr): void {
  const { f, dtype } = line;
  const to = f.let('to', line.keys);
  follow(line, source, step, (key) => {
    f.store(keyType(dtype), to, key);
    f.inc(to, keyBytes(dtype));
  });
}

/** Where line number `number` of x is, and where it begins. */
function lineAt(
  f: Fn,
  { x, size, inner }: { readonly x: Expr; readonly size: Expr; readonly inner: Expr },
  number: Expr,
  bytes: number,
): { outer: Local; column: Local; source: Local } {
  const outer = f.let('outer', number.div(inner));
  const column = f.let('column', number.sub(outer.mul(inner)));
  const source = f.let('source', x.add(outer.mul(size).mul(inner).add(column).mul(bytes)));
  return { outer, column, source };
}

/** So few are kept in order while a line is walked: what comes later is seldom among them. */
const FEW = 16;

/** The first `kept` entries of a line in order. */
function insert(line: Line, e: Entries, list: Local, kept: Local, source: Expr, step: Expr): void {
  const { f, dtype } = line;
  const type = keyType(dtype);
  const last = f.let('last', list.add(kept.sub(1).mul(e.bytes)));
  const worst = f.let('worst', constant(type, 0));
  follow(line, source, step, (k, place) => {
    const filling = f.let('filling', place.lt(kept));
    f.if(filling.or(k.lt(worst)), () => {
      const at = f.let('at', filling.select(list.add(place.mul(e.bytes)), last));
      // The condition reads the entry before the list at its end: the last of the keys, which is there.
      f.while(at.gt(list).and(k.lt(load(type, at.sub(e.bytes)))), () => {
        for (let i = 0; i < e.bytes; i += 8) f.store('i64', at, load('i64', at.sub(e.bytes), i), i);
        f.inc(at, -e.bytes);
      });
      f.store(type, at, k);
      f.store('i32', at, place, e.position);
      f.set(worst, load(type, last));
    });
  });
}

const KEPT_PARAMS = { x: 'ptr', values: 'ptr', indices: 'ptr', size: 'i32', inner: 'i32', kept: 'i32' } as const;

/** values, indices = the first `kept`, at least one, of the sorted lines: only those are put in order. */
export function keptKernel(target: Target, dtype: DType, descending: boolean): Kernel<typeof KEPT_PARAMS> {
  const key = `index/kept-${dtype}${descending ? '-descending' : ''}`;
  return cachedKernel(target, key, KEPT_PARAMS, ({ f, p, lo, hi, scratch }) => {
    const [bytes, type, as] = [itemSize(dtype), keyType(dtype), computeOf(dtype)];
    const keys = f.let('keys', scratch.add(BUCKETS * 4));
    const room = p.size.mul(keyBytes(dtype)).add(15).and(-16);
    const e: Entries = { f, dtype: type === 'i64' ? 'int64' : 'int32', bytes: type === 'i64' ? 16 : 8, position: keyBytes(dtype) };
    const line: Line = { f, dtype, descending, size: p.size, counters: scratch, keys };
    const step = f.let('step', p.inner.mul(bytes));
    f.for('line', lo, hi, (number) => {
      const { outer, column, source } = lineAt(f, p, number, bytes);
      const list = f.let('list', keys.add(room));
      const few = (): void => insert(line, e, list, p.kept, source, step);
      f.if(p.kept.le(FEW), few, () => {
        readKeys(line, source, step);
        const { key: last, ties } = select(line, p.kept.sub(1));
        const spare = f.let('spare', list.add(p.kept.mul(e.bytes)));
        const entry = f.let('entry', list);
        f.inc(ties, 1); // as many of the equal ones are kept
        follow(line, source, step, (k, place) => {
          const tie = f.let('tie', k.eq(last).and(ties.gt(0)));
          f.if(k.lt(last).or(tie), () => {
            f.store(type, entry, k);
            f.store('i32', entry, place, e.position);
            f.inc(entry, e.bytes);
            f.set(ties, ties.sub(tie));
          });
        });
        sortEntries(e, list, spare, p.kept, false);
      });
      const out = f.let('out', outer.mul(p.kept).mul(p.inner).add(column));
      f.for('i', 0, p.kept, () => {
        const place = f.let('place', load('i32', list, e.position));
        storeElement(f, dtype, as, p.values.add(out.mul(bytes)), loadElement(dtype, as, source.add(place.mul(step))));
        f.store('i64', p.indices.add(out.mul(8)), place.cast('i64'));
        f.inc(list, e.bytes);
        f.inc(out, p.inner);
      });
    });
  });
}

const RANK_PARAMS = { x: 'ptr', ranks: 'ptr', values: 'ptr', indices: 'ptr', size: 'i32', inner: 'i32' } as const;

/** values, indices = of each line the element of its rank (int64, from 0) in ascending order. */
export function rankKernel(target: Target, dtype: DType): Kernel<typeof RANK_PARAMS> {
  return cachedKernel(target, `index/rank-${dtype}`, RANK_PARAMS, ({ f, p, lo, hi, scratch }) => {
    const [bytes, as] = [itemSize(dtype), computeOf(dtype)];
    const keys = f.let('keys', scratch.add(BUCKETS * 4));
    const line: Line = { f, dtype, descending: false, size: p.size, counters: scratch, keys };
    const step = f.let('step', p.inner.mul(bytes));
    f.for('line', lo, hi, (number) => {
      const { source } = lineAt(f, p, number, bytes);
      readKeys(line, source, step);
      const { key, ties } = select(line, load('i64', p.ranks.add(number.mul(8))).cast('i32'));
      const found = f.let('place', i32(0));
      follow(line, source, step, (k, place) => {
        const same = f.let('same', k.eq(key));
        f.set(found, same.and(ties.eq(0)).select(place, found));
        f.set(ties, ties.sub(same));
      });
      storeElement(f, dtype, as, p.values.add(number.mul(bytes)), loadElement(dtype, as, source.add(found.mul(step))));
      f.store('i64', p.indices.add(number.mul(8)), found.cast('i64'));
    });
  });
}
