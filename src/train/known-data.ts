/**
 * Recognises published data sets by the names of their files: MNIST and the sets in its format, and CIFAR. Files of one format have the same
 * names in several sets, so the names of folders tell which it is.
 */
import { FormatError } from '../base/errors.ts';
import type { Image } from '../io/image/image.ts';
import { CIFAR10, CIFAR100, EMNIST, FashionMNIST, KMNIST, MNIST, QMNIST, type EmnistSplit, type ImageDataset } from '../vision/datasets/index.ts'; // prettier-ignore
import { EMNIST_SPLITS } from '../vision/datasets/emnist.ts';
import { readIdx } from '../vision/datasets/idx.ts';
import { openFiles } from '../io/archive/open-files.ts';
import type { SplitName } from './layout.ts';

/** Opens a part, with a transform if one is given. */
export type OpenSplit = <O = Image>(transform?: (image: Image) => O) => Promise<ImageDataset<O>>;

/** How large an image file may be; default as everywhere. */
export interface PixelLimit {
  readonly maxPixels?: number;
}

/** A set, and its parts. */
export interface KnownData {
  readonly kind: string;
  /** Whether mirror images are of the same class. */
  readonly mirrors: boolean;
  readonly splits: Map<SplitName, OpenSplit>;
  readonly notes: readonly string[];
}

/** An option that is left out when there is nothing to say. */
export const given = <O>(transform: ((image: Image) => O) | undefined): { transform?: (image: Image) => O } =>
  transform === undefined ? {} : { transform };

/** The data set whose files are there; undefined if there is none. */
export async function knownData(path: string, names: readonly string[]): Promise<KnownData | undefined> {
  return cifar(path, names) ?? emnistBySplit(path, names) ?? qmnist(path, names) ?? (await mnistLike(path, names));
}

/** `train`, and `test` or all that there is. */
function parts(train: OpenSplit | undefined, test: OpenSplit | undefined): Map<SplitName, OpenSplit> {
  const splits = new Map<SplitName, OpenSplit>();
  if (train !== undefined) splits.set('train', train);
  if (test !== undefined) splits.set(train === undefined ? 'all' : 'test', test);
  return splits;
}

type OpenPart = (train: boolean) => OpenSplit;

function partsBy(open: OpenPart, has: (train: boolean) => boolean): Map<SplitName, OpenSplit> {
  return parts(has(true) ? open(true) : undefined, has(false) ? open(false) : undefined);
}

function cifar(path: string, names: readonly string[]): KnownData | undefined {
  const has = (pattern: RegExp): boolean => names.some((name) => pattern.test(name));
  const ten = partsBy(
    (train) => (transform) => CIFAR10.open(path, { train, ...given(transform) }),
    (train) => has(train ? /(^|\/)data_batch_[1-5](\.bin)?$/ : /(^|\/)test_batch(\.bin)?$/),
  );
  if (ten.size > 0) return { kind: 'CIFAR-10', mirrors: true, splits: named(ten), notes: [] };
  const inFolder = /(^|\/)cifar-100-(binary|python)\//.test(`${path}/${names[0] ?? ''}`) || has(/(^|\/)cifar-100-/);
  const hundred = partsBy(
    (train) => (transform) => CIFAR100.open(path, { train, ...given(transform) }),
    (train) => inFolder && has(train ? /(^|\/)train(\.bin)?$/ : /(^|\/)test(\.bin)?$/),
  );
  return hundred.size > 0 ? { kind: 'CIFAR-100', mirrors: true, splits: named(hundred), notes: [] } : undefined;
}

/** A part for testing is called so, even alone. */
function named(splits: Map<SplitName, OpenSplit>): Map<SplitName, OpenSplit> {
  const all = splits.get('all');
  return all === undefined ? splits : new Map([['test', all]]);
}

const EMNIST_FILE = /(^|\/)emnist-(byclass|bymerge|balanced|letters|digits|mnist)-(train|test)-images-idx3-ubyte(\.gz)?$/;

