/**
 * Caltech 101: 8,677 photos of things, animals and faces
 * (https://pytorch.org/vision/stable/generated/torchvision.datasets.Caltech101.html).
 */
import { OPTIONS, requireKind } from '../../base/arguments.ts';
import type { FileSource } from '../../io/archive/open-files.ts';
import type { Image } from '../../io/image/image.ts';
import { provide, type Needed } from './download.ts';
import { ImageDataset } from './image-dataset.ts';
import { extractArchive } from '../../io/archive/extract.ts';
import { nodeModule } from '../../io/bytes/platform.ts';
import { classFolders, folderPrefix, type SetOptions } from './labelled-set.ts';
import { SetFiles } from './set-files.ts';

const FOLDER = 'caltech101';
const ARCHIVE = {
  name: 'caltech-101.zip',
  md5: '3138e1922a9193bfa496528edbbc45d0',
  urls: ['https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip'],
};
const NEEDED: Needed = {
  folder: FOLDER,
  resources: [ARCHIVE],
  present: [`${FOLDER}/101_ObjectCategories`],
  unpack: true,
};

/** Photos of 101 kinds of things. Open them with {@link Caltech101.open}. */
export class Caltech101<O = Image, T = number> extends ImageDataset<O, T> {
  /**
   * Opens a folder that holds `caltech101/101_ObjectCategories`, or a folder within, or an archive of one. The pictures of the folder
   * `BACKGROUND_Google` are of no class and left out, as in torchvision.
   *
   * @throws {@link ArgumentError} when there is nothing at the path, or an option has no such value
   * @throws {@link FormatError} when files are missing or damaged, or cannot be fetched
   */
  static async open<O = Image, T = number>(root: FileSource, options: SetOptions<O, T> = {}): Promise<Caltech101<O, T>> {
    requireKind('Caltech101.open', 'options', options, OPTIONS);
    await provide('Caltech101', root, options, NEEDED);
    await unpackInner(root, options);
    const set = await SetFiles.open('Caltech101', root, /(^|\/)101_ObjectCategories\/.*\.jpg$/);
    const prefix = `${folderPrefix(set, '101_ObjectCategories')}101_ObjectCategories/`;
    const { names, targets, classes } = classFolders(set, prefix, (name) => name !== 'BACKGROUND_Google');
    return new Caltech101(set.images(names, options.maxPixels), targets, classes, options);
  }
}

/** The archive holds archives. */
async function unpackInner(root: FileSource, options: SetOptions<unknown, unknown>): Promise<void> {
  if (options.download !== true || typeof root !== 'string') return;
  const fs = nodeModule('fs', 'Caltech101: download', 'fetch the files yourself');
  const [folder, inner] = [`${root}/${FOLDER}`, `${root}/${FOLDER}/caltech-101`];
  if (fs.existsSync(`${folder}/101_ObjectCategories`) || !fs.existsSync(inner)) return;
  for (const name of fs.readdirSync(inner)) if (name.endsWith('.gz')) await extractArchive(`${inner}/${name}`, folder);
  fs.rmSync(inner, { recursive: true });
}
