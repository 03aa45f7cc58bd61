// The WebAssembly kernel against the loops that run without it, and stretches and windows against cutting before and after.
import { describe, expect, it } from 'vitest';
import { crop } from '../../src/vision/crop.ts';
import { planesOfImage, imageOfPlanes, type Planes } from '../../src/vision/functional/planes.ts';
import { looped, resampledBytes } from '../../src/vision/functional/resample-bytes.ts';
import { Resampler } from '../../src/vision/functional/resample-kernel.ts';
import { FILTERS, type FilterName } from '../../src/vision/functional/resample.ts';
import { Image, type Channels } from '../../src/io/image/image.ts';
import { resize, resizePlan, type Resizing } from '../../src/vision/resize.ts';

/** Pixels that are mostly at the ends of their range, where rounding and clamping show. */
function picture(width: number, height: number, channels: Channels, seed = 1): Image {
  const data = new Uint8Array(width * height * channels);
  let state = seed;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    const value = state >> 16;
    data[i] = value % 3 === 0 ? 0 : value % 3 === 1 ? 255 : value & 255;
  }
  return new Image(width, height, channels, data);
}

const SIZES = [[37, 23, 11, 9], [5, 7, 40, 31], [64, 3, 7, 3], [3, 200, 3, 17], [130, 90, 129, 2], [1, 1, 5, 5], [300, 257, 100, 64]] as const; // prettier-ignore

describe.each(Object.keys(FILTERS) as FilterName[])('%s', (interpolation) => {
  it.each([1, 3] as const)('gives the bytes of the loops, %i channels', (channels) => {
    for (const [w, h, width, height] of SIZES) {
      const image = picture(w, h, channels);
      const plan = resizePlan(channels, {
        box: { left: 0, top: 0, width: w, height: h },
        width,
        height,
        interpolation,
      });
      expect(Resampler.begin(plan, w * channels), 'the kernel runs').toBeDefined();
      const expected = looped(planesOfImage(image), plan);
      expect(resampledBytes(planesOfImage(image), plan), `${w}x${h} to ${width}x${height}`).toEqual(expected);
    }
  });
});

describe('a stretch and a window', () => {
  const image = picture(90, 70, 3);
  const check = (resizing: Resizing, expected: Image): void => {
    const plan = resizePlan(3, resizing);
    expect(imageOfPlanes(resampledBytes(planesOfImage(image), plan)).data).toEqual(expected.data);
  };

  it('are cutting before and after', () => {
    for (const interpolation of ['bilinear', 'lanczos'] as const) {
      const box = { left: 11, top: 5, width: 60, height: 44 };
      const cut = crop(image, 5, 11, 44, 60);
      const window = { left: 3, top: 7, width: 20, height: 9 };
      check({ box, width: 30, height: 20, interpolation }, resize(cut, 30, 20, interpolation));
      check({ box, window, width: 30, height: 20, interpolation }, crop(resize(cut, 30, 20, interpolation), 7, 3, 9, 20));
      check({ box, window, width: 60, height: 44, interpolation }, crop(cut, 7, 3, 9, 20));
      check({ box, window, width: 60, height: 20, interpolation }, crop(resize(cut, 60, 20, interpolation), 7, 3, 9, 20));
    }
  });

  it('may lie between pixels: half of them is the picture at half its size', () => {
    const half = resize(image, 45, 35, 'box');
    const box = { left: 5.5, top: 2.5, width: 30, height: 20 };
    const plan = resizePlan(3, { box, width: 15, height: 10, interpolation: 'bilinear' });
    const small = resampledBytes(planesOfImage(half), plan);
    expect([small.width, small.height]).toEqual([15, 10]);
    // The same place of a ramp is the same value.
    const ramp = new Image(
      100,
      1,
      1,
      Uint8Array.from({ length: 100 }, (_, x) => 2 * x),
    );
    const middle = resizePlan(1, { box: { left: 20.5, top: 0, width: 40, height: 1 }, width: 10, height: 1, interpolation: 'bilinear' });
    const values = [...resampledBytes(planesOfImage(ramp), middle).data];
    // Averages of 4 pixels around 20.5 + 4 (i + 1/2), whose value is twice their place less a half; the ends see less.
    expect(values.slice(1, -1)).toEqual(Array.from({ length: 8 }, (_, i) => 2 * (20.5 + 4 * (i + 1.5) - 0.5)));
  });
});

it('takes planes of tensors one by one', () => {
  const planes: Planes<Uint8Array> = { data: picture(40, 90, 1).data, outer: 3, height: 30, width: 40, inner: 1 };
  const plan = resizePlan(1, { box: { left: 0, top: 0, width: 40, height: 30 }, width: 13, height: 50, interpolation: 'bicubic' });
  expect(resampledBytes(planes, plan)).toEqual(looped(planes, plan));
});
