/**
 * What the families of elementwise operations share: broadcasting and promotion in shape rules, and the lowering of an
 * expression to one kernel launch.
 */
import { isFloating, itemSize, promote, type DType } from '../../base/dtype.ts';
import { layoutOf, type Layout } from '../../base/layout.ts';
import { broadcastShapes, broadcastStrides } from '../../base/shape.ts';
import type { KernelArg, KernelArgs, Lowering, ScalarInput, Value } from '../../compiler/lowering.ts';
import { coalesce, type Access } from '../../kernels/elementwise-access.ts';
import type { Spacing } from '../../kernels/elementwise-memory.ts';
import {
  elementwiseKernel,
  FLAT_UNIT,
  INNER_PARAM,
  innerStepParam,
  operandParam,
  outerStepParam,
  scalarParam,
  sizeParam,
  type ElementwiseSpec,
} from '../../kernels/elementwise.ts';
import type { ParamSpec } from '../../kernels/kernel.ts';
import type { Tensor } from '../tensor.ts';
import type { Gradient, GradientContext } from './rule.ts';

/** Nanoseconds that one byte of traffic takes where it does not come from a cache. */
const NS_PER_BYTE = 0.08;
/** Nanoseconds to start a row. */
const ROW_NS = 4;

/** One launch that computes `spec` for every element of the outputs; inputs broadcast to their shape. */
export function lowerElementwise(
  l: Lowering,
  spec: ElementwiseSpec,
  inputs: readonly Value[],
  outputs: readonly Value[],
  scalars: readonly (number | ScalarInput)[] = [],
): void {
  const { shape, numel } = outputs[0]!.layout;
  if (numel === 0) return;
  const operands = [...inputs, ...outputs];
  const strides = operands.map(({ layout }) => broadcastStrides(layout.shape, layout.strides, shape));
  const access = coalesce(shape, strides, inputs.length);
  const inner = access.sizes.length - 1; // -1: a single element
  const outer = Math.max(inner, 0);
  const spacing = operands.map((_, i) => spacingOf(access, i, inner));
  const bytes = operands.map((operand) => itemSize(operand.layout.dtype));
  const n = access.sizes[inner] ?? 1;

  const args: Record<string, KernelArg> = { [INNER_PARAM]: n };
  operands.forEach((operand, i) => {
    args[operandParam(i)] = operand;
    if (spacing[i] === 'strided') args[innerStepParam(i)] = access.strides[i]![inner]! * bytes[i]!;
    for (let dim = 0; dim < outer; dim++) args[outerStepParam(i, dim)] = access.strides[i]![dim]! * bytes[i]!;
  });
  for (let dim = 0; dim < outer; dim++) args[sizeParam(dim)] = access.sizes[dim]!;
  scalars.forEach((scalar, i) => (args[scalarParam(i)] = scalar));

  const kernel = elementwiseKernel(l.target, spec, { outer, spacing });
  const cost = spec.cost + NS_PER_BYTE * bytes.reduce((sum, size) => sum + size, 0);
  const options =
    outer === 0
      ? { size: Math.ceil(n / FLAT_UNIT), unitCost: FLAT_UNIT * cost }
      : { size: numel / n, unitCost: n * cost + ROW_NS };
  l.launch<ParamSpec>(kernel, args as KernelArgs<ParamSpec>, options);
}

function spacingOf(access: Access, operand: number, inner: number): Spacing {
  const stride = access.strides[operand]![inner] ?? 1;
  return stride === 1 ? 'dense' : stride === 0 ? 'same' : 'strided';
}

const category = (dtype: DType): number => (isFloating(dtype) ? 2 : dtype === 'bool' ? 0 : 1);

/**
 * The dtype that two tensors compute in: a tensor without dimensions counts only where its category (bool, integer,
 * floating) is the higher (https://pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc).
 */
export function promoteLayouts(a: Layout, b: Layout): DType {
  if (a.dtype === b.dtype) return a.dtype;
  const aScalar = a.shape.length === 0;
  if (aScalar === (b.shape.length === 0)) return promote(a.dtype, b.dtype);
  const [tensor, scalar] = aScalar ? [b.dtype, a.dtype] : [a.dtype, b.dtype];
  return category(scalar) > category(tensor) ? scalar : tensor;
}

/** Where an operation is not defined on integers, they are computed as float32. */
export const floatingOf = (dtype: DType): DType => (isFloating(dtype) ? dtype : 'float32');

/** The contiguous layout of two tensors broadcast together. */
export const broadcastLayout = (op: string, dtype: DType, a: Layout, b: Layout): Layout =>
  layoutOf(dtype, a.shape === b.shape ? a.shape : broadcastShapes(op, a.shape, b.shape));

/** A gradient of the broadcast shape brought back to an input's shape and dtype. */
export function gradFor(input: Layout, grad: Tensor): Tensor {
  const summed = grad.sumTo(input.shape);
  return summed.dtype === input.dtype ? summed : summed.to(input.dtype);
}

/**
 * The gradients of an operation with one result whose inputs broadcast: one function of the incoming gradient per input,
 * called only where it is wanted; `null` for inputs through which nothing flows.
 */
export function broadcastGradient<A>(
  name: string,
  saves: Gradient<A>['saves'],
  parts: readonly (((g: Tensor, ctx: GradientContext<A>) => Tensor) | null)[],
): Gradient<A> {
  return {
    name,
    saves,
    run: (ctx) => {
      const g = ctx.grads[0];
      return parts.map((part, i) =>
        g === undefined || part === null || !ctx.needs(i) ? undefined : gradFor(ctx.inputLayouts[i]!, part(g, ctx)),
      );
    },
  };
}
