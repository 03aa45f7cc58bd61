/** The lowerings of weighted sums at places. */
import type { Layout } from '../../base/layout.ts';
import { blendDotLaunch, blendGradLaunch, blendLaunch, type BlendSizes } from '../../kernels/wgsl/blend.ts';
import type { BlendAttrs } from '../../tensor/ops/blend.ts';
import { asContiguous, lowerFill } from './elementwise.ts';
import { gpuDType } from './lowering.ts';
import type { GpuLowerings } from './table.ts';

function sizesOf(planes: Layout, places: Layout): BlendSizes {
  gpuDType('blend', planes.dtype);
  const [batch, channels, size] = planes.shape as [number, number, number];
  const [, taps, count] = places.shape as [number, number, number];
  return { batch, channels, size, taps, count };
}

export const blendLowerings: GpuLowerings<BlendAttrs> = {
  blend: {
    lower: (l, inputs, [y]) => {
      const [x, places, weights] = inputs.map((value) => asContiguous(l, value));
      l.launch(blendLaunch(sizesOf(x!.layout, places!.layout)), [x!, places!, weights!, y!]);
    },
  },
  blendGrad: {
    lower: (l, inputs, [dx]) => {
      const [g, places, weights] = inputs.map((value) => asContiguous(l, value));
      lowerFill(l, dx!, 0);
      l.launch(blendGradLaunch(sizesOf(dx!.layout, places!.layout)), [g!, places!, weights!, dx!]);
    },
  },
  blendDot: {
    lower: (l, inputs, [dw]) => {
      const [g, x, places] = inputs.map((value) => asContiguous(l, value));
      l.launch(blendDotLaunch(sizesOf(x!.layout, places!.layout)), [g!, x!, places!, dw!]);
    },
  },
};
