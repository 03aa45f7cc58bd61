/**
 * Flowers102: 8,189 photos of flowers
 * (https://pytorch.org/vision/stable/generated/torchvision.datasets.Flowers102.html).
 */
import { OPTIONS, requireKind } from '../../base/arguments.ts';
import type { FileSource } from '../../io/archive/open-files.ts';
import type { Image } from '../../io/image/image.ts';
import { provide, type Needed, type Resource } from './download.ts';
import { ImageDataset } from './image-dataset.ts';
import type { SetOptions } from './labelled-set.ts';
import { readMat } from './mat5.ts';
import { requireChoice, SetFiles } from './set-files.ts';

/** By their numbers, which begin at 1 in the files. */
const CLASSES = `pink primrose; hard-leaved pocket orchid; canterbury bells; sweet pea; english marigold; tiger lily; moon orchid; bird
of paradise; monkshood; globe thistle; snapdragon; colt's foot; king protea; spear thistle; yellow iris; globe-flower;
purple coneflower; peruvian lily; balloon flower; giant white arum lily; fire lily; pincushion flower; fritillary; red
ginger; grape hyacinth; corn poppy; prince of wales feathers; stemless gentian; artichoke; sweet william; carnation;
garden phlox; love in the mist; mexican aster; alpine sea holly; ruby-lipped cattleya; cape flower; great masterwort;
siam tulip; lenten rose; barbeton daisy; daffodil; sword lily; poinsettia; bolero deep blue; wallflower; marigold;
buttercup; oxeye daisy; common dandelion; petunia; wild pansy; primula; sunflower; pelargonium; bishop of llandaff;
gaura; geranium; orange dahlia; pink-yellow dahlia?; cautleya spicata; japanese anemone; black-eyed susan; silverbush;
californian poppy; osteospermum; spring crocus; bearded iris; windflower; tree poppy; gazania; azalea; water lily;
rose; thorn apple; morning glory; passion flower; lotus; toad lily; anthurium; frangipani; clematis; hibiscus;
columbine; desert-rose; tree mallow; magnolia; cyclamen; watercress; canna lily; hippeastrum; bee balm; ball moss;
foxglove; bougainvillea; camellia; mallow; mexican petunia; bromelia; blanket flower; trumpet creeper; blackberry lily`
  .replaceAll('\n', ' ')
  .split('; ');

const SPLITS = ['train', 'val', 'test'] as const;
const IDS = { train: 'trnid', val: 'valid', test: 'tstid' } as const;
const SITE = 'https://www.robots.ox.ac.uk/~vgg/data/flowers/102/';
const resource = (name: string, md5: string): Resource => ({ name, md5, urls: [`${SITE}${name}`] });
const FOLDER = 'flowers-102';
const PHOTOS: Needed = {
  folder: FOLDER,
  resources: [resource('102flowers.tgz', '52808999861908f626f3c1f4e79d11fa')],
  present: [`${FOLDER}/jpg`],
  unpack: true,
};
const LABELS: Needed = {
  folder: FOLDER,
  resources: [resource('imagelabels.mat', 'e0620be6f572b9609742df49c70aed4d'), resource('setid.mat', 'a5357ecc9cb78c4bef273ce3793fc85c')],
  present: [`${FOLDER}/imagelabels.mat`, `${FOLDER}/setid.mat`],
};

/** Options of {@link Flowers102.open}. */
export interface Flowers102Options<O, T = number> extends SetOptions<O, T> {
  /** Which part, default `'train'`. */
  readonly split?: (typeof SPLITS)[number];
}

/** Photos of 102 kinds of flowers. Open them with {@link Flowers102.open}. */
export class Flowers102<O = Image, T = number> extends ImageDataset<O, T> {
  /**
   * Opens a folder that holds `flowers-102/jpg`, `flowers-102/imagelabels.mat` and `flowers-102/setid.mat`, or that folder itself, or an
   * archive of either.
   *
   * @throws {@link ArgumentError} when there is nothing at the path, or an option has no such value
   * @throws {@link FormatError} when files are missing or damaged, or cannot be fetched
   */
  static async open<O = Image, T = number>(root: FileSource, options: Flowers102Options<O, T> = {}): Promise<Flowers102<O, T>> {
    requireKind('Flowers102.open', 'options', options, OPTIONS);
    const split = requireChoice('Flowers102.open', 'split', options.split ?? 'train', SPLITS);
    await provide('Flowers102', root, options, PHOTOS);
    await provide('Flowers102', root, options, LABELS);
    const set = await SetFiles.open('Flowers102', root, /(^|\/)(imagelabels\.mat|setid\.mat|jpg\/image_\d+\.jpg)$/);
    const prefix = set.prefix('setid.mat');
    const numbers = (file: string, array: string): ArrayLike<number> => {
      const found = readMat(set.bytes(prefix + file), file).get(array);
      if (found === undefined) throw set.damaged(file, `it has no array ${array}`);
      return found.data;
    };
    const ids = Array.from(numbers('setid.mat', IDS[split]));
    const labels = numbers('imagelabels.mat', 'labels');
    const targets = ids.map((id) => (labels[id - 1] ?? 0) - 1);
    if (targets.some((target) => !(target >= 0 && target < CLASSES.length)))
      throw set.damaged('imagelabels.mat', 'a label is not 1 to 102');
    const images = ids.map((id) => `${prefix}jpg/image_${String(id).padStart(5, '0')}.jpg`);
    return new Flowers102(set.images(images, options.maxPixels), targets, CLASSES, options);
  }
}
