/** What may go wrong around a training: a tab that nobody sees, a page that is put to sleep, hardly any pictures. Nothing is lost, and the page says what to do. */
import { encodeImage, Image } from 'flambeau/vision';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath } from '../support/chromium.ts';
import { Laboratory } from '../support/lab.ts';

const go = (page: Page, name: string): Promise<void> => page.getByRole('link', { name, exact: true }).click();
const epochsDone = async (page: Page): Promise<number> =>
  Number(/(\d+) of \d+/.exec((await page.locator('.facts').textContent()) ?? '')?.[1]);

async function addFile(page: Page, of: string, colour: readonly number[]): Promise<void> {
  const buffer = Buffer.from(encodeImage(Image.filled(24, 24, 3, [...colour])));
  const input = page.getByRole('region', { name: `Class ${of}` }).locator('input[type=file]');
  await input.setInputFiles({ name: `${of}.png`, mimeType: 'image/png', buffer });
}

describe.skipIf(chromiumPath === undefined)('trouble', () => {
  let lab: Laboratory;
  beforeAll(async () => void (lab = await Laboratory.open()));
  afterAll(() => lab.close());

  it('training goes on while nobody sees the tab, waits while the page sleeps, and is kept', async () => {
    const { page, errors } = await lab.page();
    await page.getByRole('button', { name: 'Shapes', exact: true }).click();
    await go(page, 'Train');
    await page.getByLabel('Epochs').fill('1000');
    await page.getByRole('button', { name: 'Train', exact: true }).click();
    await page.getByText('Training goes on while you look at another tab').waitFor();
    // Chromium without a window never hides a tab: what a hidden one is told and denied.
    await page.evaluate(() => {
      Object.defineProperty(document, 'hidden', { get: () => true });
      Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' });
      globalThis.requestAnimationFrame = () => 0;
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
    });
    const session = await page.context().newCDPSession(page);
    await page.locator('.save-state').waitFor();
    await expect.poll(() => stored(page), { timeout: 60_000 }).toBeGreaterThan(2);
    await session.send('Page.setWebLifecycleState', { state: 'frozen' });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await session.send('Page.setWebLifecycleState', { state: 'active' });
    const before = await stored(page);
    await expect.poll(() => stored(page), { timeout: 60_000 }).toBeGreaterThan(before);
    const kept = await stored(page);
    await page.reload();
    await page.getByRole('button', { name: 'Go on', exact: true }).waitFor();
    expect(await epochsDone(page)).toBeGreaterThanOrEqual(kept);
    expect(errors).toEqual([]);
    await page.context().close();
  });

  it('says what two pictures in all are good for, and trains on them', async () => {
    const { page, errors } = await lab.page();
    for (const name of ['red', 'blue']) {
      await page.getByLabel('Name of a new class').fill(name);
      await page.getByRole('button', { name: 'Add a class' }).click();
    }
    await addFile(page, 'red', [200, 20, 20]);
    await page.getByText('Only the class “red” has pictures: add some to “blue”').waitFor();
    await go(page, 'Train');
    await page.getByText('Only the class “red” has pictures').waitFor();
    expect(await page.getByRole('button', { name: 'Train', exact: true }).count()).toBe(0);
    await go(page, 'Pictures');
    await addFile(page, 'blue', [20, 20, 200]);
    await page.getByText('2 pictures in all are very few').waitFor();
    await page.getByText('No pictures are kept aside').waitFor();
    await go(page, 'Train');
    await page.getByLabel('Epochs').fill('2');
    await page.getByRole('button', { name: 'Train', exact: true }).click();
    await page.locator('.status').getByText('done').waitFor();
    await go(page, 'See');
    await page.locator('.see-verdict').waitFor();
    expect(errors).toEqual([]);
    await page.context().close();
  });
});

/** The last epoch of the run that the browser's storage holds. */
const stored = (page: Page): Promise<number> =>
  page.evaluate(async () => {
    const done = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error ?? new Error('the request failed'));
      });
    const db = await done(indexedDB.open('flambeau-laboratory'));
    const runs = (await done(db.transaction('kept-runs').objectStore('kept-runs').getAll())) as { readonly epochs: readonly number[] }[];
    db.close();
    return Math.max(0, ...runs.flatMap(({ epochs }) => epochs));
  });
