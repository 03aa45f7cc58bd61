/** The lowerings of resizing: tables of where to sample, and transposed ones for the gradient. */
import type { Dims } from '../../base/shape.ts';
import type { Value } from '../../compiler/lowering.ts';
import { sampling, type ResampleGradParams, type ResampleParams } from '../../geometry/resample.ts';
import { resampleGradLaunch, resampleLaunch, transposed, type ResampleSizes } from '../../kernels/wgsl/resample.ts';
import type { ResampleAttrs } from '../../tensor/ops/resample.ts';
import type { Values } from '../table.ts';
import { asContiguous } from './elementwise.ts';
import { gpuDType, type GpuLowering } from './lowering.ts';
import type { GpuLowerings } from './table.ts';

function sizesOf(shape: Dims, p: ResampleParams): ResampleSizes {
  const [height, width] = shape.slice(-2) as [number, number];
  const planes = shape.slice(0, -2).reduce((n, size) => n * size, 1);
  return { planes, height, width, outHeight: p.size[0], outWidth: p.size[1] };
}

function lowerResample(l: GpuLowering, [x]: Values, [y]: Values, p: ResampleParams): void {
  gpuDType('interpolate', x!.layout.dtype);
  const g = sizesOf(x!.layout.shape, p);
  const tables = ([0, 1] as const).flatMap((axis): Value[] => {
    const { indices, weights } = sampling(p, axis, axis === 0 ? g.height : g.width, 'float32');
    return [l.constant('int32', indices), l.constant('float32', Float32Array.from(weights))];
  });
  l.launch(resampleLaunch(g, p.taps), [asContiguous(l, x!), ...tables, y!]);
}

function lowerResampleGrad(l: GpuLowering, [grad]: Values, [dx]: Values, { resample, shape }: ResampleGradParams): void {
  gpuDType('interpolate', dx!.layout.dtype);
  const g = sizesOf(shape, resample);
  const tables = ([0, 1] as const).flatMap((axis): Value[] => {
    const size = axis === 0 ? g.height : g.width;
    const { indices, weights } = sampling(resample, axis, size, 'float32');
    const { starts, places, weights: shares } = transposed(indices, weights, resample.taps, size);
    return [l.constant('int32', starts), l.constant('int32', places), l.constant('float32', shares)];
  });
  l.launch(resampleGradLaunch(g), [asContiguous(l, grad!), ...tables, dx!]);
}

export const resampleLowerings: GpuLowerings<ResampleAttrs> = {
  resample2d: { lower: lowerResample },
  resample2dGrad: { lower: lowerResampleGrad },
};
