/** torchvision's v2 transforms and functions: the same draws, the same pixels. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { DType } from '../../src/base/dtype.ts';
import { Image } from '../../src/io/image/image.ts';
import { fromTypedArray, stack, tensor, Tensor } from '../../src/tensor/index.ts';
import { defaultGenerator, fillUniform, manualSeed } from '../../src/tensor/random/index.ts';
import * as vision from '../../src/vision/index.ts';
import { BoundingBoxes, functional as F, Mask, type TVTensor } from '../../src/vision/index.ts';
import { picture, sha } from '../support/picture.ts';

/** A part of a result. */
interface Part {
  readonly kind: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly sha?: string;
  readonly values?: string | readonly number[];
  readonly canvas?: readonly number[];
  readonly format?: string;
}

interface Result {
  readonly kind: string;
  readonly seed: number;
  readonly parts: readonly Part[];
  readonly next: number;
}

interface Case {
  readonly name: string;
  readonly args: readonly unknown[] | null;
  readonly print: string;
  readonly results: readonly Result[];
}

const fixtures = JSON.parse(readFileSync(new URL('../fixtures/vision/transforms-v2.json', import.meta.url), 'utf8')) as {
  readonly boxes: readonly number[][];
  readonly transforms: readonly Case[];
  readonly functions: readonly Omit<Case, 'print'>[];
  readonly mixes: readonly (Result & { readonly name: string; readonly args: readonly unknown[]; readonly print: string })[];
};

const [WIDTH, HEIGHT] = [24, 18];
const CANVAS = [HEIGHT, WIDTH] as const;

function tensorOf(image: Image): Tensor {
  return F.pilToTensor(image);
}

/** What test/fixtures/vision_transforms.py calls its inputs. */
function inputs(kind: string): unknown {
  const rgb = picture(WIDTH, HEIGHT, 3);
  const x = tensorOf(rgb);
  const batch = stack([x, x.flip([-2])]);
  const scaled = (u: Tensor): Tensor => F.toDtype(u, 'float32', { scale: true });
  if (kind === 'image') return rgb;
  if (kind === 'grey') return picture(WIDTH, HEIGHT, 1);
  if (kind === 'uint8') return x;
  if (kind === 'float') return scaled(x);
  if (kind === 'batch') return batch;
  if (kind === 'floats') return scaled(batch);
  const grey = picture(WIDTH, HEIGHT, 1).data.map((value) => Math.floor(value / 64));
  const mask = new Mask(fromTypedArray(grey, [HEIGHT, WIDTH]) as Tensor);
  const centres = tensor([
    [6, 7.5, 8, 9],
    [12, 9, 24, 18],
  ]);
  const whole = fromTypedArray(BigInt64Array.from([2n, 3n, 8n, 9n, 0n, 0n, 24n, 18n, 13n, 4n, 7n, 12n]), [3, 4]) as Tensor;
  const [values, format] = { sample: [tensor(fixtures.boxes), 'XYXY'], centres: [centres, 'CXCYWH'], whole: [whole, 'XYWH'] }[kind] as [
    Tensor,
    'XYXY',
  ];
  const boxes = new BoundingBoxes(values, { format, canvasSize: CANVAS });
  const labels = fromTypedArray(BigInt64Array.from({ length: (values.shape as number[])[0]! }, (_, i) => BigInt(i)));
  return { image: kind === 'centres' ? x : rgb, mask, boxes, labels };
}

function flat(value: unknown): unknown[] {
  if (Array.isArray(value)) return value.flatMap(flat);
  const isRecord = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  return isRecord ? Object.values(value).flatMap(flat) : [value];
}

function kindOf(part: unknown): string {
  if (part instanceof Image) return 'image';
  if (part instanceof Mask) return 'Mask';
  if (part instanceof BoundingBoxes) return 'BoundingBoxes';
  return part instanceof vision.ImageTensor ? 'Image' : 'Tensor';
}

function bytesOf(x: Tensor): Uint8Array {
  const array = x.toTypedArray();
  const plain = array instanceof Float32Array ? array.map((value) => value + 0) : array;
  return new Uint8Array(plain.buffer, plain.byteOffset, plain.byteLength);
}

function check(found: readonly unknown[], expected: readonly Part[], what: string): void {
  expect(found.map(kindOf), what).toEqual(expected.map(({ kind }) => kind));
  expected.forEach((part, i) => {
    const given = found[i];
    const x = given instanceof Image ? tensorOf(given) : (given as Tensor);
    expect([x.dtype, x.shape], what).toEqual([part.dtype, part.shape]);
    if (x instanceof BoundingBoxes) {
      expect([x.canvasSize, x.format], what).toEqual([part.canvas, part.format]);
      const numbers = Array.from(x.toTypedArray() as Float32Array, Number);
      numbers.forEach((value, k) =>
        expect(Math.abs(value - (part.values as number[])[k]!), `${what}: ${String(numbers)} for ${String(part.values)}`).toBeLessThan(
          1e-4,
        ),
      );
    } else if (part.sha === undefined) {
      const wanted = Uint8Array.from(Buffer.from(part.values as string, 'base64'));
      expect(distance(x, wanted), what).toBeLessThan(x.dtype === 'float32' ? 4e-6 : 1);
    } else {
      expect(sha(bytesOf(x)), what).toBe(part.sha);
    }
  });
}

