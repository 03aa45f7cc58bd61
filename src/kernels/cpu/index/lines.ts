/**
 * gather and scatter: a tensor of int64 indices along one dimension, its other coordinates being those of the element
 * itself. An index outside traps before it is used (`fault.ts`).
 *
 * A unit of work is one line along the dimension, with all other coordinates fixed, or several that lie side by side, which take steps together: no two
 * lines meet, and a line is walked in order, so that equal indices always give the same.
 */
import type { DType } from '../../../base/dtype.ts';
import { itemSize } from '../../../base/dtype.ts';
import { computeOf } from '../../formula/elementwise.ts';
import { loadElement, scalarAs, storeElement } from '../elementwise/memory.ts';
import { fromStart, joinElement, mover, type Join } from './select.ts';
import { i32, load, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';

const PARAMS = {
  /** Read by gather, written by the scatters. */
  large: 'ptr',
  index: 'ptr',
  /** Written by gather, read by the scatters; of the index's shape or larger. */
  small: 'ptr',
  /** int32 × 4 per dimension other than the line's: size of the index, then strides of large, index, small. */
  lines: 'ptr',
  dims: 'i32',
  /** Along the line: entries of the index, elements of `large`, strides. Strides are in elements. */
  count: 'i32',
  size: 'i32',
  largeStep: 'i32',
  indexStep: 'i32',
  smallStep: 'i32',
  /** Written by `value`. */
  value: 'f64',
} as const;

/** Bytes of one dimension's entry in `lines`. */
const LINE_ENTRY = 16;

export type LineKind = 'gather' | 'scatter' | 'value' | Join;

/** So many lines that lie side by side take their steps together: a step of theirs is some cache lines of each operand. */
export const SIDE_BY_SIDE = 64;

/** Offsets in elements of the `unit`-th line, dimensions innermost first, from a dimension on. */
function lineOffsets(f: Fn, p: { lines: Local; dims: Local }, unit: Local, first: 0 | 1 = 0): [Local, Local, Local] {
  const offsets = ['large', 'index', 'small'].map((name) => f.let(name, i32(0))) as [Local, Local, Local];
  const rest = f.let('rest', unit);
  f.for('dim', first, p.dims, (dim) => {
    const entry = f.let('entry', p.lines.add(dim.mul(LINE_ENTRY)));
    const size = f.let('size', load('i32', entry));
    const quotient = f.let('quotient', rest.div(size));
    const at = f.let('coordinate', rest.sub(quotient.mul(size)));
    f.set(rest, quotient);
    offsets.forEach((offset, i) => f.inc(offset, at.mul(load('i32', entry, 4 * (i + 1)))));
  });
  return offsets;
}

/**
 * @param wraps whether negative indices count from the end
 * @param beside whether a unit is {@link SIDE_BY_SIDE} lines along the first of the other dimensions, of which there is one
 */
export function lineKernel(target: Target, dtype: DType, kind: LineKind, wraps: boolean, beside: boolean): Kernel<typeof PARAMS> {
  const bytes = itemSize(dtype);
  const moved = kind === 'gather' || kind === 'scatter';
  const key = `index/line-${kind}-${moved ? bytes : dtype}${wraps ? '-wrap' : ''}${beside ? '-beside' : ''}`;
  return cachedKernel(target, key, PARAMS, ({ f, p, lo, hi }) => {
    const element = mover(bytes);
    const as = dtype === 'bool' ? 'bool' : computeOf(dtype);
    const value = kind === 'value' ? f.let('constant', scalarAs(p.value, as)) : undefined;
    // Taken out of the loop here: the engines' compilers for WebAssembly leave what does not change where it is.
    const size = f.let('size64', p.size.cast('i64'));
    const largeBytes = f.let('largeBytes', p.largeStep.mul(bytes));
    const indexBytes = f.let('indexBytes', p.indexStep.mul(8));
    const smallBytes = f.let('smallBytes', p.smallStep.mul(bytes));
    const step = (large: Local, index: Local, small: Local): void => {
      const at = fromStart(f, index, size, wraps);
      const place = f.let('place', large.add(at.cast('i32').mul(largeBytes)));
      if (kind === 'gather') f.store(element, small, load(element, place));
      else if (kind === 'scatter') f.store(element, place, load(element, small));
      else if (kind === 'value') storeElement(f, dtype, as, place, value!);
      else joinElement(f, dtype, kind, place, loadElement(dtype, computeOf(dtype), small));
    };
    const sizes = [bytes, 8, bytes];
    // Along the first of the other dimensions, where lines are side by side.
    const width = beside ? f.let('width', load('i32', p.lines)) : i32(0);
    const across = beside ? sizes.map((size, i) => f.let('across', load('i32', p.lines, 4 * (i + 1)).mul(size))) : [];
    f.for('unit', lo, hi, (unit) => {
      const blocks = width.add(SIDE_BY_SIDE - 1).div(SIDE_BY_SIDE);
      const others = beside ? f.let('others', unit.div(blocks)) : unit;
      const first = beside ? f.let('first', unit.sub(others.mul(blocks)).mul(SIDE_BY_SIDE)) : unit;
      const starts = lineOffsets(f, p, others, beside ? 1 : 0).map((offset, i) => {
        const at = [p.large, p.index, p.small][i]!.add(offset.mul(sizes[i]!));
        return f.let('start', beside ? at.add(first.mul(across[i]!)) : at);
      }) as [Local, Local, Local];
      const left = f.let('left', width.sub(first));
      f.set(left, left.lt(SIDE_BY_SIDE).select(left, SIDE_BY_SIDE));
      f.for('i', 0, p.count, () => {
        if (beside) {
          const at = starts.map((start) => f.let('at', start)) as typeof starts;
          f.for('line', 0, left, () => {
            step(...at);
            at.forEach((place, i) => f.inc(place, across[i]!));
          });
        } else step(...starts);
        f.inc(starts[1], indexBytes);
        if (kind !== 'value') f.inc(starts[2], smallBytes);
      });
    });
  });
}
