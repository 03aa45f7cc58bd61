/** Transposed convolution, interpolation and pixel shuffle, against PyTorch (test/fixtures/ops/resize.py). */
import { F } from 'flambeau';
import { testFamily } from '../support/run-fixtures.ts';

type TransposeOptions = Parameters<typeof F.convTranspose2d>[3];

testFamily('resize', {
  convTranspose2d: ({ x, w, b }, options: TransposeOptions) => F.convTranspose2d(x, w, b, options),
  interpolate: ({ x }, options: F.InterpolateOptions) => F.interpolate(x, options),
  pixelShuffle: ({ x }, { r }: { r: number }) => F.pixelShuffle(x, r),
  pixelUnshuffle: ({ x }, { r }: { r: number }) => F.pixelUnshuffle(x, r),
});
