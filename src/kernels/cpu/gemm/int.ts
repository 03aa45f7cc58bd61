/**
 * Matrix product of integer matrices of any strides, with the wrap-around of the dtype, as in PyTorch. One scalar
 * multiply-add per step: correct, not fast; floating-point products are `gemm.ts`.
 */
import { constant, load, type Target } from '../ir.ts';
import { cachedKernel, type Kernel } from '../kernel.ts';

export type IntElement = 'i32' | 'i64' | 'u8';

export const GEMM_INT_PARAMS = {
  a: 'ptr',
  b: 'ptr',
  c: 'ptr',
  /** Pairs of byte offsets of A and B, one for each matrix of the batch. */
  batch: 'ptr',
  m: 'i32',
  n: 'i32',
  k: 'i32',
  /** Steps in bytes. C is contiguous. */
  am: 'i32',
  ak: 'i32',
  bk: 'i32',
  bn: 'i32',
} as const;

/** The unit of work is one row of one matrix of C. */
export function gemmIntKernel(target: Target, element: IntElement): Kernel<typeof GEMM_INT_PARAMS> {
  return cachedKernel(target, `gemm-int/${element}`, GEMM_INT_PARAMS, ({ f, p, lo, hi }) => {
    const bytes = element === 'u8' ? 1 : element === 'i32' ? 4 : 8;
    const value = element === 'i64' ? 'i64' : 'i32';
    f.for('unit', lo, hi, (unit) => {
      const offsets = f.let('offsets', p.batch.add(unit.div(p.m).mul(8)));
      const row = f.let('row', p.a.add(load('i32', offsets)).add(unit.rem(p.m).mul(p.am)));
      const matrix = f.let('matrix', p.b.add(load('i32', offsets, 4)));
      const out = f.let('out', p.c.add(unit.mul(p.n).mul(bytes)));
      f.for('j', 0, p.n, (j) => {
        const a = f.let('aAt', row);
        const b = f.let('bAt', matrix.add(j.mul(p.bn)));
        const sum = f.let('sum', constant(value, 0));
        f.for('q', 0, p.k, () => {
          f.inc(sum, load(element, a).mul(load(element, b)));
          f.inc(a, p.ak);
          f.inc(b, p.bk);
        });
        f.store(element, out.add(j.mul(bytes)), sum);
      });
    });
  });
}
