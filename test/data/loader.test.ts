import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ArgumentError, IndexError, ShapeError } from '../../src/base/errors.ts';
import {
  BatchSampler,
  ConcatDataset,
  DataLoader,
  defaultCollate,
  randomSplit,
  RandomSampler,
  SequentialSampler,
  Subset,
  SubsetRandomSampler,
  TensorDataset,
  type Dataset,
  type DataLoaderOptions,
} from '../../src/data/index.ts';
import { Image } from '../../src/io/image/image.ts';
import { fromTypedArray, tensor, zeros } from '../../src/tensor/create.ts';
import { arange } from '../../src/tensor/ranges.ts';
import { defaultGenerator, fillUniform, Generator, manualSeed } from '../../src/tensor/random/index.ts';
import { Tensor } from '../../src/tensor/tensor.ts';

interface Order {
  readonly seed: number;
  readonly n: number;
  readonly batch: number;
  readonly drop: boolean;
  readonly workers: number;
  readonly shuffle: boolean;
  readonly length: number;
  readonly epochs: readonly number[][][];
  readonly next: number;
}

const fixtures = JSON.parse(readFileSync(new URL('../fixtures/vision/loader.json', import.meta.url), 'utf8')) as {
  orders: readonly Order[];
  own: readonly { kind: string; epochs: number[][][]; broken: number[]; next: number; own: number }[];
  splits: readonly { n: number; lengths: number[]; parts: number[][]; again: number[][]; next: number }[];
};

const hasWorkers = existsSync(new URL('../../dist/data/worker.js', import.meta.url));

function nextRandom(generator: Generator = defaultGenerator): number {
  const one = new Float32Array(1);
  fillUniform(one, 0, 1, generator);
  return one[0]!;
}

/** The numbers below `n`, as PyTorch's `range(n)`. */
const range = (n: number): Dataset<number> => ({ length: n, get: (index) => index });
const rangeTensor = (n: number): TensorDataset<[Tensor]> => new TensorDataset(arange(n));

const listOf = (batch: Tensor): number[] => (batch.tolist() as (number | bigint)[]).map(Number);

async function pass(loader: AsyncIterable<Tensor | [Tensor]>): Promise<number[][]> {
  const batches: number[][] = [];
  for await (const batch of loader) batches.push(listOf(batch instanceof Tensor ? batch : batch[0]));
  return batches;
}

describe('the order is PyTorch’s', () => {
  it.each(fixtures.orders.filter(({ workers }) => workers === 0 || hasWorkers))(
    'seed $seed, $n samples by $batch, drop $drop, shuffle $shuffle, $workers workers',
    async ({ seed, n, batch, drop, workers, shuffle, length, epochs, next }) => {
      const options = { batchSize: batch, shuffle, dropLast: drop, numWorkers: workers };
      const loaders = [new DataLoader(rangeTensor(n), options)] as AsyncIterable<Tensor | [Tensor]>[];
      if (workers === 0) loaders.push(new DataLoader(range(n), options));
      expect(new DataLoader(range(n), options).length).toBe(length);
      for (const loader of loaders) {
        manualSeed(seed);
        for (const expected of epochs) expect(await pass(loader)).toEqual(expected);
        expect(nextRandom()).toBe(next);
      }
    },
  );

  it.each(fixtures.own)('with samplers and generators: $kind', async ({ kind, epochs, broken, next, own }) => {
    const generator = new Generator().manualSeed(9);
    const samples = range(11);
    const options: Record<string, DataLoaderOptions<number, Tensor>> = {
      shuffle: { shuffle: true, generator },
      subset: { sampler: new SubsetRandomSampler([3, 1, 4, 1, 5, 9, 2, 6]) },
      replacement: { sampler: new RandomSampler(samples, { replacement: true, numSamples: 70 }) },
      many: { sampler: new RandomSampler(samples, { numSamples: 25, generator }), generator },
      more: { sampler: new SubsetRandomSampler(Array(8).keys(), { generator }) },
    };
    const loader = new DataLoader(samples, { batchSize: 4, ...options[kind]! });
    manualSeed(5);
    for (const expected of epochs) expect(await pass(loader)).toEqual(expected);
    for await (const batch of loader) {
      expect(listOf(batch)).toEqual(broken);
      break;
    }
    expect(nextRandom()).toBe(next);
    expect(nextRandom(generator)).toBe(own);
  });

  it.each(fixtures.splits)('randomSplit of $n into $lengths', ({ n, lengths, parts, again, next }) => {
    manualSeed(3);
    expect(randomSplit(range(n), lengths).map((part) => part.indices)).toEqual(parts);
    const generator = new Generator().manualSeed(42);
    expect(randomSplit(range(n), lengths, { generator }).map((part) => part.indices)).toEqual(again);
    expect(nextRandom()).toBe(next);
  });

  it('the base seed is drawn when a pass begins, the order with its first batch', async () => {
    manualSeed(1);
    const loader = new DataLoader(range(10), { batchSize: 3, shuffle: true });
    const batches = loader[Symbol.asyncIterator]();
    const first = nextRandom();
    manualSeed(1);
    defaultGenerator.random64();
    expect(first).toBe(nextRandom());
    expect((await batches.next()).done).toBe(false);
  });
});

