/** Sums of weights, as `multinomial` needs them: one addition after the other, each rounded. Its own file, since few programs draw by weights. */
import { constant, i32, load, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';

const PARAMS = { x: 'ptr', out: 'ptr', flag: 'ptr', rows: 'f64', size: 'f64' } as const;

/** Rows that are summed together: a sum waits for the one before it, four of them do so at the same time. */
const TOGETHER = 4;

/**
 * out = the sums of each row's float32 up to each element; `flag` (i32) = whether all are finite and none is negative, after which sums mean nothing. One unit of
 * work.
 */
export const weightSumsKernel = (target: Target): Kernel<typeof PARAMS> =>
  cachedKernel(target, 'weight-sums', PARAMS, ({ f, p, lo, hi }) => {
    f.for('unit', lo, hi, () => {
      const [rows, size] = [f.let('rows', p.rows.cast('i32')), f.let('size', p.size.cast('i32'))];
      const bytes = f.let('bytes', size.mul(4));
      const [at, to, row] = [f.let('at', p.x), f.let('to', p.out), f.let('row', i32(0))];
      const fine = f.let('fine', i32(1));
      const sumUp = (count: number): void => {
        const each = <T>(of: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => of(i));
        const starts = each((i) => f.let('start', bytes.mul(i)));
        const sums = each(() => f.let('sum', constant('f32', 0)));
        f.for('i', 0, size, () => {
          const weights: Local[] = starts.map((start) => f.let('weight', load('f32', at.add(start))));
          weights.forEach((w) => f.set(fine, fine.and(w.ge(0)).and(w.lt(Infinity))));
          sums.forEach((sum, i) => f.set(sum, sum.add(weights[i]!)));
          starts.forEach((start, i) => f.store('f32', to.add(start), sums[i]!));
          f.inc(at, 4);
          f.inc(to, 4);
        });
        f.inc(at, bytes.mul(count - 1));
        f.inc(to, bytes.mul(count - 1));
        f.inc(row, count);
      };
      f.while(row.add(TOGETHER).le(rows), () => sumUp(TOGETHER));
      f.while(row.lt(rows), () => sumUp(1));
      f.store('i32', p.flag, fine);
    });
  });
