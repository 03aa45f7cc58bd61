/**
 * Food-101: 101,000 photos of dishes
 * (https://pytorch.org/vision/stable/generated/torchvision.datasets.Food101.html).
 */
import { isRecord, OPTIONS, requireKind } from '../../base/arguments.ts';
import type { FileSource } from '../../io/archive/open-files.ts';
import type { Image } from '../../io/image/image.ts';
import { provide, type Needed } from './download.ts';
import { ImageDataset } from './image-dataset.ts';
import { byCodePoint } from './folder-tree.ts';
import type { SetOptions } from './labelled-set.ts';
import { requireChoice, SetFiles } from './set-files.ts';

const SPLITS = ['train', 'test'] as const;
const NEEDED: Needed = {
  folder: '',
  resources: [
    {
      name: 'food-101.tar.gz',
      md5: '85eeb15f3717b99a5da872d97d918f87',
      urls: ['http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz'],
    },
  ],
  present: ['food-101/meta', 'food-101/images'],
  unpack: true,
};

/** Options of {@link Food101.open}. */
export interface Food101Options<O, T = number> extends SetOptions<O, T> {
  /** Which part, default `'train'`. */
  readonly split?: (typeof SPLITS)[number];
}

/** Photos of 101 dishes. Open them with {@link Food101.open}. */
export class Food101<O = Image, T = number> extends ImageDataset<O, T> {
  /**
   * Opens a folder that holds `food-101/meta/train.json` and `food-101/images`, or that folder itself, or an archive of either.
   *
   * @throws {@link ArgumentError} when there is nothing at the path, or an option has no such value
   * @throws {@link FormatError} when files are missing or damaged, or cannot be fetched
   */
  static async open<O = Image, T = number>(root: FileSource, options: Food101Options<O, T> = {}): Promise<Food101<O, T>> {
    requireKind('Food101.open', 'options', options, OPTIONS);
    const split = requireChoice('Food101.open', 'split', options.split ?? 'train', SPLITS);
    await provide('Food101', root, options, NEEDED);
    const set = await SetFiles.open('Food101', root, /(^|\/)(meta\/(train|test)\.json|images\/.*\.jpg)$/);
    const file = `meta/${split}.json`;
    const prefix = set.prefix(file);
    const { names, labels, classes } = readMeta(set, prefix + file);
    const images = set.images(
      names.map((name) => `${prefix}images/${name}.jpg`),
      options.maxPixels,
    );
    return new Food101(images, labels, classes, options);
  }
}

function readMeta(set: SetFiles, file: string): { names: string[]; labels: number[]; classes: string[] } {
  let meta: unknown;
  try {
    meta = JSON.parse(set.text(file));
  } catch {
    throw set.damaged(file, 'it is no JSON');
  }
  if (!isRecord(meta)) throw set.damaged(file, 'it is no list of classes');
  const classes = Object.keys(meta).sort(byCodePoint);
  const names: string[] = [];
  const labels: number[] = [];
  for (const [name, images] of Object.entries(meta)) {
    if (!Array.isArray(images) || !images.every((image): image is string => typeof image === 'string'))
      throw set.damaged(file, `${JSON.stringify(name)} has no list of images`);
    for (const image of images) {
      names.push(image);
      labels.push(classes.indexOf(name));
    }
  }
  return { names, labels, classes };
}
