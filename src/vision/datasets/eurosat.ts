/**
 * EuroSAT: 27,000 pictures of land from satellites
 * (https://pytorch.org/vision/stable/generated/torchvision.datasets.EuroSAT.html).
 */
import { OPTIONS, requireKind } from '../../base/arguments.ts';
import type { FileSource } from '../../io/archive/open-files.ts';
import type { Image } from '../../io/image/image.ts';
import { provide, type Needed } from './download.ts';
import { ImageDataset } from './image-dataset.ts';
import { classFolders, folderPrefix, type SetOptions } from './labelled-set.ts';
import { SetFiles } from './set-files.ts';

const NEEDED: Needed = {
  folder: 'eurosat',
  resources: [
    {
      name: 'EuroSAT.zip',
      md5: 'c8fa014336c82ac7804f0398fcb19387',
      urls: ['https://huggingface.co/datasets/torchgeo/eurosat/resolve/c877bcd43f099cd0196738f714544e355477f3fd/EuroSAT.zip'],
    },
  ],
  present: ['eurosat/2750'],
  unpack: true,
};

/** Pictures of ten uses of land. Open them with {@link EuroSAT.open}. */
export class EuroSAT<O = Image, T = number> extends ImageDataset<O, T> {
  /**
   * Opens a folder that holds `eurosat/2750`, or a folder within, or an archive of one.
   *
   * @throws {@link ArgumentError} when there is nothing at the path, or an option has no such value
   * @throws {@link FormatError} when files are missing or damaged, or cannot be fetched
   */
  static async open<O = Image, T = number>(root: FileSource, options: SetOptions<O, T> = {}): Promise<EuroSAT<O, T>> {
    requireKind('EuroSAT.open', 'options', options, OPTIONS);
    await provide('EuroSAT', root, options, NEEDED);
    const set = await SetFiles.open('EuroSAT', root, /(^|\/)2750\//);
    const { names, targets, classes } = classFolders(set, `${folderPrefix(set, '2750')}2750/`);
    return new EuroSAT(set.images(names, options.maxPixels), targets, classes, options);
  }
}
