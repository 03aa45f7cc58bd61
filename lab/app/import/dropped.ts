/** Files as people hand them over: dropped, with the folders they lie in, or chosen in a dialog. */
import type { FoundFile } from '../../core/folders.ts';

/** Must be called while the event is handled: later, the browser has forgotten what was dropped. */
export async function droppedFiles(transfer: DataTransfer): Promise<FoundFile<File>[]> {
  const entries = [...transfer.items].flatMap((item) => {
    const entry = item.kind === 'file' ? item.webkitGetAsEntry() : null;
    return entry === null ? [] : [entry];
  });
  if (entries.length === 0) return chosenFiles(transfer.files);
  const lists = await Promise.all(entries.map((entry) => filesIn(entry)));
  return lists.flat();
}

export const chosenFiles = (files: FileList | readonly File[]): FoundFile<File>[] =>
  [...files].map((file) => ({ path: file.webkitRelativePath === '' ? file.name : file.webkitRelativePath, file }));

async function filesIn(entry: FileSystemEntry): Promise<FoundFile<File>[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ path: entry.fullPath, file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: FoundFile<File>[] = [];
  for (;;) {
    // Browsers give at most a hundred at a time, and none when there are no more.
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return found;
    for (const more of entries) found.push(...(await filesIn(more)));
  }
}
