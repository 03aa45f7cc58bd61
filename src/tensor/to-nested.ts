/** Elements of a tensor as nested JavaScript arrays: what `tolist()` returns. */
import type { DType, TypedArray } from '../base/dtype.ts';
import { ShapeError } from '../base/errors.ts';
import { numelOf, showShape } from '../base/shape.ts';

/** An element, or arrays of them as deep as the shape. */
export type Nested = number | bigint | boolean | readonly Nested[];

/**
 * The elements of a contiguous array as nested arrays; of a shape without dimensions, the only element itself. An
 * int64 becomes a number where that is exact, else a bigint; a bool becomes a boolean.
 *
 * @throws ShapeError if the array does not have as many elements as the shape
 */
export function toNested(data: TypedArray, shape: readonly number[], dtype: DType): Nested {
  if (data.length !== numelOf(shape)) {
    throw new ShapeError(`tolist: expected ${numelOf(shape)} elements for shape ${showShape(shape)}, but got ${data.length}`);
  }
  const convert = converterOf(dtype);
  let next = 0;
  const build = (dim: number): Nested => {
    if (dim === shape.length) return convert(data[next++]!);
    return Array.from({ length: shape[dim]! }, () => build(dim + 1));
  };
  return build(0);
}

function converterOf(dtype: DType): (value: number | bigint) => number | bigint | boolean {
  if (dtype === 'bool') return (value) => value !== 0;
  return dtype === 'int64' ? narrow : (value) => value;
}

function narrow(value: number | bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
