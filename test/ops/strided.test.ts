/** Views of any strides, copies with such a part replaced, histograms and rarer distributions against PyTorch (test/fixtures/ops/strided.py). */
import { arange, asStrided, asStridedScatter, autograd, compile, empty, Generator, histogram, manualSeed, ones, poisson, rand, tensor, zeros, type Tensor } from 'flambeau'; // prettier-ignore
import { describe, expect, test } from 'vitest';
import { decode, expectClose, loadFixture, toTensor, type Encoded } from '../support/fixtures.ts';

type Strided = [size: number[], stride: number[], offset: number | null];
interface ViewCase {
  readonly id: string;
  readonly made: 'plain' | 'part' | 'turned' | 'spread';
  readonly args: Strided;
  readonly base: Encoded;
  readonly out: Encoded;
  readonly up: Encoded;
  readonly grad: Encoded;
}
interface ScatterCase extends Omit<ViewCase, 'up' | 'grad'> {
  readonly src: Encoded;
}
interface HistogramCase {
  readonly x: Encoded;
  readonly bins: number | Encoded;
  readonly options: { readonly range?: [number, number]; readonly weight?: Encoded; readonly density?: boolean };
  readonly hist: Encoded;
  readonly edges: Encoded;
}
interface DrawCase {
  readonly op: 'geometric_' | 'cauchy_' | 'logNormal_';
  readonly args: number[];
  readonly out: Encoded[];
  readonly after: number;
}
const fixture = loadFixture<{
  views: ViewCase[];
  scatters: ScatterCase[];
  histograms: HistogramCase[];
  draws: DrawCase[];
  poisson: { rates: Encoded; out: Encoded; after: number };
}>('strided');
const read = (text: Encoded): Tensor => toTensor(decode(text));
const MAKE: Readonly<Record<ViewCase['made'], (x: Tensor) => Tensor>> = {
  plain: (x) => x,
  part: (x) => x.narrow(0, 1, x.size(0) - 1),
  turned: (x) => x.t(),
  spread: (x) => x.expand(3, 4),
};

describe('views of any strides', () => {
  test.each(fixture.views)('$id', ({ made, args, base, out, up, grad }) => {
    const x: Tensor = read(base).requiresGrad_();
    const [size, stride, offset] = args;
    const y = MAKE[made](x).asStrided(size, stride, offset);
    expectClose(y, decode(out), 'view');
    y.mul(read(up)).sum().backward();
    expectClose(x.grad!, decode(grad), 'gradient');
    if (y.numel() > 0)
      expect(
        autograd.gradgradcheck((z: Tensor) => MAKE[made](z).asStrided(size, stride, offset).pow(2), [read(base).requiresGrad_()]),
      ).toBe(true);
  });

  test('they share memory, and take arguments by name', () => {
    const x = zeros(2, 3);
    x.asStrided({ size: [2], stride: [4], storageOffset: 1 }).fill_(7);
    expect(x.tolist()).toEqual([
      [0, 7, 0],
      [0, 0, 7],
    ]);
    expect(asStrided(x, [1], [1]).tolist()).toEqual([0]);
    const twice = compile((y: Tensor) => y.mul(2).contiguous().asStrided([2, 2], [1, 2]));
    expect(twice(arange(4).to('float32')).tolist()).toEqual([
      [0, 4],
      [2, 6],
    ]);
  });

  test.each<[string, () => unknown, RegExp]>([
    ['beyond the memory', () => zeros(2, 3).asStrided([2, 2], [4, 2]), /reach beyond the 6 elements/],
    ['one stride for two sizes', () => zeros(4).asStrided([2, 2], [1]), /a stride for each of the 2 sizes/],
    ['backwards', () => zeros(4).asStrided([2], [-1], 3), /expected stride of whole numbers from 0 on/],
    ['an offset before the memory', () => zeros(4).asStrided([2], [1], -1), /storageOffset to be/],
    ['a source of another shape', () => zeros(4).asStridedScatter(ones(3), [2], [1]), /a source of shape \[2\], but got \[3\]/],
    ['a place twice', () => zeros(4).asStridedScatter(ones(3), [3], [0]), /more than once/],
  ])('%s is refused', (_, call, message) => {
    expect(call).toThrow(message);
  });
});

test.each(fixture.scatters)('parts replaced: $id', ({ made, args, base, src, out }) => {
  const [size, stride, storageOffset] = args;
  const call = { size, stride, storageOffset };
  expectClose(MAKE[made](read(base)).asStridedScatter(read(src), size, stride, storageOffset), decode(out), 'result');
  const leaves = [read(base).requiresGrad_(), read(src).requiresGrad_()] as const;
  const replaced = (x: Tensor, part: Tensor): Tensor => asStridedScatter(MAKE[made](x), part, call);
  expect(autograd.gradcheck(replaced, leaves)).toBe(true);
});

describe('histograms', () => {
  test.each(fixture.histograms.map((one, i) => [i, one] as const))('case %i', (_, { x, bins, options, hist, edges }) => {
    const given = typeof bins === 'number' ? bins : read(bins);
    const { weight, ...rest } = options;
    const found = read(x).histogram(given, { ...rest, ...(weight === undefined ? {} : { weight: read(weight) }) });
    expectClose(found.hist, decode(hist), 'counts', 'sum');
    expectClose(found.binEdges, decode(edges), 'edges');
    expect([found[0] === found.hist, found.length]).toEqual([true, 2]);
  });

  test.each<[string, () => unknown, RegExp]>([
    ['no bins', () => histogram(rand(3), 0), /bins to be/],
    ['a range that falls', () => histogram(rand(3), 3, { range: [2, 1] }), /from low to high, but got from 2 to 1/],
    ['whole numbers', () => histogram(tensor([1n, 2n]), 3), /floating-point/],
    ['values without a range', () => histogram(tensor([NaN, 1]), 3), /a finite range/],
    ['weights of another shape', () => histogram(rand(3), 3, { weight: rand(2) }), /weights of the input's shape \[3\]/],
    ['edges and a range', () => histogram(rand(3), tensor([0, 1]), { range: [0, 1] }), /leave it out/],
  ])('%s: refused', (_, call, message) => {
    expect(call).toThrow(message);
  });
});

describe('distributions, number for number', () => {
  test.each(fixture.draws)('$op $args', ({ op, args, out, after }) => {
    manualSeed(11);
    for (const text of out) {
      const { dtype, shape } = decode(text);
      const x = (empty([...shape], { dtype }) as Tensor)[op](...(args as [number]));
      expectClose(x, decode(text), op);
    }
    expect(rand(1).item()).toBe(after);
  });

  test('poisson', () => {
    const { rates, out, after } = fixture.poisson;
    manualSeed(5);
    expect(poisson(read(rates)).tolist()).toEqual(read(out).tolist());
    expect(rand(1).item()).toBe(after);
    const x = ones(3, { requiresGrad: true });
    poisson(x, { generator: new Generator().manualSeed(1) })
      .sum()
      .backward();
    expect(x.grad!.tolist()).toEqual([0, 0, 0]);
    expect(() => poisson(tensor([1, -1]))).toThrow(/rates of at least 0, but got -1/);
    expect(() => zeros(2).geometric_(1)).toThrow(/p to be a number between 0 and 1/);
    expect(() => zeros(2, { dtype: 'int64' }).cauchy_()).toThrow(/floating-point/);
  });
});
