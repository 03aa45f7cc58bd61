/** What `flambeau train` can be told. */
import { MODEL_NAMES } from '../train/models.ts';
import { TUTORIAL_AUGMENTATION } from '../train/preprocess.ts';
import { MOST_UNREADABLE } from '../train/unreadable.ts';
import { choice, flag, named, number, numberOr, sizes, text, type Values } from './options.ts';

const WHOLE = { whole: true, min: 1 } as const;

export const trainOptions = {
  epochs: number('N', 'Times to go through the training images (default 5, more for few images).', WHOLE),
  batchSize: number('N', 'Images in a batch.', WHOLE, 20),
  lr: numberOr(
    'find',
    'RATE',
    'Learning rate, at its peak with one-cycle (default 0.02 for sgd, 0.001 for adam); find: look for it by a short training at growing rates.',
    { above: 0 },
  ),
  optimizer: choice(['sgd', 'adam'], 'How to update the weights.', 'sgd'),
  momentum: number('M', 'Momentum of sgd.', { min: 0, below: 1 }, 0.9),
  weightDecay: number('W', 'Coefficient of the penalty on large weights.', { min: 0 }, 0),
  schedule: choice(['onecycle', 'none'], 'How the learning rate changes: up and down once, or not at all.', 'onecycle'),
  augment: flag('Do not flip and turn images at random while training.', true),
  flip: flag('Flip images left to right (default: yes, but not for digits; --no-flip for no).'),
  rotation: number('DEGREES', 'Largest random turn.', { min: 0, max: 180 }, TUTORIAL_AUGMENTATION.rotation),
  model: named(
    'NAME',
    "Network to train: cnn, small, or one by torchvision's name, such as resnet18 or mobilenet_v3_small (flambeau models lists all).",
    MODEL_NAMES,
    'cnn',
  ),
  pretrained: text(
    'FILE',
    "Begin with published weights of the network, such as torchvision's; only the last layer begins anew where the classes are others.",
  ),
  freeze: number(
    'N',
    'Epochs at first in which only the last layer is trained; for --pretrained.',
    { whole: true, min: 0 },
    0,
  ),
  size: sizes('H,W', 'Size to bring images to (default: theirs if they are small and alike, else 64,64).', [1, 2]),
  validSize: number('PART', 'Part of the training images to validate on, if the data has none for that.', { above: 0, below: 1 }, 0.2), // prettier-ignore
  maxUnreadable: number('PART', 'Part of the images that may be unreadable; they are named and passed over.', { min: 0, max: 1 }, MOST_UNREADABLE), // prettier-ignore
  labels: text('FILE', "Labels that go with an IDX file of images (default: found by the images' name)."),
  out: text(
    'PATH',
    'Folder for the run, or a .pt file for the best network with the rest beside it (default: a new folder in runs/).',
  ),
  force: flag('Write over what an earlier run has left at --out.', false),
  resume: text(
    'RUN',
    'Go on with the run in this folder, exactly where it stopped; of the other options only those of speed count.',
  ),
  patience: number('N', 'Stop after so many epochs in a row without a better one (default: never).', WHOLE),
  monitor: choice(['loss', 'accuracy'], 'What the best epoch is judged by on the validation images.', 'loss'),
  labelSmoothing: number(
    'PART',
    'Part of the probability that is given to the other classes.',
    { min: 0, below: 1 },
    0,
  ),
  clipNorm: number('NORM', 'Largest norm of the gradients (default: none).', { above: 0 }),
  accumulate: number('N', 'Batches that are added up for one update.', WHOLE, 1),
  ema: number('DECAY', 'Validate and keep a moving average of the weights, 0.999 for example (default: none).', {
    above: 0,
    below: 1,
  }),
  tensorboard: flag('Write event files for TensorBoard into the run as well: tensorboard --logdir runs', false),
  report: flag('Do not write the page report.html.', true),
  seed: number('N', 'Start of all random numbers.', { whole: true, min: 0 }, 0),
  threads: number('N', 'Threads to compute on (default: one for each processor).', { ...WHOLE, max: 64 }),
  workers: number('N', 'Further threads that prepare images.', { whole: true, min: 0, max: 256 }, 0),
  compile: flag('Run operation by operation instead of in compiled steps.', true),
  memoryLimit: number('MB', 'What a step may keep in memory between layers; beyond it, values are computed again.', {
    above: 0,
  }),
  json: flag('Print one line of JSON at the end.', false),
};

export type TrainOptions = Values<typeof trainOptions>;

/** What may change in a run that goes on: nothing that changes its numbers, but for the last bits with other threads. */
export const OF_SPEED: ReadonlySet<string> = new Set([
  'resume',
  'threads',
  'workers',
  'compile',
  'memoryLimit',
  'json',
]);
