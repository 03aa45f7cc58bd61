/**
 * QMNIST: MNIST's digits anew, with 60,000 for testing and what is known of each writer
 * (https://pytorch.org/vision/stable/generated/torchvision.datasets.QMNIST.html).
 */
import { ARRAY, BOOL, OPTIONS, requireKind } from '../../base/arguments.ts';
import type { FileSource } from '../../io/archive/open-files.ts';
import type { Image } from '../../io/image/image.ts';
import type { Resource } from './download.ts';
import { readIdxIntegers } from './idx.ts';
import { ImageDataset } from './image-dataset.ts';
import { findIdx, placeOf, provideRaw, readPair, type MnistOptions } from './mnist-files.ts';
import { requireChoice } from './set-files.ts';
import { PixelSource } from './source.ts';

const CLASSES = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'].map((name, digit) => `${digit} - ${name}`);
const SITE = 'https://raw.githubusercontent.com/facebookresearch/qmnist/master/';
const resource = (name: string, md5: string): Resource => ({ name, md5, urls: [`${SITE}${name}`] });

/** The files that each part lies in: pictures, then labels. */
const FILES = {
  train: [
    resource('qmnist-train-images-idx3-ubyte.gz', 'ed72d4157d28c017586c42bc6afe6370'),
    resource('qmnist-train-labels-idx2-int.gz', '0058f8dd561b90ffdd0f734c6a30e5e4'),
  ],
  test: [
    resource('qmnist-test-images-idx3-ubyte.gz', '1394631089c404de565df7b7aeaf9412'),
    resource('qmnist-test-labels-idx2-int.gz', '5b5b05890a5e13444e108efe57b788aa'),
  ],
} as const;

/** Parts, and where in their files they begin and end. */
const PARTS = {
  train: ['train', 0, undefined],
  test: ['test', 0, undefined],
  test10k: ['test', 0, 10_000],
  test50k: ['test', 10_000, undefined],
} as const;
const NAMES = Object.keys(PARTS) as readonly QmnistPart[];

/** A part of QMNIST; the digits of all of NIST, which are packed with xz, are not among them. */
export type QmnistPart = keyof typeof PARTS;

/** Options of {@link QMNIST.open}. */
export interface QmnistOptions<O, T = number> extends MnistOptions<O, T> {
  /** Which pictures; default `train` or `test`, as `train` says. */
  readonly what?: QmnistPart;
}

/** Handwritten digits, as images of one channel. Open them with {@link QMNIST.open}. */
export class QMNIST<O = Image, T = number> extends ImageDataset<O, T> {
  /** Of each picture: class, series, writer, number with the writer, class in NIST's code, number in NIST's file, duplicate, unused. */
  readonly details: readonly Int32Array[];

  private constructor(found: Found, options: QmnistOptions<O, T>) {
    requireKind('QMNIST', 'what was found', (Object(found) as Partial<Found>).details, ARRAY, 'open it with await QMNIST.open(path)');
    super(
      found.source,
      found.details.map(([target]) => target!),
      CLASSES,
      options,
    );
    this.details = found.details;
  }

  /**
   * Opens the files `qmnist-train-images-idx3-ubyte` and `qmnist-train-labels-idx2-int` (or those with `test`), with or without `.gz`, in a
   * folder or an archive, or in its folder `QMNIST/raw`, where torchvision puts them.
   *
   * @throws {@link ArgumentError} when there is no such folder, file or part
   * @throws {@link FormatError} when a file is damaged, they do not fit together, or they cannot be fetched
   */
  static async open<O = Image, T = number>(root: FileSource, options: QmnistOptions<O, T> = {}): Promise<QMNIST<O, T>> {
    requireKind('QMNIST.open', 'options', options, OPTIONS);
    if (options.train !== undefined) requireKind('QMNIST.open', 'train', options.train, BOOL);
    const what = requireChoice('QMNIST.open', 'what', options.what ?? (options.train === false ? 'test' : 'train'), NAMES);
    const [file, from, to] = PARTS[what];
    const [pictures, details] = FILES[file];
    await provideRaw('QMNIST', root, options, [pictures, details]);
    const plain = ({ name }: Resource): string => name.replace('.gz', '');
    const { images, labels } = await findIdx('QMNIST', root, { images: plain(pictures), labels: plain(details) });
    return new QMNIST(await readDetails(images, labels, from, to, placeOf(root)), options);
  }
}

interface Found {
  readonly source: PixelSource;
  readonly details: readonly Int32Array[];
}

async function readDetails(
  images: Uint8Array,
  labels: Uint8Array,
  from: number,
  to: number | undefined,
  place: string | undefined,
): Promise<Found> {
  const { shape, data } = await readIdxIntegers(labels, 'labels-idx2-int', 2);
  const [count, width] = shape as [number, number];
  const details = Array.from({ length: count }, (_, i) => data.slice(i * width, (i + 1) * width));
  const { source } = await readPair(
    'QMNIST',
    images,
    details.map(([digit]) => digit ?? -1),
    CLASSES.length,
    place,
  );
  return { source: source.slice(from, to ?? count), details: details.slice(from, to) };
}
