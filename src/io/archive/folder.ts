/** The files of a folder on disk, all the way down. Links to folders are followed, as torchvision does. Node only. */
import { ArgumentError, FormatError } from '../../base/errors.ts';
import { DEFAULT_LIMITS, DiskFiles, reason, type FileSet, type ReadLimits } from './file-set.ts';
import { nodeModule } from '../bytes/platform.ts';

/** How far to look. */
export interface FolderOptions extends ReadLimits {
  /** Folders within folders, default all: 0 means only the files of the root itself. */
  readonly maxDepth?: number;
}

/**
 * Lists the files and directories under `root`, in no particular order.
 *
 * @throws {@link ArgumentError} when there is no such folder
 * @throws {@link FormatError} when links lead in a circle or there are too many entries
 */
export function openFolder(root: string, limits: FolderOptions = {}): FileSet {
  const fs = nodeModule('fs', 'reading a folder', 'pass a tar archive as a File, a Blob or bytes instead');
  const maxEntries = limits.maxEntries ?? DEFAULT_LIMITS.maxEntries;
  const maxDepth = limits.maxDepth ?? Infinity;
  const names: string[] = [];
  const directories: string[] = [];
  const walk = (relative: string, above: readonly string[]): void => {
    const path = relative === '' ? root : `${root}/${relative}`;
    const real = fs.realpathSync(path);
    if (above.includes(real))
      throw new FormatError(`folder: ${JSON.stringify(path)} links back to a folder that it is in; remove the link`);
    for (const entry of fs.readdirSync(path, { withFileTypes: true })) {
      const name = relative === '' ? entry.name : `${relative}/${entry.name}`;
      if (names.length + directories.length >= maxEntries) {
        throw new FormatError(
          `folder: ${JSON.stringify(root)} has more than ${maxEntries} entries; raise maxEntries if it is meant to`,
        );
      }
      const target = entry.isSymbolicLink() ? fs.statSync(`${root}/${name}`, { throwIfNoEntry: false }) : entry;
      if (target?.isDirectory() === true) {
        directories.push(name);
        if (above.length < maxDepth) walk(name, [...above, real]);
      } else if (target?.isFile() === true) {
        names.push(name);
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
