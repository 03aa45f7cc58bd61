/** A sampler for programs of several processes, with PyTorch's indices. */
import { BOOL, COUNT, requireKind, SIZE, WHOLE } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { readCall, signature } from '../base/signature.ts';
import { getRank, getWorldSize } from '../distributed/world.ts';
import { Generator, randperm } from '../tensor/random/index.ts';
import { SIZED, type Sampler, type Sized } from './sampler.ts';

/** Options of {@link DistributedSampler}. */
export interface DistributedSamplerOptions {
  /** How many parts there are; by default as many as processes. */
  readonly numReplicas?: number;
  /** Which of them this is; by default the process's rank. */
  readonly rank?: number;
  /** Default true. */
  readonly shuffle?: boolean;
  /** The same in all processes. Default 0. */
  readonly seed?: number;
  /** Leave samples out that do not make a whole round, rather than take some twice. Default false. */
  readonly dropLast?: boolean;
}

interface SamplerCall extends DistributedSamplerOptions {
  readonly dataset: Sized;
}
const CALL = signature<SamplerCall>(
  'DistributedSampler',
  { dataset: SIZED, numReplicas: COUNT, rank: WHOLE, shuffle: BOOL, seed: WHOLE, dropLast: BOOL },
  { required: 1 },
);

/**
 * Every process's part of a data set: in an order that depends on seed and epoch alone, each takes every n-th sample. What is left over at the end
 * is filled up from the beginning, so that all have as many, or with `dropLast` left out. Call {@link setEpoch} before each epoch, or all of them have one order.
 * @throws ArgumentError for a rank that is not below `numReplicas`; DistributedError where neither is given and there is no process group
 * @see https://pytorch.org/docs/stable/data.html#torch.utils.data.distributed.DistributedSampler
 * @example
 * import { data } from 'flambeau';
 *
 * const sampler = new data.DistributedSampler([10, 11, 12, 13, 14], { numReplicas: 2, rank: 1, shuffle: false });
 * console.log([...sampler]); // [ 1, 3, 0 ]
 */
export class DistributedSampler implements Sampler {
  readonly numReplicas: number;
  readonly rank: number;
  readonly shuffle: boolean;
  readonly seed: number;
  readonly dropLast: boolean;
  epoch = 0;
  readonly #dataset: Sized;

  constructor(
    dataset: Sized | SamplerCall,
    numReplicas?: number | DistributedSamplerOptions,
    rank?: number | Omit<DistributedSamplerOptions, 'numReplicas'>,
    shuffle?: boolean | Pick<DistributedSamplerOptions, 'shuffle' | 'seed' | 'dropLast'>,
    seed?: number | Pick<DistributedSamplerOptions, 'seed' | 'dropLast'>,
    dropLast?: boolean | Pick<DistributedSamplerOptions, 'dropLast'>,
  );
  constructor(...args: readonly unknown[]) {
    const given = readCall<SamplerCall>(CALL, args);
    this.#dataset = given.dataset;
    this.numReplicas = given.numReplicas ?? getWorldSize();
    this.rank = given.rank ?? getRank();
    this.shuffle = given.shuffle ?? true;
    this.seed = given.seed ?? 0;
    this.dropLast = given.dropLast ?? false;
    if (this.rank < 0 || this.rank >= this.numReplicas)
      throw new ArgumentError(
        `DistributedSampler: expected rank to be from 0 to ${this.numReplicas - 1}, but got ${this.rank}; numReplicas says how many there are`,
      );
  }

  /** Samples of this process. */
  get length(): number {
    const { length } = this.#dataset;
    const count = this.numReplicas;
    return this.dropLast && length % count !== 0 ? Math.floor(length / count) : Math.ceil(length / count);
  }

  /** Samples of all processes. */
  get totalSize(): number {
    return this.length * this.numReplicas;
  }

  /** Says which epoch comes: with `shuffle`, another order. */
  setEpoch(epoch: number): void {
    requireKind('DistributedSampler.setEpoch', 'the epoch', epoch, SIZE);
    this.epoch = epoch;
  }

  *[Symbol.iterator](): globalThis.Generator<number, void, undefined> {
    const { length } = this.#dataset;
    const order = this.shuffle ? randperm(length, new Generator().manualSeed(this.seed + this.epoch)) : undefined;
    for (let at = this.rank; at < this.totalSize; at += this.numReplicas) {
      const place = at % length; // beyond the end from the beginning, again and again
      yield order === undefined ? place : order[place]!;
    }
  }
}
