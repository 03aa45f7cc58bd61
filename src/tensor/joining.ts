/** Joining and splitting along the dimensions that have names of their own, and pieces of any number (torch.hstack, torch.tensor_split …). */
import { either, requireKind, WHOLE } from '../base/arguments.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { existingDim, showShape, type Dims } from '../base/shape.ts';
import { DIMS, requireTensor, TENSOR, TENSORS } from './arguments.ts';
import type { Call } from './calls.ts';
import { cat } from './functions.ts';
import { isTensor } from './is-tensor.ts';
import { atleast1d, atleast2d, atleast3d } from './rearrange.ts';
import type { Tensor } from './tensor.ts';
import { split } from './views.ts';

type List = readonly Tensor[];

function listed(op: string, tensors: List): List {
  requireKind(op, 'the tensors', tensors, TENSORS, `write ${op}([a, b])`);
  if (tensors.length === 0) throw new ArgumentError(`${op}: expected at least one tensor, but got none`);
  return tensors;
}

/** Joins tensors along the second dimension, vectors along the first. */
export function hstack(tensors: List): Tensor {
  const list = atleast1d(listed('hstack', tensors));
  return cat(list, list[0]!.ndim === 1 ? 0 : 1);
}

/** Joins tensors along the first dimension; vectors are rows. */
export const vstack = (tensors: List): Tensor => cat(atleast2d(listed('vstack', tensors)), 0);

/** Joins tensors along the third dimension. */
export const dstack = (tensors: List): Tensor => cat(atleast3d(listed('dstack', tensors)), 2);

/** Joins tensors along the second dimension; vectors are columns. */
export function columnStack(tensors: List): Tensor {
  const columns = listed('columnStack', tensors).map((x) => (x.ndim < 2 ? x.reshape([x.layout.numel, 1]) : x));
  return cat(columns, 1);
}

interface TensorSplitCall {
  indicesOrSections: number | Dims | Tensor;
  dim?: number;
}
export type TensorSplitArguments = Call<[indicesOrSections: number | Dims | Tensor, dim?: number], TensorSplitCall>;
const SPLITS = { indicesOrSections: either(WHOLE, DIMS, TENSOR), dim: WHOLE };
const TENSOR_SPLIT = signature<TensorSplitCall>('tensorSplit', SPLITS, { required: 1, example: 'tensorSplit(3, 1)' });

/** As many pieces as a number says, the first ones one larger where it does not divide; or cut at the indices of a list. */
export function tensorSplit(x: Tensor, ...args: TensorSplitArguments): Tensor[];
export function tensorSplit(x: Tensor, ...args: readonly unknown[]): Tensor[] {
  requireTensor('tensorSplit', 'the input', x);
  const { indicesOrSections: given, dim = 0 } = readCall<TensorSplitCall>(TENSOR_SPLIT, args);
  if (x.ndim === 0) throw new ShapeError('tensorSplit: expected a tensor with dimensions, but got a scalar');
  const axis = existingDim('tensorSplit', dim, x.ndim);
  const size = x.layout.shape[axis]!;
  const value = isTensor(given)
    ? given.ndim === 0
      ? given.item()
      : Array.from(given.toTypedArray() as ArrayLike<number | bigint>, Number)
    : given;
  if (typeof value === 'number') {
    if (!(value >= 1 && value < 2 ** 24))
      throw new ArgumentError(`tensorSplit: expected at least one piece and fewer than 2^24, but got ${value}`);
    const [least, more] = [Math.floor(size / value), size % value];
    return split(
      x,
      Array.from({ length: value }, (_, i) => least + Number(i < more)),
      axis,
    );
  }
  const clip = (at: number): number => Math.min(Math.max(at < 0 ? at + size : at, 0), size);
  const cuts = [0, ...value.map(clip), size];
  return cuts.slice(1).map((end, i) => x.narrow(axis, Math.min(cuts[i]!, size), Math.max(end - cuts[i]!, 0)));
}

function splitAt(op: string, x: Tensor, given: unknown, dim: number, least: number): Tensor[] {
  requireTensor(op, 'the input', x);
  const { indicesOrSections: value } = readCall<{ indicesOrSections: number | Dims }>({ ...SPLIT_AT, op }, [given]);
  if (x.ndim < least) throw new ShapeError(`${op}: expected at least ${least} dimensions, but got shape ${showShape(x.layout.shape)}`);
  const size = x.layout.shape[dim]!;
  if (typeof value === 'number' && !(value > 0 && size % value === 0))
    throw new ArgumentError(`${op}: ${value} pieces do not divide dimension ${dim}, of size ${size}; use tensorSplit()`);
  return tensorSplit(x, value, dim);
}
const SPLIT_AT = signature<{ indicesOrSections: number | Dims }>('hsplit', { indicesOrSections: either(WHOLE, DIMS) }, { required: 1 });

/** Equal pieces, or pieces cut at indices, along the second dimension; of a vector along the first. */
export function hsplit(x: Tensor, indicesOrSections: number | Dims): Tensor[] {
  requireTensor('hsplit', 'the input', x);
  return splitAt('hsplit', x, indicesOrSections, x.ndim === 1 ? 0 : 1, 1);
}
/** Equal pieces, or pieces cut at indices, along the first dimension. */
export const vsplit = (x: Tensor, indicesOrSections: number | Dims): Tensor[] => splitAt('vsplit', x, indicesOrSections, 0, 2);
/** Equal pieces, or pieces cut at indices, along the third dimension. */
export const dsplit = (x: Tensor, indicesOrSections: number | Dims): Tensor[] => splitAt('dsplit', x, indicesOrSections, 2, 3);
