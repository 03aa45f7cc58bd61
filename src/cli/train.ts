/** `flambeau train`: trains a network on images and keeps the best. */
import { accessSync, constants, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ArgumentError } from '../base/errors.ts';
import { load, save } from '../io/checkpoint-node.ts';
import { Adam } from '../optim/adam.ts';
import { OneCycleLR } from '../optim/lr-scheduler.ts';
import { SGD } from '../optim/sgd.ts';
import { getNumThreads, setNumThreads } from '../tensor/backend.ts';
import { manualSeed } from '../tensor/random/index.ts';
import { packClassifier, unpackClassifier, type ClassifierInfo } from '../train/classifier.ts';
import { evaluate, type Evaluation } from '../train/evaluation.ts';
import { createModel, MODEL_NAMES, type Classifier } from '../train/models.ts';
import { openData, type DataSource } from '../train/open-data.ts';
import { prepareData, type PreparedData } from '../train/prepare.ts';
import { TUTORIAL_AUGMENTATION, type Augmentation } from '../train/preprocess.ts';
import { Trainer, type FitResult } from '../train/trainer.ts';
import { command } from './command.ts';
import { counted, grouped, percent } from './format.ts';
import { Interrupt } from './interrupt.ts';
import { choice, flag, number, sizes, text, type Values } from './options.ts';
import {
  classAccuracies,
  dataLines,
  epochLine,
  evaluationLines,
  progressStep,
  readStep,
  savingLine,
} from './report.ts';
import type { Terminal } from './terminal.ts';

const WHOLE = { whole: true, min: 1 } as const;

const options = {
  epochs: number('N', 'Times to go through the training images (default 5, more for few images).', WHOLE),
  batchSize: number('N', 'Images in a batch.', WHOLE, 20),
  lr: number('RATE', 'Learning rate, at its peak with one-cycle (default 0.02 for sgd, 0.001 for adam).', { above: 0 }),
  optimizer: choice(['sgd', 'adam'], 'How to update the weights.', 'sgd'),
  momentum: number('M', 'Momentum of sgd.', { min: 0, below: 1 }, 0.9),
  weightDecay: number('W', 'Coefficient of the penalty on large weights.', { min: 0 }, 0),
  schedule: choice(['onecycle', 'none'], 'How the learning rate changes: up and down once, or not at all.', 'onecycle'),
  augment: flag('Do not flip and turn images at random while training.', true),
  flip: flag('Flip images left to right (default: yes, but not for digits; --no-flip for no).'),
  rotation: number('DEGREES', 'Largest random turn.', { min: 0, max: 180 }, TUTORIAL_AUGMENTATION.rotation),
  model: choice(MODEL_NAMES, 'Network to train.', 'cnn'),
  size: sizes('H,W', 'Size to bring images to (default: theirs if they are small and alike, else 64,64).', [1, 2]),
  validSize: number('PART', 'Part of the training images to validate on, if the data has none for that.', { above: 0, below: 1 }, 0.2), // prettier-ignore
  labels: text('FILE', "Labels that go with an IDX file of images (default: found by the images' name)."),
  out: text('FILE', 'Where to save the best model.', 'model_augmented.pt'),
  seed: number('N', 'Start of all random numbers.', { whole: true, min: 0 }, 0),
  threads: number('N', 'Threads to compute on (default: one for each processor).', { ...WHOLE, max: 64 }),
  workers: number('N', 'Further threads that prepare images.', { whole: true, min: 0, max: 256 }, 0),
  compile: flag('Run operation by operation instead of in compiled steps.', true),
  memoryLimit: number('MB', 'What a step may keep in memory between layers; beyond it, values are computed again.', {
    above: 0,
  }),
  json: flag('Print one line of JSON at the end.', false),
};

/** The options, with the number of epochs decided. */
type TrainValues = Omit<Values<typeof options>, 'epochs'> & { readonly epochs: number };

export const trainCommand = command({
  name: 'train',
  summary: 'Train a network on a folder or archive of images, MNIST, or CIFAR-10.',
  usage: 'train [DATA] [options]',
  details: `DATA is a folder, or a .tar or .tar.gz archive, with one folder of images for each class, or with train/ and
test/ (and val/) that hold those; MNIST's IDX files or a folder with them; or a folder with CIFAR-10's binary
batches. Without DATA, small pictures are generated. The best model by validation loss is saved as a PyTorch file.`,
  arguments: { min: 0, max: 1 },
  options,
  run: async ({ values, positionals: [path] }, terminal) => await train(path, values, terminal),
});

