/**
 * Zip archives as sets of files: only their directory is read, and every file where it lies when it is asked for. Directory and members are
 * checked by stored-zip.ts.
 */
import { FormatError } from '../../base/errors.ts';
import type { ByteSource } from '../bytes/byte-source.ts';
import { DEFAULT_LIMITS, type Places, type ReadLimits } from './file-set.ts';
import { ZipReader } from './zip.ts';

/** What a zip archive holds of what is wanted. */
export interface ZipContents {
  readonly names: readonly string[];
  readonly directories: readonly string[];
  readonly places: Places;
}

/**
 * Where the files of an archive lie.
 *
 * @param keep - which files are wanted
 * @throws FormatError when it is no zip archive, is damaged, encrypted or goes beyond the limits
 */
export function readZipContents(source: ByteSource, name: string, keep: (name: string) => boolean, limits: ReadLimits): ZipContents {
  const { maxEntries, maxFileBytes } = { ...DEFAULT_LIMITS, ...limits };
  const entries = named(name, () => [...new ZipReader(source, { maxEntries, anyName: true }).entries.values()]);
  const directories = entries.filter((entry) => entry.name.endsWith('/')).map((entry) => plain(entry.name));
  const files = entries.filter((entry) => !entry.name.endsWith('/') && keep(plain(entry.name)));
  const large = files.find((entry) => entry.size > maxFileBytes);
  if (large !== undefined)
    throw new FormatError(
      `zip ${JSON.stringify(name)}: member ${JSON.stringify(large.name)} has ${large.size} bytes; the limit is maxFileBytes, ${maxFileBytes}`,
    );
  return {
    names: files.map((entry) => plain(entry.name)),
    directories: directories.filter((directory) => directory !== ''),
    places: {
      slab: new Uint32Array(files.length),
      offset: Float64Array.from(files, (entry) => entry.dataOffset),
      size: Float64Array.from(files, (entry) => entry.size),
      packed: Float64Array.from(files, (entry) => (entry.deflated ? entry.compressedSize : -1)),
      checksum: Uint32Array.from(files, (entry) => entry.crc32),
    },
  };
}

/** The name without `./` and doubled or closing slashes. */
const plain = (name: string): string =>
  name
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');

/** Puts the archive's name before what goes wrong in it. */
function named<T>(name: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    throw new FormatError(`${JSON.stringify(name)}: ${cause.message}`, { cause });
  }
}
