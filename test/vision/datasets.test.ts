import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ArgumentError, FormatError, IndexError, ShapeError } from '../../src/base/errors.ts';
import { ConcatDataset, DataLoader, Subset, type Dataset } from '../../src/data/index.ts';
import { defaultGenerator, fillUniform, manualSeed } from '../../src/tensor/random/index.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { readIdx } from '../../src/vision/datasets/idx.ts';
import { byCodePoint } from '../../src/vision/datasets/folder-tree.ts';
import { PixelSource } from '../../src/vision/datasets/source.ts';
import {
  CIFAR10,
  Compose,
  DatasetFolder,
  GeneratedShapes,
  Image,
  ImageDataset,
  ImageFolder,
  MNIST,
  Normalize,
  RandomHorizontalFlip,
  RandomRotation,
  readImage,
  Resize,
  rotate,
  ToTensor,
} from '../../src/vision/index.ts';
import { realData } from '../support/data.ts';
import { picture, sha } from '../support/picture.ts';

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(`../fixtures/vision/${name}`, import.meta.url), 'utf8'));
const { folder, mnist, cifar } = read('datasets.json') as {
  folder: {
    tree: Record<string, string>;
    files: Record<string, string>;
    classes: string[];
    classToIdx: Record<string, number>;
    samples: [string, number][];
    batches: [number[], number[], string][];
    text: string;
  };
  mnist: { images: string; labels: string; targets: number[]; sha: string };
  cifar: { batch: string; targets: number[]; sha: string };
};
const { augmented } = read('loader.json') as {
  augmented: { workers: number; epochs: [number[], string][][]; next: number }[];
};

const scratch = mkdtempSync(join(tmpdir(), 'flambeau-datasets-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const hasWorkers = existsSync(new URL('../../dist/data/worker.js', import.meta.url));
const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

/** Writes files, given by their contents or as kinds of the fixture's. */
function writeTree(name: string, tree: Record<string, string | Uint8Array>): string {
  const root = join(scratch, name);
  mkdirSync(root, { recursive: true });
  for (const [path, content] of Object.entries(tree)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), typeof content === 'string' ? bytesOf(folder.files[content]!) : content);
  }
  return root;
}

function packed(root: string, ...members: string[]): string {
  const path = `${root}-${members.length}.tar.gz`;
  execFileSync('tar', ['-C', root, '-czf', path, ...(members.length === 0 ? ['.'] : members)]);
  return path;
}

const tutorial = (): Compose<readonly [RandomHorizontalFlip, RandomRotation, ToTensor, Normalize]> =>
  new Compose([new RandomHorizontalFlip(), new RandomRotation(10), new ToTensor(), new Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])]);

type Batch = [number[], number[], string];

async function batchesOf(loader: AsyncIterable<readonly [Tensor, Tensor]>): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const [data, target] of loader) {
    expect([data.dtype, target.dtype]).toEqual(['float32', 'int64']);
    batches.push([(target.tolist() as number[]).map(Number), [...(data.shape as number[])], sha(data.toTypedArray())]);
  }
  return batches;
}

function nextRandom(): number {
  const one = new Float32Array(1);
  fillUniform(one, 0, 1, defaultGenerator);
  return one[0]!;
}

