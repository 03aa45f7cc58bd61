/** What the browser keeps: over a reload, in the middle of training, in two tabs, without room, without storage; the first use and project files. */
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath } from '../support/chromium.ts';
import { Laboratory } from '../support/lab.ts';

const kept = (page: Page): Promise<void> => page.locator('.save-state.saved').waitFor();
const shapes = async (page: Page): Promise<void> => page.getByRole('button', { name: 'Shapes', exact: true }).click();

describe.skipIf(chromiumPath === undefined)('the work is kept', () => {
  let lab: Laboratory;
  beforeAll(async () => void (lab = await Laboratory.open()));
  afterAll(() => lab.close());

  it('“Show me” trains and lands in See; a reload brings all of it back, from a folder, too', async () => {
    const { page, errors } = await lab.page();
    await page.goto(lab.file());
    await page.getByRole('button', { name: 'Show me' }).click();
    await page.waitForURL('**#see', { timeout: 60_000 });
    await page.getByRole('link', { name: 'Pictures' }).click();
    await page.getByLabel('Name of class 1').fill('ball');
    await page.getByLabel('Name of class 1').press('Enter');
    await kept(page);
    await page.reload();
    await page.getByText('400 pictures in 4 classes').waitFor();
    expect(await page.getByLabel('Name of class 1').inputValue()).toBe('ball');
    expect(await page.getByRole('button', { name: 'Undo' }).isEnabled()).toBe(false);
    await page.getByRole('link', { name: 'Train' }).click();
    await page.locator('.chart canvas').first().waitFor();
    expect(await page.locator('.chart canvas').first().getAttribute('aria-label')).toMatch(/training [\d.e-]+/);
    await page.getByRole('button', { name: 'Project' }).click();
    await page.getByRole('button', { name: 'Start anew …' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Start anew' }).click();
    await page.getByRole('button', { name: 'Show me' }).waitFor();
    await kept(page);
    await page.reload();
    await page.getByRole('button', { name: 'Show me' }).waitFor();
    expect(errors).toEqual([]);
    await page.context().close();
  });

  it('a page that is reloaded in the middle of training goes on from there', async () => {
    const { page, errors } = await lab.page();
    await shapes(page);
    await page.getByRole('link', { name: 'Train' }).click();
    const epoch = async (): Promise<number> => Number(/(\d+) of \d+/.exec((await page.locator('main').textContent()) ?? '')?.[1]); // prettier-ignore
    await page.getByRole('button', { name: 'Train', exact: true }).click();
    await page
      .getByText(/^([3-9]|1\d) of \d+$/)
      .first()
      .waitFor();
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    await page.getByRole('button', { name: 'Go on', exact: true }).waitFor();
    await kept(page);
    const before = await epoch();
    await page.reload();
    await page.getByRole('button', { name: 'Go on', exact: true }).waitFor();
    expect(await epoch()).toBe(before);
    expect(await page.getByText('you changed').count()).toBe(0);
    expect(errors).toEqual([]);
    await page.context().close();
  });

  it('two tabs show the same; what both change at once is lost in neither', async () => {
    const { page: one } = await lab.page();
    await shapes(one);
    await kept(one);
    const two = await one.context().newPage();
    await two.goto(lab.url);
    await two.getByText('400 pictures in 4 classes').waitFor();
    await two.getByRole('button', { name: 'Remove the class cross' }).click();
    await one.getByText('300 pictures in 3 classes').waitFor();
    await one.getByText('open in another tab, too').waitFor();
    // One does not hear of the other's change before it has made its own.
    await two.evaluate(() => (BroadcastChannel.prototype.postMessage = () => undefined));
    await two.getByRole('button', { name: 'Remove the class square' }).click();
    await kept(two);
    await one.getByRole('button', { name: 'Remove the class circle' }).click();
    await one.getByText('at the same time').waitFor();
    const names = () => one.locator('.class-name input').evaluateAll((all) => all.map((input) => (input as HTMLInputElement).value)); // prettier-ignore
    expect(await names()).toEqual(['circle', 'triangle']);
    await one.getByRole('button', { name: 'Undo' }).click();
    expect(await names()).toEqual(['square', 'triangle']);
    await one.context().close();
  });

  it('no room and no storage are said, and nothing is lost', async () => {
    const { page } = await lab.page();
    await page.getByRole('button', { name: 'Show me' }).waitFor();
    const session = await page.context().newCDPSession(page);
    await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(lab.url).origin, quotaSize: 1000 });
    await shapes(page);
    await page.getByText('The browser has no more room').waitFor();
    await page.getByText('400 pictures in 4 classes').waitFor();
    await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(lab.url).origin });
    await page.getByRole('button', { name: 'Remove the class cross' }).click();
    await kept(page);
    expect(await page.getByText('The browser has no more room').count()).toBe(0);
    await page.context().close();

    const denied = (await lab.page()).page;
    await denied.addInitScript(() => Object.defineProperty(window, 'indexedDB', { get: () => { throw new DOMException('denied', 'SecurityError'); } })); // prettier-ignore
    await denied.reload();
    await denied.getByText('This browser keeps nothing for this page').waitFor();
    await shapes(denied);
    await denied.getByText('400 pictures in 4 classes').waitFor();
    await denied.context().close();
  });

  it('a project goes into a file and comes back', async () => {
    const { page } = await lab.page();
    await page.getByRole('button', { name: 'Digits', exact: true }).click();
    await page.getByRole('button', { name: 'Project' }).click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save as a file' }).first().click()]); // prettier-ignore
    expect(download.suggestedFilename()).toBe('0-1-2.flambeau.zip');
    const file = readFileSync(await download.path());
    const other = (await lab.page()).page;
    const input = other.getByLabel('A project that was saved as a file');
    await input.setInputFiles({ name: 'bad.zip', mimeType: 'application/zip', buffer: file.subarray(0, 5000) });
    await other.getByText('This file cannot be opened as a project: it is cut off or damaged').waitFor();
    await input.setInputFiles({ name: 'digits.flambeau.zip', mimeType: 'application/zip', buffer: file });
    await other.getByText('1000 pictures in 10 classes', { exact: true }).waitFor();
    await page.context().close();
    await other.context().close();
  });
});
