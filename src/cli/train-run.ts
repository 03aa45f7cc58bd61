/** A run of `flambeau train`: begun or gone on with, to its last epoch and the test of its best network. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { ArgumentError } from '../base/errors.ts';
import { load } from '../io/checkpoint-node.ts';
import { SyncBatchNorm } from '../nn/layers/sync-batch-norm.ts';
import { setNumThreads } from '../tensor/backend.ts';
import { stack } from '../tensor/functions.ts';
import { manualSeed } from '../tensor/random/index.ts';
import type { Choice } from '../train/choose.ts';
import { unpackClassifier, type ClassifierInfo } from '../train/classifier.ts';
import { evaluate, type Evaluation } from '../train/evaluation.ts';
import { openedOnce } from '../train/facts.ts';
import { FastNet } from '../train/fast-net.ts';
import { createModel, usualNormalization, type Classifier, type ModelName } from '../train/models.ts';
import { isNetworkName, usualSide } from '../train/networks.ts';
import { openData, type DataSource } from '../train/open-data.ts';
import { prepareData, type PreparedData } from '../train/prepare.ts';
import { loadPretrained, requireNetwork } from '../train/pretrained.ts';
import type { TrainingProcesses } from '../train/processes.ts';
import type { Progress } from '../train/progress.ts';
import { partOf } from '../train/share.ts';
import type { EpochResult, FitResult } from '../train/trainer.ts';
import { withFoundRate } from './find-rate.ts';
import { dataLines, evaluationLines, progressStep, readStep } from './report.ts';
import { newRun, runAt, type RunFolder } from './run-folder.ts';
import { pixelLimit } from './limits.ts';
import { byFirst, inEach } from './processes.ts';
import type { Terminal } from './terminal.ts';
import { fit, type Before } from './train-fit.ts';
import type { TrainOptions } from './train-options.ts';
import { augmentationOf, choiceLines, chosenSettings, type TrainSettings } from './train-plan.ts';
import { readSaved, requireSameImages, type Saved } from './train-saved.ts';
import { writeReport } from './run-report.ts';
import { closingLines, jsonResult, modelLines, stragglerLines } from './train-report.ts';

/** Everything that a run is made of. */
export interface Run {
  readonly files: RunFolder;
  readonly path: string | undefined;
  readonly source: DataSource;
  readonly data: PreparedData;
  readonly settings: TrainSettings;
  readonly model: Classifier;
  readonly info: ClassifierInfo;
  /** How the settings came about; undefined in a run that goes on. */
  readonly choice?: Choice;
  /** The processes that train together, of which this is one. */
  readonly processes: TrainingProcesses | undefined;
}

/** Begins a run. */
export async function startRun(
  path: string | undefined,
  given: TrainOptions,
  terminal: Terminal,
  processes?: TrainingProcesses,
): Promise<number> {
  const start = performance.now();
  const isFirst = processes?.isFirst ?? true;
  if (given.threads !== undefined) setNumThreads(given.threads);
  manualSeed(given.seed);
  const { makeFolder, pretrained, source } = await inEach(processes, async () => ({
    makeFolder: isFirst ? newRun(given.out, path, given.force) : undefined,
    pretrained: isFirst ? readPretrained(given) : { value: undefined, name: undefined }, // the others get the weights from the first
    source: openedOnce(await openData(path, given.labels, pixelLimit(given))),
  }));
  const { settings: chosen, choice } = await byFirst(processes, () => chosenSettings(source, given, pretrained.name, start, terminal));
  const prepared = await inEach(processes, async () => {
    const made = await prepareRun(path, source, chosen, pretrained.value, terminal, processes);
    if (given.pretrained === undefined && isFirst) await prepareFirstLayer(made.model, made.data);
    return made;
  });
  processes?.alike(prepared.model);
  const settings = given.lr === 'find' ? await withFoundRate(prepared, terminal) : chosen;
  if (typeof settings === 'number') return settings;
  const files = await byFirst(processes, () => makeFolder?.() as RunFolder);
  return await finish({ ...prepared, settings, files, choice }, undefined, start, terminal);
}

/** Goes on with a run. @param given - what may be otherwise than before: threads, workers, the form of what is printed */
export async function resumeRun(
  run: string,
  path: string | undefined,
  given: TrainOptions,
  terminal: Terminal,
  processes?: TrainingProcesses,
): Promise<number> {
  const start = performance.now();
  const files = runAt(basename(run) === 'last.pt' ? dirname(run) : run);
  const saved = await savedOf(files, processes);
  const { threads, workers, compile, memoryLimit, json } = given;
  const settings: TrainSettings = { ...saved.settings, processes: processes?.size, threads, workers, compile, memoryLimit, json };
  if (processes !== undefined) processes.seed = settings.seed;
  if (threads !== undefined) setNumThreads(threads);
  manualSeed(settings.seed);
  const place = path ?? saved.path;
  const prepared = await inEach(processes, async () => {
    const source = await openData(place, settings.labels, pixelLimit(settings));
    const made = await prepareRun(place, source, settings, undefined, terminal, processes);
    requireSameImages(made, saved.trained, files.last);
    return made;
  });
  return await finish({ ...prepared, files }, saved, start, terminal);
}