describe('ImageFolder', () => {
  let root = '';
  beforeAll(() => void (root = writeTree('tree', folder.tree)));

  it.each(['a folder', 'a tar.gz', 'a tar in memory'])('reads %s as torchvision reads a folder', async (kind) => {
    const archive = kind === 'a folder' ? root : packed(root);
    const source = kind === 'a tar in memory' ? new Uint8Array(gunzipSync(readFileSync(archive))) : archive;
    const set = await ImageFolder.open(source, { transform: tutorial() });
    expect(set.classes).toEqual(folder.classes);
    expect(set.classToIdx).toEqual(folder.classToIdx);
    expect(set.samples).toEqual(folder.samples);
    expect(set.targets).toEqual(folder.samples.map(([, target]) => target));
    manualSeed(2);
    expect(await batchesOf(new DataLoader(set, { batchSize: 5, shuffle: true }))).toEqual(folder.batches);
    manualSeed(2);
    // Sample by sample, through a collateFn, it is the same.
    const slow: Dataset<[Tensor, number]> = { length: set.length, get: (index) => set.get(index) };
    expect(await batchesOf(new DataLoader(slow, { batchSize: 5, shuffle: true }))).toEqual(folder.batches);
  });

  it('prints itself as torchvision does', async () => {
    const set = await ImageFolder.open(root, { transform: tutorial() });
    expect(String(set)).toBe(folder.text.replace('ROOT', root).replaceAll('(0.5, 0.5, 0.5)', '[0.5, 0.5, 0.5]'));
  });

  it('takes loaders, targets and choices of files as torchvision does', async () => {
    const seen: string[] = [];
    const loader = (path: string, file: () => Uint8Array): Image => {
      seen.push(path);
      return Image.filled(file().length > 0 ? 2 : 1, 1, 3);
    };
    const isValidFile = (path: string): boolean => path.endsWith('.png');
    const options = { loader, isValidFile, allowEmpty: true, targetTransform: (target: number) => 10 * target, transform: new ToTensor() };
    for (const source of [root, packed(root)]) {
      const set = await ImageFolder.open(source, options);
      expect([set.length, set.classes.length, set.passedOver.hidden]).toEqual([6, 6, 3]);
      seen.length = 0;
      const [image, target] = set.get(0);
      expect([image.shape, target, set.targets[0]]).toEqual([[3, 1, 2], 10, 1]);
      expect(seen).toEqual([source === root ? join(root, 'a/z.png') : 'a/z.png']);
      const [[targets]] = (await batchesOf(new DataLoader(set, { batchSize: 6 }))) as [Batch];
      expect(targets).toEqual([10, 20, 20, 20, 40, 50]);
    }
    const named = await ImageFolder.open(root, {
      extensions: ['.PGM', '.txt'],
      allowEmpty: true,
      targetTransform: (target) => `class ${target}`,
    });
    expect(named.imgs).toEqual([
      ['a/notes.txt', 1],
      ['b/x/sub/0.pgm', 2],
    ]);
    expect(named.get(1)[1]).toBe('class 2');
    await expect(ImageFolder.open(root, { extensions: '.png', isValidFile })).rejects.toThrow(
      /either extensions or isValidFile, but got both/,
    );
    const wrong = await ImageFolder.open(root, { loader: (() => 3) as never });
    expect(() => wrong.get(0)).toThrow(/loader: expected an Image, but got 3; DatasetFolder/);
  });

  it('has a sister for files of any kind', async () => {
    const set = await DatasetFolder.open(root, {
      extensions: '.txt',
      allowEmpty: true,
      loader: (_, file) => new TextDecoder().decode(file()),
      transform: (text) => text.toUpperCase(),
      targetTransform: (target) => ['A', 'B'][target],
    });
    expect([set.length, set.get(0), set.classToIdx['b']]).toEqual([1, ['NOT AN IMAGE', 'B'], 2]);
    const later = await DatasetFolder.open(packed(root), {
      isValidFile: (path) => path === 'a/notes.txt',
      allowEmpty: true,
      loader: (path) => Promise.resolve(path),
    });
    expect(await later.get(0)).toEqual(['a/notes.txt', 1]);
    const open = DatasetFolder.open as (root: string, options: object) => Promise<unknown>;
    await expect(open(root, { loader: () => 1 })).rejects.toThrow(/either extensions or isValidFile, but got neither/);
    await expect(open(root, { extensions: '.txt' })).rejects.toThrow(/loader/);
    await expect(open(root, { extensions: '.txt', loader: () => 1 })).rejects.toThrow(/no files for the classes Zebra, b/);
  });

  it('without a transform gives images', async () => {
    const [image, target] = (await ImageFolder.open(root)).get(1);
    expect(image).toBeInstanceOf(Image);
    expect([image.mode, target]).toEqual(['RGB', 1]);
  });

  it('finds splits, and passes over a folder that an archive was packed with', async () => {
    const splits = writeTree('data', {
      'train/a/1.png': 'png',
      'train/b/1.png': 'png',
      'test/a/2.png': 'png',
      'test/b/2.jpg': 'jpg',
    });
    for (const source of [splits, packed(splits), packed(scratch, 'data')]) {
      const set = await ImageFolder.open(source, { split: 'test' });
      expect(set.samples.map(([path]) => path.replace(/^data\//, ''))).toEqual(['test/a/2.png', 'test/b/2.jpg']);
    }
    expect((await ImageFolder.open(packed(scratch, 'data'))).classes).toEqual(['test', 'train']);
    await expect(ImageFolder.open(splits, { split: 'valid' })).rejects.toThrow(/has no folder "valid"; it has test, train/);
    await expect(ImageFolder.open(packed(splits), { split: 'valid' })).rejects.toThrow(/has no folder "valid"/);
  });

  it('refuses what has no classes or no images', async () => {
    const refused = async (name: string, tree: Record<string, string>, message: RegExp, empty?: string): Promise<void> => {
      const place = writeTree(name, tree);
      if (empty !== undefined) mkdirSync(join(place, empty));
      for (const source of [place, packed(place)]) {
        await expect(ImageFolder.open(source)).rejects.toThrow(FormatError);
        await expect(ImageFolder.open(source)).rejects.toThrow(message);
      }
    };
    await refused('nothing', {}, /there are no class folders in/);
    await refused('flat', { '1.png': 'png' }, /there are no class folders in/);
    await refused('hollow', { 'a/1.png': 'png' }, /no images for the classes b in/, 'b');
    const hollow = await ImageFolder.open(join(scratch, 'hollow'), { allowEmpty: true });
    expect([hollow.classes, hollow.targets]).toEqual([['a', 'b'], [0]]);
    await expect(ImageFolder.open(join(scratch, 'nowhere'))).rejects.toThrow(ArgumentError);
    await expect(ImageFolder.open(join(scratch, 'nowhere'))).rejects.toThrow(/there is no file or folder/);
  });

  it('names a damaged file, here and in a worker', async () => {
    const damaged = writeTree('damaged', {
      'a/good.png': 'png',
      'b/bad.jpg': bytesOf(folder.files['jpg']!).subarray(0, 300),
      'b/no.png': 'txt',
    });
    for (const numWorkers of hasWorkers ? [0, 1] : [0]) {
      const set = await ImageFolder.open(damaged, { transform: new ToTensor() });
      const batches = new DataLoader(set, { numWorkers })[Symbol.asyncIterator]();
      expect((await batches.next()).done).toBe(false);
      const failed = batches.next();
      await expect(failed).rejects.toThrow(FormatError);
      await expect(failed).rejects.toThrow(/"b\/bad\.jpg": it stops after 300 bytes/);
      expect((await batches.next()).done).toBe(true);
    }
  });

  it('refuses images of different sizes in one batch, and says which', async () => {
    const sizes = writeTree('sizes', { 'a/1.jpg': 'jpg', 'a/2.ppm': new TextEncoder().encode('P5 2 1 255 ab') });
    const set = await ImageFolder.open(sizes, { transform: new ToTensor() });
    const batch = new DataLoader(set, { batchSize: 2 })[Symbol.asyncIterator]().next();
    await expect(batch).rejects.toThrow(ShapeError);
    await expect(batch).rejects.toThrow(/"a\/1.jpg" is 3x9x12 and "a\/2.ppm" is 3x1x2 .*Resize/);
    const resized = await ImageFolder.open(sizes, { transform: new Compose([new Resize([4, 4]), new ToTensor()]) });
    for await (const [data] of new DataLoader(resized, { batchSize: 2 })) expect(data.shape).toEqual([2, 3, 4, 4]);
  });

  it('sorts as Python does', () => {
    const names = ['b', 'a', 'ab', '', 'a-', 'a/', '\uff5e', '\u{1f600}', '\ue000', '\ud7ff', '\u{10000}'];
    expect([...names].sort(byCodePoint)).toEqual(['', 'a', 'a-', 'a/', 'ab', 'b', '\ud7ff', '\ue000', '\uff5e', '\u{10000}', '\u{1f600}']);
  });
});

describe('random transforms give torchvision’s batches', () => {
  const pixels = new Uint8Array(23 * 3072);
  for (let i = 0; i < 23; i++) pixels.set(rotate(picture(32, 32, 3), 7 * i).data, i * 3072);
  const source = new PixelSource('picture', { width: 32, height: 32, channels: 3 }, pixels);
  it.each(augmented.filter(({ workers }) => workers === 0 || hasWorkers))('with $workers workers', async ({ workers, epochs, next }) => {
    const set = new ImageDataset(source, [...Array(23).keys()], [], { transform: tutorial() });
    manualSeed(11);
    const loader = new DataLoader(set, { batchSize: 4, shuffle: true, numWorkers: workers });
    for (const expected of epochs) {
      expect((await batchesOf(loader)).map(([target, , hash]) => [target, hash])).toEqual(expected);
    }
    expect(nextRandom()).toBe(next);
  });

  it.runIf(hasWorkers)('but not functions of your own in workers', async () => {
    const mine = new ImageDataset(source, Array<number>(23).fill(0), [], { transform: (image: Image) => image.width });
    const end = new DataLoader(mine, { numWorkers: 1 })[Symbol.asyncIterator]().next();
    await expect(end).rejects.toThrow(ArgumentError);
    await expect(end).rejects.toThrow(/function of your own.*fromModule.*numWorkers: 0/);
    const inside = new ImageDataset(source, Array<number>(23).fill(0), [], {
      transform: new Compose([(image: Image) => image, new ToTensor()]),
    });
    const middle = new DataLoader(inside, { numWorkers: 1 })[Symbol.asyncIterator]().next();
    await expect(middle).rejects.toThrow(/function of your own.*numWorkers: 0/);
    for await (const [widths] of new DataLoader(mine, { batchSize: 23 })) expect(widths.sum().item()).toBe(23 * 32);
    for await (const [data] of new DataLoader(inside, { batchSize: 23 })) expect(data.shape).toEqual([23, 3, 32, 32]);
  });
});

describe('MNIST', () => {
  const transform = new Compose([new ToTensor(), new Normalize([0.1307], [0.3081])]);
  const [images, labels] = [bytesOf(mnist.images), bytesOf(mnist.labels)];

  it('reads IDX files as torchvision does, plain or compressed', async () => {
    const place = writeTree('mnist', {
      'MNIST/raw/train-images-idx3-ubyte.gz': images,
      'MNIST/raw/train-labels-idx1-ubyte': labels,
      't10k-images-idx3-ubyte': gunzipSync(images),
      't10k-labels-idx1-ubyte.gz': gzipSync(labels),
    });
    for (const train of [true, false]) {
      const set = await MNIST.open(place, { train, transform });
      expect(set.targets).toEqual(mnist.targets);
      expect(set.classes[3]).toBe('3 - three');
      expect(set.image(0).mode).toBe('L');
      const [[, shape, hash]] = (await batchesOf(new DataLoader(set, { batchSize: 5 }))) as [Batch];
      expect([shape, hash]).toEqual([[5, 1, 28, 28], mnist.sha]);
    }
    expect((await MNIST.fromFiles(images, labels)).length).toBe(5);
  });

  it('refuses what does not fit', async () => {
    const nothing = writeTree('no-digits', {});
    await expect(MNIST.open(nothing)).rejects.toThrow(ArgumentError);
    await expect(MNIST.open(nothing)).rejects.toThrow(/no file train-images-idx3-ubyte or .gz/);
    const plain = new Uint8Array(gunzipSync(images));
    const change = (file: Uint8Array, at: number, value: number): Uint8Array => {
      const copy = file.slice();
      copy[at] = value;
      return copy;
    };
    const cases: [Uint8Array, Uint8Array, RegExp][] = [
      [change(plain, 0, 1), labels, /two zero bytes/],
      [change(plain, 2, 13), labels, /type 0x0d, expected unsigned bytes/],
      [labels, labels, /1 dimensions, expected 3/],
      [plain.subarray(0, -1), labels, /sizes 5x28x28 make 3920 bytes, but it has 3919/],
      [plain.subarray(0, 3), labels, /only 3 bytes/],
      [change(plain, 4, 255), labels, /make \d+ bytes/],
      [plain, change(labels.subarray(0, 12), 7, 4), /5 pictures but 4 labels/],
      [plain, change(labels, 10, 17), /label 2 is 17/],
      [images.subarray(0, 500), labels, /"images-idx3-ubyte" cannot be unpacked/],
    ];
    for (const [pictures, digits, message] of cases) {
      await expect(MNIST.fromFiles(pictures, digits)).rejects.toThrow(FormatError);
      await expect(MNIST.fromFiles(pictures, digits)).rejects.toThrow(message);
    }
    expect((await readIdx(labels, 'labels', 1)).shape).toEqual([5]);
  });

  const real = realData('t10k-images-idx3-ubyte.gz');
  it.runIf(real !== undefined)('reads the real test digits', async () => {
    const set = await MNIST.open(dirname(real!), { train: false, transform });
    expect([set.length, set.targets.slice(0, 5)]).toEqual([10_000, [7, 2, 1, 0, 4]]);
    expect(set.image(0).data.reduce((sum, value) => sum + value, 0)).toBe(18_454);
  });
});

describe('CIFAR10', () => {
  const batch = new Uint8Array(gunzipSync(bytesOf(cifar.batch)));

  it('reads binary batches from a folder and an archive', async () => {
    const place = writeTree('cifar', {
      'cifar-10-batches-bin/data_batch_2.bin': batch,
      'cifar-10-batches-bin/data_batch_1.bin': batch,
      'cifar-10-batches-bin/test_batch.bin': batch,
    });
    for (const source of [place, packed(place), join(place, 'cifar-10-batches-bin')]) {
      const set = await CIFAR10.open(source, { train: false });
      expect(set.targets).toEqual(cifar.targets);
      expect(sha(Buffer.concat([0, 1, 2].map((i) => set.image(i).data)))).toBe(cifar.sha);
      expect((await CIFAR10.open(source)).targets).toEqual([...cifar.targets, ...cifar.targets]);
    }
    expect((await CIFAR10.open(place)).classToIdx['frog']).toBe(6);
  });

  it('refuses what does not fit', async () => {
    await expect(CIFAR10.open(writeTree('no-cifar', {}))).rejects.toThrow(/no data_batch_1 … 5.bin or data_batch_1 … 5 in/);
    const twice = writeTree('cifar-twice', {
      'a/cifar-10-batches-bin/test_batch.bin': batch,
      'b/cifar-10-batches-bin/test_batch.bin': batch,
    });
    await expect(CIFAR10.open(twice, { train: false })).rejects.toThrow(/several folders have such files: a\/cifar/);
    const short = writeTree('cifar-short', { 'test_batch.bin': batch.subarray(1) });
    await expect(CIFAR10.open(short, { train: false })).rejects.toThrow(/multiple of 3073/);
    const wrong = batch.slice();
    wrong[3073] = 10;
    const place = writeTree('cifar-wrong', { 'test_batch.bin': wrong });
    await expect(CIFAR10.open(place, { train: false })).rejects.toThrow(/record 1 has class 10/);
  });
});

describe('GeneratedShapes', () => {
  it('draws the same pictures for a seed, others for another, and leaves the default generator alone', () => {
    manualSeed(5);
    const before = nextRandom();
    manualSeed(5);
    const hash = (set: GeneratedShapes): string => sha(Buffer.concat(Array.from({ length: 12 }, (_, i) => set.image(i).data)));
    const small = { length: 12 };
    // Known once and for all: the same on every machine.
    expect(hash(new GeneratedShapes(small))).toBe('230e2c0ec5a58e19');
    expect(hash(new GeneratedShapes({ ...small, train: false }))).not.toBe(hash(new GeneratedShapes(small)));
    expect(hash(new GeneratedShapes({ ...small, seed: 1 }))).not.toBe(hash(new GeneratedShapes(small)));
    expect(hash(new GeneratedShapes({ length: 30 }))).toBe(hash(new GeneratedShapes(small)));
    expect(nextRandom()).toBe(before);
  });

  it('has six classes in turn, 2,000 and 400 pictures', () => {
    const test = new GeneratedShapes({ train: false });
    expect([test.length, test.classes.length, test.targets.slice(0, 7)]).toEqual([400, 6, [0, 1, 2, 3, 4, 5, 0]]);
    expect(new GeneratedShapes().length).toBe(2000);
    expect(String(test)).toBe('Dataset GeneratedShapes\n    Number of datapoints: 400');
    expect(() => new GeneratedShapes({ length: 0 })).toThrow(ArgumentError);
    expect(() => new GeneratedShapes({ seed: -1 })).toThrow(ArgumentError);
    expect(() => test.get(400)).toThrow(IndexError);
    expect(() => new GeneratedShapes({ transform: 3 as never })).toThrow(ArgumentError);
  });
});

describe('several data sets', () => {
  it('are read in stretches, in order, and refuse different sizes', async () => {
    const set = (size: number): ImageDataset<Tensor> => {
      const pixels = new PixelSource('p', { width: size, height: size, channels: 1 }, picture(size, 2 * size, 1).data);
      return new ImageDataset(pixels, [0, 1], ['a', 'b'], {
        transform: new Compose([new RandomHorizontalFlip(), new ToTensor()]),
      });
    };
    const both = new ConcatDataset([set(4), set(4)]);
    const order = { batchSize: 4, sampler: { length: 4, [Symbol.iterator]: () => [3, 0, 1, 2].values() } };
    manualSeed(1);
    const fast = await batchesOf(new DataLoader(both, order));
    manualSeed(1);
    const slow: Dataset<[Tensor, number]> = { length: 4, get: (index) => both.get(index) };
    expect(fast).toEqual(await batchesOf(new DataLoader(slow, order)));
    const mixed = new DataLoader(new ConcatDataset([set(4), set(5)]), { batchSize: 4 });
    await expect(batchesOf(mixed)).rejects.toThrow(ShapeError);
    await expect(batchesOf(mixed)).rejects.toThrow(/different shapes/);
  });
});

describe('readImage', () => {
  it('reads paths, blobs and bytes', async () => {
    const place = writeTree('single', { 'cat.png': 'png' });
    const bytes = bytesOf(folder.files['png']!);
    for (const source of [join(place, 'cat.png'), new Blob([new Uint8Array(bytes)]), bytes]) {
      expect((await readImage(source)).data).toEqual(picture(12, 9, 3).data);
    }
    await expect(readImage(join(place, 'dog.png'))).rejects.toThrow(ArgumentError);
    await expect(readImage(place)).rejects.toThrow(/cannot read/);
    await expect(readImage(new File([new Uint8Array([1, 2, 3])], 'x.png'))).rejects.toThrow(/"x.png": it is not an image/);
  });
});

const archive = realData('cifar10-images.tar.gz');
describe.runIf(archive !== undefined)('the real CIFAR-10 images', () => {
  it('have PIL’s pixels, in torchvision’s order', async () => {
    const set = await ImageFolder.open(archive!, { split: 'test' });
    expect([set.length, set.classes.join(' ')]).toEqual([10_000, 'airplane automobile bird cat deer dog frog horse ship truck']);
    const hash = createHash('sha256');
    for (let i = 0; i < set.length; i++) hash.update(set.image(i).data);
    expect(hash.digest('hex').slice(0, 16)).toBe('5a6aa8185204d80b');
  });

  it.runIf(hasWorkers)('come the same from workers', async () => {
    const set = await ImageFolder.open(archive!, { split: 'test', transform: new ToTensor() });
    const some = new Subset(
      set,
      Array.from({ length: 200 }, (_, i) => 50 * i),
    );
    const here = await batchesOf(new DataLoader(some, { batchSize: 20 }) as AsyncIterable<[Tensor, Tensor]>);
    const there = new DataLoader(some, { batchSize: 20, numWorkers: 2 }) as AsyncIterable<[Tensor, Tensor]>;
    expect(await batchesOf(there)).toEqual(here);
  });
});
