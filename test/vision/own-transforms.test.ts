/** Transforms of the user's own: functions, subclasses, and what modules export, which worker threads import, too. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { ArgumentError, ShapeError } from '../../src/base/errors.ts';
import { DataLoader } from '../../src/data/loader.ts';
import { Image } from '../../src/io/image/image.ts';
import { Tensor, tensor, zeros } from '../../src/tensor/index.ts';
import { ImageDataset } from '../../src/vision/datasets/index.ts';
import { PixelSource } from '../../src/vision/datasets/source.ts';
import * as vision from '../../src/vision/index.ts';
import { BoundingBoxes, Compose, fromModule, functional as F, Lambda, Mask, SampleTransform, ToDtype, ToImage } from '../../src/vision/index.ts'; // prettier-ignore
import { reviveTransform } from '../../src/vision/transforms/revive.ts';
import { picture } from '../support/picture.ts';

const folder = mkdtempSync(join(tmpdir(), 'own-transforms-'));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'own.mjs');
writeFileSync(
  path,
  `export const inverted = (image) => { for (let i = 0; i < image.data.length; i++) image.data[i] = 255 - image.data[i]; return image; };
   export const least = (value) => (image) => { image.data.fill(value); return image; };
   export class Filled { constructor(value) { return least(value); } }
   export const five = 5;`,
);
const grey = (value: number): Image => Image.filled(2, 1, 1, [value]);
const hasWorkers = existsSync(new URL('../../dist/vision/transforms/own.d.ts', import.meta.url));

describe('a module’s exports', () => {
  it('are functions, makers of functions, and classes, found by path and URL', async () => {
    expect((await fromModule(path, 'inverted'))(grey(5))).toEqual(grey(250));
    expect((await fromModule(pathToFileURL(path), 'least', 7))(grey(5))).toEqual(grey(7));
    expect((await fromModule(path, 'Filled', 9))(grey(5))).toEqual(grey(9));
    expect(String(await fromModule(path, 'least', 7))).toBe('ModuleTransform(own.mjs, least)');
  });

  it('are made again from their description', async () => {
    const description = structuredClone(new Compose([await fromModule(path, 'least', 7)]).describe());
    expect(reviveTransform(description)(grey(1) as never)).toEqual(grey(7));
  });

  it.each([
    ['no such file', () => fromModule(join(folder, 'no.mjs')), /no\.mjs cannot be imported/],
    ['no such name', () => fromModule(path, 'sepia'), /exports no function 'sepia'; it exports .*inverted/],
    ['a number', () => fromModule(path, 'five'), /exports no function 'five'/],
    ['what makes no function', () => fromModule(path, 'inverted', grey(3)), /what 'inverted' makes .* a transform or a function/],
    ['no place', () => fromModule(3 as never), /the module to be a URL/],
  ])('%s is an error', async (_, action, message) => {
    await expect(action()).rejects.toThrow(ArgumentError);
    await expect(action()).rejects.toThrow(message);
  });

  it.runIf(hasWorkers)('run in workers, and so does what gives tensors', async () => {
    const source = new PixelSource(
      'picture',
      { width: 4, height: 2, channels: 1 },
      Uint8Array.from({ length: 24 }, (_, i) => i),
    );
    const transform = new Compose([
      await fromModule(path, 'inverted'),
      new ToImage(),
      new ToDtype('float32', { scale: true }),
      new vision.RandomErasing({ p: 1, value: 1, scale: [0.3, 0.4] }),
    ]);
    const set = new ImageDataset(source, [0, 1, 2], [], {
      transform: transform as unknown as (image: Image) => Tensor,
    });
    for await (const [x, y] of new DataLoader(set, { batchSize: 3, numWorkers: 1 })) {
      expect([x.shape, x.dtype, y.tolist()]).toEqual([[3, 1, 2, 4], 'float32', [0, 1, 2]]);
      const values = x.toTypedArray() as Float32Array;
      const expected = Float32Array.from({ length: 24 }, (_, i) => Math.fround((255 - i) * Math.fround(1 / 255)));
      expect(values.every((value, i) => value === expected[i] || value === 1)).toBe(true);
      expect(values.filter((value, i) => value !== expected[i]).length).toBeGreaterThan(0);
    }
  });
});

describe('samples', () => {
  class Doubled extends SampleTransform<number> {
    override makeParams(): number {
      return 2;
    }
    override transform(part: Image, by: number): unknown {
      return F.adjustBrightness(part, by);
    }
    protected override takes(part: unknown): part is Image {
      return part instanceof Image;
    }
    protected override details(): string {
      return 'by=2';
    }
  }

  it('are changed wherever pictures stand, and everything else stays', () => {
    const note = Symbol('note');
    const [first, rest] = new Doubled()([grey(3), { more: [grey(4), 'text'], note }] as const);
    expect(first).toEqual(grey(6));
    expect(rest).toEqual({ more: [grey(8), 'text'], note });
    expect(new Doubled()(grey(3), 7)).toEqual([grey(6), 7]);
    expect(String(new Doubled())).toBe('Doubled(by=2)');
  });

  it('of plain tensors change the first only, and none beside a picture', () => {
    const flip = new vision.RandomHorizontalFlip(1);
    const row = tensor([[[1, 2]]]);
    expect(flip([row, row] as const).map((x) => x.tolist())).toEqual([[[[2, 1]]], [[[1, 2]]]]);
    expect(flip({ image: grey(1), row }).row.tolist()).toEqual([[[1, 2]]]);
  });

  it('Lambda takes the kinds that it is told', () => {
    const count = new Lambda((part: Tensor) => part.numel(), 'Mask');
    expect(count([grey(1), new Mask([[1, 2]])] as never)).toEqual([grey(1), 2]);
    expect(String(count)).toBe("Lambda(<lambda>, types=['Mask'])");
    expect(() => new Compose([count as never]).describe()).toThrow(/function of your own.*fromModule/);
    expect(() => new vision.SanitizeBoundingBoxes({ labelsGetter: () => null }).describe()).toThrow(/function of your own/);
  });
});

const boxes = new BoundingBoxes([[0, 0, 1, 1]], { format: 'XYXY', canvasSize: [4, 4] });

describe('what does not fit is refused', () => {
  it.each([
    [
      'a number for a sample',
      () => new vision.Resize(3)(3),
      ArgumentError,
      /Resize: expected an Image, a tensor, or a sample with one, but got 3/,
    ],
    ['parts of other sizes', () => new vision.RandomCrop(2)([picture(4, 4, 3), new Mask(zeros(3, 4))]), ShapeError, /4x4 and of 3x4/],
    ['a flat tensor', () => new vision.RandomHorizontalFlip(1)(tensor([1, 2])), ShapeError, /expected a picture/],
    ['boxes that are none', () => new BoundingBoxes([[1, 2, 3]], { format: 'XYXY', canvasSize: [4, 4] }), ShapeError, /\[boxes, 4\]/],
    [
      'a format that is none',
      () => new BoundingBoxes([[1, 2, 3, 4]], { format: 'XY' as 'XYXY', canvasSize: [4, 4] }),
      ArgumentError,
      /format/,
    ],
    ['colours of boxes', () => F.adjustBrightness(boxes, 2), ArgumentError, /does not take boxes/],
    ['a mirrored border of boxes', () => F.pad(boxes, 1, { paddingMode: 'reflect' }), ArgumentError, /boxes cannot/],
    ['two channels', () => F.adjustHue(zeros(2, 3, 3), 0.1), ArgumentError, /number of channels to be 1 or 3, but got 2/],
    ['a hue beyond the wheel', () => F.adjustHue(picture(3, 3, 3), 0.6), ArgumentError, /-0.5 to 0.5/],
    ['cubic tensors', () => F.rotate(zeros(1, 3, 3), 10, { interpolation: 'bicubic' }), ArgumentError, /'nearest' and 'bilinear' only/],
    ['a fill of other channels', () => F.affine(zeros(3, 3, 3), 1, [0, 0], 1, [0, 0], { fill: [1, 2] }), ArgumentError, /3 of them/],
    [
      'points on a line',
      () =>
        F.perspective(
          zeros(1, 3, 3),
          [
            [0, 0],
            [1, 1],
            [2, 2],
            [3, 3],
          ],
          [
            [0, 0],
            [1, 1],
            [2, 2],
            [3, 3],
          ],
        ),
      ArgumentError,
      /on a line/,
    ],
    ['a displacement of another size', () => F.elastic(zeros(1, 3, 3), zeros(1, 2, 3, 2)), ShapeError, /\[1, 3, 3, 2\]/],
    ['an even kernel', () => new vision.GaussianBlur(4), ArgumentError, /odd/],
    ['a kernel larger than the picture', () => F.gaussianBlur(zeros(1, 2, 2), 9), ArgumentError, /needs more pixels/],
    ['noise on images', () => new vision.GaussianNoise()(picture(3, 3, 3) as never), ArgumentError, /ToImage/],
    ['normalising whole numbers', () => F.normalize(zeros(1, 2, 2, { dtype: 'uint8' }), [0], [1]), Error, /expected floats/],
    ['labels without classes', () => new vision.MixUp()([zeros(2, 3, 2, 2), tensor([0, 1])]), ArgumentError, /numClasses/],
    ['labels beyond the classes', () => new vision.MixUp({ numClasses: 2 })([zeros(2, 3, 2, 2), tensor([0, 2])]), ArgumentError, /0 to 1/],
    [
      'images for a batch',
      () => new vision.CutMix({ numClasses: 2 })([picture(2, 2, 3) as never, tensor([0])]),
      ArgumentError,
      /behind the loader/,
    ],
    ['no boxes to crop for', () => new vision.RandomIoUCrop()(picture(4, 4, 3)), ArgumentError, /BoundingBoxes/],
    ['no labels', () => new vision.SanitizeBoundingBoxes()(boxes), ArgumentError, /labelsGetter/],
    ['masks for a policy', () => new vision.AutoAugment()([picture(4, 4, 3), new Mask(zeros(4, 4))]), ArgumentError, /masks and boxes/],
    ['a policy that is none', () => new vision.AutoAugment('mnist' as 'svhn'), ArgumentError, /'imagenet', 'cifar10' or 'svhn'/],
    ['a strength beyond its steps', () => new vision.RandAugment({ magnitude: 31 }), ArgumentError, /numMagnitudeBins/],
    ['a wrong option', () => new vision.ColorJitter({ brightnes: 1 } as never), ArgumentError, /did you mean 'brightness'/],
    ['crops of boxes', () => new vision.FiveCrop(2)([picture(4, 4, 3), boxes]), ArgumentError, /masks and boxes/],
    ['four channels as an image', () => F.toPilImage(zeros(4, 2, 2)), ShapeError, /\[1, H, W\], \[3, H, W\].*RGBA/],
    ['a mixture of ranges', () => F.toDtype(zeros(1, 2, 2), 'int32', { scale: true }), Error, /not enough digits/],
  ])('%s', (_, action, kind, message) => {
    expect(action).toThrow(kind);
    expect(action).toThrow(message);
  });
});
