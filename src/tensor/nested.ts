/** Nested arrays as the values of a tensor: their shape, their dtype, their elements in order. */
import { show, wrongArgument } from '../base/arguments.ts';
import type { DType } from '../base/dtype.ts';
import { ShapeError } from '../base/errors.ts';
import type { Dims } from '../base/shape.ts';

/** Nested arrays of one kind of element, as deep as the tensor has dimensions. */
export type Nested<T> = T | readonly Nested<T>[];

/** The most dimensions of a tensor: PyTorch's operations have the same limit. */
export const MAX_DIMS = 64;

type List = ArrayLike<unknown>;

/** Arrays, and typed arrays among them. */
const isList = (value: unknown): value is List => Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));

/**
 * The lengths of the first arrays on each level.
 * @throws ShapeError for arrays nested too deep, as one that contains itself is
 */
export function nestedShape(values: unknown): number[] {
  const shape: number[] = [];
  for (let level = values; isList(level); level = level[0]) {
    if (shape.length === MAX_DIMS) {
      throw new ShapeError(
        `tensor: arrays are nested more than ${MAX_DIMS} deep, or one contains itself; a tensor has at most ${MAX_DIMS} dimensions`,
      );
    }
    shape.push(level.length);
    if (level.length === 0) break;
  }
  return shape;
}

/**
 * Calls `visit` with the elements in row-major order.
 * @throws ShapeError for arrays of unequal lengths
 * @throws ArgumentError for elements that are neither numbers, bigints nor booleans
 */
export function eachElement(values: unknown, shape: Dims, visit: (element: unknown, i: number) => void): void {
  let count = 0;
  const walk = (value: unknown, depth: number): void => {
    const expected = shape[depth];
    if (expected === undefined) {
      requireElement(value, depth);
      visit(value, count++);
      return;
    }
    if (!isList(value)) throw ragged(depth, expected, 'a single value');
    if (value.length !== expected) throw ragged(depth, expected, `length ${value.length}`);
    for (let i = 0; i < expected; i++) walk(value[i], depth + 1);
  };
  walk(values, 0);
}

function requireElement(value: unknown, depth: number): void {
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return;
  if (isList(value)) throw ragged(depth, 0, 'an array');
  const isTensor = show(value).startsWith('a tensor');
  const remedy = isTensor ? 'use stack([a, b]), or item() for its number' : '';
  throw wrongArgument('tensor', 'every element', 'a number, a bigint or true or false', value, remedy);
}

function ragged(depth: number, expected: number, came: string): ShapeError {
  return new ShapeError(`tensor: arrays at depth ${depth} must all have length ${expected} (as the first one), but got ${came}`);
}

/** Numbers make float32, bigints int64, booleans bool; the widest of a mixture wins. */
export function nestedDType(values: unknown, shape: Dims): DType {
  let rank = 0;
  eachElement(values, shape, (element) => {
    rank = Math.max(rank, typeof element === 'boolean' ? 1 : typeof element === 'bigint' ? 2 : 3);
  });
  return rank === 1 ? 'bool' : rank === 2 ? 'int64' : 'float32';
}
