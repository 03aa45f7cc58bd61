/** Inspecting and converting files on disk, in Node. */
import { ArgumentError, FormatError } from '../base/errors.ts';
import { kindOfName, writeAny, type FileKind, type RawFile } from './any-file.ts';
import { writeFileAtomic } from './bytes/atomic-write.ts';
import { openSource } from './bytes/file-source.ts';
import { inspectRaw, inspectSource, type FileInfo } from './inspect-file.ts';
import { isIndex, readPath } from './read-path.ts';
import { escaped } from './pickle/items.ts';
import { isWidened } from './numpy/npy.ts';
import { isWritable } from './pickle/write.ts';
import { OrderedDict, type PtKey, type PtValue, type RawTensor } from './pt/value.ts';
import { keyText } from './pt/py-text.ts';
import { partAt, tensorsByPath } from './pt/value-walk.ts';

/**
 * What a file holds, without loading it: see `inspectBytes`.
 * @throws ArgumentError when there is no such file
 * @throws FormatError when it is damaged, hostile or of another format
 */
export function inspectFile(path: string): FileInfo {
  return named('inspectFile', path, () => {
    const source = openSource('inspectFile', path);
    return isIndex(source) ? inspectRaw(readPath('inspectFile', path), source.size, []) : inspectSource(source);
  });
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
  const onModule = (className: string): void => void notes.push(`a whole module of class ${className} gave its state dict`);
  kindOfName(to); // whether it can be written at all
  const file = named('convertFile', from, () => readPath('convertFile', from, { keepFloats: true, onModule }));
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
  const left = kind === 'pt' ? [...others].filter(([, item]) => !isWritable(item)) : [...others];
  if (left.length > 0) {
    const shown = left.slice(0, 5).map(([name]) => escaped(name === '' ? 'the value itself' : name));
    const names = shown.join(', ');
    if (options.tensorsOnly !== true) {
      const what = kind === 'pt' ? 'what only running Python could make' : 'more than tensors';
      throw new ArgumentError(
        `convertFile: ${JSON.stringify(from)} holds ${what} (${names}${left.length > 5 ? ', …' : ''}), which ${kind === 'pt' ? 'is not written' : `.${kind} files cannot`}; take one part of it with key, or tensorsOnly to leave the rest out`,
      );
    }
    notes.push(`left out what is no tensor: ${names}${left.length > 5 ? ` and ${left.length - 5} more` : ''}`);
  }
  const wide = kind === 'npz' || kind === 'npy' ? [...tensors.values()].filter(({ dtype }) => isWidened(dtype)) : [];
  if (wide.length > 0) {
    const dtypes = [...new Set(wide.map(({ dtype }) => dtype))].join(', ');
    notes.push(`${wide.length} ${dtypes} tensors became float32, since NumPy has no ${dtypes}`);
  }
  if (file.metadata.size > 0 && kind !== 'safetensors')
    notes.push(`left out the metadata: ${[...file.metadata.keys()].slice(0, 5).map(escaped).join(', ')}`);
  const metadata = kind === 'safetensors' ? { metadata: file.metadata } : {};
  for (const { storage } of tensors.values()) storage.verify();
  writeFileAtomic(to, writeAny(kind, shaped(kind, value, tensors, options.tensorsOnly === true), metadata));
  return { to: kind, tensors: tensors.size, notes };
}

/** What is written: for PyTorch the value as it is, else the tensors by name, or the one tensor. */
function shaped(kind: FileKind, value: PtValue, tensors: Map<string, RawTensor>, tensorsOnly: boolean): PtValue {
  if (kind === 'pt' && !tensorsOnly) return value instanceof Map && !(value instanceof OrderedDict) ? new OrderedDict(value) : value;
  const [only] = tensors.values();
  if (kind === 'npy' && tensors.size === 1 && only !== undefined) return only;
  const entries = [...tensors].map(([name, tensor]): [PtKey, PtValue] => [name === '' ? 'tensor' : name, tensor]);
  return kind === 'pt' ? new OrderedDict(entries) : new Map(entries);
}

function entryAt(value: PtValue, key: string, file: string): PtValue {
  const item = partAt(value, key);
  if (item !== undefined) return item;
  const keys =
    value instanceof Map
      ? [...value.keys()]
          .slice(0, 10)
          .map((name) => escaped(keyText(name)))
          .join(', ')
      : 'none';
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
