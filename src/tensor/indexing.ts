/**
 * Indexing: Python's `x[1, :, 2:6]` written `x.at(1, ':', '2:6')`, and assignment to such a part. Numbers, slices, `null` and
 * `'...'` give views; lists, tensors of indices and masks pick elements: see `picking.ts`.
 */
import { moved } from './transfer.ts';
import { BOOL, requireKind, requireOptions, show, WHOLE, type OptionKinds } from '../base/arguments.ts';
import { ArgumentError, DTypeError, IndexError } from '../base/errors.ts';
import { showShape } from '../base/shape.ts';
import { outOfRange } from '../geometry/index-error.ts';
import { isTensor } from './is-tensor.ts';
import { hostTensor, tensor } from './create.ts';
import { family } from './family.ts';
import type { Pick } from './picking.ts';
import { activeRecorder } from './recorder.ts';
import type { Tensor } from './tensor.ts';
import { narrow, select, unsqueeze } from './views.ts';

/** Part of one dimension, like Python's `start:stop:step`. */
export interface Slice {
  readonly start: number | undefined;
  readonly stop: number | undefined;
  readonly step: number;
}

/** Indices, or truth values, in arrays of any depth. */
export type IndexList = readonly (number | boolean | IndexList)[];

/**
 * One index, as in PyTorch:
 * - a number, or a tensor of one whole number without dimensions, picks one slice and drops the dimension; negative counts from the end
 * - `slice(1, 5)` or `'1:5'`, `'::2'`, `':'`: part of a dimension
 * - `null` puts in a dimension of size 1; `'...'` stands for all dimensions not named
 * - an array of numbers, or an int64 or int32 tensor, picks elements along a dimension; several of them are broadcast together and pick
 *   element by element
 * - a mask (a bool or uint8 tensor, an array of booleans, a boolean) picks where it is true, along as many dimensions as it has
 */
export type Index = number | boolean | Slice | string | null | IndexList | Tensor;

export interface SetAtOptions {
  /** Add to what is there, once for each time that an index occurs. Default false: the last of equal indices wins. */
  readonly accumulate?: boolean;
}

const SET_AT: OptionKinds<SetAtOptions> = { accumulate: BOOL };

/** `start:stop:step` as a value; leave out what Python leaves out. */
export const slice = (start?: number | null, stop?: number | null, step?: number | null): Slice => ({
  start: start ?? undefined,
  stop: stop ?? undefined,
  step: step ?? 1,
});

function parseSlice(op: string, text: string): Slice {
  const parts = text.split(':').map((part) => part.trim());
  const numbers = parts.map((part) => (part === '' ? undefined : Number(part)));
  if (parts.length < 2 || parts.length > 3 || numbers.some((n) => n !== undefined && !Number.isInteger(n))) {
    throw new ArgumentError(`${op}: '${text}' is not a slice; write 'start:stop', 'start:stop:step', ':' or '...'`);
  }
  return slice(numbers[0], numbers[1], numbers[2]);
}

/** Python's rule: bounds outside are clipped, negative ones count from the end. */
function applySlice(op: string, x: Tensor, dim: number, { start, stop, step }: Slice): Tensor {
  if (!Number.isInteger(step) || step < 1) throw new ArgumentError(`${op}: a slice's step must be a whole number ≥ 1, but got ${step}`);
  const size = x.layout.shape[dim]!;
  const clip = (bound: number): number => Math.min(Math.max(bound < 0 ? bound + size : bound, 0), size);
  const from = clip(start ?? 0);
  const to = Math.max(clip(stop ?? size), from);
  return narrow(x, dim, from, Math.ceil((to - from) / step), step);
}

/** An index in its final form. */
type Part = number | boolean | Slice | null | Tensor;

/** As in PyTorch, bytes are truth values. */
const isMask = ({ dtype }: Tensor): boolean => dtype === 'bool' || dtype === 'uint8';

function partOf(op: string, index: Index): Part {
  if (typeof index === 'string') return parseSlice(op, index);
  if (Array.isArray(index)) return listed(op, index);
  if (index === null || typeof index === 'number' || typeof index === 'boolean') return index;
  if (isTensor(index)) {
    if (isMask(index) || index.dtype === 'int64' || index.dtype === 'int32') return index;
    throw new DTypeError(
      `${op}: expected an index tensor of dtype int64, int32 or bool, but got ${index.dtype}; convert it with .to('int64')`,
    );
  }
  if (typeof index === 'object' && 'step' in index) {
    for (const bound of [index.start, index.stop, index.step])
      if (bound !== undefined) requireKind(op, "a slice's bounds and step", bound, WHOLE);
    return index;
  }
  throw new ArgumentError(`${op}: ${show(index)} is no index; expected a number, a slice, a list, a tensor, a boolean, null or '...'`);
}

/** A list as a tensor: of indices, or a mask. */
function listed(op: string, list: IndexList): Tensor {
  const leaves = new Set<string>();
  const visit = (value: unknown, depth: number): void => {
    if (depth > MAX_DEPTH) throw new ArgumentError(`${op}: a list of indices is nested more than ${MAX_DEPTH} deep`);
    if (Array.isArray(value)) for (const inner of value) visit(inner, depth + 1);
    else if (typeof value === 'boolean' || Number.isSafeInteger(value)) leaves.add(typeof value);
    else throw new IndexError(`${op}: ${show(value)} in a list is no index; expected whole numbers, or booleans`);
  };
  visit(list, 0);
  if (leaves.size > 1) throw new IndexError(`${op}: a list of indices has numbers or booleans, not both`);
  return tensor(list, { dtype: leaves.has('boolean') ? 'bool' : 'int64' });
}