describe('batches', () => {
  it('of images and labels are tensors, with labels as int64', async () => {
    const samples: Dataset<[Tensor, number]> = { length: 3, get: (i) => [zeros([3, 2, 2]).add(i) as Tensor, i] };
    for await (const [x, y] of new DataLoader(samples, { batchSize: 3 })) {
      expect(x.shape).toEqual([3, 3, 2, 2]);
      expect([x.dtype, y.dtype]).toEqual(['float32', 'int64']);
      expect(listOf(y)).toEqual([0, 1, 2]);
    }
  });

  it('of samples that come later', async () => {
    const later: Dataset<number> = { length: 4, get: (i) => Promise.resolve(10 * i) };
    expect(await pass(new DataLoader(later, { batchSize: 3 }))).toEqual([[0, 10, 20], [30]]);
  });

  it('from a collateFn', async () => {
    const loader = new DataLoader(range(5), { batchSize: 2, collateFn: (samples) => samples.join('+') });
    const batches: string[] = [];
    for await (const batch of loader) batches.push(batch);
    expect(batches).toEqual(['0+1', '2+3', '4']);
  });

  it('from a batchSampler, and of subsets and several data sets', async () => {
    const batchSampler = new BatchSampler(new SequentialSampler(range(7)), 3);
    expect(await pass(new DataLoader(range(7), { batchSampler }))).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
    const subset = new Subset(rangeTensor(10), [9, 0, 5]);
    expect(await pass(new DataLoader(subset, { batchSize: 2 }))).toEqual([[9, 0], [5]]);
    const both = new ConcatDataset<number>([range(3), new Subset(range(100), [42, 43])]);
    expect(await pass(new DataLoader(both, { batchSize: 5 }))).toEqual([[0, 1, 2, 42, 43]]);
    const tensors = new ConcatDataset([rangeTensor(3), new Subset(rangeTensor(9), [8, 7])]);
    expect(await pass(new DataLoader(tensors, { batchSize: 5 }))).toEqual([[0, 1, 2, 8, 7]]);
    if (hasWorkers) expect(await pass(new DataLoader(tensors, { batchSize: 4, numWorkers: 1 }))).toEqual([[0, 1, 2, 8], [7]]);
  });

  it('let timers fire in between', async () => {
    let fired = 0;
    const timer = setInterval(() => fired++, 1);
    const until = performance.now() + 300;
    const slow: Dataset<number> = {
      length: 1000,
      get(i) {
        while (performance.now() < until && performance.now() % 2 > 0.01); // about 2 ms
        return i;
      },
    };
    let batches = 0;
    for await (const batch of new DataLoader(slow)) batches += batch.numel();
    clearInterval(timer);
    expect(batches).toBe(1000);
    expect(fired).toBeGreaterThan(1);
  });

  it('a failing sample ends the pass with its error', async () => {
    const failing: Dataset<number> = {
      length: 4,
      get(i) {
        if (i === 3) throw new RangeError('three');
        return i;
      },
    };
    const seen: number[] = [];
    const loader = new DataLoader(failing, { batchSize: 2 });
    await expect(async () => {
      for await (const batch of loader) seen.push(...listOf(batch));
    }).rejects.toThrow('three');
    expect(seen).toEqual([0, 1]);
  });
});

