/** Files in a database of the browser (IndexedDB), which pages without a secure connection have, too. */
import { concatBytes } from '../bytes/byte-writer.ts';
import type { Backend, FileInfo } from './backend.ts';

const [INFOS, PIECES] = ['infos', 'pieces'];
/** Browsers refuse values of more than 128 MB. */
const PIECE = 2 ** 25;

const done = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('the request failed'));
  });

/** When all of a transaction is on the disk. */
const finished = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    const fail = (): void => reject(transaction.error ?? new Error('the transaction was aborted'));
    transaction.oncomplete = () => resolve();
    transaction.onabort = fail;
    transaction.onerror = fail;
  });

const piecesOf = (name: string): IDBKeyRange => IDBKeyRange.bound([name, 0], [name, Number.MAX_SAFE_INTEGER]);

export async function openIndexedDb(name: string): Promise<Backend> {
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => {
    opening.result.createObjectStore(INFOS, { keyPath: 'name' });
    opening.result.createObjectStore(PIECES);
  };
  const db = await done(opening);
  db.onversionchange = () => db.close(); // somebody deletes it
  const begin = (mode: IDBTransactionMode) => db.transaction([INFOS, PIECES], mode, { durability: 'strict' });
  return {
    label: `the database '${name}'`,
    find: async (file) => {
      const transaction = begin('readonly');
      const [info, pieces] = await Promise.all([
        done<unknown>(transaction.objectStore(INFOS).get(file)),
        done<unknown[]>(transaction.objectStore(PIECES).getAll(piecesOf(file))),
      ]);
      return info === undefined ? undefined : { info, bytes: joined(pieces) };
    },
    put: async (info: FileInfo, bytes) => {
      const transaction = begin('readwrite'); // all of it, or nothing
      const pieces = transaction.objectStore(PIECES);
      pieces.delete(piecesOf(info.name));
      for (let at = 0, i = 0; at < bytes.length; at += PIECE, i++) pieces.put(bytes.slice(at, at + PIECE), [info.name, i]);
      transaction.objectStore(INFOS).put(info);
      await finished(transaction);
    },
    remove: async (file) => {
      const transaction = begin('readwrite');
      const known = done(transaction.objectStore(INFOS).getKey(file));
      transaction.objectStore(INFOS).delete(file);
      transaction.objectStore(PIECES).delete(piecesOf(file));
      await finished(transaction);
      return (await known) !== undefined;
    },
    list: () => done<unknown[]>(begin('readonly').objectStore(INFOS).getAll()),
  };
}

function joined(pieces: readonly unknown[]): Uint8Array {
  const parts = pieces.filter((piece) => piece instanceof Uint8Array);
  return parts.length === 1 ? parts[0]! : concatBytes(parts);
}
