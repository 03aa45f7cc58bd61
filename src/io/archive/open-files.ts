/** Opens whatever holds files: a folder, or a tar or zip archive, on disk or in memory. */
import type { HostBlob } from '../../base/host-types.ts';
import type { ByteInput } from '../../base/bytes.ts';
import { PATH, requireKind } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { openArchive, type ArchiveOptions } from './archive.ts';
import { systemPath } from './file-names.ts';
import { reason, type FileSet } from './file-set.ts';
import { openFolder, type FolderOptions } from './folder.ts';
import { nodeModule } from '../bytes/platform.ts';

/** A path (in Node), a `File` or `Blob`, or bytes. */
export type FileSource = string | HostBlob | ByteInput;

/**
 * What stands at a path.
 * @throws ArgumentError when there is nothing, or the system does not say
 */
export function statusOf(path: string): { isDirectory(): boolean } {
  const fs = nodeModule('fs', 'opening a path', 'pass a File, a Blob or bytes instead');
  let found: { isDirectory(): boolean } | undefined;
  try {
    found = fs.statSync(systemPath(path), { throwIfNoEntry: false });
  } catch (cause) {
    throw new ArgumentError(`cannot open ${JSON.stringify(path.slice(0, 200))}: ${reason(cause)}`, { cause });
  }
  if (found !== undefined) return found;
  throw new ArgumentError(`there is no file or folder ${JSON.stringify(path)}; a relative path begins at ${process.cwd()}`);
}

/**
 * Opens a folder or an archive.
 *
 * @throws {@link ArgumentError} when there is nothing at the path
 * @throws FormatError when an archive is damaged or holds what is refused
 */
export async function openFiles(
  source: FileSource,
  options: ArchiveOptions & FolderOptions = {},
): Promise<{ files: FileSet; isArchive: boolean }> {
  if (typeof source !== 'string') return { files: await openArchive(source, options), isArchive: true };
  requireKind('open', 'the path', source, PATH);
  if (statusOf(source).isDirectory()) return { files: openFolder(source, options), isArchive: false };
  return { files: await openArchive(source, options), isArchive: true };
}
