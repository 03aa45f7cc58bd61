/** What convolutions, poolings and pads of one to three dimensions share: arguments of several sizes, slices, constant tables on devices. */
import { either, kind, type Kind } from '../base/arguments.ts';
import { ShapeError } from '../base/errors.ts';
import { Recent } from '../base/recent.ts';
import { say, WRONG_RANK } from '../base/sentences.ts';
import { showSizes } from '../base/shape.ts';
import type { TypedArray } from '../base/dtype.ts';
import { padParams } from '../geometry/indexing.ts';
import { hostTensor } from '../tensor/create.ts';
import { apply1 } from '../tensor/dispatch.ts';
import { indexing } from '../tensor/families/indexing.ts';
import { narrow } from '../tensor/views.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** One size for all directions, or one for each. */
export type Sizes = number | readonly number[];

/** One of a kind for all of n directions, or n of them (for one direction also an array of one). */
export const sizesOf = (n: number, of: Kind): Kind =>
  either(
    of,
    kind(`an array of ${n}`, (value) => Array.isArray(value) && value.length === n && value.every((v) => of.accepts(v))),
  );

/** n numbers. */
export const each = (sizes: Sizes, n: number): number[] => (typeof sizes === 'number' ? new Array<number>(n).fill(sizes) : [...sizes]);

/** Checks an input [N, C, …n sizes] or [C, …n sizes]; a single sample gets a batch dimension for the time. */
export function withBatch(op: string, x: Tensor, n: number, run: (x: Tensor) => Tensor): Tensor {
  requireRank(op, x, n);
  return x.ndim === n + 1 ? run(x.unsqueeze(0)).squeeze(0) : run(x);
}

export function requireRank(op: string, x: Tensor, n: number): void {
  if (x.ndim === n + 1 || x.ndim === n + 2) return;
  throw new ShapeError(say(WRONG_RANK, op, `${n + 1}-d or ${n + 2}-d`, showSizes(x.layout.shape)));
}

/** Elements `start, start + step, …`, `count` of them, along a dimension: a view. */
export function strided(x: Tensor, dim: number, start: number, step: number, count: number): Tensor {
  return narrow(x, dim, start, count, step);
}

/** Zeros (or a value) before and after along one dimension; negative numbers cut. */
export function padded(x: Tensor, dim: number, before: number, after: number, value = 0): Tensor {
  if (before === 0 && after === 0) return x;
  const pads = new Array<number>(2 * (x.ndim - 1 - dim)).fill(0);
  return apply1(indexing.pad, [x], padParams([...pads, before, after]), [value]);
}

/** The transpose of {@link strided}: the elements of x at `start, start + step, …` of `size` zeros; those outside are cut. */
export function placed(x: Tensor, dim: number, start: number, step: number, size: number): Tensor {
  let y = x;
  let length = x.layout.shape[dim]!;
  if (step > 1) {
    const shape = x.layout.shape;
    const apart = padded(x.unsqueeze(dim + 1), dim + 1, 0, step - 1);
    y = apart.reshape([...shape.slice(0, dim), length * step, ...shape.slice(dim + 1)]);
    length = (length - 1) * step + 1;
    y = y.narrow(dim, 0, length);
  }
  return padded(y, dim, start, size - start - length);
}

const tables = new WeakMap<object, Recent<string, Tensor>>();

/** A tensor of numbers that only `key` determines, made once for the device of x. */
export function table(
  x: Tensor,
  key: string,
  make: () => { data: TypedArray; shape: readonly number[]; dtype: 'int64' | 'float32' | 'float64' },
): Tensor {
  const { device } = x.storage;
  let known = tables.get(device);
  if (known === undefined) tables.set(device, (known = new Recent(64)));
  let found = known.get(key);
  if (found === undefined) {
    const { data, shape, dtype } = make();
    found = hostTensor(data, shape, dtype, device) as Tensor;
    if (data.length <= 4096) known.set(key, found);
  }
  return found;
}

/** Whole numbers as an index. */
export const indexTable = (x: Tensor, key: string, numbers: () => readonly number[]): Tensor =>
  table(x, key, () => {
    const list = numbers();
    return { data: BigInt64Array.from(list, BigInt), shape: [list.length], dtype: 'int64' };
  });
