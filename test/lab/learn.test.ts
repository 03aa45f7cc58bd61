/** The chapters' answers and figures against the library, against plain arithmetic, and against what the tutorials say themselves. */
import { nn, noGrad, zeros, type Tensor } from 'flambeau';
import { describe, expect, it } from 'vitest';
import { build } from '../../lab/core/build.ts';
import { CHAPTERS, questionsOf } from '../../lab/core/learn/chapters.ts';
import {
  augmented,
  convParameters,
  correlate,
  EDGE,
  filtered,
  layerRows,
  learnKernel,
  pooled,
  slide,
  STRIPES,
} from '../../lab/core/learn/live.ts';
import { bestEpoch, overfit, savesOf } from '../../lab/core/learn/overfit.ts';
import { choicePart, readNumber, verdictOf, type Question } from '../../lab/core/learn/question.ts';
import { randomOf } from '../../lab/core/random.ts';
import { SAMPLES } from '../../lab/core/samples.ts';

const questions = CHAPTERS.flatMap((chapter) => questionsOf(chapter));
const own = (id: string): Question => questions.find((question) => question.id === id)!.make();
const answers = (id: string): (number | string)[] =>
  own(id).parts.map((part) => (part.kind === 'number' ? part.answer : part.options[part.answer]!));

/** What the tutorials say, or what follows from them by hand. */
const KNOWN: Readonly<Record<string, readonly (number | string)[]>> = {
  'first-layer': [1, 16, 2, 2, 100],
  'same-size': [16, 1],
  'quiz-shape': [20, 16, 20 * 16 * 16],
  'quiz-parameters': [10 * 3 * 3 * 3 + 10, 20 * 5 * 5 * 10 + 20, 0],
  flip: [27],
  normalise: [-1, 1, -0.6],
  batches: [40_000, 2000],
  'mean-loss': [0.76],
  saving: [5, 7],
  'wrong-print': ['It prints the validation loss twice: overfitting cannot be seen.'],
  'augment-what': ['the pictures that are trained on only', 'a bad idea: a flipped 2 is no 2'],
  'flat-features': [8, 2048],
  'larger-kernel': [7, 1568],
  'filter-volume': [3, 75, 32],
  'all-parameters': [1200, 12_800, 15_690, 29_690 + 16 + 32],
  'channels-in': [3, 16],
  thinner: [448 + 4640, 224 + 1168, 'about a quarter'],
  context: [25, 5],
  'keep-padding': [1, 2],
  'stride-halves': [32, 16],
  'batch-of-pictures': [32, 7, 124, 128],
  'parameter-shapes': [7, 3, 5, 5, 7],
  'linear-parameters': [3030, 0],
  'by-hand': [19, 25, 37, 43],
  'by-hand-padded': [0, 8, 21, 43],
  'unequal-padding': [2, 1],
  edges: [0, 1, 0, 0, 0, -1, 0],
  'turned-picture': ['zeros everywhere'],
};

describe('questions', () => {
  it('there are five chapters, each with a network that fits, and no question twice', () => {
    expect(CHAPTERS).toHaveLength(5);
    for (const { network } of CHAPTERS) expect(build(network, 4, 0).error).toBeUndefined();
    const ids = questions.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.sort()).toEqual(Object.keys(KNOWN).sort());
  });

  it.each(Object.keys(KNOWN))('%s has the right answers', (id) => {
    expect(answers(id)).toEqual(KNOWN[id]);
  });

  it('layers that are built have the shapes and parameters that are the answers', () => {
    const quiz = new nn.Sequential(
      new nn.Conv2d(3, 10, 3),
      new nn.MaxPool2d(4, 4),
      new nn.Conv2d(10, 20, 5, { padding: 2 }),
      new nn.MaxPool2d(2, 2),
    );
    const out = noGrad(() => quiz(zeros(1, 3, 130, 130))) as Tensor;
    expect([out.size(1), out.size(2), out.numel()]).toEqual(answers('quiz-shape'));
    const counts = [...quiz.children()].map((layer) => layer.parameters().reduce((sum, p) => sum + p.numel(), 0));
    expect([counts[0], counts[2], counts[1]! + counts[3]!]).toEqual(answers('quiz-parameters'));
  });

  it('other numbers have right answers as well: sizes by the formula, and every part can be answered', () => {
    const random = randomOf(7);
    const side = (w: number, f: number, p: number, s: number): number => Math.floor((w - f + 2 * p) / s) + 1;
    for (let round = 0; round < 12; round++) {
      for (const { id, make } of questions) {
        const question = make(random);
        expect(question.prompt.length, id).toBeGreaterThan(20);
        expect(question.hint, id).not.toBe('');
        for (const part of question.parts) {
          expect(Number.isFinite(part.answer), `${id}: ${part.label}`).toBe(true);
          expect(verdictOf(part, String(part.answer)), `${id}: ${part.label}`).toBe('right');
        }
        if (id === 'first-layer') {
          const [, , kernel, stride, output] = question.parts.map((part) => part.answer);
          expect(output).toBe(side(question.network!.size, kernel!, 0, stride!));
        }
      }
    }
  });

  it('the worked explanations come to the answers, and say nothing that is not a number', () => {
    const missing = questions.flatMap(({ id, make }) => {
      const { worked, parts } = make();
      const lines = worked().join('\n').replaceAll(',', '').replaceAll('−', '-');
      expect(lines, id).not.toMatch(/NaN|undefined/);
      const unsaid = parts.filter((part) => part.kind === 'number' && part.answer !== 0 && !lines.includes(String(part.answer)));
      return unsaid.map(({ label }) => `${id}: ${label}`);
    });
    expect(missing).toEqual([]);
  });

  it('answers are read as people write them', () => {
    expect(['5,120', '5 120', '5120', '−0,6', '.5', '1e3', '', '1,2,3', 'ten'].map(readNumber)).toEqual([5120, 5120, 5120, -0.6, 0.5, undefined, undefined, undefined, undefined]); // prettier-ignore
    const mixed = choicePart('', ['a', 'b', 'c'], 1, randomOf(3));
    expect(mixed.options[mixed.answer]).toBe('b');
    expect([' ', '2', 'x'].map((given) => verdictOf({ kind: 'number', label: '', answer: 2, tolerance: 0 }, given))).toEqual([
      'empty',
      'right',
      'unreadable',
    ]);
  });
});

