/**
 * Country211: 63,300 photos by the country they were taken in
 * (https://pytorch.org/vision/stable/generated/torchvision.datasets.Country211.html).
 */
import { OPTIONS, requireKind } from '../../base/arguments.ts';
import type { FileSource } from '../../io/archive/open-files.ts';
import type { Image } from '../../io/image/image.ts';
import { provide, type Needed } from './download.ts';
import { ImageDataset } from './image-dataset.ts';
import { classFolders, folderPrefix, type SetOptions } from './labelled-set.ts';
import { requireChoice, SetFiles } from './set-files.ts';

const SPLITS = ['train', 'valid', 'test'] as const;
const NEEDED: Needed = {
  folder: '',
  resources: [
    {
      name: 'country211.tgz',
      md5: '84988d7644798601126c29e9877aab6a',
      urls: ['https://openaipublic.azureedge.net/clip/data/country211.tgz'],
    },
  ],
  present: ['country211'],
  unpack: true,
};

/** Options of {@link Country211.open}. */
export interface Country211Options<O, T = number> extends SetOptions<O, T> {
  /** Which part, default `'train'`. */
  readonly split?: (typeof SPLITS)[number];
}

/** Photos of 211 countries. Open them with {@link Country211.open}. */
export class Country211<O = Image, T = number> extends ImageDataset<O, T> {
  /**
   * Opens a folder that holds `country211/train` (or `valid` or `test`), or that folder itself, or an archive of either.
   *
   * @throws {@link ArgumentError} when there is nothing at the path, or an option has no such value
   * @throws {@link FormatError} when files are missing or damaged, or cannot be fetched
   */
  static async open<O = Image, T = number>(root: FileSource, options: Country211Options<O, T> = {}): Promise<Country211<O, T>> {
    requireKind('Country211.open', 'options', options, OPTIONS);
    const split = requireChoice('Country211.open', 'split', options.split ?? 'train', SPLITS);
    await provide('Country211', root, options, NEEDED);
    const set = await SetFiles.open('Country211', root, new RegExp(`(^|/)${split}/[^/]+/`));
    const { names, targets, classes } = classFolders(set, `${folderPrefix(set, split)}${split}/`);
    return new Country211(set.images(names, options.maxPixels), targets, classes, options);
  }
}
