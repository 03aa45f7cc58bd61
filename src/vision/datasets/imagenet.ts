/**
 * ImageNet's layout: `train/n01440764/….JPEG` and `val/n01440764/….JPEG`
 * (https://pytorch.org/vision/stable/generated/torchvision.datasets.ImageNet.html). Its archives are not to be fetched without an account.
 */
import { ARRAY, OPTIONS, requireKind } from '../../base/arguments.ts';
import { FormatError } from '../../base/errors.ts';
import { deserialize } from '../../io/checkpoint.ts';
import type { FileSource } from '../../io/archive/open-files.ts';
import type { Image } from '../../io/image/image.ts';
import { ImageDataset, type ImageDatasetOptions } from './image-dataset.ts';
import { classFolders, folderPrefix, type ClassFolders } from './labelled-set.ts';
import { requireChoice, SetFiles } from './set-files.ts';
import type { ImageSource } from './source.ts';

/** Options of {@link ImageNet.open}. */
export interface ImageNetOptions<O, T = number> extends ImageDatasetOptions<O, T> {
  /** Which part, default `'train'`. */
  readonly split?: 'train' | 'val';
  /** Most pixels of an image, default 178,956,970. */
  readonly maxPixels?: number;
}

/**
 * Photos of the classes of WordNet. Open them with {@link ImageNet.open}. `classes` has the names of each class joined by commas where
 * torchvision's `meta.bin` or a `LOC_synset_mapping.txt` gives them, else the numbers of WordNet.
 */
export class ImageNet<O = Image, T = number> extends ImageDataset<O, T> {
  /** WordNet's number of each class, such as `n01440764`. */
  readonly wnids: readonly string[];

  private constructor(source: ImageSource, found: ClassFolders, names: ReadonlyMap<string, string>, options: ImageDatasetOptions<O, T>) {
    requireKind(
      'ImageNet',
      'what was found',
      (found as Partial<ClassFolders> | undefined)?.classes,
      ARRAY,
      'open it with await ImageNet.open(path)',
    );
    super(
      source,
      found.targets,
      found.classes.map((wnid) => names.get(wnid) ?? wnid),
      options,
    );
    this.wnids = found.classes;
  }

  /**
   * Opens a folder that holds `train` or `val` with a folder for each class, as torchvision leaves it, or an archive of one.
   *
   * @throws {@link ArgumentError} when there is nothing at the path, or no such split
   * @throws {@link FormatError} when there are no such folders
   */
  static async open<O = Image, T = number>(root: FileSource, options: ImageNetOptions<O, T> = {}): Promise<ImageNet<O, T>> {
    requireKind('ImageNet.open', 'options', options, OPTIONS);
    const split = requireChoice('ImageNet.open', 'split', options.split ?? 'train', ['train', 'val']);
    const wanted = new RegExp(`(^|/)(${split}/n\\d+/.*|meta\\.bin|LOC_synset_mapping\\.txt)$`);
    const set = await SetFiles.open('ImageNet', root, wanted);
    if (!set.names.some((name) => new RegExp(`(^|/)${split}/`).test(name)))
      throw new FormatError(
        `ImageNet: there is no folder ${split} with folders such as n01440764 in ${JSON.stringify(set.files.name)}; unpack ILSVRC2012_img_${split}.tar, one folder for each class`,
      );
    const found = classFolders(set, `${folderPrefix(set, split)}${split}/`);
    return new ImageNet(set.images(found.names, options.maxPixels), found, classNames(set), options);
  }
}

/** What the numbers of WordNet are called. */
function classNames(set: SetFiles): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const text = set.names.find((name) => name.endsWith('LOC_synset_mapping.txt'));
  if (text !== undefined)
    for (const line of set.lines(text)) names.set(line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1));
  const meta = set.names.find((name) => name.endsWith('meta.bin'));
  if (meta !== undefined) {
    // ({number: (name, …)}, [number of each image for validation])
    const [byNumber] = deserialize<readonly [ReadonlyMap<string, Iterable<string>> | Record<string, Iterable<string>>]>(set.bytes(meta));
    const entries = byNumber instanceof Map ? byNumber : new Map(Object.entries(byNumber));
    for (const [wnid, words] of entries) names.set(wnid, [...(words as Iterable<string>)].join(', '));
  }
  return names;
}
