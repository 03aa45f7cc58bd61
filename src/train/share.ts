/**
 * A process's part of the data, where several train one model: of every batch of all together it has each n-th image, so that their averaged gradients are
 * those of one process with the whole batch.
 */
import { DistributedSampler } from '../data/distributed-sampler.ts';
import type { Sampler } from '../data/sampler.ts';
import { Generator, randomInt64 } from '../tensor/random/index.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { BatchPart, BatchSource } from './progress.ts';

/** Which of how many processes this is. */
export interface Share {
  readonly rank: number;
  readonly size: number;
}

/** Processes that read a part of the images each, and give it to the others. */
export interface Together extends Share {
  /** Runs what may fail here and not elsewhere: where one fails, all do. */
  each<T>(fn: () => T | Promise<T>): Promise<T>;
  /** @throws SharedError in all, where a number is another in some: of `name`, such as images */
  same(name: string, own: number): void;
  /** The values of all processes, as JSON. */
  lists<T>(own: readonly T[]): T[][];
  /** All processes' bytes one behind the other in `into`, by rank; `lengths` says how many each has. */
  join(own: Uint8Array, into: Uint8Array, lengths: readonly number[]): void;
}

/** Where a process's part of a list begins and ends, of parts that lie one behind the other. */
export const stretchOf = (length: number, { rank, size }: Share): readonly [from: number, to: number] => [
  Math.floor((length * rank) / size),
  Math.floor((length * (rank + 1)) / size),
];

/** Images that each process has of a batch. */
export const partOf = (batchSize: number, { size }: Share): number => Math.max(1, Math.round(batchSize / size));

/** How many of `length` images are a process's own. */
const ownOf = (length: number, { rank, size }: Share): number => Math.max(0, Math.ceil((length - rank) / size));

/** The places of a process's images in a list of so many. */
export const placesOf = (length: number, { rank, size }: Share): number[] =>
  Array.from({ length: ownOf(length, { rank, size }) }, (_, i) => rank + i * size);

/**
 * A process's part of an order that all draw alike: the indices of `DistributedSampler`, without those by which it fills up, but for one where a process would
 * have nothing of the last batch: that one counts for nothing ({@link sharedBatches}).
 */
export class SharedOrder implements Sampler {
  readonly length: number;
  readonly #order: Sampler;
  readonly #share: Share;

  constructor(order: Sampler, part: number, share: Share) {
    this.#order = order;
    this.#share = share;
    const [own, most] = [ownOf(order.length, share), Math.ceil(order.length / share.size)];
    this.length = own < most && own % part === 0 ? most : own;
  }

  *[Symbol.iterator](): globalThis.Generator<number, void, undefined> {
    const order = [...this.#order];
    const { rank, size: numReplicas } = this.#share;
    let left = this.length;
    for (const place of new DistributedSampler(order, { numReplicas, rank, shuffle: false })) {
      if (left-- > 0) yield order[place]!;
    }
  }
}

/** Batches whose random changes are this process's own; `seeds` is what the loader draws from. */
export function sharedBatches(
  loader: BatchSource,
  seeds: Generator,
  { images, part, share }: { readonly images: number; readonly part: number; readonly share: Share },
): BatchSource {
  const [own, whole] = [ownOf(images, share), part * share.size];
  return {
    length: loader.length,
    [Symbol.asyncIterator](): AsyncIterator<readonly Tensor[]> {
      // What one process would draw; a generator goes by the lower 32 bits of its seed.
      seeds.manualSeed(BigInt.asUintN(32, randomInt64() + BigInt(share.rank) * 0x9e37_79b1n));
      return loader[Symbol.asyncIterator]();
    },
    partOf: (batch: number): BatchPart => ({
      own: Math.max(0, Math.min(part, own - batch * part)),
      all: Math.min(whole, images - batch * whole),
    }),
  };
}
