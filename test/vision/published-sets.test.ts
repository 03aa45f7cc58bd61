/** Published data sets, read as torchvision reads them: small trees in their layouts (test/fixtures/published_sets.py). */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ArgumentError, FormatError } from '../../src/base/errors.ts';
import { DataLoader, type Dataset } from '../../src/data/index.ts';
import type { FileSource } from '../../src/io/archive/open-files.ts';
import { openData } from '../../src/train/open-data.ts';
import { readMat } from '../../src/vision/datasets/mat5.ts';
import { parseXml } from '../../src/vision/datasets/xml.ts';
import * as vision from '../../src/vision/index.ts';
import { datasets, FakeData, Image, OxfordIIITPet, QMNIST, ToTensor } from '../../src/vision/index.ts';

interface Part {
  readonly options: Readonly<Record<string, unknown>>;
  readonly targets: readonly unknown[];
  readonly classes: readonly string[];
  readonly sha: string;
}
interface PublishedSet {
  readonly name: string;
  readonly note?: string;
  readonly tree: string;
  readonly parts: readonly Part[];
}
interface Opened extends Dataset<readonly [unknown, unknown]> {
  readonly classes?: readonly string[];
  image(index: number): Image;
}
type Open = (root: FileSource, ...rest: unknown[]) => Promise<Opened>;

const { sets, fake } = JSON.parse(readFileSync(new URL('../fixtures/vision/published-sets.json', import.meta.url), 'utf8')) as {
  sets: PublishedSet[];
  fake: Omit<Part, 'classes'>;
};

