/**
 * The loader: goes through a data set in batches (https://pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader), with PyTorch's
 * order for a seed. Batches are made when they are asked for, or ahead of time in worker threads.
 */
import { BOOL, COUNT, FUNCTION, isRecord, kind, oneOf, SIZE, type OptionKinds } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { GENERATOR } from '../tensor/arguments.ts';
import { defaultGenerator, randomInt64, type Generator } from '../tensor/random/index.ts';
import { memoryPressure } from '../tensor/storage.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { defaultCollate, toTensor, type Collated } from './collate.ts';
import { describeDataset, requireDataset, type Dataset } from './dataset.ts';
import { IterableDataset, samplesOf } from './iterable.ts';
import type { LoaderWorker } from './page-threads.ts';
import type { WorkerPool } from './worker-pool.ts';
import { BatchSampler, isSampler, RandomSampler, SequentialSampler, type Sampler } from './sampler.ts';

/** Options of {@link DataLoader}; the defaults are PyTorch's. */
export interface DataLoaderOptions<T, B> {
  /** Samples in a batch, default 1. */
  readonly batchSize?: number;
  /** Go through the samples in a new random order each time, default false. */
  readonly shuffle?: boolean;
  /** The order to go in, instead of `shuffle`. */
  readonly sampler?: Sampler;
  /** The batches to make, instead of `batchSize`, `shuffle`, `sampler` and `dropLast`. */
  readonly batchSampler?: Iterable<readonly number[]> & { readonly length: number };
  /** Worker threads that make batches ahead of time, default 0: none. In a browser the option `worker` says how one is made. */
  readonly numWorkers?: number;
  /** Makes a worker whose module calls `serveDataset`, in browsers: `() => new Worker(new URL('./loading.js', import.meta.url), { type: 'module' })`. */
  readonly worker?: () => LoaderWorker;
  /** Makes a batch of samples, default {@link defaultCollate}. */
  readonly collateFn?: (samples: readonly T[]) => B;
  /** Leave out a last batch that is not full, default false. */
  readonly dropLast?: boolean;
  /** Where the order is drawn from, default the default generator. */
  readonly generator?: Generator;
  /** PyTorch's hint for faster transfers: there is no memory to pin here, and transfers to a GPU never wait. It changes nothing, whichever it is. */
  readonly pinMemory?: boolean;
  /** Batches that each worker makes ahead, default 2. */
  readonly prefetchFactor?: number;
  /**
   * Keep the workers from one pass to the next, default false. They hold what they were given of the data set when the first pass began. Every pass begins with a new
   * seed all the same, so it gives what it would with new workers (in PyTorch they draw on from where they were).
   */
  readonly persistentWorkers?: boolean;
  /**
   * What random transforms draw from: each worker from a seed of its own, which is PyTorch's way and makes pictures depend on the number of workers, or every batch
   * from one of its own, so that they are the same whatever the number, 0 included; default `'worker'`.
   */
  readonly seeding?: 'worker' | 'batch';
}

const SAMPLER = kind('a sampler, which has a length and can be gone through', isSampler);
interface LoaderCall<T, B> extends DataLoaderOptions<T, B> {
  readonly dataset: Dataset<T> | IterableDataset<T>;
}
/** What a data set is says `requireDataset`, better; here only whether it stands in the place of all arguments. */
const DATASET = kind('a data set', (value) => !(isRecord(value) && Object.hasOwn(value, 'dataset') && typeof value['get'] !== 'function'));
const KINDS: OptionKinds<LoaderCall<unknown, unknown>> = {
  dataset: DATASET,
  batchSize: COUNT,
  shuffle: BOOL,
  sampler: SAMPLER,
  batchSampler: SAMPLER,
  numWorkers: SIZE,
  collateFn: FUNCTION,
  dropLast: BOOL,
  generator: GENERATOR,
  pinMemory: BOOL,
  prefetchFactor: COUNT,
  persistentWorkers: BOOL,
  worker: FUNCTION,
  seeding: oneOf('worker', 'batch'),
};
// Behind collateFn PyTorch has places for what there is not here.
const LOADER = signature<LoaderCall<unknown, unknown>>('DataLoader', KINDS, {
  required: 1,
  positional: 7,
  example: 'new data.DataLoader(dataset, { batchSize: 32, shuffle: true })',
});

