/**
 * Indexing: Python's `x[1, :, 2:6]` written `x.at(1, ':', '2:6')`, and assignment to such a part.
 * Numbers, slices, `null` and `'...'` give views; lists and tensors of indices or booleans gather copies, as in NumPy.
 */
import { ArgumentError, DTypeError, IndexError } from '../base/errors.ts';
import { showShape } from '../base/shape.ts';
import { fromTypedArray } from './create.ts';
import { cat } from './functions.ts';
import type { Tensor } from './tensor.ts';
import { narrow, select, unsqueeze } from './views.ts';

/** Part of one dimension, like Python's `start:stop:step`. */
export interface Slice {
  readonly start: number | undefined;
  readonly stop: number | undefined;
  readonly step: number;
}

/**
 * One index:
 * - a number picks one slice and drops the dimension; negative counts from the end
 * - `slice(1, 5)` or `'1:5'`, `'::2'`, `':'`: part of a dimension
 * - `null` puts in a dimension of size 1; `'...'` stands for all dimensions not named
 * - an array of numbers, an int64 tensor, or a bool tensor picks elements along a dimension
 */
export type Index = number | Slice | string | null | readonly number[] | Tensor;

/** `start:stop:step` as a value; leave out what Python leaves out. */
export const slice = (start?: number, stop?: number, step = 1): Slice => ({ start, stop, step });

function parseSlice(text: string): Slice {
  const parts = text.split(':').map((part) => part.trim());
  const numbers = parts.map((part) => (part === '' ? undefined : Number(part)));
  if (parts.length < 2 || parts.length > 3 || numbers.some((n) => n !== undefined && !Number.isInteger(n))) {
    throw new ArgumentError(`at: '${text}' is not a slice; write 'start:stop', 'start:stop:step', ':' or '...'`);
  }
  return slice(numbers[0], numbers[1], numbers[2]);
}

/** Python's rule: bounds outside are clipped, negative ones count from the end. */
function applySlice(x: Tensor, dim: number, { start, stop, step }: Slice): Tensor {
  if (!Number.isInteger(step) || step < 1)
    throw new ArgumentError(`at: a slice's step must be a whole number ≥ 1, but got ${step}`);
  const size = x.layout.shape[dim]!;
  const clip = (bound: number): number => Math.min(Math.max(bound < 0 ? bound + size : bound, 0), size);
  const from = clip(start ?? 0);
  const to = Math.max(clip(stop ?? size), from);
  return narrow(x, dim, from, Math.ceil((to - from) / step), step);
}

type Part = number | Slice | null | Tensor;

/** Texts and lists in their final form, `'...'` written out. */
function normalize(x: Tensor, indices: readonly Index[]): Part[] {
  const uses = indices.reduce<number>(
    (n, index) => n + (index === null || index === '...' ? 0 : isMask(index) ? (index as Tensor).ndim : 1),
    0,
  );
  if (uses > x.ndim)
    throw new IndexError(
      `at: ${uses} indices for a tensor with ${x.ndim} dimensions, of shape ${showShape(x.layout.shape)}`,
    );
  if (indices.filter((index) => index === '...').length > 1) throw new IndexError("at: '...' can be used once only");
  return indices.flatMap((index): Part[] => {
    if (index === '...') return Array.from({ length: x.ndim - uses }, () => slice());
    if (typeof index === 'string') return [parseSlice(index)];
    if (Array.isArray(index)) return [fromTypedArray(BigInt64Array.from(index as number[], BigInt))];
    return [index as Part];
  });
}

const isTensor = (index: unknown): index is Tensor => typeof index === 'object' && index !== null && 'layout' in index;
const isMask = (index: unknown): boolean => isTensor(index) && index.dtype === 'bool';

/** The part of `x` at `indices`. */
export function at(x: Tensor, indices: readonly Index[]): Tensor {
  let result = x;
  let dim = 0;
  for (const part of normalize(x, indices)) {
    if (part === null) result = unsqueeze(result, dim++);
    else if (typeof part === 'number') result = select(result, dim, part);
    else if (!isTensor(part)) result = applySlice(result, dim++, part);
    else {
      result = gatherAlong(result, dim, part);
      dim += isMask(part) ? 1 : part.ndim;
    }
  }
  return result;
}

