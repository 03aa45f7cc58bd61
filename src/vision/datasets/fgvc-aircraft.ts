/**
 * FGVC-Aircraft: 10,000 photos of aircraft
 * (https://pytorch.org/vision/stable/generated/torchvision.datasets.FGVCAircraft.html).
 */
import { OPTIONS, requireKind } from '../../base/arguments.ts';
import type { FileSource } from '../../io/archive/open-files.ts';
import type { Image } from '../../io/image/image.ts';
import { provide, type Needed } from './download.ts';
import { ImageDataset } from './image-dataset.ts';
import type { SetOptions } from './labelled-set.ts';
import { indexOfNames, requireChoice, SetFiles } from './set-files.ts';

const SPLITS = ['train', 'val', 'trainval', 'test'] as const;
/** What the classes are, and the file of their names. */
const LEVELS = { variant: 'variants.txt', family: 'families.txt', manufacturer: 'manufacturers.txt' } as const;
const LEVEL_NAMES = Object.keys(LEVELS) as readonly (keyof typeof LEVELS)[];
const NEEDED: Needed = {
  folder: '',
  resources: [
    {
      name: 'fgvc-aircraft-2013b.tar.gz',
      urls: ['https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/archives/fgvc-aircraft-2013b.tar.gz'],
    },
  ],
  present: ['fgvc-aircraft-2013b'],
  unpack: true,
};

/** Options of {@link FGVCAircraft.open}. */
export interface AircraftOptions<O, T = number> extends SetOptions<O, T> {
  /** Which part, default `'trainval'`. */
  readonly split?: (typeof SPLITS)[number];
  /** What the classes are, default `'variant'`. */
  readonly annotationLevel?: keyof typeof LEVELS;
}

/** Photos of aircraft by variant, family or manufacturer. Open them with {@link FGVCAircraft.open}. */
export class FGVCAircraft<O = Image, T = number> extends ImageDataset<O, T> {
  /**
   * Opens a folder that holds `fgvc-aircraft-2013b/data`, or a folder within, or an archive of one.
   *
   * @throws {@link ArgumentError} when there is nothing at the path, or an option has no such value
   * @throws {@link FormatError} when files are missing or damaged, or cannot be fetched
   */
  static async open<O = Image, T = number>(root: FileSource, options: AircraftOptions<O, T> = {}): Promise<FGVCAircraft<O, T>> {
    requireKind('FGVCAircraft.open', 'options', options, OPTIONS);
    const op = 'FGVCAircraft.open';
    const split = requireChoice(op, 'split', options.split ?? 'trainval', SPLITS);
    const level = requireChoice(op, 'annotationLevel', options.annotationLevel ?? 'variant', LEVEL_NAMES);
    await provide('FGVCAircraft', root, options, NEEDED);
    const set = await SetFiles.open('FGVCAircraft', root, /(^|\/)(images\/\d+\.jpg|[a-z_]+\.txt)$/);
    const file = `images_${level}_${split}.txt`;
    const prefix = set.prefix(file);
    const classes = set.lines(prefix + LEVELS[level]);
    const index = indexOfNames(classes);
    const lines = set.lines(prefix + file).map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)] as const);
    const targets = lines.map(([, name]) => {
      const target = index.get(name);
      if (target === undefined) throw set.damaged(file, `${JSON.stringify(name)} is no ${level} of ${LEVELS[level]}`);
      return target;
    });
    const images = lines.map(([name]) => `${prefix}images/${name}.jpg`);
    return new FGVCAircraft(set.images(images, options.maxPixels), targets, classes, options);
  }
}
