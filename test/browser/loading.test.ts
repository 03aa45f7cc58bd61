/** Workers of a `DataLoader` in real Chromium: the batches that the page would make itself, and word of what goes wrong. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath, openPlainPage } from '../support/chromium.ts';
import type { LoadingPage } from './loading-page.ts';

describe.skipIf(chromiumPath === undefined)('loading in workers of a page', () => {
  let page: Page;
  let close: () => Promise<void>;

  beforeAll(async () => {
    ({ page, close } = await openPlainPage({
      page: 'test/browser/loading-page.ts',
      worker: 'test/browser/loading-worker.ts',
    }));
  }, 120_000);

  afterAll(() => close());

  const ask = <K extends keyof LoadingPage>(name: K): Promise<Awaited<ReturnType<LoadingPage[K]>>> =>
    page.evaluate((name) => (globalThis as unknown as { page: Record<string, () => never> }).page[name]!(), name);

  it('gives the batches that the page itself makes', async () => {
    const { here, there, again, workers } = await ask('same');
    expect(here).toHaveLength(10);
    expect(there).toEqual(here);
    expect(again).toEqual(here);
    expect(workers).toBe(2 + 2 * 3); // two that stay, and three for each pass
  });

  it('says what goes wrong', async () => {
    expect(await ask('failures')).toEqual([
      expect.stringMatching(/RangeError: number 13 is missing/),
      expect.stringMatching(/^DeviceError: DataLoader: worker 0 failed.*must call data\.serveDataset/),
      expect.stringMatching(/^(Device|Argument)Error: DataLoader.*numWorkers: 0/),
      expect.stringMatching(/^ArgumentError: DataLoader: worker is how workers are made; set numWorkers/),
      expect.stringMatching(/^ArgumentError: DataLoader: expected what the option worker gives to be a Worker/),
    ]);
    expect(await ask('killed')).toMatch(/^DeviceError: DataLoader: worker 0 has ended/);
  });
});
