/** A run of `flambeau train`: begun or gone on with, to its last epoch and the test of its best network. */
import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { ArgumentError } from '../base/errors.ts';
import { load } from '../io/checkpoint-node.ts';
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
import type { Progress } from '../train/progress.ts';
import type { EpochResult, FitResult } from '../train/trainer.ts';
import { withFoundRate } from './find-rate.ts';
import { dataLines, evaluationLines, progressStep, readStep } from './report.ts';
import { newRun, runAt, type RunFolder } from './run-folder.ts';
import { pixelLimit } from './limits.ts';
import type { Terminal } from './terminal.ts';
import { fit, type Before } from './train-fit.ts';
import type { TrainOptions } from './train-options.ts';
import { augmentationOf, choiceLines, chosenSettings, type TrainSettings } from './train-plan.ts';
import { readSaved, requireSameImages } from './train-saved.ts';
import { writeReport } from './run-report.ts';
import { closingLines, jsonResult, modelLines } from './train-report.ts';

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
}

/** Begins a run. */
export async function startRun(path: string | undefined, given: TrainOptions, terminal: Terminal): Promise<number> {
  const start = performance.now();
  const makeFolder = newRun(given.out, path, given.force);
  const pretrained = readPretrained(given);
  if (given.threads !== undefined) setNumThreads(given.threads);
  manualSeed(given.seed);
  const source = openedOnce(await openData(path, given.labels, pixelLimit(given)));
  const { settings: chosen, choice } = await chosenSettings(source, given, pretrained.name, start, terminal);
  const prepared = await prepareRun(path, source, chosen, pretrained.value, terminal);
  if (pretrained.value === undefined) await prepareFirstLayer(prepared.model, prepared.data);
  const settings = given.lr === 'find' ? await withFoundRate(prepared, terminal) : chosen;
  if (typeof settings === 'number') return settings;
  const run = { ...prepared, settings, files: makeFolder(), choice };
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
  const settings: TrainSettings = { ...saved.settings, threads, workers, compile, memoryLimit, json };
  if (threads !== undefined) setNumThreads(threads);
  manualSeed(settings.seed);
  const place = path ?? saved.path;
  const source = await openData(place, settings.labels, pixelLimit(settings));
  const prepared = await prepareRun(place, source, settings, undefined, terminal);
  requireSameImages(prepared, saved.trained, files.last);
  return await finish({ ...prepared, files }, saved, start, terminal);
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

/** Reads the data and makes the network, in the order in which a seed is used. */
async function prepareRun(
  path: string | undefined,
  source: DataSource,
  settings: TrainSettings,
  pretrained: unknown,
  terminal: Terminal,
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
    onRead: (split, done, total) => terminal.progress(readStep(split, done, total)),
  });
  const model = createModel(settings.model, data.spec);
  if (pretrained !== undefined) loadPretrained(model, pretrained, settings.pretrained!);
  const info: ClassifierInfo = { model: settings.model, spec: data.spec, classes: data.classes, trained: data.trained };
  return { path, source, data, settings, model, info };
}

/** Trains, tests the best network, and says what came out. */
async function finish(run: Run, before: Before | undefined, start: number, terminal: Terminal): Promise<number> {
  const { source, data, model, settings } = run;
  const chosen = run.choice === undefined ? [] : [...choiceLines(run.choice), ''];
  terminal.line([...dataLines(source, data), '', ...chosen, ...modelLines(model, settings), ''].join('\n'));
  const { fitted, code } = await fit(run, before, start, terminal);
  const measured = code === 0 && fitted.best !== undefined ? await measureBest(run, fitted, fitted.best, terminal) : undefined; // prettier-ignore
  const test = data.test === undefined ? undefined : measured;
  for (const line of closingLines(run, fitted, test)) terminal.line(line);
  if (settings.json) terminal.json(jsonResult(run, fitted, test, start));
  return code;
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
