/** Exact types of what resizes images: transposed convolution, interpolation, pixel shuffle, padding; and of the activations. */
import type { Tensor } from '../../src/tensor/tensor.ts';
import { randn } from '../../src/tensor/index.ts';
import type { Dynamic, PadShape, Wrong } from '../../src/tensor/shapes/index.ts';
import * as F from '../../src/nn/functional.ts';
import { ConvTranspose2d, Input, PixelShuffle, PixelUnshuffle, ReLU6, Sequential, Upsample } from '../../src/nn/index.ts';
import type { Apply, ConvTransposeFn, PixelShuffleFn, PixelUnshuffleFn, UpsampleFn } from '../../src/nn/shape-types.ts';
import { has, is } from './support.ts';

declare const n: number;
declare const bare: Tensor;
declare const loaded: Tensor<[number, 16, 7, 7]>;

// ---------------------------------------------------------------------------------------------- transposed convolution

const up = new ConvTranspose2d(16, 8, 4, { stride: 2, padding: 1 });
is<typeof up, ConvTranspose2d<16, 8, 4, 2, 1>>();
has(up(randn(4, 16, 7, 7))).shape<[4, 8, 14, 14]>();
has(up(randn(16, 7, 7))).shape<[8, 14, 14]>();
has(up(loaded)).shape<[number, 8, 14, 14]>();
has(up(randn(4, 16, n, 7))).shape<[4, 8, number, 14]>();
has(up(bare)).shape<Dynamic>();
// @ts-expect-error: ConvTranspose2d expects 16 channels but receives 8 (input 8×7×7)
up(randn(4, 8, 7, 7));
has(new ConvTranspose2d(16, 8, 3)(loaded)).shape<[number, 8, 9, 9]>();
has(new ConvTranspose2d(16, 8, 3, { stride: 2, padding: 1, outputPadding: 1 })(loaded)).shape<[number, 8, 14, 14]>();
has(new ConvTranspose2d(16, 8, [3, 5], { stride: [1, 2], padding: [1, 0] })(loaded)).shape<[number, 8, 7, 17]>();
has(new ConvTranspose2d(16, 8, 3, { dilation: [1, 2], outputPadding: [0, 1] })(loaded)).shape<[number, 8, 9, 12]>();
has(new ConvTranspose2d(16, 8, 3, { groups: 8 })(loaded)).shape<[number, 8, 9, 9]>();
has(new ConvTranspose2d(16, 8, n)(loaded)).shape<[number, 8, number, number]>();
// @ts-expect-error: groups 3 does not divide inChannels 16
new ConvTranspose2d(16, 9, 3, { groups: 3 });
type Rule = ConvTransposeFn<3, 4, 2, 1, 2>;
is<Apply<Rule, [8, 3, 2, 9]>, Wrong<'ConvTranspose2d: padding 2×2 leaves nothing of input 3×2×9'>>();
is<Apply<Rule, [8, 3]>, Wrong<'ConvTranspose2d expects a 3-d or 4-d input but receives 8×3'>>();
is<Apply<Rule, unknown>, [number, 4, number, number]>();

has(F.convTranspose2d(loaded, randn(16, 8, 2, 2), null, { stride: 2 })).shape<[number, 8, 14, 14]>();
has(F.convTranspose2d(loaded, randn(16, 4, 3, 3), null, { groups: 2, dilation: 2 })).shape<[number, 8, 11, 11]>();
has(F.convTranspose2d(bare, randn(16, 4, 3, 3))).shape<Dynamic>();
has(F.convTranspose2d(loaded, bare)).shape<Dynamic>();
// @ts-expect-error: convTranspose2d expects 8 channels but receives 16 (input 16×7×7)
F.convTranspose2d(loaded, randn(8, 4, 3, 3));

// ---------------------------------------------------------------------------------------------- interpolation

has(F.interpolate(loaded, { scaleFactor: 2 })).shape<[number, 16, 14, 14]>();
has(F.interpolate(loaded, { scaleFactor: [2, 3], mode: 'bilinear' })).shape<[number, 16, 14, 21]>();
has(F.interpolate(loaded, { scaleFactor: 0.5 })).shape<[number, 16, number, number]>();
has(F.interpolate(loaded, { size: [5, 6], mode: 'bicubic', alignCorners: true })).shape<[number, 16, 5, 6]>();
has(F.interpolate({ input: loaded, size: [5, 6], mode: 'bilinear' })).shape<[number, 16, 5, 6]>();
has(F.interpolate({ input: loaded, scaleFactor: 2 })).shape<[number, 16, 14, 14]>();
has(F.interpolate(randn(3, 4, 4), { size: 9 })).shape<Dynamic>();
has(F.interpolate(loaded, null, 2, 'bilinear')).shape<[number, 16, 14, 14]>();
has(F.interpolate(loaded, [5, 6])).shape<[number, 16, 5, 6]>();
has(F.interpolate(bare, { size: 9 })).shape<Dynamic>();
// @ts-expect-error: interpolate expects a 4-d input but receives 8×3
F.interpolate(randn(8, 3), { size: 9 });
const twice = new Upsample({ scaleFactor: 2 });
is<typeof twice, Upsample<undefined, 2>>();
has(twice(loaded)).shape<[number, 16, 14, 14]>();
has(new Upsample({ size: [3, 4], mode: 'nearest-exact' })(loaded)).shape<[number, 16, 3, 4]>();
declare const any: Upsample;
has(any(loaded)).shape<[number, 16, number, number]>();
is<Apply<UpsampleFn<4, undefined>, [8, 3]>, Wrong<'Upsample expects a 4-d input but receives 8×3'>>();

