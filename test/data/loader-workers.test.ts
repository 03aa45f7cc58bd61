// Workers that stay, and pictures that do not depend on how many there are.
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DataLoader, type DataLoaderOptions } from '../../src/data/index.ts';
import { manualSeed } from '../../src/tensor/random/index.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { ImageDataset } from '../../src/vision/datasets/image-dataset.ts';
import { PixelSource } from '../../src/vision/datasets/source.ts';
import { Compose, Normalize, RandomCrop, RandomHorizontalFlip, ToTensor } from '../../src/vision/transforms/index.ts';

const COUNT = 26;
const pixels = Uint8Array.from({ length: COUNT * 48 }, (_, i) => (i * 37) & 255);
const transform = new Compose([new RandomHorizontalFlip(), new RandomCrop(4, { padding: 2 }), new ToTensor(), new Normalize([0.5], [0.5])]);
const targets = Array.from({ length: COUNT }, (_, i) => i);
const set = new ImageDataset(new PixelSource('image', { width: 4, height: 4, channels: 3 }, pixels), targets, [], { transform });
type Batch = [Tensor, Tensor];
type Options = DataLoaderOptions<Batch, Batch>;

const loaderOf = (options: Options): DataLoader<Batch, Batch> => new DataLoader(set as never, { batchSize: 4, shuffle: true, ...options });

/** Everything of so many passes. */
async function passes(loader: DataLoader<Batch, Batch>, count = 2): Promise<number[][]> {
  manualSeed(5);
  const seen: number[][] = [];
  for (let pass = 0; pass < count; pass++) {
    for await (const [images, labels] of loader)
      seen.push([...(images.toTypedArray() as Float32Array), ...(labels.tolist() as number[]).map(Number)]);
  }
  await loader.stopWorkers();
  return seen;
}

describe.runIf(existsSync(new URL('../../dist/data/worker.js', import.meta.url)))('workers', () => {
  it('make the same pictures however many they are, where every batch has its seed', async () => {
    const alone = await passes(loaderOf({ seeding: 'batch' }));
    for (const numWorkers of [1, 2]) {
      expect(await passes(loaderOf({ seeding: 'batch', numWorkers }))).toEqual(alone);
      expect(await passes(loaderOf({ seeding: 'batch', numWorkers, persistentWorkers: true }))).toEqual(alone);
    }
    expect(alone[0]).not.toEqual(alone[7]);
  });

  it('that stay make what new ones make', async () => {
    const fresh = await passes(loaderOf({ numWorkers: 2 }));
    expect(await passes(loaderOf({ numWorkers: 2, persistentWorkers: true }))).toEqual(fresh);
    expect(await passes(loaderOf({ numWorkers: 1 }))).not.toEqual(fresh);
  });

  it('that stay survive a loop that is left and passes within passes', async () => {
    const loader = loaderOf({ numWorkers: 2, persistentWorkers: true, seeding: 'batch' });
    for await (const [images] of loader) {
      expect(images.shape).toEqual([4, 3, 4, 4]);
      break;
    }
    let inner = 0;
    for await (const _ of loader) {
      if (inner > 0) break;
      for await (const __ of loader) inner++;
    }
    expect(inner).toBe(7);
    expect(await passes(loader)).toEqual(await passes(loaderOf({ seeding: 'batch' })));
  });

  it('that stay end when they are told, and others come', async () => {
    const loader = loaderOf({ numWorkers: 1, persistentWorkers: true, seeding: 'batch' });
    const first = await passes(loader, 1);
    expect(await passes(loader, 1)).toEqual(first);
  });
});

it('takes numbers of a batch from nowhere else', async () => {
  manualSeed(1);
  const loader = loaderOf({ seeding: 'batch', shuffle: false });
  const one: number[][] = [];
  for await (const [images] of loader) {
    one.push([...(images.toTypedArray() as Float32Array)]);
    new RandomHorizontalFlip()(set.image(0)); // draws in between
  }
  manualSeed(1);
  const two: number[][] = [];
  for await (const [images] of loader) two.push([...(images.toTypedArray() as Float32Array)]);
  expect(two).toEqual(one);
});

it('asks for workers where they are to stay', () => {
  expect(() => loaderOf({ persistentWorkers: true })).toThrow(/persistentWorkers is for workers; set numWorkers as well/);
  expect(() => loaderOf({ seeding: 'sample' as never })).toThrow(/seeding/);
});
