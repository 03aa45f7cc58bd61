/**
 * Resizing of images: nearest, linear and cubic interpolation along height and width
 * (https://pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html). Sampling is linear in the image, so the
 * gradient is its transpose, whose gradient is the sampling again. Where to sample is in `geometry/resample.ts`.
 */
import { requireDType } from '../../base/dtype.ts';
import { ShapeError } from '../../base/errors.ts';
import { layoutOf, type Layout } from '../../base/layout.ts';
import { say, WRONG_RANK } from '../../base/sentences.ts';
import { showShape, showSizes } from '../../base/shape.ts';
import { resampleGradParams, type ResampleGradParams, type ResampleParams } from '../../geometry/resample.ts';
import type { OpRules } from './rule.ts';

export interface ResampleAttrs {
  /** x [..., H, W] → [..., size] */
  resample2d: ResampleParams;
  /** ∂y → ∂x */
  resample2dGrad: ResampleGradParams;
}

function checkImage(x: Layout): void {
  requireDType('interpolate', 'input', x.dtype, ['float32', 'float64']);
  if (x.shape.length !== 3 && x.shape.length !== 4) {
    throw new ShapeError(say(WRONG_RANK, 'interpolate', '3-d or 4-d', showSizes(x.shape)));
  }
  if (x.shape.slice(-3).includes(0)) {
    throw new ShapeError(`interpolate: expected sizes above 0 except for the batch, but got ${showShape(x.shape)}`);
  }
}

export const resampleRules: OpRules<ResampleAttrs> = {
  resample2d: {
    shape: ([x], p) => {
      checkImage(x!);
      return [layoutOf(x!.dtype, [...x!.shape.slice(0, -2), ...p.size])];
    },
    gradient: {
      name: ({ taps }) =>
        taps === 1 ? 'UpsampleNearest2DBackward0' : taps === 2 ? 'UpsampleBilinear2DBackward0' : 'UpsampleBicubic2DBackward0',
      saves: {},
      run: ({ grads: [g], apply, attrs, inputLayouts }) => [
        g && apply('resample2dGrad', [g], resampleGradParams(attrs, inputLayouts[0]!.shape))[0],
      ],
    },
  },
  resample2dGrad: {
    shape: ([g], { shape }) => [layoutOf(g!.dtype, shape)],
    gradient: {
      name: 'UpsampleBackwardBackward0',
      saves: {},
      run: ({ grads: [g], apply, attrs }) => [g && apply('resample2d', [g], attrs.resample)[0]],
    },
  },
};
