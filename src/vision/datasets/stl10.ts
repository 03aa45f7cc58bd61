/** STL-10: 96×96 colour pictures of ten classes, and many without (https://pytorch.org/vision/stable/generated/torchvision.datasets.STL10.html). */
import { OPTIONS, requireKind } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { sharedBytes } from '../../io/archive/file-set.ts';
import type { FileSource } from '../../io/archive/open-files.ts';
import type { Image } from '../../io/image/image.ts';
import { provide, type DownloadOptions } from './download.ts';
import { ImageDataset, type ImageDatasetOptions } from './image-dataset.ts';
import { placeOf } from './mnist-files.ts';
import { requireChoice, SetFiles } from './set-files.ts';
import { PixelSource } from './source.ts';

const CLASSES = ['airplane', 'bird', 'car', 'cat', 'deer', 'dog', 'horse', 'monkey', 'ship', 'truck'];
const SIDE = 96;
const RECORD = 3 * SIDE * SIDE;
const SPLITS = ['train', 'train+unlabeled', 'unlabeled', 'test'] as const;
const ARCHIVE = {
  name: 'stl10_binary.tar.gz',
  md5: '91f7769df0f17e558f3565bffb0c7dfb',
  urls: ['http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz'],
};

/** Options of {@link STL10.open}. */
export interface Stl10Options<O, T = number> extends ImageDatasetOptions<O, T>, DownloadOptions {
  /** Which pictures, default `'train'`; those without a label have the class -1. */
  readonly split?: (typeof SPLITS)[number];
  /** Only the pictures of one of the ten folds for training, 0 to 9. */
  readonly folds?: number;
}

/** Pictures of ten classes. Open them with {@link STL10.open}. */
export class STL10<O = Image, T = number> extends ImageDataset<O, T> {
  /**
   * Opens the files `train_X.bin` and `train_y.bin` (or those of `test` and `unlabeled`) in a folder, in its folder `stl10_binary`, or in the
   * archive `stl10_binary.tar.gz`.
   *
   * @throws {@link ArgumentError} when there is nothing at the path, or no such split or fold
   * @throws {@link FormatError} when a file is missing or damaged, or cannot be fetched
   */
  static async open<O = Image, T = number>(root: FileSource, options: Stl10Options<O, T> = {}): Promise<STL10<O, T>> {
    requireKind('STL10.open', 'options', options, OPTIONS);
    const split = requireChoice('STL10.open', 'split', options.split ?? 'train', SPLITS);
    const { folds } = options;
    if (folds !== undefined && !(Number.isInteger(folds) && folds >= 0 && folds < 10))
      throw new ArgumentError(`STL10.open: expected folds from 0 to 9, but got ${folds}`);
    await provide('STL10', root, options, {
      folder: '',
      resources: [ARCHIVE],
      present: ['stl10_binary'],
      unpack: true,
    });
    const names = split === 'train+unlabeled' ? ['train', 'unlabeled'] : [split];
    const wanted = new RegExp(`(^|/)((${names.join('|')})_[Xy]\\.bin|class_names\\.txt|fold_indices\\.txt)$`);
    const set = await SetFiles.open('STL10', root, wanted);
    const prefix = set.prefix(`${names[0]!}_X.bin`);
    const parts = names.map((name) => readPart(set, prefix, name, name === 'train' ? folds : undefined));
    const pixels = sharedBytes(parts.reduce((sum, part) => sum + part.rows.length * RECORD, 0));
    let at = 0;
    for (const { planes, rows } of parts)
      for (const row of rows) upright(planes.subarray(row * RECORD, (row + 1) * RECORD), pixels, RECORD * at++);
    const source = new PixelSource('STL-10 picture', { width: SIDE, height: SIDE, channels: 3 }, pixels, placeOf(root));
    const classes = set.has(`${prefix}class_names.txt`) ? set.lines(`${prefix}class_names.txt`) : CLASSES;
    return new STL10(
      source,
      parts.flatMap((part) => part.labels),
      classes,
      options,
    );
  }
}

interface Part {
  readonly planes: Uint8Array;
  /** Which pictures, and the class of each. */
  readonly rows: readonly number[];
  readonly labels: readonly number[];
}

function readPart(set: SetFiles, prefix: string, name: string, fold: number | undefined): Part {
  const planes = set.bytes(`${prefix}${name}_X.bin`);
  if (planes.length === 0 || planes.length % RECORD !== 0)
    throw set.damaged(`${name}_X.bin`, `it has ${planes.length} bytes, expected a multiple of ${RECORD}`);
  const count = planes.length / RECORD;
  const labels = name === 'unlabeled' ? undefined : set.bytes(`${prefix}${name}_y.bin`);
  if (labels !== undefined && labels.length !== count)
    throw set.damaged(`${name}_y.bin`, `it has ${labels.length} labels for ${count} pictures`);
  if (labels?.some((label) => label < 1 || label > 10) === true) throw set.damaged(`${name}_y.bin`, 'a label is not 1 to 10');
  const rows = fold === undefined ? Array.from({ length: count }, (_, i) => i) : foldRows(set, prefix, fold, count);
  return { planes, rows, labels: rows.map((row) => (labels === undefined ? -1 : labels[row]! - 1)) };
}

function foldRows(set: SetFiles, prefix: string, fold: number, count: number): number[] {
  const name = 'fold_indices.txt';
  const rows = (set.lines(prefix + name)[fold] ?? '').split(/\s+/).filter(Boolean).map(Number);
  if (rows.length === 0 || !rows.every((row) => Number.isInteger(row) && row >= 0 && row < count))
    throw set.damaged(name, `line ${fold} has no numbers of pictures`);
  return rows;
}

/** Planes whose columns come before their rows, to pixels. */
function upright(planes: Uint8Array, out: Uint8Array, from: number): void {
  for (let c = 0; c < 3; c++)
    for (let column = 0; column < SIDE; column++)
      for (let row = 0; row < SIDE; row++) out[from + (row * SIDE + column) * 3 + c] = planes[(c * SIDE + column) * SIDE + row]!;
}
