/** Taking away and learning, in Chromium. */
import { readFile } from 'node:fs/promises';
import { noGrad, type Tensor } from 'flambeau';
import { deserialize } from 'flambeau/files';
import { encodeImage, Image } from 'flambeau/vision';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { normalised, pictureTensor } from '../../lab/core/dataset.ts';
import { SAMPLES } from '../../lab/core/samples.ts';
import { DEFAULT_TRAINING } from '../../lab/core/spec.ts';
import { copyOf } from '../../lab/core/take/files.ts';
import { TEMPLATES } from '../../lab/core/templates.ts';
import { chromiumPath } from '../support/chromium.ts';
import { Laboratory } from '../support/lab.ts';

async function saved(page: Page, file: string): Promise<string> {
  const coming = page.waitForEvent('download');
  await page.getByRole('button', { name: `Save ${file}`, exact: true }).click();
  const download = await coming;
  expect(download.suggestedFilename()).toBe(file);
  return download.path();
}

describe.skipIf(chromiumPath === undefined)('taking away', () => {
  let lab: Laboratory;
  beforeAll(async () => void (lab = await Laboratory.open()));
  afterAll(() => lab.close());

  it('gives the weights of the seed before any training, and a page that classifies with them', async () => {
    const { page, errors } = await lab.page();
    await page.getByRole('button', { name: 'Shapes' }).first().click();
    await page.getByRole('link', { name: 'Take away' }).click();
    await page.getByText('Nothing has been trained yet').waitFor();
    const network = TEMPLATES[0]!.network;
    const ours = copyOf(network, 4, DEFAULT_TRAINING.seed);
    const pt = await saved(page, 'first-network-4-classes.pt');
    const theirs = deserialize<Map<string, Tensor>>(await readFile(pt));
    for (const [name, value] of ours.stateDict()) expect(theirs.get(name)!.tolist()).toEqual(value.tolist());
    await page.getByText(/^Saved, /).waitFor();

    const html = await saved(page, 'first-network-4-classes.html');
    const other = await page.context().newPage();
    other.on('pageerror', (error) => (errors as string[]).push(error.message));
    await other.setContent(await readFile(html, 'utf8'));
    const picture = SAMPLES.shapes.make(1, 3)[2]!;
    const file = encodeImage(new Image(picture.size, picture.size, 3, picture.rgb));
    await other.locator('#file:enabled').waitFor({ state: 'attached' });
    await other.locator('#file').setInputFiles({ name: 'one.png', mimeType: 'image/png', buffer: Buffer.from(file) });
    await other.locator('article li').first().waitFor();
    const seen = await other
      .locator('article li')
      .evaluateAll((rows) => rows.map((row) => Number((row as HTMLElement).dataset['probability'])));
    const x = normalised(pictureTensor(picture, network)).unsqueeze(0);
    const expected = noGrad(() => ours(x).softmax(1))
      .flatten()
      .tolist() as unknown as number[];
    expected.sort((a, b) => b - a).forEach((value, i) => expect(seen[i]).toBeCloseTo(value, 5));
    expect(errors).toEqual([]);
  });

  it('asks questions, checks the reader’s numbers, and remembers what is solved', async () => {
    const { page, errors } = await lab.page('learn');
    await page.getByRole('link', { name: '1. Building convolutional layers' }).click();
    const question = page.getByRole('form', { name: 'Question: What comes out at the end?' });
    const fields = question.getByRole('textbox');
    for (const [i, value] of ['20', '15', 'many'].entries()) await fields.nth(i).fill(value);
    await question.getByRole('button', { name: 'Check' }).click();
    await question.getByText('1 of 3 right').waitFor();
    expect(await question.locator('.verdict').allTextContents()).toEqual(['✓ right', '✗ not yet', 'please write a number']);
    await question.getByRole('button', { name: 'Worked solution' }).click();
    expect(await question.locator('.worked').textContent()).toContain('⌊(32 − 2 + 2·0) / 2⌋ + 1 = 16');
    await fields.nth(1).fill('16');
    await fields.nth(2).fill('5,120');
    await question.getByRole('button', { name: 'Check' }).click();
    await question.getByText('All right!').waitFor();
    await question.getByRole('button', { name: 'Another one' }).click();
    expect(await fields.first().inputValue()).toBe('');

    const sliders = page.getByRole('region', { name: 'How many places are there?' });
    await sliders.getByLabel('S, stride').fill('3');
    await sliders.getByText('⌊(12 − 3 + 2·0) / 3⌋ + 1 = 4').waitFor();

    await page.reload();
    await page.getByText('1 of 4 questions of this chapter are solved').waitFor();
    await page.getByRole('button', { name: 'Open it in Build' }).click();
    await page.waitForURL(/#build$/);
    await page.getByRole('link', { name: 'Take away' }).click();
    const state = deserialize<Map<string, Tensor>>(await readFile(await saved(page, 'quiz-4-classes.pt')));
    expect(state.get('0.weight')!.shape).toEqual([10, 3, 3, 3]);
    expect(errors).toEqual([]);
  });
});
