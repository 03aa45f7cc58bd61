/**
 * Rearrangements that write a dense result row by row: reversed dimensions, triangles of matrices, one-hot rows.
 *
 * A unit of work is one row of the result.
 */
import { fromStart, mover } from './select.ts';
import { constant, i32, load, type Fn, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';

const FLIP_PARAMS = {
  x: 'ptr',
  out: 'ptr',
  /** int32 × 2 per dimension but the last, innermost first: size, stride in elements, negative where reversed. */
  dims: 'ptr',
  rank: 'i32',
  /** Element of x that the result's first comes from. */
  origin: 'i32',
  /** Length and stride of a row. */
  size: 'i32',
  step: 'i32',
} as const;

/** Bytes of one dimension's entry in `dims`. */
const FLIP_ENTRY = 8;

/** How rows lie in x: from left to right, from right to left, or apart. */
export type RowStep = 'forward' | 'backward' | 'apart';

/** out = x read with other origins and strides. */
export function flipKernel(target: Target, bytes: number, way: RowStep): Kernel<typeof FLIP_PARAMS> {
  return cachedKernel(target, `index/flip-${way}-${bytes}`, FLIP_PARAMS, ({ f, p, lo, hi }) => {
    const rowBytes = f.let('rowBytes', p.size.mul(bytes));
    f.for('row', lo, hi, (row) => {
      const from = f.let('from', p.origin);
      const rest = f.let('rest', row);
      f.for('dim', 0, p.rank, (dim) => {
        const entry = f.let('entry', p.dims.add(dim.mul(FLIP_ENTRY)));
        const size = f.let('dimSize', load('i32', entry));
        const quotient = f.let('quotient', rest.div(size));
        f.inc(from, rest.sub(quotient.mul(size)).mul(load('i32', entry, 4)));
        f.set(rest, quotient);
      });
      const ptr = f.let('ptr', p.x.add(from.mul(bytes)));
      const to = f.let('to', p.out.add(row.mul(rowBytes)));
      copyRow(f, { ptr, to, rowBytes, step: f.let('stepBytes', p.step.mul(bytes)) }, bytes, way, target.vectorBytes);
    });
  });
}

/** A row of the result, by vectors where its elements are neighbours; `ptr` is where its first one is. */
function copyRow(
  f: Fn,
  row: Readonly<Record<'ptr' | 'to' | 'rowBytes' | 'step', Local>>,
  bytes: number,
  way: RowStep,
  width: number,
): void {
  const { ptr, to, rowBytes } = row;
  const element = mover(bytes);
  const vector = way === 'backward' && bytes === 8 ? 'i64v' : 'i32v';
  const inVectors = way === 'forward' || (way === 'backward' && bytes >= 4);
  const whole = f.let('whole', inVectors ? rowBytes.and(-width) : i32(0));
  if (inVectors) {
    f.for(
      'v',
      0,
      whole,
      (v) => {
        if (way === 'forward') {
          f.store(vector, to.add(v), load(vector, ptr));
          f.inc(ptr, width);
          return;
        }
        const lanes = Array.from({ length: width / bytes }, (_, i) => width / bytes - 1 - i);
        const read = f.let('read', load(vector, ptr.sub(width - bytes)));
        f.store(vector, to.add(v), read.shuffle(read, lanes));
        f.inc(ptr, -width);
      },
      width,
    );
  }
  f.for('at', whole, rowBytes, (at) => {
    f.store(element, to.add(at), load(element, ptr));
    f.inc(ptr, row.step);
  }, bytes); // prettier-ignore
}

const TRIANGLE_PARAMS = { x: 'ptr', out: 'ptr', rows: 'i32', columns: 'i32', diagonal: 'i32' } as const;

/** out = x where column ≤ row + diagonal (lower) or column ≥ row + diagonal (upper), else 0. */
export function triangleKernel(target: Target, bytes: number, upper: boolean): Kernel<typeof TRIANGLE_PARAMS> {
  const element = mover(bytes);
  const zero = constant(element === 'i64' ? 'i64' : 'i32', 0);
  return cachedKernel(target, `index/${upper ? 'triu' : 'tril'}-${bytes}`, TRIANGLE_PARAMS, ({ f, p, lo, hi }) => {
    const rowBytes = f.let('rowBytes', p.columns.mul(bytes));
    f.for('row', lo, hi, (row) => {
      const inMatrix = f.let('inMatrix', row.binary('rem', p.rows));
      const edge = f.let('edge', inMatrix.add(p.diagonal).add(upper ? 0 : 1));
      f.if(edge.lt(0), () => f.set(edge, 0));
      f.if(edge.gt(p.columns), () => f.set(edge, p.columns));
      const offset = f.let('offset', row.mul(rowBytes));
      const middle = f.let('middle', edge.mul(bytes));
      const copy = (at: Local): void => f.store(element, p.out.add(offset).add(at), load(element, p.x.add(offset).add(at)));
      const clear = (at: Local): void => f.store(element, p.out.add(offset).add(at), zero);
      f.for('left', 0, middle, upper ? clear : copy, bytes);
      f.for('right', middle, rowBytes, upper ? copy : clear, bytes);
    });
  });
}

const ONE_HOT_PARAMS = { x: 'ptr', out: 'ptr', classes: 'i32' } as const;

/** out[i, x[i]] = 1, int64, where all is 0; a class outside traps. */
export const oneHotKernel = (target: Target): Kernel<typeof ONE_HOT_PARAMS> =>
  cachedKernel(target, 'index/one-hot', ONE_HOT_PARAMS, ({ f, p, lo, hi }) => {
    const to = f.let('to', p.out.add(lo.mul(p.classes).mul(8)));
    const classes = f.let('classes64', p.classes.cast('i64'));
    f.for('row', lo, hi, (row) => {
      const value = fromStart(f, p.x.add(row.mul(8)), classes, false);
      f.store('i64', to.add(value.cast('i32').mul(8)), constant('i64', 1));
      f.inc(to, p.classes.mul(8));
    });
  });
