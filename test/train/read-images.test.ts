// Images read for training: the same whatever reads them, and those of whole images brought to size.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { crc32 } from '../../src/io/bytes/crc32.ts';
import { encodeJpeg } from '../../src/io/image/encode-jpeg.ts';
import { Image } from '../../src/io/image/image.ts';
import { fittedResizing } from '../../src/train/preprocess.ts';
import { readAll, type ReadImages } from '../../src/train/read-images.ts';
import { CenterCrop, ImageFolder, Resize } from '../../src/vision/index.ts';
import { denominatorFor } from '../../src/vision/resize.ts';

const root = mkdtempSync(join(tmpdir(), 'flambeau-read-'));
afterAll(() => rmSync(root, { recursive: true }));

/** A smooth picture with edges. */
function photo(width: number, height: number, seed: number): Image {
  const image = Image.filled(width, height, 3);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i += 3) {
      image.data[i] = (x * 2 + seed * 40) & 255;
      image.data[i + 1] = 128 + 100 * Math.sin((y + seed) / 9);
      image.data[i + 2] = (x - 40) ** 2 + (y - 30) ** 2 < 400 ? 230 : 60;
    }
  }
  return image;
}

beforeAll(() => {
  mkdirSync(join(root, 'a'));
  for (let i = 0; i < 40; i++) writeFileSync(join(root, 'a', `${10 + i}.jpg`), encodeJpeg(photo(90 + 7 * i, 160 - i, i), 75));
  writeFileSync(join(root, 'a', '15.jpg'), 'no image');
  writeFileSync(join(root, 'a', '49.jpg'), readFileSync(join(root, 'a', '48.jpg')).subarray(0, 500));
});

const shape = { height: 30, width: 30, channels: 3 } as const;

async function read(workers: number): Promise<ReadImages> {
  const parts: ReadImages[] = [];
  for await (const part of readAll(await ImageFolder.open(root), shape, workers)) parts.push(part);
  return {
    rows: parts.flatMap(({ rows }) => [...rows]),
    pixels: Buffer.concat(parts.map(({ pixels }) => pixels)),
    fingerprints: Int32Array.from(parts.flatMap(({ fingerprints }) => [...fingerprints])),
    unreadable: parts.flatMap(({ unreadable }) => [...unreadable]),
  };
}

it('gives the same whatever the number of workers, with what cannot be read by name', async () => {
  const [alone, three] = [await read(0), await read(3)];
  expect(three).toEqual(alone);
  expect(alone.rows).toEqual(Array.from({ length: 39 }, (_, i) => i).filter((i) => i !== 5));
  expect(alone.unreadable.map(({ name }) => name)).toEqual(['a/15.jpg', 'a/49.jpg']);
  expect(alone.unreadable[1]!.why).toMatch(/truncated/);
  expect(alone.fingerprints[7]).toBe(crc32(readFileSync(join(root, 'a', '18.jpg'))) | 0);
});

it('has pixels close to those of the whole image, of which a smaller one is decoded', async () => {
  const { pixels, rows } = await read(0);
  const images = await ImageFolder.open(root);
  const [resize, cut] = [new Resize(30), new CenterCrop(30)];
  let [largest, reduced] = [0, 0];
  for (const [i, row] of rows.entries()) {
    const image = images.image(row);
    if (denominatorFor(fittedResizing(shape)(image.width, image.height)) > 1) reduced++;
    const whole = cut(resize(image)).data;
    const mean = whole.reduce((sum, value, k) => sum + Math.abs(value - pixels[i * whole.length + k]!), 0) / whole.length;
    largest = Math.max(largest, mean);
  }
  expect(reduced).toBe(38);
  expect(largest).toBeLessThan(2.5);
});

it('never decodes less than is needed', () => {
  const denominator = (width: number, height: number): number => denominatorFor(fittedResizing(shape)(width, height));
  expect([[59, 300], [60, 60], [119, 400], [120, 240], [240, 240], [2000, 239]].map(([w, h]) => denominator(w!, h!))).toEqual([1, 2, 2, 4, 8, 4]); // prettier-ignore
  const tall = fittedResizing({ height: 40, width: 20 })(400, 160);
  expect(denominatorFor(tall)).toBe(4);
});
