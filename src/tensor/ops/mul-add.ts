/** x·a + b in one walk: what follows a normalisation. */
import { requireDType } from '../../base/dtype.ts';
import { layoutOf } from '../../base/layout.ts';
import { broadcastShapes } from '../../base/shape.ts';
import type { Attrs } from '../../geometry/attrs.ts';
import { computeOf } from '../../kernels/formula/elementwise.ts';
import { broadcastGradient } from './elementwise.ts';
import type { FormulaRules } from './rule.ts';

export interface MulAddAttrs {
  /** [x, a, b], of one dtype; all broadcast. Rounded twice. */
  mulAdd: Attrs;
}

export const mulAddRules: FormulaRules<MulAddAttrs> = {
  mulAdd: {
    shape: ([x, a, b]) => {
      for (const factor of [a!, b!]) requireDType('mulAdd', 'every operand', factor.dtype, [x!.dtype]);
      const product = broadcastShapes('mulAdd', x!.shape, a!.shape);
      return [layoutOf(x!.dtype, broadcastShapes('mulAdd', product, b!.shape))];
    },
    elementwise: (_, [out]) => {
      const operand = { dtype: out!.dtype, as: computeOf(out!.dtype) };
      return {
        name: 'mulAdd',
        inputs: [operand, operand, operand],
        outputs: [operand],
        scalars: [],
        results: ([x, a, b]) => [x!.mul(a!).add(b!)],
        cost: 0.3,
      };
    },
    gradient: broadcastGradient('AddcmulBackward0', { inputs: [0, 1] }, [
      (g, { input }) => g.mul(input(1)),
      (g, { input }) => g.mul(input(0)),
      (g) => g,
    ]),
  },
};
