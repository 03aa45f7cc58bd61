import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ArgumentError, FormatError } from '../../src/base/errors.ts';
import { rand } from '../../src/tensor/create.ts';
import { manualSeed } from '../../src/tensor/random/index.ts';
import { stratifiedSplit } from '../../src/train/held-out.ts';
import { commonSize } from '../../src/train/image-set.ts';
import { openData } from '../../src/train/open-data.ts';
import { evaluationSplit, prepareData, prepareEvaluation, type PrepareOptions } from '../../src/train/prepare.ts';
import type { BatchSource } from '../../src/train/progress.ts';
import { ppm, tarOf, writeCifar, writeClasses, writeMnist, writeTrainAndTest } from '../support/tiny-images.ts';

const folder = mkdtempSync(join(tmpdir(), 'flambeau-data-'));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const PLAIN: PrepareOptions = { batchSize: 4, validSize: 0.25, augmentation: undefined, workers: 0 };

/** All labels, in order of classes. */
async function labels(batches: BatchSource): Promise<number[]> {
  const all: number[] = [];
  for await (const [, targets] of batches) all.push(...Array.from(targets!.toTypedArray(), Number));
  return all.sort((a, b) => a - b);
}

beforeAll(() => {
  writeTrainAndTest(at('split'), 8);
  writeClasses(at('classes'), 6);
  writeFileSync(at('split.tar'), tarOf(at('split')));
  writeFileSync(at('wrapped.tar.gz'), gzipSync(tarOf(at('split'), 'pictures/')));
  writeFileSync(at('classes.tgz'), gzipSync(tarOf(at('classes'))));
  writeMnist(at('mnist'), 'train', 20);
  writeMnist(at('mnist'), 't10k', 10);
  writeMnist(at('digits'), 't10k', 20);
  writeMnist(at('torchvision/MNIST/raw'), 'train', 20);
  writeCifar(at('cifar'), ['data_batch_1.bin', 'data_batch_2.bin', 'test_batch.bin'], 10);
  writeCifar(at('cifar-download/cifar-10-batches-bin'), ['data_batch_1.bin'], 10);
});

describe('openData', () => {
  it.each([
    ['split', 'image folder', 'train test'],
    ['split.tar', 'image folder', 'test train'],
    ['wrapped.tar.gz', 'image folder', 'test train'],
    ['classes', 'image folder', 'all'],
    ['classes.tgz', 'image folder', 'all'],
    ['mnist', 'MNIST', 'train test'],
    ['digits', 'MNIST', 'all'],
    ['digits/t10k-images-idx3-ubyte', 'MNIST', 'all'],
    ['torchvision', 'MNIST', 'train'],
    ['cifar', 'CIFAR-10', 'train test'],
    ['cifar-download', 'CIFAR-10', 'train'],
  ])('recognises %s', async (name, kind, splits) => {
    const source = await openData(at(name));
    expect(source.kind).toBe(kind);
    expect([...source.splits.keys()].sort().join(' ')).toBe(splits.split(' ').sort().join(' '));
    expect(source.mirrors).toBe(kind !== 'MNIST');
    for (const open of source.splits.values()) expect((await open()).length).toBeGreaterThan(0);
  });

  it('takes folders called train for classes when others are beside them', async () => {
    for (const name of ['bus', 'train', 'tram']) mkdirSync(at(`vehicles/${name}`), { recursive: true });
    expect([...(await openData(at('vehicles'))).splits.keys()]).toEqual(['all']);
    for (const name of ['Training', 'val']) mkdirSync(at(`own/${name}`), { recursive: true });
    expect([...(await openData(at('own'))).splits.keys()]).toEqual(['train', 'valid']);
  });

  it('generates pictures when there is no path', async () => {
    const source = await openData(undefined);
    expect([source.place, source.splits.size]).toEqual(['', 2]);
  });

  it('finds labels by name, or takes those it is given', async () => {
    const images = at('digits/t10k-images-idx3-ubyte');
    writeFileSync(at('digits/pictures'), Buffer.from([]));
    const source = await openData(images, at('digits/t10k-labels-idx1-ubyte'));
    expect((await source.splits.get('all')!()).length).toBe(20);
    await expect(openData(at('digits/pictures'))).rejects.toThrow(FormatError);
    const missing = await openData(images, at('digits/none'));
    await expect(missing.splits.get('all')!()).rejects.toThrow(/digits\/none.*no such file/);
  });

  it('says what is wrong', async () => {
    await expect(openData(at('nothing'))).rejects.toThrow(ArgumentError);
    await expect(openData(at('nothing'))).rejects.toThrow(/there is no file or folder ".*nothing"/);
    mkdirSync(at('empty'));
    await expect(openData(at('empty'))).rejects.toThrow(/expected one folder of images for each class/);
    writeFileSync(at('text.txt'), 'hello');
    await expect(openData(at('text.txt'))).rejects.toThrow(FormatError);
  });
});

