/** The lowerings of softmax and logSoftmax: along the last dimension by rows, along another by columns. */
import { normalizeDim, numelOf, type Dims } from '../../base/shape.ts';
import type { Value } from '../../compiler/lowering.ts';
import type { CpuLowering } from './lowering.ts';
import type { DimParams } from '../../geometry/attrs.ts';
import { floatsOf, lineTarget, type Floats } from '../../kernels/cpu/floats.ts';
import type { Target } from '../../kernels/cpu/ir.ts';
import {
  columnScratch,
  logSoftmaxColumnsKernel,
  softmaxColumnsGradKernel,
  softmaxColumnsKernel,
  softmaxStatisticsColumnsKernel,
} from '../../kernels/cpu/softmax/columns.ts';
import {
  logSoftmaxRowsKernel,
  rowScratch,
  softmaxRowsGradKernel,
  softmaxRowsKernel,
  softmaxStatisticsRowsKernel,
} from '../../kernels/cpu/softmax/rows.ts';
import type { SoftmaxAttrs, SoftmaxGradAttrs } from '../../tensor/ops/softmax.ts';
import type { OpLowerings, Values } from '../table.ts';
import { asContiguous } from './copy.ts';

/** Nanoseconds for one exponential and its passes, in single and double precision. */
const ELEMENT_NS = { f32: 3, f64: 20 } as const;

/** A dense tensor as [outer, size, inner]: the dimension and what is around it. */
export interface Around {
  readonly outer: number;
  readonly size: number;
  readonly inner: number;
}

function around(shape: Dims, dim: number): Around {
  const axis = normalizeDim('softmax', dim, shape.length);
  return { outer: numelOf(shape.slice(0, axis)), size: shape[axis] ?? 1, inner: numelOf(shape.slice(axis + 1)) };
}

const targetOf = (l: CpuLowering, x: Value, length: number): Target => lineTarget(l.target, l.wideTarget, x.layout.dtype, length);

/** How the kernels are launched on a tensor seen as [outer, size, inner]. */
export function launchOptions(t: Floats, { outer, size, inner }: Around, inputs: number) {
  const row = size * ELEMENT_NS[t.scalar];
  if (inner === 1) return { size: size === 0 ? 0 : outer, unitCost: row, scratch: rowScratch(t) };
  const units = size === 0 ? 0 : outer * Math.ceil(inner / t.lanes);
  return { size: units, unitCost: row * t.lanes, scratch: columnScratch(t, inputs, size) };
}

function lowerSoftmax(l: CpuLowering, [input]: Values, [y]: Values, { dim }: DimParams): void {
  const x = asContiguous(l, input!);
  const { outer, size, inner } = around(x.layout.shape, dim);
  const target = targetOf(l, x, inner === 1 ? size : inner);
  const t = floatsOf(target, x.layout.dtype);
  const options = launchOptions(t, { outer, size, inner }, 1);
  if (inner === 1) l.launch(softmaxRowsKernel(target, t), { x, y: y!, size }, options);
  else l.launch(softmaxColumnsKernel(target, t), { x, y: y!, size, inner }, options);
}

function lowerLogSoftmax(l: CpuLowering, [input]: Values, [y]: Values, { dim }: DimParams): void {
  const x = asContiguous(l, input!);
  const { outer, size, inner } = around(x.layout.shape, dim);
  const target = targetOf(l, x, inner === 1 ? size : inner);
  const t = floatsOf(target, x.layout.dtype);
  const options = launchOptions(t, { outer, size, inner }, 1);
  if (inner === 1) l.launch(logSoftmaxRowsKernel(target, t), { x, y: y!, size }, options);
  else l.launch(logSoftmaxColumnsKernel(target, t), { x, y: y!, size, inner }, options);
}

/** softmax along [outer, size, inner] with each column's maximum and ln Σ exp(x − maximum), for losses. */
export function lowerSoftmaxStatistics(l: CpuLowering, x: Value, shape: Around, out: { y: Value; maxima: Value; logSums: Value }): void {
  const { size, inner } = shape;
  const target = targetOf(l, x, inner === 1 ? size : inner);
  const t = floatsOf(target, x.layout.dtype);
  const options = launchOptions(t, shape, 1);
  if (inner === 1) l.launch(softmaxStatisticsRowsKernel(target, t), { x, ...out, size }, options);
  else l.launch(softmaxStatisticsColumnsKernel(target, t), { x, ...out, size, inner }, options);
}

/** [∂y, y] */
const lowerGrad =
  (log: boolean) =>
  (l: CpuLowering, inputs: Values, [dx]: Values, { dim }: DimParams): void => {
    const [g, y] = inputs.map((value) => asContiguous(l, value)) as [Value, Value];
    const { outer, size, inner } = around(g.layout.shape, dim);
    const target = targetOf(l, g, inner === 1 ? size : inner);
    const t = floatsOf(target, g.layout.dtype);
    const options = launchOptions(t, { outer, size, inner }, 2);
    if (inner === 1) l.launch(softmaxRowsGradKernel(target, t, log), { g, y, dx: dx!, size }, options);
    else l.launch(softmaxColumnsGradKernel(target, t, log), { g, y, dx: dx!, size, inner }, options);
  };

export const softmaxLowerings: OpLowerings<SoftmaxAttrs, CpuLowering> = {
  softmax: { lower: lowerSoftmax },
  logSoftmax: { lower: lowerLogSoftmax },
};

export const softmaxGradLowerings: OpLowerings<SoftmaxGradAttrs, CpuLowering> = {
  softmaxGrad: { lower: lowerGrad(false) },
  logSoftmaxGrad: { lower: lowerGrad(true) },
};
