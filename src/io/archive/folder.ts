/** The files of a folder on disk, all the way down. Links to folders are followed, as torchvision does. Node only. */
import type { Dirent } from 'node:fs';
import { ArgumentError, FormatError } from '../../base/errors.ts';
import { nodeModule } from '../bytes/platform.ts';
import { decodeFileName, systemPath } from './file-names.ts';
import { DEFAULT_LIMITS, DiskFiles, reason, type FileSet, type ReadLimits } from './file-set.ts';

/** How far to look. */
export interface FolderOptions extends ReadLimits {
  /** Folders within folders, default all: 0 means only the files of the root itself. */
  readonly maxDepth?: number;
  /** Which files to keep; the others are passed over. Default: all. */
  readonly keep?: (name: string) => boolean;
  /** Which folders to look into; the others are passed over. Default: all. */
  readonly enter?: (directory: string) => boolean;
}

/** An entry of a folder, by its name as a string. */
type Entry = Pick<Dirent, 'isDirectory' | 'isFile' | 'isSymbolicLink'> & { readonly name: string };

/**
 * Lists the files and directories under `root`, in no particular order.
 *
 * @throws {@link ArgumentError} when there is no such folder
 * @throws {@link FormatError} when links lead in a circle or there are too many entries
 */
export function openFolder(root: string, limits: FolderOptions = {}): FileSet {
  const fs = nodeModule('fs', 'reading a folder', 'pass an archive as a File, a Blob or bytes instead');
  const { maxEntries = DEFAULT_LIMITS.maxEntries, maxDepth = Infinity, keep, enter } = limits;
  const names: string[] = [];
  const directories: string[] = [];
  const walk = (relative: string, above: readonly string[]): void => {
    const path = relative === '' ? root : `${root}/${relative}`;
    const { dev, ino } = fs.statSync(systemPath(path), { bigint: true });
    const self = `${dev} ${ino}`;
    if (above.includes(self))
      throw new FormatError(`folder: ${JSON.stringify(path)} links back to a folder that it is in; remove the link`);
    for (const entry of entriesOf(fs, path)) {
      const name = relative === '' ? entry.name : `${relative}/${entry.name}`;
      if (names.length + directories.length >= maxEntries) {
        throw new FormatError(`folder: ${JSON.stringify(root)} has more than ${maxEntries} entries; raise maxEntries if it is meant to`);
      }
      const target = entry.isSymbolicLink() ? fs.statSync(systemPath(`${root}/${name}`), { throwIfNoEntry: false }) : entry;
      if (target?.isDirectory() === true) {
        if (enter?.(name) === false) continue;
        directories.push(name);
        if (above.length < maxDepth) walk(name, [...above, self]);
      } else if ((target === undefined || target.isFile()) && keep?.(name) !== false) {
        names.push(name); // a link to nothing as well: whoever reads it is told
      }
    }
  };
  try {
    walk('', []);
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw new ArgumentError(`folder: cannot read ${JSON.stringify(root)}: ${reason(cause)}`, { cause });
  }
  return new DiskFiles({ kind: 'disk', name: root, names, directories, root });
}

/** What Node puts in place of bytes that are no UTF-8. */
const REPLACED = '\ufffd';

function entriesOf(fs: typeof import('node:fs'), path: string): readonly Entry[] {
  const entries = fs.readdirSync(systemPath(path), { withFileTypes: true });
  if (!entries.some((entry) => entry.name.includes(REPLACED))) return entries;
  return fs.readdirSync(systemPath(path), { withFileTypes: true, encoding: 'buffer' }).map((entry) => ({
    name: decodeFileName(entry.name),
    isDirectory: () => entry.isDirectory(),
    isFile: () => entry.isFile(),
    isSymbolicLink: () => entry.isSymbolicLink(),
  }));
}
