/** What `flambeau train` can be told. */
import { MODEL_NAMES } from '../train/models.ts';
import { OPTIMIZER_NAMES } from '../train/optimizers.ts';
import { SCHEDULE_NAMES } from '../train/planned-lr.ts';
import { MOST_UNREADABLE } from '../train/unreadable.ts';
import { maxPixelsOption } from './limits.ts';
import { choice, flag, named, number, numberOr, sizes, text, type Values } from './options.ts';

const WHOLE = { whole: true, min: 1 } as const;

/** Those without a default are chosen from the data and the time. */
export const trainOptions = {
  config: text('FILE', 'JSON file of these options by their names; what the command line says goes before it.'),
  minutes: number('M', 'Time for the whole run: its schedule is planned to end then (default 15, where --epochs says nothing).', {
    above: 0,
  }),
  epochs: number('N', 'Times to go through the training images (default: as many as help and fit the time).', WHOLE),
  batchSize: number('N', 'Images in a batch (default: by the number of images).', WHOLE),
  lr: numberOr('find', 'RATE', 'Learning rate, at the peak of its schedule; find: look for it by a short training at growing rates.', {
    above: 0,
  }),
  optimizer: choice(OPTIMIZER_NAMES, 'How to update the weights.'),
  momentum: number('M', 'Momentum of sgd.', { min: 0, below: 1 }),
  nesterov: flag("Nesterov's momentum, for sgd."),
  weightDecay: number('W', 'Coefficient of the penalty on large weights.', { min: 0 }),
  schedule: choice(
    SCHEDULE_NAMES,
    'How the learning rate changes: one cycle along cosines, down along a cosine, linear warm-up then linear decay, or not at all.',
  ),
  warmup: number('N', 'Epochs in which the learning rate rises (default: 30 % of all with onecycle, 23 % with triangle).', { min: 0 }),
  augment: flag('Do not change images at random while training.', true),
  flip: flag('Flip images left to right (default: yes, but not for digits; --no-flip for no).'),
  rotation: number('DEGREES', 'Largest random turn.', { min: 0, max: 180 }),
  shift: number('PIXELS', 'Largest random shift, with the edges reflected.', { whole: true, min: 0 }),
  crop: number('PART', 'Smallest part of an image that is cut out and brought to size; 1 for whole images.', { above: 0, max: 1 }),
  randaugment: flag('Change colours and form as RandAugment does: two changes for each image.'),
  trivialAugment: flag('Change colours and form as TrivialAugmentWide does: one change for each image.'),
  mixup: flag('Mix images of a batch and their labels (MixUp).', false),
  cutmix: flag('Put stretches of images into others, and mix their labels (CutMix); with --mixup, either in turn at random.', false),
  classWeights: choice(['none', 'balanced'], 'Let all classes count alike in the loss, however many images they have.', 'none'),
  model: named(
    'NAME',
    "Network to train: cnn, small, fast, or one by torchvision's name, such as resnet18 or mobilenet_v3_small (flambeau models lists all).",
    MODEL_NAMES,
  ),
  pretrained: text(
    'FILE',
    "Begin with published weights, such as torchvision's or timm's, whose network is recognised; only the last layer begins anew where the classes are others.",
  ),
  freeze: number('N', 'Epochs at first in which only the last layer is trained; for --pretrained.', {
    whole: true,
    min: 0,
  }),
  headRate: number('FACTOR', 'How much faster the last layer learns than the others; for --pretrained.', { above: 0 }),
  size: sizes('H,W', 'Size to bring images to.', [1, 2], 8192),
  resize: number('EDGE', 'Shorter edge that images are brought to before --size is cut out of them (default: the size).', WHOLE),
  validSize: number('PART', 'Part of the training images to validate on, if the data has none for that.', { above: 0, below: 1 }),
  maxUnreadable: number(
    'PART',
    'Part of the images that may be unreadable; they are named and passed over.',
    { min: 0, max: 1 },
    MOST_UNREADABLE,
  ),
  maxPixels: maxPixelsOption,
  labels: text('FILE', "Labels that go with an IDX file of images (default: found by the images' name)."),
  out: text('PATH', 'Folder for the run, or a .pt file for the best network with the rest beside it (default: a new folder in runs/).'),
  force: flag('Write over what an earlier run has left at --out.', false),
  resume: text('RUN', 'Go on with the run in this folder, exactly where it stopped; of the other options only those of speed count.'),
  patience: number('N', 'Stop after so many epochs in a row without a better one (default: never).', WHOLE),
  monitor: choice(['loss', 'accuracy'], 'What the best epoch is judged by on the validation images.', 'loss'),
  labelSmoothing: number('PART', 'Part of the probability that is given to the other classes.', { min: 0, below: 1 }),
  clipNorm: number('NORM', 'Largest norm of the gradients (default: none).', { above: 0 }),
  accumulate: number('N', 'Batches that are added up for one update.', WHOLE, 1),
  ema: number('DECAY', 'Validate and keep a moving average of the weights, 0.999 for example (default: none).', {
    above: 0,
    below: 1,
  }),
  tensorboard: flag('Write event files for TensorBoard into the run as well: tensorboard --logdir runs', false),
  report: flag('Do not write the page report.html.', true),
  seed: number('N', 'Start of all random numbers.', { whole: true, min: 0 }, 0),
  processes: number('N', 'Processes that share the work, by MPI; --batch-size is that of all together (default 1).', WHOLE),
  syncBn: flag(
    "Batch normalisation by the images of all processes (default: where a process has fewer than 16 of a batch; --no-sync-bn for a process's own).",
  ),
  threads: number('N', 'Threads to compute on, in each process (default: one for each processor).', {
    ...WHOLE,
    max: 64,
  }),
  workers: number('N', 'Further threads that prepare images (default: one for images of 128×128 and more).', {
    whole: true,
    min: 0,
    max: 256,
  }),
  compile: flag('Run operation by operation instead of in compiled steps.', true),
  memoryLimit: number('MB', 'What a step may keep in memory between layers; beyond it, values are computed again.', {
    above: 0,
  }),
  json: flag('Print one line of JSON at the end.', false),
};

export type TrainOptions = Values<typeof trainOptions>;

/** What may change in a run that goes on: nothing that changes its numbers, but for the last bits with other threads. */
export const OF_SPEED: ReadonlySet<string> = new Set(['resume', 'processes', 'threads', 'workers', 'compile', 'memoryLimit', 'json']);
