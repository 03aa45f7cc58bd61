/** The page of a run. The charts' library is loaded only here, when a run has ended. */
import { relative } from 'node:path';
import { writeFileAtomic } from '../io/bytes/atomic-write.ts';
import { getNumThreads } from '../tensor/backend.ts';
import type { Evaluation, TrainableModel } from '../train/evaluation.ts';
import type { EvaluationPart } from '../train/prepare.ts';
import { normalizationOf, type Augmentation } from '../train/preprocess.ts';
import type { EpochResult, FitResult } from '../train/trainer.ts';
import { counted, grouped, quoted } from './format.ts';
import { dashed } from './options.ts';
import { trainOptions, type TrainOptions } from './train-options.ts';
import { learningRate } from './train-report.ts';
import { augmentationOf, type TrainSettings } from './train-plan.ts';
import type { Run } from './train-run.ts';

interface Measured {
  readonly network: TrainableModel;
  readonly part: EvaluationPart;
  readonly evaluation: Evaluation;
}

export async function writeReport(run: Run, fitted: FitResult, best: EpochResult, measured: Measured): Promise<void> {
  const { makeReport } = await import('../train/report/make-report.ts');
  const { CHARTS } = await import('../train/report/charts.ts');
  const { data, source, settings, files, path } = run;
  const name = source.place === '' ? source.kind : source.place;
  const { html } = await makeReport({
    ...measured,
    title: `${name}: ${settings.model}`,
    classes: data.classes,
    scale: normalizationOf(data.spec),
    measuredOn: data.test === undefined ? `${counted(data.counts.valid, 'image')} for validation` : counted(data.counts.test, 'test image'),
    counts: countsOf(run),
    history: fitted.epochs,
    bestEpoch: best.epoch,
    settings: settingRows(run),
    notes:
      data.test === undefined
        ? [
            'There were no images for testing, so the figures are of those by which the best epoch was chosen, and a little too good.',
            ...source.notes,
          ]
        : source.notes,
    command: commandLine(path, settings),
    compile: settings.compile,
    charts: CHARTS,
    ranks: run.processes?.times.ranks ?? [],
  });
  writeFileAtomic(files.report, new TextEncoder().encode(html));
}

function countsOf({ data }: Run): { readonly part: string; readonly counts: readonly number[] }[] {
  const count = (part: string, targets: readonly number[]) => ({
    part,
    counts: data.classes.map((_, c) => targets.filter((target) => target === c).length),
  });
  return [
    count('training', data.targets),
    count('validation', data.valid.targets),
    ...(data.test === undefined ? [] : [count('test', data.test.targets)]),
  ];
}

function settingRows({ data, settings, files, source }: Run): (readonly [string, string])[] {
  const { channels, height, width } = data.spec;
  return [
    ['network', settings.model],
    ['images', `${channels}×${height}×${width}`],
    ['augmentation', augmentationText(augmentationOf(source, settings), settings)],
    ['optimizer', `${settings.optimizer}, learning rate ${learningRate(settings)}, ${settings.schedule}`],
    ['batch', grouped(settings.batchSize * settings.accumulate)],
    ['seed', String(settings.seed)],
    ...(settings.processes === undefined ? [] : [['processes', String(settings.processes)] as const]),
    ['threads', String(getNumThreads())],
    ['saved in', relative('.', files.best)],
  ];
}

function augmentationText(augmentation: Augmentation | undefined, { mixup, cutmix }: TrainSettings): string {
  const { flip = false, rotation = 0, shift = 0, crop = 1, policy } = augmentation ?? {};
  const parts = [
    ...(flip ? ['flips'] : []),
    ...(rotation > 0 ? [`turns up to ${rotation}°`] : []),
    ...(shift > 0 ? [`shifts up to ${counted(shift, 'pixel')}`] : []),
    ...(crop < 1 ? [`cut-outs of at least ${Math.round(100 * crop)} %`] : []),
    ...(policy === undefined ? [] : [policy === 'randaugment' ? 'RandAugment' : 'TrivialAugmentWide']),
    ...(mixup ? ['MixUp'] : []),
    ...(cutmix ? ['CutMix'] : []),
  ];
  return parts.length === 0 ? 'none' : parts.join(', ');
}

/** All options that are not at their defaults, so that the same comes out once more. */
function commandLine(path: string | undefined, settings: TrainSettings): string {
  const words = ['npx flambeau train', ...(path === undefined ? [] : [quoted(path)])];
  for (const [name, { initial }] of Object.entries(trainOptions)) {
    const value = (settings as Partial<TrainOptions>)[name as keyof TrainOptions];
    if (NOT_REPEATED.has(name) || value === undefined || (value === initial && name !== 'seed')) continue;
    if (typeof value === 'boolean') words.push(`--${value ? '' : 'no-'}${dashed(name)}`);
    else words.push(`--${dashed(name)} ${quoted(String(value))}`);
  }
  return words.join(' ');
}

/** What belongs to the place and not to the result. */
const NOT_REPEATED: ReadonlySet<string> = new Set(['out', 'force', 'resume', 'json', 'report', 'config', 'minutes']);
