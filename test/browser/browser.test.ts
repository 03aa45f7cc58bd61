/** Trains in real Chromium, with threads and without, and expects what Node computes. */
import type { Server } from 'node:http';
import { setNumThreads } from 'flambeau';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleForBrowser, chromiumPath, launchChromium, servePage } from '../support/chromium.ts';
import { trainW1, type Training } from './training.ts';

/** What the page offers; see entry-page.ts. */
interface PageFunctions {
  inWorker(steps: number, threads?: number): Promise<Training>;
  onPage(rounds: number, steps: number): Promise<Training[]>;
}

const STEPS = 100;

if (chromiumPath === undefined) {
  console.warn('browser test skipped: no Chromium found; install it (Debian: apt install chromium) or set CHROMIUM');
}

describe.skipIf(chromiumPath === undefined)(
  'in Chromium',
  () => {
    let browser: Browser;
    let server: Server;
    let origin: string;
    let node: Training;
    const failures: string[] = [];

    beforeAll(async () => {
      const files = await bundleForBrowser({
        page: 'test/browser/entry-page.ts',
        worker: 'test/browser/entry-worker.ts',
      });
      ({ server, origin } = await servePage(files));
      browser = await launchChromium();
      setNumThreads(1);
      node = trainW1(STEPS);
    }, 120_000);

    afterAll(async () => {
      await browser.close();
      server.close();
    });

    async function open(place: 'isolated' | 'plain'): Promise<Page> {
      const page = await browser.newPage();
      page.on('pageerror', (error) => failures.push(String(error)));
      page.on('console', (message) => message.type() === 'error' && failures.push(message.text()));
      await page.goto(`${origin}/${place}/`);
      await page.waitForFunction('typeof inWorker === "function"');
      expect(await page.evaluate('crossOriginIsolated')).toBe(place === 'isolated');
      return page;
    }

    const inWorker = (page: Page, threads?: number): Promise<Training> =>
      page.evaluate(([steps, count]) => (globalThis as unknown as PageFunctions).inWorker(steps, count), [STEPS, threads] as const);

    it('trains in Node first, to a falling loss', () => {
      expect(node.losses).toHaveLength(STEPS);
      expect(node.losses.every(Number.isFinite)).toBe(true);
    });

    it.each([1, 2, 4])('trains in a worker on %i threads of a shared memory', async (threads) => {
      const page = await open('isolated');
      const training = await inWorker(page, threads);
      await page.close();
      expect(training.threads).toBe(threads);
      expect(training.helpers).toBe(threads - 1); // they did come up
      expect(training.losses).toEqual(node.losses);
      expect(failures).toEqual([]);
    });

    it('takes a thread for each processor unless told otherwise', async () => {
      const page = await open('isolated');
      const processors = await page.evaluate('navigator.hardwareConcurrency');
      const training = await inWorker(page);
      await page.close();
      expect(training.threads).toBe(processors);
      expect(training.losses).toEqual(node.losses);
    });

    it('trains in a worker of a page that is not isolated, on one thread', async () => {
      const page = await open('plain');
      const training = await inWorker(page, 4);
      await page.close();
      expect(training.threads).toBe(1); // nothing can be shared there
      expect(training.losses).toEqual(node.losses);
      expect(failures).toEqual([]);
    });

    it.each(['isolated', 'plain'] as const)('trains on the thread of a page (%s), which may not sleep', async (place) => {
      const page = await open(place);
      const trainings = await page.evaluate((steps) => (globalThis as unknown as PageFunctions).onPage(3, steps), STEPS / 2);
      await page.close();
      for (const training of trainings) expect(training.losses).toEqual(node.losses.slice(0, STEPS / 2));
      expect(trainings.at(-1)!.helpers).toBe(trainings.at(-1)!.threads - 1);
      expect(trainings.at(-1)!.threads > 1).toBe(place === 'isolated');
      expect(failures).toEqual([]);
    });
  },
  120_000,
);
