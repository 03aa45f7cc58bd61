// Photographs that are cut and resized while they are decoded, against decoding, cutting and resizing one after the other.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FormatError } from '../../src/base/errors.ts';
import { manualSeed } from '../../src/index.ts';
import { decodeImageSync, decodeRowsSync, loadDecoders } from '../../src/io/image/decode.ts';
import { Image } from '../../src/io/image/image.ts';
import { crop } from '../../src/vision/crop.ts';
import { Resampler } from '../../src/vision/functional/resample-kernel.ts';
import { CenterCrop, Compose, ImageFolder, Normalize, RandomHorizontalFlip, RandomResizedCrop, Resize, ToTensor, type TransformLike } from '../../src/vision/index.ts'; // prettier-ignore
import { resize, resizePlan, type Resizing } from '../../src/vision/resize.ts';
import { generator, mutate } from '../support/fuzz.ts';

interface Sampled {
  readonly name: string;
  readonly file: string;
}
const { files } = JSON.parse(readFileSync(new URL('../fixtures/vision/samplings.json', import.meta.url), 'utf8')) as {
  files: readonly Sampled[];
};
const bytesOf = ({ file }: Sampled): Uint8Array => new Uint8Array(Buffer.from(file, 'base64'));

beforeAll(loadDecoders);

/** Whole numbers below a bound, the same in every run. */
function draws(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % below;
  };
}

/** A stretch while it is decoded. */
function streamed(bytes: Uint8Array, resizing: Resizing, draft?: readonly [number, number]): Image {
  let made: (() => Image) | undefined;
  const image = decodeRowsSync(bytes, draft === undefined ? {} : { draft }, (width, _height, channels) => {
    const plan = resizePlan(channels, resizing);
    const resampler = Resampler.begin(plan, width * channels)!;
    made = () => new Image(plan.width, plan.height, channels, resampler.finish()).convert('RGB');
    return { ...plan, push: (rows, pitch, count) => resampler.push(rows, pitch, count) };
  });
  expect(image).toBeUndefined();
  return made!();
}

