/** Kernels that look through elements in order: places that are true, runs of equals, counts in equal parts. */
import { itemSize, type DType } from '../../../base/dtype.ts';
import { computeOf } from '../../formula/elementwise.ts';
import { loadElement, storeElement } from '../elementwise/memory.ts';
import { constant, load, type Local, type Target } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';
import { firstElement, LINE_PARAMS, type LineParams } from '../reduce/lines.ts';

const PLACES_PARAMS = { x: 'ptr', out: 'ptr', sizes: 'ptr', count: 'i32' } as const;

/**
 * out[k] = where the k-th of `count` true bytes is, an int64 for each of `rank` dimensions. What is not true is written over: no branch is to be
 * guessed. There is one unit of work.
 */
export const findPlacesKernel = (target: Target, rank: number): Kernel<typeof PLACES_PARAMS> =>
  cachedKernel(target, `find/places-${rank}`, PLACES_PARAMS, ({ f, p, lo, hi }) => {
    f.for('unit', lo, hi, () => {
      const sizes = Array.from({ length: rank }, (_, d) => f.let(`size${d}`, load('i32', p.sizes, 4 * d)));
      const place = Array.from({ length: rank }, (_, d) => f.let(`place${d}`, constant('i32', 0)));
      const [at, to] = [f.let('at', p.x), f.let('to', p.out)];
      const end = f.let('end', p.out.add(p.count.mul(8 * rank)));
      const advance = (d: number): void => {
        f.inc(place[d]!, 1);
        if (d === 0) return;
        f.if(place[d]!.ge(sizes[d]!), () => {
          f.set(place[d]!, 0);
          advance(d - 1);
        });
      };
      f.while(to.compare('ltU', end), () => {
        place.forEach((here, d) => storeElement(f, 'int64', 'i32', to, here, 8 * d));
        f.inc(to, load('u8', at).mul(8 * rank));
        f.inc(at, 1);
        advance(rank - 1);
      });
    });
  });

const RUNS_PARAMS = { x: 'ptr', values: 'ptr', ends: 'ptr', count: 'ptr', size: 'i32' } as const;

/** The first of each run of equals (a NaN is equal to none), where the run ends, and how many there are. There is one unit of work. */
export function findRunsKernel(target: Target, dtype: DType, ends: boolean): Kernel<typeof RUNS_PARAMS> {
  const as = computeOf(dtype);
  const bytes = itemSize(dtype);
  return cachedKernel(target, `find/runs-${dtype}${ends ? '-ends' : ''}`, RUNS_PARAMS, ({ f, p, lo, hi }) => {
    f.for('unit', lo, hi, () => {
      const at = f.let('at', p.x);
      const before = f.let('before', loadElement(dtype, as, at));
      const run = f.let('run', constant('i32', 0));
      storeElement(f, dtype, as, p.values, before);
      f.for('i', 1, p.size, (i) => {
        f.inc(at, bytes);
        const x = f.let('x', loadElement(dtype, as, at));
        if (ends) storeElement(f, 'int64', 'i32', p.ends.add(run.mul(8)), i);
        f.inc(run, x.ne(before));
        storeElement(f, dtype, as, p.values.add(run.mul(bytes)), x);
        f.set(before, x);
      });
      if (ends) storeElement(f, 'int64', 'i32', p.ends.add(run.mul(8)), p.size);
      storeElement(f, 'int64', 'i32', p.count, run.add(1));
    });
  });
}

const HISTOGRAM_PARAMS = { x: 'ptr', out: 'ptr', from: 'f64', to: 'f64', size: 'i32', count: 'i32' } as const;

/** Adds 1 to out[k] (int64) for each element in part k of `count` between `from` and `to`; every step rounds, as PyTorch's do. One unit of work. */
export function findHistogramKernel(target: Target, dtype: 'float32' | 'float64'): Kernel<typeof HISTOGRAM_PARAMS> {
  const as = dtype === 'float32' ? 'f32' : 'f64';
  const bytes = itemSize(dtype);
  return cachedKernel(target, `find/histogram-${dtype}`, HISTOGRAM_PARAMS, ({ f, p, lo, hi }) => {
    const [from, to, count] = [p.from, p.to, p.count].map((value) => f.let('bound', value.cast(as))) as [Local, Local, Local];
    const width = f.let('width', to.sub(from));
    const last = f.let('last', p.count.sub(1));
    const end = f.let('end', p.x.add(p.size.mul(bytes)));
    f.for('unit', lo, hi, () => {
      const at = f.let('at', p.x);
      f.while(at.compare('ltU', end), () => {
        const x = f.let('x', load(as, at));
        f.if(x.ge(from).and(x.le(to)), () => {
          const part = f.let('part', x.sub(from).mul(count).div(width).cast('i32'));
          const slot = f.let('slot', p.out.add(part.gt(last).select(last, part).mul(8)));
          f.store('i64', slot, load('i64', slot).add(1));
        });
        f.inc(at, bytes);
      });
    });
  });
}

/** out[line] (int64) = the last place of the longest run of equals in a sorted line, the first of several. */
export function longestRunKernel(target: Target, dtype: DType): Kernel<LineParams> {
  const as = computeOf(dtype);
  const bytes = itemSize(dtype);
  return cachedKernel(target, `find/longest-run-${dtype}`, LINE_PARAMS, (scope) => {
    const { f, p, lo, hi } = scope;
    const step = f.let('step', p.inner.mul(bytes));
    f.for('line', lo, hi, (line) => {
      const at = f.let('at', p.x.add(firstElement(scope, line).mul(bytes)));
      const before = f.let('before', loadElement(dtype, as, at));
      const [run, most, best] = ['run', 'most', 'best'].map((name) => f.let(name, constant('i32', 0))) as [Local, Local, Local];
      f.for('i', 1, p.length, (i) => {
        f.inc(at, step);
        const x = f.let('x', loadElement(dtype, as, at));
        f.set(run, x.eq(before).select(run.add(1), 0));
        const longer = f.let('longer', run.gt(most));
        f.set(most, longer.select(run, most));
        f.set(best, longer.select(i, best));
        f.set(before, x);
      });
      storeElement(f, 'int64', 'i32', p.out.add(line.mul(8)), best);
    });
  });
}