/** A network needs so many steps to learn something; few images are gone through more often. */
const FEWEST_STEPS = 1200;
const [USUAL_EPOCHS, MOST_EPOCHS] = [5, 50];

const usualEpochs = (steps: number): number =>
  Math.min(Math.max(Math.ceil(FEWEST_STEPS / steps), USUAL_EPOCHS), MOST_EPOCHS);

async function train(path: string | undefined, given: Values<typeof options>, terminal: Terminal): Promise<number> {
  const start = performance.now();
  requireWritable(given.out);
  if (given.threads !== undefined) setNumThreads(given.threads);
  manualSeed(given.seed);
  const source = await openData(path, given.labels);
  const data = await prepareData(source, {
    batchSize: given.batchSize,
    validSize: given.validSize,
    augmentation: augmentationFor(source, given),
    workers: given.workers,
    size: sizeOf(given.size),
    onRead: (split, done, total) => terminal.progress(readStep(split, done, total)),
  });
  const values: TrainValues = { ...given, epochs: given.epochs ?? usualEpochs(data.train.length) };
  const model = createModel(values.model, data.spec);
  terminal.line([...dataLines(source, data), '', ...modelLines(model, values), ''].join('\n'));
  const info: ClassifierInfo = { model: values.model, spec: data.spec, classes: data.classes };
  const { fitted, code } = await fit(model, info, data, values, terminal);
  const test = code === 0 && data.test !== undefined ? await testBest(values, data, terminal) : undefined;
  closingLines(fitted, test, path, values, terminal);
  if (values.json) terminal.json(jsonResult(fitted, test, data, source, values, start));
  return code;
}

/** Says now what would otherwise be found out after the first epoch. */
function requireWritable(out: string): void {
  const folder = dirname(resolve(out));
  const stat = statSync(out, { throwIfNoEntry: false });
  if (stat?.isDirectory() === true)
    throw new ArgumentError(`--out: ${JSON.stringify(out)} is a folder; give the name of a file`);
  try {
    accessSync(folder, constants.W_OK);
  } catch (cause) {
    throw new ArgumentError(`--out: cannot write to the folder ${JSON.stringify(folder)}; create it, or choose another place`, { cause }); // prettier-ignore
  }
}

function augmentationFor(
  source: DataSource,
  values: Pick<TrainValues, 'augment' | 'flip' | 'rotation'>,
): Augmentation | undefined {
  if (!values.augment) return undefined;
  return { flip: values.flip ?? source.mirrors, rotation: values.rotation };
}

function sizeOf(size: readonly number[] | undefined): { height: number; width: number } | undefined {
  const [height, width] = size ?? [];
  return height === undefined ? undefined : { height, width: width ?? height };
}

const learningRate = (values: TrainValues): number => values.lr ?? (values.optimizer === 'sgd' ? 0.02 : 0.001);

function modelLines(model: Classifier, values: TrainValues): string[] {
  const parameters = model.parameters().reduce((sum, parameter) => sum + parameter.numel(), 0);
  const { optimizer, momentum, weightDecay, schedule, batchSize, epochs, seed } = values;
  const settings = [
    `${optimizer === 'sgd' ? 'SGD' : 'Adam'} with learning rate ${learningRate(values)}${schedule === 'onecycle' ? ' (one-cycle)' : ''}`,
    ...(optimizer === 'sgd' ? [`momentum ${momentum}`] : []),
    ...(weightDecay > 0 ? [`weight decay ${weightDecay}`] : []),
    `batches of ${grouped(batchSize)}`,
    counted(epochs, 'epoch'),
    counted(getNumThreads(), 'thread'),
    `seed ${seed}`,
  ];
  return [String(model), `${grouped(parameters)} parameters`, '', `Training: ${settings.join(', ')}`];
}

function makeOptimizer(model: Classifier, values: TrainValues): SGD | Adam {
  const { momentum, weightDecay } = values;
  const lr = learningRate(values);
  return values.optimizer === 'sgd'
    ? new SGD(model.parameters(), { lr, momentum, weightDecay })
    : new Adam(model.parameters(), { lr, weightDecay });
}

