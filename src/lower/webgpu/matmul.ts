/** The lowerings of matrix products: operands of any strides, batches that broadcast. */
import { layoutOf, type Layout } from '../../base/layout.ts';
import { broadcastShapes, broadcastStrides, numelOf, type Dims } from '../../base/shape.ts';
import type { Value } from '../../compiler/lowering.ts';
import { computeOf, type ElementwiseSpec } from '../../kernels/formula/elementwise.ts';
import { finished, type Epilogue } from '../../kernels/formula/epilogue.ts';
import { constantOf } from '../../kernels/formula/formula.ts';
import { merged } from '../../kernels/wgsl/elementwise.ts';
import type { GpuDType } from '../../kernels/wgsl/kernel.ts';
import { matmulLaunches, type MatrixSteps } from '../../kernels/wgsl/matmul.ts';
import type { MatmulAttrs } from '../../tensor/ops/matmul.ts';
import type { Values } from '../table.ts';
import { asContiguous, flat, intoDense, lowerElementwise, lowerFill } from './elementwise.ts';
import { gpuDType, type GpuLowering } from './lowering.ts';
import { finishing, launchProduct, PLAIN, type Finish } from './product.ts';
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
function repeated(l: GpuLowering, { value, lead, leadSteps, row, column }: Operand, batch: Dims, rows: number, columns: number): Operand {
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

/** C = A·B + bias, and what follows, into the dense `out`. */
function lowerProduct(
  l: GpuLowering,
  dtype: GpuDType,
  { m, n, k }: Sizes,
  batch: Dims,
  left: Operand,
  right: Operand,
  out: Value,
  finish: Finish,
  bias?: Value,
): void {
  let [a, b] = [left, right];
  const walkOf = () =>
    merged({ sizes: batch, steps: [broadcastStrides(a.lead, a.leadSteps, batch), broadcastStrides(b.lead, b.leadSteps, batch)] });
  let walk = walkOf();
  if (walk.sizes.length > 2) {
    [a, b] = [repeated(l, a, batch, m, k), repeated(l, b, batch, k, n)];
    walk = walkOf();
  }
  const pair = (list: Dims, otherwise: number): [number, number] => [list.at(-2) ?? otherwise, list.at(-1) ?? otherwise];
  const steps = ({ row, column }: Operand, own: Dims): MatrixSteps => ({ row, column, batch: pair(own, 0) });
  const shape = { m, n, k, batches: pair(walk.sizes, 1), a: steps(a, walk.steps[0]!), b: steps(b, walk.steps[1]!) };
  const isFloat = dtype === 'float32';
  const product = matmulLaunches(dtype, shape, bias !== undefined, l.small, isFloat ? finish.kind : 'none');
  launchProduct(l, product, [a.value, b.value], [...(bias === undefined ? [] : [bias]), ...(isFloat ? finish.operands : []), out]);
  if (!isFloat) finishApart(l, out, finish);
}

/** Does to results in place what their product has not done: whole numbers, and sums of nothing. */
function finishApart(l: GpuLowering, out: Value, { kind, operands }: Finish): void {
  if (kind === 'none') return;
  const { dtype } = out.layout;
  const as = computeOf(dtype);
  const operand = { dtype, as };
  const spec: ElementwiseSpec = {
    name: `finish ${kind}`,
    inputs: [out, ...operands].map(() => operand),
    outputs: [operand],
    scalars: [],
    results: ([sum, ...others]) => {
      const residual = others[0]!;
      const zero = constantOf(as, 0);
      return [finished(kind, sum!, { residual, gate: others.at(-1)!, zero, scale: zero, shift: zero })];
    },
    cost: 0.1,
  };
  const flattened = [out, ...operands].map((value) => flat(l, value));
  lowerElementwise(l, spec, flattened, [flattened[0]!]);
}

function lowerMatmul(l: GpuLowering, [a, b]: Values, [out]: Values, _?: unknown, finish = PLAIN): void {
  const dtype = gpuDType('matmul', out!.layout.dtype);
  const [la, lb] = [a!.layout, b!.layout];
  const left = la.shape.length === 1 ? layoutOf(la.dtype, [1, la.shape[0]!], [0, la.strides[0]!]) : la;
  const right = lb.shape.length === 1 ? layoutOf(lb.dtype, [lb.shape[0]!, 1], [lb.strides[0]!, 0]) : lb;
  const batch = broadcastShapes('matmul', left.shape.slice(0, -2), right.shape.slice(0, -2));
  const sizes = { m: left.shape.at(-2)!, n: right.shape.at(-1)!, k: left.shape.at(-1)! };
  intoDense(l, out!, (dense) => {
    if (sizes.k > 0) lowerProduct(l, dtype, sizes, batch, operand(a!, left), operand(b!, right), dense, finish);
    else {
      lowerFill(l, dense, 0);
      finishApart(l, dense, finish);
    }
  });
}

/** [x [..., in], weight [out, in], bias?] */
function lowerLinear(l: GpuLowering, inputs: Values, [out]: Values, _?: unknown, finish = PLAIN): void {
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
    if (k > 0 || bias !== undefined) {
      lowerProduct(l, dtype, { m, n, k }, [], operand(x, rows), operand(weight, turned), dense, finish, bias && asContiguous(l, bias));
      return;
    }
    lowerFill(l, dense, 0);
    finishApart(l, dense, finish);
  });
}

/** Where a launch costs as much as a small product, as here, it is worth it behind these, too. */
const FINISHES: readonly Epilogue[] = ['relu', 'gate', 'add', 'add+relu', 'add+gate'];

export const matmulLowerings: GpuLowerings<MatmulAttrs> = {
  matmul: { lower: lowerMatmul, finish: finishing(lowerMatmul, FINISHES) },
  linear: { lower: lowerLinear, finish: finishing(lowerLinear, FINISHES) },
};
