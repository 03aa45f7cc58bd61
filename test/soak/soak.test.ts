/**
 * FLAMBEAU_SOAK=900 [FLAMBEAU_SOAK_PARTS=models,compiled,…] npx vitest run --project wasm test/soak
 *
 * Runs `soak.ts` for so many seconds in this process, as long in Chromium and in each of FLAMBEAU_BROWSERS=firefox,webkit, and
 * expects memory to be flat at the end: over the second half of the time, the line through what was held may not rise by more than a
 * tenth and 16 MB. 8 seconds each; FLAMBEAU_SOAK=900 for a long one. WebKit needs four minutes to come to its level.
 */
import { setNumThreads } from 'flambeau';
import { describe, expect, it } from 'vitest';
import { liveStorages } from '../../src/tensor/storage.ts';
import { bundleForBrowser, chromiumPath, launchChromium, servePage } from '../support/chromium.ts';
import { isAskedFor, OTHER_BROWSERS, otherBrowser } from '../support/other-browsers.ts';
import { PARTS, soak, type Part, type Sample } from './soak.ts';

const SECONDS = Number(process.env['FLAMBEAU_SOAK'] ?? 8);
const parts = (process.env['FLAMBEAU_SOAK_PARTS']?.split(',') ?? Object.keys(PARTS)) as Part[];
/** Between two looks at the process's memory. */
const SLICES = 20;
const MB = 1e6;

/** By which share of the mean the line may rise. */
const SLACK = 0.1;
/** The same for memory that is reserved, in steps of a quarter: in a short run, one in the middle of the half tilts the line by three eighths. */
const STEP = SECONDS < 300 ? 0.375 : SLACK;

/** By how much the line through the second half of the values rises, and their mean. */
function riseOf(values: readonly number[]): { rise: number; mean: number } {
  const half = values.slice(Math.floor(values.length / 2));
  const mean = half.reduce((sum, value) => sum + value, 0) / half.length;
  const middle = (half.length - 1) / 2;
  let [products, squares] = [0, 0];
  half.forEach((value, i) => {
    products += (i - middle) * (value - mean);
    squares += (i - middle) ** 2;
  });
  return { rise: squares === 0 ? 0 : (products / squares) * (half.length - 1), mean };
}

function expectFlat(what: string, values: readonly number[], slack = SLACK): void {
  expect(values.length, `${what}: samples`).toBeGreaterThan(5);
  const { rise, mean } = riseOf(values);
  expect(rise / MB, `${what}: ${values.map((value) => Math.round(value / MB)).join(' ')}`).toBeLessThan(slack * (mean / MB) + 16);
}

/** Runs it in slices, after each of which the host is asked what it holds. */
async function slices(run: (seconds: number, from: number) => Promise<Sample[]>, ask: () => Promise<number>): Promise<void> {
  const samples: Sample[] = [];
  const host: number[] = [];
  for (let i = 0; i < SLICES; i++) {
    samples.push(...(await run(SECONDS / SLICES, samples.length)));
    host.push(await ask());
  }
  expectDeviceFlat(samples);
  expectFlat('held by the host', host);
}

function expectDeviceFlat(samples: readonly Sample[]): void {
  expectFlat(
    'reserved by the device',
    samples.map(({ reserved }) => reserved),
    STEP,
  );
  expectFlat(
    'in use on the device',
    samples.map(({ inUse }) => inUse),
  );
}

const timeout = 3000 * SECONDS + 120_000;

describe('a program that goes on and on', () => {
  it(
    'holds memory flat in Node',
    async () => {
      setNumThreads(1);
      await slices(
        (seconds, from) => soak(seconds, parts, from),
        () => {
          liveStorages(); // collects
          return Promise.resolve(process.memoryUsage().heapUsed);
        },
      );
      expect(liveStorages().bytes / MB).toBeLessThan(16);
    },
    timeout,
  );

  it.skipIf(chromiumPath === undefined)(
    'holds memory flat in Chromium',
    async () => {
      const { server, origin } = await servePage(await bundleForBrowser({ page: 'test/soak/soak.ts' }));
      const browser = await launchChromium();
      try {
        const page = await browser.newPage();
        await page.goto(`${origin}/plain/`);
        await page.waitForFunction('typeof soak === "function"');
        const inspector = await page.context().newCDPSession(page);
        await inspector.send('Performance.enable');
        await slices(
          (seconds, from) =>
            page.evaluate(([duration, names, first]) => (globalThis as unknown as { soak: typeof soak }).soak(duration, names, first), [
              seconds,
              parts,
              from,
            ] as const),
          async () => {
            await inspector.send('HeapProfiler.collectGarbage');
            const { metrics } = await inspector.send('Performance.getMetrics');
            return metrics.find(({ name }) => name === 'JSHeapUsedSize')!.value;
          },
        );
      } finally {
        await browser.close();
        server.close();
      }
    },
    timeout,
  );

  for (const name of OTHER_BROWSERS) {
    it.skipIf(!isAskedFor(name))(
      `holds memory flat in ${name}`,
      async () => {
        const browser = await otherBrowser(name, { page: 'test/soak/soak.ts' });
        const host: number[] = [];
        const looks = setInterval(() => host.push(browser.resident() ?? 0), (1000 * SECONDS) / SLICES);
        try {
          expectDeviceFlat((await browser.call('plain', 'soak', SECONDS, parts)) as Sample[]);
        } finally {
          clearInterval(looks);
          browser.close();
        }
        // Nothing from outside makes it collect, so that this is what it holds and what it has not looked at yet.
        expectFlat('held by the browser', host);
      },
      timeout,
    );
  }
});
