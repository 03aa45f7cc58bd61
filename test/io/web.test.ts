/** `flambeau/files/web` in Node: models by their address from servers of every kind, kept in a folder. test/browser/files.test.ts has the browser's stores. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { arange, ArgumentError, DeviceError, FormatError, type Tensor } from 'flambeau';
import { serialize } from 'flambeau/files';
import { FetchError, FileStore, load, loadFile, openStore, save, saveFile, StorageError, type LoadProgress } from 'flambeau/files/web';
import type { Backend } from '../../src/io/web/backend.ts';
import { serveModels, type ModelServer } from '../support/model-server.ts';

const state = { a: arange(20_000), b: arange(3) };
const bytes = serialize(state);
const sha256 = createHash('sha256').update(bytes).digest('hex');
let server: ModelServer;
let folder: string;
let store: FileStore;
const url = (way: string): string => `${server.origin}/${way}/model.pt`;
const sum = (loaded: Map<string, Tensor>): number => loaded.get('a')!.sum().item();
const SUM = (20_000 * 19_999) / 2;

beforeAll(async () => {
  server = await serveModels(new Map([['model.pt', bytes]]));
});
afterAll(() => server.close());
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flambeau-store-'));
  store = await openStore({ folder });
  server.asked.length = 0;
});
afterEach(() => {
  server.files.set('model.pt', bytes);
  server.version = '"1"';
  rmSync(folder, { recursive: true });
});

/** What it fails with. */
async function failure(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => new Error('nothing thrown'),
    (error: unknown) => error as Error,
  );
}
const onlyFile = (): string => join(folder, readdirSync(folder)[0]!);

