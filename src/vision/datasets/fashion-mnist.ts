/**
 * Fashion-MNIST: 28×28 grey pictures of clothes, in files as MNIST's
 * (https://pytorch.org/vision/stable/generated/torchvision.datasets.FashionMNIST.html).
 */
import type { FileSource } from '../../io/archive/open-files.ts';
import type { Image } from '../../io/image/image.ts';
import { ImageDataset, type ImageDatasetOptions } from './image-dataset.ts';
import { findMnist, placeOf, readPair, type MnistOptions, type MnistPlace } from './mnist-files.ts';

const CLASSES = ['T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat', 'Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot'];
const PLACE: MnistPlace = {
  set: 'FashionMNIST',
  mirrors: ['http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/'],
  md5: {
    'train-images-idx3-ubyte.gz': '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
    'train-labels-idx1-ubyte.gz': '25c81989df183df01b3e8a0aad5dffbe',
    't10k-images-idx3-ubyte.gz': 'bef4ecab320f06d8554ea6380940ec79',
    't10k-labels-idx1-ubyte.gz': 'bb300cfdad3c16e7a12a480ee83cd310',
  },
};

/** Clothes, shoes and bags, as images of one channel. Open them with {@link FashionMNIST.open} or {@link FashionMNIST.fromFiles}. */
export class FashionMNIST<O = Image, T = number> extends ImageDataset<O, T> {
  /**
   * Opens the files `train-images-idx3-ubyte` and `train-labels-idx1-ubyte` (or those that begin with `t10k`), with or without `.gz`,
   * in a folder or an archive, or in its folder `FashionMNIST/raw`, where torchvision puts them.
   *
   * @throws {@link ArgumentError} when there is no such folder or file
   * @throws {@link FormatError} when a file is damaged, they do not fit together, or they cannot be fetched
   */
  static async open<O = Image, T = number>(root: FileSource, options: MnistOptions<O, T> = {}): Promise<FashionMNIST<O, T>> {
    const { images, labels } = await findMnist(PLACE, root, options);
    return FashionMNIST.fromFiles(images, labels, options, placeOf(root));
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
  ): Promise<FashionMNIST<O, T>> {
    const { source, targets } = await readPair(PLACE.set, images, labels, CLASSES.length, place);
    return new FashionMNIST(source, targets, CLASSES, options);
  }
}
