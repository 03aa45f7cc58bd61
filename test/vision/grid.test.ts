/** Several pictures in one against torchvision (test/fixtures/grid.py), and pictures as files. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { arange, ones, rand, tensor, zeros } from 'flambeau';
import { saveImage } from 'flambeau/node';
import { decodeImage, encodeImage, Image, imageOf, makeGrid, type MakeGridOptions } from 'flambeau/vision';
import { describe, expect, test } from 'vitest';

interface Case {
  readonly shape: number[];
  readonly options: MakeGridOptions;
  readonly result: number[];
  readonly values: number[];
}
const cases = JSON.parse(readFileSync(new URL('../fixtures/vision/grid.json', import.meta.url), 'utf8')) as Case[];
/** As in the generator. */
const values = (shape: number[]) =>
  arange(shape.reduce((a, b) => a * b, 1))
    .mul(37)
    .remainder(101)
    .div(40)
    .sub(1)
    .reshape(...shape);

describe('makeGrid', () => {
  test.each(cases)('of $shape with $options', ({ shape, options, result, values: expected }) => {
    const grid = makeGrid(values(shape), options);
    expect(grid.shape).toEqual(result);
    const got = grid.flatten().tolist() as number[];
    expect(got.every((value, i) => Math.abs(value - expected[i]!) < 1e-6)).toBe(true);
  });

  test('takes lists, positions and names, and refuses the rest', () => {
    const images = [zeros(3, 2, 2), ones(3, 2, 2)];
    expect(makeGrid(images, 1, 0).tolist()).toEqual(makeGrid({ tensor: images, nrow: 1, padding: 0 }).tolist());
    expect(() => makeGrid(zeros(1, 2, 3, 4, 5))).toThrow(/\[N, C, H, W\].*\[1, 2, 3, 4, 5\]/);
    expect(() => makeGrid(zeros(2, 3, 2, 2, { dtype: 'uint8' }), { normalize: true })).toThrow(/divide by 255 first/);
    expect(() => makeGrid(images, { rows: 3 } as never)).toThrow(/nrow/);
  });
});

describe('pictures as files', () => {
  test('come back as they were, whatever is in them', async () => {
    const sizes = fc.record({
      width: fc.integer({ min: 1, max: 40 }),
      height: fc.integer({ min: 1, max: 20 }),
      channels: fc.constantFrom(1 as const, 3 as const),
      kind: fc.integer({ min: 0, max: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer(), async ({ width, height, channels, kind }, seed) => {
        const noise = (i: number): number => Math.imul(i + seed, 2654435761) >>> 24;
        const make = [noise, (i: number) => i, () => seed][kind]!;
        const image = new Image(
          width,
          height,
          channels,
          Uint8Array.from({ length: width * height * channels }, (_, i) => make(i)),
        );
        const back = await decodeImage(encodeImage(image), { mode: image.mode });
        expect([back.width, back.height, back.channels]).toEqual([width, height, channels]);
        expect(Buffer.compare(back.data, image.data)).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  test('a smooth one is small', () => {
    const ramp = new Image(
      256,
      64,
      1,
      Uint8Array.from({ length: 256 * 64 }, (_, i) => i & 0xff),
    );
    expect(encodeImage(ramp).length).toBeLessThan(400);
  });

  test('of tensors, rounded as torchvision rounds', async () => {
    const image = imageOf(
      tensor([
        [
          [0, 0.5, 1.7],
          [-1, 0.002, 0.9999],
        ],
      ]),
    );
    expect([...image.data]).toEqual([0, 128, 255, 0, 1, 255]);
    expect([...imageOf(tensor([[[1, 2]], [[3, 4]], [[5, 6]]], { dtype: 'uint8' })).data]).toEqual([1, 3, 5, 2, 4, 6]);
    expect(() => imageOf(zeros(2, 2, 2))).toThrow(/\[1, H, W\], \[3, H, W\] or \[H, W\]/);
    expect(() => imageOf(zeros(1, 2, 2, { dtype: 'int64' }))).toThrow(/uint8, but got int64/);
    const folder = mkdtempSync(join(tmpdir(), 'flambeau-grid-'));
    try {
      saveImage(rand(5, 3, 4, 4), join(folder, 'a.png'), { nrow: 3 });
      expect(String(await decodeImage(readFileSync(join(folder, 'a.png'))))).toBe('Image(20x14, RGB)');
      expect(() => saveImage(image, join(folder, 'a.gif'))).toThrow(/ends in \.png, \.jpg or \.jpeg/);
      saveImage(image, join(folder, 'a.JPG'));
      expect(readFileSync(join(folder, 'a.JPG')).subarray(0, 3)).toEqual(Buffer.of(0xff, 0xd8, 0xff));
      expect(() => encodeImage(zeros(3, 2, 2) as never)).toThrow(/imageOf\(tensor\) makes one/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