describe('prepareData', () => {
  it('takes validation images from the training part, apart from the others', async () => {
    manualSeed(0);
    const data = await prepareData(await openData(at('split')), PLAIN);
    expect(data.counts).toEqual({ train: 12, valid: 4, test: 4 });
    expect([data.spec, data.classes, data.split]).toEqual([{ channels: 3, height: 8, width: 8, classes: 2 }, ['dark', 'light'], true]);
    const both = [...(await labels(data.train)), ...(await labels(data.valid))].sort();
    expect(both).toEqual([...Array<number>(8).fill(0), ...Array<number>(8).fill(1)]);
    expect(await labels(data.test!)).toEqual([0, 0, 1, 1]);
    for await (const [images] of data.valid) expect(images!.shape).toEqual([4, 3, 8, 8]);
  });

  it('takes a validation part that is there, whole', async () => {
    writeClasses(at('three/train'), 4);
    writeClasses(at('three/val'), 3);
    const data = await prepareData(await openData(at('three')), PLAIN);
    expect([data.counts, data.split]).toEqual([{ train: 8, valid: 6, test: 0 }, false]);
    expect(await labels(data.train)).toHaveLength(8);
  });

  it('draws the same part of every class, the same for the same seed', () => {
    const targets = Array.from({ length: 100 }, (_, i) => (i < 70 ? 0 : i < 95 ? 1 : 2));
    manualSeed(5);
    const first = stratifiedSplit(targets, 0.2);
    manualSeed(5);
    expect(stratifiedSplit(targets, 0.2)).toEqual(first);
    const ofClass = (list: readonly number[]): number[] => [0, 1, 2].map((c) => list.filter((i) => targets[i] === c).length);
    expect([ofClass(first.train), ofClass(first.valid)]).toEqual([
      [56, 20, 4],
      [14, 5, 1],
    ]);
    expect(new Set([...first.train, ...first.valid]).size).toBe(100);
    expect(() => stratifiedSplit([0, 1, 0], 0.2)).toThrow(/a validation part of 0.2 of 3 images is 0/);
  });

  it('splits every list of classes as nearly as whole numbers allow', () => {
    const lists = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 2, maxLength: 40 });
    const check = (targets: number[], percent: number): void => {
      const total = Math.floor((targets.length * percent) / 100);
      if (total < 1) return;
      const { train, valid } = stratifiedSplit(targets, percent / 100);
      expect([...train, ...valid].sort((a, b) => a - b)).toEqual([...targets.keys()]);
      expect(valid).toHaveLength(total);
      for (const c of new Set(targets)) {
        const all = targets.filter((target) => target === c).length;
        const held = valid.filter((i) => targets[i] === c).length;
        expect(held).toBeGreaterThanOrEqual(Math.floor((all * total) / targets.length));
      }
    };
    fc.assert(fc.property(lists, fc.integer({ min: 1, max: 90 }), check));
  });

  it('brings images of different sizes to one', async () => {
    writeClasses(at('mixed'), 3, 8);
    writeFileSync(at('mixed/dark/big.ppm'), ppm(100, 10));
    const images = await (await openData(at('mixed'))).splits.get('all')!();
    expect(commonSize(images)).toEqual({ height: 64, width: 64 });
    const data = await prepareData(await openData(at('mixed')), { ...PLAIN, size: { height: 16, width: 12 } });
    expect(data.spec).toMatchObject({ height: 16, width: 12 });
    for await (const [batch] of data.train) expect(batch!.layout.shape.slice(1)).toEqual([3, 16, 12]);
  });

  it('reads grey digits with one channel', async () => {
    const data = await prepareData(await openData(at('mnist')), PLAIN);
    expect([data.spec, data.counts]).toEqual([
      { channels: 1, height: 8, width: 8, classes: 10 },
      { train: 15, valid: 5, test: 10 },
    ]);
  });

  it('draws the same pictures whatever the number of workers, and what is drawn after them is the same', async () => {
    const augmentation = { flip: true, rotation: 10, crop: 0.5, policy: 'trivial-augment' } as const;
    const epochs = async (workers: number | undefined, more: Partial<PrepareOptions> = {}): Promise<unknown> => {
      manualSeed(2);
      const data = await prepareData(await openData(at('cifar')), { ...PLAIN, augmentation, workers, ...more });
      const seen: unknown[] = [];
      for (let epoch = 0; epoch < 2; epoch++) {
        for await (const batch of data.train) seen.push([...batch.map((tensor) => tensor.tolist()), rand(1).item()]);
      }
      return seen;
    };
    const [none, one, two] = [await epochs(0), await epochs(1), await epochs(2)];
    expect([one, two]).toEqual([none, none]);
    const large = { size: { height: 128, width: 128 }, batchSize: 16 }; // for which a thread is started unless one is told
    expect(await epochs(undefined, large)).toEqual(await epochs(0, large));
  });

  it('refuses parts with different classes, and damaged images by name', async () => {
    writeTrainAndTest(at('unlike'), 4);
    mkdirSync(at('unlike/test/grey'));
    writeFileSync(at('unlike/test/grey/0.ppm'), ppm(8, 100));
    await expect(prepareData(await openData(at('unlike')), PLAIN)).rejects.toThrow(
      /the part 'test' has the classes dark, grey, light, but 'train' has dark, light/,
    );
    writeClasses(at('damaged'), 4);
    writeFileSync(at('damaged/light/3.ppm'), ppm(8, 100).subarray(0, 50));
    await expect(prepareData(await openData(at('damaged')), PLAIN)).rejects.toThrow(/light\/3\.ppm/);
  });
});

