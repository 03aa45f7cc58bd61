/**
 * Matrix products: `matmul` with torch.matmul's rules for vectors and batches
 * (https://pytorch.org/docs/stable/generated/torch.matmul.html) and `linear`, x·Wᵀ + b
 * (https://pytorch.org/docs/stable/generated/torch.nn.functional.linear.html).
 */
import { requireDType } from '../../base/dtype.ts';
import { DTypeError, ShapeError } from '../../base/errors.ts';
import { layoutOf, type Layout } from '../../base/layout.ts';
import { say, WRONG_FEATURES } from '../../base/sentences.ts';
import { showShape } from '../../base/shape.ts';
import { NO_ATTRS, type Attrs } from '../../geometry/attrs.ts';
import { matmulOperands } from '../../geometry/matmul.ts';
import type { Tensor } from '../tensor.ts';
import type { GradientContext, OpRules } from './rule.ts';

export interface MatmulAttrs {
  /** [a, b] → a·b: vectors, matrices, or batches of matrices that broadcast. */
  matmul: Attrs;
  /** [x [..., in], weight [out, in], bias? [out]] → x·weightᵀ + bias, [..., out]. */
  linear: Attrs;
}

function sameDType(op: string, a: Layout, b: Layout, what: string): void {
  if (a.dtype === b.dtype) return;
  throw new DTypeError(
    `${op}: expected ${what} of one dtype, but got ${a.dtype} and ${b.dtype}; convert one of them with .to('${a.dtype}')`,
  );
}

const MATMUL_DTYPES = ['float32', 'float64', 'int32', 'int64', 'uint8'] as const;

/**
 * With C = A·B: ∂A = ∂C·Bᵀ and ∂B = Aᵀ·∂C; where a batch dimension was broadcast, the sum over it. The transposes are
 * views. Vectors get their missing dimension first.
 */
function matmulGradient({ grads, input, inputLayouts, needs, apply }: GradientContext<Attrs>): (Tensor | undefined)[] {
  const g = grads[0];
  if (g === undefined) return [];
  const [la, lb] = inputLayouts as [Layout, Layout];
  const [row, column] = [la.shape.length === 1, lb.shape.length === 1];
  const product = (a: Tensor, b: Tensor): Tensor => apply('matmul', [a, b], NO_ATTRS)[0]!;
  let full = row ? g.unsqueeze(column ? 0 : -2) : g;
  if (column) full = full.unsqueeze(-1);
  let [da, db]: (Tensor | undefined)[] = [];
  if (needs(0)) {
    const b = column ? input(1).unsqueeze(1) : input(1);
    da = product(full, b.transpose(-2, -1)).sumTo(row ? [1, ...la.shape] : la.shape);
    if (row) da = da.squeeze(0);
  }
  if (needs(1)) {
    const a = row ? input(0).unsqueeze(0) : input(0);
    db = product(a.transpose(-2, -1), full).sumTo(column ? [...lb.shape, 1] : lb.shape);
    if (column) db = db.squeeze(1);
  }
  return [da, db];
}

function linearShape(inputs: readonly Layout[]): Layout[] {
  const [x, weight, bias] = inputs as [Layout, Layout, Layout | undefined];
  requireDType('linear', 'input', x.dtype, ['float32', 'float64']);
  sameDType('linear', x, weight, 'input and weight');
  if (weight.shape.length !== 2) {
    throw new ShapeError(`linear: expected a weight of shape [out, in], but got ${showShape(weight.shape)}`);
  }
  const [out, features] = weight.shape as [number, number];
  const last = x.shape.at(-1);
  if (last !== features) {
    throw new ShapeError(say(WRONG_FEATURES, 'linear', features, last ?? 'a scalar'));
  }
  if (bias !== undefined) {
    sameDType('linear', x, bias, 'input and bias');
    if (bias.shape.length !== 1 || bias.shape[0] !== out) {
      throw new ShapeError(`linear: expected a bias of shape [${out}], but got ${showShape(bias.shape)}`);
    }
  }
  return [layoutOf(x.dtype, [...x.shape.slice(0, -1), out])];
}

/** With y = x·Wᵀ + b: ∂x = ∂y·W, ∂W = ∂yᵀ·x over all rows, ∂b = the sum of ∂y's rows. */
function linearGradient({ grads, input, inputLayouts, needs, apply }: GradientContext<Attrs>): (Tensor | undefined)[] {
  const g = grads[0];
  if (g === undefined) return [];
  const [out, features] = inputLayouts[1]!.shape as [number, number];
  const count = inputLayouts[0]!.shape.slice(0, -1).reduce((n, size) => n * size, 1); // not -1: there may be no features
  const rows = inputLayouts[0]!.shape.length === 2 ? g : g.reshape([count, out]);
  const dx = needs(0) ? apply('matmul', [g, input(1)], NO_ATTRS)[0] : undefined;
  let dw: Tensor | undefined;
  if (needs(1)) {
    const x = inputLayouts[0]!.shape.length === 2 ? input(0) : input(0).reshape([count, features]);
    dw = apply('matmul', [rows.transpose(0, 1), x], NO_ATTRS)[0];
  }
  return [dx, dw, inputLayouts.length > 2 && needs(2) ? rows.sum(0) : undefined];
}

export const matmulRules: OpRules<MatmulAttrs> = {
  matmul: {
    shape: (inputs) => {
      const [a, b] = inputs as [Layout, Layout];
      requireDType('matmul', 'tensors', a.dtype, MATMUL_DTYPES);
      sameDType('matmul', a, b, 'two tensors');
      return [layoutOf(a.dtype, matmulOperands(a, b).out)];
    },
    gradient: { name: 'MmBackward0', saves: { inputs: [0, 1] }, run: matmulGradient },
  },
  linear: {
    shape: linearShape,
    gradient: { name: 'AddmmBackward0', saves: { inputs: [0, 1] }, run: linearGradient },
  },
};