/** What the run has left; only the first process needs to have the file. */
async function savedOf(files: RunFolder, processes: TrainingProcesses | undefined): Promise<Saved> {
  const bytes = await inEach(processes, () => {
    if (processes?.isFirst === false) return undefined;
    if (!existsSync(files.last))
      throw new ArgumentError(
        `--resume: there is no ${JSON.stringify(files.last)}, which every run of flambeau train leaves after its first epoch`,
      );
    return processes === undefined ? undefined : readFileSync(files.last);
  });
  return readSaved(files.last, processes?.bytes(bytes));
}

/** What is read before anything of the data is: a network's weights, and whose they are. */
function readPretrained({ pretrained, model }: TrainOptions): { value: unknown; name: ModelName | undefined } {
  if (pretrained === undefined) return { value: undefined, name: undefined };
  const value = load<unknown>(pretrained);
  return { value, name: model ?? requireNetwork(value, pretrained) };
}

/** Images that the patches for a first layer are taken from: enough that their statistics do not change any more. */
const PATCHES = 2e6;

/** A network whose first layer follows from the images gets it. */
async function prepareFirstLayer(model: Classifier, { spec, counts, plain }: PreparedData): Promise<void> {
  if (!(model instanceof FastNet)) return;
  const count = Math.min(Math.ceil(PATCHES / (spec.height * spec.width)), counts.train);
  model.whitenFor(stack(await Promise.all(Array.from({ length: count }, (_, index) => plain(index)))));
}

/** The size that images are brought to. Runs of before have none where it was the usual one. */
function sizeOf({ size, pretrained, model }: TrainSettings): { height: number; width: number } | undefined {
  const side = pretrained === undefined || !isNetworkName(model) ? undefined : usualSide(model);
  const [height, width] = size ?? (side === undefined ? [] : [side]);
  return height === undefined ? undefined : { height, width: width ?? height };
}

/** Fewer images say little of a channel's mean and variance (Wu and He, "Group Normalization", 2018, arXiv:1803.08494, figure 1). */
const ENOUGH_TO_NORMALISE = 16;

/** Whether batch normalisations go by the images of all processes. */
const sharesStatistics = ({ syncBn, batchSize }: TrainSettings, processes: TrainingProcesses): boolean =>
  syncBn ?? partOf(batchSize, processes) < ENOUGH_TO_NORMALISE;

/** Reads the data and makes the network, in the order in which a seed is used. */
async function prepareRun(
  path: string | undefined,
  source: DataSource,
  settings: TrainSettings,
  pretrained: unknown,
  terminal: Terminal,
  processes: TrainingProcesses | undefined,
): Promise<Omit<Run, 'files'>> {
  const data = await prepareData(source, {
    batchSize: settings.batchSize,
    validSize: settings.validSize,
    augmentation: augmentationOf(source, settings),
    workers: settings.workers,
    size: sizeOf(settings),
    resize: settings.resize,
    normalization: settings.pretrained === undefined ? undefined : usualNormalization(settings.model, true),
    maxUnreadable: settings.maxUnreadable,
    share: processes,
    together: processes,
    onRead: (split, done, total) => terminal.progress(readStep(split, done, total)),
  });
  const model = createModel(settings.model, data.spec);
  if (pretrained !== undefined) loadPretrained(model, pretrained, settings.pretrained!);
  if (processes !== undefined && sharesStatistics(settings, processes)) SyncBatchNorm.convertSyncBatchNorm(model);
  const info: ClassifierInfo = { model: settings.model, spec: data.spec, classes: data.classes, trained: data.trained };
  return { path, source, data, settings, model, info, processes };
}

/** Trains, tests the best network, and says what came out. */
async function finish(run: Run, before: Before | undefined, start: number, terminal: Terminal): Promise<number> {
  const { source, data, settings } = run;
  const chosen = run.choice === undefined ? [] : [...choiceLines(run.choice), ''];
  terminal.line([...dataLines(source, data), '', ...chosen, ...modelLines(run), ''].join('\n'));
  const { fitted, code } = await fit(run, before, start, terminal);
  const measured = code === 0 && fitted.best !== undefined ? await measureBest(run, fitted, fitted.best, terminal) : undefined;
  const test = data.test === undefined ? undefined : measured;
  for (const line of [...stragglerLines(run.processes), ...closingLines(run, fitted)]) terminal.line(line);
  if (settings.json) terminal.json(jsonResult(run, fitted, test, start));
  return code;
}

/** Loads the best network back, measures it on the test images or, without such, on those for validation, and writes the report. */
async function measureBest(run: Run, fitted: FitResult, best: EpochResult, terminal: Terminal): Promise<Evaluation> {
  const { files, settings, data, processes } = run;
  const network = await inEach(processes, () =>
    processes?.isFirst === false ? createModel(settings.model, data.spec) : unpackClassifier(load<unknown>(files.best), files.best).network,
  );
  processes?.alike(network);
  const onProgress = (progress: Progress): void => terminal.progress({ ...progressStep(progress), label: 'Testing' });
  const part = data.test ?? data.valid;
  const options = { compile: settings.compile, onProgress };
  const evaluation = processes === undefined ? await evaluate(network, part, options) : (await processes.evaluate(network, part, options))!;
  if (settings.report && processes?.isFirst !== false) await writeReport(run, fitted, best, { network, part, evaluation });
  if (data.test !== undefined) terminal.line(['', ...evaluationLines('Test', evaluation, data.classes)].join('\n'));
  return evaluation;
}
