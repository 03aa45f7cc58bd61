/**
 * What CIFAR-10 and CIFAR-100 have in common: 32×32 colour pictures as planes of red, green and blue, in two releases
 * (https://www.cs.toronto.edu/~kriz/cifar.html). The binary one has records of one or two bytes of classes and 3 × 1024 of pixels, the
 * other pickled dicts of NumPy arrays. Pickles are read as data: nothing in them is run.
 */
import { FormatError } from '../../base/errors.ts';
import { sharedBytes } from '../../io/archive/file-set.ts';
import type { FileSource } from '../../io/archive/open-files.ts';
import { PtHost } from '../../io/pt/host.ts';
import { RawTensor, type PtValue } from '../../io/pt/value.ts';
import { readPickle } from '../../io/pickle/read.ts';
import type { Resource } from './download.ts';
import { placeOf } from './mnist-files.ts';
import { SetFiles } from './set-files.ts';
import { PixelSource } from './source.ts';

const PIXELS = 32 * 32;

/** One of the two sets. */
export interface CifarRelease {
  readonly set: string;
  /** Folders that archives unpack to. */
  readonly folders: readonly [binary: string, python: string];
  /** Names of a part's files, binary and Python. */
  readonly files: Readonly<Record<'train' | 'test', readonly [binary: string, python: string]>>;
  /** Bytes of classes before a binary record's pixels, of which the last counts. */
  readonly labelBytes: number;
  /** The key of the classes in a Python batch, and of their names in the file `meta`. */
  readonly keys: readonly [labels: string, names: string];
  readonly meta: string;
  /** Names where no file gives them. */
  readonly classes: readonly string[];
  readonly archive: Resource;
}

/** Pictures and classes. */
export interface CifarContents {
  readonly source: PixelSource;
  readonly targets: readonly number[];
  readonly classes: readonly string[];
}

interface Batch {
  readonly planes: Uint8Array;
  readonly labels: readonly number[];
}

/**
 * Reads a part of a set.
 *
 * @throws ArgumentError when there is nothing at the path
 * @throws FormatError when there is no batch file, or one is damaged
 */
export async function readCifar(release: CifarRelease, root: FileSource, train: boolean): Promise<CifarContents> {
  const { set, files, folders, meta } = release;
  const part = files[train ? 'train' : 'test'];
  const inFolder = (index: 0 | 1, names: string): RegExp => new RegExp(`^((?:.*/)?${folders[index]}/|)(?:${names})$`);
  const wanted = [inFolder(0, part[0]), inFolder(1, part[1])] as const;
  const any = new RegExp(`(^|/)(?:${part[0]}|${part[1]}|${meta})$`);
  const found = await SetFiles.open(set, root, any);
  const pick = (pattern: RegExp): string[] => inOneFolder(set, found.names.filter((name) => pattern.test(name)).sort());
  const binary = pick(wanted[0]);
  const names = binary.length > 0 ? binary : pick(wanted[1]);
  if (names.length === 0) {
    const expected = [part[0], part[1]].map((pattern) => pattern.replaceAll('\\', '').replace('[1-5]', '1 … 5')).join(' or ');
    throw new FormatError(
      `${set}: there is no ${expected} in ${JSON.stringify(found.files.name)}; give the folder of the data set, or set download: true`,
    );
  }
  const read = binary.length > 0 ? binaryBatch : pythonBatch;
  const batches = names.map((name) => checked(release, name, read(release, name, found.bytes(name))));
  return { ...joined(set, batches, placeOf(root)), classes: classNames(release, found) };
}

/** @throws FormatError when files of one name lie in several folders: they would be read twice */
function inOneFolder(set: string, names: readonly string[]): string[] {
  const folderOf = (name: string): string => name.slice(0, name.lastIndexOf('/') + 1);
  const folders = [...new Set(names.map(folderOf))].sort((a, b) => a.split('/').length - b.split('/').length);
  const [first, second] = folders;
  if (second !== undefined && second.split('/').length === first!.split('/').length)
    throw new FormatError(`${set}: several folders have such files: ${folders.join(', ')}; give one of them`);
  return names.filter((name) => folderOf(name) === first);
}

