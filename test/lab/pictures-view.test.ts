/** Pictures: samples, classes, files, camera, drawing, labels; thousands of them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeImage, Image } from 'flambeau/vision';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath } from '../support/chromium.ts';
import { Laboratory, type LabPage } from '../support/lab.ts';

const counts = (page: Page): Promise<string[]> => page.locator('.class-counts').allTextContents();

describe.skipIf(chromiumPath === undefined)('pictures', () => {
  let lab: Laboratory;
  let shown: LabPage;
  beforeAll(async () => {
    lab = await Laboratory.open();
    shown = await lab.page();
  });
  afterAll(() => lab.close());

  it('samples, selecting, moving, deleting, undoing', async () => {
    const { page } = shown;
    await page.getByRole('button', { name: 'Shapes', exact: true }).click();
    const circles = page.getByRole('listbox', { name: 'Pictures of circle' });
    await circles.getByRole('option').nth(0).click();
    await circles
      .getByRole('option')
      .nth(2)
      .click({ modifiers: ['Shift'] });
    await page.getByLabel('Move to').selectOption('square');
    expect(await counts(page)).toEqual([
      '77 training · 20 kept aside',
      '83 training · 20 kept aside',
      '80 training · 20 kept aside',
      '80 training · 20 kept aside',
    ]);
    await page.getByRole('button', { name: 'Keep aside' }).click();
    await page.getByRole('button', { name: 'Delete' }).click();
    expect((await counts(page)).slice(0, 2)).toEqual(['77 training · 20 kept aside', '80 training · 20 kept aside']);
    for (let i = 0; i < 3; i++) await page.getByRole('button', { name: 'Undo' }).click();
    expect(await counts(page)).toEqual(Array(4).fill('80 training · 20 kept aside'));
  });

  it('the keyboard alone selects and deletes', async () => {
    const { page } = shown;
    await page.getByRole('listbox', { name: 'Pictures of circle' }).focus();
    for (const key of ['ArrowRight', 'Space', 'Shift+ArrowDown', 'Delete']) await page.keyboard.press(key);
    expect((await counts(page))[0]).toMatch(/^[67][0-9] training/);
    await page.keyboard.press('Control+z');
    expect((await counts(page))[0]).toBe('80 training · 20 kept aside');
  });

  it('classes are added, renamed and removed; the share kept aside is the same in each', async () => {
    const { page } = shown;
    await page.getByLabel('Name of class 1').fill('Square');
    await page.getByLabel('Name of class 1').press('Enter');
    await page.getByText('There is a class “square” already').waitFor();
    await page.getByLabel('Name of class 1').fill('ball');
    await page.getByLabel('Name of class 1').press('Enter');
    await page.getByLabel('Name of a new class').fill('star');
    await page.getByRole('button', { name: 'Add a class' }).click();
    await page.getByText('“star” has no pictures').waitFor();
    await page.getByRole('button', { name: 'Remove the class square' }).click();
    await page.getByRole('slider').first().fill('50');
    expect(await counts(page)).toEqual([...Array<string>(3).fill('50 training · 50 kept aside'), '0 training · 0 kept aside']);
  });

  it('files: pictures go in, others are named with the reason', async () => {
    const { page } = shown;
    const jpeg = Buffer.from(encodeImage(Image.filled(120, 80, 3, [200, 30, 30]), { format: 'jpeg' }));
    const input = page.getByRole('region', { name: 'Class star' }).locator('input[type=file]');
    await input.setInputFiles([
      { name: 'photo.jpg', mimeType: 'image/jpeg', buffer: jpeg },
      { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no picture') },
      { name: 'damaged.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('\xff\xd8\xff\xe0nothing', 'latin1') },
    ]);
    await page.getByText('1 picture added.').waitFor();
    const left = await page.locator('.left-out li').allTextContents();
    expect(left.sort()).toEqual([
      'damaged.jpg the picture is damaged, or of a kind that this browser cannot read',
      'notes.txt it is not a picture',
    ]);
    expect((await counts(page)).at(-1)).toBe('1 training · 0 kept aside');
  });

  it('a folder: each folder in it becomes a class', async () => {
    const { page, errors } = await lab.page();
    const folder = mkdtempSync(join(tmpdir(), 'flambeau-pictures-'));
    try {
      for (const name of ['cat', 'dog']) {
        mkdirSync(join(folder, 'pets', name), { recursive: true });
        for (let i = 0; i < 20; i++) writeFileSync(join(folder, 'pets', name, `${i}.png`), encodeImage(Image.filled(40, 30, 3, [i, 0, 0])));
      }
      writeFileSync(join(folder, 'pets', 'notes.txt'), 'no picture');
      await page.locator('input[webkitdirectory]').first().setInputFiles(join(folder, 'pets'));
      await page.getByText('40 pictures added.').waitFor();
      await page.getByText('40 pictures in 2 classes').waitFor();
      expect(await counts(page)).toEqual(Array(2).fill('16 training · 4 kept aside'));
      expect(await page.locator('.left-out li').allTextContents()).toEqual(['notes.txt it is not a picture']);
      expect(errors).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
      await page.context().close();
    }
  });

  it('the camera records while the button is held; drawings go in by pointer and by keyboard', async () => {
    const { page } = shown;
    const star = page.getByRole('region', { name: 'Class star' });
    await star.getByRole('button', { name: 'Camera' }).click();
    await star.getByRole('button', { name: 'Hold to record' }).hover();
    await page.waitForFunction(() => (document.querySelector('video')?.videoWidth ?? 0) > 0);
    await page.mouse.down();
    await star.getByText(/[3-9] taken/).waitFor();
    await page.mouse.up();
    const taken = Number(/\d+/.exec((await star.getByText(/\d taken/).textContent()) ?? '')?.[0]);
    await star.getByRole('button', { name: 'Draw' }).click();
    await star.getByRole('application').hover();
    await page.mouse.down();
    await page.mouse.move(600, 400);
    await page.mouse.up();
    await star.getByRole('button', { name: 'Add the drawing' }).click();
    await star.getByRole('application').focus();
    for (const key of ['Space', 'ArrowUp', 'ArrowUp', 'ArrowLeft', 'Enter']) await page.keyboard.press(key);
    await star.getByText('Drawing 2 added').waitFor();
    expect(await star.locator('.tile').count()).toBe(1 + taken + 2);
    expect(shown.errors).toEqual([]);
  });

  it('no camera and a refused one are said, with what to do', async () => {
    for (const [name, sentence] of [
      ['NotAllowedError', 'is not allowed for this page'],
      ['NotFoundError', 'No camera was found'],
    ] as const) {
      const { page } = await lab.page();
      await page.evaluate((name) => (navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', name))), name);
      await page.getByRole('button', { name: 'Add a class' }).click();
      await page.getByRole('button', { name: 'Camera for Class 1' }).click();
      await page.getByRole('alert').getByText(sentence).waitFor();
      await page.getByRole('button', { name: 'Try again' }).waitFor();
      await page.context().close();
    }
  });
});
