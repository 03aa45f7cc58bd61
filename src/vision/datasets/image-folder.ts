/**
 * Image folders: one folder of images for each class, on disk or in a tar archive that is read in place
 * (https://pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html).
 */
import { ARRAY, OPTIONS, requireKind } from '../../base/arguments.ts';
import { FormatError } from '../../base/errors.ts';
import type { FileSet, ReadLimits } from '../../io/archive/file-set.ts';
import { loadDecoders } from '../../io/image/decode.ts';
import type { Image } from '../../io/image/image.ts';
import { openFiles, type FileSource } from '../../io/archive/open-files.ts';
import { ImageDataset, type ImageDatasetOptions } from './image-dataset.ts';
import { FileSource as FileImages } from './source.ts';

/** Names that torchvision takes for images, and which of them can be decoded here. */
const IMAGE = /\.(jpe?g|png|ppm|bmp|pgm|tiff?|webp)$/i;
const DECODABLE = /\.(jpe?g|png|ppm|pgm)$/i;

/** Options of {@link ImageFolder.open}. */
export interface ImageFolderOptions<O> extends ImageDatasetOptions<O>, ReadLimits {
  /** Folder of the root that holds the classes, such as `'train'` or `'test'`; default: the root holds them. */
  readonly split?: string;
  /** Most pixels of an image, default 89,478,485. */
  readonly maxPixels?: number;
}

/** Where an image lies and its class. */
export type FolderSample = readonly [path: string, target: number];

/**
 * Images in one folder for each class: `root/dog/1.png`, `root/cat/2.png`. Classes and files are sorted as in torchvision, and
 * images are read as colour. Open one with {@link ImageFolder.open}.
 */
export class ImageFolder<O = Image> extends ImageDataset<O> {
  /** Path within the root and class of each image. */
  readonly samples: readonly FolderSample[];

  private constructor(
    source: FileImages,
    samples: readonly FolderSample[],
    classes: readonly string[],
    options: ImageDatasetOptions<O>,
  ) {
    requireKind('ImageFolder', 'the samples', samples, ARRAY, 'open a folder with await ImageFolder.open(path)');
    const targets = samples.map(([, target]) => target);
    super(source, targets, classes, options);
    this.samples = samples;
  }

  /**
   * Opens a folder, or an archive (`.tar`, `.tar.gz`) of one; an archive's single outermost folder is passed over. Nothing is written
   * to disk. A compressed archive is unpacked into memory once.
   *
   * @param root - a path (in Node), or a `File`, `Blob` or the bytes of an archive
   * @throws ArgumentError when there is nothing at the path
   * @throws {@link FormatError} when there are no classes, a class has no image or one of a kind that is not decoded, there is no such
   * split, or an archive is damaged or holds links or names that lead out of it
   * @example
   * ```ts
   * import { ImageFolder, ToTensor } from 'flambeau/vision';
   *
   * const missing = ImageFolder.open('no/such/folder', { split: 'train', transform: new ToTensor() });
   * await missing.catch((error: unknown) => console.log((error as Error).name)); // ArgumentError
   * ```
   */
  static async open<O = Image>(root: FileSource, options: ImageFolderOptions<O> = {}): Promise<ImageFolder<O>> {
    requireKind(
      'ImageFolder.open',
      'the options',
      options,
      OPTIONS,
      "write ImageFolder.open('photos', { split: 'train' })",
    );
    const { split } = options;
    const keep = (name: string): boolean =>
      IMAGE.test(name) && (split === undefined || name.split('/', 2).includes(split));
    const [{ files, isArchive }] = await Promise.all([openFiles(root, { ...options, keep }), loadDecoders()]);
    const tree = new Tree(files);
    const base = findBase(tree, split, isArchive);
    const { samples, rows, classes } = collect(tree, base);
    return new ImageFolder(new FileImages(files, rows, options.maxPixels), samples, classes, options);
  }
}

