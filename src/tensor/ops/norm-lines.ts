/**
 * Normalisation along lines with scale and shift in one walk: layer normalisation (Ba, Kiros and Hinton 2016, https://arxiv.org/abs/1607.06450)
 * and group normalisation (Wu and He 2018, https://arxiv.org/abs/1803.08494). x of any shape is seen as [lines, length], in order.
 */
import { requireDType } from '../../base/dtype.ts';
import { ShapeError } from '../../base/errors.ts';
import { layoutOf, type Layout } from '../../base/layout.ts';
import { batchNormParams, lineNormParams, type LineNormParams } from '../../geometry/norm.ts';
import type { Tensor } from '../tensor.ts';
import { batchNormTwice } from './norm-twice.ts';
import type { GradientContext, OpRules } from './rule.ts';

export interface LineNormAttrs {
  /** [x, weight?, bias?] → [y, mean [lines], 1/√(var + ε) [lines]]. Weight and bias are of any shape; lines have at least 2 elements. */
  lineNorm: LineNormParams;
  /** [∂y, x, mean, invStd, weight?] → ∂x */
  lineNormGrad: LineNormParams;
  /** [∂y, x, mean, invStd] → [∂weight, ∂bias], vectors */
  lineNormScaleGrad: LineNormParams;
}

const scalesOf = ({ length, groups, each }: LineNormParams): number => (length / each) * groups;
const linesOf = ({ numel }: Layout, { length }: LineNormParams): number => numel / length;

/** The same lines with other scales. */
const withParts = (p: LineNormParams, weight: boolean, bias: boolean): LineNormParams => lineNormParams({ ...p, weight, bias });

function checkScales(inputs: readonly Layout[], p: LineNormParams): void {
  const scales = scalesOf(p);
  for (const scale of inputs.slice(1)) {
    requireDType('layerNorm', 'weight and bias', scale.dtype, [inputs[0]!.dtype]);
    if (scale.numel !== scales) throw new ShapeError(`layerNorm: expected ${scales} scales and shifts, but got ${scale.numel}`);
  }
}

/** The gradient that reached ∂x, ∂weight and ∂bias goes on through the formulas of batch normalisation, on [1, lines, length]. */
function throughGradient({ grads, attrs, input, apply, inputLayouts }: GradientContext<LineNormParams>) {
  const [v] = grads;
  if (v === undefined) return [];
  const { shape, numel } = inputLayouts[1]!;
  const rows = [1, numel / attrs.length, attrs.length];
  const [g, x] = [input(0), input(1)];
  const weight = attrs.weight ? spread(input(4), attrs, numel).reshape(shape) : undefined;
  const h = weight === undefined ? g : g.mul(weight);
  const plain = batchNormParams({ weight: false, bias: false, running: false, eps: attrs.eps });
  const [ofH, ofX] = batchNormTwice.run({
    grads: [v.reshape(rows)],
    attrs: plain,
    input: (i) => (i === 0 ? h : x).reshape(rows),
    output: () => v,
    inputLayouts: [0, 1].map(() => layoutOf(x.dtype, rows)),
    outputLayouts: [],
    scalars: [],
    needs: () => true,
    apply,
  });
  const back = ofH?.reshape(shape);
  const ofWeight = weight === undefined ? undefined : gathered(back!.mul(g), attrs, input(4).layout);
  return [weight === undefined ? back : back?.mul(weight), ofX?.reshape(shape), undefined, undefined, ofWeight];
}

/** Scales laid along all elements: [samples, scales, each]. */
function spread(scale: Tensor, { each }: LineNormParams, numel: number): Tensor {
  const scales = scale.layout.numel;
  return scale.reshape([1, scales, 1]).expand([numel / (scales * each), scales, each]);
}

/** Sums of what shares a scale. */
const gathered = (of: Tensor, { each }: LineNormParams, { shape, numel }: Layout): Tensor =>
  of
    .reshape([of.layout.numel / (numel * each), numel, each])
    .sum([0, 2])
    .reshape(shape);

export const lineNormRules: OpRules<LineNormAttrs> = {
  lineNorm: {
    shape: (inputs, p) => {
      const x = inputs[0]!;
      requireDType('layerNorm', 'input', x.dtype, ['float32', 'float64']);
      checkScales(inputs, p);
      const perLine = layoutOf(x.dtype, [linesOf(x, p)]);
      return [layoutOf(x.dtype, x.shape), perLine, perLine];
    },
    gradient: {
      name: ({ groups, each }) => (groups === 1 && each === 1 ? 'NativeLayerNormBackward0' : 'NativeGroupNormBackward0'),
      saves: { inputs: [0, 1], outputs: [1, 2] },
      run: ({ grads: [g], apply, input, output, attrs, needs, inputLayouts }) => {
        if (g === undefined) return [];
        const saved = [g, input(0), output(1), output(2)];
        const dx = needs(0) ? apply('lineNormGrad', [...saved, ...(attrs.weight ? [input(1)] : [])], attrs)[0] : undefined;
        if (!inputLayouts.some((_, i) => i > 0 && needs(i))) return [dx];
        const sums = apply('lineNormScaleGrad', saved, withParts(attrs, false, false));
        const present = attrs.weight ? sums : sums.slice(1);
        return [dx, ...present.slice(0, inputLayouts.length - 1).map((sum, i) => sum.reshape(inputLayouts[i + 1]!.shape))];
      },
    },
  },
  lineNormGrad: {
    shape: ([, x]) => [layoutOf(x!.dtype, x!.shape)],
    gradient: { name: 'LayerNormBackwardBackward0', saves: { inputs: [0, 1, 4] }, run: throughGradient },
  },
  lineNormScaleGrad: {
    shape: ([, x], p) => [0, 1].map(() => layoutOf(x!.dtype, [scalesOf(p)])),
    // Σ g·x̂ and Σ g are linear in g; through x̂ as any gradient of x, of a normalisation whose scales are what came.
    gradient: {
      name: 'LayerNormBackwardBackward0',
      saves: { inputs: [0, 1, 2, 3] },
      run: ({ grads: [ofWeight, ofBias], apply, input, attrs, needs }) => {
        const [g, x] = [input(0), input(1)];
        const p = withParts(attrs, true, true);
        const none = (like: Tensor): Tensor => like.detach().mul(0);
        const [w, b] = [ofWeight ?? none(ofBias!), ofBias ?? none(ofWeight!)];
        const ofG = needs(0) ? apply('lineNorm', [x, w, b], p)[0] : undefined;
        const through = needs(1) && ofWeight !== undefined;
        const ofX = through ? apply('lineNormGrad', [g, x, input(2), input(3), ofWeight], withParts(attrs, true, false))[0] : undefined;
        return [ofG, ofX];
      },
    },
  },
};
