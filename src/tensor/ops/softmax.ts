/**
 * softmax and logSoftmax along one dimension, and their gradients, shifted by the maximum so that nothing overflows
 * (https://pytorch.org/docs/stable/generated/torch.nn.Softmax.html).
 */
import { requireDType } from '../../base/dtype.ts';
import { layoutOf, type Layout } from '../../base/layout.ts';
import { normalizeDim } from '../../base/shape.ts';
import type { DimParams } from '../../geometry/attrs.ts';
import type { OpRule, OpRules } from './rule.ts';

export interface SoftmaxAttrs {
  /** x → y */
  softmax: DimParams;
  /** x → y */
  logSoftmax: DimParams;
}

/** Of the family `gradients`. */
export interface SoftmaxGradAttrs {
  /** [∂y, y] → ∂x = y·(∂y − Σ ∂y·y) */
  softmaxGrad: DimParams;
  /** [∂y, y] → ∂x = ∂y − exp(y)·Σ ∂y */
  logSoftmaxGrad: DimParams;
}

const shapeRule =
  (op: string): OpRule<DimParams>['shape'] =>
  ([x], { dim }): Layout[] => {
    requireDType(op, 'input', x!.dtype, ['float32', 'float64']);
    normalizeDim(op, dim, x!.shape.length);
    return [layoutOf(x!.dtype, x!.shape)];
  };

export const softmaxRules: OpRules<SoftmaxAttrs> = {
  softmax: {
    shape: shapeRule('softmax'),
    gradient: {
      name: 'SoftmaxBackward0',
      saves: { outputs: [0] },
      run: ({ grads: [g], apply, output, attrs }) => [g && apply('softmaxGrad', [g, output(0)], attrs)[0]],
    },
  },
  logSoftmax: {
    shape: shapeRule('logSoftmax'),
    gradient: {
      name: 'LogSoftmaxBackward0',
      saves: { outputs: [0] },
      run: ({ grads: [g], apply, output, attrs }) => [g && apply('logSoftmaxGrad', [g, output(0)], attrs)[0]],
    },
  },
};

export const softmaxGradRules: OpRules<SoftmaxGradAttrs> = {
  softmaxGrad: {
    shape: shapeRule('softmaxGrad'),
    gradient: {
      name: 'SoftmaxBackwardBackward0',
      saves: { inputs: [0, 1] },
      // With r = y·(g − s), s = Σ g·y: ∂/∂g is the same map on the incoming h; ∂/∂y = h·(g − s) − g·Σ h·y.
      run: ({ grads: [h], apply, input, attrs, needs }) => {
        if (h === undefined) return [undefined, undefined];
        const [g, y] = [input(0), input(1)];
        const sum = (t: typeof h): typeof h => t.sum([attrs.dim], { keepdim: true });
        return [
          needs(0) ? apply('softmaxGrad', [h, y], attrs)[0] : undefined,
          needs(1) ? h.mul(g.sub(sum(g.mul(y)))).sub(g.mul(sum(h.mul(y)))) : undefined,
        ];
      },
    },
  },
  logSoftmaxGrad: {
    shape: shapeRule('logSoftmaxGrad'),
    gradient: {
      name: 'LogSoftmaxBackwardBackward0',
      saves: { inputs: [0, 1] },
      // With r = g − p·s, p = exp(y), s = Σ g: ∂/∂g = h − Σ h·p along the dimension; ∂/∂y = −h·p·s.
      run: ({ grads: [h], input, attrs, needs }) => {
        if (h === undefined) return [undefined, undefined];
        const p = input(1).exp();
        const sum = (t: typeof h): typeof h => t.sum([attrs.dim], { keepdim: true });
        return [
          needs(0) ? h.sub(sum(h.mul(p))) : undefined,
          needs(1)
            ? h
                .mul(p)
                .mul(sum(input(0)))
                .neg()
            : undefined,
        ];
      },
    },
  },
};