describe('a stretch of a JPEG file', () => {
  it('has the pixels of the whole image, whatever its sampling and coding, at every scale', () => {
    const wrong: string[] = [];
    for (const [i, file] of files.entries()) {
      const bytes = bytesOf(file);
      const draw = draws(i + 1);
      const drafts = i % 4 === 0 ? [undefined, [8, 6] as const] : [undefined];
      for (const draft of drafts) {
        const whole = decodeImageSync(bytes, draft === undefined ? {} : { draft });
        const [left, top] = [draw(whole.width), draw(whole.height)];
        const box = { left, top, width: 1 + draw(whole.width - left), height: 1 + draw(whole.height - top) };
        const [width, height] = [1 + draw(20), 1 + draw(20)];
        const expected = resize(crop(whole, top, left, box.height, box.width), width, height);
        const came = streamed(bytes, { box, width, height, interpolation: 'bilinear' }, draft);
        if (Buffer.compare(expected.data, came.data) !== 0) wrong.push(`${file.name} ${JSON.stringify({ box, width, height, draft })}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('has them wherever it lies in a larger one', () => {
    const photos = files.filter(({ name }) => name === '500x400' || name.startsWith('66 wide'));
    for (const [i, file] of photos.entries()) {
      const bytes = bytesOf(file);
      const whole = decodeImageSync(bytes);
      const draw = draws(i + 77);
      for (let trial = 0; trial < 40; trial++) {
        const [left, top] = [draw(whole.width), draw(whole.height)];
        const box = { left, top, width: 1 + draw(whole.width - left), height: 1 + draw(whole.height - top) };
        const size = { width: box.width, height: box.height };
        const came = streamed(bytes, { box, ...size, interpolation: 'bilinear' });
        const expected = crop(whole, top, left, box.height, box.width);
        expect(Buffer.compare(came.data, expected.data), JSON.stringify(box)).toBe(0);
      }
    }
  });
});

/** 20,000 with FLAMBEAU_SLOW=1. */
const RUNS = process.env['FLAMBEAU_SLOW'] === '1' ? 20_000 : 200;

it('of a damaged file has pixels or a FormatError, in time, and the next file is as before', { timeout: 600_000 }, () => {
  const next = generator(9);
  const small = files.filter(({ file }) => file.length < 6000);
  let refused = 0;
  for (let run = 0; run < RUNS; run++) {
    const bytes = mutate(bytesOf(small[next(small.length)]!), next);
    const [left, top] = [next(9), next(6)];
    const start = performance.now();
    try {
      const taken = decodeRowsSync(bytes, { maxPixels: 1e6, maxBytes: 2 ** 26 }, (width, height, channels, scales) => {
        const box = { left: Math.min(left, width - 1), top: Math.min(top, height - 1), width: 1, height: 1 };
        const resizing = { box, width: 1, height: 1, interpolation: 'bilinear' } as const;
        const plan = resizePlan(channels, resizing);
        const resampler = Resampler.begin(plan, width * channels)!;
        const denominator = scales && run % 2 === 0 && width > 16 && height > 16 ? 2 : 1;
        if (denominator === 2) return { denominator, rows: { from: 0, to: 8 }, columns: { from: 1, to: 8 }, push: () => undefined };
        return { ...plan, push: (rows, pitch, count) => resampler.push(rows, pitch, count) };
      });
      if (taken !== undefined) expect(taken).toBeInstanceOf(Image);
    } catch (error) {
      expect(error).toBeInstanceOf(FormatError);
      refused++;
    }
    expect(performance.now() - start).toBeLessThan(5000); // no file of this size takes long, whatever the machine does beside
  }
  expect(refused).toBeGreaterThan(RUNS / 10);
  const photo = bytesOf(files.find(({ name }) => name === '500x400')!);
  const size = { width: 31, height: 17 };
  const box = { left: 100, top: 200, width: 200, height: 100 };
  const came = streamed(photo, { box, ...size, interpolation: 'bilinear' });
  const whole = resize(crop(decodeImageSync(photo), 200, 100, 100, 200), 31, 17);
  expect(Buffer.compare(came.data, whole.data)).toBe(0);
});

describe('batches of photographs', () => {
  const root = mkdtempSync(join(tmpdir(), 'flambeau-photos-'));
  afterAll(() => rmSync(root, { recursive: true }));
  beforeAll(() => {
    const chosen = files.filter(({ name }) => name === '500x400' || /^(66 wide|2x2 17x13|-restart 1B|-grayscale)/.test(name));
    mkdirSync(join(root, 'a'));
    for (const [i, file] of chosen.entries()) writeFileSync(join(root, 'a', `${i}.jpg`), bytesOf(file));
  });

  const norm = new Normalize([0.5, 0.4, 0.3], [0.2, 0.3, 0.4]);
  const pipelines: Record<string, TransformLike[]> = {
    'a random stretch': [new RandomResizedCrop(24), new RandomHorizontalFlip(), new ToTensor(), norm],
    'a random stretch, bicubic': [new RandomResizedCrop([20, 31], { interpolation: 'bicubic' }), new ToTensor()],
    'the middle': [new Resize(19), new CenterCrop(15), new ToTensor(), norm],
    'the middle, which has a border': [new Resize(10), new CenterCrop(15), new ToTensor()],
    'both sides': [new Resize([9, 40]), new ToTensor()],
    'the nearest pixels': [new Resize([9, 40], { interpolation: 'nearest' }), new ToTensor()],
  };

  it.each(Object.entries(pipelines))('%s: the tensors of one image after the other', async (_, steps) => {
    for (const draft of [undefined, [24, 24] as const]) {
      const transform = new Compose(steps) as unknown as (image: Image) => { toTypedArray(): Float32Array };
      const set = await ImageFolder.open(root, { transform, ...(draft === undefined ? {} : { draft }) });
      const indices = Array.from({ length: set.length }, (_, index) => index);
      manualSeed(3);
      const apart = indices.map((index) => set.get(index)[0].toTypedArray());
      manualSeed(3);
      const together = set.readBatch(indices)![0]!.data as Float32Array;
      const size = together.length / set.length;
      for (const index of indices) {
        const one = together.slice(index * size, (index + 1) * size);
        expect(Buffer.compare(Buffer.from(one.buffer), Buffer.from(apart[index]!.buffer)), set.imageName(index)).toBe(0);
      }
    }
  });
});