describe('prepareEvaluation', () => {
  const spec = { channels: 3, height: 8, width: 8, classes: 3 };

  it('prefers images that were not trained on', async () => {
    expect(evaluationSplit(await openData(at('split')))).toBe('test');
    expect(evaluationSplit(await openData(at('three')))).toBe('valid');
    expect(evaluationSplit(await openData(at('torchvision')))).toBe('train');
    expect(evaluationSplit(await openData(at('digits')))).toBe('all');
  });

  it('numbers classes as the network does', async () => {
    const network = { spec, classes: ['light', 'other', 'dark'] };
    const { batches, count } = await prepareEvaluation(await openData(at('split')), 'test', network, { workers: 0 });
    expect([count, await labels(batches)]).toEqual([4, [0, 0, 2, 2]]);
    const numbered = { spec: { ...spec, classes: 2 }, classes: ['0', '1'] };
    const again = await prepareEvaluation(await openData(at('split')), 'test', numbered, { workers: 0 });
    expect(await labels(again.batches)).toEqual([0, 0, 1, 1]);
  });

  it('leaves out what the network was trained on, wherever it lies', async () => {
    writeClasses(at('whole'), 10);
    const prepared = await prepareData(await openData(at('whole')), PLAIN);
    cpSync(at('whole'), at('elsewhere'), { recursive: true });
    const network = { spec: { ...spec, classes: 2 }, classes: prepared.classes, trained: prepared.trained };
    const { count, trainedOn, indices, name } = await prepareEvaluation(await openData(at('elsewhere')), 'all', network, {
      workers: 0,
      leaveOut: true,
    });
    expect([count, trainedOn]).toEqual([prepared.counts.valid, prepared.counts.train]);
    expect(name(indices[0]!)).toMatch(/\.ppm$/);
    const all = await prepareEvaluation(await openData(at('elsewhere')), 'all', network, { workers: 0 });
    expect([all.count, all.trainedOn]).toEqual([20, prepared.counts.train]);
  });

  it('refuses what does not fit', async () => {
    const evaluation = async (name: string, split: 'train' | 'valid' | 'all', network: object): Promise<unknown> =>
      prepareEvaluation(await openData(at(name)), split, { spec, classes: ['a', 'b', 'c'], ...network }, { workers: 0 });
    await expect(evaluation('split', 'train', {})).rejects.toThrow(/the network does not know: dark, light; it knows a, b, c/);
    await expect(evaluation('split', 'valid', {})).rejects.toThrow(/has no part 'valid'; it has/);
    await expect(evaluation('digits', 'all', {})).rejects.toThrow(/images of 1 channels, but the network takes 3/);
  });
});
