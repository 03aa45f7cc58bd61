/** Views, selections, factories, first values and loaders take PyTorch's order or names; the types keep the shapes of both. */
import { arange, ArgumentError, data, empty, eye, full, fullLike, gather, Generator, linspace, logspace, manualSeed, nn, ones, onesLike, rand, randint, randLike, randn, randnLike, randperm, tensor, zeros, zerosLike, type Tensor } from 'flambeau'; // prettier-ignore
import { expect, test } from 'vitest';

const x = tensor([
  [1, 2, 4],
  [3, 5, 9],
]);
const y = ones(2, 1, 3);
const index = tensor([0, 2], { dtype: 'int64' });

test('views', () => {
  const transposed: Tensor<[3, 1, 2]> = y.transpose({ dim0: 0, dim1: 2 });
  const half: Tensor<[3, 1, 2]> = y.transpose(0, { dim1: 2 });
  const grown: Tensor<[2, 1, 1, 3]> = y.unsqueeze({ dim: 1 });
  const dropped: Tensor<[2, 3]> = y.squeeze({ dim: 1 });
  const short: Tensor<[2, 1, 2]> = y.narrow({ dim: 2, start: 1, length: 2 });
  const row: Tensor<[1, 3]> = y.select({ dim: 0, index: 1 });
  const permuted: Tensor<[3, 2, 1]> = y.permute({ dims: [2, 0, 1] });
  const seen: Tensor<[6]> = y.view({ size: [6] });
  const reshaped: Tensor<[3, 2]> = y.reshape({ shape: [3, -1] });
  const expanded: Tensor<[2, 4, 3]> = y.expand({ size: [2, 4, 3] });
  const shapes = [transposed, half, grown, dropped, short, row, permuted, seen, reshaped, expanded].map(
    (z) => z.shape as readonly number[],
  );
  expect(shapes).toEqual([[3, 1, 2], [3, 1, 2], [2, 1, 1, 3], [2, 3], [2, 1, 2], [1, 3], [3, 2, 1], [6], [3, 2], [2, 4, 3]]);
  expect(x.narrow(1, { start: 1, length: 2 }).tolist()).toEqual(x.narrow(1, 1, { length: 2 }).tolist());
  expect(y.squeeze({ dim: [1] }).shape).toEqual([2, 3]);
  expect(x.select(1, { index: 2 }).tolist()).toEqual([4, 9]);
});

test('selections, with the shape of the index', () => {
  const picked: Tensor<[2, 2]> = ones(2, 3).indexSelect({ dim: 1, index: zeros(2).to('int64') });
  expect(picked.shape).toEqual([2, 2]);
  expect(x.indexSelect(1, { index }).tolist()).toEqual(x.indexSelect(1, index).tolist());
  const places = zeros({ size: [2, 1], dtype: 'int64' });
  const gathered: Tensor<[2, 1]> = x.gather({ dim: 1, index: places });
  expect(gathered.tolist()).toEqual([[1], [3]]);
  expect(gather(x, 1, places).tolist()).toEqual([[1], [3]]);
});

test('factories', () => {
  const sized: Tensor<[2, 3]>[] = [
    zeros({ size: [2, 3] }),
    ones({ size: [2, 3] }),
    empty({ size: [2, 3] }),
    rand({ size: [2, 3] }),
    randn({ size: [2, 3] }),
    full({ size: [2, 3], fillValue: 7 }),
  ];
  for (const z of sized) expect(z.shape).toEqual([2, 3]);
  expect(zeros({ size: [1], dtype: 'int64' }).dtype).toBe('int64');
  expect(full([2], { fillValue: true }).tolist()).toEqual([true, true]);
  const square: Tensor<[2, 2]> = eye(2);
  const wide: Tensor<[2, 3]> = eye({ n: 2, m: 3 });
  expect([square.shape, wide.shape]).toEqual([
    [2, 2],
    [2, 3],
  ]);
  const line: Tensor<[3]> = linspace({ start: 0, end: 1, steps: 3 });
  expect(line.tolist()).toEqual(linspace(0, 1, 3).tolist());
  expect(linspace(0, 1, { steps: 3 }).tolist()).toEqual([0, 0.5, 1]);
  expect(logspace({ start: 0, end: 2, steps: 3, base: 2 }).tolist()).toEqual([1, 2, 4]);
  expect(logspace(0, 2, 3, { base: 2 }).tolist()).toEqual([1, 2, 4]);
  expect(arange({ end: 3 }).tolist()).toEqual([0, 1, 2]);
  expect(arange({ start: 1, end: 7, step: 3 }).tolist()).toEqual([1, 4]);
  expect(arange(1, { end: 3 }).tolist()).toEqual([1, 2]);
  expect(arange(3, { dtype: 'float32' }).dtype).toBe('float32');
});

test('random numbers by name are the same', () => {
  const drawn = (draw: () => Tensor): unknown => (manualSeed(1), draw().tolist());
  expect(drawn(() => randint({ low: 2, high: 9, size: [4] }))).toEqual(drawn(() => randint(2, 9, [4])));
  expect(drawn(() => randint({ high: 9, size: [4] }))).toEqual(drawn(() => randint(9, [4])));
  expect(drawn(() => randperm({ n: 5 }))).toEqual(drawn(() => randperm(5)));
  expect(drawn(() => randnLike({ input: x, dtype: 'float64' }))).toEqual(drawn(() => randnLike(x, { dtype: 'float64' })));
  expect(drawn(() => randLike({ input: x }))).toEqual(drawn(() => randLike(x)));
  expect([zerosLike({ input: x }), onesLike({ input: x })].map((z) => z.sum().item())).toEqual([0, 6]);
  expect(fullLike({ input: x, fillValue: 2 }).tolist()).toEqual(fullLike(x, 2).tolist());
});

