/**
 * Image folders: one folder of images for each class, on disk or in an archive that is read in place
 * (https://pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html).
 */
import { ARRAY, BOOL, FUNCTION, OPTIONS, requireKind, TEXT } from '../../base/arguments.ts';
import { DRAFT, loadDecoders } from '../../io/image/decode.ts';
import type { Image } from '../../io/image/image.ts';
import type { FileSource } from '../../io/archive/open-files.ts';
import { choiceOf, pathsOf, type FileChoice, type FileLoader } from './dataset-folder.ts';
import { findSamples, type FolderPlace, type FolderSample, type FolderSamples } from './find-samples.ts';
import { ImageDataset, type ImageDatasetOptions } from './image-dataset.ts';
import { IMAGE_NAME, type PassedOver } from './passed-over.ts';
import { FileImages, LoadedSource, type ImageSource } from './source.ts';

/** Options of {@link ImageFolder.open}. */
export interface ImageFolderOptions<O, T = number> extends ImageDatasetOptions<O, T>, FolderPlace, FileChoice {
  /** Most pixels of an image, default 178,956,970. */
  readonly maxPixels?: number;
  /** Whether images are turned as the camera was held (Exif); default false, as in torchvision. */
  readonly orientation?: boolean;
  /** A width and a height that are enough: JPEG files are decoded at 1/8 to 1/2 of their size, as {@link decodeImage} says. */
  readonly draft?: readonly [width: number, height: number];
  /**
   * Whether JPEG files are decoded at 1/8 to 1/2 of their size where the transform begins with `Resize` or `RandomResizedCrop` and what is resized stays at least as
   * large as what it becomes: in a half of the time and less, with pixels that differ a little, as with Pillow's `draft`; in batches only. Default false.
   */
  readonly reducedScale?: boolean;
  /** Makes the image of a file instead of {@link decodeImage}. Such a data set cannot go to worker threads. */
  readonly loader?: FileLoader<Image>;
}

const WORDS = {
  operation: 'ImageFolder',
  samples: 'images',
  remedy: 'add .jpg, .png, .webp, .gif, .bmp, .tiff or .ppm files',
};

/**
 * Images in one folder for each class: `root/dog/1.png`, `root/cat/2.png`. Classes and files are sorted as in torchvision, and
 * images are read as colour. Open one with {@link ImageFolder.open}.
 */
export class ImageFolder<O = Image, T = number> extends ImageDataset<O, T> {
  /** Path within the root and class of each image. */
  readonly samples: readonly FolderSample[];
  /** Hidden files and folders, those of systems (`Thumbs.db`, `__MACOSX`), and files that are no images by their names. */
  readonly passedOver: PassedOver;

  private constructor(source: ImageSource, found: FolderSamples, options: ImageDatasetOptions<O, T>) {
    requireKind(
      'ImageFolder',
      'what was found',
      (Object(found) as Partial<typeof found>).samples,
      ARRAY,
      'open a folder with await ImageFolder.open(path)',
    );
    const targets = found.samples.map(([, target]) => target);
    super(source, targets, found.classes, options);
    this.samples = found.samples;
    this.passedOver = found.passedOver;
  }

  /** The same as `samples`, as torchvision calls it. */
  get imgs(): readonly FolderSample[] {
    return this.samples;
  }

  /**
   * Opens a folder, or an archive (`.tar`, `.tar.gz`, `.tar.zst`, `.tar.br`, `.zip`) of one; an archive's single outermost folder is passed
   * over, and so are hidden files and folders. Nothing is written to disk. A compressed tar archive is unpacked into memory once. What an
   * image is, its bytes say when it is read; its name only has to end as images' names do.
   *
   * @param root - a path (in Node), or a `File`, `Blob` or the bytes of an archive
   * @throws ArgumentError when there is nothing at the path
   * @throws {@link FormatError} when there are no classes, a class has no image and `allowEmpty` is not set, there is no such split, or an
   * archive is damaged or holds links or names that lead out of it
   * @example
   * ```ts
   * import { ImageFolder, ToTensor } from 'flambeau/vision';
   *
   * const missing = ImageFolder.open('no/such/folder', { split: 'train', transform: new ToTensor() });
   * await missing.catch((error: unknown) => console.log((error as Error).name)); // ArgumentError
   * ```
   */
  static async open<O = Image, T = number>(root: FileSource, options: ImageFolderOptions<O, T> = {}): Promise<ImageFolder<O, T>> {
    checkOptions(options);
    const { extensions, isValidFile, loader } = options;
    const isChosen = extensions !== undefined || isValidFile !== undefined;
    const wanted = isChosen ? choiceOf('ImageFolder.open', root, options) : (name: string) => IMAGE_NAME.test(name);
    const [found] = await Promise.all([findSamples(root, options, wanted, WORDS), loadDecoders()]);
    const images = new FileImages(found.files, found.rows, options);
    if (loader === undefined) return new ImageFolder(images, found, options);
    const pathOf = pathsOf(root);
    const load = (index: number, read: () => Uint8Array): Image => loader(pathOf(found.samples[index]![0]), read);
    return new ImageFolder(new LoadedSource(images, load), found, options);
  }
}

function checkOptions(options: ImageFolderOptions<unknown, unknown>): void {
  const op = 'ImageFolder.open';
  requireKind(op, 'the options', options, OPTIONS, "write ImageFolder.open('photos', { split: 'train' })");
  if (options.split !== undefined) requireKind(op, 'split', options.split, TEXT, "write { split: 'train' }");
  if (options.loader !== undefined) requireKind(op, 'loader', options.loader, FUNCTION);
  if (options.orientation !== undefined) requireKind(op, 'orientation', options.orientation, BOOL);
  if (options.reducedScale !== undefined) requireKind(op, 'reducedScale', options.reducedScale, BOOL);
  if (options.draft !== undefined) requireKind(op, 'draft', options.draft, DRAFT);
  if (options.allowEmpty !== undefined) requireKind(op, 'allowEmpty', options.allowEmpty, BOOL);
}
