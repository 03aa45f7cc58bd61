/** The See view in Chromium: its numbers are those that the library computes in Node for the same seed. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pictureSet } from '../../lab/core/dataset.ts';
import { confusionOf, judge } from '../../lab/core/look/confusion.ts';
import { short } from '../../lab/core/look/sum.ts';
import { SAMPLES, SAMPLES_PER_CLASS } from '../../lab/core/samples.ts';
import { Session } from '../../lab/core/session.ts';
import { DEFAULT_TRAINING, type Picture } from '../../lab/core/spec.ts';
import { TEMPLATES } from '../../lab/core/templates.ts';
import { lookFunctions } from '../../lab/worker/look-functions.ts';
import { chromiumPath } from '../support/chromium.ts';
import { Laboratory, type LabPage } from '../support/lab.ts';

/** The run that the page opens by itself, in this process. */
function sameRun(pictures: readonly Picture[]): ReturnType<typeof lookFunctions> {
  const network = TEMPLATES[0]!.network;
  const [train, valid] = [pictureSet(pictures, 'train', network), pictureSet(pictures, 'valid', network)];
  const session = new Session(network, 4, DEFAULT_TRAINING, train, valid);
  return lookFunctions(() => session);
}

describe.skipIf(chromiumPath === undefined)('See', async () => {
  let lab: Laboratory;
  let shown: LabPage;
  let page: Page;
  const pictures = SAMPLES.shapes.make(SAMPLES_PER_CLASS, 1);
  const run = sameRun(pictures);
  const predictions = (await run.predictions('valid'))!;
  const confusion = confusionOf(predictions, 4);
  // The first mistake is opened by itself.
  const { id } = judge(predictions).find(({ label, predicted }) => label !== predicted)!;
  const picture = pictures.find((one) => one.id === id)!;

  beforeAll(async () => {
    lab = await Laboratory.open();
    shown = await lab.page();
    ({ page } = shown);
    await page.getByRole('button', { name: 'Shapes', exact: true }).click();
    await page.getByRole('link', { name: 'See' }).click();
    await page.locator('.stages').waitFor();
  });
  afterAll(() => lab.close());
  const head = (): Promise<string> => page.locator('.number-panel output').innerText();

  it('opens a picture before any training, with the initial weights of the seed', async () => {
    await page.getByLabel(`The picture ${picture.name}`).waitFor();
    const { probabilities, loss, stages } = run.look(picture, picture.label);
    await page
      .getByText(`= ${short(loss)}`)
      .first()
      .waitFor();
    expect(await page.locator('.scores .see-share').allInnerTexts()).toEqual(probabilities.map((p) => `${(100 * p).toFixed(1)} %`));
    const { min, max } = stages[1]!;
    await page.getByLabel(`1 Convolution: 8 maps of 32 × 32, from ${short(min)} to ${short(max)}`).waitFor();
  });

  it('a number chosen with the keyboard has its sum, forward and backward, as in Node', async () => {
    const maps = page.getByLabel(/^1 Convolution/).first();
    await maps.focus();
    for (const key of ['Enter', 'PageDown', 'PageDown', 'ArrowDown', 'ArrowRight', 'ArrowRight']) await page.keyboard.press(key);
    await page.getByText('map 3, row 2, column 3:').waitFor();
    const { stages } = run.look(picture, picture.label);
    const at = (2 * 32 + 1) * 32 + 2;
    const { forward, backward } = run.explainNumber(1, at);
    expect(await head()).toBe(`map 3, row 2, column 3: ${short(stages[1]!.values[at]!)}, gradient ${short(stages[1]!.gradient![at]!)}`);
    expect(await page.getByRole('region', { name: 'Forward' }).getByRole('group').getByRole('button').allInnerTexts()).toEqual(
      forward.patches.map(({ name, sum }) => `${name} ${short(sum)}`),
    );
    const backText = await page.getByRole('region', { name: 'Backward' }).innerText();
    for (const { text } of backward.parts[0]!.sum.lines) expect(backText).toContain(text);
    await page.getByRole('button', { name: 'Step ›' }).click();
    await page.getByText('map 3, row 2, column 4:').waitFor();
    await page.getByText('The number sees rows 1 to 3 and columns 3 to 5 of the picture.').waitFor({ state: 'attached' });
  });

  it('a weight of a filter has its gradient as a sum', async () => {
    await page.getByRole('tab', { name: 'Filters' }).click();
    await page
      .locator('.filters .heat canvas')
      .first()
      .click({ position: { x: 2, y: 2 } });
    run.look(picture, picture.label);
    const { weight, weightGradient } = run.weightsOf(1)!;
    await page.getByText(`filter 1, channel 1, row 1, column 1: ${short(weight![0]!)}, gradient ${short(weightGradient![0]!)}`).waitFor();
  });

  it('covering finds the square that matters most; the nearest pictures are those of Node', async () => {
    await page.getByRole('tab', { name: 'Why' }).click();
    run.look(picture, picture.label);
    const [first] = await run.alike(9);
    await page
      .getByRole('button', { name: new RegExp(`${pictures.find(({ id }) => id === first!.id)!.name}, .*${first!.similarity.toFixed(2)}$`) })
      .waitFor();
    await page.getByRole('button', { name: 'Cover piece by piece' }).click();
    const { probabilities, predicted } = run.look(picture, picture.label);
    const { falls } = run.coveredFalls(predicted, { side: 8, stride: 4 }, 0, 99);
    const lowest = probabilities[predicted]! - Math.max(...falls);
    await page.getByText(`It falls most, to ${(100 * lowest).toFixed(1)} %`).waitFor();
  });

  it('the cells of the confusion matrix count as in Node and open their pictures', async () => {
    await page.getByRole('tab', { name: 'Mistakes' }).click();
    const counts = await page.locator('.confusion td button').allInnerTexts();
    expect(counts).toEqual(confusion.cells.flat().map((cell) => String(cell.length)));
    const [one] = confusion.cells
      .flat()
      .filter((cell) => cell.length > 0)
      .at(-1)!;
    await page.locator('.confusion td button:enabled').last().click();
    await page.getByRole('region', { name: 'Pictures' }).getByRole('button').first().click();
    await page.getByLabel(`The picture ${pictures.find(({ id }) => id === one!.id)!.name}`).waitFor();
    expect(await page.getByRole('tab', { name: 'Inside' }).getAttribute('aria-selected')).toBe('true');
  });

  it('the camera is looked at several times a second; frozen, it has gradients', async () => {
    await page.getByRole('button', { name: 'Camera', exact: true }).click();
    await page.getByText(/^([4-9]|1\d) pictures a second$/).waitFor();
    await page.getByRole('button', { name: 'Freeze' }).click();
    await page.getByRole('button', { name: 'Gradients of the loss' }).click();
    await page
      .getByLabel(/^1 Convolution: 8 maps of 32 × 32, gradients/)
      .first()
      .waitFor();
    await page.getByRole('button', { name: 'Close the camera' }).click();
    expect(shown.errors).toEqual([]);
  });
});
