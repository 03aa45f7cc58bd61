/**
 * Data sets: numbered samples (https://pytorch.org/docs/stable/data.html#map-style-datasets), and those made of others.
 *
 * A data set only has to say how many samples it has and give each. One that can write a whole batch into plain arrays does so in
 * `readBatch`, without a tensor for every sample; one that can be described by plain data also works in worker threads.
 */
import { ARRAY, arrayOf, FINITE, requireKind, requireOptions, show } from '../base/arguments.ts';
import { ArgumentError, IndexError, ShapeError } from '../base/errors.ts';
import { GENERATOR } from '../tensor/arguments.ts';
import { defaultGenerator, randperm, type Generator } from '../tensor/random/index.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { rawConcat, type PlainTensor } from './raw.ts';

/** Something now or later. */
export type MaybePromise<T> = T | Promise<T>;

/**
 * Numbered samples of type `T`: `[image, label]`, say. A data set of one's own extends this class, as in PyTorch, or is any object that has a length and
 * `get`; `instanceof` holds for both.
 * @see https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.Dataset
 * @example
 * import { data, tensor, type Tensor } from 'flambeau';
 * class Squares extends data.Dataset<[x: Tensor, y: number]> {
 *   readonly length = 10;
 *   get(index: number): [Tensor, number] {
 *     return [tensor([index]), index ** 2];
 *   }
 * }
 * for await (const [x, y] of new data.DataLoader(new Squares(), { batchSize: 5 })) console.log(x.shape, y.shape); // [ 5, 1 ] [ 5 ]
 */
export abstract class Dataset<T = unknown> {
  static [Symbol.hasInstance](value: unknown): boolean {
    return this === Dataset ? isDataset(value) : Function.prototype[Symbol.hasInstance].call(this, value);
  }

  abstract readonly length: number;
  /** Sample `index`, from 0 to `length - 1`. */
  abstract get(index: number): MaybePromise<T>;
  /**
   * A batch as plain arrays, collated as the loader would collate the samples (each first size is the number of samples); undefined
   * if this data set cannot, because of what its transform is.
   */
  readBatch?(indices: readonly number[]): MaybePromise<readonly PlainTensor[] | undefined>;
  /** A batch as tensors, for data sets that have their samples in one. Preferred to `readBatch`. */
  getBatch?(indices: readonly number[]): MaybePromise<readonly Tensor[]>;
  /** How a worker thread makes the data set again. @throws ArgumentError if it cannot */
  describe?(): DatasetDescription;
}

/** Whether a value has samples by number. */
function isDataset(value: unknown): boolean {
  const { get, length } = (value ?? {}) as { readonly get?: unknown; readonly length?: unknown };
  return typeof get === 'function' && Number.isInteger(length);
}

/** A data set as plain data. */
export interface DatasetDescription {
  /** URL of the module that exports `reviveDataset(data)`; undefined for the data sets of this file. */
  readonly module?: string;
  readonly data: unknown;
}

/** The type of a data set's samples. */
export type SampleOf<D> = D extends Dataset<infer T> ? T : never;

/** @throws {@link IndexError} unless `index` is one of `length` samples. */
export function requireIndex(operation: string, index: number, length: number): number {
  if (Number.isInteger(index) && index >= 0 && index < length) return index;
  const range = length === 0 ? 'it has no samples' : `expected 0 to ${length - 1}`;
  throw new IndexError(`${operation}: there is no sample ${show(index)}; ${range}`);
}

const LENGTHS = arrayOf(FINITE, 'numbers');

/** @throws {@link ArgumentError} unless the value has samples by number */
export function requireDataset(operation: string, value: unknown): void {
  if (isDataset(value)) return;
  throw new ArgumentError(
    `${operation}: expected a data set, which has a length and get(index), but got ${show(value)}; for an array use { length: array.length, get: (i) => array[i] }`,
  );
}

/** @throws {@link ArgumentError} with the remedy, since a data set has no description. */
export function describeDataset(dataset: Dataset): DatasetDescription {
  if (dataset.describe !== undefined) return dataset.describe();
  throw new ArgumentError(
    'DataLoader: this data set is your own code, which cannot be sent to a worker thread; use numWorkers: 0, ' +
      'or one of the library’s data sets',
  );
}

/**
 * Some of the samples of a data set, in a given order.
 *
 * @throws {@link IndexError} if an index is not one of its samples
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.Subset
 */
export class Subset<T> implements Dataset<T> {
  readonly dataset: Dataset<T>;
  readonly indices: readonly number[];
  // Present only where the data set has them, so that a loader sees what it can do.
  readonly readBatch?: NonNullable<Dataset<T>['readBatch']>;
  readonly getBatch?: NonNullable<Dataset<T>['getBatch']>;

