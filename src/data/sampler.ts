/**
 * Samplers: the orders in which a loader goes through a data set, with PyTorch's random draws
 * (https://pytorch.org/docs/stable/data.html#torch.utils.data.Sampler). Each can be gone through again and again; the random
 * ones draw anew each time, when their first index is asked for.
 */
import {
  arrayOf,
  BOOL,
  COUNT,
  either,
  ITERABLE,
  kind,
  listOf,
  NOT_NEGATIVE,
  orNull,
  requireKind,
  requireOptions,
  SIZE,
  type OptionKinds,
} from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { GENERATOR, TENSOR } from '../tensor/arguments.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { defaultGenerator, fillRandint, Generator, multinomial, randomInt64, randperm } from '../tensor/random/index.ts';

/** What JavaScript calls a generator; the word is taken by PyTorch's here. */
type Draws<T> = globalThis.Generator<T, void, undefined>;

/**
 * Indices to go through. A sampler of one's own extends this class, as in PyTorch, or is any iterable with a length; `instanceof` holds for both.
 * @see https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.Sampler
 */
export abstract class Sampler implements Iterable<number> {
  static [Symbol.hasInstance](value: unknown): boolean {
    return this === Sampler ? isSampler(value) : Function.prototype[Symbol.hasInstance].call(this, value);
  }

  abstract readonly length: number;
  abstract [Symbol.iterator](): Iterator<number>;
}

/** Whether a value has a length and can be gone through. */
export const isSampler = (value: unknown): boolean => ITERABLE.accepts(value) && Number.isInteger((value as Sampler).length);

/** Anything that has a length: a data set. */
export interface Sized {
  readonly length: number;
}

/** 0, 1, 2, … */
export class SequentialSampler implements Sampler {
  readonly #source: Sized;

  constructor(source: Sized) {
    requireKind('SequentialSampler', 'the source', source, SIZED);
    this.#source = source;
  }

  get length(): number {
    return this.#source.length;
  }

  *[Symbol.iterator](): Draws<number> {
    for (let i = 0; i < this.#source.length; i++) yield i;
  }
}

export const SIZED = kind('something that has a length, such as a data set', (value) => {
  const { length } = (value ?? {}) as { readonly length?: unknown };
  return typeof value === 'object' && SIZE.accepts(length);
});

/** Options of {@link RandomSampler}. */
export interface RandomSamplerOptions {
  /** Draw each index from all, so that some come twice and others not at all. */
  readonly replacement?: boolean;
  /** How many indices to draw, default as many as there are samples. */
  readonly numSamples?: number;
  /** Default: a new generator each time, seeded from the default one. */
  readonly generator?: Generator | undefined;
}

const RANDOM_OPTIONS: OptionKinds<RandomSamplerOptions> = {
  replacement: BOOL,
  numSamples: COUNT,
  generator: GENERATOR,
};

/**
 * All indices in random order.
 *
 * @throws {@link ArgumentError} if there is nothing to draw from, or `numSamples` is not a whole number of at least 1
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.RandomSampler
 */
export class RandomSampler implements Sampler {
  readonly replacement: boolean;
  readonly generator: Generator | undefined;
  readonly #source: Sized;
  readonly #numSamples: number | undefined;

  constructor(source: Sized, options: RandomSamplerOptions = {}) {
    requireKind('RandomSampler', 'the source', source, SIZED);
    const given = requireOptions<RandomSamplerOptions>('RandomSampler', options, RANDOM_OPTIONS, '{ replacement: true }');
    this.#source = source;
    this.replacement = given.replacement ?? false;
    this.generator = given.generator;
    this.#numSamples = given.numSamples;
    if (!Number.isInteger(this.length) || this.length < 1) {
      throw new ArgumentError(`RandomSampler: expected at least one sample to draw, but got ${this.length}; is the data set empty?`);
    }
  }

  get length(): number {
    return this.#numSamples ?? this.#source.length;
  }

  *[Symbol.iterator](): Draws<number> {
    const n = this.#source.length;
    const total = this.length;
    const generator = this.generator ?? new Generator().manualSeed(randomInt64());
    if (this.replacement) {
      for (let done = 0; done < total; done += 32) {
        const some = new Int32Array(Math.min(32, total - done));
        fillRandint(some, 0, n, generator);
        yield* some;
      }
      return;
    }
    for (let done = 0; done + n <= total; done += n) yield* randperm(n, generator);
    // PyTorch draws the last, incomplete round even where nothing of it is needed.
    yield* randperm(n, generator).subarray(0, total % n);
  }
}

/**
 * Given indices in random order.
 *
 * @example
 * ```ts
 * import { data, manualSeed } from 'flambeau';
 *
 * manualSeed(0);
 * console.log([...new data.SubsetRandomSampler([10, 20, 30, 40])]); // [ 10, 20, 40, 30 ]
 * ```
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.SubsetRandomSampler
 */
export class SubsetRandomSampler implements Sampler {
  readonly indices: readonly number[];
  readonly generator: Generator | undefined;