/** The largest difference from the values of a dtype that are kept, every seventh. */
function distance(x: Tensor, wanted: Uint8Array): number {
  const mine = x.toTypedArray() as Float32Array;
  const Kind = mine.constructor as new (buffer: ArrayBuffer) => Float32Array;
  const theirs = new Kind(wanted.buffer as ArrayBuffer);
  return mine.reduce((most, value, i) => Math.max(most, Math.abs(i % 7 === 0 ? value - theirs[i / 7]! : 0)), 0);
}

function nextRandom(): number {
  const one = new Float32Array(1);
  fillUniform(one, 0, 1, defaultGenerator);
  return one[0]!;
}

type Run = (sample: unknown) => unknown;
const CONTAINERS: Record<string, () => Run> = {
  Compose: () =>
    new vision.Compose([new vision.RandomHorizontalFlip(), new vision.Compose([new vision.RandomRotation(20), new vision.RandomCrop(10)])]),
  RandomApply: () => new vision.RandomApply([new vision.Resize(9), new vision.RandomHorizontalFlip(1)], 0.5),
  RandomChoice: () =>
    new vision.RandomChoice([new vision.Resize(9), new vision.Pad(1), new vision.RandomVerticalFlip(1)], { p: [1, 2, 3] }),
  RandomOrder: () => new vision.RandomOrder([new vision.Resize(9), new vision.Pad(1), new vision.RandomVerticalFlip(1)]),
};

function made(name: string, args: readonly unknown[] | null): Run {
  if (args === null) return CONTAINERS[name]!();
  const Class = (vision.transforms as unknown as Record<string, new (...given: readonly unknown[]) => Run>)[name]!;
  return new Class(...args);
}

const labelled = (cases: readonly { readonly name: string; readonly args: readonly unknown[] | null }[]): [string, never][] =>
  cases.map((one) => [`${one.name}(${JSON.stringify(one.args ?? 'transforms')})`, one as never]);

describe('transforms draw torchvision’s random numbers and give its pixels', () => {
  it.each(labelled(fixtures.transforms))('%s', (label, { name, args, results }: Case) => {
    expect(results.length).toBeGreaterThan(0);
    const transform = made(name, args);
    for (const { kind, seed, parts, next } of results) {
      manualSeed(seed);
      check(flat(transform(inputs(kind))), parts, `${label} of ${kind}, seed ${seed}`);
      expect(nextRandom(), `the number after ${label} of ${kind}, seed ${seed}`).toBe(next);
    }
  });
});

describe('functions give torchvision’s pixels', () => {
  it.each(labelled(fixtures.functions))('functional.%s', (label, { name, args, results }: Case) => {
    const run = (F as unknown as Record<string, (input: unknown, ...given: readonly unknown[]) => unknown>)[name]!;
    for (const { kind, parts } of results) check(flat(run(inputs(kind), ...args!)), parts, `${label} of ${kind}`);
  });
});

describe('mixing batches', () => {
  it.each(fixtures.mixes.map((mix) => [`${mix.print} with seed ${mix.seed}`, mix] as const))('%s', (label, mix) => {
    manualSeed(mix.seed);
    const transform = made(mix.name, mix.args);
    check(flat(transform([inputs('floats'), fromTypedArray(BigInt64Array.of(3n, 1n))])), mix.parts, label);
    expect(nextRandom()).toBe(mix.next);
    expect(String(transform)).toBe(mix.print);
  });
});

describe('printing', () => {
  /** Python prints tuples and the class of objects as they were passed. */
  const inOurWay = (text: string): string => text.replaceAll(/InterpolationMode\.([A-Z]+)/g, (_, way: string) => way.toLowerCase());

  it.each(labelled(fixtures.transforms))('%s', (_, { name, args, print }: Case) => {
    expect(String(made(name, args))).toBe(inOurWay(print));
  });

  it('tensors that know what they are', () => {
    const boxes = new BoundingBoxes(
      [
        [1, 2, 3, 4],
        [5, 6, 7, 8.5],
      ],
      { format: 'xyxy', canvasSize: [10, 12] },
    );
    expect(String(boxes)).toBe(
      'BoundingBoxes([[1.0000, 2.0000, 3.0000, 4.0000],\n' +
        '               [5.0000, 6.0000, 7.0000, 8.5000]], format=BoundingBoxFormat.XYXY, canvas_size=(10, 12), clamping_mode=soft)',
    );
    expect(
      String(
        new Mask([
          [0, 1],
          [1, 0],
        ]),
      ),
    ).toBe('Mask([[0., 1.],\n      [1., 0.]])');
    const image: TVTensor = new vision.ImageTensor([
      [
        [0.5, 1],
        [1, 0.5],
      ],
    ]);
    expect(String(image)).toBe('Image([[[0.5000, 1.0000],\n        [1.0000, 0.5000]]], )');
  });
});