function joined(set: string, batches: readonly Batch[], place: string | undefined): Omit<CifarContents, 'classes'> {
  const targets = batches.flatMap(({ labels }) => [...labels]);
  const pixels = sharedBytes(targets.length * 3 * PIXELS);
  let at = 0;
  for (const { planes } of batches)
    for (let from = 0; from < planes.length; from += 3 * PIXELS, at += 3 * PIXELS)
      interleave(planes.subarray(from, from + 3 * PIXELS), pixels, at, PIXELS);
  return { source: new PixelSource(`${set} picture`, { width: 32, height: 32, channels: 3 }, pixels, place), targets };
}

/** Red, green and blue planes to pixels. */
function interleave(planes: Uint8Array, out: Uint8Array, from: number, pixels: number): void {
  for (let p = 0, o = from; p < pixels; p++, o += 3) {
    out[o] = planes[p]!;
    out[o + 1] = planes[pixels + p]!;
    out[o + 2] = planes[2 * pixels + p]!;
  }
}

function checked({ set, classes }: CifarRelease, name: string, batch: Batch): Batch {
  const wrong = batch.labels.findIndex((label) => !(label >= 0 && label < classes.length));
  if (wrong === -1) return batch;
  throw new FormatError(
    `${set}: ${JSON.stringify(name)}: record ${wrong} has class ${batch.labels[wrong]!}, expected 0 to ${classes.length - 1}`,
  );
}

function binaryBatch({ set, labelBytes }: CifarRelease, name: string, bytes: Uint8Array): Batch {
  const record = labelBytes + 3 * PIXELS;
  if (bytes.length === 0 || bytes.length % record !== 0) {
    throw new FormatError(
      `${set}: ${JSON.stringify(name)} has ${bytes.length} bytes, expected a multiple of ${record}; it is damaged, fetch it again`,
    );
  }
  const count = bytes.length / record;
  const planes = new Uint8Array(count * 3 * PIXELS);
  const labels: number[] = [];
  for (let i = 0; i < count; i++) {
    labels.push(bytes[i * record + labelBytes - 1]!);
    planes.set(bytes.subarray(i * record + labelBytes, (i + 1) * record), i * 3 * PIXELS);
  }
  return { planes, labels };
}

function pythonBatch({ set, keys }: CifarRelease, name: string, bytes: Uint8Array): Batch {
  const entries = readEntries(bytes, name);
  const data = entries.get('data');
  const labels = entries.get(keys[0]);
  const fail = (why: string): FormatError =>
    new FormatError(`${set}: ${JSON.stringify(name)} ${why}; it is damaged or of another set, fetch it again`);
  if (!(data instanceof RawTensor) || data.dtype !== 'uint8' || data.shape.at(-1) !== 3 * PIXELS)
    throw fail(`has no data of 3072 bytes each`);
  if (!Array.isArray(labels) || !labels.every((label): label is number => typeof label === 'number')) throw fail(`has no list ${keys[0]}`);
  if (labels.length !== data.shape[0]) throw fail(`has ${data.shape[0]} pictures but ${labels.length} labels`);
  if (data.strides[0] !== 3 * PIXELS || data.strides[1] !== 1) throw fail('has its data in another order');
  return { planes: data.storage.bytes.subarray(data.offset, data.offset + data.numel), labels };
}

/** The entries of a pickled dict, by names that may be bytes. */
function readEntries(bytes: Uint8Array, name: string): ReadonlyMap<string, PtValue> {
  const host = new PtHost({ read: () => undefined, bigEndian: false });
  const value = readPickle(bytes, host, { where: JSON.stringify(name), budget: Math.max(bytes.length, 1 << 24) });
  const entries = new Map<string, PtValue>();
  if (value instanceof Map) for (const [key, entry] of value) entries.set(textOf(key), entry);
  return entries;
}

const textOf = (value: unknown): string => (value instanceof Uint8Array ? new TextDecoder('latin1').decode(value) : String(value));

/** The names in the release's own file, if it is there and has as many as there are classes. */
function classNames({ classes, keys, meta }: CifarRelease, found: SetFiles): readonly string[] {
  const pattern = new RegExp(`(^|/)(?:${meta})$`);
  for (const name of found.names.filter((each) => pattern.test(each))) {
    try {
      const names = name.endsWith('.txt') ? found.lines(name) : readEntries(found.bytes(name), name).get(keys[1]);
      if (Array.isArray(names) && names.length === classes.length) return names.map(textOf);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error; // the usual names stand for those of a damaged file
    }
  }
  return classes;
}
