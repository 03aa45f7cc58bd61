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
import { writePickle } from '../pickle/write.ts';
import { pickleOptions, readPtArchive, type ReadPtOptions } from './archive.ts';
import { readLegacyPt } from './legacy.ts';
import { readTarPt } from './tar.ts';
import type { PtInput, PtValue } from './value.ts';
import { ZipReader } from '../archive/zip.ts';
import { concatBytes } from '../bytes/byte-writer.ts';
import { zipChunks } from '../archive/zip-write.ts';

export type { ReadPtOptions } from './archive.ts';

/** Options of {@link writePt}. */
export interface WritePtOptions {
  /** The folder inside the archive; `torch.save` uses the file's name without extension. Default `'archive'`. */
  readonly name?: string;
}

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
  const pickle = pickleOptions(options);
  if (format === 'legacy') return readLegacyPt(source, pickle);
  if (format === 'tar') return readTarPt(source, pickle);
  if (format !== 'zip') {
    throw new FormatError(`readPt: expected a PyTorch file, but ${otherFormat(source)}`);
  }
  return readPtArchive(new ZipReader(source, options), source.size, pickle);
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
