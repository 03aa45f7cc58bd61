/** The Train view in Chromium: what it shows is what the library computes. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EpochResult } from '../../lab/core/session.ts';
import { percent } from '../../lab/core/words.ts';
import { chromiumPath } from '../support/chromium.ts';
import { Laboratory } from '../support/lab.ts';
import { trainedInNode as trained } from '../support/lab-run.ts';

const best = (results: readonly EpochResult[]): string => {
  const top = results.reduce((a, b) => (b.valid!.accuracy > a.valid!.accuracy ? b : a));
  return `${percent(top.valid!.accuracy)} (epoch ${top.epoch})`;
};

/** Ends the worker of the run, as the browser does when it needs memory. */
async function endRun(page: Page): Promise<void> {
  for (const worker of page.workers()) {
    await worker.evaluate(() => {
      const own = globalThis as unknown as { readonly name: string; close(): void };
      if (own.name === 'run') own.close();
    });
  }
}

describe.skipIf(chromiumPath === undefined)('the Train view', () => {
  let lab: Laboratory;
  let page: Page;
  let errors: readonly string[];
  beforeAll(async () => {
    lab = await Laboratory.open();
    ({ page, errors } = await lab.page());
    await page.getByRole('button', { name: 'Shapes' }).click();
    await page.getByRole('link', { name: 'Train', exact: true }).click();
  });
  afterAll(() => lab.close());

  const press = (name: string | RegExp): Promise<void> => page.getByRole('button', { name, exact: true }).first().click();
  const fact = (name: string) => page.locator('.facts div', { hasText: name }).locator('dd');
  const status = (word: string): Promise<void> => page.locator('.status', { hasText: word }).waitFor();
  const run = (name: string) => page.locator('.runs tbody tr', { hasText: name });

  it('steps, ends an epoch, trains to the end with the numbers of the library', async () => {
    await page.getByLabel('Epochs').fill('4');
    await press('Step');
    await fact('Step in epoch').getByText('1 of 20').waitFor();
    await press('Finish epoch');
    await fact('Epoch').getByText('1 of 4').waitFor();
    await status('paused');
    await press('Go on');
    await status('done');
    const results = await trained({ epochs: 4 });
    expect(await run('Run 1').innerText()).toContain(best(results));
    expect(await page.getByText('Everything up to epoch').count()).toBe(0);
  });

  it('goes back in time, and the same way again', async () => {
    const curve = page.locator('.chart canvas').first();
    const before = await curve.getAttribute('aria-label');
    await page.getByLabel('Go back in time').fill('2');
    await press('Go back to epoch 2');
    await fact('Epoch').getByText('2 of 4').waitFor();
    expect(await curve.getAttribute('aria-label')).toContain('before going back');
    await press('Go on');
    await status('done');
    expect((await curve.getAttribute('aria-label'))!.replace(/before going back [^,]*, /, '')).toBe(before);
  });

  it('trains another run side by side, which can be shown and removed', async () => {
    await page.locator('#what-if-lr').fill('0.005');
    await press('Train side by side');
    await run('Run 2').getByText('4 of 4').waitFor();
    const text = await run('Run 2').innerText();
    expect(text).toContain('learning rate 0.005');
    expect(text).toContain(best(await trained({ epochs: 4, lr: 0.005 })));
    await run('Run 2').getByRole('radio').check();
    await status('Run 2');
    await press('Remove Run 2');
    await status('Run 1');
    expect(await page.locator('.runs tbody tr').count()).toBe(1);
  });

  it('tells within two seconds that a worker has been ended, and goes on from the last epoch', async () => {
    await page.getByLabel('Epochs').fill('2000');
    await press('Go on');
    await fact('Pictures per second').getByText(/[0-9]/).waitFor();
    await press('Pause');
    await status('paused');
    const start = performance.now();
    await endRun(page);
    await page.getByText('The browser has ended this training').waitFor();
    expect(performance.now() - start).toBeLessThan(2000);
    const restart = page.getByRole('button', { name: /^Restart at epoch/ });
    const epochs = 1 + Number(/\d+/.exec(await restart.innerText())![0]);
    await restart.click();
    await page.getByLabel('Epochs').fill(String(epochs));
    await press('Go on');
    await status('done');
    expect(await run('Run 1').innerText()).toContain(best(await trained({ epochs })));
  });

  it('stops when the loss is no number, says why, and offers another learning rate', async () => {
    await page.locator('#lr').fill('9');
    await press('New run');
    await status('no number');
    const alarm = page.locator('.alarm');
    expect(await alarm.innerText()).toMatch(/At step \d+ the loss became (NaN|Infinity)/);
    await alarm.getByRole('button', { name: 'Try learning rate 0.9' }).click();
    await run('learning rate 0.9').waitFor();
    expect(errors).toEqual([]);
  });
});
