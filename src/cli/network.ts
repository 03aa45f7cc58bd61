/** The network that `summary` and `explain` look at: a checkpoint's, or one that could be trained. */
import { createModel, MODEL_NAMES, type Classifier, type ImageSpec, type ModelName } from '../train/models.ts';
import type { TrainedClassifier } from '../train/classifier.ts';
import { loadClassifier } from './checkpoint.ts';
import { named, number, sizes, UsageError } from './options.ts';

export const networkOptions = {
  model: named('NAME', 'Network when there is no checkpoint (flambeau models lists them).', MODEL_NAMES, 'cnn'),
  input: sizes('3,32,32', 'Channels, height and width of the images (default 3,32,32).', [3]),
  classes: number('N', 'Number of classes when there is no checkpoint.', { whole: true, min: 1 }, 10),
};

interface NetworkValues {
  readonly model: ModelName;
  readonly input: readonly number[] | undefined;
  readonly classes: number;
}

/** @throws UsageError when a checkpoint is given and options that it answers itself */
export function chosenNetwork(
  command: string,
  checkpoint: string | undefined,
  values: NetworkValues,
  given: ReadonlySet<string>,
): { network: Classifier; spec: ImageSpec; trained: TrainedClassifier | undefined } {
  if (checkpoint !== undefined && (given.has('model') || given.has('classes')))
    throw new UsageError(`flambeau ${command}: a checkpoint says itself which network it is; leave out --model and --classes`);
  const [channels, height, width] = values.input ?? [3, 32, 32];
  const made = { channels: channels!, height: height!, width: width!, classes: values.classes };
  const trained = checkpoint === undefined ? undefined : loadClassifier(checkpoint, values.input);
  return { network: trained?.network ?? createModel(values.model, made), spec: trained?.spec ?? made, trained };
}
