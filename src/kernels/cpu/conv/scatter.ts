/**
 * Writes accumulated vectors whose lanes are not neighbours in the result: those of the gradient of a strided
 * convolution's input, and rows shorter than a vector.
 */
import { intFn, type ElementKit } from '../gemm/tile.ts';
import { load, type Fn } from '../ir.ts';
import type { KernelScope, ParamSpec } from '../kernel.ts';
import type { Epilogue } from '../../formula/epilogue.ts';
import { affineBytes, EPILOGUE_OPERANDS, finishResults } from './epilogue.ts';

const COMMON = ['table', 'count', 'width', 'outputs', 'acc', 'accRow', 'y', 'yc', ...EPILOGUE_OPERANDS] as const;

/** For each output, `width` vectors for each entry of the table; `lanes` of each, `yStep` apart. */
export function buildScatter(scope: KernelScope<ParamSpec>, kit: ElementKit, epilogue: Epilogue): Fn {
  const names = [...COMMON, 'yStep', 'lanes'] as const;
  return intFn(scope, 'scatter', names, (f, { table, count, width, outputs, acc, accRow, y, yc, yStep, lanes, ...others }) => {
    const { element } = finishResults(f, kit, epilogue, others);
    f.for('m', 0, outputs, () => {
      const from = f.let('from', acc);
      f.for('v', 0, count, (v) => {
        const to = f.let('to', y.add(load('i32', table.add(v.mul(8)), 4)));
        f.for('j', 0, width, () => {
          f.for('i', 0, lanes, (i) => {
            f.store(kit.element, to, element(f.let('sum', load(kit.element, from.add(i.mul(kit.bytes)))), to));
            f.inc(to, yStep);
          });
          f.inc(from, kit.vectorBytes);
        });
      });
      f.inc(acc, accRow);
      f.inc(y, yc);
      f.inc(others.affine, affineBytes(kit));
    });
  });
}

/** Likewise for two parts whose outputs alternate, the second's vectors `partner` bytes behind the first's: whole vectors. */
export function buildInterleave(scope: KernelScope<ParamSpec>, kit: ElementKit, epilogue: Epilogue): Fn {
  const { lanes, vector, vectorBytes } = kit;
  const half = Array.from({ length: lanes / 2 }, (_, i) => i);
  const low = half.flatMap((i) => [i, lanes + i]);
  const high = half.flatMap((i) => [lanes / 2 + i, lanes + lanes / 2 + i]);
  const names = [...COMMON, 'partner'] as const;
  return intFn(scope, 'interleave', names, (f, { table, count, width, outputs, acc, accRow, y, yc, partner, ...others }) => {
    const finish = finishResults(f, kit, epilogue, others);
    f.for('m', 0, outputs, () => {
      const from = f.let('from', acc);
      f.for('v', 0, count, (v) => {
        const to = f.let('to', y.add(load('i32', table.add(v.mul(8)), 4)));
        f.for('j', 0, width, () => {
          const first = f.let('first', load(vector, from));
          const second = f.let('second', load(vector, from.add(partner)));
          f.store(vector, to, finish.vector(f.let('lower', first.shuffle(second, low)), to));
          const upper = f.let('upper', first.shuffle(second, high));
          f.store(vector, to, finish.vector(upper, to.add(vectorBytes)), vectorBytes);
          f.inc(from, vectorBytes);
          f.inc(to, 2 * vectorBytes);
        });
      });
      f.inc(acc, accRow);
      f.inc(y, yc);
      f.inc(others.affine, affineBytes(kit));
    });
  });
}
