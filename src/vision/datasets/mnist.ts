/**
 * MNIST: 28×28 grey pictures of handwritten digits, in four IDX files
 * (https://pytorch.org/vision/stable/generated/torchvision.datasets.MNIST.html).
 */
import type { FileSource } from '../../io/archive/open-files.ts';
import type { Image } from '../../io/image/image.ts';
import { ImageDataset, type ImageDatasetOptions } from './image-dataset.ts';
import { findMnist, placeOf, readPair, type MnistOptions, type MnistPlace } from './mnist-files.ts';

const CLASSES = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'].map((name, digit) => `${digit} - ${name}`);
const PLACE: MnistPlace = {
  set: 'MNIST',
  mirrors: ['https://ossci-datasets.s3.amazonaws.com/mnist/', 'http://yann.lecun.com/exdb/mnist/'],
  md5: {
    'train-images-idx3-ubyte.gz': 'f68b3c2dcbeaaa9fbdd348bbdeb94873',
    'train-labels-idx1-ubyte.gz': 'd53e105ee54ea40749a09fcbcd1e9432',
    't10k-images-idx3-ubyte.gz': '9fb629c4189551a2d022fa330f9573f3',
    't10k-labels-idx1-ubyte.gz': 'ec29112dd5afa0611ce80d1b7f02629c',
  },
};

/** Handwritten digits, as images of one channel. Open them with {@link MNIST.open} or {@link MNIST.fromFiles}. */
export class MNIST<O = Image, T = number> extends ImageDataset<O, T> {
  /**
   * Opens the files `train-images-idx3-ubyte` and `train-labels-idx1-ubyte` (or those that begin with `t10k`), with or without `.gz`,
   * in a folder or an archive, or in its folder `MNIST/raw`, where torchvision puts them.
   *
   * @throws {@link ArgumentError} when there is no such folder or file
   * @throws {@link FormatError} when a file is damaged, they do not fit together, or they cannot be fetched
   */
  static async open<O = Image, T = number>(root: FileSource, options: MnistOptions<O, T> = {}): Promise<MNIST<O, T>> {
    const { images, labels } = await findMnist(PLACE, root, options);
    return MNIST.fromFiles(images, labels, options, placeOf(root));
  }

  /**
   * Makes the data set of the contents of two files, for browsers.
   *
   * @param images - the IDX file of pictures, plain or compressed
   * @param labels - the IDX file of their classes
   * @throws {@link FormatError} when a file is damaged, or they do not fit together
   */
  static async fromFiles<O = Image, T = number>(
    images: Uint8Array,
    labels: Uint8Array,
    options: ImageDatasetOptions<O, T> = {},
    place?: string,
  ): Promise<MNIST<O, T>> {
    const { source, targets } = await readPair(PLACE.set, images, labels, CLASSES.length, place);
    return new MNIST(source, targets, CLASSES, options);
  }
}
