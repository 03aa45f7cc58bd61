/**
 * PyTorch checkpoint files: the zip format of `torch.save` since 1.6, read and written as plain values.
 *
 * An archive holds `<name>/data.pkl` (the structure), `<name>/data/0`, `1`, … (one record per storage), `<name>/version` and
 * `<name>/byteorder`. Reading takes no byte of it on trust and runs nothing (see pickle-read.ts, pt-host.ts and zip.ts).
 * Format: https://pytorch.org/docs/stable/notes/serialization.html.
 *
 * Not here: the legacy format, TorchScript archives, files on disk (this also runs in browsers), and tensors with a device.
 */
import { ArgumentError, FormatError } from '../base/errors.ts';
import { PICKLE_LIMITS, quote } from './pickle-items.ts';
import type { PickleLimits } from './pickle-items.ts';
import { readPickle } from './pickle-read.ts';
import { writePickle } from './pickle-write.ts';
import { PtHost } from './pt-host.ts';
import type { PtInput, PtValue } from './pt-value.ts';
import { ZipReader, bytesSource } from './zip.ts';
import type { ZipOptions } from './zip.ts';
import { concatBytes, zipChunks } from './zip-write.ts';

/** Options of {@link readPt}: the limits of the archive and of the pickle inside it. */
export interface ReadPtOptions extends ZipOptions {
  /** Give Python floats with whole values as `PyFloat` instead of number, so that writing them again makes floats; default false. */
  readonly keepFloats?: boolean;
  readonly limits?: Partial<PickleLimits>;
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
 * Whatever device tensors were saved from, their bytes are simply there (PyTorch's `map_location='cpu'`).
 * @throws FormatError when the file is damaged, hostile, of another format or holds something other than plain values and
 * dense tensors; the message names the record, the position and what to do.
 * @see https://pytorch.org/docs/stable/generated/torch.load.html
 */
export function readPt(bytes: Uint8Array, options: ReadPtOptions = {}): PtValue {
  refuseOtherFormats(bytes);
  const zip = new ZipReader(bytesSource(bytes), options);
  const folder = findFolder(zip);
  checkVersion(zip, `${folder}/version`);
  const record = (key: string): string => `${folder}/data/${key}`;
  const host = new PtHost({
    bigEndian: isBigEndian(zip, `${folder}/byteorder`),
    read: (key) => (zip.entries.has(record(key)) ? zip.read(record(key)) : undefined),
  });
  const where = `${folder}/data.pkl`;
  const limits = { ...PICKLE_LIMITS, ...options.limits };
  return readPickle(zip.read(where), host, { where, limits, keepFloats: options.keepFloats ?? false });
}

/**
 * Writes a value so that `torch.load` opens it, with `weights_only=True` too: the bytes of a `.pt` file. Maps and plain objects become
 * `dict`, arrays `list`, safe integers `int`, other numbers `float`; see {@link PtInput} for the rest.
 *
 * PyTorch 1.13's `weights_only=True` refuses every Python float (https://github.com/pytorch/pytorch/issues/94670, fixed in 2.0).
 * @throws ArgumentError for a value that has no counterpart there, naming its place.
 * @see https://pytorch.org/docs/stable/generated/torch.save.html
 */
export function writePt(value: PtInput, options: WritePtOptions = {}): Uint8Array<ArrayBuffer> {
  return concatBytes(writePtChunks(value, options));
}

/**
 * As {@link writePt}, in pieces to be written one after the other: the storages' own bytes are among them, so that a large model is not
 * copied on its way to a file.
 * @throws ArgumentError for a value that has no counterpart there, naming its place.
 */
export function writePtChunks(value: PtInput, options: WritePtOptions = {}): Uint8Array[] {
  const name = options.name ?? 'archive';
  if (name === '' || name === '..' || name === '.' || /[/\\\p{Cc}]|^[A-Za-z]:/u.test(name)) {
    throw new ArgumentError(`writePt: name ${quote(name)}; expected the name of a folder, for example 'archive'`);
  }
  const { pickle, storages } = writePickle(value);
  const text = (content: string): Uint8Array => new TextEncoder().encode(content);
  return zipChunks([
    { name: `${name}/data.pkl`, data: pickle },
    { name: `${name}/byteorder`, data: text('little') },
    ...storages.map(({ bytes }, i) => ({ name: `${name}/data/${i}`, data: bytes })),
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

/** Refuses files that are something else, by their first bytes, with what to do about it. */
function refuseOtherFormats(bytes: Uint8Array): void {
  const problem = otherFormat(bytes);
  if (problem !== undefined)
    throw new FormatError(`readPt: expected a PyTorch file in zip format (PyTorch 1.6 and later), but ${problem}`);
}

const RESAVE = "convert it in Python: torch.save(torch.load(f, map_location='cpu'), g)";

function otherFormat(bytes: Uint8Array): string | undefined {
  const text = (from: number, length: number): string => String.fromCharCode(...bytes.subarray(from, from + length));
  if (text(0, 4) === 'PK\x03\x04') return undefined;
  if (bytes.length === 0) return 'the file is empty';
  // A pickle that begins with the number 0x1950a86a20f9469cfc6c.
  if (bytes[0] === 0x80 && text(2, 12) === '\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19') {
    return `this is PyTorch's legacy format, which is not supported; ${RESAVE}`;
  }
  if (text(257, 5) === 'ustar') return `this is a tar archive, as PyTorch wrote before 0.1.10; ${RESAVE}`;
  if (bytes[0] === 0x80) return `this is a bare pickle; save it with torch.save`;
  if (text(0, 7) === 'version') return 'this is a Git LFS pointer; fetch the file itself with git lfs pull';
  if (/^\s*</.test(text(0, 16))) return 'this is a web page or XML; the download went wrong';
  if (text(0, 2) === '\x1f\x8b') return 'this is gzip data; unpack it first';
  if (text(8, 2) === '{"') return 'this looks like a safetensors file, which has a reader of its own';
  if (text(1, 3) === 'HDF') return 'this is an HDF5 file (Keras); export the weights from there';
  return `its first bytes are ${JSON.stringify(text(0, 8))}`;
}
