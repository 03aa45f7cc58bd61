/** The page that `flambeau export --format html` writes, in a real Chromium and from the disk. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, FileChooser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manualSeed } from 'flambeau';
import { packClassifier, save } from 'flambeau/node';
import type { Prediction } from '../../src/cli/predictions.ts';
import { encodeImage } from '../../src/io/image/encode.ts';
import { Image } from '../../src/io/image/image.ts';
import { createModel, type ModelName } from '../../src/train/models.ts';
import { chromiumPath, launchChromium } from '../support/chromium.ts';
import { flambeau, flambeauJson } from '../support/cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'flambeau-page-'));
const at = (name: string): string => join(folder, name);
const CLASSES = ['<img src=x onerror=alert(1)>', 'dog </script><script>alert(1)</script>', 'fox'];
const IMAGES = ['wide.png', 'tall.jpg', 'grey.pgm'];

function write(model: ModelName, channels = 3): string {
  manualSeed(2);
  const spec = { channels, height: 48, width: 48, classes: CLASSES.length };
  save(packClassifier(createModel(model, spec), { model, spec, classes: CLASSES }), at(`${model}.pt`));
  return at(`${model}.pt`);
}

const picture = (width: number, height: number): Image =>
  new Image(
    width,
    height,
    3,
    Uint8Array.from({ length: width * height * 3 }, (_, i) => (Math.sin(i / 97) * 0.5 + 0.5) * 200 + ((i * 7919) % 55)),
  );

let browser: Browser | undefined;
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});
beforeAll(async () => {
  writeFileSync(at('wide.png'), encodeImage(picture(90, 60)));
  writeFileSync(at('tall.jpg'), encodeImage(picture(211, 405), { format: 'jpeg' })); // of which a quarter is decoded
  writeFileSync(at('grey.pgm'), Buffer.concat([Buffer.from('P5 64 64 255\n'), Buffer.alloc(64 * 64, 77)]));
  if (chromiumPath !== undefined)
    browser = await launchChromium(['--disable-gpu', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']);
});

/** The open page, without a network, and whatever it complains of. */
async function opened(file: string): Promise<{ page: Page; problems: string[] }> {
  const context = await browser!.newContext({ offline: true });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  page.on('request', (request) => {
    if (!/^(file|data|blob):/.test(request.url())) problems.push(`request of ${request.url()}`);
  });
  await page.goto(pathToFileURL(file).href);
  await page.waitForSelector('#file:not([disabled])', { state: 'attached' });
  return { page, problems };
}

/** The dialog that a key opens. The browser passes over a key that a busy machine delivers so late that it no longer counts as the user's: then again. */
async function chooserBy(page: Page, key: string, tries = 4): Promise<FileChooser> {
  const chooser = page.waitForEvent('filechooser', { timeout: 8000 });
  await page.keyboard.press(key);
  try {
    return await chooser;
  } catch (error) {
    if (tries === 1) throw error;
    return chooserBy(page, key, tries - 1);
  }
}

/** Names and probabilities on each card, the newest first. */
const cards = (page: Page): Promise<[string, number][][]> =>
  page.$$eval('#results article', (all) =>
    all.map((card) =>
      [...card.querySelectorAll<HTMLElement>('li')].map(
        (row) => [row.querySelector('span')!.textContent, Number(row.dataset['probability'])] as [string, number],
      ),
    ),
  );

async function predicted(checkpoint: string, ...images: string[]): Promise<[string, number][][]> {
  const all = await flambeauJson<Extract<Prediction, { guesses: unknown }>[]>('predict', ...images.map(at), '--checkpoint', checkpoint);
  return all.map(({ guesses }) => guesses.map((guess) => [guess.class, guess.probability]));
}

function expectSame(got: readonly [string, number][][], wanted: readonly [string, number][][], digits = 5): void {
  expect(got.map((card) => card.map(([name]) => name))).toEqual(wanted.map((card) => card.map(([name]) => name)));
  for (const [i, card] of wanted.entries()) for (const [j, [, p]] of card.entries()) expect(got[i]![j]![1]).toBeCloseTo(p, digits);
}

describe.skipIf(chromiumPath === undefined)('the exported page', () => {
  it('gives predict’s probabilities from the disk, without a network, for files that are chosen', async () => {
    const checkpoint = write('shufflenet_v2_x0_5');
    const { out } = await flambeau('export', checkpoint, '--format', 'html');
    expect(out).toMatch(/^Wrote .*shufflenet_v2_x0_5\.html \(\d+\.\d MB\); open it in a browser/);
    const { page, problems } = await opened(at('shufflenet_v2_x0_5.html'));
    await page.setInputFiles('#file', IMAGES.map(at));
    await page.waitForFunction(() => document.querySelectorAll('article').length === 3);
    expectSame((await cards(page)).reverse(), await predicted(checkpoint, ...IMAGES));
    expect(await page.textContent('details p')).toBe(CLASSES.join(', '));
    expect(problems).toEqual([]);
    await page.close();
  });

  it('works by keyboard, drop and paste, and says what it cannot read', { timeout: 60_000 }, async () => {
    const checkpoint = write('small', 1);
    expect((await flambeau('export', checkpoint, '--out', at('small.html'), '--float16')).code).toBe(0);
    const { page, problems } = await opened(at('small.html'));
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('file');
    await (await chooserBy(page, 'Space')).setFiles(at('wide.png'));
    await page.waitForSelector('article');
    const wanted = await predicted(checkpoint, 'wide.png');
    expectSame(await cards(page), wanted, 2);

    const give = (kind: 'drop' | 'paste', name: string, bytes: Uint8Array): Promise<void> =>
      page.evaluate(
        ([event, title, data]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([Uint8Array.from(data)], title));
          const init = { bubbles: true, cancelable: true };
          document.body.dispatchEvent(
            event === 'drop'
              ? new DragEvent(event, { ...init, dataTransfer: transfer })
              : new ClipboardEvent(event, { ...init, clipboardData: transfer }),
          );
        },
        [kind, name, [...bytes]] as const,
      );
    await give('drop', 'wide.png', readFileSync(at('wide.png')));
    await page.waitForFunction(() => document.querySelectorAll('article').length === 2);
    await give('paste', 'text.png', new TextEncoder().encode('hello'));
    await page.waitForSelector('article.failed');
    expect(await page.textContent('article.failed div')).toMatch(/^text\.pngit is not an image/);
    expectSame((await cards(page)).slice(1), [...wanted, ...wanted], 2);

    await page.click('#camera');
    await page.waitForSelector('#seen li');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('stop');
    await page.keyboard.press('Enter');
    expect(await page.isVisible('#video')).toBe(false);
    expect(problems).toEqual([]);
    await page.close();
  });
});
