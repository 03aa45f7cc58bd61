/** The lowerings of matrix products: operands of any strides, batches that broadcast. */
import { layoutOf, type Layout } from '../../base/layout.ts';
import { broadcastShapes, broadcastStrides, numelOf, type Dims } from '../../base/shape.ts';
import type { Value } from '../../compiler/lowering.ts';
import { merged } from '../../kernels/wgsl/elementwise.ts';
import type { GpuDType } from '../../kernels/wgsl/kernel.ts';
import { matmulLaunch, type MatrixSteps } from '../../kernels/wgsl/matmul.ts';
import { reduceSpec } from '../../kernels/wgsl/reduce.ts';
import type { MatmulAttrs } from '../../tensor/ops/matmul.ts';
import type { Values } from '../table.ts';
import { asContiguous, intoDense, lowerFill } from './elementwise.ts';
import { gpuDType, type GpuLowering } from './lowering.ts';
import { launchReduction } from './reduce.ts';
import type { GpuLowerings } from './table.ts';

/** A matrix, or a stack of them, and how its last two dimensions are read. */
interface Operand {
  readonly value: Value;
  readonly lead: Dims;
  readonly leadSteps: Dims;
  readonly row: number;
  readonly column: number;
}

const operand = (value: Value, { shape, strides }: Layout): Operand => ({
  value,
  lead: shape.slice(0, -2),
  leadSteps: strides.slice(0, -2),
  row: strides.at(-2)!,
  column: strides.at(-1)!,
});

/** Dense, with its batch repeated: for batches whose strides take more than two numbers to say. */
function repeated(
  l: GpuLowering,
  { value, lead, leadSteps, row, column }: Operand,
  batch: Dims,
  rows: number,
  columns: number,
): Operand {
  const { dtype } = value.layout;
  const strides = [...broadcastStrides(lead, leadSteps, batch), row, column];
  const dense = asContiguous(l, l.view(value, layoutOf(dtype, [...batch, rows, columns], strides)));
  return operand(dense, dense.layout);
}

interface Sizes {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** C = A·B + bias into the dense `out`. */
function lowerProduct(
  l: GpuLowering,
  dtype: GpuDType,
  { m, n, k }: Sizes,
  batch: Dims,
  left: Operand,
  right: Operand,
  out: Value,
  bias?: Value,
): void {
  let [a, b] = [left, right];
  const walkOf = () => merged({ sizes: batch, steps: [broadcastStrides(a.lead, a.leadSteps, batch), broadcastStrides(b.lead, b.leadSteps, batch)] }); // prettier-ignore
  let walk = walkOf();
  if (walk.sizes.length > 2) {
    [a, b] = [repeated(l, a, batch, m, k), repeated(l, b, batch, k, n)];
    walk = walkOf();
  }
  const pair = (list: Dims, otherwise: number): [number, number] => [
    list.at(-2) ?? otherwise,
    list.at(-1) ?? otherwise,
  ];
  const steps = ({ row, column }: Operand, own: Dims): MatrixSteps => ({ row, column, batch: pair(own, 0) });
  const shape = { m, n, k, batches: pair(walk.sizes, 1), a: steps(a, walk.steps[0]!), b: steps(b, walk.steps[1]!) };
  const { launch, parts } = matmulLaunch(dtype, shape, bias !== undefined, l.small);
  const operands = [a.value, b.value, ...(bias === undefined ? [] : [bias])];
  if (parts === 1) {
    l.launch(launch, [...operands, out]);
    return;
  }
  const total = out.layout.numel;
  const between = l.temp('float32', [parts, total]);
  l.launch(launch, [...operands, between]);
  addParts(l, between, parts, out);
}

/** The sum of `parts` results that lie behind one another. */
export function addParts(l: GpuLowering, between: Value, parts: number, out: Value): void {
  const walk = {
    kept: [{ size: out.layout.numel, steps: [1] }],
    reduced: [{ size: parts, steps: [out.layout.numel] }],
  };
  launchReduction(l, reduceSpec('sum', 'float32', 'float32', parts), walk, [between], out);
}

function lowerMatmul(l: GpuLowering, [a, b]: Values, [out]: Values): void {
  const dtype = gpuDType('matmul', out!.layout.dtype);
  const [la, lb] = [a!.layout, b!.layout];
  const left = la.shape.length === 1 ? layoutOf(la.dtype, [1, la.shape[0]!], [0, la.strides[0]!]) : la;
  const right = lb.shape.length === 1 ? layoutOf(lb.dtype, [lb.shape[0]!, 1], [lb.strides[0]!, 0]) : lb;
  const batch = broadcastShapes('matmul', left.shape.slice(0, -2), right.shape.slice(0, -2));
  const sizes = { m: left.shape.at(-2)!, n: right.shape.at(-1)!, k: left.shape.at(-1)! };
  intoDense(l, out!, (dense) => {
    if (sizes.k === 0) lowerFill(l, dense, 0);
    else lowerProduct(l, dtype, sizes, batch, operand(a!, left), operand(b!, right), dense);
  });
}

/** [x [..., in], weight [out, in], bias?] */
function lowerLinear(l: GpuLowering, inputs: Values, [out]: Values): void {
  const [given, weight, bias] = inputs as [Value, Value, Value?];
  const dtype = gpuDType('linear', out!.layout.dtype);
  const { shape } = given.layout;
  const [n, k] = weight.layout.shape as [number, number];
  const m = numelOf(shape.slice(0, -1));
  const isRows = shape.length === 2;
  const x = isRows ? given : asContiguous(l, given);
  const rows = isRows ? x.layout : layoutOf(dtype, [m, k]);
  const [wo, wi] = weight.layout.strides as [number, number];
  const turned = layoutOf(dtype, [k, n], [wi, wo]);
  intoDense(l, out!, (dense) => {
    if (k === 0 && bias === undefined) lowerFill(l, dense, 0);
    else lowerProduct(l, dtype, { m, n, k }, [], operand(x, rows), operand(weight, turned), dense, bias && asContiguous(l, bias));
  }); // prettier-ignore
}

export const matmulLowerings: GpuLowerings<MatmulAttrs> = {
  matmul: { lower: lowerMatmul },
  linear: { lower: lowerLinear },
};
