/** The device in real Chromium, on its software adapter. */
import { expect, test } from 'vitest';
import { bundleForBrowser, chromiumPath, launchChromium, servePage } from '../support/chromium.ts';
import { distance } from '../support/webgpu.ts';
import type { Answer } from './browser-page.ts';

if (chromiumPath === undefined) {
  console.warn('WebGPU in a browser skipped: no Chromium found; install it (Debian: apt install chromium) or set CHROMIUM');
}

test.skipIf(chromiumPath === undefined)('computes in Chromium', async () => {
  const files = await bundleForBrowser({ page: 'test/webgpu/browser-page.ts' });
  const { server, origin } = await servePage(files);
  const browser = await launchChromium(['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']);
  try {
    const page = await browser.newPage();
    await page.goto(`${origin}/plain/`);
    await page.waitForFunction('typeof compute === "function"');
    const x = Array.from({ length: 80 }, (_, i) => Math.fround(Math.sin(i) * 3));
    const { softmax, product, refusal } = await page.evaluate<Answer, readonly number[]>(
      (given) => (globalThis as unknown as { compute: (x: readonly number[]) => Promise<Answer> }).compute(given),
      x,
    );
    const rows = [x.slice(0, 40), x.slice(40)] as const;
    const expected = rows.flatMap((row) => {
      const total = row.reduce((sum, v) => sum + Math.exp(v), 0);
      return row.map((v) => Math.exp(v) / total);
    });
    expect(distance(softmax, expected)).toBeLessThan(1e-6);
    const dots = rows.flatMap((a) => rows.map((b) => a.reduce((sum, v, i) => sum + v * b[i]!, 0)));
    expect(distance(product, dots)).toBeLessThan(1e-6);
    expect(refusal).toMatch(/^DeviceError: webgpu: the only adapter .* computes on the processor/);
  } finally {
    await browser.close();
    server.close();
  }
});
