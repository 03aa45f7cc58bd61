/**
 * What operations do with indices before they use them: check them, combine several to one, and keep what an update leaves as it is.
 *
 * Indices are dense int64; one outside traps (`fault.ts`).
 */
import { trapUnless } from '../fault.ts';
import { fromStart } from './select.ts';
import { load, type Target } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';

const CHECK_PARAMS = { index: 'ptr', size: 'i32', ignore: 'f64' } as const;

/** Traps for an index outside of `size` that is not `ignore`. A unit of work is one index. */
export const indexCheckKernel = (target: Target): Kernel<typeof CHECK_PARAMS> =>
  cachedKernel(target, 'index/check', CHECK_PARAMS, ({ f, p, lo, hi }) => {
    const ignore = f.let('ignored64', p.ignore.cast('i64'));
    const size = f.let('size64', p.size.cast('i64'));
    const at = f.let('at', p.index.add(lo.mul(8)));
    f.for('unit', lo, hi, () => {
      const index = f.let('index', load('i64', at));
      trapUnless(f, index.compare('ltU', size).or(index.eq(ignore)));
      f.inc(at, 8);
    });
  });

const RAVEL_PARAMS = {
  index: 'ptr',
  out: 'ptr',
  /** Of the dimension, and by how much its indices count in the result. */
  size: 'i32',
  step: 'f64',
} as const;

/**
 * out = (out +) index · step, with negative indices counted from the end. A unit of work is one index.
 *
 * @param first whether `out` is not read
 */
export const ravelKernel = (target: Target, first: boolean): Kernel<typeof RAVEL_PARAMS> =>
  cachedKernel(target, `index/ravel${first ? '-first' : ''}`, RAVEL_PARAMS, ({ f, p, lo, hi }) => {
    const step = f.let('step64', p.step.cast('i64'));
    const size = f.let('size64', p.size.cast('i64'));
    f.for('unit', lo, hi, (unit) => {
      const at = f.let('at', unit.mul(8));
      const part = fromStart(f, p.index.add(at), size, true).mul(step);
      f.store('i64', p.out.add(at), first ? part : load('i64', p.out.add(at)).add(part));
    });
  });

const KEEP_PARAMS = { from: 'ptr', to: 'ptr', bytes: 'i32' } as const;

/** Bytes that one unit of work keeps. */
export const KEEP_BYTES = 16_384;

/**
 * to = from, both dense, unless they are one place in memory: an operation in place starts from what is there already. Only
 * the addresses tell, which a plan learns when it runs.
 */
export const keepKernel = (target: Target): Kernel<typeof KEEP_PARAMS> =>
  cachedKernel(target, 'index/keep', KEEP_PARAMS, ({ f, p, lo, hi }) => {
    f.if(p.from.ne(p.to), () => {
      const start = f.let('start', lo.mul(KEEP_BYTES));
      const last = f.let('last', hi.mul(KEEP_BYTES));
      const end = f.let('end', last.lt(p.bytes).select(last, p.bytes));
      const width = target.vectorBytes;
      const whole = f.let('whole', end.and(-4 * width));
      f.for('v', start, whole, (v) => {
        const [from, to] = [f.let('fromV', p.from.add(v)), f.let('toV', p.to.add(v))];
        for (let i = 0; i < 4; i++) f.store('i32v', to.add(i * width), load('i32v', from.add(i * width)));
      }, 4 * width); // prettier-ignore
      f.for('s', whole, end, (s) => f.store('u8', p.to.add(s), load('u8', p.from.add(s))));
    });
  });