describe('figures', () => {
  it('a kernel slides as the formula says, or is refused by the library', () => {
    expect(slide(130, 3, 1, 0)).toEqual({ output: 128, formula: '⌊(130 − 3 + 2·0) / 1⌋ + 1 = 128', note: '' });
    expect(slide(10, 3, 2, 0).note).toBe('no window reaches the last row and the last column');
    expect(slide(3, 7, 1, 0).output).toBeUndefined();
    expect(slide(3, 7, 1, 0).formula).not.toBe('');
    expect(convParameters(10, 3, 3)).toEqual({ count: 280, formula: '10 filters × (3×3×3 weights + 1 bias) = 280' });
  });

  it('sums, pooling and maps are those of the library', () => {
    expect(correlate(STRIPES, EDGE)[0]).toEqual([0, 1, 0, 0, 0, -1, 0]);
    expect(pooled([[1, 2], [3, 4]], 'max', 2, 2)).toEqual([[4]]); // prettier-ignore
    expect(pooled([[1, 2], [3, 4]], 'average', 2, 2)).toEqual([[2.5]]); // prettier-ignore
    const picture = SAMPLES.shapes.make(1, 5)[0]!;
    const { grey, map, rectified, pooled: small } = filtered(picture, [[0, 0, 0], [0, 1, 0], [0, 0, 0]]); // prettier-ignore
    expect(map).toEqual(grey);
    expect(rectified).toEqual(grey);
    expect(small.length).toBe(grey.length / 2);
    expect(small[0]![0]).toBe(Math.max(grey[0]![0]!, grey[0]![1]!, grey[1]![0]!, grey[1]![1]!));
    const { rows, error } = layerRows(CHAPTERS[0]!.network);
    expect(error).toBeUndefined();
    expect(rows.map(({ output }) => output.join('×'))).toEqual(['10×128×128', '10×32×32', '20×32×32', '20×16×16', '5120', '10']);
  });

  it('a flipped picture is the picture in the mirror', () => {
    const picture = SAMPLES.shapes.make(1, 5)[1]!;
    const { rgb } = augmented(picture, 30, 3, 0).find(({ flipped }) => flipped)!;
    expect([...rgb.subarray(0, 3)]).toEqual([...picture.rgb.subarray((picture.size - 1) * 3, picture.size * 3)]);
    expect(augmented(picture, 4, 3)).toEqual(augmented(picture, 4, 3));
  });

  it('gradient descent finds the kernel of the edges, as the tutorial’s does', () => {
    const steps = learnKernel([0.2, 0.4], 40, 0.03);
    expect(steps.at(-1)!.loss).toBeLessThan(1e-6);
    steps.at(-1)!.kernel.forEach((value, i) => expect(value).toBeCloseTo([1, -1][i]!, 3));
  });

  it('the few pictures are learned by heart; augmentation helps', () => {
    const options = { epochs: 24, seed: 0 };
    const plain = overfit({ ...options, augment: false });
    const changed = overfit({ ...options, augment: true });
    expect(overfit({ ...options, augment: false, epochs: 3 })).toEqual(plain.slice(0, 3));
    expect(plain.at(-1)!.train).toBeLessThan(0.1);
    const least = Math.min(...plain.map(({ valid }) => valid));
    expect(plain.at(-1)!.valid).toBeGreaterThan(least + 0.05);
    expect(bestEpoch(plain)).toBeLessThan(20);
    expect(bestEpoch(plain)).toBe(savesOf(plain.map(({ valid }) => valid)).last);
    expect(Math.min(...changed.map(({ valid }) => valid))).toBeLessThan(least);
  });
});
