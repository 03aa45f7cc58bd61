/**
 * 2-d convolution and its two gradients (https://pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html). The
 * three are convolutions of each other, so each one's gradient is written with the other two and any order of
 * derivative exists:
 *
 *     y = x ⋆ w,  ∂x = inputGrad(∂y, w),  ∂w = weightGrad(∂y, x)
 *
 * all three are the one trilinear form Σ ∂y·(x ⋆ w) with one argument left out.
 */
import { layoutOf, type Layout } from '../../base/layout.ts';
import type { Dims } from '../../base/shape.ts';
import {
  convInputGradParams,
  convWeightGradParams,
  forwardGeometry,
  inputGradGeometry,
  weightGradGeometry,
  outputShape,
  type ConvInputGradParams,
  type ConvWeightGradParams,
} from '../../geometry/conv-operations.ts';
import type { ConvParams } from '../../geometry/conv.ts';
import type { Tensor } from '../tensor.ts';
import type { GradientContext, OpRules } from './rule.ts';

export interface ConvAttrs {
  /** [x [N, C, H, W], weight [Co, C/groups, kh, kw], bias? [Co]] → [N, Co, oH, oW] */
  conv2d: ConvParams;
  /** [∂y, weight] → ∂x */
  conv2dInputGrad: ConvInputGradParams;
}

/** Of the family `gradients`. */
export interface ConvWeightGradAttrs {
  /** [∂y, x] → [∂weight, ∂bias?] */
  conv2dWeightGrad: ConvWeightGradParams;
}

export interface AllConvAttrs extends ConvAttrs, ConvWeightGradAttrs {}

const spatial = (shape: Dims): readonly [number, number] => [shape[2]!, shape[3]!];

function convGradient({ grads, input, inputLayouts, attrs, needs, apply }: GradientContext<ConvParams>): (Tensor | undefined)[] {
  const g = grads[0];
  if (g === undefined) return [];
  const [x, w, bias] = inputLayouts as [Layout, Layout, Layout | undefined];
  const wantsBias = bias !== undefined && needs(2);
  const dx = needs(0) ? apply('conv2dInputGrad', [g, input(1)], convInputGradParams(attrs, spatial(x.shape)))[0] : undefined;
  if (!needs(1)) return [dx, undefined, wantsBias ? g.sum([0, 2, 3]) : undefined];
  const [dw, db] = apply('conv2dWeightGrad', [g, input(0)], convWeightGradParams(attrs, spatial(w.shape), wantsBias));
  return [dx, dw, db];
}

/** ∂x is linear in ∂y and in w: for a gradient v of ∂x, that of ∂y is v ⋆ w and that of w is weightGrad(∂y, v). */
function inputGradGradient({
  grads,
  input,
  inputLayouts,
  attrs,
  needs,
  apply,
}: GradientContext<ConvInputGradParams>): (Tensor | undefined)[] {
  const v = grads[0];
  if (v === undefined) return [];
  const kernel = spatial(inputLayouts[1]!.shape);
  return [
    needs(0) ? apply('conv2d', [v, input(1)], attrs.conv)[0] : undefined,
    needs(1) ? apply('conv2dWeightGrad', [input(0), v], convWeightGradParams(attrs.conv, kernel, false))[0] : undefined,
  ];
}

/**
 * ∂w and ∂b are linear in ∂y, and ∂w in x: for gradients v of ∂w and u of ∂b, that of ∂y is x ⋆ v + u, and that of x is
 * inputGrad(∂y, v).
 */
function weightGradGradient({
  grads,
  input,
  inputLayouts,
  attrs,
  needs,
  apply,
}: GradientContext<ConvWeightGradParams>): (Tensor | undefined)[] {
  const [v, u] = grads;
  const [grad, x] = inputLayouts as [Layout, Layout];
  let dGrad: Tensor | undefined;
  if (needs(0)) {
    if (v !== undefined) dGrad = apply('conv2d', u === undefined ? [input(1), v] : [input(1), v, u], attrs.conv)[0];
    else dGrad = u?.view([1, -1, 1, 1]).expand(grad.shape);
  }
  const dx =
    needs(1) && v !== undefined ? apply('conv2dInputGrad', [input(0), v], convInputGradParams(attrs.conv, spatial(x.shape)))[0] : undefined;
  return [dGrad, dx];
}

export const convRules: OpRules<ConvAttrs> = {
  conv2d: {
    shape: (inputs, p) => [layoutOf(inputs[0]!.dtype, outputShape(forwardGeometry(inputs, p)))],
    gradient: { name: 'ConvolutionBackward0', saves: { inputs: [0, 1] }, run: convGradient },
  },
  conv2dInputGrad: {
    shape: (inputs, p) => {
      const g = inputGradGeometry(inputs, p);
      return [layoutOf(inputs[0]!.dtype, [g.batch, g.inChannels, ...p.size])];
    },
    gradient: { name: 'ConvolutionBackwardBackward0', saves: { inputs: [0, 1] }, run: inputGradGradient },
  },
};

export const convWeightGradRules: OpRules<ConvWeightGradAttrs> = {
  conv2dWeightGrad: {
    shape: (inputs, p) => {
      const g = weightGradGeometry(inputs, p);
      const { dtype } = inputs[0]!;
      const dw = layoutOf(dtype, [g.outChannels, g.inPerGroup, ...p.kernel]);
      return p.bias ? [dw, layoutOf(dtype, [g.outChannels])] : [dw];
    },
    gradient: { name: 'ConvolutionBackwardBackward0', saves: { inputs: [0, 1] }, run: weightGradGradient },
  },
};
