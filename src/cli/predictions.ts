/** What a trained network sees in images, batch by batch; an image that cannot be read takes nothing from the others. */
import { FlambeauError } from '../base/errors.ts';
import { compile } from '../tensor/compile.ts';
import { stack } from '../tensor/functions.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { TrainedClassifier } from '../train/classifier.ts';
import { readInput } from '../train/read-input.ts';
import type { ImageFile } from './image-files.ts';
import { pixelLimit } from './limits.ts';

/** A class and how sure the network is of it. */
export interface Guess {
  readonly class: string;
  readonly probability: number;
}

/** All classes for an image, the most probable first, or why there are none. */
export type Prediction =
  { readonly image: string; readonly guesses: readonly Guess[] } | { readonly image: string; readonly error: string };

export const isFailed = (prediction: Prediction): prediction is Prediction & { readonly error: string } => 'error' in prediction;

export interface PredictOptions {
  readonly compile: boolean;
  readonly maxPixels: number | undefined;
}

/** Numbers in a batch of inputs, which bounds the memory; and most images. */
const [MOST_NUMBERS, MOST_IMAGES] = [16 * 3 * 224 * 224, 64];

/** The inputs that wait for their batch, and what is known of those between them. */
type Waiting = { readonly image: string; readonly input: Tensor } | Extract<Prediction, { error: string }>;

/** Predictions in the order of the files, as soon as a batch is done. */
export async function* predictions(
  classifier: TrainedClassifier,
  files: readonly ImageFile[],
  options: PredictOptions,
): AsyncGenerator<Prediction> {
  const { spec, network } = classifier;
  const read = reader(classifier, pixelLimit(options));
  const probabilities = (x: Tensor): Tensor => withGradMode(false, () => network(x).softmax(1));
  const infer = options.compile ? compile(probabilities) : probabilities;
  const size = Math.min(Math.max(Math.floor(MOST_NUMBERS / (spec.channels * spec.height * spec.width)), 1), MOST_IMAGES);
  let waiting: Waiting[] = [];
  for (const [index, file] of files.entries()) {
    waiting.push(await read(file));
    const inputs = waiting.flatMap((one) => ('input' in one ? [one.input] : []));
    if (inputs.length < size && index < files.length - 1) continue;
    yield* settled(classifier, waiting, inputs.length === 0 ? undefined : infer(stack(inputs)));
    waiting = [];
  }
}

function reader({ spec }: TrainedClassifier, limit: { readonly maxPixels?: number }): (file: ImageFile) => Promise<Waiting> {
  return async ({ name, read }) => {
    try {
      return { image: name, input: await readInput(read(), spec, { name, ...limit }) };
    } catch (error) {
      if (!(error instanceof FlambeauError)) throw error;
      // The name stands beside the message already.
      return { image: name, error: error.message.replace(/^decodeImage: /, '').replace(`${JSON.stringify(name)}: `, '') };
    }
  };
}

function settled({ classes }: TrainedClassifier, waiting: readonly Waiting[], output: Tensor | undefined): Prediction[] {
  const all = output?.toTypedArray() ?? [];
  let row = 0;
  return waiting.map((one) => {
    if ('error' in one) return one;
    const from = row++ * classes.length;
    const guesses = classes.map((name, c) => ({ class: name, probability: Number(all[from + c]) }));
    return { image: one.image, guesses: guesses.sort((a, b) => b.probability - a.probability) };
  });
}
