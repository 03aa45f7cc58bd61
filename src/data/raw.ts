/**
 * Tensors in plain memory: what batches are made of before they are tensors, here or in a worker thread.
 */
import type { DType, TypedArray } from '../base/dtype.ts';

/** A tensor in plain memory, to be sent to another thread. */
export interface RawTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** An int64 raw tensor of whole numbers: labels. */
export function rawLabels(labels: readonly number[]): RawTensor {
  return { dtype: 'int64', shape: [labels.length], data: BigInt64Array.from(labels, BigInt) };
}

const ARRAYS: { readonly [K in DType]: new (length: number) => TypedArray } = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

/** Zeros of a dtype. */
export const rawArray = (dtype: DType, length: number): TypedArray => new ARRAYS[dtype](length);

/** Copies elements of one kind, from position `at` on. */
export function copyInto(target: TypedArray, at: number, source: TypedArray): void {
  if (target instanceof BigInt64Array) target.set(source as BigInt64Array, at);
  else target.set(source as Exclude<TypedArray, BigInt64Array>, at);
}

/** The rows of a raw tensor that `indices` name. */
export function rawRows({ dtype, shape, data }: RawTensor, indices: readonly number[]): RawTensor {
  const row = data.length / Math.max(shape[0]!, 1);
  const out = rawArray(dtype, row * indices.length);
  indices.forEach((index, i) => copyInto(out, i * row, data.subarray(index * row, (index + 1) * row)));
  return { dtype, shape: [indices.length, ...shape.slice(1)], data: out };
}
