/** The lowerings of reductions, and of what goes along one dimension in order. */
import { layoutOf, type Layout } from '../../base/layout.ts';
import { numelOf, type Dims } from '../../base/shape.ts';
import type { Value } from '../../compiler/lowering.ts';
import { reducedDims, reducedShape, type ReduceParams, type ScanParams, type VarianceParams } from '../../geometry/reduce.ts';
import {
  argExtremeLaunch,
  cumsumLaunch,
  extremeGradLaunch,
  logSumExpLaunch,
  prodGradLaunch,
  type Lines,
} from '../../kernels/wgsl/lines.ts';
import { reduceSpec, reduction, varianceSpec, type ReduceName, type ReduceSpec, type ReduceWalk } from '../../kernels/wgsl/reduce.ts';
import type { ExtremeGradAttrs, ReduceAttrs, ReductionAttrs } from '../../tensor/ops/reduce.ts';
import type { Values } from '../table.ts';
import { asContiguous, intoDense, lowerCopy, lowerFill } from './elementwise.ts';
import { gpuDType, type GpuLowering } from './lowering.ts';
import type { GpuLowerings } from './table.ts';

/** Launches a reduction of `inputs` into the dense `out`. */
export function launchReduction(l: GpuLowering, spec: ReduceSpec, walk: ReduceWalk, inputs: Values, out: Value): void {
  const { first, between, second } = reduction(spec, walk);
  if (second === undefined) {
    l.launch(first, [...inputs, out]);
    return;
  }
  const parts = l.temp(spec.acc === 'f32' ? 'float32' : 'int32', [between]);
  l.launch(first, [...inputs, parts]);
  l.launch(second, [parts, out]);
}

/** The kept and the reduced dimensions of a tensor, and of others of its shape with strides of their own. */
function reduceWalk(shape: Dims, strides: readonly Dims[], dims: readonly number[]): ReduceWalk {
  const all = shape.map((size, d) => ({ size, steps: strides.map((own) => own[d]!), isReduced: dims.includes(d) }));
  return { kept: all.filter((d) => !d.isReduced), reduced: all.filter((d) => d.isReduced) };
}

function lowerReduce(l: GpuLowering, name: ReduceName, x: Value, out: Value, params: ReduceParams): void {
  const { dtype, shape, strides } = x.layout;
  const dims = reducedDims(name, shape, params.dims);
  const n = dims.reduce((count, dim) => count * shape[dim]!, 1);
  const spec = reduceSpec(name, gpuDType(name, dtype), gpuDType(name, out.layout.dtype), n);
  intoDense(l, out, (dense) => launchReduction(l, spec, reduceWalk(shape, [strides], dims), [x], dense));
}

/** The mean, then the mean squared distance from it. */
function lowerVariance(l: GpuLowering, x: Value, out: Value, params: VarianceParams, root: boolean): void {
  const { dtype, shape, strides } = x.layout;
  gpuDType('var', dtype);
  const dims = reducedDims('var', shape, params.dims);
  const n = dims.reduce((count, dim) => count * shape[dim]!, 1);
  const mean = l.temp('float32', reducedShape(shape, dims, true));
  launchReduction(l, reduceSpec('mean', 'float32', 'float32', n), reduceWalk(shape, [strides], dims), [x], mean);
  const own = mean.layout.strides.map((stride, d) => (dims.includes(d) ? 0 : stride));
  const walk = reduceWalk(shape, [strides, own], dims);
  intoDense(l, out, (dense) => launchReduction(l, varianceSpec(n - params.correction, root), walk, [x, mean], dense));
}

/** The lines along one dimension of a dense tensor, or (with null) everything as one line. */
export function linesOf(op: string, { shape, numel }: Layout, dims: readonly number[] | null): Lines {
  if (dims === null || shape.length === 0) return { outer: 1, size: numel, inner: 1 };
  const [dim] = reducedDims(op, shape, dims) as [number];
  return { outer: numelOf(shape.slice(0, dim)), size: shape[dim]!, inner: numelOf(shape.slice(dim + 1)) };
}

function lowerExtreme(l: GpuLowering, largest: boolean, x: Value, values: Value | undefined, index: Value, p: ReduceParams): void {
  const lines = linesOf('max', x.layout, p.dims);
  const launch = argExtremeLaunch(gpuDType('max', x.layout.dtype), lines, largest, values !== undefined);
  const dense = asContiguous(l, x);
  intoDense(l, index, (places) => {
    if (values === undefined) l.launch(launch, [dense, places]);
    else intoDense(l, values, (numbers) => l.launch(launch, [dense, numbers, places]));
  });
}

