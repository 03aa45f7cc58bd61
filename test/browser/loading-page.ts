/** Loaders with workers on a page: called by loading.test.ts. */
import { data, manualSeed, type Tensor } from 'flambeau';
import { makeDataset, READABLE } from './loading-data.ts';

type Options = data.DataLoaderOptions<[Tensor, number], [Tensor, Tensor]>;

/** Two passes over some of the data set, in an order. */
async function batches(options: Options, order: readonly number[]): Promise<number[][]> {
  manualSeed(3);
  const sampler = { length: order.length, [Symbol.iterator]: () => order[Symbol.iterator]() };
  const loader = new data.DataLoader<[Tensor, number], [Tensor, Tensor]>(makeDataset(), {
    batchSize: 4,
    sampler,
    seeding: 'batch',
    ...options,
  });
  const seen: number[][] = [];
  for (let pass = 0; pass < 2; pass++)
    for await (const [x, y] of loader) seen.push([...(x.flatten().tolist() as number[]), ...(y.tolist() as number[])]);
  await loader.stopWorkers();
  return seen;
}

const failureOf = (promise: Promise<unknown>): Promise<string> => promise.then(() => 'nothing thrown', String);
const made: Worker[] = [];
const worker = (): Worker => {
  const one = new Worker('worker.js', { type: 'module' });
  made.push(one);
  return one;
};

const page = {
  async same() {
    const here = await batches({}, READABLE);
    const there = await batches({ numWorkers: 2, worker, persistentWorkers: true }, READABLE);
    const again = await batches({ numWorkers: 3, worker, prefetchFactor: 1 }, READABLE);
    return { here, there, again, workers: made.length };
  },

  failures: () =>
    Promise.all([
      failureOf(batches({ numWorkers: 1, worker }, [1, 13])),
      failureOf(batches({ numWorkers: 1, worker: () => new Worker('nowhere.js', { type: 'module' }) }, [1])),
      failureOf(batches({ numWorkers: 1 }, [1])),
      failureOf(batches({ worker }, [1])),
      failureOf(batches({ numWorkers: 1, worker: () => 3 as never }, [1])),
    ]),

  /** The workers are ended while batches are waited for. */
  async killed() {
    const loader = new data.DataLoader<[Tensor, number], [Tensor, Tensor]>(makeDataset(), { numWorkers: 1, worker });
    const pass = async (): Promise<void> => {
      for await (const _ of loader) for (const one of made) one.terminate();
    };
    return failureOf(pass());
  },
};

export type LoadingPage = typeof page;
Object.assign(globalThis, { page });