const MAX_DEPTH = 64;

/** How many dimensions an index is about. */
const coveredBy = (part: Part | '...'): number =>
  part === null || part === '...' || typeof part === 'boolean' ? 0 : isTensor(part) && isMask(part) ? part.ndim : 1;

/** Indices may lie on the CPU whatever they index, as in PyTorch. */
const beside = (x: Tensor, part: Part): Part => (isTensor(part) ? moved(part, x.storage.device) : part);

/** Indices in their final form, `'...'` written out. */
function normalize(op: string, x: Tensor, indices: readonly Index[]): Part[] {
  const parts = indices.map((index) => (index === '...' ? index : beside(x, partOf(op, index))));
  const uses = parts.reduce<number>((n, part) => n + coveredBy(part), 0);
  if (uses > x.ndim)
    throw new IndexError(`${op}: ${uses} indices for a tensor with ${x.ndim} dimensions, of shape ${showShape(x.layout.shape)}`);
  if (parts.filter((part) => part === '...').length > 1) throw new IndexError(`${op}: '...' can be used once only`);
  return parts.flatMap((part): Part[] => (part === '...' ? Array.from({ length: x.ndim - uses }, () => slice()) : [part]));
}

/** What numbers, slices and `null` leave of a tensor, and what is to be picked of that. */
function prepared(op: string, x: Tensor, indices: readonly Index[]): { view: Tensor; picks: Pick[] } {
  const picks: Pick[] = [];
  let view = x;
  /** Dimension of the view, and of `x`, that comes next. */
  let at = 0;
  let dim = 0;
  const add = (span: number, rest: Pick['index'] | { readonly mask: Tensor }, scalar = false): void => {
    const sizes = view.layout.shape.slice(at, at + span);
    picks.push({
      at,
      dim,
      sizes,
      scalar,
      ...(typeof rest === 'function' ? { index: rest } : { index: () => family('picking').trueIndices(rest.mask), mask: rest.mask }),
    });
    at += span;
  };
  for (const part of normalize(op, x, indices)) {
    if (part === null) view = unsqueeze(view, at++);
    else if (typeof part === 'number') view = selected(op, view, at, dim, part);
    else if (typeof part === 'boolean' || (isTensor(part) && isMask(part) && part.ndim === 0)) {
      const holds = typeof part === 'boolean' ? part : part.item() !== 0;
      view = unsqueeze(view, at);
      add(1, () => hostTensor(BigInt64Array.from(holds ? [0n] : []), [holds ? 1 : 0], 'int64', x.storage.device));
    } else if (!isTensor(part)) view = applySlice(op, view, at++, part);
    else if (isMask(part)) {
      checkMask(op, view, at, part);
      add(part.ndim, { mask: part });
    } else if (part.ndim === 0 && activeRecorder() === undefined) {
      view = selected(op, view, at, dim, part.item());
    } else add(1, () => part, part.ndim === 0);
    dim += coveredBy(part);
  }
  return { view, picks };
}

function selected(op: string, view: Tensor, at: number, dim: number, index: number): Tensor {
  const size = view.layout.shape[at]!;
  if (!Number.isInteger(index)) throw new IndexError(`${op}: index ${index} is not a whole number`);
  if (index < -size || index >= size) throw outOfRange({ caller: op, dim, size, wraps: true }, BigInt(index));
  return select(view, at, index);
}

function checkMask(op: string, view: Tensor, at: number, mask: Tensor): void {
  const covered = view.layout.shape.slice(at, at + mask.ndim);
  if (covered.join() === mask.layout.shape.join()) return;
  throw new IndexError(`${op}: a mask of shape ${showShape(mask.layout.shape)} does not fit the dimensions ${showShape(covered)}`);
}

/** The part of `x` at `indices`. */
export function at(x: Tensor, indices: readonly Index[]): Tensor {
  const { view, picks } = prepared('at', x, indices);
  return picks.length === 0 ? view : family('picking').pick('at', view, picks);
}

/** Assigns to the part of `x` at `indices`, in place. A value of another shape is broadcast. */
export function setAt(x: Tensor, indices: readonly Index[], value: Tensor | number, options: SetAtOptions = {}): void {
  const { accumulate = false } = requireOptions<SetAtOptions>('setAt', options, SET_AT, '{ accumulate: true }');
  if (typeof value !== 'number' && !isTensor(value))
    throw new ArgumentError(`setAt: expected a number or a tensor as value, but got ${show(value)}`);
  const { view, picks } = prepared('setAt', x, indices);
  if (picks.length > 0) family('picking').assignPicked(view, picks, value, accumulate);
  else if (accumulate) view.add_(value);
  else if (typeof value === 'number') view.fill_(value);
  else view.copy_(withoutLeadingOnes(value, view.ndim));
}

/** As in Python, a value may have more dimensions of size 1 in front than what it is assigned to. */
export function withoutLeadingOnes(value: Tensor, ndim: number): Tensor {
  const { shape } = value.layout;
  const surplus = shape.length - ndim;
  return surplus > 0 && shape.slice(0, surplus).every((size) => size === 1) ? value.reshape(shape.slice(surplus)) : value;
}
