/**
 * DTD: 5,640 photos of textures
 * (https://pytorch.org/vision/stable/generated/torchvision.datasets.DTD.html).
 */
import { OPTIONS, requireKind, show } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import type { FileSource } from '../../io/archive/open-files.ts';
import type { Image } from '../../io/image/image.ts';
import { provide, type Needed } from './download.ts';
import { ImageDataset } from './image-dataset.ts';
import { byCodePoint } from './folder-tree.ts';
import type { SetOptions } from './labelled-set.ts';
import { requireChoice, SetFiles } from './set-files.ts';

const SPLITS = ['train', 'val', 'test'] as const;
const NEEDED: Needed = {
  folder: 'dtd',
  resources: [
    {
      name: 'dtd-r1.0.1.tar.gz',
      md5: 'fff73e5086ae6bdbea199a49dfb8a4c1',
      urls: ['https://www.robots.ox.ac.uk/~vgg/data/dtd/download/dtd-r1.0.1.tar.gz'],
    },
  ],
  present: ['dtd/dtd'],
  unpack: true,
};

/** Options of {@link DTD.open}. */
export interface DtdOptions<O, T = number> extends SetOptions<O, T> {
  /** Which part, default `'train'`. */
  readonly split?: (typeof SPLITS)[number];
  /** Which of the ten divisions, 1 (default) to 10. */
  readonly partition?: number;
}

/** Photos of 47 textures, divided in ten ways. Open them with {@link DTD.open}. */
export class DTD<O = Image, T = number> extends ImageDataset<O, T> {
  /**
   * Opens a folder that holds `dtd/dtd/labels` and `dtd/dtd/images`, or a folder within, or an archive of one.
   *
   * @throws {@link ArgumentError} when there is nothing at the path, or an option has no such value
   * @throws {@link FormatError} when files are missing or damaged, or cannot be fetched
   */
  static async open<O = Image, T = number>(root: FileSource, options: DtdOptions<O, T> = {}): Promise<DTD<O, T>> {
    requireKind('DTD.open', 'options', options, OPTIONS);
    const split = requireChoice('DTD.open', 'split', options.split ?? 'train', SPLITS);
    const { partition = 1 } = options;
    if (!Number.isInteger(partition) || partition < 1 || partition > 10)
      throw new ArgumentError(`DTD.open: expected a partition from 1 to 10, but got ${show(partition)}`);
    await provide('DTD', root, options, NEEDED);
    const set = await SetFiles.open('DTD', root, /(^|\/)(labels\/(train|val|test)\d+\.txt|images\/.*\.jpg)$/);
    const file = `labels/${split}${partition}.txt`;
    const prefix = set.prefix(file);
    const names = set.lines(prefix + file);
    const textures = names.map((name) => name.split('/')[0]!);
    const classes = [...new Set(textures)].sort(byCodePoint);
    const images = set.images(
      names.map((name) => `${prefix}images/${name}`),
      options.maxPixels,
    );
    return new DTD(
      images,
      textures.map((texture) => classes.indexOf(texture)),
      classes,
      options,
    );
  }
}
