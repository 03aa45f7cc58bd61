import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FormatError } from '../../src/base/errors.ts';
import { layoutOf } from '../../src/train/layout.ts';
import { openData, type DataSource } from '../../src/train/open-data.ts';
import { readImages } from '../../src/train/image-set.ts';
import { prepareData } from '../../src/train/prepare.ts';
import { FolderTree } from '../../src/vision/datasets/folder-tree.ts';
import { parseTable, tableText } from '../../src/vision/datasets/label-table.ts';
import { ImageFolder, LabelledImages, ToTensor } from '../../src/vision/index.ts';

const scratch = mkdtempSync(join(tmpdir(), 'flambeau-folders-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const ppm = (value: number): Uint8Array =>
  new Uint8Array([...new TextEncoder().encode('P6 8 8 255 '), ...new Array<number>(192).fill(value)]);

let counter = 0;
/** A folder with images (`.png` and the like, whose bytes are a PPM file) and texts. */
function tree(files: readonly (string | readonly [string, string])[]): string {
  const root = join(scratch, String(counter++));
  mkdirSync(root);
  files.forEach((file, i) => {
    const [name, text] = typeof file === 'string' ? [file, undefined] : file;
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text ?? ppm(i));
  });
  return root;
}

const many = (folder: string, ...names: string[]): string[] => names.flatMap((name) => [1, 2, 3].map((i) => `${folder}${name}/${i}.jpg`));

/** The classes and the number of images of each part. */
async function partsOf(source: DataSource): Promise<Record<string, [string[], number]>> {
  const parts: Record<string, [string[], number]> = {};
  for (const [split, open] of source.splits) {
    const images = await open();
    parts[split] = [[...images.classes], images.length];
  }
  return parts;
}

const opened = async (
  files: readonly (string | readonly [string, string])[],
): Promise<[Record<string, [string[], number]>, readonly string[]]> => {
  const source = await openData(tree(files));
  return [await partsOf(source), source.notes];
};

const PETS: [string[], number] = [['cats', 'dogs'], 6];

describe('what systems and programs leave', () => {
  const LEFT = ['.DS_Store', 'Thumbs.db', 'cats/._1.jpg', '__MACOSX/cats/._1.jpg', '.ipynb_checkpoints/1.png', '.thumbnails/a.jpg', 'dogs/thumbnails/1.jpg', 'dogs/desktop.ini', '@eaDir/1.jpg']; // prettier-ignore

  it('is passed over and counted, in a folder and in archives', async () => {
    const root = tree([...many('', 'cats', 'dogs'), ...LEFT, ['cats/notes.txt', 'hello']]);
    execFileSync('tar', ['-C', root, '-czf', `${root}.tar.gz`, '.']);
    for (const place of [root, `${root}.tar.gz`]) {
      const source = await openData(place);
      expect(await partsOf(source)).toEqual({ all: PETS });
      expect(source.notes.join()).toMatch(/^9 hidden files and folders are passed over \(.*\)$/);
      const { passedOver } = await ImageFolder.open(place);
      expect([passedOver.hidden, passedOver.other]).toEqual([9, 1]);
      expect(passedOver.examples).toHaveLength(5);
    }
  });
});

describe('parts', () => {
  it.each([
    ['training_set/', 'test_set/', 'test'],
    ['seg_train/', 'seg_test/', 'test'],
    ['Train/', 'Validation/', 'valid'],
    ['TRAIN/', 'dev/', 'valid'],
    ['train2017/', 'val2017/', 'valid'],
    ['training/', 'eval/', 'valid'],
    ['images-train/', 'images-valid/', 'valid'],
    ['dataset/dataset/train/', 'dataset/dataset/testing/', 'test'],
    ['train/train/', 'test/test/', 'test'],
  ])('are %s and %s', async (train, other, name) => {
    const [parts] = await opened([...many(train, 'cats', 'dogs'), ...many(other, 'cats', 'dogs')]);
    expect(parts).toEqual({ train: PETS, [name]: PETS });
  });

  it('are three, of which evaluation is what there is no other folder for', async () => {
    const [parts] = await opened(['train/', 'val/', 'eval/'].flatMap((part) => many(part, 'cats', 'dogs')));
    expect(Object.keys(parts).sort()).toEqual(['test', 'train', 'valid']);
  });

  it('are not what one folder among others is called', async () => {
    expect((await opened(many('', 'bus', 'train', 'tram')))[0]).toEqual({ all: [['bus', 'train', 'tram'], 9] });
    expect((await opened(many('', 'trains', 'tests')))[0]).toEqual({ all: [['tests', 'trains'], 6] });
  });

  it('without classes are passed over, and so is what lies beside parts', async () => {
    const [parts, notes] = await opened([...many('train/', 'cats', 'dogs'), 'test/1.jpg', 'test/2.jpg', 'extra/1.jpg']);
    expect(parts).toEqual({ train: PETS });
    expect(notes).toEqual([
      '"extra" is passed over: beside the parts "test", "train", not in them',
      'the part "test" has images but no classes, so it is passed over',
    ]);
    // One folder that is no class is no class either.
    const [again, more] = await opened([...many('train/', 'cats', 'dogs'), ...many('test/', 'unknown')]);
    expect([Object.keys(again), more.length]).toEqual([['train'], 1]);
  });

  it('without images are passed over', async () => {
    const root = tree(many('train/', 'cats', 'dogs'));
    mkdirSync(join(root, 'val', 'cats'), { recursive: true });
    const source = await openData(root);
    expect(await partsOf(source)).toEqual({ train: PETS });
    expect(source.notes).toEqual(['the part "val" has no images, so it is passed over']);
  });

  it('cannot be two folders', async () => {
    const same = [...many('train/', 'cats', 'dogs'), ...many('training/', 'cats', 'dogs')];
    await expect(openData(tree(same))).rejects.toThrow(FormatError);
    await expect(openData(tree(same))).rejects.toThrow(/"train", "training" are both the part 'train'/);
  });

  it('have their classes compared before any image is decoded', async () => {
    const files = [...many('train/', 'cats', 'dogs', 'frogs'), ...many('val/', 'cats', 'dogs')];
    const root = tree([...files, ['train/cats/0.jpg', 'no image at all']]);
    const reads: string[] = [];
    const options = {
      batchSize: 2,
      validSize: 0.2,
      augmentation: undefined,
      workers: 0,
      onRead: (split: string) => void reads.push(split),
    };
    await expect(prepareData(await openData(root), options)).rejects.toThrow(
      /the part 'valid' has the classes cats, dogs, but 'train' has cats, dogs, frogs/,
    );
    expect(reads).toEqual([]);
  });
});

describe('folders in folders', () => {
  it('are gone into', async () => {
    const [parts, notes] = await opened([...many('dataset/dataset/', 'cats', 'dogs'), ['README.md', '']]);
    expect([parts, notes]).toEqual([{ all: PETS }, ['the images are in its folder "dataset/dataset"']]);
    // A class may have folders of its own.
    const [nested] = await opened([...many('cats/', 'indoors', 'outdoors'), ...many('', 'dogs')]);
    expect(nested).toEqual({ all: [['cats', 'dogs'], 9] });
  });

  it('are found by their names alone', () => {
    const names = ['a/b/x/1.png', 'a/b/y/1.png', 'a/b/1.png', 'a/b/2.png'];
    const { parts, flat, notes } = layoutOf(new FolderTree(names, ['a/empty'], () => true), 'it');
    expect([[...parts], [...flat]]).toEqual([[['all', 'a/b']], []]);
    expect(notes).toEqual(['the images are in its folder "a/b"', '2 images beside the class folders are passed over']);
  });
});

describe('tables of labels', () => {
  const IMAGES = ['images/a.jpg', 'images/b.jpg', 'images/c.png', 'images/d.png'];

  it.each([
    ['with a header', 'labels.csv', 'id,label\na.jpg,cat\nb.jpg,dog\nc.png,cat\nd.png,dog\n'],
    ['without endings', 'labels.csv', '\ufeffid;breed\r\na;cat\r\nb;dog\r\nc;"cat"\r\nd;dog'],
    ['without a header', 'y.tsv', 'a.jpg\tcat\nb.jpg\tdog\nc.png\tcat\nd.png\tdog\n'],
    ['with a column for each class', 'train.csv', 'image,cat,dog\na,1,0\nb,0,1\nc,1.0,0.0\nd,0,1\n'],
    [
      'with numbered rows and more columns',
      'x.csv',
      ',file,age,label\n0,images/a.jpg,3,cat\n1,images/b.jpg,3,dog\n2,images/c.png,4,cat\n3,images/d.png,4,dog\n',
    ],
  ])('%s', async (_, name, text) => {
    const root = tree([...IMAGES, [name, text]]);
    const source = await openData(root);
    expect([source.kind, await partsOf(source)]).toEqual(['images with a table of labels', { all: [['cat', 'dog'], 4] }]);
    const images = await LabelledImages.open(root, { table: name });
    expect(images.samples).toEqual(IMAGES.map((path, i) => [path, i % 2]));
    expect(images.image(1).data[0]).toBe(1);
  });

  it('in UTF-16, as spreadsheets write them', () => {
    const text = 'id;label\na;grün\n';
    const little = new Uint8Array(Uint16Array.from(`\ufeff${text}`, (c) => c.charCodeAt(0)).buffer);
    const big = little.map((_, i) => little[i ^ 1]!);
    const plain = new TextEncoder().encode(`\ufeff${text}`);
    for (const bytes of [little, big, plain])
      expect(parseTable(tableText(bytes))).toEqual([
        ['id', 'label'],
        ['a', 'grün'],
      ]);
  });

  it('that name images which are not there say so', async () => {
    const one = tree([...IMAGES, ['l.csv', 'id,label\na,cat\nb,dog\nc,cat\nd,dog\ngone,dog\n']]);
    expect((await openData(one)).notes).toEqual(['1 row of "l.csv" names an image that is not there: "gone"']);
    expect((await LabelledImages.open(one)).absent).toEqual(['gone']);
    const more = tree([...IMAGES, ['l.csv', 'id,label\na,cat\nb,dog\nw,x\nx,x\ny,x\nz,x\n']]);
    expect((await openData(more)).notes).toEqual([
      '4 rows of "l.csv" name images that are not there: "w", "x", "y", …',
      '2 images are in no row of "l.csv"',
    ]);
  });

  it('for parts, in folders or in files', async () => {
    const folders = [
      'train/a.jpg',
      'train/b.jpg',
      'test/c.jpg',
      ['labels.csv', 'id,label\na,10\nb,9\n'],
      ['sample_submission.csv', 'id,label\nc,0\n'],
    ] as const;
    const [parts, notes] = await opened(folders);
    expect(parts).toEqual({ train: [['9', '10'], 2] });
    expect(notes).toEqual(['the part "test" has images but no classes, so it is passed over']);
    const files = ['a.jpg', 'b.jpg', 'c.jpg', ['train.csv', 'a,x\nb,y\n'], ['test.csv', 'c,x\n']] as const;
    expect((await opened(files))[0]).toEqual({ train: [['x', 'y'], 2], test: [['x'], 1] });
  });

  it('are refused where they contradict themselves, do not say, or are not there', async () => {
    const twice = tree([...IMAGES, ['l.csv', 'a,cat\nb,dog\na,dog\n']]);
    await expect(openData(twice)).rejects.toThrow(/"l.csv": the image "a" has two labels, "cat" and "dog"/);
    const unclear = tree([...IMAGES, ['l.csv', 'id,colour,size\na,red,2\nb,blue,3\n']]);
    await expect(openData(unclear)).rejects.toThrow(/which column has the labels: "colour", "size"; call it 'label'/);
    await expect(openData(tree(['1.jpg', '2.jpg']))).rejects.toThrow(
      /has 2 images, but nothing says which class they are; expected one folder/,
    );
    const other = tree([...IMAGES, ['l.csv', 'x,1\ny,2\n']]);
    await expect(LabelledImages.open(other)).rejects.toThrow(/4 images, but none of the images in l.csv/);
    await expect(LabelledImages.open(other, { table: 'no.csv' })).rejects.toThrow(/has no table "no.csv"/);
  });
});

describe('names', () => {
  it('that look the same are one class', async () => {
    const [parts] = await opened([...many('', 'caf\u00e9'), 'cafe\u0301/4.jpg', 'cafe\u0301/5.jpg', ...many('', 'bar')]);
    expect(parts).toEqual({ all: [['bar', 'caf\u00e9'], 8] });
  });

  it.skipIf(process.platform !== 'linux')('that are not UTF-8 are read', async () => {
    const root = tree(many('', 'cats', 'dogs'));
    const odd = (text: string): Buffer => Buffer.from(join(root, text), 'latin1');
    renameSync(join(root, 'cats', '1.jpg'), odd('cats/\xfc\x1b[31m.jpg'));
    renameSync(join(root, 'dogs'), odd('h\xfcnde'));
    execFileSync('tar', ['-C', root, '-cf', `${root}.tar`, '.']);
    for (const place of [root, `${root}.tar`]) {
      const images = await ImageFolder.open(place);
      expect(images.classes).toEqual(['cats', 'h\udcfcnde']);
      expect(images.samples[2]![0]).toBe('cats/\udcfc\u001b[31m.jpg');
      for (let i = 0; i < 6; i++) expect(images.image(i).width).toBe(8);
    }
  });
});

describe('images that cannot be read', () => {
  const plain = { batchSize: 4, validSize: 0.25, augmentation: undefined, workers: 0 };
  const JXL = '\0\0\0\x0cJXL ';
  const files = [...many('', 'cats', 'dogs'), ...many('', 'frogs')];

  it('are passed over, named and counted, up to a part of all', async () => {
    const root = tree([...files, ['cats/0.jxl', JXL], ['dogs/x.jpg', '']]);
    const source = await openData(root);
    await expect(prepareData(source, plain)).rejects.toThrow(FormatError);
    await expect(prepareData(source, plain)).rejects.toThrow(
      /2 of 11 images cannot be read, more than 10 %: "cats\/0.jxl": it is a JPEG XL image.*; "dogs\/x.jpg": it is an empty file.*--max-unreadable/,
    );
    const { counts, unreadable, train, valid } = await prepareData(source, { ...plain, maxUnreadable: 0.2 });
    expect(counts).toEqual({ train: 7, valid: 2, test: 0 });
    expect([...unreadable].map(([part, found]) => [part, found.map(({ name }) => name)])).toEqual([['all', ['cats/0.jxl', 'dogs/x.jpg']]]);
    const labels: number[] = [];
    for (const loader of [train, valid]) for await (const batch of loader) labels.push(...(batch[1]!.tolist() as number[]));
    expect(labels.map(Number).sort()).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2]);
  });

  it('may not be all of a class', async () => {
    const root = tree([...files, ['birds/1.jpg', '<html>']]);
    const made = prepareData(await openData(root), plain);
    await expect(made).rejects.toThrow(/no image of the class "birds" can be read: "birds\/1.jpg": it is a web page/);
    const none = tree([
      ['a/1.png', 'x'],
      ['b/1.png', 'y'],
    ]);
    await expect(prepareData(await openData(none), plain)).rejects.toThrow(/none of the 2 images can be read/);
  });

  it('are told by their first bytes where a set is too large to be kept', async () => {
    const root = tree([...files, ['cats/0.jxl', JXL]]);
    const source = await openData(root);
    const open = source.splits.get('all')!;
    const set = await readImages(await open(), open, { height: 20_000, width: 20_000 }, { workers: 0 });
    expect([set.length, set.unreadable.map(({ name }) => name)]).toEqual([9, ['cats/0.jxl']]);
    expect((await set.dataset(new ToTensor())).length).toBe(9);
  });
});

const cases = resolve(import.meta.dirname, '../../../shared/cases/photos');
describe.runIf(existsSync(cases))('folders that people had', () => {
  it.each([
    ['sc_appledouble', 'all', 24],
    ['sc_hiddencls', 'all', 24],
    ['sc_ipynb', 'all', 24],
    ['sc_macosx', 'all', 24],
    ['sc_jfif', 'all', 24],
    ['mac', 'all', 24],
    ['sc_wrapped', 'all', 20],
    ['sc_split_seg', 'test,train', 40],
    ['sc_split_sets', 'test,train', 40],
    ['sc_split_unlabelled', 'train', 40],
  ])('%s', async (name, splits, count) => {
    const source = await openData(join(cases, `${name}.tar.gz`));
    expect([...source.splits.keys()].sort().join()).toBe(splits);
    const images = await [...source.splits].find(([split]) => split !== 'test')![1]();
    expect([images.classes, images.length]).toEqual([['cats', 'dogs'], count]);
    for (let i = 0; i < images.length; i += 7) expect(images.image(i).channels).toBe(3);
  });
});
