/** CIFAR-100: 32×32 colour pictures of a hundred classes (https://pytorch.org/vision/stable/generated/torchvision.datasets.CIFAR100.html). */
import { OPTIONS, requireKind } from '../../base/arguments.ts';
import type { Image } from '../../io/image/image.ts';
import type { FileSource } from '../../io/archive/open-files.ts';
import { readCifar, type CifarRelease } from './cifar-batches.ts';
import type { CifarOptions } from './cifar10.ts';
import { provide } from './download.ts';
import { ImageDataset } from './image-dataset.ts';

const NAMES = `apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale willow_tree
wolf woman worm`;

const RELEASE: CifarRelease = {
  set: 'CIFAR100',
  folders: ['cifar-100-binary', 'cifar-100-python'],
  files: { train: ['train\\.bin', 'train'], test: ['test\\.bin', 'test'] },
  labelBytes: 2,
  keys: ['fine_labels', 'fine_label_names'],
  meta: 'meta|fine_label_names\\.txt',
  classes: NAMES.split(/\s/),
  archive: {
    name: 'cifar-100-python.tar.gz',
    md5: 'eb9058c3a382ffc7106e4002c42a8d85',
    urls: ['https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz'],
  },
};

/** Small pictures of a hundred classes. Open them with {@link CIFAR100.open}. */
export class CIFAR100<O = Image, T = number> extends ImageDataset<O, T> {
  /**
   * Opens the files `train.bin` or `test.bin` of the binary release, or `train` and `test` of the one for Python, in a folder, in its folder
   * `cifar-100-binary` or `cifar-100-python`, or in an archive.
   *
   * @throws ArgumentError when there is nothing at the path
   * @throws {@link FormatError} when there is no batch file, one is damaged, or they cannot be fetched
   */
  static async open<O = Image, T = number>(root: FileSource, options: CifarOptions<O, T> = {}): Promise<CIFAR100<O, T>> {
    requireKind('CIFAR100.open', 'options', options, OPTIONS);
    const needed = { folder: '', resources: [RELEASE.archive], present: [RELEASE.folders[1]], unpack: true };
    await provide('CIFAR100', root, options, needed);
    const { source, targets, classes } = await readCifar(RELEASE, root, options.train !== false);
    return new CIFAR100(source, targets, classes, options);
  }
}
