/**
 * Tensors in plain memory: what batches are made of before they are tensors, here or in a worker thread.
 */
import type { DType, TypedArray } from '../base/dtype.ts';
import { sameDims } from '../base/shape.ts';

/** A tensor in plain memory, to be sent to another thread. */
export interface PlainTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** An int64 raw tensor of whole numbers: labels. */
export function rawLabels(labels: readonly number[]): PlainTensor {
  return { dtype: 'int64', shape: [labels.length], data: BigInt64Array.from(labels, BigInt) };
}

const ARRAYS: { readonly [K in DType]: new (length: number) => TypedArray } = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  int8: Int8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
};

/** Zeros of a dtype. */
export const rawArray = (dtype: DType, length: number): TypedArray => new ARRAYS[dtype](length);

/** Copies elements of one kind, from position `at` on. */
export function copyInto(target: TypedArray, at: number, source: TypedArray): void {
  if (target instanceof BigInt64Array) target.set(source as BigInt64Array, at);
  else target.set(source as Exclude<TypedArray, BigInt64Array>, at);
}

/** The rows of a raw tensor that `indices` name. */
export function rawRows({ dtype, shape, data }: PlainTensor, indices: readonly number[]): PlainTensor {
  const row = data.length / Math.max(shape[0]!, 1);
  const out = rawArray(dtype, row * indices.length);
  indices.forEach((index, i) => copyInto(out, i * row, data.subarray(index * row, (index + 1) * row)));
  return { dtype, shape: [indices.length, ...shape.slice(1)], data: out };
}

/**
 * Batches one after the other as one; undefined if they are of different kinds.
 */
export function rawConcat(parts: readonly PlainTensor[]): PlainTensor | undefined {
  const [first, ...rest] = parts;
  if (first === undefined || !rest.every((part) => part.dtype === first.dtype && sameDims(part.shape.slice(1), first.shape.slice(1)))) {
    return undefined;
  }
  const data = rawArray(
    first.dtype,
    parts.reduce((sum, part) => sum + part.data.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    copyInto(data, at, part.data);
    at += part.data.length;
  }
  const rows = parts.reduce((sum, part) => sum + part.shape[0]!, 0);
  return { dtype: first.dtype, shape: [rows, ...first.shape.slice(1)], data };
}
