/** The Build view in Chromium: what it shows is what the library says in Node. */
import { zeros } from 'flambeau';
import { serialize } from 'flambeau/files';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe as group, expect, it } from 'vitest';
import { build } from '../../lab/core/build.ts';
import { programOf } from '../../lab/core/code.ts';
import { describe } from '../../lab/core/describe.ts';
import { packSetup } from '../../lab/core/share.ts';
import { DEFAULT_TRAINING, type Setup } from '../../lab/core/spec.ts';
import { onnxFile, weightsFile } from '../../lab/core/take/files.ts';
import { TEMPLATES } from '../../lab/core/templates.ts';
import { chromiumPath } from '../support/chromium.ts';
import { Laboratory } from '../support/lab.ts';

const FIRST = TEMPLATES[0]!.network;
/** Blocks come a few with each frame. */
const whole = (page: Page): Promise<void> =>
  page
    .locator('.chain > ol > li')
    .nth(FIRST.layers.length - 1)
    .waitFor();
const setupOf = (network: Setup['network'], classes: readonly string[] = []): Setup => ({
  version: 1,
  classes,
  network,
  training: DEFAULT_TRAINING,
});

group.skipIf(chromiumPath === undefined)('the Build view', () => {
  let lab: Laboratory;
  beforeAll(async () => void (lab = await Laboratory.open()));
  afterAll(() => lab.close());

  it('shows the formulas and the program of the network that one edits, and the sentence where it does not fit', async () => {
    const { page, errors } = await lab.page('build');
    const block = (number: number) => page.getByRole('article', { name: new RegExp(`^Block ${number}:`) });
    const facts = describe(FIRST, 1);
    await block(1).getByText(facts.blocks[0]!.parameters.formula).waitFor();
    await block(8).getByText(facts.blocks[7]!.field!.formula).waitFor();
    expect(await page.locator('#code-panel').textContent()).toBe(programOf(setupOf(FIRST), 'pytorch'));
    await page.getByRole('tab', { name: 'PyTorch' }).press('ArrowRight');
    expect(await page.locator('#code-panel').textContent()).toBe(programOf(setupOf(FIRST), 'typescript'));

    await page.getByLabel('Picture size').fill('8');
    await block(4).getByLabel('Padding').fill('0');
    await block(4).getByLabel('Kernel').fill('11');
    const sentence = 'Conv2d: window 11×11 does not fit input 8×4×4; use a larger input, more padding or a smaller kernel';
    await block(4).getByText(sentence).waitFor();
    await block(5).getByText('Waits for the blocks before it to fit.').waitFor();
    await block(4).getByLabel('Kernel').fill('99');
    await block(4).getByText('Needs a whole number from 1 to 11.').waitFor();
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByText('It fits.').waitFor();

    await block(8)
      .getByRole('button', { name: /^Remove/ })
      .click();
    await page.getByText('The end does not fit.').waitFor();
    await page.getByRole('button', { name: 'Make it fit' }).click();
    await page.getByText('It fits.').waitFor();
    expect(errors).toEqual([]);
  });

  it('adds by searching, moves by keys and by dragging, duplicates, and takes it all back', async () => {
    const { page, errors } = await lab.page('build');
    const names = async (): Promise<string> =>
      (await page.locator('.chain article').evaluateAll((all) => all.map((one) => one.getAttribute('aria-label')!.split(': ')[1]))).join();
    await whole(page);
    const before = 'Convolution,ReLU,Max pooling,Convolution,ReLU,Max pooling,Flatten,Linear';
    await expect.poll(names).toBe(before);
    await page.getByRole('button', { name: 'Add a block at place 2' }).click();
    await page.getByRole('combobox', { name: 'Search blocks' }).fill('batch');
    await page.keyboard.press('Enter');
    await expect.poll(names).toBe(before.replace('Convolution,ReLU', 'Convolution,Batch norm,ReLU'));
    await page.getByRole('article', { name: /Block 2: / }).press('Alt+ArrowDown');
    await expect.poll(names).toBe(before.replace('Convolution,ReLU', 'Convolution,ReLU,Batch norm'));
    await page.getByRole('button', { name: 'Duplicate block 3, Batch norm' }).click();
    // By mouse and by finger.
    const middle = async (selector: string) => {
      const { x, y, width, height } = (await page.locator(selector).boundingBox())!;
      return { x: x + width / 2, y: y + height / 2 };
    };
    await page.locator('#block-0').scrollIntoViewIfNeeded();
    const [from, to] = [await middle('#block-0 .handle'), await middle('[data-gap="2"]')];
    await page.mouse.move(from.x, from.y);
    await page.mouse.down();
    await page.mouse.move(to.x, to.y, { steps: 6 });
    await page.locator('.gap.over[data-gap="2"]').waitFor();
    await page.locator('#block-0.dragged').waitFor();
    await page.mouse.up();
    const dropped = `ReLU,Convolution,Batch norm,Batch norm${before.slice('Convolution,ReLU'.length)}`;
    await expect.poll(names).toBe(dropped);
    await page.locator('[data-gap="0"]').evaluate((gap) => gap.scrollIntoView({ block: 'center' }));
    const touch = await page.context().newCDPSession(page);
    await touch.send('Emulation.setTouchEmulationEnabled', { enabled: true });
    const [press, goal] = [await middle('#block-1 .handle'), await middle('[data-gap="0"]')];
    await touch.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [press] });
    for (const part of [0.2, 0.6, 1])
      await touch.send('Input.dispatchTouchEvent', {
        type: 'touchMove',
        touchPoints: [{ x: press.x + part * (goal.x - press.x), y: press.y + part * (goal.y - press.y) }],
      });
    await page.locator('.gap.over[data-gap="0"]').waitFor();
    await touch.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    await expect.poll(names).toBe(`Convolution,ReLU${dropped.slice('ReLU,Convolution'.length)}`);
    // Escape leaves it where it was; arrow keys on the handle move it, and the focus goes along.
    const again = await middle('#block-0 .handle');
    await page.mouse.move(again.x, again.y);
    await page.mouse.down();
    await page.mouse.move(again.x, again.y + 80, { steps: 3 });
    await page.locator('#block-0.dragged').waitFor();
    await page.keyboard.press('Escape');
    await page.mouse.up();
    expect(await page.locator('.dragged, .gap.over').count()).toBe(0);
    await page.locator('#block-0 .handle').press('ArrowDown');
    await page.locator('#block-1 .handle:focus').press('ArrowUp');
    await expect.poll(names).toBe(`Convolution,ReLU${dropped.slice('ReLU,Convolution'.length)}`);
    for (let i = 0; i < 7; i++) await page.getByRole('article', { name: /Block 1: / }).press('Control+z');
    await expect.poll(names).toBe(before);
    expect(await page.getByRole('button', { name: 'Undo' }).isDisabled()).toBe(true);
    expect(errors).toEqual([]);
  });

  it('asks before a link takes the place of what stands, and says why a broken one cannot be opened', async () => {
    const setup = setupOf(TEMPLATES[3]!.network, ['cat', 'dog']);
    const { page, errors } = await lab.page(`build/${await packSetup(setup)}`);
    await page.getByText('Open this setup?').waitFor();
    await whole(page);
    expect(await page.locator('.chain > ol > li').count()).toBe(FIRST.layers.length);
    await page.getByRole('button', { name: 'Open it' }).click();
    expect(await page.locator('#code-panel').textContent()).toBe(programOf(setup, 'pytorch'));
    expect(new URL(page.url()).hash).toBe('#build');
    await page.evaluate(() => (location.hash = '#build/1broken'));
    await page.getByText('This link cannot be opened').waitFor();
    await page.getByText('the link is damaged or not one of the laboratory').waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    expect(await page.locator('#code-panel').textContent()).toBe(programOf(setup, 'pytorch'));
    expect(errors).toEqual([]);
  });

  it('opens files of weights and of ONNX, and changes nothing for one that is none', async () => {
    const { page, errors } = await lab.page('build');
    const model = build(TEMPLATES[1]!.network, 1, 5).network;
    model.eval();
    await page.getByText('Start from a template or a file').click();
    const open = (name: string, bytes: Uint8Array): Promise<void> =>
      page.getByLabel('Model file').setInputFiles({ name, mimeType: '', buffer: Buffer.from(bytes) });
    await open('broken.pt', new Uint8Array([80, 75, 3, 4, 1, 2, 3]));
    await page.getByText('Nothing was changed.').waitFor();
    await whole(page);
    expect(await page.locator('.chain > ol > li').count()).toBe(FIRST.layers.length);
    await open('other.pt', serialize(new Map([['cell.weight', zeros(3, 5, 7)]])));
    await page.getByText('The weights of other.pt fit neither your blocks nor a chain of blocks').waitFor();
    await page.getByText('Build the blocks that they were saved from').waitFor();
    await open('lenet.onnx', onnxFile(model, TEMPLATES[1]!.network, ['one']));
    await page.getByText('lenet.onnx became 12 blocks.').waitFor();
    await page.getByText('Training begins with the weights of lenet.onnx').waitFor();
    await open('lenet.pt', weightsFile(model, 'pt'));
    await page.getByText('All 10 tensors fit your blocks.').waitFor();
    expect(await page.locator('#code-panel').textContent()).toContain('torch.load("weights.pt")');
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByText('do not fit these blocks').waitFor();
    await page.getByRole('button', { name: 'Forget them' }).click();
    expect(errors).toEqual([]);
  });

  it('fits a phone', async () => {
    const { page } = await lab.page('build', { viewport: { width: 390, height: 800 } });
    await page.getByText('Start from a template or a file').click();
    await page.getByRole('button', { name: /Small ResNet/ }).click();
    await page.getByRole('article', { name: 'Block 4: Residual block' }).waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  });
});
