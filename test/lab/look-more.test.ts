/** What the See view computes beside sums: heat maps, covering, dreams, neighbours, confusion. */
import { expect, it } from 'vitest';
import { noGrad, type Tensor } from 'flambeau';
import { gradCam } from 'flambeau/inspect';
import { normalised, pictureSet } from '../../lab/core/dataset.ts';
import { colourOf, gridOf, numberAtPixel, paintGrid, scaleOf, shareOfGrid } from '../../lab/core/look/colours.ts';
import { confusionOf } from '../../lab/core/look/confusion.ts';
import { classHeat, coverPlaces, coveredFalls } from '../../lab/core/look/explain-class.ts';
import { Dream } from '../../lab/core/look/dream.ts';
import { histogram } from '../../lab/core/look/histogram.ts';
import { floats } from '../../lab/core/look/look.ts';
import { nearest, setFeatures } from '../../lab/core/look/nearest.ts';
import { spotOf } from '../../lab/core/look/places.ts';
import { SAMPLES } from '../../lab/core/samples.ts';
import { Session } from '../../lab/core/session.ts';
import { DEFAULT_TRAINING } from '../../lab/core/spec.ts';
import { TEMPLATES } from '../../lab/core/templates.ts';
import { lookFunctions } from '../../lab/worker/look-functions.ts';

const pictures = SAMPLES.shapes.make(20, 1);
const spec = TEMPLATES[0]!.network;
const session = new Session(spec, 4, DEFAULT_TRAINING, pictureSet(pictures, 'train', spec), pictureSet(pictures, 'valid', spec));
const { network, train } = session;
const x = normalised(train.images.narrow(0, 5, 1));
const scoresOf = (input: Tensor): Tensor => noGrad(() => network.eval()(input).softmax(1));

it('Grad-CAM is the library’s', () => {
  const { map } = gradCam(network, x, { target: 2 });
  const heat = classHeat(network, x, 2);
  expect([heat.height, heat.width]).toEqual([16, 16]);
  expect(heat.values).toEqual(map.toTypedArray());
});

it('covering a square with grey lowers the probability by what the network says of the covered picture', () => {
  const cover = { side: 8, stride: 5 };
  expect(coverPlaces(32, cover)).toBe(6);
  const falls = [...coveredFalls(network, x, 1, cover, 0, 20), ...coveredFalls(network, x, 1, cover, 20, 99)];
  expect(falls).toHaveLength(36);
  const covered = x.clone();
  covered.narrow(2, 25, 7).narrow(3, 10, 8).fill_(0); // the last row hangs over the border
  const expected = scoresOf(x).select(1, 1).item() - scoresOf(covered).select(1, 1).item();
  expect(falls[5 * 6 + 2]).toBeCloseTo(expected, 6);
});

it('a dream makes a channel and a class answer ever more, and the same seed dreams the same', () => {
  for (const target of [
    { stage: 4, channel: 3 },
    { stage: 8, channel: 1 },
  ]) {
    const dream = new Dream(network, spec, target, 5);
    const first = dream.steps(1);
    const last = dream.steps(30);
    expect(last.step).toBe(31);
    expect(last.answer).toBeGreaterThan(first.answer);
    expect(new Dream(network, spec, target, 5).steps(31).values).toEqual(last.values);
    expect(Math.max(...last.values.map(Math.abs))).toBeLessThanOrEqual(1);
  }
});

it('the picture most like a picture is itself; the others follow by the cosine of their features', async () => {
  const features = await setFeatures(network, spec.layers, train.images, () => Promise.resolve());
  const found = nearest(network, spec.layers, x, features, 4);
  expect(found[0]).toEqual({ index: 5, similarity: expect.closeTo(1, 5) as number });
  const rows = noGrad(() =>
    ([...network.children()].slice(0, 7) as ((x: Tensor) => Tensor)[]).reduce((value, module) => module(value), normalised(train.images)),
  );
  const [a, b] = [floats(rows.select(0, 5)), floats(rows.select(0, found[1]!.index))];
  const dot = (p: Float32Array, q: Float32Array): number => p.reduce((sum, value, i) => sum + value * q[i]!, 0);
  expect(found[1]!.similarity).toBeCloseTo(dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)), 5);
});

