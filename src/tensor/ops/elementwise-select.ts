/**
 * Choosing between elements: where, maskedFill, and linear interpolation
 * (https://pytorch.org/docs/stable/generated/torch.where.html).
 */
import { requireDType, requireFloating } from '../../base/dtype.ts';
import { layoutOf, type Layout } from '../../base/layout.ts';
import { broadcastShapes } from '../../base/shape.ts';
import type { Attrs } from '../../geometry/attrs.ts';
import { computeOf } from '../../kernels/formula/elementwise.ts';
import { broadcastGradient, promoteLayouts } from './elementwise.ts';
import type { FormulaRules } from './rule.ts';

export interface SelectAttrs {
  /** [condition (bool), a, b] → a where the condition holds, else b; all broadcast */
  where: Attrs;
  /** [x, mask (bool; both broadcast)] → the number where the mask holds, else x; scalars: [number] */
  maskedFill: Attrs;
  /** [a, b] → a + weight·(b - a); scalars: [weight] */
  lerp: Attrs;
}

function requireMask(op: string, mask: Layout): void {
  requireDType(op, op === 'where' ? 'condition' : 'mask', mask.dtype, op === 'where' ? ['bool', 'uint8'] : ['bool']);
}

export const selectRules: FormulaRules<SelectAttrs> = {
  where: {
    shape: ([condition, a, b]) => {
      requireMask('where', condition!);
      const values = broadcastShapes('where', a!.shape, b!.shape);
      return [layoutOf(promoteLayouts(a!, b!), broadcastShapes('where', condition!.shape, values))];
    },
    elementwise: ([condition, a, b], [out]) => {
      const as = computeOf(promoteLayouts(a!, b!));
      return {
        name: 'where',
        inputs: [
          { dtype: condition!.dtype, as: 'bool' },
          { dtype: a!.dtype, as },
          { dtype: b!.dtype, as },
        ],
        outputs: [{ dtype: out!.dtype, as }],
        scalars: [],
        results: ([c, x, y]) => [c!.select(x!, y!)],
        cost: 0.3,
      };
    },
    gradient: broadcastGradient('WhereBackward0', { inputs: [0] }, [
      null,
      (g, { input }) => g.maskedFill(input(0).logicalNot(), 0),
      (g, { input }) => g.maskedFill(input(0).bool(), 0),
    ]),
  },
  maskedFill: {
    shape: ([x, mask]) => {
      requireMask('maskedFill', mask!);
      return [layoutOf(x!.dtype, broadcastShapes('maskedFill', x!.shape, mask!.shape))];
    },
    elementwise: ([x, mask], [out]) => {
      const as = computeOf(x!.dtype);
      return {
        name: 'maskedFill',
        inputs: [
          { dtype: x!.dtype, as },
          { dtype: mask!.dtype, as: 'bool' },
        ],
        outputs: [{ dtype: out!.dtype, as }],
        scalars: [as],
        results: ([value, m], [number]) => [m!.select(number!, value!)],
        cost: 0.2,
      };
    },
    gradient: broadcastGradient('MaskedFillBackward0', { inputs: [1] }, [(g, { input }) => g.maskedFill(input(1), 0), null]),
  },
  lerp: {
    shape: ([a, b]) => {
      requireFloating('lerp', 'start', a!.dtype);
      requireDType('lerp', 'end', b!.dtype, [a!.dtype]);
      return [layoutOf(a!.dtype, broadcastShapes('lerp', a!.shape, b!.shape))];
    },
    elementwise: (_, [out]) => {
      const { dtype } = out!;
      const as = computeOf(dtype);
      const operand = { dtype, as };
      return {
        name: 'lerp',
        inputs: [operand, operand],
        outputs: [operand],
        scalars: [as],
        // from the nearer end, so that weight 1 gives b exactly
        results: ([a, b], [w]) => {
          const step = b!.sub(a!);
          const back = b!.sub(step.mul(w!.neg().add(1)));
          return [w!.lt(0.5).select(step.mul(w!).add(a!), back)];
        },
        cost: 0.5,
      };
    },
    gradient: broadcastGradient('LerpBackward0', {}, [(g, { scalars }) => g.mul(1 - scalars[0]!), (g, { scalars }) => g.mul(scalars[0]!)]),
  },
};
