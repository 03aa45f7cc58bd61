/**
 * A set of named files to read from, whatever holds them: a folder (folder.ts), a tar or zip archive on disk or in memory
 * (archive.ts). Names are relative, with `/` between their parts. Read only; nothing here writes a file.
 */
import { FormatError } from '../../base/errors.ts';
import { isNode, nodeModule } from '../bytes/platform.ts';
import { reason } from '../bytes/reason.ts';
import { systemPath } from './file-names.ts';
import { unpackMember } from './zip-member.ts';

export { reason } from '../bytes/reason.ts';

/** Files by index. */
export interface FileSet {
  /** What the user calls it: the path, or the archive's name. */
  readonly name: string;
  readonly names: readonly string[];
  /** Directories that are known to exist; those on the way to a file may be missing here. */
  readonly directories: readonly string[];
  /** The bytes of file `index`; they may be a view that others see too, so they are not to be changed. */
  read(index: number): Uint8Array;
  /** At least the first `length` bytes of file `index`, or all if it has fewer; cheaper than {@link read}. */
  head(index: number, length: number): Uint8Array;
  /** How to make it again in another thread: plain data, what is large in shared memory. */
  describe(): FileSetDescription;
}

/** Plain data that {@link reviveFileSet} makes a {@link FileSet} from. */
export type FileSetDescription =
  | {
      readonly kind: 'memory';
      readonly name: string;
      readonly names: readonly string[];
      readonly directories?: readonly string[];
      readonly slabs: readonly Uint8Array[];
      readonly places: Places;
    }
  | {
      readonly kind: 'disk';
      readonly name: string;
      readonly names: readonly string[];
      readonly directories?: readonly string[];
      readonly root: string;
      /** Only for files within one archive. */
      readonly places?: Places;
      readonly version?: string;
    };

/** Where each file's bytes lie: `slab` is 0 for files within one archive on disk. */
export interface Places {
  readonly slab: Uint32Array;
  readonly offset: Float64Array;
  readonly size: Float64Array;
  /** In zip archives: the bytes of what is deflated, -1 for what is stored. */
  readonly packed?: Float64Array;
  /** In zip archives: the CRC-32 of each file. */
  readonly checksum?: Uint32Array;
}

/** How many bytes of file `index` lie at its place. */
const lengthAt = ({ size, packed }: Places, index: number): number =>
  packed === undefined || packed[index] === -1 ? size[index]! : packed[index]!;

/** Bounds on what is read. */
export interface ReadLimits {
  /** Most bytes of one file, default 512 MiB. */
  readonly maxFileBytes?: number;
  /** Most bytes that a compressed archive may unpack to, kept or not, default 4 GiB. */
  readonly maxTotalBytes?: number;
  /** Most files and directories, default 10 million. */
  readonly maxEntries?: number;
}

export const DEFAULT_LIMITS: Required<ReadLimits> = {
  maxFileBytes: 512 * 2 ** 20,
  maxTotalBytes: 4 * 2 ** 30,
  maxEntries: 10_000_000,
};

/** Makes a file set from its description. */
export function reviveFileSet(description: FileSetDescription): FileSet {
  if (description.kind === 'memory') return new MemoryFiles(description);
  return new DiskFiles(description);
}

/** Bytes that other threads see without a copy, where the platform allows it. */
export function sharedBytes(length: number): Uint8Array {
  const shared = isNode || (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === true;
  return new Uint8Array(shared ? new SharedArrayBuffer(length) : new ArrayBuffer(length));
}

/** Files whose bytes are in memory. */
export class MemoryFiles implements FileSet {
  readonly name: string;
  readonly names: readonly string[];
  readonly directories: readonly string[];
  readonly #description: FileSetDescription & { kind: 'memory' };

  constructor(description: FileSetDescription & { kind: 'memory' }) {
    this.name = description.name;
    this.names = description.names;
    this.directories = description.directories ?? [];
    this.#description = description;
  }

  read(index: number): Uint8Array {
    const { slabs, places } = this.#description;
    const from = places.offset[index]!;
    const bytes = slabs[places.slab[index]!]!.subarray(from, from + lengthAt(places, index));
    return places.packed === undefined ? bytes : unpackMember(bytes, index, places, this.names[index]!);
  }

  head(index: number): Uint8Array {
    return this.read(index);
  }

  describe(): FileSetDescription {
    return this.#description;
  }
}

/** Files on disk: those of a folder, or stretches of one archive. Each read opens the file, so none is held open. */
export class DiskFiles implements FileSet {
  readonly name: string;
  readonly names: readonly string[];
  readonly directories: readonly string[];
  readonly #description: FileSetDescription & { kind: 'disk' };
  readonly #fs = nodeModule('fs', 'reading files', 'pass a File, a Blob or bytes instead');

  constructor(description: FileSetDescription & { kind: 'disk' }) {
    this.name = description.name;
    this.names = description.names;
    this.directories = description.directories ?? [];
    this.#description = description;
  }

  read(index: number): Uint8Array {
    return this.#read(index, Infinity);
  }

  head(index: number, length: number): Uint8Array {
    return this.#read(index, this.#description.places?.packed === undefined ? length : Infinity);
  }

  #read(index: number, most: number): Uint8Array {
    const { root, places, version } = this.#description;
    const path = places === undefined ? `${root}/${this.names[index]!}` : root;
    const fd = this.#open(path);
    try {
      const stat = this.#fs.fstatSync(fd);
      if (version !== undefined && versionOf(stat) !== version) {
        throw new FormatError(`read: the archive ${JSON.stringify(path)} has changed since it was opened; open it again`);
      }
      const size = places === undefined ? stat.size : lengthAt(places, index);
      if (size > DEFAULT_LIMITS.maxFileBytes) {
        throw new FormatError(`read: ${JSON.stringify(path)} has ${size} bytes, more than the limit of ${DEFAULT_LIMITS.maxFileBytes}`);
      }
      const bytes = readExactly(this.#fs, fd, path, Math.min(size, most), places === undefined ? 0 : places.offset[index]!);
      return places?.packed === undefined ? bytes : unpackMember(bytes, index, places, this.names[index]!);
    } finally {
      this.#fs.closeSync(fd);
    }
  }

  describe(): FileSetDescription {
    return this.#description;
  }

  #open(path: string): number {
    try {
      return this.#fs.openSync(systemPath(path), 'r');
    } catch (cause) {
      throw new FormatError(`read: cannot open ${JSON.stringify(path)}: ${reason(cause)}`, { cause });
    }
  }
}

/** What changes when a file is written again. */
export const versionOf = (stat: { readonly size: number; readonly mtimeMs: number }): string => `${stat.size} ${stat.mtimeMs}`;

/** The bytes [offset, offset + size) of an open file. */
export function readExactly(
  fs: { readSync(fd: number, bytes: Uint8Array, at: number, length: number, position: number): number },
  fd: number,
  path: string,
  size: number,
  offset: number,
): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let done = 0; done < size;) {
    const count = fs.readSync(fd, bytes, done, size - done, offset + done);
    if (count === 0) throw new FormatError(`read: ${JSON.stringify(path)} ends after ${offset + done} bytes; it changed while it was read`);
    done += count;
  }
  return bytes;
}
