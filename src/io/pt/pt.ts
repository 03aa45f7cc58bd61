/**
 * PyTorch checkpoint files as plain values: the zip format of `torch.save` since 1.6 is read and written; the formats before it are
 * read (pt/legacy.ts, pt/tar.ts).
 *
 * An archive holds `<name>/data.pkl` (the structure), `<name>/data/0`, `1`, … (one record per storage), `<name>/version` and
 * `<name>/byteorder`. Reading takes no byte of it on trust and runs nothing (see pickle/read.ts, pt/host.ts and zip.ts).
 * Format: https://pytorch.org/docs/stable/notes/serialization.html.
 *
 * Not here: TorchScript archives, files on disk (this also runs in browsers), and tensors with a device.
 */
import type { Bytes } from '../../base/host-types.ts';
import { bytesOf, type ByteInput } from '../../base/bytes.ts';
import { ArgumentError, FormatError } from '../../base/errors.ts';
import { bytesSource, type ByteSource } from '../bytes/byte-source.ts';
import { formatOf, otherFormat } from '../file-format.ts';
import { quote } from '../pickle/items.ts';
import type { PickleLimits } from '../pickle/items.ts';
import { readPickleAt } from '../pickle/read.ts';
import { writePickle } from '../pickle/write.ts';
import { PtHost } from './host.ts';
import { readLegacyPt } from './legacy.ts';
import { readTarPt } from './tar.ts';
import type { PtInput, PtValue } from './value.ts';
import { ZipReader } from '../archive/zip.ts';
import type { ZipOptions } from '../archive/zip.ts';
import { concatBytes } from '../bytes/byte-writer.ts';
import { zipChunks } from '../archive/zip-write.ts';

/** Options of {@link readPt}: the limits of the archive and of the pickle inside it. */
export interface ReadPtOptions extends ZipOptions {
  /** Give Python floats with whole values as `PyFloat` instead of number, so that writing them again makes floats; default false. */
  readonly keepFloats?: boolean;
  readonly limits?: Partial<PickleLimits>;
  /** Told when a whole module was pickled, in whose place its state dict stands. Default: a warning on the console. */
  readonly onModule?: (className: string, place: string) => void;
}

/** Options of {@link writePt}. */
export interface WritePtOptions {
  /** The folder inside the archive; `torch.save` uses the file's name without extension. Default `'archive'`. */
  readonly name?: string;
}

/** Newest version of the container that is known; PyTorch has written 3 since 1.6. */
const MAX_VERSION = 10;

/**
 * Reads a file that `torch.save` wrote, without running anything in it. See {@link PtValue} for what comes back: dictionaries are
 * Maps, tensors are `RawTensor`s whose bytes may be views of `bytes`; tensors that shared a storage still do.
 *
 * Whatever device tensors were saved from, their bytes are simply there (PyTorch's `map_location='cpu'`). Of a whole module
 * (`torch.save(model)`) only the state dict is read.
 * @throws FormatError when the file is damaged, hostile, of another format or holds something other than plain values and
 * dense tensors; the message names the record, the position and what to do.
 * @see https://pytorch.org/docs/stable/generated/torch.load.html
 */
export function readPt(bytes: ByteInput, options: ReadPtOptions = {}): PtValue {
  return readPtFrom(bytesSource(bytesOf('readPt', bytes)), options);
}

/** As {@link readPt}, from a file as well: then storages stay there until their bytes are asked for. */
export function readPtFrom(source: ByteSource, options: ReadPtOptions = {}): PtValue {
  const format = formatOf(source);
  const pickle = {
    limits: options.limits ?? {},
    keepFloats: options.keepFloats ?? false,
    onModule: options.onModule ?? warnOfModule,
  };
  if (format === 'legacy') return readLegacyPt(source, pickle);
  if (format === 'tar') return readTarPt(source, pickle);
  if (format !== 'zip') {
    throw new FormatError(`readPt: expected a PyTorch file, but ${otherFormat(source)}`);
  }
  const zip = new ZipReader(source, options);
  const folder = findFolder(zip);
  checkVersion(zip, `${folder}/version`);
  const record = (key: string): string => `${folder}/data/${key}`;
  const host = new PtHost({
    bigEndian: isBigEndian(zip, `${folder}/byteorder`),
    read: (key) => (zip.entries.has(record(key)) ? zip.open(record(key)) : undefined),
  });
  const where = `${folder}/data.pkl`;
  const bytes = zip.read(where);
  // A pickle that was packed may be much longer than the file, and is not allowed more for it.
  const budget = Math.min(bytes.length, 8 * source.size);
  return readPickleAt(bytes, 0, host, { where, budget, ...pickle }).value;
}

