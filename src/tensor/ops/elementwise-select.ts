/**
 * Choosing between elements: where, maskedFill, and linear interpolation
 * (https://pytorch.org/docs/stable/generated/torch.where.html).
 */
import { requireDType } from '../../base/dtype.ts';
import { layoutOf, type Layout } from '../../base/layout.ts';
import { broadcastShapes } from '../../base/shape.ts';
import { computeOf } from '../../kernels/elementwise-memory.ts';
import type { ElementwiseSpec } from '../../kernels/elementwise.ts';
import { broadcastGradient, lowerElementwise, promoteLayouts } from './elementwise.ts';
import type { Attrs, OpRules } from './rule.ts';

export interface SelectAttrs {
  /** [condition (bool), a, b] → a where the condition holds, else b; all broadcast */
  where: Attrs;
  /** [x, mask (bool, broadcasts to x)] → the number where the mask holds, else x; scalars: [number] */
  maskedFill: Attrs;
  /** [a, b] → a + weight·(b - a); scalars: [weight] */
  lerp: Attrs;
}

function requireMask(op: string, mask: Layout): void {
  requireDType(op, op === 'where' ? 'condition' : 'mask', mask.dtype, ['bool', 'uint8']);
}

export const selectRules: OpRules<SelectAttrs> = {
  where: {
    shape: ([condition, a, b]) => {
      requireMask('where', condition!);
      const values = broadcastShapes('where', a!.shape, b!.shape);
      return [layoutOf(promoteLayouts(a!, b!), broadcastShapes('where', condition!.shape, values))];
    },
    lower: (l, [condition, a, b], [out]) => {
      const as = computeOf(promoteLayouts(a!.layout, b!.layout));
      const spec: ElementwiseSpec = {
        name: 'where',
        inputs: [
          { dtype: condition!.layout.dtype, as: 'bool' },
          { dtype: a!.layout.dtype, as },
          { dtype: b!.layout.dtype, as },
        ],
        outputs: [{ dtype: out!.layout.dtype, as }],
        scalars: [],
        build: (_, [c, x, y]) => [c!.select(x!, y!)],
        cost: 0.3,
      };
      lowerElementwise(l, spec, [condition!, a!, b!], [out!]);
    },
    gradient: broadcastGradient('WhereBackward0', { inputs: [0] }, [
      null,
      (g, { input }) => g.maskedFill(input(0).logicalNot(), 0),
      (g, { input }) => g.maskedFill(input(0), 0),
    ]),
  },
  maskedFill: {
    shape: ([x, mask]) => {
      requireMask('maskedFill', mask!);
      return [layoutOf(x!.dtype, broadcastShapes('maskedFill', x!.shape, mask!.shape))];
    },
    lower: (l, [x, mask], [out]) => {
      const as = computeOf(x!.layout.dtype);
      const spec: ElementwiseSpec = {
        name: 'maskedFill',
        inputs: [
          { dtype: x!.layout.dtype, as },
          { dtype: mask!.layout.dtype, as: 'bool' },
        ],
        outputs: [{ dtype: out!.layout.dtype, as }],
        scalars: [as],
        build: (_, [value, m], [number]) => [m!.select(number!, value!)],
        cost: 0.2,
      };
      lowerElementwise(l, spec, [x!, mask!], [out!], [l.scalar(0)]);
    },
    gradient: broadcastGradient('MaskedFillBackward0', { inputs: [1] }, [
      (g, { input }) => g.maskedFill(input(1), 0),
      null,
    ]),
  },
  lerp: {
    shape: ([a, b]) => {
      requireDType('lerp', 'start', a!.dtype, ['float32', 'float64']);
      requireDType('lerp', 'end', b!.dtype, [a!.dtype]);
      return [layoutOf(a!.dtype, broadcastShapes('lerp', a!.shape, b!.shape))];
    },
    lower: (l, inputs, outputs) => {
      const { dtype } = outputs[0]!.layout;
      const as = computeOf(dtype);
      const operand = { dtype, as };
      const spec: ElementwiseSpec = {
        name: 'lerp',
        inputs: [operand, operand],
        outputs: [operand],
        scalars: [as],
        // from the nearer end, so that weight 1 gives b exactly
        build: (f, [a, b], [w]) => {
          const step = f.let('step', b!.sub(a!));
          const back = f.let('back', b!.sub(step.mul(f.let('rest', w!.unary('neg').add(1)))));
          return [w!.lt(0.5).select(step.mul(w!).add(a!), back)];
        },
        cost: 0.5,
      };
      lowerElementwise(l, spec, inputs, outputs, [l.scalar(0)]);
    },
    gradient: broadcastGradient('LerpBackward0', {}, [
      (g, { scalars }) => g.mul(1 - scalars[0]!),
      (g, { scalars }) => g.mul(scalars[0]!),
    ]),
  },
};
