/** A run of `flambeau train`: begun or gone on with, to its last epoch and the test of its best network. */
import { existsSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { ArgumentError, FormatError } from '../base/errors.ts';
import { load, save } from '../io/checkpoint-node.ts';
import { OneCycleLR } from '../optim/lr-scheduler.ts';
import { fromTypedArray } from '../tensor/create.ts';
import { isTensor } from '../tensor/is-tensor.ts';
import { setNumThreads } from '../tensor/backend.ts';
import { manualSeed } from '../tensor/random/index.ts';
import { packClassifier, unpackClassifier, type ClassifierInfo } from '../train/classifier.ts';
import { evaluate, type Evaluation } from '../train/evaluation.ts';
import { createModel, usualNormalization, type Classifier } from '../train/models.ts';
import { isNetworkName, usualSide } from '../train/networks.ts';
import { openData, type DataSource } from '../train/open-data.ts';
import { prepareData, type PreparedData } from '../train/prepare.ts';
import type { Augmentation } from '../train/preprocess.ts';
import { loadPretrained } from '../train/pretrained.ts';
import type { Progress } from '../train/progress.ts';
import { Trainer, type EpochResult, type FitResult } from '../train/trainer.ts';
import { epochLog } from './epoch-log.ts';
import { withFoundRate } from './find-rate.ts';
import { Interrupt } from './interrupt.ts';
import { dataLines, epochLine, evaluationLines, progressStep, readStep, savingLine } from './report.ts';
import { newRun, runAt, type RunFolder } from './run-folder.ts';
import type { Terminal } from './terminal.ts';
import type { TrainOptions } from './train-options.ts';
import { writeReport } from './run-report.ts';
import { writeEvents } from './tensorboard.ts';
import { makeOptimizer, stepOptions } from './train-step.ts';
import { closingLines, jsonResult, learningRate, modelLines } from './train-report.ts';

/** The options, with the number of epochs decided, and the learning rate found. */
export type TrainSettings = Omit<TrainOptions, 'epochs' | 'lr'> & {
  readonly epochs: number;
  readonly lr: number | undefined;
};

/** Everything that a run is made of. */
export interface Run {
  readonly files: RunFolder;
  readonly path: string | undefined;
  readonly source: DataSource;
  readonly data: PreparedData;
  readonly settings: TrainSettings;
  readonly model: Classifier;
  readonly info: ClassifierInfo;
}

const FORMAT = 'flambeau-run';
const VERSION = 1;

/** A network needs so many steps to learn something; few images are gone through more often. */
const FEWEST_STEPS = 1200;
const [USUAL_EPOCHS, MOST_EPOCHS] = [5, 50];

const usualEpochs = (steps: number): number =>
  Math.min(Math.max(Math.ceil(FEWEST_STEPS / steps), USUAL_EPOCHS), MOST_EPOCHS);

/** Begins a run. */
export async function startRun(path: string | undefined, given: TrainOptions, terminal: Terminal): Promise<number> {
  const start = performance.now();
  const makeFolder = newRun(given.out, path, given.force);
  const prepared = await prepareRun(path, given, terminal);
  const settings = given.lr === 'find' ? await withFoundRate(prepared, terminal) : prepared.settings;
  if (typeof settings === 'number') return settings;
  const run = { ...prepared, settings, files: makeFolder() };
  return await finish(run, undefined, start, terminal);
}

/** Goes on with a run. @param given - what may be otherwise than before: threads, workers, the form of what is printed */
export async function resumeRun(
  run: string,
  path: string | undefined,
  given: TrainOptions,
  terminal: Terminal,
): Promise<number> {
  const start = performance.now();
  const files = runAt(basename(run) === 'last.pt' ? dirname(run) : run);
  if (!existsSync(files.last)) throw new ArgumentError(`--resume: there is no ${JSON.stringify(files.last)}, which every run of flambeau train leaves after its first epoch`); // prettier-ignore
  const saved = readSaved(files.last);
  const { threads, workers, compile, memoryLimit, json } = given;
  const values: TrainOptions = { ...saved.settings, threads, workers, compile, memoryLimit, json };
  const prepared = await prepareRun(path ?? saved.path, values, terminal);
  requireSameImages(prepared, saved.trained, files.last);
  return await finish({ ...prepared, files }, saved.trainer, start, terminal);
}

/** What last.pt holds. */
interface Saved {
  readonly settings: TrainSettings;
  readonly path: string | undefined;
  readonly trained: Int32Array | undefined;
  readonly trainer: unknown;
}

function packRun({ path, settings, info }: Run, trainer: Trainer): Parameters<typeof save>[0] {
  return {
    format: FORMAT,
    version: VERSION,
    settings: JSON.stringify(settings),
    data: path === undefined ? null : resolve(path),
    trained_on: info.trained === undefined ? null : fromTypedArray(info.trained),
    trainer: trainer.stateDict(),
  };
}

function readSaved(file: string): Saved {
  const value: unknown = load<unknown>(file);
  const part = (name: string): unknown => (value instanceof Map ? (value as ReadonlyMap<string, unknown>).get(name) : undefined); // prettier-ignore
  const [settings, data, trained] = ['settings', 'data', 'trained_on'].map(part);
  if (part('format') !== FORMAT || part('version') !== VERSION || typeof settings !== 'string') {
    throw new FormatError(`--resume: ${JSON.stringify(file)} is not what a run of flambeau train leaves to go on from`);
  }
  return {
    settings: JSON.parse(settings) as TrainSettings,
    path: typeof data === 'string' ? data : undefined,
    trained: isTensor(trained) ? (trained.toTypedArray() as Int32Array) : undefined,
    trainer: part('trainer'),
  };
}

function requireSameImages(
  { info, source }: Pick<Run, 'info' | 'source'>,
  trained: Int32Array | undefined,
  file: string,
): void {
  const now = info.trained;
  if (now === undefined || trained === undefined) return;
  if (now.length === trained.length && now.every((value, i) => value === trained[i])) return;
  throw new FormatError(`--resume: the images of ${JSON.stringify(source.place)} are not those that ${JSON.stringify(file)} was trained on; put them back as they were, or begin a new run`); // prettier-ignore
}

/** Reads the data and makes the network, in the order in which a seed is used. */
async function prepareRun(
  path: string | undefined,
  given: TrainOptions,
  terminal: Terminal,
): Promise<Omit<Run, 'files'>> {
  if (given.threads !== undefined) setNumThreads(given.threads);
  manualSeed(given.seed);
  const source = await openData(path, given.labels);
  const data = await prepareData(source, {
    batchSize: given.batchSize,
    validSize: given.validSize,
    augmentation: augmentationFor(source, given),
    workers: given.workers,
    size: sizeOf(given),
    normalization: given.pretrained === undefined ? undefined : usualNormalization(given.model, true),
    maxUnreadable: given.maxUnreadable,
    onRead: (split, done, total) => terminal.progress(readStep(split, done, total)),
  });
  const lr = given.lr === 'find' ? undefined : given.lr;
  const settings: TrainSettings = { ...given, lr, epochs: given.epochs ?? usualEpochs(data.train.length) };
  const model = createModel(settings.model, data.spec);
  if (given.pretrained !== undefined) loadPretrained(model, load<unknown>(given.pretrained), given.pretrained);
  const info: ClassifierInfo = { model: settings.model, spec: data.spec, classes: data.classes, trained: data.trained };
  return { path, source, data, settings, model, info };
}

function augmentationFor(
  source: DataSource,
  values: Pick<TrainOptions, 'augment' | 'flip' | 'rotation'>,
): Augmentation | undefined {
  if (!values.augment) return undefined;
  return { flip: values.flip ?? source.mirrors, rotation: values.rotation };
}

function sizeOf({ size, pretrained, model }: TrainOptions): { height: number; width: number } | undefined {
  const side = pretrained === undefined || !isNetworkName(model) ? undefined : usualSide(model);
  const [height, width] = size ?? (side === undefined ? [] : [side]);
  return height === undefined ? undefined : { height, width: width ?? height };
}

/** Trains, tests the best network, and says what came out. */
async function finish(run: Run, state: unknown, start: number, terminal: Terminal): Promise<number> {
  const { source, data, model, settings } = run;
  terminal.line([...dataLines(source, data), '', ...modelLines(model, settings), ''].join('\n'));
  const { fitted, code } = await fit(run, state, terminal);
  const measured = code === 0 && fitted.best !== undefined ? await measureBest(run, fitted, fitted.best, terminal) : undefined; // prettier-ignore
  const test = data.test === undefined ? undefined : measured;
  for (const line of closingLines(run, fitted, test)) terminal.line(line);
  if (settings.json) terminal.json(jsonResult(run, fitted, test, start));
  return code;
}

/** Trains, saving every network that is better than those before, and after every epoch what is needed to go on. */
async function fit(run: Run, state: unknown, terminal: Terminal): Promise<{ fitted: FitResult; code: number }> {
  const { model, info, data, settings, files } = run;
  const { epochs, schedule, patience, ema, accumulate, monitor } = settings;
  const optimizer = makeOptimizer(model, settings);
  const stepsPerEpoch = Math.ceil(data.train.length / accumulate);
  const cycle = { maxLr: learningRate(settings), epochs, stepsPerEpoch, cycleMomentum: false };
  using interrupt = new Interrupt(() => terminal.line('Stopping after this batch; once more to stop at once.'));
  const events = settings.tensorboard ? [await writeEvents(run, state)] : [];
  const trainer = new Trainer({
    model,
    optimizer,
    ...stepOptions(model, settings),
    ...(schedule === 'onecycle' ? { scheduler: new OneCycleLR(optimizer, cycle) } : {}),
    ...(patience === undefined ? {} : { earlyStopping: patience }),
    ...(ema === undefined ? {} : { ema }),
    monitor,
    signal: interrupt.signal,
    onProgress: (progress) => terminal.progress(progressStep(progress)),
    onEpoch: (result) => terminal.line(epochLine(result)),
    onBest: (best) => {
      terminal.line(savingLine(best));
      save(packClassifier(best.model, info), files.best);
    },
    onState: () => save(packRun(run, trainer), files.last),
    callbacks: [epochLog(files, state !== undefined), ...events],
  });
  if (state !== undefined) trainer.loadStateDict(state);
  const fitted = await trainer.fit(data.train, data.valid, epochs);
  return { fitted, code: interrupt.code };
}

/** Loads the best network back, measures it on the test images or, without such, on those for validation, and writes the report. */
async function measureBest(run: Run, fitted: FitResult, best: EpochResult, terminal: Terminal): Promise<Evaluation> {
  const { files, settings, data } = run;
  const { network } = unpackClassifier(load<unknown>(files.best), files.best);
  const onProgress = (progress: Progress): void => terminal.progress({ ...progressStep(progress), label: 'Testing' });
  const part = data.test ?? data.valid;
  const evaluation = settings.report
    ? await writeReport(run, fitted, best, { network, part, onProgress })
    : await evaluate(network, part, { compile: settings.compile, onProgress });
  if (data.test !== undefined) terminal.line(['', ...evaluationLines('Test', evaluation, data.classes)].join('\n'));
  return evaluation;
}
