/** What is said of an index out of range, by every operation that takes indices. */
import { IndexError } from '../base/errors.ts';

export interface IndexPlace {
  /** The operation, as its caller knows it. */
  readonly caller: string;
  readonly dim: number;
  readonly size: number;
  /** Whether negative indices count from the end. */
  readonly wraps: boolean;
}

/** Whether an index is none of a dimension of this size, counted from its start. */
export const isOutside = (size: number, index: bigint): boolean => index < 0n || index >= BigInt(size);

/** Whether an index has no place in the dimension. */
export const isOutOfRange = ({ size, wraps }: IndexPlace, index: bigint): boolean =>
  isOutside(size, wraps && index < 0n ? index + BigInt(size) : index);

/** The error of an index along a dimension; without an index, where there is none that could be right. */
export function outOfRange({ caller, dim, size, wraps }: IndexPlace, index?: bigint): IndexError {
  const what = index === undefined ? 'every index' : `index ${index}`;
  const place = `${caller}: ${what} is out of range for dimension ${dim} of size ${size}`;
  if (size === 0) return new IndexError(`${place}, which has no elements; pass no indices, or an input that has elements`);
  const expected = `expected ${wraps ? `${-size}` : '0'} to ${size - 1}`;
  const fromEnd = index !== undefined && !wraps && index < 0n && index >= -BigInt(size);
  const remedy = fromEnd
    ? `this operation does not count from the end: add ${size} to negative indices`
    : `check where the indices come from, or bring them into range with clamp(0, ${size - 1})`;
  return new IndexError(`${place}: ${expected}; ${remedy}`);
}

/** The error of a class index as the target of a loss. */
export function wrongTarget(op: string, classes: number, ignoreIndex: number, target: bigint): IndexError {
  return new IndexError(
    `${op}: target ${target} is out of range: the input has ${classes} classes, so targets are 0 to ${classes - 1}, ` +
      `or ignoreIndex (${ignoreIndex}) for positions that do not count`,
  );
}

/** The error of a class that `oneHot` has no place for. */
export function wrongClass(classes: number, label: bigint): IndexError {
  const remedy = label < 0n ? 'classes are counted from 0' : `pass numClasses of at least ${label + 1n}`;
  return new IndexError(`oneHot: class ${label} is out of range for numClasses ${classes}: expected 0 to ${classes - 1}; ${remedy}`);
}
