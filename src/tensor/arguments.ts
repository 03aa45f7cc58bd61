/** Checks of tensors' arguments, with the kinds that `base/arguments.ts` cannot know. */
import { arrayOf, BOOL, either, isRecord, kind, NUMBER, oneOf, orNull, requireKind, requireOptions, WHOLE, wrongArgument, type Kind } from '../base/arguments.ts'; // prettier-ignore
import { DTYPES, isFloating } from '../base/dtype.ts';
import { ArgumentError, DTypeError } from '../base/errors.ts';
import { Generator } from './random/generator.ts';
import { isTensor } from './is-tensor.ts';
import type { Tensor } from './tensor.ts';

export const TENSOR: Kind = kind('a tensor', (value) => isTensor(value));
export const TENSOR_OR_NULL: Kind = orNull(TENSOR);
export const TENSOR_OR_NUMBER: Kind = either(TENSOR, NUMBER);
export const TENSORS: Kind = arrayOf(TENSOR, 'tensors');
export const DTYPE: Kind = oneOf(...DTYPES);
export const DIMS: Kind = arrayOf(WHOLE, 'whole numbers');
export const GENERATOR: Kind = kind('a Generator', (value) => value instanceof Generator);

/** What is checked with others, after the call has been read: all but an object that stands for arguments by name. */
export const checkedLater = ({ expected }: Kind): Kind => kind(expected, (value) => isTensor(value) || !isRecord(value));

/** A list of sizes, as `view` and `expand` take it: one array, or numbers. */
export function requireDims(op: string, name: string, value: unknown): void {
  requireKind(op, name, value, DIMS);
}

/** @throws ArgumentError unless this is a tensor; for those who look at its shape before an operation does */
export function requireTensor(op: string, name: string, value: unknown, remedy = ''): asserts value is Tensor {
  if (!isTensor(value)) throw wrongArgument(op, name, 'a tensor', value, remedy);
}

/** @throws DTypeError unless this is a floating-point tensor */
export function requireFloatTensor(op: string, { dtype }: Tensor): void {
  if (!isFloating(dtype)) throw new DTypeError(`${op}: expected a floating-point tensor, but got ${dtype}; convert it with .to('float32')`);
}

/** Whole numbers become float32, as PyTorch's functions of floats take them. */
export const asFloats = (x: Tensor): Tensor => (isFloating(x.dtype) ? x : x.to('float32'));

/** The input of such a function, checked. @throws ArgumentError unless it is a tensor */
export function floatInput(op: string, x: Tensor): Tensor {
  requireTensor(op, 'the input', x);
  return asFloats(x);
}

/** What {@link refuseMore} says of functions along a dimension, where PyTorch also takes a dtype. */
export const ONE_DIM = "one dimension; convert the input with .to('float64') for another dtype";

/** One dimension or several. */
export const DIM_OR_DIMS = either(WHOLE, DIMS);

const ALPHA = { alpha: NUMBER };

/** `{ alpha }`, 1 when left out. */
export const alphaOf = (op: string, options: unknown): number =>
  requireOptions<{ alpha?: number }>(op, options, ALPHA, '{ alpha: 2 }').alpha ?? 1;

/** An element as `item` gives it by choice. */
export function asBigInt(value: number | bigint, options: unknown): number | bigint {
  const { bigint = false } = requireOptions<{ bigint?: boolean }>('item', options, { bigint: BOOL }, '{ bigint: true }');
  if (!bigint) return Number(value);
  if (!Number.isInteger(Number(value))) throw new ArgumentError(`item: ${value} is no whole number, so it has no bigint`);
  return BigInt(value);
}
