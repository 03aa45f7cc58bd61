/** Inspecting and converting files on disk, in Node. */
import { ArgumentError, FormatError } from '../base/errors.ts';
import { kindOfName, readAny, tensorsByPath, writeAny, type FileKind, type RawFile } from './any-file.ts';
import { writeFileAtomic } from './atomic-write.ts';
import { openSource } from './file-source.ts';
import { inspectSource, type FileInfo } from './inspect-file.ts';
import { OrderedDict, RawTensor, type PtKey, type PtValue } from './pt-value.ts';

/**
 * What a file holds, without loading it: see `inspectBytes`.
 * @throws ArgumentError when there is no such file
 * @throws FormatError when it is damaged, hostile or of another format
 */
export function inspectFile(path: string): FileInfo {
  return named('inspectFile', path, () => inspectSource(openSource('inspectFile', path)));
}

/** Options of {@link convertFile}. */
export interface ConvertOptions {
  /** The entry of a checkpoint to convert alone, such as `state_dict` or `model.ema`. */
  readonly key?: string;
  /** Leave out what is no tensor, instead of refusing; default false. */
  readonly tensorsOnly?: boolean;
}

/** What {@link convertFile} did. */
export interface Converted {
  readonly from: FileKind | 'onnx';
  readonly to: FileKind;
  readonly tensors: number;
  /** What the new format could not take along. */
  readonly notes: readonly string[];
}

/** As `convertFile` of `flambeau/node`, of all but ONNX files. */
export function convertFile(from: string, to: string, options: ConvertOptions = {}): Converted {
  const notes: string[] = [];
  const onModule = (className: string): void =>
    void notes.push(`a whole module of class ${className} gave its state dict`);
  kindOfName(to); // whether it can be written at all
  const file = named('convertFile', from, () =>
    readAny(openSource('convertFile', from), { keepFloats: true, onModule }),
  );
  return { from: file.kind, ...writeConverted(file, notes, from, to, options) };
}

/** Writes what was read from a file to another one. */
export function writeConverted(
  file: Pick<RawFile, 'value' | 'metadata'>,
  notes: string[],
  from: string,
  to: string,
  options: ConvertOptions,
): Omit<Converted, 'from'> {
  const kind = kindOfName(to);
  const value = options.key === undefined ? file.value : entryAt(file.value, options.key, from);
  const { tensors, others } = tensorsByPath(value);
  if (others.size > 0 && kind !== 'pt') {
    const names = [...others.keys()].slice(0, 5).join(', ');
    if (options.tensorsOnly !== true) {
      throw new ArgumentError(
        `convertFile: ${JSON.stringify(from)} holds more than tensors (${names}${others.size > 5 ? ', …' : ''}), which .${kind} files cannot; take one part of it with key, or tensorsOnly to leave the rest out`,
      );
    }
    notes.push(`left out what is no tensor: ${names}${others.size > 5 ? ` and ${others.size - 5} more` : ''}`);
  }
  const wide =
    kind === 'npz' || kind === 'npy' ? [...tensors.values()].filter(({ dtype }) => dtype === 'bfloat16').length : 0;
  if (wide > 0) notes.push(`${wide} bfloat16 tensors became float32, since NumPy has no bfloat16`);
  if (file.metadata.size > 0 && kind !== 'safetensors')
    notes.push(`left out the metadata: ${[...file.metadata.keys()].slice(0, 5).join(', ')}`);
  const metadata = kind === 'safetensors' ? { metadata: file.metadata } : {};
  for (const { storage } of tensors.values()) storage.verify();
  writeFileAtomic(to, writeAny(kind, shaped(kind, value, tensors, options.tensorsOnly === true), metadata));
  return { to: kind, tensors: tensors.size, notes };
}

/** What is written: for PyTorch the value as it is, else the tensors by name, or the one tensor. */
function shaped(kind: FileKind, value: PtValue, tensors: Map<string, RawTensor>, tensorsOnly: boolean): PtValue {
  if (kind === 'pt' && !tensorsOnly)
    return value instanceof Map && !(value instanceof OrderedDict) ? new OrderedDict(value) : value;
  const [only] = tensors.values();
  if (kind === 'npy' && tensors.size === 1 && only !== undefined) return only;
  const entries = [...tensors].map(([name, tensor]): [PtKey, PtValue] => [name === '' ? 'tensor' : name, tensor]);
  return kind === 'pt' ? new OrderedDict(entries) : new Map(entries);
}

function entryAt(value: PtValue, key: string, file: string): PtValue {
  let item: PtValue | undefined = value instanceof Map ? value.get(key) : undefined;
  if (item !== undefined) return item;
  item = value;
  for (const part of key.split('.')) item = item instanceof Map ? item.get(part) : undefined;
  if (item !== undefined) return item;
  const keys = value instanceof Map ? [...value.keys()].slice(0, 10).map(String).join(', ') : 'none';
  throw new ArgumentError(`convertFile: ${JSON.stringify(file)} has no entry '${key}'; its entries are ${keys}`);
}

/** Adds the file's name to what is wrong with it. */
export function named<T>(operation: string, path: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    throw new FormatError(`${operation}: ${JSON.stringify(path)}: ${cause.message}`, { cause });
  }
}
