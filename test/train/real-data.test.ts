/**
 * Training on real images to the accuracy that is promised. It takes minutes, so it runs only with FLAMBEAU_SLOW=1, and where the
 * data is.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { realData } from '../support/data.ts';

const isSlow = process.env['FLAMBEAU_SLOW'] === '1';
const digits = realData('t10k-images-idx3-ubyte.gz');
const pictures = realData('cifar10-images.tar.gz');

const folder = mkdtempSync(join(tmpdir(), 'flambeau-real-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function train(...argv: string[]): Promise<Record<string, number>> {
  let out = '';
  const sink = { write: (text: string): unknown => (out += text) };
  expect(await main(['train', ...argv, '--json', '--out', join(folder, 'model.pt')], sink, sink)).toBe(0);
  return JSON.parse(out.trim().split('\n').at(-1)!) as Record<string, number>;
}

describe.skipIf(!isSlow)('flambeau train (FLAMBEAU_SLOW=1)', () => {
  it('tells the generated shapes apart', { timeout: 600_000 }, async () => {
    expect((await train())['testAccuracy']).toBeGreaterThan(0.9);
  });

  it.skipIf(digits === undefined)('reads 98 % of 2,000 digits that it has not seen', { timeout: 900_000 }, async () => {
    const { accuracy, images } = await train(digits!);
    expect(images).toMatchObject({ train: 8000, valid: 2000 });
    expect(accuracy).toBeGreaterThanOrEqual(0.98);
  });

  it.skipIf(pictures === undefined)(
    'knows 85 % of CIFAR-10’s test images after 15 minutes on two quiet processors',
    { timeout: 3_600_000 },
    async () => {
      const { testAccuracy, seconds, model } = await train(pictures!);
      expect(model).toBe('fast');
      expect(testAccuracy).toBeGreaterThanOrEqual(0.85);
      expect(seconds).toBeLessThan(18 * 60);
    },
  );
});
