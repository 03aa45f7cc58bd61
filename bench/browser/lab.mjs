// What the measurements of the laboratory share: the built page on a local server and as a file, Chromium, and what a view needs before it is measured.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { labPage } from '../../tools/lab-page.mjs';
import { ISOLATION } from '../../tools/isolation.mjs';

/**
 * @param options - of `labPage`
 * @returns the page on a server and as a file, a browser with a camera that is none, and `close`
 */
export async function openLaboratory(options = {}) {
  const html = await labPage(options);
  const headers = { 'content-type': 'text/html; charset=utf-8', ...ISOLATION };
  const server = createServer((_, response) => response.writeHead(200, headers).end(html));
  await new Promise((resolve) => server.listen(0, 'localhost', resolve));
  const file = join(mkdtempSync(join(tmpdir(), 'flambeau-lab-')), 'index.html');
  writeFileSync(file, html);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--enable-precise-memory-info', '--js-flags=--expose-gc'], // prettier-ignore
  });
  return {
    browser,
    url: `http://localhost:${server.address().port}/`,
    file: pathToFileURL(file).href,
    kilobytes: Math.round(html.length / 1024),
    close: async () => {
      await browser.close();
      server.close();
    },
  };
}

/** Goes to a view by its link, as people do. */
export const go = (page, name) => page.getByRole('navigation').getByRole('link', { name, exact: true }).click();

/** Starts a run that goes on for as long as one measures. */
export async function train(page) {
  await go(page, 'Train');
  await page.getByLabel('Epochs').fill('10000');
  await page.getByLabel('Epochs').press('Enter');
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.getByRole('button', { name: 'Pause', exact: true }).waitFor();
}
