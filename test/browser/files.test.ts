/** Models by their address in real Chromium: kept in its three stores, whole or not at all; what goes wrong, said plainly; files out of the page. */
import { readFileSync } from 'node:fs';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { arange, ones, type Tensor } from 'flambeau';
import { deserialize, serialize } from 'flambeau/files';
import { bundleForBrowser, chromiumPath, launchChromium } from '../support/chromium.ts';
import { serveModels, type ModelServer } from '../support/model-server.ts';
import { modelOf, weights } from '../onnx/support.ts';
import type { FilesPage } from './files-page.ts';

const bytes = serialize({ a: arange(20_000) });
const SUM = (20_000 * 19_999) / 2;
const STORES = ['cache', 'opfs', 'indexed-db'] as const;

describe.skipIf(chromiumPath === undefined)('files in Chromium', () => {
  let browser: Browser;
  let own: ModelServer;
  let other: ModelServer;
  let context: BrowserContext;
  let page: Page;

  beforeAll(async () => {
    const files = new Map<string, Uint8Array>([['model.pt', bytes], ...onnxFiles()]);
    const scripts = await bundleForBrowser({ page: 'test/browser/files-page.ts' });
    own = await serveModels(files, scripts);
    other = await serveModels(files);
    browser = await launchChromium();
  }, 120_000);

  afterAll(async () => {
    await browser.close();
    own.close();
    other.close();
  });

  beforeEach(async () => {
    own.asked.length = 0;
    context = await browser.newContext(); // with stores of its own
    page = await context.newPage();
    await open();
  });
  afterEach(() => context.close());

  async function open(): Promise<void> {
    await page.goto(`${own.origin}/page/`);
    await page.waitForFunction('typeof page === "object"');
  }

  const ask = <K extends keyof FilesPage>(name: K, ...args: Parameters<FilesPage[K]>): Promise<Awaited<ReturnType<FilesPage[K]>>> =>
    page.evaluate(
      ([name, args]) => (globalThis as unknown as { page: Record<string, (...args: unknown[]) => never> }).page[name]!(...args),
      [name, args] as const,
    );
  const models = (): string[] => own.asked.filter((line) => !line.includes('/page/'));

  it.each(STORES)('are fetched once and kept in %s, whole or not at all', async (kind) => {
    const url = `${own.origin}/files/model.pt`;
    const first = await ask('load', '../files/model.pt', kind); // as seen from the page
    expect(first).toMatchObject({ sum: SUM, last: { url, done: bytes.length, total: bytes.length, from: 'network' }, errors: [] });
    await open(); // another day
    own.down();
    expect(await ask('load', url, kind)).toMatchObject({ sum: SUM, last: { from: 'cache', done: bytes.length } });
    await own.up();
    expect(await ask('list', kind)).toEqual([[url, bytes.length]]);
    expect(models()).toEqual(['GET /files/model.pt']);
    for (const keep of [bytes.length - 1, 0]) {
      expect(await ask('damage', kind, url, keep)).toMatchObject({ name: 'StorageError', reason: 'damaged' });
      expect(await ask('load', url, kind)).toMatchObject({ sum: SUM, last: { from: 'network' } });
      expect(await ask('load', url, kind)).toMatchObject({ sum: SUM, last: { from: 'cache' } });
    }
  });

  it.each(STORES)('are not kept in %s when the page leaves or stops in the middle', async (kind) => {
    expect(await ask('abort', '/slow/model.pt', kind)).toMatchObject({ name: 'AbortError' });
    await ask('begin', '/slow/model.pt', kind);
    await open();
    expect(await ask('list', kind)).toEqual([]);
    expect(await ask('failure', '/cut-always/model.pt')).toMatchObject({ name: 'FetchError', reason: 'cut-off' });
    expect(await ask('list', kind)).toEqual([]);
  });

  it.each(STORES)('are saved in %s, replaced, listed, deleted', async (kind) => {
    expect(await ask('kept', kind)).toEqual({
      a: [0, 1, 2, 3, 4],
      large: true,
      names: [['my model/1*.safetensors'], ['large']],
      deleted: [true, false, true],
      left: [],
      missing: { name: 'StorageError', reason: 'missing', message: expect.stringContaining('there is no') as string },
    });
  });

  it.each(STORES)('say when there is no room in %s, and lose nothing', async (kind) => {
    const session = await context.newCDPSession(page);
    await session.send('Storage.overrideQuotaForOrigin', { origin: own.origin, quotaSize: 3e6 });
    const { failure, length } = await ask('fill', kind, 8e6);
    expect(failure).toMatchObject({ name: 'StorageError', reason: 'full', message: expect.stringMatching(/is full/) as string });
    expect(length).toBe(10);
    own.files.set('large.pt', serialize({ a: ones(1_500_000) }));
    expect(await ask('load', '../files/large.pt', kind)).toMatchObject({ sum: 1_500_000, errors: ['full'] });
    expect(await ask('list', kind)).toEqual([]);
  });

  it('go on where the connection broke', async () => {
    expect(await ask('load', '../cut/model.pt')).toMatchObject({ sum: SUM });
    expect(models()).toEqual(['GET /cut/model.pt', `GET /cut/model.pt bytes=${Math.ceil(bytes.length / 2)}-`]);
  });

  it('say what is wrong with servers', async () => {
    expect(await ask('load', `${other.origin}/files/model.pt?cors`)).toMatchObject({ sum: SUM });
    const reasonOf = async (url: string): Promise<unknown> => {
      const { name, reason, message } = await ask('failure', url, 300);
      return [name, reason, message.replace(/^.*?(?:model\.pt|html\/x): /, '')];
    };
    expect(await reasonOf(`${other.origin}/files/model.pt`)).toEqual([
      'FetchError',
      'cors',
      expect.stringContaining(`it must send Access-Control-Allow-Origin: ${own.origin}`),
    ]);
    expect(await reasonOf('http://127.0.0.1:9/model.pt')).toEqual([
      'FetchError',
      'network',
      expect.stringMatching(/no network, no such server/),
    ]);
    expect(await reasonOf('../html/x')).toEqual(['FetchError', 'content', expect.stringMatching(/a web page/)]);
    expect(await reasonOf('../nowhere/model.pt')).toEqual(['FetchError', 'status', expect.stringMatching(/404/)]);
    expect(await reasonOf('../slow/model.pt')).toEqual(['FetchError', 'timeout', expect.stringMatching(/300 ms/)]);
    await page.evaluate((policy) => (globalThis as unknown as { page: FilesPage }).page.forbid(policy), "connect-src 'self'");
    expect(await reasonOf(`${other.origin}/files/model.pt?cors`)).toEqual([
      'FetchError',
      'policy',
      expect.stringContaining(`add ${other.origin} to its connect-src`),
    ]);
  });

  it('of ONNX come with their weights beside them', async () => {
    for (const from of ['network', 'cache'])
      expect(await ask('onnx', '../files/model.onnx', 'opfs')).toEqual({ values: [[1, 2, 3, 4]], from: [from] });
    expect(models()).toEqual(['GET /files/model.onnx', 'GET /files/w.bin']);
  });

  it('go to the visitor’s disk', async () => {
    const downloading = page.waitForEvent('download');
    await ask('download', 'seven.safetensors');
    const download = await downloading;
    expect(download.suggestedFilename()).toBe('seven.safetensors');
    const state = deserialize<Map<string, Tensor>>(readFileSync(await download.path()));
    expect(state.get('a')!.tolist()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });
});

/** A model that adds numbers, which are in another file. */
function onnxFiles(): [string, Uint8Array][] {
  const { rawData, ...rest } = weights('w', Float32Array.of(1, 2, 3, 4));
  const initializer = [{ ...rest, dataLocation: 1, externalData: [{ key: 'location', value: 'w.bin' }] }];
  return [
    ['model.onnx', modelOf([['Add', ['x', 'w'], ['y']]], { initializer })],
    ['w.bin', rawData!],
  ];
}
