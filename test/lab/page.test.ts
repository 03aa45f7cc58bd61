/** The laboratory as a whole, in Chromium. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_TRAINING } from '../../lab/core/spec.ts';
import { pictureSet } from '../../lab/core/dataset.ts';
import { StepCurve } from '../../lab/core/curves.ts';
import { SAMPLES, SAMPLES_PER_CLASS } from '../../lab/core/samples.ts';
import { Session } from '../../lab/core/session.ts';
import { TEMPLATES } from '../../lab/core/templates.ts';
import { chromiumPath } from '../support/chromium.ts';
import { Laboratory } from '../support/lab.ts';

describe.skipIf(chromiumPath === undefined)('the laboratory', () => {
  let lab: Laboratory;
  beforeAll(async () => void (lab = await Laboratory.open()));
  afterAll(() => lab.close());

  it('works from a folder: pictures, training, a curve', async () => {
    const { page, errors } = await lab.page();
    await page.goto(lab.file());
    await page.getByRole('button', { name: 'Shapes' }).click();
    await page.getByText('400 pictures in 4 classes').waitFor();
    await page.getByRole('link', { name: 'Train' }).click();
    await page.getByRole('button', { name: 'Train' }).click();
    await page.getByText('done').waitFor({ timeout: 60_000 });
    const shown = await page.locator('.chart canvas').first().getAttribute('aria-label');
    expect(shown).toBe(
      `Loss: training ${(await lastLoss()).toPrecision(3)}, kept aside ${(await validLoss()).toPrecision(3)}`,
    );
    expect(errors).toEqual([]);
  });
});

let trained: Promise<{ loss: number; valid: number }> | undefined;
const lastLoss = async (): Promise<number> => (await (trained ??= train())).loss;
const validLoss = async (): Promise<number> => (await (trained ??= train())).valid;

/** The same in this process: the smoothed loss of training at the end, and that of the pictures kept aside. */
async function train(): Promise<{ loss: number; valid: number }> {
  const pictures = SAMPLES.shapes.make(SAMPLES_PER_CLASS, 1);
  const network = TEMPLATES[0]!.network;
  const session = new Session(
    network,
    4,
    DEFAULT_TRAINING,
    pictureSet(pictures, 'train', network),
    pictureSet(pictures, 'valid', network),
  );
  const curve = new StepCurve();
  for (;;) {
    const { step, epoch } = await session.next();
    curve.add(step);
    if (epoch?.epoch === DEFAULT_TRAINING.epochs) return { loss: curve.smoothLoss.at(-1)!, valid: epoch.valid!.loss };
  }
}
