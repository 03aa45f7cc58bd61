/** Operations as free functions: those of several tensors, and those that are clearer before their arguments. */
import type { DeviceName } from './backend.ts';
import { BOOL, NOT_NEGATIVE, requireKind, WHOLE } from '../base/arguments.ts';
import { readCall, signature, type Signature } from '../base/signature.ts';
import type { Call } from './calls.ts';
import { promote, promoteScalar, requireFits } from '../base/dtype.ts';
import { ShapeError } from '../base/errors.ts';
import { CANNOT_JOIN, say } from '../base/sentences.ts';
import { broadcastShapes, normalizeDim, sameDims, showSizes } from '../base/shape.ts';
import { NO_ATTRS, dimParams } from '../geometry/attrs.ts';
import { requireTensor, TENSOR_OR_NUMBER, TENSORS } from './arguments.ts';
import { apply1 } from './dispatch.ts';
import { indexing } from './families/indexing.ts';
import { full } from './create.ts';
import type { CatShape, ShapesOf, StackShape } from './shapes/cat.ts';
import type { CheckedFor, Shape, ShapeFor } from './shapes/dims.ts';
import type { MatmulShape } from './shapes/matmul.ts';
import type { Beside, Elementwise } from './tensor-math.ts';
import type { Tensor } from './tensor.ts';

const CAT = signature<{ dim?: number }>('cat', { dim: WHOLE });
const STACK = signature<{ dim?: number }>('stack', { dim: WHOLE });
const dimOf = (of: Signature<{ dim?: number }>, given: unknown): number => readCall<{ dim?: number }>(of, [given]).dim ?? 0;

/**
 * Joins tensors along an existing dimension; all other sizes must be equal. As in PyTorch, a tensor of shape [0] is passed over beside
 * tensors of more dimensions.
 * @throws ShapeError for no tensors, or sizes that differ elsewhere
 */
export function cat<const T extends readonly Tensor[], const D extends number = 0>(
  tensors: CheckedFor<T, CatShape<ShapesOf<T>, D>, T>,
  dim?: D | { readonly dim?: D },
): Tensor<ShapeFor<T, CatShape<ShapesOf<T>, D>>>;
export function cat(tensors: readonly Tensor[], along: number | { readonly dim?: number } = 0): Tensor {
  const dim = typeof along === 'number' ? along : dimOf(CAT, along);
  requireKind('cat', 'the first argument', tensors, TENSORS, 'write cat([a, b], 1)');
  if (tensors.length === 0) throw new ShapeError('cat: expected at least one tensor, but got none');
  const dtype = tensors.map((t) => t.dtype).reduce(promote);
  const nothing = (t: Tensor): boolean => t.ndim === 1 && t.layout.numel === 0;
  const joined = tensors.some(({ ndim }) => ndim > 1) ? tensors.filter((t) => !nothing(t)) : tensors;
  const same = joined.map((t) => t.to(dtype));
  if (same.length > 1 || same[0]!.ndim === 0) return apply1(indexing.cat, same, dimParams(dim, 'cat'));
  normalizeDim('cat', dim, same[0]!.ndim);
  return same[0]!.clone();
}

/**
 * Joins tensors of one shape along a new dimension.
 * @throws ShapeError for no tensors, or shapes that differ
 */
export function stack<const T extends readonly Tensor[], const D extends number = 0>(
  tensors: CheckedFor<T, StackShape<ShapesOf<T>, D>, T>,
  dim?: D | { readonly dim?: D },
): Tensor<ShapeFor<T, StackShape<ShapesOf<T>, D>>>;
export function stack(tensors: readonly Tensor[], along: number | { readonly dim?: number } = 0): Tensor {
  const dim = typeof along === 'number' ? along : dimOf(STACK, along);
  requireKind('stack', 'the first argument', tensors, TENSORS, 'write stack([a, b], 1)');
  const first = tensors[0];
  if (first === undefined) throw new ShapeError('stack: expected at least one tensor, but got none');
  tensors.forEach((t, i) => {
    if (!sameDims(t.layout.shape, first.layout.shape)) {
      throw new ShapeError(`${say(CANNOT_JOIN, 'stack', showSizes(first.layout.shape), showSizes(t.layout.shape), '')} (input ${i})`);
    }
  });
  const axis = normalizeDim('stack', dim, first.ndim + 1, first.ndim);
  return cat(
    tensors.map((t) => t.unsqueeze(axis)),
    axis,
  );
}