function warnOfModule(className: string, place: string): void {
  const what = place === '' ? 'the file holds' : `${place} is`;
  console.warn(`load: ${what} a whole module, ${className}; its code is not run, its state dict is loaded`);
}

/**
 * Writes a value so that `torch.load` opens it, with `weights_only=True` too: the bytes of a `.pt` file. Maps and plain objects become
 * `dict`, arrays `list`, safe integers `int`, other numbers `float`; see {@link PtInput} for the rest.
 *
 * PyTorch 1.13's `weights_only=True` refuses every Python float (https://github.com/pytorch/pytorch/issues/94670, fixed in 2.0).
 * @throws ArgumentError for a value that has no counterpart there, naming its place.
 * @see https://pytorch.org/docs/stable/generated/torch.save.html
 */
export function writePt(value: PtInput, options: WritePtOptions = {}): Bytes {
  return concatBytes(writePtChunks(value, options));
}

/**
 * As {@link writePt}, in pieces to be written one after the other: the storages' own bytes are among them, so that a large model is not
 * copied on its way to a file.
 * @throws ArgumentError for a value that has no counterpart there, naming its place.
 */
export function writePtChunks(value: PtInput, options: WritePtOptions = {}): Iterable<Uint8Array> {
  const name = options.name ?? 'archive';
  if (name === '' || name === '..' || name === '.' || /[/\\\p{Cc}]|^[A-Za-z]:/u.test(name)) {
    throw new ArgumentError(`writePt: name ${quote(name)}; expected the name of a folder, for example 'archive'`);
  }
  const { pickle, storages } = writePickle(value);
  const text = (content: string): Uint8Array => new TextEncoder().encode(content);
  return zipChunks([
    { name: `${name}/data.pkl`, data: pickle },
    { name: `${name}/byteorder`, data: text('little') },
    ...storages.map((storage, i) => ({
      name: `${name}/data/${i}`,
      size: storage.byteLength,
      pieces: () => storage.chunks(),
    })),
    { name: `${name}/version`, data: text('3\n') },
  ]);
}

/** The one folder that all of a checkpoint's records lie in. */
function findFolder(zip: ZipReader): string {
  const [first] = zip.entries.keys();
  const folder = first?.split('/')[0] ?? '';
  const has = (name: string): boolean => zip.entries.has(`${folder}/${name}`);
  if (has('constants.pkl')) {
    throw new FormatError(
      "readPt: this is a TorchScript archive (torch.jit.save), which holds code; save the model's state_dict() with torch.save instead",
    );
  }
  if (has('data.pkl')) return folder;
  throw new FormatError(
    `readPt: the archive has no record ${quote(`${folder}/data.pkl`)}, so it is a zip archive but no PyTorch file; its ${zip.entries.size} members begin with ${quote(first ?? '')}`,
  );
}

function checkVersion(zip: ZipReader, record: string): void {
  if (!zip.entries.has(record))
    throw new FormatError(`readPt: there is no record ${quote(record)}; the file is incomplete, fetch it again`);
  const text = new TextDecoder().decode(zip.read(record)).trim();
  const version = /^\d{1,4}$/.test(text) ? Number(text) : NaN;
  if (version >= 1 && version <= MAX_VERSION) return;
  throw new FormatError(
    `readPt: record ${quote(record)} is ${quote(text)}; expected a version from 1 to ${MAX_VERSION}. Save the file again with a PyTorch of today`,
  );
}

function isBigEndian(zip: ZipReader, record: string): boolean {
  if (!zip.entries.has(record)) return false;
  const order = new TextDecoder().decode(zip.read(record));
  if (order === 'little' || order === 'big') return order === 'big';
  throw new FormatError(
    `readPt: record ${quote(record)} is ${quote(order)}; expected 'little' or 'big'. The file is damaged, fetch it again`,
  );
}
