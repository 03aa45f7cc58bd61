/** The lowerings of resizing: tables of where to sample, which the kernels walk. */
import type { DType } from '../../base/dtype.ts';
import type { Dims } from '../../base/shape.ts';
import type { Value } from '../../compiler/lowering.ts';
import type { CpuLowering } from './lowering.ts';
import { sampling, type ResampleGradParams, type ResampleParams, type Sampling } from '../../geometry/resample.ts';
import { floatsOf, lineTarget, type Floats } from '../../kernels/cpu/floats.ts';
import { resampleGradKernel, resampleKernel, resampleNearestKernel } from '../../kernels/cpu/resample.ts';
import type { ResampleAttrs } from '../../tensor/ops/resample.ts';
import type { OpLowerings, Values } from '../table.ts';
import { asContiguous } from './copy.ts';

/** The arguments of both kernels. */
function tables(l: CpuLowering, t: Floats, p: ResampleParams, shape: Dims) {
  const [height, width] = shape.slice(-2) as [number, number];
  const dtype = t.scalar === 'f32' ? 'float32' : 'float64';
  const [rows, columns] = [sampling(p, 0, height, dtype), sampling(p, 1, width, dtype)];
  const distances = (s: Sampling, bytes: number): Value =>
    l.constant(
      'int32',
      s.indices.map((i) => i * bytes),
    );
  const weights = (s: Sampling): Value =>
    t.scalar === 'f32' ? l.constant('float32', Float32Array.from(s.weights)) : l.constant('float64', s.weights);
  const [outHeight, outWidth] = p.size;
  const work = outHeight * (width * (p.taps === 1 ? 0 : 0.25) + outWidth) * p.taps;
  return {
    common: {
      height,
      width,
      outHeight,
      outWidth,
      rows: distances(rows, width * t.bytes),
      rowWeights: weights(rows),
      columns: distances(columns, t.bytes),
      columnWeights: weights(columns),
    },
    options: {
      size: shape.slice(0, -2).reduce((n, size) => n * size, 1),
      unitCost: work,
      scratch: Math.ceil((width * t.bytes) / t.width) * t.width,
    },
  };
}

/** How often each element of a row stands in a row of the result, if that is all that becomes of it. */
function timesOf(p: ResampleParams, width: number, dtype: DType): number | undefined {
  const times = p.size[1] / width;
  if (!Number.isInteger(times) || times > MOST_TIMES) return undefined;
  return sampling(p, 1, width, dtype).indices.every((from, i) => from === Math.floor(i / times)) ? times : undefined;
}
/** Vectors stored for one that is loaded. */
const MOST_TIMES = 8;

function lowerResample(l: CpuLowering, [input]: Values, [y]: Values, p: ResampleParams): void {
  const x = asContiguous(l, input!);
  const { dtype, shape } = x.layout;
  const width = shape.at(-1)!;
  const target = lineTarget(l.target, l.wideTarget, dtype, width);
  const t = floatsOf(target, dtype);
  const { common, options } = tables(l, t, p, shape);
  const kernel = p.taps === 1 ? resampleNearestKernel(target, t, timesOf(p, width, dtype)) : resampleKernel(target, t, p.taps);
  l.launch(kernel, { ...common, x, y: y! }, options);
}

function lowerResampleGrad(l: CpuLowering, [grad]: Values, [dx]: Values, { resample, shape }: ResampleGradParams): void {
  const y = asContiguous(l, grad!);
  const t = floatsOf(l.target, y.layout.dtype);
  const { common, options } = tables(l, t, resample, shape);
  l.launch(resampleGradKernel(l.target, t, resample.taps), { ...common, x: dx!, y }, options);
}

export const resampleLowerings: OpLowerings<ResampleAttrs, CpuLowering> = {
  resample2d: { lower: lowerResample },
  resample2dGrad: { lower: lowerResampleGrad },
};
