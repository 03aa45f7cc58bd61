/** What a run of `flambeau train` says of itself before and after. */
import { shown } from '../base/shown.ts';
import { SyncBatchNorm } from '../nn/layers/sync-batch-norm.ts';
import { getNumThreads } from '../tensor/backend.ts';
import type { Evaluation } from '../train/evaluation.ts';
import type { FitResult } from '../train/trainer.ts';
import { counted, grouped, percent } from './format.ts';
import { classAccuracies } from './report.ts';
import { usualRate } from '../train/optimizers.ts';
import type { TrainingProcesses } from '../train/processes.ts';
import { partOf } from '../train/share.ts';
import { stragglers } from '../train/step-times.ts';
import type { TrainSettings } from './train-plan.ts';
import type { Run } from './train-run.ts';

/** The rate that was asked for, or the usual one. */
export const learningRate = (values: Pick<TrainSettings, 'lr' | 'optimizer'>): number => values.lr ?? usualRate(values.optimizer);

const OPTIMIZERS = { sgd: 'SGD', adam: 'Adam', adamw: 'AdamW' } as const;
const SCHEDULES = {
  onecycle: ' (one-cycle)',
  cosine: ' (down along a cosine)',
  triangle: ' (linear warm-up, then linear decay)',
  none: '',
} as const;
const shortest = (value: number): string => String(Number(value.toPrecision(3)));

/** How a batch is shared out. */
function sharingOf({ batchSize }: TrainSettings, processes: TrainingProcesses | undefined): string {
  if (processes === undefined) return `batches of ${grouped(batchSize)}`;
  const part = partOf(batchSize, processes);
  return `batches of ${grouped(part * processes.size)}, ${grouped(part)} in each of ${processes.size} processes`;
}

/** Processes that keep the others waiting. */
export const stragglerLines = (processes: TrainingProcesses | undefined): string[] =>
  stragglers(processes?.times.ranks ?? []).map(
    ({ rank, others }) =>
      `The others wait for process ${rank.rank} on ${shown(rank.host)}: ${rank.work.toFixed(1)} ms of work in a step, theirs takes ${others.toFixed(1)} ms`,
  );

/** The network and how it is trained. */
export function modelLines({ model, settings: values, processes }: Pick<Run, 'model' | 'settings' | 'processes'>): string[] {
  const parameters = model.parameters().reduce((sum, parameter) => sum + parameter.numel(), 0);
  const { optimizer, momentum, nesterov, weightDecay, labelSmoothing, schedule, epochs, seed } = values;
  const settings = [
    `${OPTIMIZERS[optimizer]} with learning rate ${shortest(learningRate(values))}${SCHEDULES[schedule]}`,
    ...(optimizer === 'sgd' ? [`${nesterov === true ? "Nesterov's " : ''}momentum ${momentum}`] : []),
    ...(weightDecay > 0 ? [`weight decay ${shortest(weightDecay)}`] : []),
    ...(labelSmoothing > 0 ? [`label smoothing ${labelSmoothing}`] : []),
    sharingOf(values, processes),
    ...([...model.modules()].some((module) => module instanceof SyncBatchNorm) ? ['batch normalisation over all processes'] : []),
    counted(epochs, 'epoch'),
    `${counted(getNumThreads(), 'thread')}${processes === undefined ? '' : ' each'}`,
    `seed ${seed}`,
  ];
  return [String(model), `${grouped(parameters)} parameters`, '', `Training: ${settings.join(', ')}`];
}

/** What came out, and where it is. */
export function closingLines({ files, path, settings }: Run, { best, interrupted, stoppedEarly, epochs }: FitResult): string[] {
  const again = `flambeau train --resume ${shown(files.folder)}`;
  if (best === undefined)
    return ['', ...(interrupted ? [`Interrupted in the first epoch: there is no network yet. To go on: ${again}`] : [])];
  const when = interrupted
    ? `Interrupted after epoch ${epochs.length}. The`
    : stoppedEarly
      ? `No better epoch any more, so it ended after ${epochs.length}. The`
      : 'The';
  const where = `${when} best model is that of epoch ${best.epoch} (validation accuracy ${percent(best.accuracy)}), saved in ${shown(files.best)}`;
  const page = settings.report && !interrupted ? [`How good it is and where it fails: ${shown(files.report)}`] : [];
  return [
    '',
    where,
    ...page,
    ...(interrupted ? [`To go on: ${again}`] : []),
    ...(interrupted
      ? []
      : path === undefined
        ? firstLines(files.best)
        : nextLines(files.folder === files.best ? files.best : files.folder)),
  ];
}

/** What to try after the first training, on generated pictures. */
function firstLines(out: string): string[] {
  return hintLines([
    [`npx flambeau summary ${out}`, 'its layers, one by one'],
    [`npx flambeau predict photo.jpg --checkpoint ${out}`, 'what it sees in an image'],
    ['npx flambeau train path/to/images', 'on your own: one folder of images for each class, or a .tar.gz of that'],
    ['npx flambeau train --help', 'all options'],
  ]);
}

/** What to do with a network of one's own. */
function nextLines(run: string): string[] {
  const name = quoted(run);
  return hintLines([
    [`npx flambeau predict ${name} photo.jpg`, 'what it sees in an image'],
    [`npx flambeau export ${name} --format html`, 'a page that classifies; loadClassifier of flambeau/train does it in one of your own'],
    [`npx flambeau export ${name} --format python`, 'a program for PyTorch that opens the checkpoint'],
  ]);
}

/** As a shell takes it as one word. */
const quoted = (path: string): string => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);

function hintLines(hints: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...hints.map(([line]) => line.length));
  return ['', 'What next:', ...hints.map(([line, what]) => `  ${line.padEnd(width)}  ${what}`)];
}

/** What `--json` prints: the figures of the model that was saved, and how it came about. */
export function jsonResult(
  { files, data, source, settings: values, choice, processes }: Run,
  { best, interrupted, stoppedEarly, epochs }: FitResult,
  test: Evaluation | undefined,
  start: number,
): Record<string, unknown> {
  const tested =
    test === undefined
      ? {}
      : { testLoss: test.loss, testAccuracy: test.accuracy, testAccuracyByClass: classAccuracies(test, data.classes) };
  return {
    trainLoss: best?.trainLoss ?? null,
    validLoss: best?.validLoss ?? null,
    accuracy: best?.accuracy ?? null,
    ...tested,
    secondsPerEpoch: epochs.map((epoch) => epoch.seconds),
    seconds: (performance.now() - start) / 1000,
    checkpoint: best === undefined ? null : files.best,
    run: files.folder,
    bestEpoch: best?.epoch ?? null,
    epochs: epochs.length,
    interrupted,
    stoppedEarly,
    history: epochs.map(({ epoch, trainLoss, validLoss, accuracy }) => ({ epoch, trainLoss, validLoss, accuracy })),
    data: source.place === '' ? source.kind : source.place,
    images: data.counts,
    notes: source.notes,
    unreadable: Object.fromEntries(data.unreadable),
    classes: data.classes,
    input: [data.spec.channels, data.spec.height, data.spec.width],
    model: values.model,
    ...(choice === undefined ? {} : { chosen: Object.fromEntries(choice.reasons), better: choice.better }),
    optimizer: values.optimizer,
    lr: learningRate(values),
    batchSize: values.batchSize,
    seed: values.seed,
    threads: getNumThreads(),
    ...(processes === undefined ? {} : { processes: processes.times.ranks }),
  };
}
