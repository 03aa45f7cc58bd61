/** Data sets that are gone through rather than asked by number (https://pytorch.org/docs/stable/data.html#iterable-style-datasets), and stacks of data sets. */
import { ARRAY, isRecord, requireKind, show } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { requireDataset, requireIndex, type Dataset, type MaybePromise } from './dataset.ts';

/** What a {@link IterableDataset} gives samples with. */
export type Samples<T> = Iterator<T> | AsyncIterator<T>;

/**
 * A data set whose samples come one after the other, from a stream or a generator: the class to extend, with `*[Symbol.iterator]()` or, for samples that
 * are waited for, `async *[Symbol.asyncIterator]()`. A loader makes batches of them in the order in which they come.
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset
 * @example
 * import { data, tensor, type Tensor } from 'flambeau';
 * class Countdown extends data.IterableDataset<Tensor> {
 *   override *[Symbol.iterator](): Generator<Tensor> {
 *     for (let i = 3; i > 0; i--) yield tensor(i);
 *   }
 * }
 * const sizes: number[] = [];
 * for await (const batch of new data.DataLoader(new Countdown(), { batchSize: 2 })) sizes.push(batch.numel());
 * console.log(sizes); // [ 2, 1 ]
 */
export abstract class IterableDataset<out T = unknown> {
  /** Samples that are there at once. */
  [Symbol.iterator]?(): Iterator<T>;
  /** Samples that are waited for; taken where there are both. */
  [Symbol.asyncIterator]?(): AsyncIterator<T>;
}

/** @internal Begins to go through the samples. @throws ArgumentError for a class that says nothing of them */
export function samplesOf<T>(dataset: IterableDataset<T>): Samples<T> {
  const samples = dataset[Symbol.asyncIterator]?.() ?? dataset[Symbol.iterator]?.();
  if (samples !== undefined) return samples;
  throw new ArgumentError(`IterableDataset: ${dataset.constructor.name} has no samples; define *[Symbol.iterator]() in its class`);
}

/**
 * Iterable data sets one after the other.
 * @throws {@link ArgumentError} for anything else
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.ChainDataset
 */
export class ChainDataset<T> extends IterableDataset<T> {
  readonly datasets: readonly IterableDataset<T>[];

  constructor(datasets: readonly IterableDataset<T>[]) {
    super();
    requireKind('ChainDataset', 'the argument', datasets, ARRAY, 'write new data.ChainDataset([a, b])');
    for (const dataset of datasets)
      if (!(dataset instanceof IterableDataset))
        throw new ArgumentError(`ChainDataset: expected iterable data sets, but got ${show(dataset)}; use ConcatDataset for others`);
    this.datasets = datasets;
  }

  override async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (const dataset of this.datasets) {
      const samples = samplesOf(dataset);
      try {
        for (let next = await samples.next(); next.done !== true; next = await samples.next()) yield next.value;
      } finally {
        await samples.return?.();
      }
    }
  }
}

type Parts = readonly Dataset[] | Readonly<Record<string, Dataset>>;
/** The samples of a {@link StackDataset}. */
export type Stacked<P extends Parts> = { -readonly [K in keyof P]: P[K] extends Dataset<infer T> ? T : never };

/**
 * Data sets of one length side by side: its samples are arrays of theirs, or objects of theirs by name.
 * @throws {@link ArgumentError} where there are none, or they differ in length
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.StackDataset
 * @example
 * import { arange, data } from 'flambeau';
 * const both = new data.StackDataset({ x: new data.TensorDataset(arange(3)), y: new data.TensorDataset(arange(3)) });
 * console.log(both.length); // 3
 */
export class StackDataset<const P extends Parts> implements Dataset<Stacked<P>> {
  readonly datasets: P;
  readonly length: number;

  constructor(...datasets: P extends readonly Dataset[] ? P : never);
  constructor(byName: P extends readonly Dataset[] ? never : P);
  constructor(...datasets: readonly unknown[]) {
    const [first] = datasets;
    const byName = datasets.length === 1 && isRecord(first) && typeof first['get'] !== 'function';
    const parts = (byName ? first : datasets) as unknown as P;
    const list: Dataset[] = Object.values(parts);
    for (const dataset of list) requireDataset('StackDataset', dataset);
    if (list.length === 0) throw new ArgumentError('StackDataset: expected at least one data set, but got none');
    if (list.some(({ length }) => length !== list[0]!.length))
      throw new ArgumentError(`StackDataset: expected data sets of one length, but got ${list.map(({ length }) => length).join(', ')}`);
    this.datasets = parts;
    this.length = list[0]!.length;
  }

  get(index: number): MaybePromise<Stacked<P>> {
    requireIndex('StackDataset.get', index, this.length);
    const names = Object.keys(this.datasets);
    const samples = Object.values<Dataset>(this.datasets as Readonly<Record<string, Dataset>>).map((dataset) => dataset.get(index));
    const together = (list: readonly unknown[]): Stacked<P> =>
      (Array.isArray(this.datasets) ? list : Object.fromEntries(names.map((name, i) => [name, list[i]]))) as Stacked<P>;
    return samples.some((sample) => sample instanceof Promise) ? Promise.all(samples).then(together) : together(samples);
  }
}
