/** CIFAR-10: 32×32 colour pictures of ten classes (https://pytorch.org/vision/stable/generated/torchvision.datasets.CIFAR10.html). */
import { OPTIONS, requireKind } from '../../base/arguments.ts';
import type { Image } from '../../io/image/image.ts';
import type { FileSource } from '../../io/archive/open-files.ts';
import { readCifar, type CifarRelease } from './cifar-batches.ts';
import { provide, type DownloadOptions } from './download.ts';
import { ImageDataset, type ImageDatasetOptions } from './image-dataset.ts';

const RELEASE: CifarRelease = {
  set: 'CIFAR10',
  folders: ['cifar-10-batches-bin', 'cifar-10-batches-py'],
  files: { train: ['data_batch_[1-5]\\.bin', 'data_batch_[1-5]'], test: ['test_batch\\.bin', 'test_batch'] },
  labelBytes: 1,
  keys: ['labels', 'label_names'],
  meta: 'batches\\.meta(?:\\.txt)?',
  classes: ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'],
  archive: {
    name: 'cifar-10-python.tar.gz',
    md5: 'c58f30108f718f92721af3b95e74349a',
    urls: ['https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz'],
  },
};

/** Options of {@link CIFAR10.open} and of {@link CIFAR100.open}. */
export interface CifarOptions<O, T = number> extends ImageDatasetOptions<O, T>, DownloadOptions {
  /** The 50,000 training pictures (default) or the 10,000 for testing. */
  readonly train?: boolean;
}

/** Small pictures of ten classes. Open them with {@link CIFAR10.open}. */
export class CIFAR10<O = Image, T = number> extends ImageDataset<O, T> {
  /**
   * Opens the files `data_batch_1.bin` … `data_batch_5.bin` or `test_batch.bin` of the binary release, or `data_batch_1` … and `test_batch`
   * of the one for Python, in a folder, in its folder `cifar-10-batches-bin` or `cifar-10-batches-py`, or in an archive. A part of the
   * training batches will do.
   *
   * @throws ArgumentError when there is nothing at the path
   * @throws {@link FormatError} when there is no batch file, one is damaged, or they cannot be fetched
   */
  static async open<O = Image, T = number>(root: FileSource, options: CifarOptions<O, T> = {}): Promise<CIFAR10<O, T>> {
    requireKind('CIFAR10.open', 'options', options, OPTIONS);
    const needed = { folder: '', resources: [RELEASE.archive], present: [RELEASE.folders[1]], unpack: true };
    await provide('CIFAR10', root, options, needed);
    const { source, targets, classes } = await readCifar(RELEASE, root, options.train !== false);
    return new CIFAR10(source, targets, classes, options);
  }
}