// ---------------------------------------------------------------------------------------------- padding, places of maxima

has(F.pad(loaded, [1, 2])).shape<[number, 16, 7, 10]>();
has(F.pad(loaded, [1, 1, 0, 3, 4, 0], 0.5)).shape<[number, 20, 10, 9]>();
has(F.pad(loaded, [0, -1])).shape<[number, 16, 7, number]>();
has(F.pad(loaded, [n, 1])).shape<[number, 16, 7, number]>();
has(F.pad(loaded, [])).shape<[number, 16, 7, 7]>();
has(F.pad(bare, [1, 1])).shape<Dynamic>();
has(F.pad(loaded, new Array<number>(2))).shape<Dynamic>();
// @ts-expect-error: pad: expected at most 4 numbers for an input of 8×3, but got 6
F.pad(randn(8, 3), [1, 1, 1, 1, 1, 1]);
is<PadShape<[8, 3], [1, 1, 1, 1, 1, 1]>, Wrong<'pad: expected at most 4 numbers for an input of 8×3, but got 6'>>();
export function padded<N extends number>(x: Tensor<[N, 3, 8, 8]>) {
  has(F.pad(x, [1, 1, 2, 2])).shape<[N, 3, 12, 10]>();
}

const places = F.maxPool2dWithIndices(loaded, 3, { stride: 2, padding: 1 });
has(places.values).shape<[number, 16, 4, 4]>();
has(places.indices).shape<[number, 16, 4, 4]>();
has(F.maxPool2dWithIndices(loaded, [1, 7]).indices).shape<[number, 16, 7, 1]>();
has(F.maxPool2dWithIndices(bare, 2).values).shape<Dynamic>();
// @ts-expect-error: maxPool2d: window 9×9 does not fit input 16×7×7
F.maxPool2dWithIndices(loaded, 9);

// ---------------------------------------------------------------------------------------------- pixel shuffle, activations

has(new PixelShuffle(2)(loaded)).shape<[number, 4, 14, 14]>();
has(new PixelUnshuffle(7)(loaded)).shape<[number, 784, 1, 1]>();
has(F.pixelShuffle(randn(18, 4, 5), 3)).shape<[2, 12, 15]>();
has(F.pixelUnshuffle(randn(2, 4, 6), 2)).shape<[8, 2, 3]>();
has(F.pixelShuffle(loaded, n)).shape<[number, number, number, number]>();
// @ts-expect-error: PixelShuffle expects channels in multiples of 9 but receives 16 (input 16×7×7)
new PixelShuffle(3)(loaded);
is<Apply<PixelShuffleFn<3>, [1, 16, 7, 7]>, Wrong<'PixelShuffle expects channels in multiples of 9 but receives 16 (input 16×7×7)'>>();
is<Apply<PixelUnshuffleFn<2>, [1, 16, 7, 8]>, Wrong<'PixelUnshuffle expects rows in multiples of 2 but receives 7 (input 16×7×8)'>>();
is<Apply<PixelUnshuffleFn<2>, [16, 8, 7]>, Wrong<'PixelUnshuffle expects columns in multiples of 2 but receives 7 (input 16×8×7)'>>();
has(F.relu6(loaded)).shape<[number, 16, 7, 7]>();
has(new ReLU6(true)(loaded)).shape<[number, 16, 7, 7]>();

const decoder = new Sequential(
  new Input(16, 7, 7),
  new ConvTranspose2d(16, 8, 4, { stride: 2, padding: 1 }),
  new ReLU6(),
  new Upsample({ scaleFactor: 2 }),
  new PixelShuffle(2),
);
has(decoder(randn(5, 16, 7, 7))).shape<[5, 2, 56, 56]>();
new Sequential(
  new Input(16, 7, 7),
  new ConvTranspose2d(16, 6, 4, { stride: 2, padding: 1 }),
  // @ts-expect-error: PixelShuffle expects channels in multiples of 4 but receives 6 (input 6×14×14)
  new PixelShuffle(2),
);
