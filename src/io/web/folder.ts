/** Files in a folder on the disk, in Node. */
import { nodeModule } from '../bytes/platform.ts';
import { endingOf, fileNameOf, isFileName, MOST_INFO, readEnding, splitFile, type Backend, type FileInfo } from './backend.ts';

let written = 0;

export function openFolder(op: string, folder: string): Backend {
  const fs = nodeModule('fs', `${op}: a folder`, "in a browser write openStore('opfs')");
  const { join } = nodeModule('path', op, '');
  const placeOf = (name: string): string => join(folder, fileNameOf(name));
  fs.mkdirSync(folder, { recursive: true });
  return {
    label: `the folder ${JSON.stringify(folder)}`,
    find: async (name) => {
      const file = await orMissing(fs.promises.readFile(placeOf(name)));
      return file && splitFile(new Uint8Array(file.buffer, file.byteOffset, file.length));
    },
    put: async (info: FileInfo, bytes) => {
      const part = `${placeOf(info.name)}.${process.pid}-${written++}.part`;
      try {
        const file = await fs.promises.open(part, 'wx');
        try {
          await file.writeFile(bytes);
          await file.writeFile(endingOf(info)); // goes on where the bytes end
          await file.sync();
        } finally {
          await file.close();
        }
        await fs.promises.rename(part, placeOf(info.name));
      } catch (error) {
        await fs.promises.rm(part, { force: true });
        throw error;
      }
    },
    remove: async (name) => (await orMissing(fs.promises.rm(placeOf(name)).then(() => true))) ?? false,
    list: async () => {
      const names = (await fs.promises.readdir(folder)).filter(isFileName);
      return Promise.all(names.map((name) => tailOf(join(folder, name))));
    },
  };

  async function tailOf(path: string): Promise<unknown> {
    const file = await fs.promises.open(path, 'r');
    try {
      const { size } = await file.stat();
      const length = Math.min(size, MOST_INFO);
      const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, size - length);
      return readEnding(buffer.subarray(0, bytesRead))?.info;
    } finally {
      await file.close();
    }
  }
}

async function orMissing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
