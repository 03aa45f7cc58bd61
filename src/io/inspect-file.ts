/** What a file holds, without loading it: names, shapes, dtypes and sizes of its tensors, and what else is in it. */
import { bytesOf, type ByteInput } from '../base/bytes.ts';
import { bytesSource, type ByteSource } from './bytes/byte-source.ts';
import { readAny, type FileKind, type RawFile } from './any-file.ts';
import { formatOf } from './file-format.ts';
import { describe } from './pickle/items.ts';
import { pyText } from './pt/py-text.ts';
import { PyFloat, PyGlobal, PyObject, RawTensor, ptItemSize, type PtValue } from './pt/value.ts';
import { readSafetensorsHeader } from './safetensors/safetensors.ts';
import type { ReadPtOptions } from './pt/pt.ts';
import { leavesOf } from './pt/value-walk.ts';

/** A tensor in a file. */
export interface TensorInfo {
  readonly name: string;
  /** As in the file: `float16` and `bfloat16` are that, and not yet float32. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
}

/** What {@link inspectBytes} finds. */
export interface FileInfo {
  readonly kind: FileKind;
  /** Bytes of the file. */
  readonly size: number;
  readonly tensors: readonly TensorInfo[];
  /** Other values by path, such as `epoch`, in words. */
  readonly values: Readonly<Record<string, string>>;
  /** Text beside the tensors, in safetensors files. */
  readonly metadata: Readonly<Record<string, string>>;
  /** What is worth knowing, such as that whole modules were pickled. */
  readonly notes: readonly string[];
}

/**
 * What the bytes of a file hold: PyTorch's of any version, safetensors, `.npz` or `.npy`. No tensor is made.
 * @throws FormatError when it is damaged, hostile or of another format
 * @example
 * import { zeros } from 'flambeau';
 * import { inspectBytes, serialize } from 'flambeau/files';
 * const info = inspectBytes(serialize({ epoch: 3, weight: zeros(2, 3) }));
 * console.log(info.kind, info.tensors[0]?.name, info.tensors[0]?.shape.join(), info.values['epoch']); // pt weight 2,3 the number 3
 */
export function inspectBytes(bytes: ByteInput, options: Omit<ReadPtOptions, 'keepFloats' | 'onModule'> = {}): FileInfo {
  return inspectSource(bytesSource(bytesOf('inspectBytes', bytes)), options);
}

/** As {@link inspectBytes}, from a file as well. */
export function inspectSource(source: ByteSource, options: Omit<ReadPtOptions, 'keepFloats' | 'onModule'> = {}): FileInfo {
  const { size } = source;
  if (formatOf(source) === 'safetensors') {
    // From the header alone: dtypes that cannot be loaded can be listed all the same.
    const { entries, metadata } = readSafetensorsHeader(size, (length) => source.read(0, length));
    const tensors = [...entries].map(([name, { dtype, shape, begin, end }]) => ({
      name,
      dtype,
      shape,
      bytes: end - begin,
    }));
    return { kind: 'safetensors', size, tensors, values: {}, metadata: asRecord(metadata), notes: [] };
  }
  const notes: string[] = [];
  const onModule = (className: string, place: string): void => {
    notes.push(`${place === '' ? 'the file' : place} is a whole module of class ${className}; its state dict is shown`);
  };
  return inspectRaw(readAny(source, { ...options, keepFloats: true, onModule }), size, notes);
}

/** What a file holds that was read already. */
export function inspectRaw({ kind, value, metadata }: RawFile, size: number, notes: readonly string[]): FileInfo {
  const tensors: TensorInfo[] = [];
  const values = new Map<string, string>();
  for (const { path, value: item } of leavesOf(value)) {
    if (!(item instanceof RawTensor)) values.set(path, inWords(item));
    else {
      const { dtype, shape, numel } = item;
      tensors.push({ name: path, dtype, shape, bytes: numel * ptItemSize(dtype) });
    }
  }
  return { kind, size, tensors, values: asRecord(values), metadata: asRecord(metadata), notes };
}

/** A record in which no name means anything. */
function asRecord(map: ReadonlyMap<string, string>): Record<string, string> {
  return Object.assign(Object.create(null) as Record<string, string>, Object.fromEntries(map));
}

function inWords(item: PtValue): string {
  if (item instanceof PyFloat) return `the number ${item.value}`;
  if (item instanceof PyObject || item instanceof PyGlobal || item instanceof Set || item instanceof Uint8Array) return pyText(item);
  return describe(item);
}
