/** Places that keep files: in browsers three, in Node a folder. */
import { either, having, kind, oneOf, PATH, requireKind, requireOptions, TEXT, type OptionKinds } from '../../base/arguments.ts';
import { bytesOf, type ByteInput } from '../../base/bytes.ts';
import { DeviceError } from '../../base/errors.ts';
import type { Bytes } from '../../base/host-types.ts';
import { checkedInfo, infoFor, wholeInfo, type Backend, type FileInfo } from './backend.ts';
import { storageError, StorageError } from './storage-error.ts';

/**
 * Where a browser keeps files: `'cache'`, its cache of responses, where a service worker finds them under their addresses; `'opfs'`, the file system that it gives each
 * origin for itself; `'indexed-db'`, a database, the only one of the three on pages without a secure connection.
 */
export type StoreKind = 'cache' | 'opfs' | 'indexed-db';

const KINDS: readonly StoreKind[] = ['cache', 'opfs', 'indexed-db'];

/** A file in a store. */
export interface StoredFile {
  readonly name: string;
  readonly size: number;
  readonly saved: Date;
}

/** What {@link openStore} takes beside the kind. */
export interface OpenStoreOptions {
  /** Keeps files of several programs on one origin apart; default `'flambeau'`. */
  readonly name?: string;
}

const BACKEND = having('what openStore makes', 'find', 'put', 'remove', 'list');
const NAME = kind('a name', (value) => typeof value === 'string' && value !== '' && value.length <= 2048 && !/\p{Surrogate}/u.test(value));
const FOLDER = kind(
  "{ folder: 'path' }",
  (value) => typeof value === 'object' && value !== null && PATH.accepts((value as { folder?: unknown }).folder),
);
const STORE_OPTIONS: OptionKinds<OpenStoreOptions> = {
  name: kind('a name of letters, digits, - and _', (value) => TEXT.accepts(value) && /^[\w-]{1,64}$/.test(value as string)),
};

/**
 * A place that keeps files by name. A file appears whole or not at all, lies there with its length and checksum, and is never given out otherwise: what was cut off or changed is
 * damaged. Browsers may throw everything of an origin away when the disk is full, unless they granted `navigator.storage.persist()`.
 */
export class FileStore {
  /** Where the files are, in words. */
  readonly place: string;
  readonly #backend: Backend;

  /** @internal */
  constructor(backend: Backend) {
    requireKind('FileStore', 'the place', backend, BACKEND, "write await openStore('opfs')");
    this.#backend = backend;
    this.place = backend.label;
  }

  /**
   * The bytes of a file.
   * @throws StorageError when there is none of this name, or it is damaged
   */
  async read(name: string): Promise<Bytes> {
    const found = await this.find('FileStore.read', name);
    if (found === undefined) throw new StorageError(`FileStore.read: there is no ${JSON.stringify(name)} in ${this.place}`, 'missing');
    return found.bytes as Bytes;
  }

  /**
   * Keeps a file, in place of one that has the same name.
   * @throws StorageError when there is no room or the place refuses; an earlier file of this name stays then
   */
  async write(name: string, bytes: ByteInput): Promise<void> {
    await this.put('FileStore.write', name, bytesOf('FileStore.write', bytes), null);
  }

  /** Forgets a file, and says whether there was one. */
  async delete(name: string): Promise<boolean> {
    requireKind('FileStore.delete', 'the name', name, NAME);
    return this.#try('FileStore.delete', () => this.#backend.remove(name));
  }

  /** What is there, the latest first; not what is visibly damaged. */
  async list(): Promise<StoredFile[]> {
    const infos = await this.#try('FileStore.list', () => this.#backend.list());
    const files = infos.map(checkedInfo).filter((info) => info !== undefined);
    return files.sort((a, b) => b.saved - a.saved).map(({ name, size, saved }) => ({ name, size, saved: new Date(saved) }));
  }