  constructor(indices: Iterable<number>, options: { readonly generator?: Generator } = {}) {
    this.indices = listOf('SubsetRandomSampler', 'the indices', indices);
    const given = requireOptions<{ generator?: Generator }>('SubsetRandomSampler', options, { generator: GENERATOR });
    this.generator = given.generator;
  }

  get length(): number {
    return this.indices.length;
  }

  *[Symbol.iterator](): Draws<number> {
    for (const at of randperm(this.indices.length, this.generator ?? defaultGenerator)) yield this.indices[at]!;
  }
}

interface WeightedCall {
  readonly weights: readonly number[] | Tensor;
  readonly numSamples: number;
  readonly replacement?: boolean;
  readonly generator?: Generator | null;
}
const WEIGHTS = either(arrayOf(NOT_NEGATIVE, 'numbers ≥ 0'), TENSOR);
const WEIGHTED = signature<WeightedCall>(
  'WeightedRandomSampler',
  { weights: WEIGHTS, numSamples: COUNT, replacement: BOOL, generator: orNull(GENERATOR) },
  { required: 2, example: 'new data.WeightedRandomSampler([0.1, 0.9], 10)' },
);

/**
 * Indices drawn with probabilities proportional to weights, with replacement unless said otherwise: rare classes as often as others.
 *
 * @throws {@link ArgumentError} for weights that are negative or all 0, and for more samples without replacement than there are weights
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.WeightedRandomSampler
 */
export class WeightedRandomSampler implements Sampler {
  readonly weights: Float64Array;
  readonly numSamples: number;
  readonly replacement: boolean;
  readonly generator: Generator | undefined;

  constructor(
    weights: WeightedCall['weights'],
    numSamples: number | Omit<WeightedCall, 'weights'>,
    replacement?: boolean | Pick<WeightedCall, 'replacement' | 'generator'>,
    generator?: Generator | null,
  );
  constructor(call: WeightedCall);
  constructor(...args: readonly unknown[]) {
    const given = readCall<WeightedCall>(WEIGHTED, args);
    const list = Array.isArray(given.weights)
      ? (given.weights as number[])
      : ((given.weights as Tensor).detach().to('float64').tolist() as number[]);
    if (!Array.isArray(list) || list.some((weight) => typeof weight !== 'number'))
      throw new ArgumentError('WeightedRandomSampler: expected a vector of weights');
    this.weights = Float64Array.from(list);
    this.numSamples = given.numSamples;
    this.replacement = given.replacement ?? true;
    this.generator = given.generator ?? undefined;
  }

  get length(): number {
    return this.numSamples;
  }

  *[Symbol.iterator](): Draws<number> {
    yield* multinomial(this.weights, this.numSamples, { replacement: this.replacement, generator: this.generator ?? defaultGenerator });
  }
}

const SAMPLER = kind('a sampler, which has a length and can be gone through', (value) => ITERABLE.accepts(value) && SIZED.accepts(value));

/**
 * A sampler's indices in groups of `batchSize`; the last may be smaller, or is dropped.
 *
 * @throws {@link ArgumentError} unless `batchSize` is a whole number of at least 1
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.BatchSampler
 */
export class BatchSampler implements Iterable<number[]> {
  readonly sampler: Sampler;
  readonly batchSize: number;
  readonly dropLast: boolean;

  constructor(sampler: Sampler, batchSize: number, dropLast = false) {
    requireKind('BatchSampler', 'the sampler', sampler, SAMPLER);
    requireKind('BatchSampler', 'batchSize', batchSize, COUNT);
    requireKind('BatchSampler', 'dropLast', dropLast, BOOL);
    this.sampler = sampler;
    this.batchSize = batchSize;
    this.dropLast = dropLast;
  }

  get length(): number {
    const batches = this.sampler.length / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  *[Symbol.iterator](): Draws<number[]> {
    let batch: number[] = [];
    for (const index of this.sampler) {
      batch.push(index);
      if (batch.length < this.batchSize) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0 && !this.dropLast) yield batch;
  }
}