  constructor(dataset: Dataset<T>, indices: readonly number[]) {
    requireDataset('Subset', dataset);
    requireKind('Subset', 'indices', indices, ARRAY);
    for (const index of indices) requireIndex('Subset', index, dataset.length);
    this.dataset = dataset;
    this.indices = indices;
    if (dataset.readBatch !== undefined) this.readBatch = (rows) => dataset.readBatch!(this.#map(rows));
    if (dataset.getBatch !== undefined) this.getBatch = (rows) => dataset.getBatch!(this.#map(rows));
  }

  get length(): number {
    return this.indices.length;
  }

  get(index: number): MaybePromise<T> {
    return this.dataset.get(this.#map([index])[0]!);
  }

  describe(): DatasetDescription {
    return { data: { kind: 'subset', of: describeDataset(this.dataset), indices: Int32Array.from(this.indices) } };
  }

  #map(rows: readonly number[]): number[] {
    requireKind('Subset.getBatch', 'the indices', rows, ARRAY);
    return rows.map((row) => this.indices[requireIndex('Subset.get', row, this.indices.length)]!);
  }
}

/**
 * Data sets one after the other.
 *
 * @throws {@link ArgumentError} if there are none
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.ConcatDataset
 */
export class ConcatDataset<T> implements Dataset<T> {
  readonly datasets: readonly Dataset<T>[];
  readonly length: number;
  // Present only where all data sets have it.
  readonly readBatch?: NonNullable<Dataset<T>['readBatch']>;

  constructor(datasets: readonly Dataset<T>[]) {
    requireKind('ConcatDataset', 'the argument', datasets, ARRAY, 'write new data.ConcatDataset([a, b])');
    for (const dataset of datasets) requireDataset('ConcatDataset', dataset);
    if (datasets.length === 0) throw new ArgumentError('ConcatDataset: expected at least one data set, but got none');
    this.datasets = datasets;
    this.length = datasets.reduce((sum, dataset) => sum + dataset.length, 0);
    if (datasets.every((dataset) => dataset.readBatch !== undefined)) this.readBatch = (rows) => this.#read(rows);
  }

  get(index: number): MaybePromise<T> {
    const [part, row] = this.#find(index);
    return this.datasets[part]!.get(row);
  }

  describe(): DatasetDescription {
    return { data: { kind: 'concat', of: this.datasets.map(describeDataset) } };
  }

  /** Which data set a sample is in, and its number there. */
  #find(index: number): [part: number, row: number] {
    let row = requireIndex('ConcatDataset.get', index, this.length);
    for (const [part, dataset] of this.datasets.entries()) {
      if (row < dataset.length) return [part, row];
      row -= dataset.length;
    }
    throw new IndexError(`ConcatDataset.get: a data set has become shorter than it was, so sample ${index} is gone`);
  }

  /** Stretches that lie in one data set are read at once; in order, so that random transforms draw in order. */
  async #read(indices: readonly number[]): Promise<readonly PlainTensor[] | undefined> {
    const stretches: { part: number; rows: number[] }[] = [];
    for (const [part, row] of indices.map((index) => this.#find(index))) {
      const last = stretches.at(-1);
      if (last?.part === part) last.rows.push(row);
      else stretches.push({ part, rows: [row] });
    }
    const batches: (readonly PlainTensor[])[] = [];
    for (const { part, rows } of stretches) {
      const batch = await this.datasets[part]!.readBatch!(rows);
      if (batch === undefined) return undefined;
      batches.push(batch);
    }
    const fields = batches[0]?.map((_, field) => rawConcat(batches.map((batch) => batch[field]!)));
    if (fields?.includes(undefined) === false) return fields as PlainTensor[];
    throw new ShapeError(
      'ConcatDataset: samples of its data sets have different shapes, so they cannot be one batch; make them equal, with Resize for images',
    );
  }
}

/**
 * Parts of a data set that do not overlap, of given lengths or fractions, drawn at random. Rounding leftovers go to the first parts,
 * one each.
 *
 * @param lengths - whole numbers that sum to the data set's length, or fractions that sum to 1
 * @throws {@link ArgumentError} if they do not
 * @example
 * ```ts
 * import { arange, data, manualSeed } from 'flambeau';
 *
 * manualSeed(0);
 * const [train, valid] = data.randomSplit(new data.TensorDataset(arange(10)), [0.8, 0.2]);
 * console.log(train!.length, valid!.length); // 8 2
 * ```
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.random_split
 */
export function randomSplit<T>(
  dataset: Dataset<T>,
  lengths: readonly number[],
  options: { readonly generator?: Generator } = {},
): Subset<T>[] {
  requireDataset('randomSplit', dataset);
  requireKind('randomSplit', 'lengths', lengths, LENGTHS, 'write [0.8, 0.2]');
  const { generator = defaultGenerator } = requireOptions<{ generator?: Generator }>('randomSplit', options, { generator: GENERATOR });
  const counts = splitLengths(dataset.length, lengths);
  const order = randperm(dataset.length, generator);
  let from = 0;
  return counts.map((count) => {
    from += count;
    return new Subset(dataset, [...order.subarray(from - count, from)]);
  });
}

function splitLengths(total: number, lengths: readonly number[]): number[] {
  const sum = lengths.reduce((so_far, length) => so_far + length, 0);
  const areFractions = Math.abs(sum - 1) <= 1e-9 * Math.max(sum, 1) && sum <= 1;
  let counts = [...lengths];
  if (areFractions && lengths.every((fraction) => fraction >= 0 && fraction <= 1)) {
    counts = lengths.map((fraction) => Math.floor(total * fraction));
    const left = total - counts.reduce((so_far, count) => so_far + count, 0);
    for (let i = 0; i < left; i++) counts[i % counts.length]! += 1;
  }
  if (counts.some((count) => !Number.isInteger(count) || count < 0) || counts.reduce((a, b) => a + b, 0) !== total) {
    throw new ArgumentError(
      `randomSplit: expected lengths that sum to ${total} or fractions that sum to 1, but got [${lengths.join(', ')}]`,
    );
  }
  return counts;
}
