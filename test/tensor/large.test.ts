/** What is large takes other ways than what is small, to the same results. */
import { arange, eye, linspace, randint, randn } from 'flambeau';
import { expect, it } from 'vitest';

it('whole numbers in a row are a row and a column added', () => {
  const x = arange(-7, 60_000, 3);
  expect([x.dtype, x.isContiguous(), x.numel()]).toEqual(['int64', true, 20_003]);
  expect(Array.from(x.toTypedArray(), Number)).toEqual(Array.from({ length: 20_003 }, (_, i) => 3 * i - 7));
  expect(
    arange(2 ** 53 - 20_000, 2 ** 53 - 1)
      .at(-1)
      .item(),
  ).toBe(2 ** 53 - 2);
});

it('numbers between bounds of single precision are rounded once', () => {
  const x = linspace(-1, 0.3, 1000).toTypedArray();
  const step = Math.fround(Math.fround(Math.fround(0.3) + 1) / 999);
  const exact = (i: number): number => Math.fround(i < 500 ? i * step - 1 : (i - 999) * step + Math.fround(0.3));
  expect([...(x as Float32Array)]).toEqual(Array.from({ length: 1000 }, (_, i) => exact(i)));
});

it('the identity of any shape and dtype', () => {
  expect(eye(2, 3, { dtype: 'bool' }).tolist()).toEqual([
    [true, false, false],
    [false, true, false],
  ]);
  expect(eye(3, 1).tolist()).toEqual([[1], [0], [0]]);
  expect(eye(0, 2).shape).toEqual([0, 2]);
});

it('extremes and products of long indices are reduced in parts', () => {
  const [rows, columns, n] = [8, 2048, 2560];
  const x = randn(rows, columns);
  const source = randn(rows, n);
  const index = randint(0, columns, [rows, n]);
  const [values, at, from] = [x, index, source].map((t) => Array.from(t.toTypedArray(), Number)) as [number[], number[], number[]];
  for (const includeSelf of [true, false]) {
    const expected = [...values];
    const hit = new Set<number>();
    at.forEach((column, i) => {
      const place = Math.floor(i / n) * columns + column;
      const before = includeSelf || hit.has(place) ? expected[place]! : -Infinity;
      hit.add(place);
      expected[place] = Math.max(before, from[i]!);
    });
    const result = x.scatterReduce(1, index, source, 'amax', { includeSelf });
    expect(Array.from(result.toTypedArray(), Number)).toEqual(expected);
  }
});
