/**
 * What the families of elementwise operations share: broadcasting and promotion in shape rules and gradients.
 */
import { isFloating, promote, promoteScalar, type DType } from '../../base/dtype.ts';
import { DTypeError } from '../../base/errors.ts';
import { layoutOf, type Layout } from '../../base/layout.ts';
import { broadcastShapes } from '../../base/shape.ts';
import type { Tensor } from '../tensor.ts';
import type { Gradient, GradientContext } from './rule.ts';

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

/**
 * Throws where the factor of a sum is a fraction and the sum is whole.
 * @throws DTypeError
 */
export function requireAlpha(op: string, a: Layout, other: Tensor | number, alpha: number): void {
  const dtype = typeof other === 'number' ? promoteScalar(a.dtype, other) : promoteLayouts(a, other.layout);
  if (isFloating(dtype) || Number.isInteger(alpha)) return;
  throw new DTypeError(
    `${op}: expected a whole number as alpha for tensors of whole numbers, but got ${alpha}; convert one of them with .to('float32')`,
  );
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
