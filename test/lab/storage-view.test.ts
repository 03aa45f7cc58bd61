/** What the browser keeps: over a reload, in the middle of training, in two tabs, without room, without storage; the first use and project files. */
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unpackProject } from '../../lab/core/project-file.ts';
import { chromiumPath } from '../support/chromium.ts';
import { Laboratory } from '../support/lab.ts';
import { trainedInNode } from '../support/lab-run.ts';

const kept = (page: Page): Promise<void> => page.locator('.save-state.saved').waitFor();
const shapes = async (page: Page): Promise<void> => page.getByRole('button', { name: 'Shapes', exact: true }).click();

/** Puts the storage as the first version of the laboratory had it, with the first run only. */
async function asFirstVersion(): Promise<void> {
  const done = <T>(request: IDBRequest<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error!);
    });
  const db = await done(indexedDB.open('flambeau-laboratory'));
  const all = (name: string) => done<unknown[]>(db.transaction(name).objectStore(name).getAll());
  const [project] = await all('projects');
  const [ids, pixels] = [await done(db.transaction('pixels').objectStore('pixels').getAllKeys()), await all('pixels')];
  const runs = (await all('kept-runs')) as { key: string; at: number; list: string; facts: { label: string } }[];
  const { key, at, list, facts } = runs.find((run) => run.facts.label === 'Run 1')!;
  const { pictures } = ((await all('picture-lists')) as { id: string; pictures: unknown }[]).find(({ id }) => id === list)!;
  const checkpoints = await done(
    db
      .transaction('checkpoints')
      .objectStore('checkpoints')
      .getAll(IDBKeyRange.bound([key], [key, []])),
  );
  db.close();
  await done(indexedDB.deleteDatabase('flambeau-laboratory'));
  const opening = indexedDB.open('flambeau-laboratory', 1);
  opening.onupgradeneeded = () => {
    for (const name of ['projects', 'pixels']) opening.result.createObjectStore(name);
    for (const name of ['runs', 'run-pictures']) opening.result.createObjectStore(name, { keyPath: 'tab' });
  };
  const old = await done(opening);
  const write = old.transaction(['projects', 'pixels', 'runs', 'run-pictures'], 'readwrite');
  write.objectStore('projects').put(project, 'now');
  ids.forEach((id, i) => write.objectStore('pixels').put(pixels[i], id));
  write.objectStore('runs').put({ tab: 'one', at, snapshot: { version: 1, ...facts, checkpoints } });
  write.objectStore('run-pictures').put({ tab: 'one', at, pictures });
  await new Promise((resolve) => (write.oncomplete = resolve));
  old.close();
}