describe('load', () => {
  it.each(['files', 'plain'])('gives what a server has (%s), with word of how far it is', async (way) => {
    const seen: LoadProgress[] = [];
    expect(sum(await load(url(way), { onProgress: (progress) => seen.push(progress) }))).toBe(SUM);
    expect(seen.at(-1)).toEqual({ url: url(way), done: bytes.length, total: way === 'files' ? bytes.length : undefined, from: 'network' });
    expect(sum(await load(new URL(url(way))))).toBe(SUM);
  });

  it('reads Blobs, safetensors, and addresses that are files themselves', async () => {
    expect(sum(await load(new Blob([bytes])))).toBe(SUM);
    const small = serialize({ a: arange(4) }, { format: 'safetensors' });
    expect(sum(await load(`data:;base64,${Buffer.from(small).toString('base64')}`))).toBe(6);
  });

  it('reads a model in several files by its index', async () => {
    for (const [name, part] of Object.entries({ 'one.safetensors': { a: state.a }, 'two.safetensors': { b: state.b } }))
      server.files.set(name, serialize(part, { format: 'safetensors' }));
    const index = (map: object): Uint8Array => new TextEncoder().encode(JSON.stringify({ weight_map: map }));
    server.files.set('model.json', index({ a: 'one.safetensors', b: 'two.safetensors' }));
    const loaded = await load<Map<string, Tensor>>(`${server.origin}/files/model.json`, { cache: store });
    expect([...loaded.keys()]).toEqual(['a', 'b']);
    expect(await store.list()).toHaveLength(3);
    server.files.set('model.json', index({ b: 'one.safetensors' }));
    await expect(load(`${server.origin}/files/model.json`)).rejects.toThrow(/the index says/);
    server.files.set('model.json', index({ b: '../one.safetensors' }));
    await expect(load(`${server.origin}/files/model.json`)).rejects.toThrow(FormatError);
  });

  it('goes on where the connection broke, as far as it is the same file', async () => {
    const seen: number[] = [];
    expect(sum(await load(url('cut'), { onProgress: ({ done }) => seen.push(done) }))).toBe(SUM);
    expect(server.asked).toEqual(['GET /cut/model.pt', `GET /cut/model.pt bytes=${Math.ceil(bytes.length / 2)}-`]);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    const changed = await failure(load(url('cut-changed'), { cache: store }));
    expect(changed).toMatchObject({ name: 'FetchError', reason: 'range' });
    expect(await store.list()).toEqual([]);
  });

  it.each([
    ['cut-always', 'cut-off', /ended in the middle/],
    ['cut-plain', 'cut-off', /ended in the middle/],
    ['html', 'content', /web page .* in place of the file/],
    ['lfs', 'content', /pointer of Git LFS/],
    ['empty', 'content', /empty file/],
    ['forbidden', 'status', /answers 403.*option headers/],
    ['broken', 'status', /answers 503/],
    ['nowhere', 'status', /answers 404.*no such file/],
    ['slow', 'timeout', /sends nothing for 200 ms/],
  ])('says what is wrong: %s', async (way, reason, message) => {
    const error = await failure(load(url(way), { cache: store, timeout: way === 'slow' ? 200 : 30_000 }));
    expect(error).toBeInstanceOf(FetchError);
    expect(error).toBeInstanceOf(FormatError);
    expect(error).toMatchObject({ reason, url: url(way), status: reason === 'status' ? (expect.any(Number) as number) : undefined });
    expect(error.message).toMatch(message);
    expect(await store.list()).toEqual([]);
    if (way === 'cut-always') expect(server.asked.length).toBeLessThanOrEqual(6);
  });

  it('says that there is no server, and refuses more bytes and others than were meant', async () => {
    expect(await failure(load('http://127.0.0.1:1/model.pt'))).toMatchObject({ reason: 'network' });
    expect(await failure(load(url('plain'), { maxFileBytes: 100 }))).toMatchObject({ reason: 'size' });
    expect(await failure(load(url('files'), { maxFileBytes: 100 }))).toMatchObject({ reason: 'size' });
    expect(await failure(load(url('files'), { cache: store, sha256: '00000000' }))).toMatchObject({ reason: 'checksum' });
    expect(await store.list()).toEqual([]);
    expect(sum(await load(url('files'), { sha256 }))).toBe(SUM);
    expect(sum(await load(url('files'), { sha256: sha256.slice(0, 8).toUpperCase() }))).toBe(SUM);
  });

  it('is stopped by a signal: before, meanwhile, and while it looks into a store', async () => {
    const reason = new Error('enough');
    expect(await failure(load(url('files'), { signal: AbortSignal.abort(reason) }))).toBe(reason);
    const controller = new AbortController();
    const loading = load(url('slow'), { signal: controller.signal, cache: store, onProgress: () => controller.abort(reason) });
    expect(await failure(loading)).toBe(reason);
    expect(await store.list()).toEqual([]);
    await load(url('files'), { cache: store });
    expect(await failure(load(url('files'), { cache: store, signal: AbortSignal.abort(reason) }))).toBe(reason);
    // A fetch that does not listen.
    const deaf = load(url('files'), { signal: AbortSignal.timeout(30), fetch: () => new Promise(() => undefined) });
    expect((await failure(deaf)).name).toBe('TimeoutError');
  });

  it.each<[string, () => Promise<unknown>]>([
    ['a path', () => load('model.pt')],
    ['bytes', () => load(bytes as never)],
    ['an option that is none', () => load(url('files'), { chache: store } as never)],
    ['a store that is none', () => load(url('files'), { cache: 'disk' as never })],
    ['a checksum that is none', () => load(url('files'), { sha256: 'xyz' })],
    ['revalidate without a cache', () => load(url('files'), { revalidate: true })],
    ['a signal that is none', () => load(url('files'), { signal: {} as never })],
    ['no function', () => load(url('files'), { onProgress: 3 as never })],
    ['a cache for an address that is the file', () => load('data:,x', { cache: store })],
    ['no options', () => load(url('files'), 3 as never)],
    ['no name', () => store.read('')],
    ['half a letter', () => store.write('\ud800', bytes)],
    ['no place', () => openStore('disk' as never)],
    ['no name of a store', () => openStore('opfs', { name: '../up' })],
    ['no value', () => save(undefined as never, 'x.pt', { to: 'nowhere' as never })],
  ])('refuses %s', async (_, run) => {
    expect(await failure(run())).toBeInstanceOf(ArgumentError);
  });

  it('says what this host does not have', async () => {
    for (const kind of ['cache', 'opfs', 'indexed-db'] as const) {
      const error = await failure(load(url('files'), { cache: kind }));
      expect([error.name, error.message]).toEqual(['DeviceError', expect.stringMatching(/folder: 'path'/)]);
    }
    expect(await failure(save(state, 'model.pt'))).toBeInstanceOf(DeviceError);
  });
});

