/** A classifier in a program: from every place that a file can be, to what `flambeau predict` says. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { ArgumentError, FormatError, manualSeed, noGrad } from '../../src/index.ts';
import { deserialize, serialize } from '../../src/io/index.ts';
import { packClassifier } from '../../src/train/classifier.ts';
import { loadClassifier } from '../../src/train/index.ts';
import { createModel } from '../../src/train/models.ts';
import { readInput } from '../../src/train/read-input.ts';
import { models } from '../../src/vision/index.ts';
import { readImage } from '../../src/vision/read-image.ts';

const spec = { channels: 3, height: 16, width: 16, classes: 3 };
const classes = ['cat', 'Hündchen 🐶', 'boat'];
manualSeed(0);
const network = createModel('small', spec);
const file = serialize(packClassifier(network, { model: 'small', spec, classes }));
const picture = new TextEncoder().encode('P6 4 2 255 abcdefghijklmnopqrstuvwx');

const folder = mkdtempSync(join(tmpdir(), 'flambeau-classifier-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, 'best.pt'), file);
writeFileSync(join(folder, 'a picture.ppm'), picture);

const expected = async (): Promise<number[]> => {
  network.eval();
  const input = await readInput(picture, spec);
  return noGrad(() => network(input.unsqueeze(0)).softmax(1).tolist() as number[][])[0]!;
};

describe('loadClassifier', () => {
  it('takes bytes, blobs, addresses, paths, folders of runs and checkpoints, and pictures from everywhere', async () => {
    const wanted = classes.map((name, i) => [name, i] as const);
    const probabilities = await expected();
    const path = join(folder, 'best.pt');
    const address = URL.createObjectURL(new Blob([file]));
    for (const source of [
      file,
      file.buffer,
      new Blob([file]),
      address,
      new URL(address),
      path,
      folder,
      pathToFileURL(path),
      deserialize(file),
    ]) {
      const classifier = await loadClassifier(source);
      expect(classifier.classes).toEqual(classes);
      expect(classifier.spec).toEqual(spec);
      const guesses = await classifier.predict(picture);
      expect(guesses.map((guess) => guess.probability)).toEqual(guesses.map((guess) => guess.probability).sort((a, b) => b - a));
      for (const [name, i] of wanted) expect(guesses.find((guess) => guess.class === name)!.probability).toBeCloseTo(probabilities[i]!, 6);
    }
    const classifier = await loadClassifier(folder);
    const best = await classifier.predict(picture, { top: 1 });
    expect(best).toHaveLength(1);
    const photo = join(folder, 'a picture.ppm');
    const rgb = (await readImage(picture)).data;
    const rgba = Uint8ClampedArray.from({ length: 32 }, (_, i) => (i % 4 === 3 ? 255 : rgb[3 * (i >> 2) + (i % 4)]!));
    const pixels = { width: 4, height: 2, data: rgba };
    for (const image of [new Blob([picture]), photo, pathToFileURL(photo), await readImage(photo), pixels])
      expect((await classifier.predict(image, { top: 1 }))[0]!.probability).toBeCloseTo(best[0]!.probability, 6);
  });

  it('takes weights of known networks, with names for the classes', async () => {
    const state = models.squeezenet1_1({ numClasses: 2 }).stateDict();
    const classifier = await loadClassifier(serialize({ state_dict: state, epoch: 3 }), { classes: ['cat', 'dog'], size: 64 });
    expect(classifier.spec).toMatchObject({ height: 64, width: 64, normalization: 'imagenet' });
    expect((await classifier.predict(picture)).map((guess) => guess.class).sort()).toEqual(['cat', 'dog']);
    await expect(loadClassifier(serialize(state), { classes: ['cat'] })).rejects.toThrow(
      'the network has 2 classes, but classes has 1 names',
    );
  });

  it('says what is wrong', async () => {
    await expect(loadClassifier(file, { size: 32 })).rejects.toThrow(ArgumentError);
    await expect(loadClassifier(join(folder, 'none.pt'))).rejects.toThrow('cannot read');
    await expect(loadClassifier(serialize(new Map([['weight', await readInput(picture, spec)]])))).rejects.toThrow(FormatError);
    const classifier = await loadClassifier(folder);
    await expect(classifier.predict(new TextEncoder().encode('no picture'))).rejects.toThrow(FormatError);
    await expect(classifier.predict(picture, { maxPixels: 7 })).rejects.toThrow('more than the limit of 7');
    await expect(classifier.predict(3 as never)).rejects.toThrow(ArgumentError);
  });
});
