import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ArgumentError, ShapeError } from '../../src/base/errors.ts';
import { Image, type Channels } from '../../src/io/image/image.ts';
import { fromTypedArray } from '../../src/tensor/create.ts';
import { defaultGenerator, fillUniform, manualSeed } from '../../src/tensor/random/index.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { centerCrop, crop, hflip, pad, vflip, type Padding, type PaddingMode } from '../../src/vision/crop.ts';
import { resize, type Interpolation } from '../../src/vision/resize.ts';
import { rotate, type RotateOptions } from '../../src/vision/rotate.ts';
import {
  CenterCrop,
  Compose,
  Grayscale,
  Normalize,
  Pad,
  RandomCrop,
  RandomHorizontalFlip,
  RandomRotation,
  RandomVerticalFlip,
  Resize,
  reviveTransform,
  ToTensor,
} from '../../src/vision/transforms/index.ts';
import { picture, sha } from '../support/picture.ts';

interface Operation {
  readonly op: string;
  readonly source: readonly [number, number, Channels];
  readonly args: Record<string, unknown>;
  readonly size: readonly [number, number];
  readonly sha: string;
}

const fixtures = JSON.parse(readFileSync(new URL('../fixtures/vision/transforms.json', import.meta.url), 'utf8')) as {
  operations: readonly Operation[];
  pipelines: readonly { name: string; seed: number; shape: number[]; sha: string; next: number }[];
  prints: Record<string, string>;
};

type Size = readonly [number, number];
const RUN: Record<string, (image: Image, args: never) => Image> = {
  rotate: (image, { angle, ...options }: RotateOptions & { angle: number }) => rotate(image, angle, options),
  resize: (image, { size, interpolation }: { size: Size; interpolation: Interpolation }) => resize(image, size[1], size[0], interpolation),
  Resize: (image, { size, maxSize }: { size: number; maxSize: number | null }) =>
    new Resize(size, maxSize === null ? {} : { maxSize })(image),
  centerCrop: (image, { size }: { size: Size }) => centerCrop(image, ...size),
  pad: (image, { padding, fill, mode }: { padding: Padding; fill: number; mode: PaddingMode }) => pad(image, padding, fill, mode),
  crop: (image, { top, left, height, width }: { top: number; left: number; height: number; width: number }) =>
    crop(image, top, left, height, width),
  hflip: (image) => hflip(image),
  vflip: (image) => vflip(image),
  Grayscale: (image, { channels }: { channels: 1 | 3 }) => new Grayscale(channels)(image),
};

describe('functions of images give PIL’s pixels', () => {
  const groups = new Map<string, Operation[]>();
  for (const operation of fixtures.operations) {
    groups.set(operation.op, [...(groups.get(operation.op) ?? []), operation]);
  }
  it('covers every function', () => expect([...groups.keys()].sort()).toEqual(Object.keys(RUN).sort()));
  it.each([...groups])('%s', (op, operations) => {
    expect(operations.length).toBeGreaterThan(0);
    for (const { source, args, size, sha: expected } of operations) {
      const result = RUN[op]!(picture(...source), args as never);
      const found = { source, args, size: [result.width, result.height], sha: sha(result.data) };
      expect(found).toEqual({ source, args, size, sha: expected });
    }
  });
});

it('Resize refuses to leave nothing of an image, and images that no array holds', () => {
  expect(() => new Resize(20, { maxSize: 33 })(picture(5, 301, 3))).toThrow(ArgumentError);
  expect(() => new Resize(20, { maxSize: 33 })(picture(301, 5, 1))).toThrow(/5.*nothing would be left.*maxSize/);
  expect(new Resize(20, { maxSize: 70 })(picture(5, 301, 3)).width).toBe(1);
  expect(() => new Resize(30_000)(picture(1, 100, 1))).toThrow(ArgumentError);
});

