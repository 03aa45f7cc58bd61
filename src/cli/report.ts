/** The lines that training and evaluation print, worded as in the tutorials. */
import { formatFixed } from '../base/python-format.ts';
import type { Evaluation } from '../train/evaluation.ts';
import type { PreparedData } from '../train/prepare.ts';
import type { DataSource, SplitName } from '../train/open-data.ts';
import type { Progress } from '../train/progress.ts';
import type { BestEpoch, EpochResult } from '../train/trainer.ts';
import type { Unreadable } from '../train/unreadable.ts';
import { byOption } from './limits.ts';
import { counted, duration, grouped, percent } from './format.ts';
import { shown } from '../base/shown.ts';
import { speedDetails, type Step } from './terminal.ts';

/** What is said of images that cannot be read. */
export function unreadableLines(found: readonly Unreadable[], where = ''): string[] {
  const some = found.slice(0, MOST_NAMED).map(({ name, why }) => `    ${shown(`${JSON.stringify(name)}: ${byOption(why)}`)}`);
  const more = found.length > MOST_NAMED ? [`    and ${grouped(found.length - MOST_NAMED)} more, which flambeau check lists`] : [];
  return [
    `  Note: ${counted(found.length, 'image')}${where} cannot be read and ${found.length === 1 ? 'is' : 'are'} passed over:`,
    ...some,
    ...more,
  ];
}

const MOST_NAMED = 10;

/** What the data is. */
export function dataLines(source: DataSource, data: PreparedData): string[] {
  const { counts, spec, classes } = data;
  const parts = [
    counted(counts.train, 'training image'),
    `${grouped(counts.valid)} for validation${data.split ? ' (taken from the training images)' : ''}`,
    counts.test === 0 ? 'none for testing' : `${grouped(counts.test)} for testing`,
  ];
  const names = classes.slice(0, 20).map(shown);
  if (classes.length > 20) names.push(`… ${classes.length - 20} more`);
  return [
    `Data: ${source.kind}${source.place === '' ? '' : ` ${shown(source.place)}`}`,
    `  ${parts.join(', ')}; ${spec.channels}×${spec.height}×${spec.width}`,
    `  ${counted(classes.length, 'class').replace('classs', 'classes')}: ${names.join(', ')}`,
    ...source.notes.map((note) => `  Note: ${shown(note)}`),
    ...[...data.unreadable].flatMap(([part, found]) => unreadableLines(found, part === 'all' ? '' : ` of ${part}`)),
  ];
}

const PARTS: { readonly [K in SplitName]: string } = {
  train: 'training',
  valid: 'validation',
  test: 'test',
  all: '',
};

export const readStep = (split: SplitName, done: number, total: number): Step => ({
  label: `Reading ${PARTS[split]} images`.replace('  ', ' '),
  done,
  total,
  details: [`${grouped(done)}/${grouped(total)}`],
});

export function progressStep(progress: Progress): Step {
  const { phase, epoch, epochs, batch, batches, loss } = progress;
  const what = phase === 'train' ? `Epoch ${epoch}/${epochs}` : 'Validating';
  return {
    label: what,
    done: batch,
    total: batches,
    details: [
      `batch ${grouped(batch)}/${grouped(batches)}`,
      ...speedDetails(progress.imagesPerSecond, progress.secondsLeftInAll),
      `loss ${loss.toFixed(4)}`,
    ],
  };
}

/** The second tutorial's line, and the accuracy. */
export function epochLine({ epoch, trainLoss, validLoss, accuracy, seconds }: EpochResult): string {
  const losses = `Epoch: ${epoch} \tTraining Loss: ${formatFixed(trainLoss, 6)} \tValidation Loss: ${formatFixed(validLoss, 6)}`;
  return `${losses} \tValidation Accuracy: ${percent(accuracy)} \t(${duration(seconds)})`;
}

/** The second tutorial's line. */
export const savingLine = ({ previousLoss, loss }: BestEpoch): string =>
  `Validation loss decreased (${formatFixed(previousLoss, 6)} --> ${formatFixed(loss, 6)}).  Saving model ...`;

/** The accuracy of each class and overall, as Udacity's lessons print them. */
export function evaluationLines(what: string, result: Evaluation, classes: readonly string[]): string[] {
  const lines = classes.map((name, i) => {
    const { correct = 0, total = 0 } = result.classes[i] ?? {};
    if (total === 0) return `${what} Accuracy of ${shown(name)}: N/A (no images of this class)`;
    return `${what} Accuracy of ${shown(name)}: ${Math.round((100 * correct) / total)}% (${correct}/${total})`;
  });
  return [
    `${what} Loss: ${formatFixed(result.loss, 6)}`,
    '',
    ...lines,
    '',
    `${what} Accuracy (Overall): ${percent(result.accuracy)} (${result.correct}/${result.total})`,
  ];
}

/** Accuracies by class name, for JSON. */
export const classAccuracies = (result: Evaluation, classes: readonly string[]): Record<string, number | null> =>
  Object.fromEntries(
    classes.map((name, i) => {
      const { correct = 0, total = 0 } = result.classes[i] ?? {};
      return [name, total === 0 ? null : correct / total];
    }),
  );
