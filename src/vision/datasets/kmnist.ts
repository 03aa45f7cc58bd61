/**
 * Kuzushiji-MNIST: 28×28 grey pictures of Japanese letters in old handwriting, in files as MNIST's
 * (https://pytorch.org/vision/stable/generated/torchvision.datasets.KMNIST.html).
 */
import type { FileSource } from '../../io/archive/open-files.ts';
import type { Image } from '../../io/image/image.ts';
import { ImageDataset, type ImageDatasetOptions } from './image-dataset.ts';
import { findMnist, placeOf, readPair, type MnistOptions, type MnistPlace } from './mnist-files.ts';

const CLASSES = ['o', 'ki', 'su', 'tsu', 'na', 'ha', 'ma', 'ya', 're', 'wo'];
const PLACE: MnistPlace = {
  set: 'KMNIST',
  mirrors: ['http://codh.rois.ac.jp/kmnist/dataset/kmnist/'],
  md5: {
    'train-images-idx3-ubyte.gz': 'bdb82020997e1d708af4cf47b453dcf7',
    'train-labels-idx1-ubyte.gz': 'e144d726b3acfaa3e44228e80efcd344',
    't10k-images-idx3-ubyte.gz': '5c965bf0a639b31b8f53240b1b52f4d7',
    't10k-labels-idx1-ubyte.gz': '7320c461ea6c1c855c0b718fb2a4b134',
  },
};

/** Japanese letters, as images of one channel. Open them with {@link KMNIST.open} or {@link KMNIST.fromFiles}. */
export class KMNIST<O = Image, T = number> extends ImageDataset<O, T> {
  /**
   * Opens the files `train-images-idx3-ubyte` and `train-labels-idx1-ubyte` (or those that begin with `t10k`), with or without `.gz`,
   * in a folder or an archive, or in its folder `KMNIST/raw`, where torchvision puts them.
   *
   * @throws {@link ArgumentError} when there is no such folder or file
   * @throws {@link FormatError} when a file is damaged, they do not fit together, or they cannot be fetched
   */
  static async open<O = Image, T = number>(root: FileSource, options: MnistOptions<O, T> = {}): Promise<KMNIST<O, T>> {
    const { images, labels } = await findMnist(PLACE, root, options);
    return KMNIST.fromFiles(images, labels, options, placeOf(root));
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
  ): Promise<KMNIST<O, T>> {
    const { source, targets } = await readPair(PLACE.set, images, labels, CLASSES.length, place);
    return new KMNIST(source, targets, CLASSES, options);
  }
}
