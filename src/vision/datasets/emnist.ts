/**
 * EMNIST: 28×28 grey pictures of handwritten letters and digits in six splits
 * (https://pytorch.org/vision/stable/generated/torchvision.datasets.EMNIST.html). The pictures lie on their sides, mirrored, as in the files
 * and in torchvision.
 */
import { OPTIONS, requireKind } from '../../base/arguments.ts';
import { extractArchive } from '../../io/archive/extract.ts';
import type { FileSource } from '../../io/archive/open-files.ts';
import { nodeModule } from '../../io/bytes/platform.ts';
import type { Image } from '../../io/image/image.ts';
import { fetchResource } from './download.ts';
import { ImageDataset, type ImageDatasetOptions } from './image-dataset.ts';
import { findIdx, placeOf, provideRaw, readPair, type MnistOptions } from './mnist-files.ts';
import { requireChoice } from './set-files.ts';

const RANGE = (from: string, to: string): string[] =>
  Array.from({ length: to.charCodeAt(0) - from.charCodeAt(0) + 1 }, (_, i) => String.fromCharCode(from.charCodeAt(0) + i));
const [DIGITS, UPPER, LOWER] = [RANGE('0', '9'), RANGE('A', 'Z'), RANGE('a', 'z')];
/** Letters whose capitals look the same. */
const MERGED = new Set('cijklmopsuvwxyz');
const SOME_LOWER = LOWER.filter((letter) => !MERGED.has(letter));

/** The names of the classes in each split. */
const SPLIT_CLASSES = {
  byclass: [...DIGITS, ...UPPER, ...LOWER],
  bymerge: [...DIGITS, ...UPPER, ...SOME_LOWER],
  balanced: [...DIGITS, ...UPPER, ...SOME_LOWER],
  letters: ['N/A', ...LOWER],
  digits: DIGITS,
  mnist: DIGITS,
} as const satisfies Record<string, readonly string[]>;

/** A way to divide EMNIST. */
export type EmnistSplit = keyof typeof SPLIT_CLASSES;
/** All of them. */
export const EMNIST_SPLITS = Object.keys(SPLIT_CLASSES) as readonly EmnistSplit[];

const ARCHIVE = {
  name: 'gzip.zip',
  md5: '58c8d27c78d21e728a6bc7b3cc06412e',
  urls: ['https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip'],
};

/** Options of {@link EMNIST.open}. */
export interface EmnistOptions<O, T = number> extends MnistOptions<O, T> {
  readonly split: EmnistSplit;
}

/** Letters and digits, as images of one channel. Open them with {@link EMNIST.open} or {@link EMNIST.fromFiles}. */
export class EMNIST<O = Image, T = number> extends ImageDataset<O, T> {
  /**
   * Opens the files `emnist-SPLIT-train-images-idx3-ubyte` and `emnist-SPLIT-train-labels-idx1-ubyte` (or those with `test`), with or without
   * `.gz`, in a folder or an archive, or in its folder `EMNIST/raw`, where torchvision puts them.
   *
   * @throws {@link ArgumentError} when there is no such folder, file or split
   * @throws {@link FormatError} when a file is damaged, they do not fit together, or they cannot be fetched
   */
  static async open<O = Image, T = number>(root: FileSource, options: EmnistOptions<O, T>): Promise<EMNIST<O, T>> {
    requireKind('EMNIST.open', 'options', options, OPTIONS, "write { split: 'letters' }");
    requireChoice('EMNIST.open', 'split', options.split, EMNIST_SPLITS);
    const stem = `emnist-${options.split}-${options.train === false ? 'test' : 'train'}`;
    const names = { images: `${stem}-images-idx3-ubyte`, labels: `${stem}-labels-idx1-ubyte` };
    await provideEmnist(root, options, Object.values(names));
    const { images, labels } = await findIdx('EMNIST', root, names);
    return EMNIST.fromFiles(images, labels, options, placeOf(root));
  }

  /**
   * Makes the data set of the contents of two files, for browsers.
   *
   * @param images - the IDX file of pictures, plain or compressed
   * @param labels - the IDX file of their classes
   * @throws {@link FormatError} when a file is damaged, or they do not fit together
   */
  static async fromFiles<O = Image, T = number>(
    images: Uint8Array,
    labels: Uint8Array,
    options: ImageDatasetOptions<O, T> & { readonly split: EmnistSplit },
    place?: string,
  ): Promise<EMNIST<O, T>> {
    requireKind('EMNIST.fromFiles', 'options', options, OPTIONS, "write { split: 'letters' }");
    const classes = SPLIT_CLASSES[requireChoice('EMNIST.fromFiles', 'split', options.split, EMNIST_SPLITS)];
    const { source, targets } = await readPair('EMNIST', images, labels, classes.length, place);
    return new EMNIST(source, targets, classes, options);
  }
}

/** One archive has all splits; its files are unpacked to where torchvision has them. */
async function provideEmnist(root: FileSource, options: EmnistOptions<unknown, unknown>, names: readonly string[]): Promise<void> {
  const packed = names.map((name) => `${name}.gz`);
  await provideRaw('EMNIST', root, options, []); // checks the options
  if (options.download !== true || typeof root !== 'string') return;
  const fs = nodeModule('fs', 'EMNIST: download', 'fetch the files yourself');
  const raw = `${root}/EMNIST/raw`;
  const there = (files: readonly string[]): boolean => files.every((name) => fs.existsSync(`${raw}/${name}`));
  if (there(names) || there(packed)) return;
  fs.mkdirSync(raw, { recursive: true });
  const archive = await fetchResource('EMNIST', raw, ARCHIVE, options);
  await extractArchive(archive, raw);
  for (const name of fs.readdirSync(`${raw}/gzip`)) fs.renameSync(`${raw}/gzip/${name}`, `${raw}/${name}`);
  fs.rmSync(`${raw}/gzip`, { recursive: true });
}
