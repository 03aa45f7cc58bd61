/**
 * Pooling over height and width: maximum, average, and their adaptive forms. Shape rule and gradient of each.
 *
 * Arguments come from `geometry/pool.ts`. 1-d pooling is 2-d pooling with a height of 1.
 */
import { layoutOf, type Layout } from '../../base/layout.ts';
import {
  adaptiveGeometry,
  PAIRS,
  poolGradParams,
  windowGeometry,
  type AdaptivePoolParams,
  type AvgPoolParams,
  type MaxPoolParams,
  type PoolGradParams,
} from '../../geometry/pool.ts';
import type { Tensor } from '../tensor.ts';
import type { Gradient, GradientContext, OpRules } from './rule.ts';

export interface MaxPoolAttrs {
  /** x → [values, indices]: see {@link MaxPoolParams.indices}. */
  maxPool2d: MaxPoolParams;
}

/** Of the family `gradients`. */
export interface MaxPoolGradAttrs {
  /** [∂values, indices of either max pooling] → ∂x */
  maxPool2dGrad: PoolGradParams<MaxPoolParams | AdaptivePoolParams>;
  /** [g (shaped as x), indices] → the elements of g that won: the gradient of `maxPool2dGrad`. */
  maxPool2dPick: PoolGradParams<MaxPoolParams | AdaptivePoolParams>;
}

export interface RegionPoolAttrs {
  avgPool2d: AvgPoolParams;
  /** ∂y → ∂x */
  avgPool2dGrad: PoolGradParams<AvgPoolParams>;
  adaptiveAvgPool2d: AdaptivePoolParams;
  /** ∂y → ∂x */
  adaptiveAvgPool2dGrad: PoolGradParams<AdaptivePoolParams>;
  /** x → [values, indices (int64, index in the plane)] */
  adaptiveMaxPool2d: AdaptivePoolParams;
}

export interface PoolAttrs extends MaxPoolAttrs, MaxPoolGradAttrs, RegionPoolAttrs {}

const pooled = (x: Layout, shape: readonly number[]): Layout => layoutOf(x.dtype, shape);

/** A gradient that flows through one differentiable result to input 0 only. */
function toFirst<A>(
  name: string,
  run: (g: Tensor, ctx: GradientContext<A>) => Tensor | undefined,
  saves: Gradient<A>['saves'] = {},
): Gradient<A> {
  return { name, saves, run: (ctx) => [ctx.grads[0] === undefined ? undefined : run(ctx.grads[0], ctx)] };
}

export const maxPoolRules: OpRules<MaxPoolAttrs> = {
  maxPool2d: {
    choice: 'picks',
    step: (attrs) => (attrs.key === PAIRS.key ? 'pool' : undefined),
    shape: ([x], attrs) => {
      const { outShape } = windowGeometry('maxPool2d', x!, attrs);
      return [pooled(x!, outShape), layoutOf(attrs.indices === 'tap' ? 'uint8' : 'int64', outShape)];
    },
    gradient: toFirst(
      'MaxPool2DWithIndicesBackward0',
      (g, { apply, output, attrs, inputLayouts }) =>
        apply('maxPool2dGrad', [g, output(1)], poolGradParams(attrs, inputLayouts[0]!.shape))[0],
      { outputs: [1] },
    ),
  },
};

export const maxPoolGradRules: OpRules<MaxPoolGradAttrs> = {
  maxPool2dGrad: {
    choice: 'puts',
    shape: ([g], attrs) => [layoutOf(g!.dtype, attrs.shape)],
    gradient: {
      name: 'MaxPool2DWithIndicesBackwardBackward0',
      saves: { inputs: [1] },
      run: ({ grads: [g], apply, input, attrs }) => [g && apply('maxPool2dPick', [g, input(1)], attrs)[0], undefined],
    },
  },
  maxPool2dPick: {
    shape: ([g, indices]) => [layoutOf(g!.dtype, indices!.shape)],
    gradient: {
      name: 'MaxPool2DPickBackward0',
      saves: { inputs: [1] },
      run: ({ grads: [g], apply, input, attrs }) => [g && apply('maxPool2dGrad', [g, input(1)], attrs)[0], undefined],
    },
  },
};

export const regionPoolRules: OpRules<RegionPoolAttrs> = {
  avgPool2d: {
    shape: ([x], attrs) => [pooled(x!, windowGeometry('avgPool2d', x!, attrs).outShape)],
    gradient: toFirst(
      'AvgPool2DBackward0',
      (g, { apply, attrs, inputLayouts }) => apply('avgPool2dGrad', [g], poolGradParams(attrs, inputLayouts[0]!.shape))[0],
    ),
  },
  avgPool2dGrad: {
    shape: ([g], attrs) => [layoutOf(g!.dtype, attrs.shape)],
    gradient: toFirst('AvgPool2DBackwardBackward0', (g, { apply, attrs }) => apply('avgPool2d', [g], attrs.pool)[0]),
  },
  adaptiveAvgPool2d: {
    shape: ([x], attrs) => [pooled(x!, adaptiveGeometry('adaptiveAvgPool2d', x!, attrs).outShape)],
    gradient: toFirst(
      'AdaptiveAvgPool2DBackward0',
      (g, { apply, attrs, inputLayouts }) => apply('adaptiveAvgPool2dGrad', [g], poolGradParams(attrs, inputLayouts[0]!.shape))[0],
    ),
  },
  adaptiveAvgPool2dGrad: {
    shape: ([g], attrs) => [layoutOf(g!.dtype, attrs.shape)],
    gradient: toFirst('AdaptiveAvgPool2DBackwardBackward0', (g, { apply, attrs }) => apply('adaptiveAvgPool2d', [g], attrs.pool)[0]),
  },
  adaptiveMaxPool2d: {
    choice: 'picks',
    shape: ([x], attrs) => {
      const { outShape } = adaptiveGeometry('adaptiveMaxPool2d', x!, attrs);
      return [pooled(x!, outShape), layoutOf('int64', outShape)];
    },
    gradient: toFirst(
      'AdaptiveMaxPool2DBackward0',
      (g, { apply, output, attrs, inputLayouts }) =>
        apply('maxPool2dGrad', [g, output(1)], poolGradParams(attrs, inputLayouts[0]!.shape))[0],
      { outputs: [1] },
    ),
  },
};

export const poolRules: OpRules<PoolAttrs> = Object.assign({}, maxPoolRules, maxPoolGradRules, regionPoolRules);