/** Longest time, in milliseconds, that a loop over a loader keeps the rest of the program waiting. */
const BREATH = 50;

/**
 * Batches of a data set, as often as it is gone through.
 *
 * @throws {@link ArgumentError} for sizes and counts that are none, and options that exclude each other
 * @example
 * ```ts
 * import { arange, data, manualSeed } from 'flambeau';
 *
 * manualSeed(0);
 * const loader = new data.DataLoader(new data.TensorDataset(arange(5)), { batchSize: 2, shuffle: true });
 * for await (const [x] of loader) console.log(x.tolist());
 * ```
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader
 */
export class DataLoader<T, B = Collated<T>> implements AsyncIterable<B> {
  /** The data set; an {@link IterableDataset} is itself here, whatever the type says. */
  readonly dataset: Dataset<T>;
  readonly sampler: Sampler | undefined;
  readonly batchSampler: Iterable<readonly number[]> & { readonly length: number };
  readonly batchSize: number | undefined;
  readonly dropLast: boolean;
  readonly numWorkers: number;
  readonly prefetchFactor: number;
  readonly persistentWorkers: boolean;
  readonly seeding: 'worker' | 'batch';
  readonly generator: Generator | undefined;
  readonly collateFn: ((samples: readonly T[]) => B) | undefined;
  readonly worker: (() => LoaderWorker) | undefined;
  /** Workers that are kept and have nothing to do. */
  #pool: WorkerPool | undefined;

  constructor(dataset: Dataset<T> | IterableDataset<T>, options?: DataLoaderOptions<T, B>);
  constructor(
    dataset: Dataset<T> | IterableDataset<T>,
    batchSize: number | undefined,
    shuffle?: boolean | DataLoaderOptions<T, B>,
    sampler?: Sampler | DataLoaderOptions<T, B>,
    batchSampler?: DataLoaderOptions<T, B>['batchSampler'] | DataLoaderOptions<T, B>,
    numWorkers?: number | DataLoaderOptions<T, B>,
    collateFn?: DataLoaderOptions<T, B>['collateFn'] | DataLoaderOptions<T, B>,
    options?: DataLoaderOptions<T, B>,
  );
  constructor(call: LoaderCall<T, B>);
  constructor(...args: readonly unknown[]) {
    const { dataset, ...given } = readCall(LOADER, args) as LoaderCall<T, B>;
    const streams = dataset instanceof IterableDataset;
    if (streams) requireStream(given);
    else requireDataset('DataLoader', dataset);
    checkOptions(given);
    const { batchSize = 1, shuffle = false, batchSampler, dropLast = false, generator } = given;
    this.dataset = dataset as Dataset<T>;
    this.generator = generator;
    if (streams) {
      this.sampler = undefined;
      this.batchSampler = NO_BATCHES;
      this.batchSize = batchSize;
    } else if (batchSampler === undefined) {
      const order = shuffle ? new RandomSampler(dataset, { generator }) : new SequentialSampler(dataset);
      this.sampler = given.sampler ?? order;
      this.batchSampler = new BatchSampler(this.sampler, batchSize, dropLast);
      this.batchSize = batchSize;
    } else {
      this.sampler = undefined;
      this.batchSampler = batchSampler;
      this.batchSize = undefined;
    }
    this.dropLast = dropLast;
    this.numWorkers = given.numWorkers ?? 0;
    this.prefetchFactor = given.prefetchFactor ?? 2;
    this.persistentWorkers = given.persistentWorkers ?? false;
    this.seeding = given.seeding ?? 'worker';
    this.collateFn = given.collateFn;
    this.worker = given.worker;
  }

