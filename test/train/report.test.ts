/** The page of a run. */
import { describe, expect, test } from 'vitest';
import { manualSeed } from '../../src/tensor/random/index.ts';
import { rand } from '../../src/tensor/create.ts';
import { tensor } from '../../src/tensor/create.ts';
import { createModel } from '../../src/train/models.ts';
import type { EvaluationPart } from '../../src/train/prepare.ts';
import { CHARTS } from '../../src/train/report/charts.ts';
import { makeReport, type ReportInput } from '../../src/train/report/make-report.ts';

manualSeed(0);
const images = rand(12, 3, 8, 8).mul(2).sub(1);
const targets = Array.from({ length: 12 }, (_, i) => i % 3);
const part: EvaluationPart = {
  length: 2,
  targets,
  sample: (index) => Promise.resolve(images.select(0, index)),
  name: (index) => `<b>image & ${index}</b>`,
  async *[Symbol.asyncIterator]() {
    for (const from of [0, 6]) {
      yield await Promise.resolve([images.narrow(0, from, 6), tensor(targets.slice(from, from + 6), { dtype: 'int64' })]);
    }
  },
};
const epoch = { trainLoss: 1, validLoss: 1.1, accuracy: 0.5, top5: 1, lr: 0.1, seconds: 2 };
const input: ReportInput = {
  title: 'cats & "dogs" <script>alert(1)</script>',
  network: createModel('small', { channels: 3, height: 8, width: 8, classes: 3 }),
  classes: ['cat', 'dog<i>', 'eel'],
  scale: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  part,
  measuredOn: '12 test images',
  counts: [{ part: 'test', counts: [4, 4, 4] }],
  history: [
    { ...epoch, epoch: 1 },
    { ...epoch, epoch: 2, validLoss: NaN },
  ],
  bestEpoch: 1,
  settings: [['seed', '0']],
  notes: [],
  command: 'npx flambeau train photos --seed 0',
  compile: false,
  charts: CHARTS,
};

describe('the report', async () => {
  const { html, evaluation } = await makeReport(input);
  const { labels, guesses, confidences } = evaluation.predictions;

  test('is one file that loads and runs nothing', () => {
    const outside = [...html.matchAll(/(?:src|href)="([^"]{0,20})/g)]
      .map(([, url]) => url!)
      .filter((url) => !/^(data:image\/png|#)/.test(url));
    expect(outside).toEqual([]);
    expect(html).not.toMatch(/<script|@import|url\((?!#)/);
    expect(html).toContain('cats &#38; &#34;dogs&#34; &#60;script&#62;');
    expect(html).not.toContain('dog<i>');
    expect(html).not.toContain('<b>image');
  });

  test('shows the figures, curves and every class', () => {
    expect(html).toContain(`<b>${(100 * evaluation.accuracy).toFixed(1)} %</b>`);
    expect(html.match(/<svg role="img"/g)).toHaveLength(6);
    for (const word of ['Confusion matrix', 'Calibration', 'Losses by epoch', 'Images by class', 'npx flambeau train photos', 'SmallNet('])
      expect(html).toContain(word);
    expect(html.match(/<th scope="row">/g)).toHaveLength(3);
    const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('shows the surest mistakes first, and a typical image of each class that was recognised', () => {
    const mistakes = html.split('Surest mistakes')[1]!.split('<section>')[0]!;
    const shown = [...mistakes.matchAll(/image &#38; (\d+)/g)].map(([, index]) => Number(index));
    const wrong = [...labels.keys()].filter((i) => labels[i] !== guesses[i]);
    expect(shown).toEqual(wrong.sort((a, b) => confidences[b]! - confidences[a]! || a - b));
    const recognised = new Set([...labels].filter((label, i) => label === guesses[i]));
    const typical = html.split('Most typical')[1]?.split('<section>')[0] ?? '';
    expect(typical.match(/<figure>/g)?.length ?? 0).toBe(recognised.size);
  });
});
