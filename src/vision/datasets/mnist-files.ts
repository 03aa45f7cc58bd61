/** What MNIST and the sets in its format have in common: pictures and labels in two IDX files. */
import { BYTES, OPTIONS, requireKind } from '../../base/arguments.ts';
import { ArgumentError, FormatError } from '../../base/errors.ts';
import { openFiles, type FileSource } from '../../io/archive/open-files.ts';
import { provide, type DownloadOptions, type Resource } from './download.ts';
import { readIdx } from './idx.ts';
import type { ImageDatasetOptions } from './image-dataset.ts';
import { PixelSource, shared } from './source.ts';

/** Options of the data sets in MNIST's format. */
export interface MnistOptions<O, T = number> extends ImageDatasetOptions<O, T>, DownloadOptions {
  /** The training pictures (default) or those for testing. */
  readonly train?: boolean;
}

/** Where torchvision has a set from. */
export interface MnistPlace {
  /** The set's class, which is the name of its folder too. */
  readonly set: string;
  readonly mirrors: readonly string[];
  /** MD5 of each file. */
  readonly md5: Readonly<Record<string, string>>;
}

/**
 * The two files of a set whose files are called as MNIST's, fetched first where the options say so.
 *
 * @throws ArgumentError when there are none
 * @throws FormatError when several folders have such files, or they cannot be fetched
 */
export async function findMnist<O, T>({ set, mirrors, md5 }: MnistPlace, root: FileSource, options: MnistOptions<O, T>): Promise<IdxPair> {
  requireKind(`${set}.open`, 'options', options, OPTIONS);
  const prefix = options.train === false ? 't10k' : 'train';
  const resources = Object.entries(md5)
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, sum]): Resource => ({ name, md5: sum, urls: mirrors.map((mirror) => `${mirror}${name}`) }));
  await provideRaw(set, root, options, resources);
  return await findIdx(set, root, mnistNames(options.train));
}

/** Files of IDX in `SET/raw`, packed or unpacked as torchvision leaves them. */
export async function provideRaw(set: string, root: FileSource, options: DownloadOptions, resources: readonly Resource[]): Promise<void> {
  const folder = `${set}/raw`;
  const unpacked = resources.map(({ name }) => `${folder}/${name.replace(/\.\w+$/, '')}`);
  await provide(set, root, options, { folder, resources, present: unpacked });
}

/** The two files of a set. */
export interface IdxPair {
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
}

/**
 * Finds the files of pictures and labels: in the root, in its folder `SET/raw`, or in whichever folder has them if there is only one.
 *
 * @param names - patterns of the files' names without `.gz`
 * @throws ArgumentError when there are none
 * @throws FormatError when several folders have such files
 */
export async function findIdx(
  set: string,
  root: FileSource,
  names: { readonly images: string; readonly labels: string },
): Promise<IdxPair> {
  const wanted = new RegExp(`^((?:.*/)?)(?:${names.images}|${names.labels})(?:\\.gz)?$`);
  const { files } = await openFiles(root, { keep: (name) => wanted.test(name), maxDepth: 4 });
  const folders = new Set(files.names.map((name) => wanted.exec(name)![1]!));
  const usual = ['', `${set}/raw/`, 'raw/'].find((folder) => folders.has(folder));
  const own = [...folders].filter((folder) => new RegExp(`(^|/)${set}/(raw/)?$`).test(folder));
  const candidates = usual === undefined ? (own.length > 0 ? own : [...folders]) : [usual];
  const plain = (pattern: string): string => pattern.replaceAll('[-.]', '-');
  if (candidates.length > 1)
    throw new FormatError(
      `${set}: ${JSON.stringify(files.name)} has several folders with such files: ${candidates.join(', ')}; give one of them`,
    );
  const find = (pattern: string): Uint8Array => {
    const name = new RegExp(`^${pattern}(\\.gz)?$`);
    const folder = candidates[0] ?? '';
    const row = files.names.findIndex((each) => each.startsWith(folder) && name.test(each.slice(folder.length)));
    if (row !== -1) return files.read(row);
    throw new ArgumentError(
      `${set}: there is no file ${plain(pattern)} or .gz in ${JSON.stringify(files.name)} or its folder ${set}/raw; put it there, or set download: true`,
    );
  };
  return { images: find(names.images), labels: find(names.labels) };
}

/** Patterns of MNIST's own names. */
const mnistNames = (train: boolean | undefined): { images: string; labels: string } => {
  const prefix = train === false ? 't10k' : 'train';
  return { images: `${prefix}-images[-.]idx3-ubyte`, labels: `${prefix}-labels[-.]idx1-ubyte` };
};

/**
 * The pictures and classes in two files.
 *
 * @param labels - that file's bytes, or the classes
 * @throws FormatError when a file is damaged, they do not fit together, or there are other classes than there may be
 */
export async function readPair(
  set: string,
  images: Uint8Array,
  labels: Uint8Array | readonly number[],
  classes: number,
  place: string | undefined,
): Promise<{ source: PixelSource; targets: number[] }> {
  for (const file of [images, labels]) if (!Array.isArray(file)) requireKind(`${set}.fromFiles`, 'the files', file, BYTES);
  const pictures = await readIdx(images, 'images-idx3-ubyte', 3);
  const targets = labels instanceof Uint8Array ? [...(await readIdx(labels, 'labels-idx1-ubyte', 1)).data] : [...labels];
  const [count, height, width] = pictures.shape as [number, number, number];
  if (targets.length !== count) {
    throw new FormatError(`${set}: there are ${count} pictures but ${targets.length} labels; take both files from the same set`);
  }
  const wrong = targets.findIndex((label) => label >= classes || label < 0);
  if (wrong !== -1) throw new FormatError(`${set}: label ${wrong} is ${targets[wrong]!}, expected 0 to ${classes - 1}`);
  if (count === 0 || width === 0 || height === 0) throw new FormatError(`${set}: there are no pictures in the file`);
  return { source: new PixelSource(`${set} picture`, { width, height, channels: 1 }, shared(pictures.data), place), targets };
}

/** What printing says about a root. */
export const placeOf = (root: FileSource): string | undefined => (typeof root === 'string' ? root : undefined);