  /**
   * @internal
   * @throws StorageError when it is damaged
   */
  async find(op: string, name: string): Promise<{ readonly bytes: Uint8Array; readonly info: FileInfo } | undefined> {
    requireKind(op, 'the name', name, NAME);
    const found = await this.#try(op, () => this.#backend.find(name));
    if (found === undefined) return undefined;
    const info = wholeInfo(found, name);
    if (info === undefined)
      throw new StorageError(
        `${op}: ${JSON.stringify(name)} in ${this.place} is damaged: it is not what was written; write it again, or delete it`,
        'damaged',
      );
    return { bytes: found.bytes, info };
  }

  /** @internal */
  async put(op: string, name: string, bytes: Uint8Array, version: string | null): Promise<void> {
    requireKind(op, 'the name', name, NAME);
    await this.#try(op, () => this.#backend.put(infoFor(name, bytes, version), bytes));
  }

  async #try<T>(op: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (cause) {
      throw storageError(op, this.place, cause);
    }
  }
}

/** What can be given as a store. */
export const STORE = kind(
  `${KINDS.map((name) => `'${name}'`).join(', ')}, or a store of openStore`,
  (value) => KINDS.includes(value as StoreKind) || value instanceof FileStore,
);

/**
 * A place that keeps files: of a browser, or in Node a folder.
 * @throws DeviceError where this host has no such place
 * @throws StorageError when it refuses, as browsers do in some private windows
 * @example
 * import { openStore } from 'flambeau/files/web';
 * import { mkdtempSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 *
 * const store = await openStore({ folder: mkdtempSync(`${tmpdir()}/flambeau-`) }); // in a browser openStore('opfs')
 * await store.write('numbers.bin', new Uint8Array([1, 2, 3]));
 * console.log((await store.read('numbers.bin')).join(), (await store.list())[0]?.name); // 1,2,3 numbers.bin
 */
export async function openStore(place: StoreKind | { readonly folder: string }, options: OpenStoreOptions = {}): Promise<FileStore> {
  requireKind('openStore', 'the place', place, either(oneOf(...KINDS), FOLDER));
  const given = requireOptions<OpenStoreOptions>('openStore', options, STORE_OPTIONS, "{ name: 'my-program' }");
  return open('openStore', place, given.name ?? 'flambeau');
}

/** The store that is meant. */
export const storeOf = async (op: string, store: StoreKind | FileStore): Promise<FileStore> =>
  store instanceof FileStore ? store : open(op, store, 'flambeau');

async function open(op: string, place: StoreKind | { readonly folder: string }, name: string): Promise<FileStore> {
  const what = typeof place === 'string' ? place : 'folder';
  try {
    return new FileStore(await backendOf(op, place, name));
  } catch (cause) {
    if (cause instanceof DeviceError) throw cause;
    throw storageError(op, `the store '${what}'`, cause);
  }
}

interface Host {
  readonly caches?: unknown;
  readonly indexedDB?: unknown;
  readonly navigator?: { readonly storage?: { readonly getDirectory?: unknown } };
}

async function backendOf(op: string, place: StoreKind | { readonly folder: string }, name: string): Promise<Backend> {
  const { caches, indexedDB, navigator } = globalThis as unknown as Host;
  const lacks = (what: string): DeviceError =>
    new DeviceError(
      `${op}: this host has no ${what}; browsers have it on pages that came by https or from localhost ('indexed-db' everywhere), in Node write openStore({ folder: 'path' })`,
    );
  if (typeof place !== 'string') return (await import('./folder.ts')).openFolder(op, place.folder);
  if (place === 'cache') {
    if (caches === undefined) throw lacks('cache of responses (caches)');
    return (await import('./cache-api.ts')).openCache(name);
  }
  if (place === 'opfs') {
    if (typeof navigator?.storage?.getDirectory !== 'function') throw lacks('file system of its own (OPFS)');
    return (await import('./opfs.ts')).openOpfs(name);
  }
  if (indexedDB === undefined) throw lacks('IndexedDB');
  return (await import('./indexed-db.ts')).openIndexedDb(name);
}
