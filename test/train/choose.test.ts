/** What is chosen for data that nobody has said more about. */
import { describe, expect, it } from 'vitest';
import { assumedPace, choose, isWorthMeasuring, kindOf, measuredPace, type Choice } from '../../src/train/choose.ts';
import { epochsInTime } from '../../src/train/deadline.ts';
import type { DataFacts } from '../../src/train/facts.ts';
import type { Wishes } from '../../src/train/recipes.ts';

const CIFAR: DataFacts = { images: 50_000, valid: 0, test: 10_000, classes: 10, channels: 3, height: 32, width: 32, alike: true, mirrors: true, imbalance: 1, isExample: false }; // prettier-ignore
const DIGITS: DataFacts = { ...CIFAR, images: 10_000, test: 0, channels: 1, height: 28, width: 28, mirrors: false };
const PHOTOS: DataFacts = { ...CIFAR, images: 300, valid: 0, test: 200, classes: 4, height: 800, width: 1000 };
const SHAPES: DataFacts = { ...CIFAR, images: 2000, test: 400, classes: 6, isExample: true };

const given = (facts: DataFacts, wishes: Wishes = {}, spent = 0): Choice => choose(facts, wishes, assumedPace, spent);
const text = ({ reasons, better }: Choice): string => [...reasons.map((row) => row.join(' ')), ...better].join('\n');

describe('the ladder', () => {
  it.each<[string, DataFacts, Wishes, string]>([
    ['small colour pictures', CIFAR, {}, 'pictures fast 32×32'],
    ['digits', DIGITS, {}, 'plain cnn 28×28'],
    ['clothes, which mirror images are like', { ...DIGITS, mirrors: true }, {}, 'pictures fast 28×28'],
    ['the example', SHAPES, {}, 'plain cnn 32×32'],
    ['icons', { ...CIFAR, height: 8, width: 8 }, {}, 'plain cnn 8×8'],
    ['small ones of several sizes', { ...CIFAR, alike: false }, {}, 'pictures fast 64×64'],
    ['few photographs', PHOTOS, {}, 'photos fast 64×64'],
    ['few photographs and some time', PHOTOS, { minutes: 20 }, 'photos fast 96×96'],
    ['many photographs', { ...PHOTOS, images: 20_000 }, { minutes: 240 }, 'photos resnet18 128×128'],
    ['many and no time', { ...PHOTOS, images: 20_000 }, {}, 'photos fast 64×64'],
    ['a quarter of the time', PHOTOS, { minutes: 4 }, 'photos fast 64×64'],
    ['all the time', PHOTOS, { minutes: 600 }, 'photos fast 128×128'],
    ['no time', PHOTOS, { minutes: 0.1 }, 'photos fast 64×64'],
    ['X-rays', { ...PHOTOS, channels: 1 }, {}, 'pictures fast 96×96'],
    ['a size', PHOTOS, { size: { height: 40, width: 60 } }, 'photos fast 40×60'],
    ['a network', PHOTOS, { model: 'cnn' }, 'plain cnn 64×64'],
    ['a network for photographs', CIFAR, { model: 'mobilenet_v2', size: { height: 32, width: 32 } }, 'photos mobilenet_v2 32×32'],
    ['a network for photographs and small pictures', CIFAR, { model: 'resnet18' }, 'photos resnet18 64×64'],
    ['weights of others', PHOTOS, { pretrained: 'efficientnet_lite0' }, 'tuned efficientnet_lite0 224×224'],
    ['weights and little time', PHOTOS, { pretrained: 'resnet50', minutes: 3 }, 'tuned resnet50 128×128'],
    ['weights of a small network', DIGITS, { pretrained: 'cnn' }, 'tuned cnn 28×28'],
  ])('%s', (_, facts, wishes, expected) => {
    const { kind, recipe } = given(facts, wishes);
    const { model, size } = recipe;
    expect(`${kind} ${model} ${size.height}×${size.width}`).toBe(expected);
    expect(kindOf(facts, wishes)).toBe(kind);
  });

  it('gives small pictures the training of the records', () => {
    expect(given(CIFAR).recipe).toMatchObject({ batchSize: 512, lr: 0.75, momentum: 0.85, nesterov: true, schedule: 'triangle', labelSmoothing: 0.2, validSize: 0.1, augmentation: { flip: true, shift: 2 } }); // prettier-ignore
    const few = given({ ...CIFAR, images: 1000 }).recipe;
    expect([few.batchSize, few.lr, few.validSize]).toEqual([16, (0.75 * 16) / 512, 0.2]);
  });

  it('leaves digits as they are, with the tutorials’ training', () => {
    expect(given(DIGITS).recipe).toEqual({ model: 'cnn', size: { height: 28, width: 28 }, resize: undefined, batchSize: 20, validSize: 0.2, epochs: 5, optimizer: 'sgd', lr: 0.02, momentum: 0.9, nesterov: false, weightDecay: 0, schedule: 'onecycle', warmup: undefined, labelSmoothing: 0, freeze: 0, headRate: 1, augmentation: { flip: false, rotation: 10 } }); // prettier-ignore
    expect(given(SHAPES).recipe.epochs).toBe(15);
  });

  it('begins with the last layer where the rest is trained already', () => {
    const { recipe } = given(PHOTOS, { pretrained: 'efficientnet_lite0' });
    expect(recipe).toMatchObject({ freeze: 1, headRate: 10, optimizer: 'adamw', schedule: 'cosine', resize: 256 });
    expect(recipe.lr).toBeLessThan(0.001);
    expect(given(PHOTOS, { pretrained: 'efficientnet_lite0', epochs: 1 }).recipe.freeze).toBe(0);
  });

  it('lets every wish win', () => {
    const wishes = { model: 'resnet34', size: { height: 64, width: 64 }, resize: 70, batchSize: 7, validSize: 0.3, epochs: 3, optimizer: 'adam', lr: 0.5, momentum: 0.1, nesterov: false, weightDecay: 0.5, schedule: 'none', warmup: 2, labelSmoothing: 0.3, freeze: 1, headRate: 3 } as const; // prettier-ignore
    expect(given(PHOTOS, wishes).recipe).toMatchObject(wishes);
    expect(text(given(PHOTOS, wishes))).toMatch(/network resnet34: as you say\nimages 64×64: as you say[^]*epochs 3: as you say/);
  });

  it('takes the usual rate of an optimizer that it would not have chosen', () => {
    expect(given(CIFAR, { optimizer: 'adam' }).recipe.lr).toBe(0.001);
    expect(given(PHOTOS, { pretrained: 'resnet18', optimizer: 'sgd' }).recipe.lr).toBe(0.02);
  });
});

