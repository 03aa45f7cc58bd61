/** The lowerings of normalisation along lines: batch normalisation with a channel for each line, then scale and shift. */
import { layoutOf } from '../../base/layout.ts';
import type { Value } from '../../compiler/lowering.ts';
import { batchNormParams, type BatchNormParams, type LineNormParams } from '../../geometry/norm.ts';
import type { ElementwiseSpec } from '../../kernels/formula/elementwise.ts';
import type { Formula } from '../../kernels/formula/formula.ts';
import { biasGradSpec, channelWalk } from '../../kernels/wgsl/norm.ts';
import type { LineNormAttrs } from '../../tensor/ops/norm-lines.ts';
import type { Values } from '../table.ts';
import { asContiguous, lowerElementwise, lowerFill } from './elementwise.ts';
import { gpuDType, type GpuLowering } from './lowering.ts';
import { normLowerings } from './norm.ts';
import { launchReduction } from './reduce.ts';
import type { GpuLowerings } from './table.ts';
import type { OpLowering } from '../table.ts';

type Norm = OpLowering<BatchNormParams, GpuLowering>;
const FORWARD = normLowerings.batchNorm as Norm;
const BACKWARD = normLowerings.batchNormGrad as Norm;

const plain = (eps: number): BatchNormParams => batchNormParams({ weight: false, bias: false, running: false, eps });

/** Elements as [samples, groups, scales of a line, elements that share one], and what lies along them. */
function seen(l: GpuLowering, numel: number, { length, groups, each }: LineNormParams) {
  const view = (value: Value, shape: readonly number[]): Value => l.view(value, layoutOf('float32', [...shape]));
  const lines = numel / length;
  const [samples, scales] = [lines / groups, length / each];
  return {
    rows: (value: Value): Value => view(value, [1, lines, length]),
    whole: (value: Value): Value => view(value, [samples, groups, scales, each]),
    perLine: (value: Value): Value => view(value, [samples, groups, 1, 1]),
    perScale: (value: Value): Value => view(value, [1, groups, scales, 1]),
    channels: { batch: samples, channels: groups * scales, size: each },
  };
}

const FLOAT = { dtype: 'float32', as: 'f32' } as const;
const formula = (name: string, count: number, results: (inputs: readonly Formula[]) => Formula): ElementwiseSpec => ({
  name,
  inputs: Array.from({ length: count }, () => FLOAT),
  outputs: [FLOAT],
  scalars: [],
  results: (inputs) => [results(inputs)],
  cost: 0.3,
});

function lowerForward(l: GpuLowering, inputs: Values, [y, mean, invStd]: Values, p: LineNormParams): void {
  gpuDType('layerNorm', y!.layout.dtype);
  const [x, ...scales] = inputs.map((value) => asContiguous(l, value)) as [Value, ...Value[]];
  const as = seen(l, x.layout.numel, p);
  const normal = l.temp('float32', y!.layout.shape);
  FORWARD.lower(l, [as.rows(x)], [as.rows(normal), mean!, invStd!], plain(p.eps));
  const spec = formula(`lineNorm${p.weight ? '+weight' : ''}${p.bias ? '+bias' : ''}`, 1 + scales.length, ([v, ...parts]) => {
    const product = p.weight ? v!.mul(parts[0]!) : v!;
    return p.bias ? product.add(parts.at(-1)!) : product;
  });
  lowerElementwise(l, spec, [as.whole(normal), ...scales.map(as.perScale)], [as.whole(y!)]);
}

function lowerGrad(l: GpuLowering, inputs: Values, [dx]: Values, p: LineNormParams): void {
  gpuDType('layerNorm', dx!.layout.dtype);
  const [g, x, mean, invStd, weight] = inputs.map((value) => asContiguous(l, value)) as [Value, Value, Value, Value, Value?];
  const as = seen(l, x.layout.numel, p);
  let scaled = g;
  if (weight !== undefined) {
    scaled = l.temp('float32', g.layout.shape);
    lowerElementwise(
      l,
      formula('lineNorm:scaled', 2, ([v, w]) => v!.mul(w!)),
      [as.whole(g), as.perScale(weight)],
      [as.whole(scaled)],
    );
  }
  BACKWARD.lower(l, [as.rows(scaled), as.rows(x), mean, invStd], [as.rows(dx!)], plain(p.eps));
}

function lowerScaleGrad(l: GpuLowering, inputs: Values, [dWeight, dBias]: Values, p: LineNormParams): void {
  gpuDType('layerNorm', dWeight!.layout.dtype);
  const [g, x, mean, invStd] = inputs.map((value) => asContiguous(l, value)) as [Value, Value, Value, Value];
  if (x.layout.numel === 0) {
    for (const out of [dWeight!, dBias!]) lowerFill(l, out, 0);
    return;
  }
  const as = seen(l, x.layout.numel, p);
  const products = l.temp('float32', x.layout.shape);
  const spec = formula('lineNorm:products', 4, ([v, input, m, s]) => input!.sub(m!).mul(s!).mul(v!));
  lowerElementwise(l, spec, [as.whole(g), as.whole(x), as.perLine(mean), as.perLine(invStd)], [as.whole(products)]);
  for (const [of, out] of [
    [products, dWeight!],
    [g, dBias!],
  ] as const)
    launchReduction(l, biasGradSpec, channelWalk(as.channels, [true]), [of], out);
}

export const lineNormLowerings: GpuLowerings<LineNormAttrs> = {
  lineNorm: { lower: lowerForward },
  lineNormGrad: { lower: lowerGrad },
  lineNormScaleGrad: { lower: lowerScaleGrad },
};