describe.skipIf(chromiumPath === undefined)('the work is kept', () => {
  let lab: Laboratory;
  beforeAll(async () => void (lab = await Laboratory.open()));
  afterAll(() => lab.close());

  it('“Show me” trains and lands in See; a reload brings all of it back, from a folder, too', async () => {
    const { page, errors } = await lab.page();
    await page.goto(lab.file());
    await page.getByRole('button', { name: 'Show me' }).click();
    await page.waitForURL('**#see', { timeout: 60_000 });
    await page.getByRole('link', { name: 'Pictures', exact: true }).click();
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

  it('a page that is reloaded in the middle of training goes on with the numbers that Node has without a reload', async () => {
    const { page, errors } = await lab.page();
    await shapes(page);
    await page.getByRole('link', { name: 'Train' }).click();
    await page.getByRole('button', { name: 'Train', exact: true }).click();
    await page
      .locator('.facts dd')
      .first()
      .filter({ hasText: /^([2-9]|1\d) of 20$/ })
      .waitFor();
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    await page.locator('.save-state.saved').waitFor();
    await page.getByRole('button', { name: 'Go on', exact: true }).click();
    await page.reload(); // at once: a quick machine is through with twenty epochs within a second
    // The run stands at the end of an epoch, with whatever came after it forgotten.
    await page.getByRole('button', { name: 'Go on', exact: true }).click();
    await page.getByRole('button', { name: '10 more epochs' }).waitFor({ timeout: 60_000 });
    expect(await page.getByText('you changed').count()).toBe(0);
    // Another run, of other pictures; both stay.
    await page.getByRole('link', { name: 'Pictures', exact: true }).click();
    await page.getByRole('button', { name: 'Remove the class cross' }).click();
    await page.getByRole('link', { name: 'Train' }).click();
    await page.getByRole('button', { name: 'New run' }).click();
    await page.getByRole('radio', { name: 'Run 2' }).waitFor();
    await expect.poll(() => page.getByRole('radio', { name: 'Run 2' }).isChecked()).toBe(true);
    await page
      .locator('.facts dd')
      .first()
      .filter({ hasText: /^20 of 20$/ })
      .waitFor();
    await kept(page);
    const rows = (): Promise<string[]> => page.locator('.runs tbody tr').allTextContents();
    await expect.poll(rows).toEqual([expect.stringMatching(/^Run 1.*20 of 20/), expect.stringMatching(/^Run 2/)]);
    const before = await rows();
    await page.reload();
    await page.locator('.runs tbody tr').nth(1).waitFor();
    expect(await rows()).toEqual(before);
    expect(await page.getByRole('radio', { name: 'Run 2' }).isChecked()).toBe(true);

    // In a file, too.
    await page.getByRole('button', { name: 'Project' }).click();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save as a file' }).first().click(),
    ]);
    const project = await unpackProject(new Uint8Array(readFileSync(await download.path())));
    expect(project.runs.map(({ snapshot, isShown }) => [snapshot.label, isShown])).toEqual([
      ['Run 1', false],
      ['Run 2', true],
    ]);
    expect(project.others).toHaveLength(100);
    const { epochs, checkpoints } = project.runs[0]!.snapshot;
    expect(epochs).toEqual(await trainedInNode());
    expect(checkpoints.at(-1)!.epoch).toBe(20);

    // Removed by mistake: brought back. And opened somewhere else.
    await page.getByRole('button', { name: 'Remove Run 1' }).click();
    await expect.poll(async () => (await rows()).length).toBe(1);
    await page.getByRole('button', { name: 'Bring it back' }).click();
    await page.getByRole('radio', { name: 'Run 1' }).waitFor();
    const other = (await lab.page('train')).page;
    await other.getByRole('button', { name: 'Project' }).click();
    await other.getByLabel('Project file').setInputFiles(await download.path());
    await other.getByText('300 pictures in 3 classes and 2 runs').waitFor();
    await other.getByRole('link', { name: 'Train' }).click();
    await other.getByRole('radio', { name: 'Run 1' }).check();
    await other.getByRole('button', { name: '10 more epochs' }).waitFor();
    await other.getByRole('button', { name: 'Project' }).click();
    await other.getByRole('button', { name: 'Start anew …' }).click();
    await other.getByRole('dialog').getByRole('button', { name: 'Start anew' }).click();
    await other.getByRole('button', { name: 'Bring back what was there before' }).click();
    await other.getByText('300 pictures in 3 classes', { exact: true }).waitFor();
    await other.getByRole('link', { name: 'Train' }).click();
    await expect.poll(() => other.locator('.runs tbody tr').count()).toBe(2);

    // As the first version kept it: one run of each tab.
    await page.evaluate(asFirstVersion);
    await page.reload();
    await page.locator('.runs tbody tr').first().waitFor();
    expect(await rows()).toEqual([expect.stringMatching(/^Run 1.*20 of 20/)]);
    expect(errors).toEqual([]);
    await page.context().close();
    await other.context().close();
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
    const names = () => one.locator('.class-name input').evaluateAll((all) => all.map((input) => (input as HTMLInputElement).value));
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
    await denied.addInitScript(() =>
      Object.defineProperty(window, 'indexedDB', {
        get: () => {
          throw new DOMException('denied', 'SecurityError');
        },
      }),
    );
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
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save as a file' }).first().click(),
    ]);
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
