/**
 * FLAMBEAU_BROWSERS=firefox,webkit npx vitest run --project wasm test/browser/others
 *
 * What the other tests of this folder expect of Chromium, in other engines: training on the page and in workers, with threads and
 * without, and loops that say nothing about memory.
 */
import { arange, setNumThreads } from 'flambeau';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAskedFor, OTHER_BROWSERS, otherBrowser, type OtherBrowser } from '../support/other-browsers.ts';
import { serialize } from 'flambeau/files';
import { serveModels, type ModelServer } from '../support/model-server.ts';
import { loop, type LoopOptions, type LoopResult } from './memory-page.ts';
import { trainW1, type Training } from './training.ts';

const STEPS = 100;
/** Makes 37 MB of tensors a step in training: without end, the 4 GB that WebAssembly has would be full after 110 steps. */
const LOOP = { steps: process.env['FLAMBEAU_SLOW'] === '1' ? 1000 : 150, batch: 128 };
const BOUND = 400e6;

type Result = Pick<Training, 'losses' | 'fused'>;

/** Every bit, where the engine rounds multiply-adds as Node does; WebKit has no relaxed SIMD. */
function expectLosses({ losses, fused }: Result, node: Result): void {
  if (fused === node.fused) expect(losses).toEqual(node.losses);
  else losses.forEach((loss, i) => expect(loss).toBeCloseTo(node.losses[i]!, 4));
}

for (const name of OTHER_BROWSERS)
  describe.skipIf(!isAskedFor(name))(`the stores of ${name}`, () => {
    let files: OtherBrowser;
    let models: ModelServer;
    const bytes = serialize({ a: arange(20_000) });

    beforeAll(async () => {
      files = await otherBrowser(name, { page: 'test/browser/files-page.ts' });
      models = await serveModels(new Map([['model.pt', bytes]]));
    }, 120_000);
    afterAll(() => {
      files.close();
      models.close();
    });

    it.each(['cache', 'opfs', 'indexed-db'])('keep models and files: %s', async (kind) => {
      models.asked.length = 0;
      const asked = files.call('plain', 'others', kind, `${models.origin}/files/model.pt?cors`);
      if (name === 'webkit' && kind === 'opfs')
        return expect(asked).rejects.toThrow(/DeviceError: save: this host has no file system of its own \(OPFS\)/); // WebKitGTK
      const { loaded, kept, damaged, listed } = (await asked) as Record<string, unknown>;
      expect(loaded).toEqual([
        [199_990_000, 'network'],
        [199_990_000, 'cache'],
        [199_990_000, 'network'],
      ]);
      expect(models.asked).toEqual(['GET /files/model.pt', 'GET /files/model.pt']); // whole from the store in between
      expect(kept).toMatchObject({
        a: [0, 1, 2, 3, 4],
        large: true,
        names: [['my model/1*.safetensors'], ['large']],
        deleted: [true, false, true],
        left: [],
      });
      expect(damaged).toMatchObject({ name: 'StorageError', reason: 'damaged' });
      expect(listed).toHaveLength(1);
    });
  });

for (const name of OTHER_BROWSERS)
  describe.skipIf(!isAskedFor(name))(`in ${name}`, () => {
    let training: OtherBrowser;
    let memory: OtherBrowser;
    let node: Training;

    beforeAll(async () => {
      training = await otherBrowser(name, {
        page: 'test/browser/entry-page.ts',
        worker: 'test/browser/entry-worker.ts',
      });
      memory = await otherBrowser(name, { page: 'test/browser/memory-page.ts' });
      setNumThreads(1);
      node = trainW1(STEPS);
    }, 120_000);

    afterAll(() => {
      training.close();
      memory.close();
    });

    it.each([1, 2, 4])('trains in a worker on %i threads of a shared memory', async (threads) => {
      const result = (await training.call('isolated', 'inWorker', STEPS, threads)) as Training;
      expect(result.threads).toBe(threads);
      expect(result.helpers).toBe(threads - 1);
      expect(result.losses).toHaveLength(STEPS);
      expectLosses(result, node);
    });

    it('trains in a worker of a page that is not isolated, on one thread', async () => {
      const result = (await training.call('plain', 'inWorker', STEPS, 4)) as Training;
      expect(result.threads).toBe(1);
      expectLosses(result, node);
    });

    it.each(['isolated', 'plain'] as const)('trains on the thread of a page (%s)', async (place) => {
      const results = (await training.call(place, 'onPage', 3, STEPS / 2)) as Training[];
      for (const result of results) expectLosses(result, { ...node, losses: node.losses.slice(0, STEPS / 2) });
      expect(results.at(-1)!.threads > 1).toBe(place === 'isolated');
    });

    it.each<[string, LoopOptions]>([
      ['synchronous training', { ...LOOP, train: true, pause: false }],
      ['synchronous inference', { ...LOOP, train: false, pause: false }],
      ['training that pauses', { ...LOOP, train: true, pause: true }],
    ])(
      'holds memory flat: %s',
      async (_, options) => {
        const result = (await memory.call('plain', 'loop', options)) as LoopResult;
        const { reserved, losses, msPerStep } = result;
        console.log(`${name}: ${Math.round(reserved / 1e6)} MB after ${options.steps} steps of ${Math.round(msPerStep)} ms`);
        expect(reserved).toBeLessThan(BOUND);
        const few = { ...options, steps: 12, pause: false };
        expect(losses).toHaveLength(options.steps);
        expectLosses({ ...result, losses: losses.slice(0, few.steps) }, await loop(few));
      },
      1_200_000,
    );
  });
