/** Files of any kind that can be read, as plain values, and plain values as files of any kind that can be written. */
import { requireKind, TEXT } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import type { ByteSource } from './bytes/byte-source.ts';
import { formatOf } from './file-format.ts';
import { isNpz, npyChunks, npzChunks, readNpy, readNpz } from './numpy/npy.ts';
import { readPtFrom, writePtChunks, type ReadPtOptions } from './pt/pt.ts';
import { keyText } from './pt/py-text.ts';
import { RawTensor, type PtInput, type PtKey, type PtValue } from './pt/value.ts';
import { readSafetensors, safetensorsChunks, type Metadata } from './safetensors/safetensors.ts';
import { ZipReader } from './archive/zip.ts';

/** The formats that are written, by the ending of the file's name. */
export type FileKind = 'pt' | 'safetensors' | 'npz' | 'npy';
export const FILE_KINDS: readonly FileKind[] = ['pt', 'safetensors', 'npz', 'npy'];

/** What a file holds. */
export interface RawFile {
  readonly kind: FileKind;
  readonly value: PtValue;
  readonly metadata: Metadata;
}

const NOTHING: Metadata = new Map();

/**
 * Reads a file of any of the formats; its contents say which.
 * @throws FormatError when it is damaged, hostile or of no format that is known
 */
export function readAny(source: ByteSource, options: ReadPtOptions = {}): RawFile {
  const format = formatOf(source);
  if (format === 'safetensors') {
    const { tensors, metadata } = readSafetensors(source);
    return { kind: 'safetensors', value: tensors, metadata };
  }
  if (format === 'npy') return { kind: 'npy', value: readNpy(source), metadata: NOTHING };
  if (format === 'zip' && isNpz(new ZipReader(source, options))) {
    return { kind: 'npz', value: readNpz(source, options), metadata: NOTHING };
  }
  return { kind: 'pt', value: readPtFrom(source, options), metadata: NOTHING };
}

/** How {@link writeAny} writes. */
export interface WriteAnyOptions {
  /** The folder inside a `.pt` archive. */
  readonly name?: string;
  /** Text beside the tensors, for safetensors. */
  readonly metadata?: Metadata;
}

/**
 * A value in a format, in pieces to be written one after the other.
 * @throws ArgumentError when the format cannot hold the value
 */
export function writeAny(kind: FileKind, value: PtInput, options: WriteAnyOptions = {}): Iterable<Uint8Array> {
  const { name, metadata } = options;
  if (metadata !== undefined && metadata.size > 0 && kind !== 'safetensors') {
    throw new ArgumentError(`save: only safetensors files hold metadata, but this is a .${kind} file`);
  }
  if (kind === 'pt') return writePtChunks(value, name === undefined ? {} : { name });
  if (kind === 'npy') {
    if (value instanceof RawTensor) return npyChunks(value);
    throw new ArgumentError('save: a .npy file holds one tensor and nothing else; save several as .npz');
  }
  const tensors = onlyTensors(value, kind);
  return kind === 'npz' ? npzChunks(tensors) : safetensorsChunks(tensors, metadata);
}

function onlyTensors(value: PtInput, kind: FileKind): Map<string, RawTensor> {
  if (!(value instanceof Map)) throw new ArgumentError(`save: a .${kind} file holds tensors by name; pass a state dict`);
  const tensors = new Map<string, RawTensor>();
  for (const [name, tensor] of value as Map<PtKey, PtInput>) {
    if (typeof name !== 'string' || !(tensor instanceof RawTensor)) {
      throw new ArgumentError(
        `save: a .${kind} file holds tensors by name, but ${JSON.stringify(keyText(name))} is something else; save a state dict, or a .pt file`,
      );
    }
    tensors.set(name, tensor);
  }
  return tensors;
}

/**
 * The format that a name asks for: `.safetensors`, `.npz`, `.npy`, and PyTorch's for all others.
 * @throws ArgumentError for `.onnx`, whose files hold more than tensors
 */
export function kindOfName(path: string): FileKind {
  requireKind('save', 'the path', path, TEXT);
  const ending = /\.([A-Za-z]+)$/.exec(path)?.[1]?.toLowerCase();
  if (ending === 'onnx') {
    throw new ArgumentError(
      `${JSON.stringify(path)}: an ONNX file holds a model's operations, which tensors alone do not tell; load them into the model and call exportOnnx(model, example, file)`,
    );
  }
  return FILE_KINDS.find((kind) => kind === ending) ?? 'pt';
}
