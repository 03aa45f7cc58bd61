/** Files by their path, in Node: of any format, and models in several files by their index. */
import { dirname, join } from 'node:path';
import { ArgumentError, FormatError } from '../base/errors.ts';
import { readAny, type RawFile } from './any-file.ts';
import type { ByteSource } from './bytes/byte-source.ts';
import { openSource } from './bytes/file-source.ts';
import { formatOf } from './file-format.ts';
import { quote } from './pickle/items.ts';
import type { ReadPtOptions } from './pt/pt.ts';
import type { PtKey, PtValue } from './pt/value.ts';
import { readSafetensors } from './safetensors/safetensors.ts';
import { mayBeIndex, readIndex } from './safetensors/index-file.ts';

/**
 * Reads a file, or the files that an index names.
 * @throws ArgumentError when there is no such file
 * @throws FormatError when one is damaged, hostile or of no format that is known
 */
export function readPath(operation: string, path: string, options: ReadPtOptions = {}): RawFile {
  const source = openSource(operation, path);
  return isIndex(source) ? readShards(operation, path, source) : readAny(source, options);
}

/** Whether a file is an index of others. */
export const isIndex = (source: ByteSource): boolean => formatOf(source) === undefined && mayBeIndex(source);

function readShards(operation: string, path: string, index: ByteSource): RawFile {
  const value = new Map<PtKey, PtValue>();
  let metadata: RawFile['metadata'] = new Map();
  for (const [file, names] of readIndex(index)) {
    const shard = readShard(operation, join(dirname(path), file), path);
    if (value.size === 0) ({ metadata } = shard);
    for (const name of names) {
      const tensor = shard.tensors.get(name);
      if (tensor === undefined) throw new FormatError(`the index says that ${quote(file)} holds ${quote(name)}, but it does not`);
      value.set(name, tensor);
    }
  }
  return { kind: 'safetensors', value, metadata };
}

function readShard(operation: string, path: string, index: string): ReturnType<typeof readSafetensors> {
  try {
    return readSafetensors(openSource(operation, path));
  } catch (cause) {
    if (cause instanceof FormatError) throw new FormatError(`${JSON.stringify(path)}: ${cause.message}`, { cause });
    if (!(cause instanceof ArgumentError)) throw cause;
    throw new ArgumentError(`${cause.message}; the index ${JSON.stringify(index)} names it`, { cause });
  }
}
