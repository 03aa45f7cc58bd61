/** Files in the file system that a browser gives each origin for itself (OPFS, https://fs.spec.whatwg.org). */
import { endingOf, fileNameOf, isFileName, MOST_INFO, readEnding, splitFile, type Backend, type FileInfo } from './backend.ts';

/** The part of a file's handle that is used; Safari before 26 has only the second way of writing, in workers. */
interface Handle {
  readonly kind: 'file' | 'directory';
  readonly name: string;
  getFile(): Promise<Blob>;
  createWritable?(): Promise<Writable>;
  createSyncAccessHandle?(): Promise<Access>;
}

interface Writable {
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
  abort(): Promise<void>;
}

interface Access {
  truncate(size: number): void;
  write(bytes: Uint8Array, options: { readonly at: number }): number;
  flush(): void;
  close(): void;
}

interface Folder {
  getDirectoryHandle(name: string, options: { readonly create: boolean }): Promise<Folder>;
  getFileHandle(name: string, options: { readonly create: boolean }): Promise<Handle>;
  removeEntry(name: string): Promise<void>;
  values(): AsyncIterable<Handle>;
}

export async function openOpfs(name: string): Promise<Backend> {
  const root = (await navigator.storage.getDirectory()) as unknown as Folder;
  const folder = await root.getDirectoryHandle(name, { create: true });
  const handleOf = (file: string): Promise<Handle | undefined> => orMissing(folder.getFileHandle(fileNameOf(file), { create: false }));
  return {
    label: `the folder '${name}' of this origin's file system`,
    find: async (file) => {
      const handle = await handleOf(file);
      return handle && splitFile(await bytesOf(await handle.getFile()));
    },
    put: async (info: FileInfo, bytes) => {
      const isNew = (await handleOf(info.name)) === undefined;
      try {
        await write(await folder.getFileHandle(fileNameOf(info.name), { create: true }), bytes, endingOf(info));
      } catch (error) {
        if (isNew) await orMissing(folder.removeEntry(fileNameOf(info.name))).catch(() => undefined);
        throw error;
      }
    },
    remove: async (file) => {
      if ((await handleOf(file)) === undefined) return false;
      await orMissing(folder.removeEntry(fileNameOf(file)));
      return true;
    },
    list: async () => {
      const infos: unknown[] = [];
      for await (const handle of folder.values()) {
        if (handle.kind !== 'file' || !isFileName(handle.name)) continue;
        const file = await handle.getFile();
        infos.push(readEnding(await bytesOf(file.slice(Math.max(0, file.size - MOST_INFO))))?.info);
      }
      return infos;
    },
  };
}

const bytesOf = async (blob: Blob): Promise<Uint8Array> => new Uint8Array(await blob.arrayBuffer());

/** What a promise gives; undefined where there is no such file. */
async function orMissing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if ((error as Partial<Error>).name === 'NotFoundError') return undefined;
    throw error;
  }
}

const PIECE = 2 ** 20;

async function write(handle: Handle, bytes: Uint8Array, ending: Uint8Array): Promise<void> {
  if (handle.createWritable !== undefined) {
    const writable = await handle.createWritable();
    try {
      // Of much at once Chromium says that a pipe broke, and not that there is no room.
      for (let at = 0; at < bytes.length; at += PIECE) await writable.write(bytes.subarray(at, at + PIECE));
      await writable.write(ending);
      await writable.close(); // only now it takes the place of what was there
    } catch (error) {
      await writable.abort().catch(() => undefined);
      throw error;
    }
    return;
  }
  if (handle.createSyncAccessHandle === undefined)
    throw new Error('this browser writes such files in workers only; do this in a worker, or take another store');
  const access = await handle.createSyncAccessHandle();
  try {
    access.truncate(0);
    if (access.write(bytes, { at: 0 }) < bytes.length || access.write(ending, { at: bytes.length }) < ending.length)
      throw Object.assign(new Error('no room'), { name: 'QuotaExceededError' });
    access.flush();
  } finally {
    access.close();
  }
}
