/**
 * GTSRB: 51,839 photos of German traffic signs
 * (https://pytorch.org/vision/stable/generated/torchvision.datasets.GTSRB.html).
 */
import { OPTIONS, requireKind } from '../../base/arguments.ts';
import type { FileSource } from '../../io/archive/open-files.ts';
import type { Image } from '../../io/image/image.ts';
import { provide, type Needed, type Resource } from './download.ts';
import { ImageDataset } from './image-dataset.ts';
import { parseTable } from './label-table.ts';
import { classFolders, folderPrefix, type ClassFolders, type SetOptions } from './labelled-set.ts';
import { requireChoice, SetFiles } from './set-files.ts';

const SPLITS = ['train', 'test'] as const;
/** Torchvision has no names for them; their folders are called so. */
const CLASSES = Array.from({ length: 43 }, (_, i) => String(i).padStart(5, '0'));
const SITE = 'https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/';
const resource = (name: string, md5: string): Resource => ({ name, md5, urls: [`${SITE}${name}`] });
const NEEDED: Readonly<Record<(typeof SPLITS)[number], Needed>> = {
  train: {
    folder: 'gtsrb',
    resources: [resource('GTSRB-Training_fixed.zip', '513f3c79a4c5141765e10e952eaa2478')],
    present: ['gtsrb/GTSRB/Training'],
    unpack: true,
  },
  test: {
    folder: 'gtsrb',
    resources: [
      resource('GTSRB_Final_Test_Images.zip', 'c7e4e6327067d32654124b0fe9e82185'),
      resource('GTSRB_Final_Test_GT.zip', 'fe31e9c9270bbcd7b84b7f21a9d9d9e5'),
    ],
    present: ['gtsrb/GTSRB/Final_Test/Images', 'gtsrb/GT-final_test.csv'],
    unpack: true,
  },
};

/** Options of {@link GTSRB.open}. */
export interface GtsrbOptions<O, T = number> extends SetOptions<O, T> {
  /** Which part, default `'train'`. */
  readonly split?: (typeof SPLITS)[number];
}

/** Photos of 43 traffic signs. Open them with {@link GTSRB.open}. */
export class GTSRB<O = Image, T = number> extends ImageDataset<O, T> {
  /**
   * Opens a folder that holds `gtsrb/GTSRB/Training` (or `gtsrb/GTSRB/Final_Test/Images` and `gtsrb/GT-final_test.csv`), or a folder within,
   * or an archive of one.
   *
   * @throws {@link ArgumentError} when there is nothing at the path, or an option has no such value
   * @throws {@link FormatError} when files are missing or damaged, or cannot be fetched
   */
  static async open<O = Image, T = number>(root: FileSource, options: GtsrbOptions<O, T> = {}): Promise<GTSRB<O, T>> {
    requireKind('GTSRB.open', 'options', options, OPTIONS);
    const split = requireChoice('GTSRB.open', 'split', options.split ?? 'train', SPLITS);
    await provide('GTSRB', root, options, NEEDED[split]);
    const set = await SetFiles.open('GTSRB', root, /\.ppm$|(^|\/)GT-final_test\.csv$/);
    const { names, targets } = split === 'train' ? training(set) : testing(set);
    return new GTSRB(set.images(names, options.maxPixels), targets, CLASSES, options);
  }
}

type Signs = Pick<ClassFolders, 'names' | 'targets'>;

function training(set: SetFiles): Signs {
  const { names, targets, classes } = classFolders(set, `${folderPrefix(set, 'Training')}Training/`);
  const unknown = classes.find((name) => !CLASSES.includes(name));
  if (unknown !== undefined) throw set.damaged(unknown, 'it is no folder from 00000 to 00042');
  return { names, targets: targets.map((target) => CLASSES.indexOf(classes[target]!)) };
}

function testing(set: SetFiles): Signs {
  const file = `${set.prefix('GT-final_test.csv')}GT-final_test.csv`;
  const [header, ...rows] = parseTable(set.text(file));
  const column = (name: string): number => header?.indexOf(name) ?? -1;
  const [image, label] = [column('Filename'), column('ClassId')];
  if (image === -1 || label === -1) throw set.damaged(file, 'it has no columns Filename and ClassId');
  const targets = rows.map((row) => Number(row[label]));
  if (targets.some((target) => CLASSES[target] === undefined)) throw set.damaged(file, 'a class is not 0 to 42');
  const folder = `${folderPrefix(set, 'Final_Test/Images')}Final_Test/Images/`;
  return { names: rows.map((row) => `${folder}${row[image]!}`), targets };
}