  /** Ends workers that were kept; the next pass starts others. */
  async stopWorkers(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.stop();
  }

  /** Batches in one pass. @throws ArgumentError for an iterable data set, which does not say how many there will be */
  get length(): number {
    if ((this.dataset as unknown) instanceof IterableDataset)
      throw new ArgumentError('DataLoader.length: an iterable data set does not say how many samples there will be');
    return this.batchSampler.length;
  }

  /**
   * Begins a pass: draws a base seed, then, with the first batch, what the sampler draws. Python's `next(iter(loader))` is
   * `(await loader[Symbol.asyncIterator]().next()).value!`.
   */
  [Symbol.asyncIterator](): AsyncGenerator<B, undefined, undefined> {
    return this.#pass() as AsyncGenerator<B, undefined, undefined>;
  }

  #pass(): AsyncGenerator<B, void, undefined> {
    const dataset: unknown = this.dataset;
    if (dataset instanceof IterableDataset) return this.#streamed(dataset as IterableDataset<T>, randomInt64(this.generator));
    const indices = this.batchSampler[Symbol.iterator]();
    const seed = randomInt64(this.generator);
    return this.numWorkers === 0 ? this.#here(indices, seed) : this.#inWorkers(indices, seed);
  }

  async *#here(indices: Iterator<readonly number[]>, seed: bigint): AsyncGenerator<B, void, undefined> {
    const pause = breather();
    let batch = seed;
    try {
      for (let next = indices.next(); next.done !== true; next = indices.next()) {
        await pause();
        yield this.seeding === 'worker' ? await this.#load(next.value) : await this.#seeded(next.value, batch++);
      }
    } finally {
      indices.return?.();
    }
  }

  /** Batches of samples as they come. PyTorch draws a seed at the beginning here, too. */
  async *#streamed(dataset: IterableDataset<T>, _seed: bigint): AsyncGenerator<B, void, undefined> {
    const samples = samplesOf(dataset);
    const pause = breather();
    const made = (batch: readonly T[]): B => (this.collateFn ?? (defaultCollate as (samples: readonly T[]) => B))(batch);
    let batch: T[] = [];
    try {
      for (let next = await samples.next(); next.done !== true; next = await samples.next()) {
        if (batch.push(next.value) < this.batchSize!) continue;
        await pause();
        yield made(batch);
        batch = [];
      }
      if (batch.length > 0 && !this.dropLast) yield made(batch);
    } finally {
      await samples.return?.();
    }
  }

  async *#inWorkers(indices: Iterator<readonly number[]>, seed: bigint): AsyncGenerator<B, void, undefined> {
    const pool = this.#pool ?? (await this.#newPool());
    this.#pool = undefined; // another pass meanwhile has workers of its own
    const pause = breather();
    try {
      for await (const batch of pool.batches(indices, { seed, seeding: this.seeding })) {
        await pause();
        yield batch.map(toTensor) as B;
      }
    } finally {
      if (!this.#kept(pool)) await pool.stop();
    }
  }

  /** What few programs need is downloaded by those. */
  async #newPool(): Promise<WorkerPool> {
    const { WorkerPool } = await import('./worker-pool.ts');
    const { worker, dataset, numWorkers, prefetchFactor } = this;
    const start =
      worker === undefined
        ? (await import('./node-threads.ts')).nodeThreads(describeDataset(dataset))
        : (await import('./page-threads.ts')).pageThreads(worker);
    return new WorkerPool(start, numWorkers, prefetchFactor);
  }

  /** Keeps workers whose pass has ended, if they are to stay and no others are kept. */
  #kept(pool: WorkerPool): boolean {
    if (!this.persistentWorkers || pool.hasEnded || this.#pool !== undefined) return false;
    this.#pool = pool;
    return true;
  }

  /** One batch with random numbers of its own. */
  async #seeded(indices: readonly number[], seed: bigint): Promise<B> {
    const before = defaultGenerator.getState();
    try {
      defaultGenerator.manualSeed(seed);
      return await this.#load(indices);
    } finally {
      defaultGenerator.setState(before);
    }
  }

  /** One batch, by the shortest way that the data set offers. */
  async #load(indices: readonly number[]): Promise<B> {
    const { dataset, collateFn } = this;
    if (collateFn === undefined) {
      const tensors: readonly Tensor[] | undefined =
        (await dataset.getBatch?.(indices)) ?? (await dataset.readBatch?.(indices))?.map(toTensor);
      if (tensors !== undefined) return tensors as B;
    }
    const samples: T[] = [];
    for (const index of indices) {
      const sample = dataset.get(index);
      samples.push(sample instanceof Promise ? await sample : sample);
    }
    return collateFn === undefined ? (defaultCollate(samples) as B) : collateFn(samples);
  }
}

