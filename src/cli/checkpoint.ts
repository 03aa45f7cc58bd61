/** Reading the classifiers that `flambeau train` saves. */
import { load } from '../io/checkpoint-node.ts';
import { unpackClassifier, type TrainedClassifier } from '../train/classifier.ts';
import { sizes, UsageError } from './options.ts';

/** `--input`, for files that hold weights only. */
export const inputOption = sizes(
  '3,32,32',
  'Channels, height and width of the images; for checkpoints that hold weights only.',
  [3],
);

/**
 * The classifier in a file.
 * @param input - channels, height and width from the command line, for a bare state dict
 */
export function loadClassifier(path: string, input: readonly number[] | undefined): TrainedClassifier {
  const [channels, height, width] = input ?? [];
  const spec = channels === undefined ? {} : { spec: { channels, height: height!, width: width! } };
  const classifier = unpackClassifier(load<unknown>(path), path, spec);
  if (input !== undefined && classifier.described) {
    const { spec: own } = classifier;
    const fits = own.channels === channels && own.height === height && own.width === width;
    if (!fits) throw new UsageError(`--input: ${path} is for images of ${own.channels}×${own.height}×${own.width}; leave --input out`); // prettier-ignore
  }
  return classifier;
}