interface CloseCall {
  rtol?: number;
  atol?: number;
  equalNan?: boolean;
}
const ALLCLOSE = signature<CloseCall>('allclose', { rtol: NOT_NEGATIVE, atol: NOT_NEGATIVE, equalNan: BOOL });

/**
 * Elements of `a` where `condition` holds, of `b` elsewhere; all three broadcast. A number takes the dtype of the tensor beside it; beside
 * another number, or where the tensor cannot hold its kind, a whole number is int64 and another float32. Of a condition alone, the indices where
 * it holds, a vector for each dimension, as `nonzero(condition, { asTuple: true })` gives them.
 */
export function where(condition: Tensor): Tensor[];
export function where(condition: Tensor, a: Tensor | number, b: Tensor | number): Tensor;
export function where(condition: Tensor, ...values: readonly (Tensor | number)[]): Tensor | Tensor[] {
  requireTensor('where', 'the condition', condition);
  if (values.length === 0) return condition.nonzero({ asTuple: true });
  const [a, b] = values as [Tensor | number, Tensor | number];
  for (const x of [a, b]) requireKind('where', 'each value', x, TENSOR_OR_NUMBER);
  const { device } = condition;
  return apply1('where', [condition, operandOf(a, b, device), operandOf(b, a, device)], NO_ATTRS);
}

function operandOf(x: Tensor | number, beside: Tensor | number, device: DeviceName): Tensor {
  if (typeof x !== 'number') return x;
  const dtype = promoteScalar(typeof beside === 'number' ? 'bool' : beside.dtype, x);
  requireFits('where', dtype, x);
  return full([], x, { dtype, device: device });
}

/** The larger of two tensors' elements; NaN wins. */
export function maximum<A extends Shape, B extends Shape>(a: Tensor<A>, b: Beside<A, B>): Elementwise<A, B>;
export function maximum(a: Tensor, b: Tensor): Tensor {
  return apply1('maximum', [a, b], NO_ATTRS);
}

/** The smaller of two tensors' elements; NaN wins. */
export function minimum<A extends Shape, B extends Shape>(a: Tensor<A>, b: Beside<A, B>): Elementwise<A, B>;
export function minimum(a: Tensor, b: Tensor): Tensor {
  return apply1('minimum', [a, b], NO_ATTRS);
}

/** The matrix product; vectors and batches as in torch.matmul. */
export function matmul<A extends Shape, B extends Shape>(
  a: Tensor<A>,
  b: CheckedFor<A, MatmulShape<A, B>, Tensor<B>>,
): Tensor<ShapeFor<A, MatmulShape<A, B>>>;
export function matmul(a: Tensor, b: Tensor): Tensor {
  requireTensor('matmul', 'the first operand', a);
  return a.matmul(b);
}

/** Tensors expanded to their common shape. */
export function broadcastTensors(...tensors: Tensor[]): Tensor[] {
  for (const tensor of tensors) requireTensor('broadcastTensors', 'every argument', tensor, 'write broadcastTensors(a, b)');
  const shape = tensors.reduce<readonly number[]>((s, t) => broadcastShapes('broadcastTensors', s, t.layout.shape), []);
  return tensors.map((t) => t.expand(shape));
}

/** Whether all elements are within `atol + rtol·|b|` of each other. */
export function allclose(a: Tensor, b: Tensor, ...args: Call<[rtol?: number, atol?: number, equalNan?: boolean], CloseCall>): boolean;
export function allclose(a: Tensor, b: Tensor, ...args: readonly unknown[]): boolean {
  requireTensor('allclose', 'the first argument', a);
  requireTensor('allclose', 'the second argument', b);
  const { rtol = 1e-5, atol = 1e-8, equalNan = false } = readCall<CloseCall>(ALLCLOSE, args);
  const exact = a.dtype === b.dtype && a.isFloatingPoint();
  const [p, q] = [a, b].map((t) => (exact ? t.detach() : t.detach().to('float64'))) as [Tensor, Tensor];
  const near = p.sub(q).abs().le(q.abs().mul(rtol).add(atol)).logicalAnd(q.isfinite());
  const close = near.logicalOr(p.eq(q));
  return (equalNan ? close.logicalOr(p.isnan().logicalAnd(q.isnan())) : close).all().item() !== 0;
}

/** Whether two tensors have the same shape and elements. */
export function equal(a: Tensor, b: Tensor): boolean {
  requireTensor('equal', 'the first argument', a);
  requireTensor('equal', 'the second argument', b);
  if (!sameDims(a.layout.shape, b.layout.shape)) return false;
  return a.detach().eq(b.detach()).all().item() !== 0;
}
