/**
 * Finds out what the DATA of a command line is, and which parts it has: an image folder or an archive of one, MNIST's or
 * CIFAR-10's files, or nothing, which means the generated pictures. Node only.
 */
import { readdirSync, readFileSync, statSync, type Dirent } from 'node:fs';
import { requireKind, PATH } from '../base/arguments.ts';
import { ArgumentError, FormatError } from '../base/errors.ts';
import { openArchive } from '../io/archive/archive.ts';
import { reason } from '../io/archive/file-set.ts';
import type { Image } from '../io/image/image.ts';
import { statusOf } from '../io/archive/open-files.ts';
import { CIFAR10, GeneratedShapes, ImageFolder, MNIST, type ImageDataset } from '../vision/datasets/index.ts';

/** The parts that data may come in; `all` where there are none. */
export type SplitName = 'train' | 'valid' | 'test' | 'all';

/** Opens a part, with a transform if one is given. */
export type OpenSplit = <O = Image>(transform?: (image: Image) => O) => Promise<ImageDataset<O>>;

/** Data that has been recognised, but not read yet. */
export interface DataSource {
  /** For people: `image folder`, say. */
  readonly kind: string;
  /** The path; empty for generated pictures. */
  readonly place: string;
  /** What mirror images of its classes are: the same class, or nothing (as with digits). */
  readonly mirrors: boolean;
  readonly splits: ReadonlyMap<SplitName, OpenSplit>;
}

/**
 * Recognises data.
 *
 * @param path - undefined for generated pictures
 * @param labels - the file of labels that goes with an IDX file of images; found by its name when left out
 * @throws ArgumentError when there is nothing at the path
 * @throws FormatError when it is nothing that can be trained on
 */
export async function openData(path: string | undefined, labels?: string): Promise<DataSource> {
  if (path === undefined) return generated();
  requireKind('openData', 'the path', path, PATH);
  if (labels !== undefined) requireKind('openData', 'the path of the labels', labels, PATH);
  if (statusOf(path).isDirectory()) return openDirectory(path);
  return isIdxName(path) || labels !== undefined ? idxFiles(path, labels) : openPacked(path);
}

const generated = (): DataSource => ({
  kind: 'generated shapes',
  place: '',
  mirrors: true,
  splits: new Map<SplitName, OpenSplit>([
    ['train', (transform) => Promise.resolve(new GeneratedShapes({ train: true, ...given(transform) }))],
    ['test', (transform) => Promise.resolve(new GeneratedShapes({ train: false, ...given(transform) }))],
  ]),
});

/** An option that is left out when there is nothing to say. */
const given = <O>(transform: ((image: Image) => O) | undefined): { transform?: (image: Image) => O } =>
  transform === undefined ? {} : { transform };

// ---- MNIST

const IDX_IMAGES = /(train|t10k)-images[-.]idx3-ubyte(\.gz)?$/;
const isIdxName = (path: string): boolean => /idx3-ubyte(\.gz)?$/.test(path);

/** MNIST's files in a folder; undefined if there are none. Without a training part, the other is all there is. */
function mnistFolder(path: string, names: readonly string[]): DataSource | undefined {
  const parts = new Set(names.map((name) => IDX_IMAGES.exec(name)?.[1]));
  const open = (train: boolean): OpenSplit => (transform) => MNIST.open(path, { train, ...given(transform) }); // prettier-ignore
  const splits = new Map<SplitName, OpenSplit>();
  if (parts.has('train')) splits.set('train', open(true));
  if (parts.has('t10k')) splits.set(parts.has('train') ? 'test' : 'all', open(false));
  return splits.size === 0 ? undefined : { kind: 'MNIST', place: path, mirrors: false, splits };
}

function idxFiles(images: string, labels: string | undefined): DataSource {
  const path = labels ?? images.replace('images', 'labels').replace('idx3', 'idx1');
  if (path === images) throw new ArgumentError(`${JSON.stringify(images)}: the file of its labels cannot be told from its name; give --labels`); // prettier-ignore
  const all: OpenSplit = async (transform) =>
    await MNIST.fromFiles(bytesOf(images), bytesOf(path), given(transform), images);
  return { kind: 'MNIST', place: images, mirrors: false, splits: new Map([['all', all]]) };
}

