/** Functions that ask of tensors and dtypes, without computing with elements (https://pytorch.org/docs/stable/torch.html#tensors). */
import { requireKind } from '../base/arguments.ts';
import { canCast as castable, isFloating, itemSize, promote, promoteScalar, type DType } from '../base/dtype.ts';
import { ArgumentError, DTypeError } from '../base/errors.ts';
import { broadcastShapes as broadcast, type Dims } from '../base/shape.ts';
import { DTYPE, requireDims, requireTensor, TENSOR_OR_NUMBER } from './arguments.ts';
import { isTensor as isOne } from './is-tensor.ts';
import { promoteLayouts } from './ops/elementwise.ts';
import type { Tensor } from './tensor.ts';

/** Whether a value is a tensor. */
export const isTensor = (value: unknown): value is Tensor => isOne(value);

/** How many elements a tensor has. */
export function numel(x: Tensor): number {
  requireTensor('numel', 'the input', x);
  return x.layout.numel;
}

/** Whether elements are floats. */
export function isFloatingPoint(x: Tensor): boolean {
  requireTensor('isFloatingPoint', 'the input', x);
  return isFloating(x.dtype);
}

/**
 * Whether the one element of a tensor is not 0.
 * @throws ArgumentError for another number of elements
 */
export function isNonzero(x: Tensor): boolean {
  requireTensor('isNonzero', 'the input', x);
  if (x.layout.numel !== 1) throw new ArgumentError(`isNonzero: expected one element, but got ${x.layout.numel}; use any() or all()`);
  return x.ne(0).any().item() !== 0;
}

/** Whether results of one dtype may be written into a tensor of another. */
export function canCast(from: DType, to: DType): boolean {
  for (const dtype of [from, to]) requireKind('canCast', 'every dtype', dtype, DTYPE);
  return castable(from, to);
}

/** The dtype that tensors of two dtypes compute in. */
export function promoteTypes(type1: DType, type2: DType): DType {
  for (const dtype of [type1, type2]) requireKind('promoteTypes', 'every dtype', dtype, DTYPE);
  return promote(type1, type2);
}

/** The dtype that arithmetic of two tensors, or of a tensor and a number, gives. */
export function resultType(tensor1: Tensor | number, tensor2: Tensor | number): DType {
  for (const operand of [tensor1, tensor2]) requireKind('resultType', 'every operand', operand, TENSOR_OR_NUMBER);
  if (isOne(tensor1)) return isOne(tensor2) ? promoteLayouts(tensor1.layout, tensor2.layout) : promoteScalar(tensor1.dtype, tensor2);
  if (isOne(tensor2)) return promoteScalar(tensor2.dtype, tensor1);
  return Number.isInteger(tensor1) && Number.isInteger(tensor2) ? 'int64' : 'float32';
}

/** The shape that tensors of the given shapes broadcast to. @throws ShapeError where they do not */
export function broadcastShapes(...shapes: readonly Dims[]): number[] {
  for (const shape of shapes) requireDims('broadcastShapes', 'every shape', shape);
  return [...shapes.reduce<Dims>((a, b) => broadcast('broadcastShapes', a, b), [])];
}

/** What a floating-point dtype can hold. */
export interface FloatInfo {
  readonly dtype: DType;
  readonly bits: number;
  /** The gap between 1 and the next number. */
  readonly eps: number;
  readonly max: number;
  readonly min: number;
  /** The smallest positive number of full precision; also called smallestNormal. */
  readonly tiny: number;
  readonly smallestNormal: number;
  /** Numbers of so many decimal digits differ. */
  readonly resolution: number;
}

/** Bits of the fraction and the largest exponent. */
const FLOATS: { readonly [K in DType]?: readonly [fraction: number, exponent: number, resolution: number] } = {
  float16: [10, 15, 1e-3],
  bfloat16: [7, 127, 1e-2],
  float32: [23, 127, 1e-6],
  float64: [52, 1023, 1e-15],
};

/** Limits of a floating-point dtype. @throws DTypeError for another */
export function finfo(dtype: DType = 'float32'): FloatInfo {
  requireKind('finfo', 'dtype', dtype, DTYPE);
  const of = FLOATS[dtype];
  if (of === undefined) throw new DTypeError(`finfo: expected a floating-point dtype, but got ${dtype}; use iinfo`);
  const [fraction, exponent, resolution] = of;
  const max = (2 - 2 ** -fraction) * 2 ** exponent;
  const tiny = 2 ** (1 - exponent);
  return { dtype, bits: 8 * itemSize(dtype), eps: 2 ** -fraction, max, min: -max, tiny, smallestNormal: tiny, resolution };
}

/** What a whole dtype can hold; bounds of int64 are bigints, which numbers would round. */
export interface IntInfo {
  readonly dtype: DType;
  readonly bits: number;
  readonly min: number | bigint;
  readonly max: number | bigint;
}

/** Limits of a whole dtype. @throws DTypeError for another */
export function iinfo(dtype: DType): IntInfo {
  requireKind('iinfo', 'dtype', dtype, DTYPE);
  if (isFloating(dtype) || dtype === 'bool') throw new DTypeError(`iinfo: expected a whole dtype, but got ${dtype}; use finfo`);
  const bits = 8 * itemSize(dtype);
  if (dtype === 'int64') return { dtype, bits, min: -(2n ** 63n), max: 2n ** 63n - 1n };
  return dtype.startsWith('u')
    ? { dtype, bits, min: 0, max: 2 ** bits - 1 }
    : { dtype, bits, min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 };
}

/** Whether two tensors have the same shape. */
export function isSameSize(x: Tensor, other: Tensor): boolean {
  for (const of of [x, other]) requireTensor('isSameSize', 'every operand', of);
  const [a, b] = [x.layout.shape, other.layout.shape];
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

/** The dtype of tensors that are made without one: float32. */
export const getDefaultDtype = (): DType => 'float32';

/** Refuses every default but float32: pass `dtype` where tensors are made. @throws DTypeError for another dtype */
export function setDefaultDtype(dtype: DType): void {
  requireKind('setDefaultDtype', 'dtype', dtype, DTYPE);
  if (dtype !== 'float32')
    throw new DTypeError(
      `setDefaultDtype: the default is float32 always, not ${dtype}; pass { dtype: '${dtype}' } where tensors are made, and module.to('${dtype}')`,
    );
}
