/** Transposed convolution, interpolation and pixel shuffle, against PyTorch (test/fixtures/ops/resize.py). */
import { F, randn } from 'flambeau';
import { expect, test } from 'vitest';
import { testFamily } from '../support/run-fixtures.ts';

type TransposeOptions = Parameters<typeof F.convTranspose2d>[3];

testFamily('resize', {
  convTranspose2d: ({ x, w, b }, options: TransposeOptions) => F.convTranspose2d(x, w, b, options),
  interpolate: ({ x }, options: F.InterpolateOptions) => F.interpolate(x, options),
  pixelShuffle: ({ x }, { r }: { r: number }) => F.pixelShuffle(x, r),
  pixelUnshuffle: ({ x }, { r }: { r: number }) => F.pixelUnshuffle(x, r),
});

test('the nearest elements, of rows longer than wide vectors, by whole factors and others', () => {
  const x = randn(2, 3, 4, 75);
  for (const size of [
    [8, 150],
    [12, 225],
    [4, 600],
    [5, 75],
    [9, 101],
  ] as const) {
    const got = F.interpolate(x, { size, mode: 'nearest' });
    const [rows, columns] = [
      [4, size[0]],
      [75, size[1]],
    ].map(([from, to]) => Array.from({ length: to! }, (_, i) => Math.floor((i * from!) / to!))) as [number[], number[]];
    const planes = x.tolist() as number[][][][];
    const expected = planes.map((image) => image.map((plane) => rows.map((i) => columns.map((j) => plane[i]![j]!))));
    expect(got.tolist()).toEqual(expected);
  }
});