describe('the time', () => {
  it('bounds the epochs, and says what more would do', () => {
    const pace = measuredPace({ model: 'fast', size: { height: 32, width: 32 } }, 1 / 1000);
    const all = choose(CIFAR, { minutes: 60 }, pace);
    expect([all.recipe.epochs, all.wanted, all.better]).toEqual([20, 20, []]);
    const some = choose(CIFAR, {}, pace, 30);
    // 45,000 images and a third of 5,000: 46.7 s an epoch; the test a third of 10,000: 3.3 s, and 10 s for the page.
    expect(some.secondsPerEpoch).toBeCloseTo(46.67, 1);
    expect(some.recipe.epochs).toBe(Math.floor((900 - 30 - 13.33) / 46.67));
    expect(text(some)).toContain('epochs 18: of the 20 that it would use; about 14 min of the 15\n--minutes 17 for all 20 epochs');
    expect(choose(CIFAR, { minutes: 0.01 }, pace).recipe.epochs).toBe(1);
  });

  it('does not bound epochs that were asked for, unless time was, too', () => {
    expect(given(CIFAR, { epochs: 400 })).toMatchObject({ limit: undefined, recipe: { epochs: 400 } });
    expect(given(CIFAR, { epochs: 400, minutes: 10 }).recipe.epochs).toBeLessThan(40);
    expect(given(CIFAR)).toMatchObject({ limit: 900 });
  });

  it('is measured only where it matters', () => {
    expect(isWorthMeasuring(given(SHAPES))).toBe(false);
    expect(isWorthMeasuring(given(DIGITS))).toBe(false);
    expect(isWorthMeasuring(given(CIFAR))).toBe(true);
    expect(isWorthMeasuring(given(PHOTOS))).toBe(true);
    expect(isWorthMeasuring(given(CIFAR, { epochs: 400 }))).toBe(false); // one network, no bound
  });

  it('chooses the size once more when the machine is another', () => {
    const at = (seconds: number): number =>
      choose(PHOTOS, {}, measuredPace({ model: 'fast', size: { height: 96, width: 96 } }, seconds)).recipe.size.height;
    expect([at(0.001), at(0.03), at(0.05), at(0.2), at(5)]).toEqual([128, 128, 96, 64, 64]);
  });

  it('says what photographs need more, and classes of few images', () => {
    const { better } = given({ ...PHOTOS, imbalance: 4.2 });
    expect(better).toEqual([
      expect.stringMatching(/^--minutes \d+ for images of 96×96$/),
      expect.stringMatching(/--pretrained FILE/),
      '--class-weights balanced: the largest class has 4 times the images of the smallest',
    ]);
  });
});

describe('the plan after an epoch', () => {
  const plan = { done: 4, planned: 10, wanted: 20, secondsPerEpoch: 10, secondsLeft: 60 };

  it.each<[string, Partial<typeof plan>, number]>([
    ['holds', {}, 10],
    ['shrinks with the time', { secondsLeft: 39 }, 7],
    ['shrinks with slower epochs', { secondsPerEpoch: 25 }, 6],
    ['ends now', { secondsLeft: -5 }, 4],
    ['does not grow for little', { planned: 30, wanted: 50, secondsLeft: 270 }, 30],
    ['grows for much', { secondsLeft: 90 }, 13],
    ['never beyond what is wanted', { secondsLeft: 1e9 }, 20],
    ['has one epoch at least', { done: 0, secondsLeft: 0 }, 1],
  ])('%s', (_, change, expected) => {
    expect(epochsInTime({ ...plan, ...change })).toBe(expected);
  });
});
