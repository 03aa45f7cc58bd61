/** Data sets that are gone through, stacks, weighted draws: test values are PyTorch's for the same seed. */
import { arange, ArgumentError, data, manualSeed, tensor, type Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';

class Range extends data.IterableDataset<Tensor> {
  ended = 0;
  readonly count: number;
  constructor(count: number) {
    super();
    this.count = count;
  }
  override *[Symbol.iterator](): Generator<Tensor> {
    try {
      for (let i = 0; i < this.count; i++) yield tensor(i);
    } finally {
      this.ended++;
    }
  }
}
class Later extends data.IterableDataset<Tensor> {
  override async *[Symbol.asyncIterator](): AsyncGenerator<Tensor> {
    for (const i of [7, 8]) yield await Promise.resolve(tensor(i));
  }
}

const batches = async (loader: AsyncIterable<Tensor>): Promise<unknown[]> => {
  const all: unknown[] = [];
  for await (const batch of loader) all.push(batch.tolist());
  return all;
};

describe('iterable data sets', () => {
  test('come in batches in their order, again and again', async () => {
    const loader = new data.DataLoader(new Range(5), 2);
    expect(await batches(loader)).toEqual([[0, 1], [2, 3], [4]]);
    expect(await batches(loader)).toEqual([[0, 1], [2, 3], [4]]);
    expect(await batches(new data.DataLoader(new Range(5), { batchSize: 2, dropLast: true }))).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(await batches(new data.DataLoader({ dataset: new Later() }))).toEqual([[7], [8]]);
  });

  test('are chained, and told when a loop ends early', async () => {
    const range = new Range(3);
    expect(await batches(new data.DataLoader(new data.ChainDataset([range, new Later()]), 4))).toEqual([[0, 1, 2, 7], [8]]);
    for await (const batch of new data.DataLoader(range)) if (batch.item() === 0) break;
    expect(range.ended).toBe(2);
  });

  test('have no length and no order but their own', () => {
    expect(() => new data.DataLoader(new Range(3)).length).toThrow(/does not say how many/);
    expect(() => new data.DataLoader(new Range(3), 2, true)).toThrow(/leave out shuffle/);
    expect(() => new data.DataLoader(new Range(3), { numWorkers: 2 })).toThrow(/leave out numWorkers/);
    expect(() => new data.ChainDataset([new data.TensorDataset(arange(2))] as never)).toThrow(/use ConcatDataset/);
  });

  test('say what is missing', async () => {
    class Empty extends data.IterableDataset<Tensor> {}
    await expect(batches(new data.DataLoader(new Empty()))).rejects.toThrow(/Empty has no samples/);
  });
});

test('stacks have samples of all, by place or by name', async () => {
  const [a, b] = [new data.TensorDataset(arange(3)), new data.TensorDataset(arange(3).mul(10))];
  const [[x], [y]] = await new data.StackDataset(a, b).get(2);
  expect([x.item(), y.item()]).toEqual([2, 20]);
  const named = await new data.StackDataset({ image: a, label: b }).get(1);
  expect(named.label[0].item()).toBe(10);
  expect(() => new data.StackDataset(a, new data.TensorDataset(arange(2)))).toThrow(/of one length, but got 3, 2/);
  expect(() => new data.StackDataset()).toThrow(ArgumentError);
});

// torch.manual_seed(0); list(WeightedRandomSampler([0.1, 0.9, 0.4, 0.7], 6)), then 4 without replacement
test('weighted draws are those of PyTorch', () => {
  manualSeed(0);
  const weights = [0.1, 0.9, 0.4, 0.7];
  expect([...new data.WeightedRandomSampler(weights, 6)]).toEqual([3, 3, 1, 3, 2, 3]);
  expect([
    ...new data.WeightedRandomSampler({ weights: tensor(weights, { dtype: 'float64' }), numSamples: 4, replacement: false }),
  ]).toEqual([1, 3, 0, 2]);
  expect(new data.WeightedRandomSampler(weights, 6).length).toBe(6);
  expect(() => new data.WeightedRandomSampler([-1], 1)).toThrow(/expected weights to be/);
  expect(() => [...new data.WeightedRandomSampler([1, 1], 3, false)]).toThrow(ArgumentError);
});