describe.runIf(hasWorkers)('workers', () => {
  it('make the batches of tensors and subsets in order, ahead of time', async () => {
    const samples = new Subset(
      rangeTensor(100),
      [...Array(50).keys()].map((i) => 2 * i),
    );
    const loader = new DataLoader(samples, { batchSize: 7, numWorkers: 3, prefetchFactor: 4 });
    const here = await pass(new DataLoader(samples, { batchSize: 7 }));
    expect(await pass(loader)).toEqual(here);
  });

  it('are stopped when a loop is left', async () => {
    const loader = new DataLoader(rangeTensor(100), { batchSize: 1, numWorkers: 2 });
    for await (const [batch] of loader) {
      expect(listOf(batch)).toEqual([0]);
      break;
    }
    for await (const [batch] of loader) {
      expect(listOf(batch)).toEqual([0]);
      break;
    }
  });

  it('report an error of the right class', async () => {
    const loader = new DataLoader(rangeTensor(10), { sampler: { length: 3, *[Symbol.iterator]() { yield* [0, 10, 3]; } }, numWorkers: 1 }); // prettier-ignore
    const batches = loader[Symbol.asyncIterator]();
    expect((await batches.next()).done).toBe(false);
    const failed = batches.next();
    await expect(failed).rejects.toThrow(IndexError);
    await expect(failed).rejects.toThrow(/no sample 10; expected 0 to 9/);
  });

  it('cannot take your own code', async () => {
    const loader = new DataLoader(range(3), { numWorkers: 1 });
    await expect(loader[Symbol.asyncIterator]().next()).rejects.toThrow(ArgumentError);
    await expect(loader[Symbol.asyncIterator]().next()).rejects.toThrow(/your own code.*numWorkers: 0/);
    expect(() => new DataLoader(range(3), { numWorkers: 1, collateFn: (x) => x })).toThrow(/collateFn.*numWorkers: 0/);
  });
});

describe('defaultCollate', () => {
  it('goes by PyTorch’s rules', () => {
    expect(listOf(defaultCollate([1, 2, 3]))).toEqual([1, 2, 3]);
    expect(defaultCollate([1, 2]).dtype).toBe('int64');
    expect(defaultCollate([1, 2.5]).dtype).toBe('float32');
    expect(defaultCollate([1n, 2n]).dtype).toBe('int64');
    expect(defaultCollate([true, false]).dtype).toBe('bool');
    expect(defaultCollate(['a', 'b'])).toEqual(['a', 'b']);
    const { x, y } = defaultCollate([
      { x: tensor([1]), y: [1, 'a'] },
      { x: tensor([2]), y: [2, 'b'] },
    ]);
    expect(x.shape).toEqual([2, 1]);
    expect(listOf(y[0] as Tensor)).toEqual([1, 2]);
    expect(y[1]).toEqual(['a', 'b']);
  });

  it.each([
    ['tensors of two shapes', [tensor([1]), tensor([1, 2])], ShapeError, /shape \[1\] in one sample and \[2\] in another/],
    ['tuples of two lengths', [[1], [1, 2]], ShapeError, /1 parts in one sample and 2/],
    ['a mixture', [1, 'a'], ArgumentError, /a number in one sample and a string in another/],
    ['images', [Image.filled(1, 1, 1)], ArgumentError, /an Image.*ToTensor\(\)/],
    ['null', [null], ArgumentError, /is null.*collateFn/],
    ['deep inside', [[1, { a: undefined }]], ArgumentError, /sample's part 1's "a" is undefined/],
    ['nothing', [], ArgumentError, /at least one sample/],
  ])('refuses %s', (_, samples: readonly unknown[], Class, message) => {
    expect(() => defaultCollate(samples)).toThrow(Class);
    expect(() => defaultCollate(samples)).toThrow(message);
  });
});