const HALF = [0.5, 0.5, 0.5];
const IMAGENET = [
  [0.485, 0.456, 0.406],
  [0.229, 0.224, 0.225],
] as const;
const PIPELINES: Record<string, () => Compose<readonly ((image: never) => unknown)[]>> = {
  tutorial: () => new Compose([new RandomHorizontalFlip(), new RandomRotation(10), new ToTensor(), new Normalize(HALF, HALF)]),
  flips: () => new Compose([new RandomHorizontalFlip(0.3), new RandomVerticalFlip(0.7), new ToTensor()]),
  crops: () => new Compose([new RandomCrop(28, { padding: 4 }), new ToTensor(), new Normalize(...IMAGENET)]),
  small: () => new Compose([new RandomCrop([40, 36], { padIfNeeded: true, paddingMode: 'reflect' }), new ToTensor()]),
  imagenet: () => new Compose([new Resize(40), new CenterCrop(32), new ToTensor(), new Normalize(...IMAGENET)]),
  turned: () =>
    new Compose([new RandomRotation([5, 80], { interpolation: 'bilinear', expand: false, center: [3, 3], fill: 100 }), new ToTensor()]),
  grey: () => new Compose([new Grayscale(), new ToTensor(), new Normalize([0.1307], [0.3081])]),
};

function nextRandom(): number {
  const one = new Float32Array(1);
  fillUniform(one, 0, 1, defaultGenerator);
  return one[0]!;
}

describe('pipelines draw torchvision’s random numbers and give its floats', () => {
  it.each(fixtures.pipelines)('$name with seed $seed', ({ name, seed, shape, sha: expected, next }) => {
    const transform = PIPELINES[name]!() as unknown as (image: Image) => Tensor;
    manualSeed(seed);
    const tensors = Array.from({ length: 8 }, (_, i) => transform(picture(32 + (name === 'imagenet' ? i % 2 : 0), 32, 3)));
    expect([8, ...(tensors[0]!.shape as number[])]).toEqual(shape);
    const floats = tensors.map((tensor) => tensor.toTypedArray() as Float32Array);
    expect(sha(Buffer.concat(floats.map((array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength))))).toBe(expected);
    expect(nextRandom()).toBe(next);
  });
});

describe('printing', () => {
  /** Python prints tuples as they were passed; here there are only arrays. */
  const inOurWay = (text: string): string =>
    text
      .replaceAll(/(center)=\(([\d., ]*?),?\)/g, '$1=[$2]')
      .replaceAll(/InterpolationMode\.([A-Z]+)/g, (_, way: string) => way.toLowerCase());

  it.each(Object.keys(PIPELINES))('%s', (name) => {
    expect(String(PIPELINES[name]!())).toBe(inOurWay(fixtures.prints[name]!));
    expect(inspect(PIPELINES[name]!())).toBe(String(PIPELINES[name]!()));
  });

  it('single transforms and functions', () => {
    expect(String(new Resize([3, 4]))).toBe(inOurWay(fixtures.prints['resize']!));
    expect(String(new Pad(3))).toBe(fixtures.prints['pad']);
    expect(String(new RandomCrop(3))).toBe(fixtures.prints['crop']);
    expect(String(new Compose([function twice(x: number) { return 2 * x; }]))).toBe('Compose(    <function twice>)'); // prettier-ignore
  });
});

