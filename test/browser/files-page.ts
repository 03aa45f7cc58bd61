/** Models by their address on a page, kept in the browser's stores: called by files.test.ts. */

import { load, loadFile, openStore, save, saveFile, type LoadProgress, type StorageError, type StoreKind } from '../../src/io/web/index.ts';
import { deserializeOnnxAsync } from '../../src/onnx/import-async.ts';
import { arange, zeros, type Tensor } from 'flambeau';

interface Failure {
  readonly name: string;
  readonly reason?: string;
  readonly message: string;
}
const failureOf = async (run: () => Promise<unknown>): Promise<Failure> => {
  try {
    await run();
    return { name: 'nothing thrown', message: '' };
  } catch (error) {
    const { name, message, reason } = error as StorageError;
    return { name, message, reason };
  }
};

/** Changes what lies in a store, under the library's feet. */
const damage: Record<StoreKind, (url: string, keep: number) => Promise<void>> = {
  async cache(url, keep) {
    const cache = await caches.open('flambeau');
    const response = (await cache.match(url))!;
    const { headers } = response;
    await cache.put(url, new Response((await response.arrayBuffer()).slice(0, keep), { headers }));
  },
  async opfs(_, keep) {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('flambeau');
    for await (const handle of (folder as unknown as { values(): AsyncIterable<FileSystemFileHandle> }).values()) {
      const writable = await handle.createWritable({ keepExistingData: true });
      await writable.truncate(keep);
      await writable.close();
    }
  },
  async 'indexed-db'(url, keep) {
    const opening = indexedDB.open('flambeau');
    await new Promise((resolve) => (opening.onsuccess = resolve));
    const transaction = opening.result.transaction('pieces', 'readwrite');
    const pieces = transaction.objectStore('pieces');
    const asked = pieces.get([url, 0]);
    asked.onsuccess = () => pieces.put((asked.result as Uint8Array).slice(0, keep), [url, 0]);
    await new Promise((resolve) => (transaction.oncomplete = resolve));
    opening.result.close();
  },
};

const page = {
  /** Loads, and says what came from where. */
  async load(url: string, cache?: StoreKind) {
    const seen: LoadProgress[] = [];
    const errors: string[] = [];
    const state = await load<Map<string, Tensor>>(url, {
      ...(cache === undefined ? {} : { cache, onCacheError: ({ reason }: StorageError) => errors.push(reason) }),
      onProgress: (progress) => seen.push(progress),
    });
    return { sum: state.get('a')!.sum().item(), last: seen.at(-1)!, errors };
  },

  failure: (url: string, timeout = 5000) => failureOf(() => load(url, { timeout })),

  /** Stops in the middle. */
  abort(url: string, cache: StoreKind) {
    const controller = new AbortController();
    return failureOf(() => load(url, { cache, signal: controller.signal, onProgress: () => controller.abort() }));
  },

  /** Begins and does not wait. */
  begin(url: string, cache: StoreKind) {
    return new Promise<void>((resolve) => {
      void load(url, { cache, onProgress: () => resolve() }).catch(() => undefined);
    });
  },

  list: async (kind: StoreKind) => (await (await openStore(kind)).list()).map(({ name, size }) => [name, size] as const),

  async damage(kind: StoreKind, url: string, keep: number) {
    await damage[kind](url, keep);
    return failureOf(async () => (await openStore(kind)).read(url));
  },

  /** Saves, replaces, reads back, deletes. */
  async kept(kind: StoreKind) {
    const name = 'my model/1*.safetensors';
    await save({ a: arange(3) }, name, { to: kind });
    await save({ a: arange(5) }, name, { to: kind });
    const other = await openStore(kind, { name: 'other' });
    const large = new Uint8Array(2 ** 25 + 5).fill(7);
    await saveFile(large, 'large', { to: other });
    const state = await load<Map<string, Tensor>>(name, { from: kind });
    const store = await openStore(kind);
    const again = await loadFile('large', { from: other });
    const result = {
      a: state.get('a')!.tolist(),
      large: again.length === large.length && again.every((byte) => byte === 7),
      names: [(await store.list()).map((file) => file.name), (await other.list()).map((file) => file.name)],
      deleted: [await store.delete(name), await store.delete(name), await other.delete('large')],
      left: await store.list(),
    };
    return { ...result, missing: await failureOf(() => load(name, { from: kind })) };
  },

  /** Writes more than there is room for, over a small file. */
  async fill(kind: StoreKind, bytes: number) {
    await saveFile(new Uint8Array(10), 'file', { to: kind });
    const failure = await failureOf(() => saveFile(new Uint8Array(bytes), 'file', { to: kind }));
    const length = (await loadFile('file', { from: kind })).length;
    await (await openStore(kind)).delete('file');
    return { failure, length };
  },

  /** All that another browser is asked for, since it answers once. */
  async others(kind: StoreKind, url: string) {
    const kept = await page.kept(kind);
    const loaded = [await page.load(url, kind), await page.load(url, kind)];
    const listed = await page.list(kind);
    const damaged = await page.damage(kind, url, 1000);
    loaded.push(await page.load(url, kind));
    return { kept, damaged, listed, loaded: loaded.map(({ sum, last, errors }) => [sum, last.from, ...errors]) };
  },

  async download(name: string) {
    await save({ a: arange(7) }, name);
  },

  async onnx(url: string, cache: StoreKind) {
    const seen: string[] = [];
    const model = await deserializeOnnxAsync(url, { cache, onProgress: ({ from }) => seen.push(from) });
    return { values: model(zeros(1, 4)).tolist(), from: [...new Set(seen)] };
  },

  /** Adds a policy of content; there is no way back. */
  forbid(policy: string) {
    document.head.append(Object.assign(document.createElement('meta'), { httpEquiv: 'Content-Security-Policy', content: policy }));
  },
};

export type FilesPage = typeof page;
Object.assign(globalThis, { page, others: page.others });
