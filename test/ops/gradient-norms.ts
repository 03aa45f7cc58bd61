/** Calls of the normalisations whose gradients are to be checked: part of `gradient-table.ts`. */
import type { Tensor } from 'flambeau';
import { batchNormParams, lineNormParams } from '../../src/geometry/norm.ts';
import { apply } from '../../src/tensor/dispatch.ts';
import { uniform64 } from '../support/grad-check.ts';
import type { Check } from './gradient-table.ts';

/** With weight, bias and both; a scale for each place, or for some elements side by side in two groups. */
export function lineNorms(): Check[] {
  const parts = [
    [true, true],
    [true, false],
    [false, true],
  ] as const;
  const sizes = [
    { length: 5, groups: 1, each: 1, shape: [3, 5] },
    { length: 6, groups: 2, each: 3, shape: [2, 4, 3] },
  ];
  return sizes.flatMap(({ shape, ...of }) =>
    parts.map(([weight, bias]) => {
      const scale = of.each === 1 ? [5] : [4];
      const params = lineNormParams({ ...of, weight, bias, eps: 1e-3 });
      return {
        inputs: [uniform64(shape, 1), ...(weight ? [uniform64(scale, 2)] : []), ...(bias ? [uniform64(scale, 3)] : [])],
        fn: (...tensors: Tensor[]) => apply('lineNorm', tensors, params)[0]!,
      };
    }),
  );
}

/** With and without weight and bias. */
export function normalisation(name: 'batchNorm' | 'batchNormEval'): Check[] {
  return [false, true].map((affine) => {
    const running = name === 'batchNormEval';
    const params = batchNormParams({ weight: affine, bias: affine, running, eps: 1e-3 });
    const statistics = running ? [uniform64([3], 7), uniform64([3], 8, 0.5, 2)] : [];
    return {
      inputs: [uniform64([4, 3, 2], 1), ...(affine ? [uniform64([3], 2), uniform64([3], 3)] : [])],
      fn: (...tensors: Tensor[]) => apply(name, [...tensors, ...statistics], params)[0]!,
    };
  });
}
