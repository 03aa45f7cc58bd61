/** Data sets whose samples are rows of tensors. */
import { ARRAY, requireKind, show } from '../base/arguments.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { showShape } from '../base/shape.ts';
import { requireTensor } from '../tensor/arguments.ts';
import { fromTypedArray } from '../tensor/create.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { requireIndex, type Dataset, type DatasetDescription } from './dataset.ts';
import type { PlainTensor } from './raw.ts';
import '../tensor/families/picking.ts';

/** One row of each tensor. */
type Rows<T extends readonly Tensor[]> = { -readonly [K in keyof T]: Tensor };

/**
 * Samples that are the rows of tensors of equal length.
 *
 * @throws {@link ShapeError} if there are none, one has no dimension, or their lengths differ
 * @example
 * ```ts
 * import { arange, data, randn } from 'flambeau';
 *
 * const set = new data.TensorDataset(randn(100, 3), arange(100));
 * const [x, y] = set.get(7);
 * console.log(x.shape, y.item()); // [ 3 ] 7
 * const [xs, ys] = set.at('0:64'); // set[0:64]
 * console.log(xs.shape, ys.shape); // [ 64, 3 ] [ 64 ]
 * ```
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.TensorDataset
 */
export class TensorDataset<T extends readonly Tensor[] = [Tensor, Tensor]> implements Dataset<Rows<T>> {
  readonly tensors: T;
  readonly length: number;

  constructor(...tensors: T) {
    for (const tensor of tensors) requireTensor('TensorDataset', 'every argument', tensor, 'write new data.TensorDataset(images, labels)');
    const length = (tensors[0]?.shape as readonly number[] | undefined)?.[0];
    if (length === undefined) throw new ShapeError('TensorDataset: expected tensors with at least one dimension');
    if (tensors.some((tensor) => tensor.ndim === 0 || tensor.size(0) !== length)) {
      const shapes = tensors.map((tensor) => showShape(tensor.shape as readonly number[])).join(', ');
      throw new ShapeError(`TensorDataset: expected tensors of equal length, but got shapes ${shapes}`);
    }
    this.tensors = tensors;
    this.length = length;
  }

  get(index: number): Rows<T> {
    if (typeof (index as unknown) === 'string')
      throw new ArgumentError(`TensorDataset.get: expected a whole number, but got ${show(index)}; write at(${show(index)})`);
    requireIndex('TensorDataset.get', index, this.length);
    return this.tensors.map((tensor) => tensor.select(0, index)) as Rows<T>;
  }

  /** Sample `3`, or those of a slice such as `'0:64'`, as `Tensor.at` takes them: Python's `set[0:64]`. */
  at(index: number | string): Rows<T> {
    return this.tensors.map((tensor) => tensor.at(index)) as Rows<T>;
  }

  getBatch(indices: readonly number[]): Tensor[] {
    requireKind('TensorDataset.getBatch', 'the indices', indices, ARRAY);
    for (const index of indices) requireIndex('TensorDataset.get', index, this.length);
    const rows = fromTypedArray(BigInt64Array.from(indices, BigInt)) as Tensor;
    return this.tensors.map((tensor) => tensor.detach().indexSelect(0, rows));
  }

  describe(): DatasetDescription {
    const raw = this.tensors.map((tensor): PlainTensor => {
      return { dtype: tensor.dtype, shape: [...(tensor.shape as readonly number[])], data: tensor.toTypedArray() };
    });
    return { data: { kind: 'rows', raw } };
  }
}