test('first values of parameters', () => {
  const seeded = (fill: (w: Tensor, generator: Generator) => Tensor): unknown => fill(zeros(4, 3), new Generator().manualSeed(3)).tolist();
  const { init } = nn;
  const same = (...forms: readonly ((w: Tensor, generator: Generator) => Tensor)[]): void => {
    for (const form of forms.slice(1)) expect(seeded(form)).toEqual(seeded(forms[0]!));
  };
  same(
    (w, g) => init.uniform_(w, -1, 1, g),
    (w, generator) => init.uniform_(w, { a: -1, b: 1, generator }),
    (tensor, generator) => init.uniform_({ tensor, a: -1, b: 1, generator }),
  );
  same(
    (w, g) => init.normal_(w, 0, 0.02, g),
    (w, generator) => init.normal_(w, { std: 0.02, generator }),
  );
  same(
    (w, g) => init.kaimingUniform_(w, 0.1, 'fanOut', 'leakyRelu', g),
    (w, generator) => init.kaimingUniform_(w, { a: 0.1, mode: 'fanOut', generator }),
  );
  same(
    (w, g) => init.kaimingNormal_(w, 0, 'fanIn', 'relu', g),
    (tensor, generator) => init.kaimingNormal_({ tensor, nonlinearity: 'relu', generator }),
  );
  same(
    (w, g) => init.xavierUniform_(w, 2, g),
    (w, generator) => init.xavierUniform_(w, { gain: 2, generator }),
  );
  same(
    (w, g) => init.xavierNormal_(w, 2, g),
    (tensor, generator) => init.xavierNormal_({ tensor, gain: 2, generator }),
  );
  same(
    (w, g) => init.truncNormal_(w, 0, 0.5, -1, 1, g),
    (w, generator) => init.truncNormal_(w, { std: 0.5, a: -1, b: 1, generator }),
  );
  same(
    (w) => init.constant_(w, 3),
    (w) => init.constant_(w, { val: 3 }),
    (tensor) => init.constant_({ tensor, val: 3 }),
  );
  expect([init.zeros_({ tensor: ones(2) }), init.ones_({ tensor: zeros(2) })].map((w) => w.tolist())).toEqual([
    [0, 0],
    [1, 1],
  ]);
  expect(init.calculateGain({ nonlinearity: 'leakyRelu', param: 0.2 })).toBe(init.calculateGain('leakyRelu', 0.2));
  expect([init.calculateGain('selu'), init.calculateGain('convTranspose2d')]).toEqual([0.75, 1]);
});

test('loaders', async () => {
  const dataset = new data.TensorDataset(arange(5));
  const batches = async (loader: AsyncIterable<readonly Tensor[]>): Promise<unknown[]> => {
    manualSeed(2);
    const all: unknown[] = [];
    for await (const [batch] of loader) all.push(batch!.tolist());
    return all;
  };
  const byName = await batches(new data.DataLoader({ dataset, batchSize: 2, shuffle: true, dropLast: true }));
  expect(byName.length).toBe(2);
  expect(await batches(new data.DataLoader(dataset, 2, true, { dropLast: true }))).toEqual(byName);
  expect(await batches(new data.DataLoader(dataset, { batchSize: 2, shuffle: true, dropLast: true }))).toEqual(byName);
});

test.each<[string, () => unknown, RegExp]>([
  [
    'a wrong kind',
    () => x.transpose('0' as never, 1),
    /transpose: expected dim0 to be a whole number, but got '0'; write transpose\(dim0, dim1\)/,
  ],
  ['one too few', () => x.narrow(0 as never, 1 as never), /narrow: expected length to be a whole number, but got undefined/],
  ['one too many', () => (x.unsqueeze as (...args: number[]) => unknown).call(x, 0, 1), /unsqueeze: takes dim, but got 1 besides/],
  ['a misspelt name', () => x.select({ dim: 0, idx: 1 } as never), /select: there is no option 'idx'/],
  ['twice', () => zeros(2, { size: [3] } as never), /zeros: size is given twice/],
  ['Python’s spelling', () => full({ size: [2], fill_value: 1 } as never), /did you mean 'fillValue'\?/],
  ['no end', () => arange({ start: 1 } as never), /arange: expected an end/],
  ['no size', () => randint({ high: 3 } as never), /randint: expected size to be an array of sizes, but got undefined/],
  [
    'a name that is none',
    () => nn.init.kaimingNormal_(x, { mode: 'fan_out' } as never),
    /expected mode to be 'fanIn' or 'fanOut', but got 'fan_out'/,
  ],
  ['a loader of no data set', () => new data.DataLoader({ batchSize: 2 } as never), /expected a data set/],
])('%s is an error that shows the right call', (_, call, message) => {
  expect(call).toThrow(ArgumentError);
  expect(call).toThrow(message);
});