describe('arguments', () => {
  it.each([
    ['p above 1', () => new RandomHorizontalFlip(1.5), /p to be a number between 0 and 1, but got 1.5/],
    ['p below 0', () => new RandomVerticalFlip(-0.1), /a number between 0 and 1/],
    ['p is NaN', () => new RandomHorizontalFlip(NaN), /a number between 0 and 1/],
    ['negative degrees', () => new RandomRotation(-5), /degrees of at least 0/],
    ['degrees are NaN', () => new RandomRotation(NaN), /degrees/],
    ['degrees reversed', () => new RandomRotation([3, -3]), /degrees/],
    ['infinite degrees', () => new RandomRotation([0, Infinity]), /degrees/],
    ['unknown interpolation', () => new RandomRotation(5, { interpolation: 'lanczos' as 'nearest' }), /interpolation/],
    ['fill of 300', () => new RandomRotation(5, { fill: 300 }), /fill from 0 to 255/],
    ['center of NaN', () => new RandomRotation(5, { center: [NaN, 0] }), /center/],
    ['std of 0', () => new Normalize([0.5], [0]), /has a 0/],
    ['std is NaN', () => new Normalize([0.5], [NaN]), /finite mean and std/],
    ['std of another length', () => new Normalize([1, 2, 3], [1, 2]), /one finite mean and std/],
    ['no mean', () => new Normalize([], []), /one finite mean and std/],
    ['size 0', () => new Resize(0), /size of at least 1/],
    ['a fractional size', () => new CenterCrop(2.5), /size of at least 1/],
    ['three sizes', () => new RandomCrop([1, 2, 3]), /size of at least 1/],
    ['maxSize below the size', () => new Resize(10, { maxSize: 10 }), /maxSize/],
    ['maxSize with two sizes', () => new Resize([3, 4], { maxSize: 10 }), /maxSize/],
    ['an unknown padding mode', () => new Pad(1, { paddingMode: 'wrap' as 'edge' }), /paddingMode/],
    ['a negative padding', () => new Pad(-1)(picture(3, 3, 1)), /padding/],
    ['two output channels', () => new Grayscale(2 as 1), /output channels/],
    ['an empty list', () => new Compose([]), /at least one/],
    ['no function', () => new Compose([3 as never]), /transform 0 is not/],
    ['an image too small', () => new RandomCrop(8)(picture(7, 9, 1)), /cannot cut 8x8 out of an image of 9x7/],
    ['a fill of other channels', () => rotate(picture(3, 3, 3), 5, { fill: [1, 2] }), /3 of them/],
    ['an infinite angle', () => rotate(picture(3, 3, 3), Infinity), /angle to be a finite number/],
    ['resizing to nothing', () => resize(picture(3, 3, 3), 0, 4), /at least 1/],
    ['a number for an image', () => new ToTensor()(3 as unknown as Image), /expected an Image, but got 3/],
  ])('%s', (_, action, message) => {
    expect(action).toThrow(ArgumentError);
    expect(action).toThrow(message);
  });

  it('an order that does not fit says so', () => {
    const x = new ToTensor()(picture(4, 4, 3));
    expect(() => new ToTensor()(x as unknown as Image)).toThrow(/put this transform before ToTensor/);
    expect(() => new Normalize([0.5], [0.5])(picture(4, 4, 3) as unknown as Tensor)).toThrow(/put ToTensor\(\) before it/);
    expect(() => new Normalize([1, 2], [1, 2])(x)).toThrow(ShapeError);
    expect(() => new Normalize([1, 2], [1, 2])(x)).toThrow(/are for 2 channels, but got \[3, 4, 4\] with 3/);
  });

  it('Normalize takes batches and doubles', () => {
    const x = fromTypedArray(Float64Array.of(1, 2, 3, 4), [2, 2, 1, 1]) as Tensor;
    const y = new Normalize([1, 0], [2, 4])(x);
    expect(y.dtype).toBe('float64');
    expect([...(y.toTypedArray() as Float64Array)]).toEqual([0, 0.5, 1, 1]);
  });

  it('transforms survive their description', () => {
    for (const make of Object.values(PIPELINES)) {
      const transform = make();
      const again = reviveTransform(structuredClone(transform.describe()));
      expect(String(again)).toBe(String(transform));
    }
    expect(() => new Compose([(image: Image) => image]).describe()).toThrow(/function of your own.*numWorkers: 0/);
    expect(() => reviveTransform({ name: 'constructor', args: [] })).toThrow(/numWorkers: 0/);
  });
});
