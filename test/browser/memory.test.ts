/**
 * Loops without a word about memory, in real browsers: a synchronous one gives the engine no pause in which it could tell what is
 * gone, and one that pauses has to make it look. Held to a few steps' worth, and to the losses that Node computes.
 */
import type { Server } from 'node:http';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleForBrowser, chromiumPath, launchChromium, servePage } from '../support/chromium.ts';
import { loop, type LoopOptions, type LoopResult } from './memory-page.ts';

/** Makes 37 MB of tensors a step in training, 18 in inference: without end, the 4 GB that WebAssembly has are full after 110 steps. */
const BATCH = 128;
const STEPS = process.env['FLAMBEAU_SLOW'] === '1' ? 1000 : 40;
/** MB of WebAssembly memory: twice the budget between two looks, and a step. */
const BOUND = 400;

if (chromiumPath === undefined) {
  console.warn('browser test skipped: no Chromium found; install it (Debian: apt install chromium) or set CHROMIUM');
}

describe.skipIf(chromiumPath === undefined)('a loop that says nothing of memory, in Chromium,', () => {
  let browser: Browser;
  let server: Server;
  let origin: string;

  beforeAll(async () => {
    ({ server, origin } = await servePage(await bundleForBrowser({ page: 'test/browser/memory-page.ts' })));
    browser = await launchChromium();
  }, 120_000);

  afterAll(async () => {
    await browser.close();
    server.close();
  });

  async function inPage(options: LoopOptions): Promise<LoopResult> {
    const page = await browser.newPage();
    await page.goto(`${origin}/plain/`);
    await page.waitForFunction('typeof loop === "function"');
    const result = await page.evaluate((given) => (globalThis as unknown as { loop: typeof loop }).loop(given), options);
    await page.close();
    return result;
  }

  it.each<[string, LoopOptions]>([
    ['synchronous training', { steps: STEPS, batch: BATCH, train: true, pause: false }],
    ['synchronous inference', { steps: STEPS, batch: BATCH, train: false, pause: false }],
    ['training that pauses', { steps: STEPS, batch: BATCH, train: true, pause: true }],
  ])(
    'holds memory flat: %s',
    async (_, options) => {
      const { reserved, losses } = await inPage(options);
      expect(reserved / 1e6).toBeLessThan(BOUND);
      expect(losses).toHaveLength(STEPS);
      const few = { ...options, steps: 12, pause: false };
      expect(losses.slice(0, few.steps)).toEqual((await loop(few)).losses); // nothing was lost on the way
    },
    1_200_000,
  );
});