const NO_BATCHES: readonly (readonly number[])[] = [];

/** @throws ArgumentError for options that need samples by number */
function requireStream<T, B>(options: DataLoaderOptions<T, B>): void {
  for (const name of ['shuffle', 'sampler', 'batchSampler', 'numWorkers'] as const) {
    const value = options[name];
    if (value !== undefined && value !== false && value !== 0)
      throw new ArgumentError(`DataLoader: the samples of an iterable data set come in its own order, in this thread; leave out ${name}`);
  }
}

function checkOptions<T, B>(options: DataLoaderOptions<T, B>): void {
  const { numWorkers = 0, prefetchFactor, persistentWorkers, sampler, shuffle, batchSampler, batchSize, dropLast, collateFn } = options;
  const fail = (why: string): never => {
    throw new ArgumentError(`DataLoader: ${why}`);
  };
  if (!Number.isInteger(numWorkers) || numWorkers < 0 || numWorkers > 256) {
    fail(`expected numWorkers to be a whole number from 0 to 256, but got ${numWorkers}`);
  }
  if (batchSize !== undefined && !(Number.isInteger(batchSize) && batchSize >= 1)) {
    fail(`expected a batchSize of at least 1, but got ${batchSize}`);
  }
  if (prefetchFactor !== undefined && numWorkers === 0) fail('prefetchFactor is for workers; set numWorkers as well');
  if (prefetchFactor !== undefined && !(Number.isInteger(prefetchFactor) && prefetchFactor >= 1)) {
    fail(`expected a prefetchFactor of at least 1, but got ${prefetchFactor}`);
  }
  if (options.worker !== undefined && numWorkers === 0) fail('worker is how workers are made; set numWorkers as well');
  if (persistentWorkers === true && numWorkers === 0) fail('persistentWorkers is for workers; set numWorkers as well');
  if (sampler !== undefined && shuffle === true) fail('a sampler says the order itself; leave out shuffle');
  if (batchSampler !== undefined && (batchSize ?? shuffle ?? sampler ?? dropLast) !== undefined) {
    fail('a batchSampler makes the batches itself; leave out batchSize, shuffle, sampler and dropLast');
  }
  if (collateFn !== undefined && numWorkers > 0) {
    fail('a collateFn of your own cannot be sent to a worker thread; use numWorkers: 0');
  }
}

/**
 * A function to call between batches. The loop over a loader is one long chain of microtasks: now and then, and when memory is short,
 * this lets a macrotask pass, so that timers fire, messages arrive, and finalizers return memory.
 */
function breather(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (!memoryPressure() && performance.now() - last < BREATH) return;
    await new Promise<void>((resolve) => {
      if (typeof setImmediate === 'function') setImmediate(resolve);
      else setTimeout(resolve, 0);
    });
    last = performance.now();
  };
}
