/** `fromPixels` and `toPixels` on a page of real Chromium. */
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serialize } from '../../src/io/checkpoint.ts';
import { encodeImage } from '../../src/io/image/encode.ts';
import { Image } from '../../src/io/image/image.ts';
import { kindOf } from '../../src/io/image/kind.ts';
import { turned } from '../../src/io/image/orientation.ts';
import { rand } from '../../src/tensor/create.ts';
import { readImage } from '../../src/vision/read-image.ts';
import { chromiumPath, openPlainPage } from '../support/chromium.ts';
import type { PixelsPage } from './pixels-page.ts';

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const image = new Image(
  7,
  5,
  3,
  Uint8Array.from({ length: 105 }, (_, i) => (i * i * 13 + i) % 256),
);
/** By channels. */
const values = ({ data, width, height, channels }: Image): number[] =>
  Array.from({ length: channels }, (_, c) => Array.from({ length: width * height }, (_, i) => data[i * channels + c]!)).flat();

/** A JPEG file that says how the camera was held. */
function withOrientation(jpeg: Uint8Array, orientation: number): Uint8Array {
  const tiff = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];
  const exif = [0x45, 0x78, 0x69, 0x66, 0, 0, ...tiff];
  return Uint8Array.from([...jpeg.subarray(0, 2), 0xff, 0xe1, 0, exif.length + 2, ...exif, ...jpeg.subarray(2)]);
}

describe.skipIf(chromiumPath === undefined)('pixels in Chromium', () => {
  let page: Page;
  let close: () => Promise<void>;

  beforeAll(async () => {
    ({ page, close } = await openPlainPage({
      page: 'test/browser/pixels-page.ts',
      worker: 'test/browser/pixels-worker.ts',
    }));
  }, 120_000);

  afterAll(() => close());

  const ask = <K extends keyof PixelsPage>(name: K, ...args: Parameters<PixelsPage[K]>): Promise<Awaited<ReturnType<PixelsPage[K]>>> =>
    page.evaluate(
      ([name, args]) => (globalThis as unknown as { page: Record<string, (...args: unknown[]) => never> }).page[name]!(...args),
      [name, args] as const,
    );

  it('takes the same pixels of everything that shows a picture', async () => {
    const { exact, early, wrong, noPicture, notThere } = await ask('sources', base64(encodeImage(image)));
    expect(exact.map(([name]) => name)).toEqual(['bitmap', 'canvas', 'offscreen', 'img', 'frame', 'data', 'blob', 'file', 'url']);
    for (const [, { shape, values: found }] of exact) expect([shape, found]).toEqual([[3, 5, 7], values(image)]);
    expect(early).toMatch(/^ArgumentError: fromPixels: the HTMLImageElement has no pixels yet/);
    expect(wrong).toMatch(/^ArgumentError: fromPixels: expected an <img>/);
    expect(noPicture).toMatch(/^ArgumentError: fromPixelsAsync: the browser cannot decode this file/);
    expect(notThere).toMatch(/^ArgumentError: fromPixelsAsync: .*not-there\.png was answered with status 404/);
  });

  it('takes them in a worker, too', async () => {
    const taken = await ask('inWorker', base64(encodeImage(image)));
    expect(taken.map(([name]) => name)).toEqual(['bitmap', 'data', 'frame', 'blob', 'file']);
    for (const [, { shape, values: found }] of taken) expect([shape, found]).toEqual([[3, 5, 7], values(image)]);
  });

  it('decodes files of every kind to the bits that Node gives, if that is asked for', async () => {
    const fixtures = ['images', 'formats'].flatMap(
      (name) =>
        (JSON.parse(readFileSync(`test/fixtures/vision/${name}.json`, 'utf8')) as { files: { name: string; file: string }[] }).files,
    );
    const kinds = new Map<string, typeof fixtures>();
    for (const fixture of fixtures) {
      const kind = kindOf(Buffer.from(fixture.file, 'base64'))?.format ?? 'none';
      const some = kinds.get(kind) ?? [];
      if (some.length < 4) kinds.set(kind, [...some, fixture]);
    }
    expect([...kinds.keys()].sort()).toEqual(['bmp', 'gif', 'jpeg', 'png', 'pnm', 'tiff', 'webp']);
    for (const { name, file } of [...kinds.values()].flat()) {
      const inNode = await readImage(Buffer.from(file, 'base64'), { orientation: true });
      const { shape, values: found } = await ask('file', file, { decoder: 'exact' });
      expect(shape, name).toEqual([3, inNode.height, inNode.width]);
      expect(found, name).toEqual(values(inNode));
    }
  });

  it('takes the frame of a video', async () => {
    const { shape, values: found, empty } = await ask('video', 'rgb(200, 100, 50)');
    expect(shape).toEqual([3, 32, 64]);
    [200, 100, 50].forEach((colour, c) => expect(Math.abs(found[c * 2048 + 1000]! - colour)).toBeLessThan(8));
    expect(empty).toMatch(/HTMLVideoElement has no pixels yet/);
  });

  it('turns photographs as the browser shows them, or not, with both decoders', async () => {
    const photo = new Image(
      16,
      8,
      3,
      Uint8Array.from({ length: 384 }, (_, i) => (Math.floor(i / 3) % 16 < 8 ? 230 : 20)),
    );
    const jpeg = withOrientation(encodeImage(photo, { format: 'jpeg', quality: 95 }), 6);
    for (const decoder of ['browser', 'exact'] as const) {
      const upright = await ask('file', base64(jpeg), { decoder, channels: 1 });
      const lying = await ask('file', base64(jpeg), { decoder, channels: 1, orientation: false });
      const near = (found: number[], expected: Image): boolean => found.every((value, i) => Math.abs(value - expected.data[i]!) < 12);
      expect([upright.shape, lying.shape]).toEqual([
        [1, 16, 8],
        [1, 8, 16],
      ]);
      expect(near(lying.values, photo.convert('L'))).toBe(true);
      expect(near(upright.values, turned(photo, 6).convert('L'))).toBe(true);
    }
  });

  it('draws tensors, and reads what it has drawn', async () => {
    const x = rand(3, 4, 6);
    const { isImageData, size, again, taken } = await ask('drawn', base64(serialize({ x })));
    expect([isImageData, size]).toEqual([true, [6, 4]]);
    expect(again.values).toEqual([...x.toTypedArray()].map((value) => Math.round(Number(value) * 255)));
    expect(taken).toMatch(/^ArgumentError: toPixels: this canvas has a context of another kind/);
  });
});