function lowerLogSumExp(l: GpuLowering, x: Value, out: Value, p: ReduceParams): void {
  const { shape, strides, numel, dtype } = x.layout;
  gpuDType('logsumexp', dtype);
  if (numel === 0) {
    lowerFill(l, out, -Infinity);
    return;
  }
  // The reduced dimensions side by side, last.
  const dims = reducedDims('logsumexp', shape, p.dims);
  const order = [...shape.keys()].sort((a, b) => Number(dims.includes(a)) - Number(dims.includes(b)) || a - b);
  const turned = asContiguous(
    l,
    l.view(
      x,
      layoutOf(
        dtype,
        order.map((d) => shape[d]!),
        order.map((d) => strides[d]!),
      ),
    ),
  );
  const size = dims.reduce((n, dim) => n * shape[dim]!, 1);
  intoDense(l, out, (dense) => l.launch(logSumExpLaunch({ outer: numel / size, size, inner: 1 }), [turned, dense]));
}

function lowerCumsum(l: GpuLowering, x: Value, out: Value, { dim, reverse }: ScanParams): void {
  const launch = cumsumLaunch(
    gpuDType('cumsum', x.layout.dtype),
    gpuDType('cumsum', out.layout.dtype),
    linesOf('cumsum', x.layout, [dim]),
    reverse,
  );
  intoDense(l, out, (dense) => l.launch(launch, [asContiguous(l, x), dense]));
}

function lowerExtremeGrad(l: GpuLowering, [g, index, x]: Values, out: Value, p: ReduceParams): void {
  if (x!.layout.shape.length === 0) {
    lowerCopy(l, g!, out);
    return;
  }
  const launch = extremeGradLaunch(gpuDType('max', out.layout.dtype), linesOf('max', x!.layout, p.dims));
  intoDense(l, out, (dense) => l.launch(launch, [asContiguous(l, g!), asContiguous(l, index!), dense]));
}

function lowerProdGrad(l: GpuLowering, [g, x]: Values, out: Value, p: ReduceParams): void {
  gpuDType('prod', x!.layout.dtype);
  const launch = prodGradLaunch(linesOf('prod', x!.layout, p.dims));
  intoDense(l, out, (dense) => l.launch(launch, [asContiguous(l, g!), asContiguous(l, x!), dense]));
}

const plain = (name: ReduceName) => ({
  lower: (l: GpuLowering, [x]: Values, [out]: Values, p: ReduceParams): void => lowerReduce(l, name, x!, out!, p),
});
const extreme = (largest: boolean, withValues: boolean) => ({
  lower: (l: GpuLowering, [x]: Values, outputs: Values, p: ReduceParams): void =>
    lowerExtreme(l, largest, x!, withValues ? outputs[0] : undefined, outputs.at(-1)!, p),
});

export const reduceLowerings: GpuLowerings<ReduceAttrs & ReductionAttrs & ExtremeGradAttrs> = {
  sum: plain('sum'),
  mean: plain('mean'),
  prod: plain('prod'),
  amax: plain('amax'),
  amin: plain('amin'),
  max: plain('amax'),
  min: plain('amin'),
  any: plain('any'),
  all: plain('all'),
  maxDim: extreme(true, true),
  minDim: extreme(false, true),
  argmax: extreme(true, false),
  argmin: extreme(false, false),
  var: { lower: (l, [x], [out], p) => lowerVariance(l, x!, out!, p, false) },
  std: { lower: (l, [x], [out], p) => lowerVariance(l, x!, out!, p, true) },
  nansum: plain('nansum'),
  norm: {
    lower: (l, [x], [out], p) => lowerReduce(l, p.p === 1 ? 'norm1' : p.root ? 'norm2' : 'squares', x!, out!, p),
  },
  logsumexp: { lower: (l, [x], [out], p) => lowerLogSumExp(l, x!, out!, p) },
  cumsum: { lower: (l, [x], [out], p) => lowerCumsum(l, x!, out!, p) },
  extremeGrad: { lower: (l, inputs, [out], p) => lowerExtremeGrad(l, inputs, out!, p) },
  prodGrad: { lower: (l, inputs, [out], p) => lowerProdGrad(l, inputs, out!, p) },
};
