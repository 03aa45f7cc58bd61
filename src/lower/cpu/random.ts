/** Draws as launches (`tensor/random/bulk.ts`): one unit of work each, since a generator's words follow from one another and parts are small. */
import { layoutOf } from '../../base/layout.ts';
import { mersenneKernel, MERSENNE_WORDS } from '../../kernels/cpu/random/mersenne.ts';
import { NORMAL_BLOCK, normalKernel } from '../../kernels/cpu/random/normal.ts';
import { weightSumsKernel } from '../../kernels/cpu/random/weights.ts';
import type { Target } from '../../kernels/cpu/ir.ts';
import { CpuLowering, type CpuStep } from './lowering.ts';

const ONE = { size: 1, unitCost: 0 };

/** Buffers: the generator's state with room after it, numbers (int64 where they are `whole`). Scalars: how many blocks, their range and where it begins. */
export function mersenneSteps(target: Target, whole: boolean): readonly CpuStep[] {
  const l = new CpuLowering(target, 1);
  const words = l.external(layoutOf('int32', [2 * MERSENNE_WORDS]), 0); // of any size: only where they begin is asked for
  const out = l.external(layoutOf(whole ? 'int64' : 'float32', [MERSENNE_WORDS]), 1);
  l.launch(mersenneKernel(l.target, whole), { words, out, blocks: l.scalar(0), range: l.scalar(1), from: l.scalar(2) }, ONE);
  return l.steps;
}

/** Buffer: numbers, in place. Scalars: how many blocks, the standard deviation and the mean. */
export function normalSteps(target: Target, vectors: boolean): readonly CpuStep[] {
  const l = new CpuLowering(target, 1);
  const data = l.external(layoutOf('float32', [NORMAL_BLOCK]), 0);
  l.launch(normalKernel(l.target, vectors), { data, blocks: l.scalar(0), std: l.scalar(1), mean: l.scalar(2) }, ONE);
  return l.steps;
}

/** Buffers: rows of float32, their sums up to each, one i32 that says whether they are weights. Scalars: how many rows, of how many elements. */
export function weightSumsSteps(target: Target): readonly CpuStep[] {
  const l = new CpuLowering(target, 1);
  const [x, out] = [l.external(layoutOf('float32', [1]), 0), l.external(layoutOf('float32', [1]), 1)]; // of any size
  const flag = l.external(layoutOf('int32', [1]), 2);
  l.launch(weightSumsKernel(l.target), { x, out, flag, rows: l.scalar(0), size: l.scalar(1) }, ONE);
  return l.steps;
}
