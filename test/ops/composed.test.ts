/** Edges of order, statistics, indices and draws that PyTorch's database does not have. Numbers are PyTorch 2.15's. */
import * as flambeau from 'flambeau';
import { asTensor, einsum, linspace, manualSeed, nonzero, normal, randint, tensor, where, zeros, type Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';

const list = (x: Tensor): unknown => x.tolist();
const int = (values: number[] | number[][]): Tensor => tensor(values, { dtype: 'int64' });

describe('order', () => {
  const x = tensor([3, NaN, 1, 3, -Infinity, NaN, 2]);
  test('NaN is the largest, equal elements stay in their order', () => {
    expect(list(x.sort().indices)).toEqual([4, 2, 6, 0, 3, 1, 5]);
    expect(list(x.sort(0, true).indices)).toEqual([1, 5, 0, 3, 6, 2, 4]);
    expect(list(x.argsort({ descending: true }))).toEqual([1, 5, 0, 3, 6, 2, 4]);
    expect(list(x.topk(3).values)).toEqual([NaN, NaN, 3]);
    expect(list(x.topk(2, 0, false).values)).toEqual([-Infinity, 1]);
  });
  test('medians', () => {
    expect(x.median().item()).toBeNaN();
    expect(x.nanmedian().item()).toBe(2);
    expect(tensor([4, 1, 3, 2]).median().item()).toBe(2);
    expect(tensor([NaN, NaN]).nanmedian().item()).toBeNaN();
    expect(zeros(0).median().item()).toBeNaN();
    expect(() => zeros(2, 0).median(1)).toThrow(flambeau.ShapeError);
    expect(
      list(
        tensor([
          [4, 1, 3],
          [NaN, 0, 1],
        ]).median(-1, true).values,
      ),
    ).toEqual([[3], [NaN]]);
  });
  test('scalars and empty tensors', () => {
    expect(list(tensor(5).sort().values)).toBe(5);
    expect(list(tensor(5).topk(1).indices)).toBe(0);
    expect(zeros(0, 3).sort(0).values.shape).toEqual([0, 3]);
    expect(tensor(5).median(0).values.item()).toBe(5);
    expect(() => tensor([1, 2]).topk(3)).toThrow(flambeau.ArgumentError);
  });
  test('quantiles of all ways', () => {
    const y = tensor([1, 2, 3, 4]);
    const ways = ['linear', 'lower', 'higher', 'midpoint', 'nearest'] as const;
    expect(ways.map((interpolation) => y.quantile(0.4, { interpolation }).item())).toEqual([Math.fround(2.2), 2, 3, 2.5, 2]);
    expect(y.quantile(tensor([0.5, 1]), 0, true).shape).toEqual([2, 1]);
    expect(tensor([1, NaN]).quantile(0.5).item()).toBeNaN();
    expect(tensor([1, NaN]).nanquantile(0.5).item()).toBe(1);
  });
});

describe('statistics', () => {
  test('correlations', () => {
    const x = tensor(
      [
        [1, 2, 4],
        [2, 4, 8],
        [3, 1, -1],
      ],
      { dtype: 'float64' },
    );
    const c = x.corrcoef();
    expect(c.shape).toEqual([3, 3]);
    const rows = c.tolist() as number[][];
    expect(rows[0]![1]).toBeCloseTo(1, 12);
    expect(rows[0]![2]).toBeCloseTo(-0.9819805060619657, 12);
    expect(tensor([1, 2, 3]).corrcoef().item()).toBe(1);
  });
});

describe('running', () => {
  test('products, extremes', () => {
    expect(list(tensor([1, 2, 3, 4, 5]).cumprod(0))).toEqual([1, 2, 6, 24, 120]);
    expect(list(tensor([1, 2, 3]).cumprod_(0))).toEqual([1, 2, 6]);
    expect(list(tensor([1, 2, 3]).cumsum_(0))).toEqual([1, 3, 6]);
    expect(list(tensor([true, false]).cumprod(0))).toEqual([1, 0]);
    const { values, indices } = tensor([1, 3, 3, NaN, 5]).cummax(0);
    expect([list(values), list(indices)]).toEqual([
      [1, 3, 3, NaN, NaN],
      [0, 1, 2, 3, 3],
    ]);
    expect(list(tensor([[3, 1], [2, 1]]).cummin(-1).indices)).toEqual([[0, 1], [0, 1]]); // prettier-ignore
    expect(zeros(0).cumprod(0).shape).toEqual([0]);
    expect(tensor(3).cummax(0).indices.item()).toBe(0);
    const x = tensor([2, 0, 3], { requiresGrad: true });
    x.cumprod(0).sum().backward();
    expect(list(x.grad!)).toEqual([1, 8, 0]);
    expect(tensor([-1000, 0]).logcumsumexp(0).tolist()).toEqual([-1000, 0]);
  });
});

describe('indices', () => {
  test('negative dimensions, scalars, whole numbers', () => {
    expect(list(zeros(2, 2).indexFill(-1, int([-1]), 3))).toEqual([
      [0, 3],
      [0, 3],
    ]);
    expect(list(int([1, 2, 3]).indexAdd(0, int([0, 0]), int([5, 6])))).toEqual([12, 2, 3]);
    expect(list(int([1, 2]).scatterReduce(0, int([0, 0]), int([5, 7]), 'mean'))).toEqual([4, 2]);
    expect(list(tensor([1, 2]).scatterReduce(0, int([0, 0]), tensor([5, 7]), 'prod', { includeSelf: false }))).toEqual([35, 2]);
    // Extremes of whole numbers have no neutral element that a number holds; NaN wins.
    const far = tensor([-(2n ** 62n), 2n ** 62n], { dtype: 'int64' });
    expect(list(int([0, 5]).scatterReduce(0, int([0, 0]), far, 'amin', { includeSelf: false }))).toEqual([-(2n ** 62n), 5]);
    expect(list(tensor([[1, 2], [3, 4]]).indexReduce(0, int([1, 1]), tensor([[NaN, 9], [5, 0]]), 'amax'))).toEqual([[1, 2], [NaN, 9]]); // prettier-ignore
    expect(list(tensor([1, 2]).scatter(0, int([1]), 9, { reduce: 'multiply' }))).toEqual([1, 18]);
    expect(
      list(
        tensor([
          [1, 2],
          [3, 4],
        ]).take(int([-1, 0])),
      ),
    ).toEqual([4, 1]);
  });
  test('in place', () => {
    const x = zeros(3);
    x.scatter_(0, int([1]), 2).scatterAdd_(0, int([1, 1]), tensor([1, 1]));
    expect(list(x)).toEqual([0, 4, 0]);
    x.indexAdd_(0, int([0]), tensor([1]), { alpha: 3 })
      .indexCopy_(0, int([2]), tensor([7]))
      .indexFill_(0, int([1]), 5);
    expect(list(x)).toEqual([3, 5, 7]);
    x.put_(int([0]), tensor([1]), true).indexPut_([int([1, 1])], tensor([1, 1]), true);
    expect(list(x)).toEqual([4, 7, 7]);
    x.scatterReduce_(0, int([0]), tensor([9]), 'amax').indexReduce_(0, int([1]), tensor([2]), 'amin');
    expect(list(x)).toEqual([9, 2, 7]);
    expect(list(x.maskedScatter_(x.gt(5), tensor([1, 2])))).toEqual([1, 2, 2]);
  });
  test('a tensor that is not contiguous stays as it is', () => {
    const x = zeros(3, 6).at(':', '::2');
    expect(list(x.put(int([1, 1]), tensor([2, 3]), true))).toEqual([
      [0, 5, 0],
      [0, 0, 0],
      [0, 0, 0],
    ]);
    expect(x.sum().item()).toBe(0);
    expect(list(x.put_(int([3]), tensor([2])))).toEqual([
      [0, 0, 0],
      [2, 0, 0],
      [0, 0, 0],
    ]);
  });
  test('several index tensors are broadcast together', () => {
    expect(list(zeros(2, 2).indexPut([int([0, 1]), int([1])], 1))).toEqual([
      [0, 1],
      [0, 1],
    ]);
  });
  test('places as a tuple', () => {
    expect(nonzero(tensor([[0, 1], [1, 0]]), { asTuple: true }).map(list)).toEqual([[0, 1], [1, 0]]); // prettier-ignore
    expect(list(tensor([0, 3]).nonzero())).toEqual([[1]]);
    expect(tensor([[0, 1], [1, 0]]).nonzero({ asTuple: true }).map(list)).toEqual([[0, 1], [1, 0]]); // prettier-ignore
    expect(where(tensor([[0, 1], [1, 0]]).eq(1)).map(list)).toEqual([[0, 1], [1, 0]]); // prettier-ignore
    expect(where(tensor(3).gt(2)).map(list)).toEqual([[0]]);
    expect(list(tensor([0, 3]).argwhere())).toEqual([[1]]);
    expect(list(tensor([1, 2]).where(tensor([true, false]), 0))).toEqual([1, 0]);
    expect(list(flambeau.concat([tensor([1]), tensor([2])]))).toEqual([1, 2]);
  });
});

describe('products in place, triangles', () => {
  const m = (): Tensor =>
    tensor([
      [1, 2],
      [3, 4],
    ]);
  test.each(['addmm', 'addcmul', 'addcdiv'] as const)('%s_', (name) => {
    expect(list(m()[`${name}_`](m(), m()))).toEqual(list(m()[name](m(), m())));
  });
  test('the rest', () => {
    const v = tensor([1, 2]);
    expect(list(v.clone().addmv_(m(), v))).toEqual([6, 13]);
    expect(list(m().addr_(v, v))).toEqual([
      [2, 4],
      [5, 8],
    ]);
    expect(list(m().addbmm_(m().unsqueeze(0), m().unsqueeze(0), { beta: 0 }))).toEqual([
      [7, 10],
      [15, 22],
    ]);
    expect(list(m().unsqueeze(0).baddbmm_(m().unsqueeze(0), m().unsqueeze(0)))).toEqual([
      [
        [8, 12],
        [18, 26],
      ],
    ]);
    expect(list(m().tril_())).toEqual([
      [1, 0],
      [3, 4],
    ]);
    expect(list(m().triu_(1))).toEqual([
      [0, 2],
      [0, 0],
    ]);
    expect(list(v.clone().lerp_(tensor([3, 4]), 0.5))).toEqual([2, 3]);
  });
  test('einsum refuses what does not fit', () => {
    for (const equation of ['ij', 'ij,jk->il', 'i.j', 'ii,ij', 'ij,jk->ijj', 'ij,jk->ik->k', 'ijk,ij'])
      expect(() => einsum(equation, zeros(2, 3), zeros(3, 4)), equation).toThrow(flambeau.FlambeauError);
    expect(einsum('ij,jk', zeros(2, 3), zeros(3, 4)).shape).toEqual([2, 4]);
    expect(einsum('ba', zeros(2, 3)).shape).toEqual([3, 2]);
    expect(einsum('...ij,...jk', zeros(5, 1, 2, 3), zeros(4, 3, 2)).shape).toEqual([5, 4, 2, 2]);
    expect(list(einsum('ii->i', m()))).toEqual([1, 4]);
  });
});

describe('draws', () => {
  test('the same seed, the same numbers', () => {
    manualSeed(0);
    expect(list(zeros(3).uniform_())).toEqual([0.49625658988952637, 0.7682217955589294, 0.08847743272781372]);
    expect(list(zeros(3).normal_())).toEqual([0.3643381893634796, 0.13439632952213287, 0.16421625018119812]);
    expect(list(zeros(3).exponential_())).toEqual([0.24046602845191956, 0.4321253299713135, 0.16037386655807495]);
    expect(list(tensor([0.5, 0.5, 0.5]).bernoulli())).toEqual([0, 1, 1]);
    expect(list(tensor([1, 2, 3]).multinomial(2))).toEqual([1, 2]);
    expect(list(zeros(3).random_(10))).toEqual([9, 9, 9]);
    expect(list(normal(0, 1, [2]))).toEqual([0.3057610094547272, 1.0999702215194702]);
    expect(list(randint(5, [3]))).toEqual([0, 0, 0]);
    expect(zeros(50).bernoulli_(0.5).sum().item()).toBeGreaterThan(5);
  });
});

describe('values', () => {
  test('many numbers in a row are those of few: each rounded once, from both ends', () => {
    const [n, from, to] = [20001, Math.fround(-0.3), Math.fround(7.7)];
    const step = Math.fround(Math.fround(to - from) / (n - 1));
    const expected = Array.from({ length: n }, (_, i) => Math.fround(i < 10000 ? i * step + from : (i - (n - 1)) * step + to));
    for (let run = 0; run < 3; run++) expect(list(linspace(-0.3, 7.7, n))).toEqual(expected); // the second one is recorded
  });

  test('shifts bits by counts within the dtype, and by others to nothing or to the sign, as PyTorch', () => {
    const rows = [
      ['int8', [5, 100, 127, -3], [1, -1, 8, 3], [10, 0, 0, -24], [2, 0, 0, -1]],
      ['uint8', [5, 100, 200, 253], [1, 255, 8, 3], [10, 0, 0, 232], [2, 0, 0, 31]],
      ['int32', [5, 100, 200, -3], [7, 31, 33, 63], [640, 0, 0, 0], [0, 0, 0, -1]],
      ['int64', [5, 100, 200, -3], [7, 31, 33, -1], [640, 214748364800, 1717986918400, 0], [0, 0, 0, -1]],
    ] as const;
    for (const [dtype, values, counts, left, right] of rows) {
      const [x, n] = [tensor(values, { dtype }), tensor(counts, { dtype })];
      expect(list(x.bitwiseLeftShift(n))).toEqual(left);
      expect(list(x.bitwiseRightShift(n))).toEqual(right);
    }
  });

  test('whole numbers beyond 2⁵³ are exact or refused', () => {
    const x = tensor(2n ** 60n + 1n, { dtype: 'int64' });
    expect(() => x.item()).toThrow(/item\(\{ bigint: true \}\)/);
    expect(x.item({ bigint: true })).toBe(2n ** 60n + 1n);
    expect(tensor(7).item({ bigint: true })).toBe(7n);
    expect(() => tensor(0.5).item({ bigint: true })).toThrow(flambeau.ArgumentError);
  });
  test('asTensor, newTensor', () => {
    const x = tensor([1, 2]);
    expect(asTensor(x)).toBe(x);
    expect(asTensor([1, 2], 'int64').dtype).toBe('int64');
    expect(tensor([1], { dtype: 'float64' }).newTensor([2]).dtype).toBe('float64');
    expect(list(tensor([NaN, 1]).nanToNum_())).toEqual([0, 1]);
    expect(tensor([1, NaN]).allclose(tensor([1, NaN]))).toBe(false);
    expect(flambeau.allclose(tensor([1, NaN]), tensor([1, NaN]), 1e-5, 1e-8, true)).toBe(true);
    expect(tensor([1]).equal(tensor([1]))).toBe(true);
  });
});
