/** W1 trained in Chromium, on its software adapter: on a page, which awaits its losses, and in a worker, which has them at once. */
import { expect, test } from 'vitest';
import { bundleForBrowser, chromiumPath, launchChromium, servePage } from '../support/chromium.ts';
import type { Losses } from './browser-training.ts';

const slow = process.env['FLAMBEAU_SLOW'] === '1';

test.skipIf(chromiumPath === undefined).each([
  ['page', 'plain', slow ? 20 : 3],
  ['worker', 'isolated', slow ? 20 : 5],
] as const)(
  'a Chromium %s follows the losses of the CPU',
  async (where, place, steps) => {
    const files = await bundleForBrowser({ page: 'test/webgpu/browser-training.ts' });
    const { server, origin } = await servePage(files);
    const browser = await launchChromium(['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']);
    try {
      const page = await browser.newPage();
      page.setDefaultTimeout(240_000);
      await page.goto(`${origin}/${place}/`);
      await page.waitForFunction('typeof train === "object"');
      const { cpu, gpu, refusal } = await page.evaluate<Losses, readonly [string, number]>(
        ([where, steps]) => (globalThis as unknown as { train: Record<string, (n: number) => Promise<Losses>> }).train[where]!(steps),
        [where, steps],
      );
      expect(gpu.length).toBe(steps);
      const off = gpu.map((loss, i) => Math.abs(loss - cpu[i]!) / cpu[i]!);
      expect(Math.max(...off)).toBeLessThan(1e-4);
      expect(gpu.at(-1)).toBeLessThan(gpu[0]!);
      if (where === 'page') expect(refusal).toMatch(/^DeviceError: item: values on the gpu cannot be read at once here; await .*itemAsync/);
    } finally {
      await browser.close();
      server.close();
    }
  },
  300_000,
);
