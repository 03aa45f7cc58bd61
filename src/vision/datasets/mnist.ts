/**
 * MNIST: 28×28 grey pictures of handwritten digits, in four IDX files
 * (https://pytorch.org/vision/stable/generated/torchvision.datasets.MNIST.html).
 */
import { BYTES, OPTIONS, requireKind } from '../../base/arguments.ts';
import { ArgumentError, FormatError } from '../../base/errors.ts';
import type { Image } from '../../io/image/image.ts';
import { openFiles } from '../../io/archive/open-files.ts';
import { readIdx } from './idx.ts';
import { ImageDataset, type ImageDatasetOptions } from './image-dataset.ts';
import { PixelSource, shared } from './source.ts';

const CLASSES = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'].map(
  (name, digit) => `${digit} - ${name}`,
);

/** Options of {@link MNIST}. */
export interface MnistOptions<O> extends ImageDatasetOptions<O> {
  /** The 60,000 training pictures (default) or the 10,000 for testing. */
  readonly train?: boolean;
}

/** Handwritten digits, as images of one channel. Open them with {@link MNIST.open} or {@link MNIST.fromFiles}. */
export class MNIST<O = Image> extends ImageDataset<O> {
  /**
   * Opens the files `train-images-idx3-ubyte` and `train-labels-idx1-ubyte` (or those that begin with `t10k`), with or without `.gz`,
   * in a folder, or in its folder `MNIST/raw`, where torchvision puts them.
   *
   * @throws {@link ArgumentError} when there is no such folder or file
   * @throws {@link FormatError} when a file is damaged, or they do not fit together
   */
  static async open<O = Image>(root: string, options: MnistOptions<O> = {}): Promise<MNIST<O>> {
    requireKind('MNIST.open', 'options', options, OPTIONS);
    const prefix = options.train === false ? 't10k' : 'train';
    const wanted = new RegExp(`^(MNIST/raw/)?${prefix}-(images[-.]idx3|labels[-.]idx1)-ubyte(\\.gz)?$`);
    const { files } = await openFiles(root, { keep: (name) => wanted.test(name), maxDepth: 2 });
    const find = (what: string): Uint8Array => {
      const row = files.names.findIndex((name) => wanted.test(name) && name.includes(what));
      if (row === -1)
        throw new ArgumentError(
          `MNIST: there is no file ${prefix}-${what}-ubyte or .gz in ${JSON.stringify(root)} or its folder MNIST/raw`,
        );
      return files.read(row);
    };
    return MNIST.fromFiles(find('images-idx3'), find('labels-idx1'), options, root);
  }

  /**
   * Makes the data set of the contents of two files, for browsers.
   *
   * @param images - the IDX file of pictures, plain or compressed
   * @param labels - the IDX file of their classes
   * @throws {@link FormatError} when a file is damaged, or they do not fit together
   */
  static async fromFiles<O = Image>(
    images: Uint8Array,
    labels: Uint8Array,
    options: ImageDatasetOptions<O> = {},
    place?: string,
  ): Promise<MNIST<O>> {
    for (const file of [images, labels]) requireKind('MNIST.fromFiles', 'the files', file, BYTES);
    const pictures = await readIdx(images, 'images-idx3-ubyte', 3);
    const digits = await readIdx(labels, 'labels-idx1-ubyte', 1);
    const [count, height, width] = pictures.shape as [number, number, number];
    if (digits.data.length !== count) {
      throw new FormatError(
        `MNIST: there are ${count} pictures but ${digits.data.length} labels; take both files from the same set`,
      );
    }
    const wrong = digits.data.findIndex((digit) => digit > 9);
    if (wrong !== -1) throw new FormatError(`MNIST: label ${wrong} is ${digits.data[wrong]!}, expected 0 to 9`);
    if (count === 0 || width === 0 || height === 0) throw new FormatError('MNIST: there are no pictures in the file');
    const source = new PixelSource('MNIST picture', { width, height, channels: 1 }, shared(pictures.data), place);
    return new MNIST(source, [...digits.data], CLASSES, options);
  }
}