describe('what is kept', () => {
  it('is fetched once, and used without a server', async () => {
    const seen: LoadProgress[] = [];
    for (let i = 0; i < 3; i++) expect(sum(await load(url('files'), { cache: store, onProgress: (p) => seen.push(p) }))).toBe(SUM);
    expect(server.asked).toEqual(['GET /files/model.pt']);
    expect(seen.slice(-2).map(({ from, done }) => [from, done])).toEqual(Array(2).fill(['cache', bytes.length]));
    expect((await store.list()).map(({ name, size }) => [name, size])).toEqual([[url('files'), bytes.length]]);
    server.down();
    expect(sum(await load(url('files'), { cache: store, revalidate: true }))).toBe(SUM);
    await server.up();
  });

  it.each<[string, (file: string) => void]>([
    ['cut off', (file) => truncateSync(file, 5000)],
    ['cut off by a byte', (file) => truncateSync(file, readFileSync(file).length - 1)],
    ['empty', (file) => truncateSync(file, 0)],
    ['without a part in the middle', (file) => writeFileSync(file, Buffer.concat([readFileSync(file).subarray(0, 900), readFileSync(file).subarray(901)]))],
    ['changed in one bit', (file) => { const data = readFileSync(file); data[3000]! ^= 1; writeFileSync(file, data); }],
    ['longer', (file) => writeFileSync(file, Buffer.concat([Buffer.from('x'), readFileSync(file)]))],
    ['that of another address', (file) => { writeFileSync(file, readFileSync(file).toString('latin1').replace('files/model', 'fales/model'), 'latin1'); }],
  ])('is fetched anew when it is %s', async (_, damage) => {
    await load(url('files'), { cache: store });
    damage(onlyFile());
    const error = await failure(store.read(url('files')));
    expect(error).toMatchObject({ name: 'StorageError', reason: 'damaged' });
    expect(sum(await load(url('files'), { cache: store }))).toBe(SUM);
    expect(sum(await load(url('files'), { cache: store }))).toBe(SUM);
    expect(server.asked).toHaveLength(2);
  }); // prettier-ignore

  it('is fetched anew when it is not the file that was meant, or the server has another one', async () => {
    await load(url('files'), { cache: store });
    const other = serialize({ a: arange(5) });
    server.files.set('model.pt', other);
    server.version = '"2"';
    expect(sum(await load(url('files'), { cache: store }))).toBe(SUM);
    expect(sum(await load(url('files'), { cache: store, revalidate: true }))).toBe(10);
    expect(sum(await load(url('files'), { cache: store, revalidate: true }))).toBe(10);
    expect(server.asked).toEqual(['GET /files/model.pt', 'HEAD /files/model.pt', 'GET /files/model.pt', 'HEAD /files/model.pt']);
    server.files.set('model.pt', bytes);
    expect(sum(await load(url('files'), { cache: store, sha256 }))).toBe(SUM);
  });

  it('says so when there is no room, and gives the model all the same', async () => {
    const full = new FileStore({
      label: 'the folder',
      find: () => Promise.resolve(undefined),
      put: () => Promise.reject(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })),
      remove: () => Promise.resolve(false),
      list: () => Promise.resolve([]),
    } satisfies Backend);
    const errors: StorageError[] = [];
    expect(sum(await load(url('files'), { cache: full, onCacheError: (error) => errors.push(error) }))).toBe(SUM);
    expect(errors).toMatchObject([{ name: 'StorageError', reason: 'full' }]);
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    expect(sum(await load(url('files'), { cache: full }))).toBe(SUM);
    expect(warn.mock.calls.join()).toMatch(/the file is not kept: load: the folder is full/);
    warn.mockRestore();
    expect(await failure(save(state, 'a.pt', { to: full }))).toMatchObject({ name: 'StorageError', reason: 'full' });
  });

  it('has any name, is replaced, listed, deleted', async () => {
    const names = ['a/b\\..pt', 'модель.pt', '..', 'con', `${'x'.repeat(1500)}.pt`, `${'x'.repeat(1501)}.pt`];
    for (const name of names) await saveFile(new TextEncoder().encode(name), name, { to: store });
    for (const name of names) expect(new TextDecoder().decode(await store.read(name))).toBe(name);
    expect((await store.list()).map(({ name }) => name).sort()).toEqual(names.toSorted());
    await store.write('..', bytes);
    expect((await store.read('..')).length).toBe(bytes.length);
    expect([await store.delete('..'), await store.delete('..')]).toEqual([true, false]);
    expect(await failure(store.read('..'))).toMatchObject({ reason: 'missing' });
    await save(state, 'model.safetensors', { to: store });
    expect(sum(await load('model.safetensors', { from: store }))).toBe(SUM);
    expect((await loadFile('model.safetensors', { from: store }))[8]).toBe('{'.charCodeAt(0));
    expect(readdirSync(folder).every((name) => /^_[\w%.~!'()-]+\.flambeau$/.test(name))).toBe(true);
  });
});