function bytesOf(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new ArgumentError(`cannot read ${JSON.stringify(path)}: ${reason(cause)}`, { cause });
  }
}

// ---- folders and archives

function openDirectory(path: string): DataSource {
  const entries = directoryOf(path);
  const folders = entries.filter((entry) => isFolder(path, entry)).map((entry) => entry.name);
  const names = entries.map((entry) => entry.name);
  const nested = ['MNIST/raw', 'cifar-10-batches-bin'].flatMap((folder) =>
    folders.includes(folder.split('/')[0]!) ? namesIn(`${path}/${folder}`) : [],
  );
  return recognised(path, [...names, ...nested], folders);
}

const isFolder = (path: string, entry: Dirent): boolean =>
  entry.isDirectory() || (entry.isSymbolicLink() && statSync(`${path}/${entry.name}`, { throwIfNoEntry: false })?.isDirectory() === true); // prettier-ignore

const namesIn = (path: string): string[] =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? readdirSync(path) : [];

function directoryOf(path: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (cause) {
    throw new ArgumentError(`cannot read the folder ${JSON.stringify(path)}: ${reason(cause)}`, { cause });
  }
}

async function openPacked(path: string): Promise<DataSource> {
  const names: string[] = [];
  const note = (name: string): boolean => {
    names.push(name);
    return false;
  };
  await openArchive(path, { keep: note });
  const parts = names.map((name) => name.split('/'));
  const first = new Set(parts.map(([head]) => head));
  // The folder that an archive is packed with, around everything.
  const wrapped = first.size === 1 && parts.every((part) => part.length > 2) && splitOf([...first][0]!) === undefined;
  const depth = wrapped ? 1 : 0;
  const folders = new Set(parts.filter((part) => part.length > depth + 1).map((part) => part[depth]!));
  return recognised(path, names.map((name) => name.slice(name.lastIndexOf('/') + 1)), [...folders]); // prettier-ignore
}

const SPLITS: readonly (readonly [SplitName, RegExp])[] = [
  ['train', /^train(ing)?$/i],
  ['valid', /^val(id|idation)?$/i],
  ['test', /^test(ing)?$/i],
];

const splitOf = (folder: string): SplitName | undefined => SPLITS.find(([, name]) => name.test(folder))?.[0];

/** Decides by the names of files and of the outermost folders. */
function recognised(path: string, files: readonly string[], folders: readonly string[]): DataSource {
  const mnist = mnistFolder(path, files);
  if (mnist !== undefined) return mnist;
  const cifar = cifarFolder(path, files);
  if (cifar !== undefined) return cifar;
  const visible = folders.filter((folder) => !folder.startsWith('.'));
  if (visible.length === 0) {
    throw new FormatError(
      `${JSON.stringify(path)} holds no data that is known; expected one folder of images for each class (or train/ and test/ with those), MNIST's IDX files, or CIFAR-10's binary batches`,
    );
  }
  return { kind: 'image folder', place: path, mirrors: true, splits: folderSplits(path, visible) };
}

function cifarFolder(path: string, files: readonly string[]): DataSource | undefined {
  const open = (train: boolean): OpenSplit => (transform) => CIFAR10.open(path, { train, ...given(transform) }); // prettier-ignore
  const splits = new Map<SplitName, OpenSplit>();
  if (files.some((name) => /^data_batch_[1-5]\.bin$/.test(name))) splits.set('train', open(true));
  if (files.includes('test_batch.bin')) splits.set('test', open(false));
  return splits.size === 0 ? undefined : { kind: 'CIFAR-10', place: path, mirrors: true, splits };
}

/**
 * Folders named train, valid and test are parts when nothing else is beside them or there are at least two of them; else they are
 * classes as any other (`bus`, `train`, `tram`).
 */
function folderSplits(path: string, folders: readonly string[]): Map<SplitName, OpenSplit> {
  const open = (split?: string): OpenSplit => (transform) =>
      ImageFolder.open(path, { ...(split === undefined ? {} : { split }), ...given(transform) }); // prettier-ignore
  const parts = folders.flatMap((folder) => {
    const split = splitOf(folder);
    return split === undefined ? [] : [[split, open(folder)] as const];
  });
  const areParts = parts.length === folders.length || parts.length > 1;
  return areParts ? new Map(parts) : new Map([['all', open()]]);
}
