/** A training in a worker of real Chromium, with threads and without: the numbers of Node, and a page that goes on being drawn. */
import type { Server } from 'node:http';
import { manualSeed, randint, randn, setNumThreads } from 'flambeau';
import { Trainer } from 'flambeau/train';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleForBrowser, chromiumPath, launchChromium, servePage } from '../support/chromium.ts';
import { makeTraining } from './training-module.ts';
import type { TrainingPage } from './training-page.ts';

const EPOCHS = 4;

describe.skipIf(chromiumPath === undefined)('a training worker in Chromium', () => {
  let browser: Browser;
  let server: Server;
  let origin: string;

  beforeAll(async () => {
    const files = await bundleForBrowser({ page: 'test/browser/training-page.ts', worker: 'test/browser/training-worker.ts' });
    ({ server, origin } = await servePage(files));
    browser = await launchChromium();
  }, 120_000);

  afterAll(async () => {
    await browser.close();
    server.close();
  });

  async function open(place: 'isolated' | 'plain'): Promise<Page> {
    const page = await browser.newPage();
    await page.goto(`${origin}/${place}/`);
    await page.waitForFunction('typeof page === "object"');
    return page;
  }

  const ask = <K extends keyof TrainingPage>(
    page: Page,
    name: K,
    ...args: Parameters<TrainingPage[K]>
  ): Promise<Awaited<ReturnType<TrainingPage[K]>>> =>
    page.evaluate(
      ([name, args]) => (globalThis as unknown as { page: Record<string, (...args: unknown[]) => never> }).page[name]!(...args),
      [name, args] as const,
    );

  it.each(['isolated', 'plain'] as const)('trains as Node does: %s', async (place) => {
    setNumThreads(1);
    manualSeed(0);
    const { train, valid, epochs, ...options } = makeTraining({
      images: randn(64, 3, 24, 24),
      labels: randint(0, 4, [64]),
      epochs: EPOCHS,
    });
    const inNode = await new Trainer(options).fit(train, valid, epochs);

    const page = await open(place);
    const result = await ask(page, 'train', EPOCHS);
    await page.close();
    expect(result.interrupted).toBe(false);
    result.losses.flat().forEach((loss, i) => {
      const { trainLoss, validLoss } = inNode.epochs[Math.floor(i / 2)]!;
      expect(loss).toBeCloseTo(i % 2 === 0 ? trainLoss : validLoss, 5);
    });
    expect(result.best).toBe(inNode.best!.epoch);
    const weights = [...options.model.stateDict()];
    expect(result.weights.map(([name]) => name)).toEqual(weights.map(([name]) => name));
    expect(result.bestKeys).toEqual(weights.map(([name]) => name));
    expect(result.progress).toBeGreaterThanOrEqual(2 * EPOCHS); // the end of each phase
    expect(result.frames.length).toBeGreaterThan(0); // the page was drawn meanwhile
  });

  it('says so when it is ended in the middle', async () => {
    const page = await open('plain');
    const ended = (op: string): unknown =>
      expect.stringMatching(new RegExp(`^DeviceError: ${op}: the worker has ended before it was done`));
    expect(await ask(page, 'killed')).toEqual([
      ended('trainInWorker'),
      ended('callInWorker'),
      expect.stringMatching(/^DeviceError: trainInWorker: the worker has said nothing for 500 ms/),
      ended('callInWorker'),
    ]);
    await page.close();
  });

  it('computes what a page asks for, with errors as they are', async () => {
    const page = await open('plain');
    const { same, shape, xStays, failures } = await ask(page, 'called');
    await page.close();
    expect([same, shape, xStays]).toEqual([0, [3, 4], [3, 4]]);
    expect(failures).toEqual([
      expect.stringMatching(/^ShapeError: .*4/i),
      expect.stringMatching(/^ArgumentError: callInWorker: the worker has no function "nothing"; it has load, predict, forever, broken$/),
      expect.stringMatching(/^TimeoutError/),
      'Error: enough',
      expect.stringMatching(/^ArgumentError: callInWorker: this cannot be posted to a worker: .*stateDict\(\)$/),
      expect.stringMatching(/^ArgumentError: trainInWorker: this cannot be posted/),
    ]);
  });

  it('ends when the page says so, and trains again', async () => {
    const page = await open('plain');
    const { interrupted, epochs, again } = await ask(page, 'abort');
    expect(interrupted).toBe(true);
    expect(epochs).toBeGreaterThanOrEqual(2);
    expect(again).toBe(1);
    expect(await ask(page, 'broken')).toMatch(/^DeviceError: trainInWorker: the worker has failed/);
    await page.close();
  });
});