/** Trains, saving every model that is better than those before. */
async function fit(
  model: Classifier,
  info: ClassifierInfo,
  data: PreparedData,
  values: TrainValues,
  terminal: Terminal,
): Promise<{ fitted: FitResult; code: number }> {
  const { epochs, schedule, out } = values;
  const optimizer = makeOptimizer(model, values);
  const cycle = { maxLr: learningRate(values), epochs, stepsPerEpoch: data.train.length, cycleMomentum: false };
  using interrupt = new Interrupt(() => terminal.line('Stopping after this batch; once more to stop at once.'));
  const trainer = new Trainer({
    model,
    optimizer,
    ...(schedule === 'onecycle' ? { scheduler: new OneCycleLR(optimizer, cycle) } : {}),
    signal: interrupt.signal,
    compile: values.compile && { memoryLimit: values.memoryLimit && values.memoryLimit * 1e6 },
    onProgress: (progress) => terminal.progress(progressStep(progress)),
    onEpoch: (result) => terminal.line(epochLine(result)),
    onBest: (best) => {
      terminal.line(savingLine(best));
      save(packClassifier(model, info), out);
    },
  });
  const fitted = await trainer.fit(data.train, data.valid, epochs);
  return { fitted, code: interrupt.code };
}

/** Loads the best model back and evaluates it on the test images. */
async function testBest(
  { out: checkpoint, compile }: TrainValues,
  data: PreparedData,
  terminal: Terminal,
): Promise<Evaluation> {
  const { network } = unpackClassifier(load<unknown>(checkpoint), checkpoint);
  const result = await evaluate(network, data.test!, {
    compile,
    onProgress: (progress) => terminal.progress({ ...progressStep(progress), label: 'Testing' }),
  });
  terminal.line(['', ...evaluationLines('Test', result, data.classes)].join('\n'));
  return result;
}

function closingLines(
  { best, interrupted, epochs }: FitResult,
  test: Evaluation | undefined,
  path: string | undefined,
  { out }: TrainValues,
  terminal: Terminal,
): void {
  terminal.line();
  if (interrupted && best === undefined) terminal.line('Interrupted in the first epoch: nothing was saved.');
  if (best === undefined) return;
  const when = interrupted ? `Interrupted after epoch ${epochs.length}. The` : 'The';
  terminal.line(
    `${when} best model is that of epoch ${best.epoch} (validation accuracy ${percent(best.accuracy)}), saved in ${out}`,
  );
  if (path === undefined && test !== undefined) terminal.line(nextLines(out).join('\n'));
}

/** What to try after the first training, on generated pictures. */
function nextLines(out: string): string[] {
  const hints: [string, string][] = [
    [`npx flambeau summary ${out}`, 'its layers, one by one'],
    [`npx flambeau predict photo.jpg --checkpoint ${out}`, 'what it sees in an image'],
    ['npx flambeau train path/to/images', 'on your own: one folder of images for each class, or a .tar.gz of that'],
    ['npx flambeau train --help', 'all options'],
  ];
  const width = Math.max(...hints.map(([line]) => line.length));
  return ['', 'What next:', ...hints.map(([line, what]) => `  ${line.padEnd(width)}  ${what}`)];
}

/** What `--json` prints: the figures of the model that was saved, and how it came about. */
function jsonResult(
  { best, interrupted, epochs }: FitResult,
  test: Evaluation | undefined,
  data: PreparedData,
  source: DataSource,
  values: TrainValues,
  start: number,
): Record<string, unknown> {
  const tested = test === undefined ? {} : { testLoss: test.loss, testAccuracy: test.accuracy, testAccuracyByClass: classAccuracies(test, data.classes) }; // prettier-ignore
  return {
    trainLoss: best?.trainLoss ?? null,
    validLoss: best?.validLoss ?? null,
    accuracy: best?.accuracy ?? null,
    ...tested,
    secondsPerEpoch: epochs.map((epoch) => epoch.seconds),
    seconds: (performance.now() - start) / 1000,
    checkpoint: best === undefined ? null : values.out,
    bestEpoch: best?.epoch ?? null,
    epochs: epochs.length,
    interrupted,
    history: epochs.map(({ epoch, trainLoss, validLoss, accuracy }) => ({ epoch, trainLoss, validLoss, accuracy })),
    data: source.place === '' ? source.kind : source.place,
    images: data.counts,
    classes: data.classes,
    input: [data.spec.channels, data.spec.height, data.spec.width],
    model: values.model,
    optimizer: values.optimizer,
    lr: learningRate(values),
    batchSize: values.batchSize,
    seed: values.seed,
    threads: getNumThreads(),
  };
}