/** Picks along one dimension by a tensor of indices, or along several by a mask of their shape. */
function gatherAlong(x: Tensor, dim: number, index: Tensor): Tensor {
  const lead = x.layout.shape.slice(0, dim);
  if (isMask(index)) {
    const covered = x.layout.shape.slice(dim, dim + index.ndim);
    if (covered.join() !== index.layout.shape.join()) {
      throw new IndexError(
        `at: a mask of shape ${showShape(index.layout.shape)} does not fit the dimensions ${showShape(covered)}`,
      );
    }
    const flat = x.reshape([...lead, index.numel(), ...x.layout.shape.slice(dim + index.ndim)]);
    return flat.indexSelect(dim, maskToIndex(index));
  }
  if (index.dtype !== 'int64' && index.dtype !== 'int32' && index.dtype !== 'uint8') {
    throw new DTypeError(
      `at: expected an index tensor of dtype int64 or bool, but got ${index.dtype}; convert it with .to('int64')`,
    );
  }
  const size = x.layout.shape[dim]!;
  const host = index.to('int64').toTypedArray() as BigInt64Array;
  const wrapped = host.map((i) => (i < 0n ? i + BigInt(size) : i));
  const picked = x.indexSelect(dim, fromTypedArray(wrapped));
  return index.ndim === 1 ? picked : picked.reshape([...lead, ...index.layout.shape, ...x.layout.shape.slice(dim + 1)]);
}

function maskToIndex(mask: Tensor): Tensor {
  const places: bigint[] = [];
  mask.toTypedArray().forEach((set, i) => {
    if (set !== 0) places.push(BigInt(i));
  });
  return fromTypedArray(BigInt64Array.from(places));
}

/** Where a bool or numeric tensor is not zero: one row of indices for each such element. */
export function nonzero(x: Tensor): Tensor {
  const flat = maskToIndex(x.ne(0)).toTypedArray() as BigInt64Array;
  const columns: Tensor[] = [];
  let step = 1;
  for (let d = x.ndim - 1; d >= 0; d--) {
    const [size, by] = [BigInt(x.layout.shape[d]!), BigInt(step)];
    columns.unshift(fromTypedArray(flat.map((i) => (i / by) % size)).unsqueeze(1));
    step *= x.layout.shape[d]!;
  }
  return cat(columns, 1);
}

/** Assigns to the part of `x` at `indices`, in place. A value of another shape is broadcast. */
export function setAt(x: Tensor, indices: readonly Index[], value: Tensor | number): void {
  const parts = normalize(x, indices);
  const mask = parts.length === 1 ? parts[0] : undefined;
  if (isMask(mask) && typeof value === 'number') {
    x.maskedFill_(mask as Tensor, value);
    return;
  }
  const list = parts.findIndex(isTensor);
  if (list !== -1) {
    assignListed(x, parts, list, value);
    return;
  }
  const target = at(x, parts);
  if (typeof value === 'number') target.fill_(value);
  else target.copy_(value);
}

/** Lists are assigned one index after the other: the last of equal indices wins. */
function assignListed(x: Tensor, parts: readonly Part[], list: number, value: Tensor | number): void {
  const index = parts[list] as Tensor;
  const places = isMask(index) ? maskToIndex(index) : index.to('int64').reshape([-1]);
  if (index.ndim !== 1)
    throw new IndexError(
      'setAt: index tensors must have one dimension; assign through flatten() or a mask with a number',
    );
  const dim = parts.slice(0, list).filter((part) => typeof part !== 'number').length;
  (places.toTypedArray() as BigInt64Array).forEach((place, i) => {
    const target = at(x, parts.map((part, p) => (p === list ? Number(place) : part))); // prettier-ignore
    if (typeof value === 'number') target.fill_(value);
    else target.copy_(value.ndim > dim && value.ndim > target.ndim ? select(value, dim, i) : value);
  });
}