describe('arguments', () => {
  const loader = (options: DataLoaderOptions<number, Tensor>) => () => new DataLoader(range(4), options);
  const sampler = new SequentialSampler(range(4));
  it.each([
    ['batchSize 0', loader({ batchSize: 0 }), /batchSize to be a whole number ≥ 1, but got 0/],
    ['batchSize 2.5', loader({ batchSize: 2.5 }), /batchSize/],
    ['batchSize NaN', loader({ batchSize: NaN }), /batchSize/],
    ['numWorkers -1', loader({ numWorkers: -1 }), /numWorkers/],
    ['prefetchFactor 0', loader({ numWorkers: 1, prefetchFactor: 0 }), /prefetchFactor/],
    ['prefetchFactor without workers', loader({ prefetchFactor: 2 }), /prefetchFactor is for workers/],
    ['sampler and shuffle', loader({ sampler, shuffle: true }), /leave out shuffle/],
    ['batchSampler and batchSize', loader({ batchSampler: new BatchSampler(sampler, 2), batchSize: 2 }), /leave out/],
    ['an array for a data set', () => new DataLoader([1, 2]), /length and get/],
    ['shuffling nothing', () => new DataLoader(range(0), { shuffle: true }), /is the data set empty\?/],
    ['numSamples 0', () => new RandomSampler(range(3), { numSamples: 0 }), /numSamples to be a whole number ≥ 1/],
    ['no data sets', () => new ConcatDataset([]), /at least one data set/],
    ['lengths that do not sum up', () => randomSplit(range(10), [3, 6]), /sum to 10/],
    ['fractions above 1', () => randomSplit(range(10), [0.5, 0.6]), /sum to 10/],
    ['negative lengths', () => randomSplit(range(10), [11, -1]), /sum to 10/],
  ])('%s', (_, action, message) => {
    expect(action).toThrow(ArgumentError);
    expect(action).toThrow(message);
  });

  it('slices of a set of tensors, and one batch', async () => {
    expect(rangeTensor(9).at('2:4')[0].tolist()).toEqual([2, 3]);
    expect(rangeTensor(9).at(-1)[0].item()).toBe(8);
    const [first] = (await new DataLoader(rangeTensor(9), { batchSize: 2 })[Symbol.asyncIterator]().next()).value!;
    expect(first.tolist()).toEqual([0, 1]);
  });

  it('indices and shapes', async () => {
    expect(() => new Subset(range(3), [3])).toThrow(IndexError);
    expect(() => new Subset(range(3), [-1])).toThrow(/no sample -1; expected 0 to 2/);
    expect(() => new Subset(range(3), [1]).get(1)).toThrow(IndexError);
    expect(() => rangeTensor(3).get(3)).toThrow(IndexError);
    expect(() => new ConcatDataset([range(2)]).get(2)).toThrow(IndexError);
    expect(() => new TensorDataset(zeros(3) as Tensor, zeros(4) as Tensor)).toThrow(ShapeError);
    expect(() => rangeTensor(9).get('0:3' as unknown as number)).toThrow("write at('0:3')");
    expect(() => new TensorDataset(fromTypedArray(Float32Array.of(1), []) as Tensor)).toThrow(ShapeError);
    expect(await pass(new DataLoader(range(0)))).toEqual([]);
    expect(new DataLoader(range(0)).length).toBe(0);
  });
});