it('a confusion matrix counts pairs of classes, and the most confident mistakes come first', () => {
  const { cells, classes, mistakes } = confusionOf(
    {
      ids: ['a', 'b', 'c', 'd'],
      labels: [0, 0, 1, 1],
      probabilities: [
        [0.9, 0.1, 0],
        [0.2, 0.8, 0],
        [0.95, 0.05, 0],
        [0.1, 0.9, 0],
      ],
      loss: 0,
      accuracy: 0.5,
    },
    3,
  );
  expect(cells.map((row) => row.map((cell) => cell.map(({ id }) => id).join()))).toEqual([
    ['a', 'b', ''],
    ['c', 'd', ''],
    ['', '', ''],
  ]);
  expect(classes).toEqual([
    { precision: 0.5, recall: 0.5, count: 2 },
    { precision: 0.5, recall: 0.5, count: 2 },
    { precision: undefined, recall: undefined, count: 0 },
  ]);
  expect(mistakes.map(({ id }) => id)).toEqual(['c', 'b']);
});

it('a histogram counts every number once', () => {
  expect(histogram([-1, 0, 0.5, 1], 4)).toEqual({
    min: -1,
    max: 1,
    mean: 0.125,
    spread: expect.closeTo(0.7395, 4) as number,
    counts: [1, 0, 1, 2],
  });
  expect(histogram([], 2)).toEqual({ min: 0, max: 0, mean: 0, spread: 0, counts: [0, 0] });
});

it('the worker’s functions give the numbers of the run as it stands, and change nothing of it', async () => {
  const functions = lookFunctions(() => session);
  expect(() => functions.explainNumber(1, 0)).toThrow('no picture has been chosen');
  const picture = pictures.find(({ id }) => id === train.ids[5])!;
  const before = floats([...network.parameters()][0]!);
  const looked = functions.look(picture, picture.label);
  expect(looked.probabilities).toEqual([...floats(scoresOf(x))]);
  const { forward, backward } = functions.explainNumber(1, 777);
  expect(forward.computed).toBeCloseTo(looked.stages[1]!.values[777]!, 5);
  expect(backward.computed).toBeCloseTo(looked.stages[1]!.gradient![777]!, 6);
  expect(functions.glance(picture).probabilities).toEqual(looked.probabilities);
  expect((await functions.alike(3))[0]!.id).toBe(picture.id);
  expect(functions.coveredFalls(0, { side: 8, stride: 4 }, 0, 4).falls).toHaveLength(4);
  expect((await functions.predictions('valid'))!.ids).toHaveLength(16);
  functions.startDream({ stage: 1, channel: 0 }, 0);
  expect(functions.dreamOn(2).step).toBe(2);
  expect(floats([...network.parameters()][0]!)).toEqual(before);
  // The run goes on as if nobody had looked.
  const { step } = await session.next();
  const untouched = new Session(spec, 4, DEFAULT_TRAINING, train, session.valid);
  expect(step.loss).toBe((await untouched.next()).step.loss);
});

it('maps lie in a grid, each pixel with the colour of its number, and a pixel leads back to its number', () => {
  const stage = { shape: [5, 2, 3] };
  const values = Float32Array.from({ length: 30 }, (_, i) => i - 15);
  const grid = gridOf(stage);
  const { width, height, data } = paintGrid(values, grid, 15, false);
  expect([grid.columns, grid.rows, width, height]).toEqual([2, 3, 7, 8]);
  for (let at = 0; at < 30; at++) {
    const { channel, row, column } = spotOf(stage, at);
    const { left, top } = shareOfGrid(grid, channel, { top: row, left: column, rows: 1, columns: 1 })!;
    const [x, y] = [Math.round(left * width), Math.round(top * height)];
    expect(numberAtPixel(grid, x + 0.5, y + 0.5)).toBe(at);
    const colour = [...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 3)];
    expect(colour).toEqual([...colourOf(Math.round((255 * values[at]!) / 15) / 255, false)]);
  }
  expect(numberAtPixel(grid, 5, 7)).toBeUndefined();
  expect(numberAtPixel(grid, 3.5, 0)).toBe(2); // the gap belongs to the map before it
  expect(scaleOf([-2, 1])).toEqual({ min: -2, max: 1, most: 2 });
});
