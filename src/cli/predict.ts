/** `flambeau predict`: what a trained network sees in image files. */
import { readFileSync } from 'node:fs';
import { ArgumentError } from '../base/errors.ts';
import { decodeImage } from '../io/image/decode.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import { compile } from '../tensor/compile.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { TrainedClassifier } from '../train/classifier.ts';
import { preprocess } from '../train/preprocess.ts';
import { inputOption, loadClassifier } from './checkpoint.ts';
import { command } from './command.ts';
import { percent } from './format.ts';
import { flag, number, text } from './options.ts';
import { newestCheckpoint } from './run-folder.ts';
import { shown } from '../base/shown.ts';

/** A class and how sure the network is of it. */
interface Guess {
  readonly class: string;
  readonly probability: number;
}

export const predictCommand = command({
  name: 'predict',
  summary: 'Say what is in image files.',
  usage: 'predict IMAGE... [options]',
  details:
    'Prints the classes that a trained network gives to each image file (JPEG, PNG, WebP, GIF, BMP, TIFF, PNM, AVIF or HEIC), the most probable first. ' +
    'Images of\nanother size than it was trained on are scaled and cut to the middle.',
  arguments: { min: 1, max: Infinity },
  options: {
    checkpoint: text('FILE', 'What flambeau train has saved (default: the best of the newest run in runs/).'),
    top: number('K', 'How many classes to print for each image.', { whole: true, min: 1 }, 3),
    input: inputOption,
    compile: flag('Run operation by operation instead of in one compiled step.', true),
    json: flag('Print one line of JSON for each image.', false),
  },
  async run({ values, positionals }, terminal) {
    const classifier = loadClassifier(values.checkpoint ?? newestCheckpoint(), values.input);
    const probabilities = (x: Tensor): Tensor => withGradMode(false, () => classifier.network(x).softmax(1));
    const infer = values.compile ? compile(probabilities) : probabilities;
    for (const path of positionals) {
      const guesses = (await classify(classifier, infer, path)).slice(0, values.top);
      if (values.json) terminal.json({ image: path, guesses });
      else
        terminal.line(
          `${shown(path)}: ${guesses.map((g) => `${shown(g.class)} ${percent(g.probability)}`).join(', ')}`,
        );
    }
    return 0;
  },
});

/** All classes for an image file, the most probable first. */
async function classify(
  { spec, classes }: TrainedClassifier,
  infer: (images: Tensor) => Tensor,
  path: string,
): Promise<Guess[]> {
  const image = await decodeImage(readImage(path), { mode: spec.channels === 1 ? 'L' : 'RGB', name: path, orientation: true }); // prettier-ignore
  const input = preprocess(spec)(image).unsqueeze(0);
  const probabilities = infer(input).toTypedArray();
  return classes
    .map((name, i) => ({ class: name, probability: Number(probabilities[i]) }))
    .sort((a, b) => b.probability - a.probability);
}

function readImage(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : message;
    throw new ArgumentError(`predict: cannot read ${JSON.stringify(path)}: ${why}`, { cause });
  }
}
