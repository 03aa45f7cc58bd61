/** Tensors of ImageData and back, without a page; what a page has is in test/browser/pixels.test.ts. */
import { describe, expect, it } from 'vitest';
import { ArgumentError, DeviceError, DTypeError, ShapeError } from '../../src/base/errors.ts';
import { encodeImage } from '../../src/io/image/encode.ts';
import { Image } from '../../src/io/image/image.ts';
import { full, tensor, zeros } from '../../src/tensor/create.ts';
import { fromPixels, fromPixelsAsync } from '../../src/vision/from-pixels.ts';
import { toPixels, type PixelCanvas } from '../../src/vision/to-pixels.ts';

const random = (count: number): Uint8ClampedArray => Uint8ClampedArray.from({ length: count }, (_, i) => (i * i * 31 + i * 7) % 256);
const data = { width: 3, height: 2, data: random(24) };
const plane = (c: number): number[] => [0, 1, 2, 3, 4, 5].map((i) => data.data[4 * i + c]!);

describe('fromPixels', () => {
  it('gives channels by rows, bytes or parts of one', () => {
    const colours = fromPixels(data);
    expect([colours.dtype, colours.shape]).toEqual(['uint8', [3, 2, 3]]);
    expect([...colours.toTypedArray()]).toEqual([0, 1, 2].flatMap(plane));
    const all = fromPixels(data, { channels: 4, dtype: 'float32' });
    expect([...all.toTypedArray()]).toEqual([0, 1, 2, 3].flatMap(plane).map((byte) => Math.fround(byte / 255)));
  });

  it('makes grey as PIL does, and lets a background through where it is asked to', () => {
    const greys = new Image(
      3,
      2,
      3,
      Uint8Array.from([0, 1, 2, 3, 4, 5].flatMap((i) => [0, 1, 2].map((c) => data.data[4 * i + c]!))),
    ).convert('L');
    expect([...fromPixels(data, { channels: 1 }).toTypedArray()]).toEqual([...greys.data]);
    const pixel = { width: 4, height: 1, data: Uint8ClampedArray.from([[200, 100, 0, 0], [200, 100, 0, 255], [200, 100, 0, 51], [1, 2, 3, 128]].flat()) }; // prettier-ignore
    expect(fromPixels(pixel, { alpha: [255, 0, 10] }).tolist()).toEqual([[[255, 200, 244, 128]], [[0, 100, 20, 1]], [[10, 0, 8, 6]]]);
    expect(fromPixels(pixel, { alpha: [255, 0, 10], channels: 4 }).tolist()).toEqual(fromPixels(pixel, { channels: 4 }).tolist());
    expect(fromPixels(pixel, { alpha: 'drop' }).tolist()).toEqual([[[200, 200, 200, 1]], [[100, 100, 100, 2]], [[0, 0, 0, 3]]]);
  });

  it('refuses what has no pixels, too many of them, and options that are none', async () => {
    expect(() => fromPixels({ width: 0, height: 0, data: new Uint8ClampedArray() })).toThrow(/has no pixels yet/);
    expect(() => fromPixels(data, { maxPixels: 5 })).toThrow(/fromPixels: 3x2 pixels are more than maxPixels, 5/);
    expect(() => fromPixels(new Blob([]) as never)).toThrow(/write await fromPixelsAsync/);
    expect(() => fromPixels({ ...data, data: new Uint8ClampedArray(3) })).toThrow(ArgumentError);
    expect(() => fromPixels(data, { channels: 2 as never })).toThrow(/channels to be 1, 3 or 4, but got 2/);
    expect(() => fromPixels(data, { alpha: [0, 0, 256] })).toThrow(/\[red, green, blue\] from 0 to 255/);
    await expect(fromPixelsAsync('a.png' as never)).rejects.toThrow(/write new URL\(text, location.href\)/);
    await expect(fromPixelsAsync(new Blob(['x']))).rejects.toThrow(DeviceError);
  });

  it('reads files with the exact decoders', async () => {
    const image = new Image(3, 2, 3, Uint8Array.from(random(18)));
    const file = new Blob([encodeImage(image)]);
    const read = await fromPixelsAsync(file, { decoder: 'exact' });
    expect(read.permute(1, 2, 0).flatten().tolist()).toEqual([...image.data]);
    const grey = await fromPixelsAsync(file, { decoder: 'exact', channels: 1, dtype: 'float32' });
    expect([...grey.toTypedArray()]).toEqual([...image.convert('L').data].map((byte) => Math.fround(byte / 255)));
    await expect(fromPixelsAsync(file, { decoder: 'exact', channels: 4 })).rejects.toThrow(/give no alpha/);
    expect((await fromPixelsAsync(data)).shape).toEqual([3, 2, 3]);
  });
});

describe('toPixels', () => {
  it.each(['uint8', 'float32'] as const)('undoes fromPixels: %s', (dtype) => {
    expect([...toPixels(fromPixels(data, { channels: 4, dtype })).data]).toEqual([...data.data]);
    const opaque = toPixels(fromPixels(data, { dtype }));
    expect([opaque.width, opaque.height]).toEqual([3, 2]);
    expect([...opaque.data]).toEqual([...data.data].map((byte, i) => (i % 4 === 3 ? 255 : byte)));
  });

  it('rounds, cuts off, and makes grey of one channel', () => {
    expect([...toPixels(tensor([[-1, 0.5, 2, NaN]])).data]).toEqual([0, 0, 0, 255, 128, 128, 128, 255, 255, 255, 255, 255, 0, 0, 0, 255]);
    expect([...toPixels(full([1, 1, 1], 7, { dtype: 'uint8' })).data]).toEqual([7, 7, 7, 255]);
  });

  it('draws on a canvas, which gets the size', () => {
    const drawn: unknown[] = [];
    const canvas = { width: 300, height: 150, getContext: () => ({ putImageData: (...args: unknown[]) => drawn.push(args) }) };
    const pixels = toPixels(fromPixels(data), canvas);
    expect([canvas.width, canvas.height]).toEqual([3, 2]);
    expect(drawn).toEqual([[pixels, 0, 0]]);
    const taken: PixelCanvas = { width: 1, height: 1, getContext: () => null };
    expect(() => toPixels(zeros(1, 1), taken)).toThrow(/context of another kind than 2d/);
  });

  it('refuses other shapes and dtypes', () => {
    expect(() => toPixels(zeros(2, 3, 4, 4))).toThrow(/x\.select\(0, i\)/);
    expect(() => toPixels(zeros(2, 4, 4))).toThrow(ShapeError);
    expect(() => toPixels(zeros(3, 0, 4))).toThrow(ShapeError);
    expect(() => toPixels(zeros([3, 4, 4], { dtype: 'int64' }))).toThrow(DTypeError);
    expect(() => toPixels(zeros(1, 1), 'canvas' as never)).toThrow(/expected the canvas to be a canvas/);
  });
});