const scratch = mkdtempSync(join(tmpdir(), 'flambeau-sets-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const archiveOf = ({ tree }: PublishedSet): Uint8Array => new Uint8Array(Buffer.from(tree, 'base64'));
let counter = 0;
function unpacked(set: PublishedSet): string {
  const root = join(scratch, `${set.name}-${counter++}`);
  mkdirSync(root);
  execFileSync('tar', ['-xzf', '-', '-C', root], { input: archiveOf(set) });
  return root;
}
const shaOf = (images: readonly Image[]): string =>
  images
    .reduce((hash, image) => hash.update(image.data), createHash('sha256'))
    .digest('hex')
    .slice(0, 16);

/** How a set is opened in the form that the fixture has. */
function opener({ name, note }: PublishedSet, root: string): Open {
  const found = (datasets as unknown as Record<string, { open: Open; openSegmentation: Open }>)[name]!;
  if (note === 'masks') return (source, options) => found.openSegmentation(source, options);
  if (name.startsWith('Coco')) return (source, options) => found.open(source, join(root, 'what.json'), options);
  return (source, options) => found.open(source, options);
}

const plain = (target: unknown): unknown => {
  if (target instanceof Image) return shaOf([target]);
  if (!Array.isArray(target)) return target;
  const back = (thing: object): object =>
    Object.fromEntries(Object.entries(thing).map(([key, value]) => [key.replace('Id', '_id'), value]));
  return target.map((each: unknown) => (typeof each === 'object' && each !== null ? back(each) : each));
};

describe('published data sets are read as torchvision reads them', () => {
  it.each(sets.map((set) => [`${set.name} ${set.note ?? ''}`, set] as const))('%s', async (_, set) => {
    const root = unpacked(set);
    const open = opener(set, root);
    for (const { options, targets, classes, sha } of set.parts) {
      for (const source of [root, archiveOf(set)]) {
        const found = await open(source, options);
        const indices = Array.from({ length: found.length }, (_, i) => i);
        expect(indices.map((i) => plain((found.get(i) as readonly unknown[])[1]))).toEqual(targets);
        if (classes.length > 0) expect(found.classes).toEqual(classes);
        expect(shaOf(indices.map((i) => found.image(i)))).toBe(sha);
      }
    }
    const empty = join(scratch, `empty-${counter++}`);
    mkdirSync(empty);
    const missing = open(empty, set.parts[0]!.options);
    await expect(missing).rejects.toThrow(/there is no|is not in/);
    await expect(open(join(scratch, 'nowhere'), set.parts[0]!.options)).rejects.toThrow(ArgumentError);
  });

  it('FakeData is torchvision’s noise', () => {
    const set = new FakeData(fake.options);
    expect([0, 1, 2].map((i) => set.get(i)[1])).toEqual(fake.targets);
    expect(shaOf([0, 1, 2].map((i) => set.image(i)))).toBe(fake.sha);
    expect(() => new FakeData({ imageSize: [2, 3, 3] })).toThrow(ArgumentError);
    expect(() => new FakeData().describe()).toThrow(/FakeData cannot be sent to a worker thread/);
  });

  it('go through loaders, with transforms of image, target or both', async () => {
    const set = sets.find(({ name }) => name === 'Food101')!;
    const found = await vision.Food101.open(archiveOf(set), {
      transform: new ToTensor(),
      targetTransform: (n) => 2 * n,
    });
    for await (const [images, labels] of new DataLoader(found, { batchSize: 3 }))
      expect([images.shape, labels.tolist()]).toEqual([
        [3, 3, 4, 5],
        [2, 2, 0],
      ]);
    const masks = sets.find(({ note }) => note === 'masks')!;
    const both = await OxfordIIITPet.openSegmentation(archiveOf(masks), {
      split: 'test',
      transforms: (image, mask) => [image.width, mask.channels] as const,
    });
    expect(both.get(0)).toEqual([5, 1]);
    const twice = { transforms: () => [1, 2] as const, transform: () => 1 };
    await expect(OxfordIIITPet.openSegmentation(archiveOf(masks), twice)).rejects.toThrow(/either transforms or/);
  });

  it('QMNIST knows its writers', async () => {
    const set = sets.find(({ name }) => name === 'QMNIST')!;
    const found = await QMNIST.open(archiveOf(set));
    expect(found.details).toHaveLength(4);
    expect([found.details[0]!.length, found.details[0]![2]]).toEqual([8, 70_000]);
  });

  it('options that there are not are refused', async () => {
    const any = datasets as unknown as Record<string, { open: Open }>;
    for (const [name, options] of [
      ['SVHN', { split: 'val' }],
      ['EMNIST', {}],
      ['DTD', { partition: 11 }],
      ['STL10', { folds: 10 }],
      ['VOCDetection', { imageSet: 'test' }],
      ['QMNIST', { what: 'nist' }],
      ['FGVCAircraft', { annotationLevel: 'wing' }],
      ['Food101', 3],
    ] as const)
      await expect(any[name]!.open(scratch, options)).rejects.toThrow(ArgumentError);
  });
});

describe('the command line recognises', () => {
  const KINDS: Readonly<Record<string, readonly [kind: string, parts: string]>> = {
    MNIST: ['MNIST', 'train,test'],
    FashionMNIST: ['FashionMNIST', 'train,test'],
    KMNIST: ['KMNIST', 'train,test'],
    EMNIST: ['EMNIST byclass', 'train,test'],
    QMNIST: ['QMNIST', 'train,test'],
    CIFAR10: ['CIFAR-10', 'train,test'],
    CIFAR100: ['CIFAR-100', 'train,test'],
    SVHN: ['SVHN', 'train,test'],
    STL10: ['STL-10', 'train,test'],
    Flowers102: ['Flowers102', 'train,valid,test'],
    OxfordIIITPet: ['Oxford-IIIT Pet', 'train,test'],
    Food101: ['Food-101', 'train,test'],
    GTSRB: ['GTSRB', 'train,test'],
    DTD: ['DTD', 'train'],
    Caltech101: ['Caltech 101', 'all'],
    EuroSAT: ['image folder', 'all'],
    Country211: ['image folder', 'test,train,valid'],
    FGVCAircraft: ['FGVC-Aircraft', 'train'],
    ImageNet: ['ImageNet', 'train,valid'],
  };

  it.each(Object.entries(KINDS))('%s', async (name, [kind, parts]) => {
    const source = await openData(unpacked(sets.find((set) => set.name === name)!));
    expect([source.kind, [...source.splits.keys()].join()]).toEqual([kind, parts]);
    expect((await source.splits.values().next().value!()).length).toBeGreaterThan(0);
  });

  it('EMNIST under MNIST’s names, by its labels', async () => {
    const root = unpacked(sets.find(({ name }) => name === 'EMNIST')!);
    const raw = join(root, 'EMNIST/raw');
    for (const [split, expected] of [
      ['letters', 'EMNIST letters'],
      ['balanced', 'EMNIST balanced'],
      ['byclass', 'EMNIST byclass'],
    ] as const) {
      const folder = join(root, `my-emnist-${split}`);
      mkdirSync(folder);
      for (const what of ['images-idx3', 'labels-idx1'])
        writeFileSync(join(folder, `train-${what}-ubyte`), readFileSync(join(raw, `emnist-${split}-train-${what}-ubyte`)));
      const source = await openData(folder);
      expect([source.kind, [...source.splits.keys()]]).toEqual([expected, ['train']]);
      expect((await source.splits.get('train')!()).targets[0]).toBe(1);
    }
  });
});

describe('damaged files are refused', () => {
  const treeOf = (name: string): string => unpacked(sets.find((set) => set.name === name)!);

  it.each([
    ['CIFAR10', 'cifar-10-batches-py/data_batch_2', /CIFAR10|pickle/],
    ['SVHN', 'train_32x32.mat', /MAT|SVHN/],
    ['STL10', 'stl10_binary/train_X.bin', /expected a multiple of 27648/],
    ['Food101', 'food-101/meta/train.json', /is no JSON|damaged/],
    ['Flowers102', 'flowers-102/setid.mat', /MAT/],
  ])('%s: %s', async (name, file, message) => {
    const root = treeOf(name);
    const bytes = readFileSync(join(root, file));
    writeFileSync(join(root, file), bytes.subarray(0, bytes.length - 5));
    const { open } = (datasets as unknown as Record<string, { open: Open }>)[name]!;
    await expect(open(root)).rejects.toThrow(FormatError);
    await expect(open(root)).rejects.toThrow(message);
  });

  it('an image that a list names and nobody has', async () => {
    const root = treeOf('DTD');
    rmSync(join(root, 'dtd/dtd/images/banded/banded_1.jpg'));
    await expect(vision.DTD.open(root)).rejects.toThrow(/the image "dtd\/dtd\/images\/banded\/banded_1.jpg" is not in/);
  });

  it('XML and MATLAB files, whatever bytes are changed', async () => {
    for (const [document, message] of [
      ['<a><b></a>', /closes nothing/],
      ['<a>', /not closed/],
      ['hello', /outermost/],
      ['<a/><b/>', /outermost/],
    ] as const)
      expect(() => parseXml(document, 'x')).toThrow(message);
    expect(parseXml('<?xml?><a x="1"><!-- <b> --><b/>1 &lt; 2 &#65;<![CDATA[<c>]]></a>', 'x')).toMatchObject({
      text: '1 < 2 A<c>',
      children: [{ tag: 'b' }],
    });
    const bytes = new Uint8Array(readFileSync(join(treeOf('SVHN'), 'train_32x32.mat')));
    for (let i = 0; i < 300; i++) {
      const copy = new Uint8Array(bytes);
      copy[(i * 7919) % 400] = (i * 31) & 255;
      let error: unknown;
      try {
        readMat(copy, 'x');
      } catch (thrown) {
        error = thrown;
      }
      if (error !== undefined) expect(error).toBeInstanceOf(FormatError);
    }
    await Promise.resolve();
  });
});