/** The files of a set by the folder they lie in. */
class Tree {
  readonly label: string;
  readonly names: readonly string[];
  /** Indices of the images in each folder; folders without any are here too. '' is the root. */
  readonly images = new Map<string, number[]>([['', []]]);
  readonly #children = new Map<string, Set<string>>();

  constructor(files: FileSet) {
    this.label = JSON.stringify(files.name);
    this.names = files.names;
    for (const directory of files.directories) this.#add(directory);
    files.names.forEach((name, index) => {
      if (IMAGE.test(name)) this.#add(parentOf(name)).push(index);
    });
  }

  /** Names of the folders in a folder, sorted. */
  children(folder: string): string[] {
    return [...(this.#children.get(folder) ?? [])].sort(byCodePoint);
  }

  /** A folder and all below it. */
  below(folder: string): string[] {
    return [folder, ...this.children(folder).flatMap((child) => this.below(joined(folder, child)))];
  }

  #add(folder: string): number[] {
    const known = this.images.get(folder);
    if (known !== undefined) return known;
    const images: number[] = [];
    this.images.set(folder, images);
    const parent = parentOf(folder);
    this.#add(parent);
    const siblings = this.#children.get(parent) ?? new Set();
    this.#children.set(parent, siblings.add(folder.slice(folder.lastIndexOf('/') + 1)));
    return images;
  }
}

const parentOf = (name: string): string => name.slice(0, Math.max(name.lastIndexOf('/'), 0));
const joined = (folder: string, name: string): string => (folder === '' ? name : `${folder}/${name}`);

/** The folder that holds the classes. */
function findBase(tree: Tree, split: string | undefined, isArchive: boolean): string {
  let base = '';
  const only = tree.children('');
  // An archive is often packed with the folder around it.
  const isWrapper =
    isArchive && only.length === 1 && tree.images.get('')!.length === 0 && tree.images.get(only[0]!)!.length === 0;
  if (isWrapper && only[0] !== split && tree.children(only[0]!).length > 0) base = only[0]!;
  if (split === undefined) return base;
  if (tree.children(base).includes(split)) return joined(base, split);
  const there = tree.children(base).join(', ');
  throw new FormatError(
    `ImageFolder: ${tree.label} has no folder ${JSON.stringify(split)}; it has ${there || 'none at all'}`,
  );
}

function collect(tree: Tree, base: string): { samples: FolderSample[]; rows: Int32Array; classes: string[] } {
  const where = base === '' ? tree.label : `${tree.label}, folder ${JSON.stringify(base)}`;
  const classes = tree.children(base);
  if (classes.length === 0) {
    throw new FormatError(
      `ImageFolder: there are no class folders in ${where}; expected one folder of images for each class`,
    );
  }
  const samples: FolderSample[] = [];
  const rows: number[] = [];
  const empty: string[] = [];
  classes.forEach((name, target) => {
    const before = rows.length;
    for (const folder of tree.below(joined(base, name)).sort(byCodePoint)) {
      const sorted = tree.images.get(folder)!.map((index) => [tree.names[index]!, index] as const);
      sorted.sort(([a], [b]) => byCodePoint(a, b));
      for (const [path, index] of sorted) {
        samples.push([path, target]);
        rows.push(index);
      }
    }
    if (rows.length === before) empty.push(name);
  });
  if (empty.length > 0) {
    throw new FormatError(
      `ImageFolder: no images for the classes ${empty.join(', ')} in ${where}; add .jpg, .png, .ppm or .pgm files, or remove the folders`,
    );
  }
  const undecodable = samples.find(([path]) => !DECODABLE.test(path));
  if (undecodable !== undefined) {
    throw new FormatError(
      `ImageFolder: ${JSON.stringify(undecodable[0])} in ${where} is of a kind that is not decoded; convert it to JPEG or PNG`,
    );
  }
  return { samples, rows: Int32Array.from(rows), classes };
}

/** As Python sorts strings: by code points, where JavaScript goes by UTF-16 units. */
export function byCodePoint(a: string, b: string): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return weight(x) - weight(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above all that are one unit. */
const weight = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);