/** EMNIST's files say which split they are. Of several, the one with most classes is taken. */
function emnistBySplit(path: string, names: readonly string[]): KnownData | undefined {
  const found = names.flatMap((name) => {
    const match = EMNIST_FILE.exec(name);
    return match === null ? [] : [{ split: match[2] as EmnistSplit, part: match[3]! }];
  });
  const split = EMNIST_SPLITS.find((each) => found.some((file) => file.split === each));
  if (split === undefined) return undefined;
  const others = [...new Set(found.map((file) => file.split))].filter((each) => each !== split);
  const splits = partsBy(
    (train) => (transform) => EMNIST.open(path, { split, train, ...given(transform) }),
    (train) => found.some((file) => file.split === split && file.part === (train ? 'train' : 'test')),
  );
  const notes = others.length > 0 ? [`of EMNIST's splits that are there, ${split} is taken, not ${others.join(', ')}`] : [];
  return { kind: `EMNIST ${split}`, mirrors: false, splits, notes };
}

function qmnist(path: string, names: readonly string[]): KnownData | undefined {
  const splits = partsBy(
    (train) => (transform) => QMNIST.open(path, { train, ...given(transform) }),
    (train) => names.some((name) => new RegExp(`(^|/)qmnist-${train ? 'train' : 'test'}-images-idx3-ubyte(\\.gz)?$`).test(name)),
  );
  return splits.size === 0 ? undefined : { kind: 'QMNIST', mirrors: false, splits, notes: [] };
}

const IDX_IMAGES = /(^|\/)(train|t10k)-images[-.]idx3-ubyte(\.gz)?$/;

/** Sets whose files have MNIST's names: which it is, the folders' names say. */
async function mnistLike(path: string, names: readonly string[]): Promise<KnownData | undefined> {
  const files = names.filter((name) => IDX_IMAGES.test(name));
  if (files.length === 0) return undefined;
  const place = `${path}/${files.join('/')}`;
  const has = (train: boolean): boolean => files.some((name) => IDX_IMAGES.exec(name)![2] === (train ? 'train' : 't10k'));
  const made = (kind: string, mirrors: boolean, open: OpenPart): KnownData => ({ kind, mirrors, splits: partsBy(open, has), notes: [] });
  if (/fashion/i.test(place))
    return made('FashionMNIST', true, (train) => (transform) => FashionMNIST.open(path, { train, ...given(transform) }));
  if (/kmnist|kuzushiji/i.test(place))
    return made('KMNIST', false, (train) => (transform) => KMNIST.open(path, { train, ...given(transform) }));
  if (/emnist/i.test(place)) return await emnistByLabels(path, has);
  return made('MNIST', false, (train) => (transform) => MNIST.open(path, { train, ...given(transform) }));
}

const LABELS = /(^|\/)(train|t10k)-labels[-.]idx1-ubyte(\.gz)?$/;

/** EMNIST under MNIST's names, as some packages have it: the largest label says which split it is. */
async function emnistByLabels(path: string, has: (train: boolean) => boolean): Promise<KnownData> {
  const { files } = await openFiles(path, { keep: (name) => LABELS.test(name), maxDepth: 4 });
  let largest = 0;
  let smallest = Infinity;
  for (const [row] of files.names.entries()) {
    for (const label of (await readIdx(files.read(row), files.names[row]!, 1)).data) {
      largest = Math.max(largest, label);
      smallest = Math.min(smallest, label);
    }
  }
  const split = splitOfLabels(smallest, largest);
  const open: OpenPart = (train) => (transform) => openPair(path, train, split, transform);
  return { kind: `EMNIST ${split}`, mirrors: false, splits: partsBy(open, has), notes: [] };
}

function splitOfLabels(smallest: number, largest: number): EmnistSplit {
  if (largest <= 9) return 'digits';
  if (largest <= 26 && smallest >= 1) return 'letters';
  return largest <= 46 ? 'balanced' : 'byclass';
}

async function openPair<O>(
  path: string,
  train: boolean,
  split: EmnistSplit,
  transform: ((image: Image) => O) | undefined,
): Promise<ImageDataset<O>> {
  const prefix = train ? 'train' : 't10k';
  const wanted = new RegExp(`(^|/)${prefix}-(images[-.]idx3|labels[-.]idx1)-ubyte(\\.gz)?$`);
  const { files } = await openFiles(path, { keep: (name) => wanted.test(name), maxDepth: 4 });
  const bytes = (what: string): Uint8Array => {
    const row = files.names.findIndex((name) => name.includes(`${prefix}-${what}`));
    if (row === -1) throw new FormatError(`EMNIST: there is no file ${prefix}-${what} in ${JSON.stringify(path)}`);
    return files.read(row);
  };
  return await EMNIST.fromFiles(bytes('images'), bytes('labels'), { split, ...given(transform) }, path);
}
