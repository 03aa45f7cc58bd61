/** SVHN: 32×32 colour pictures of digits on houses (https://pytorch.org/vision/stable/generated/torchvision.datasets.SVHN.html). */
import { OPTIONS, requireKind } from '../../base/arguments.ts';
import { sharedBytes } from '../../io/archive/file-set.ts';
import type { FileSource } from '../../io/archive/open-files.ts';
import type { Image } from '../../io/image/image.ts';
import { provide, type DownloadOptions } from './download.ts';
import { ImageDataset, type ImageDatasetOptions } from './image-dataset.ts';
import { readMat } from './mat5.ts';
import { placeOf } from './mnist-files.ts';
import { requireChoice, SetFiles } from './set-files.ts';
import { PixelSource } from './source.ts';

const CLASSES = Array.from({ length: 10 }, (_, digit) => String(digit));
const MD5 = {
  train: 'e26dedcc434d2e4c54c9b2d4a06d8373',
  test: 'eb5a983be6a315427106f1b164d9cef3',
  extra: 'a93ce644f1a588dc4d68dda5feec44a7',
} as const;

/** Options of {@link SVHN.open}. */
export interface SvhnOptions<O, T = number> extends ImageDatasetOptions<O, T>, DownloadOptions {
  /** Which pictures, default `'train'`. */
  readonly split?: keyof typeof MD5;
}

/** Digits on houses: the class is the digit. Open them with {@link SVHN.open}. */
export class SVHN<O = Image, T = number> extends ImageDataset<O, T> {
  /**
   * Opens the file `train_32x32.mat`, `test_32x32.mat` or `extra_32x32.mat` in a folder or an archive.
   *
   * @throws {@link ArgumentError} when there is nothing at the path
   * @throws {@link FormatError} when there is no such file, it is damaged, or it cannot be fetched
   */
  static async open<O = Image, T = number>(root: FileSource, options: SvhnOptions<O, T> = {}): Promise<SVHN<O, T>> {
    requireKind('SVHN.open', 'options', options, OPTIONS);
    const split = requireChoice('SVHN.open', 'split', options.split ?? 'train', ['train', 'test', 'extra']);
    const name = `${split}_32x32.mat`;
    const urls = [`http://ufldl.stanford.edu/housenumbers/${name}`];
    await provide('SVHN', root, options, { folder: '', resources: [{ name, md5: MD5[split], urls }], present: [name] });
    const set = await SetFiles.open('SVHN', root, new RegExp(`(^|/)${name}$`));
    const { pixels, targets } = readPictures(set, set.prefix(name) + name);
    const source = new PixelSource('SVHN picture', { width: 32, height: 32, channels: 3 }, pixels, placeOf(root));
    return new SVHN(source, targets, CLASSES, options);
  }
}

function readPictures(set: SetFiles, name: string): { pixels: Uint8Array; targets: number[] } {
  const arrays = readMat(set.bytes(name), name);
  const [x, y] = [arrays.get('X'), arrays.get('y')];
  if (x === undefined || y === undefined || !(x.data instanceof Uint8Array) || x.shape.slice(0, 3).join() !== '32,32,3')
    throw set.damaged(name, 'it has no pictures X of 32x32x3 with labels y');
  const count = x.shape[3] ?? 1;
  if (y.data.length !== count) throw set.damaged(name, `it has ${count} pictures but ${y.data.length} labels`);
  const pixels = sharedBytes(x.data.length);
  // Columns come first in the file, then rows, then colours.
  for (let i = 0; i < count; i++)
    for (let c = 0; c < 3; c++)
      for (let column = 0; column < 32; column++)
        for (let row = 0; row < 32; row++)
          pixels[i * 3072 + (row * 32 + column) * 3 + c] = x.data[i * 3072 + c * 1024 + column * 32 + row]!;
  // The digit 0 has the label 10.
  const targets = Array.from(y.data, (label) => (label === 10 ? 0 : label));
  if (targets.some((label) => !(label >= 0 && label <= 9))) throw set.damaged(name, 'a label is not 1 to 10');
  return { pixels, targets };
}
