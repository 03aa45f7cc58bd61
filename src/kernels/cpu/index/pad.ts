/** Rows that are padded with elements of the input itself: each is copied once, and what is around it while it is still in the nearest cache. */
import { mover } from './select.ts';
import { load, type Expr, type Target } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';

const PARAMS = {
  /** Dense. */
  x: 'ptr',
  out: 'ptr',
  /** int32: for each row of a plane of the result, the row of the plane of x that it comes from. */
  rows: 'ptr',
  /** Rows in a plane of the result and of x; elements in a row of x. */
  planeRows: 'i32',
  fromRows: 'i32',
  size: 'i32',
  /** How many elements stand before and after a row, the element of x that the first is, and the step to the next. */
  before: 'i32',
  beforeStart: 'i32',
  after: 'i32',
  afterStart: 'i32',
  step: 'i32',
} as const;

/** A unit of work is one row of the result. */
export function padKernel(target: Target, bytes: number): Kernel<typeof PARAMS> {
  const element = mover(bytes);
  const width = target.vectorBytes;
  return cachedKernel(target, `index/pad-${bytes}`, PARAMS, ({ f, p, lo, hi }) => {
    const rowBytes = f.let('rowBytes', p.size.mul(bytes));
    const whole = f.let('whole', rowBytes.and(-width));
    const step = f.let('stepBytes', p.step.mul(bytes));
    const to = f.let('to', p.out.add(lo.mul(p.before.add(p.size).add(p.after)).mul(bytes)));
    const plane = f.let('plane', lo.div(p.planeRows));
    const inPlane = f.let('inPlane', lo.sub(plane.mul(p.planeRows)));
    const planeBytes = f.let('planeBytes', p.fromRows.mul(rowBytes));
    const first = f.let('first', p.x.add(plane.mul(planeBytes)));
    const around = (from: Expr, start: Expr, count: Expr): void => {
      const at = f.let('at', from.add(start.mul(bytes)));
      f.for('i', 0, count, () => {
        f.store(element, to, load(element, at));
        f.inc(at, step);
        f.inc(to, bytes);
      });
    };
    f.for('row', lo, hi, () => {
      const from = f.let('from', first.add(load('i32', p.rows.add(inPlane.mul(4))).mul(rowBytes)));
      around(from, p.beforeStart, p.before);
      f.for('v', 0, whole, (v) => f.store('i32v', to.add(v), load('i32v', from.add(v))), width);
      f.for('s', whole, rowBytes, (s) => f.store(element, to.add(s), load(element, from.add(s))), bytes);
      f.inc(to, rowBytes);
      around(from, p.afterStart, p.after);
      f.inc(inPlane, 1);
      f.if(inPlane.ge(p.planeRows), () => {
        f.inc(first, planeBytes);
        f.set(inPlane, 0);
      });
    });
  });
}
