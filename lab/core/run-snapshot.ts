/** A run as plain data, which is stored and put into project files; and what comes from there, checked. */
import type { Checkpoint } from './checkpoints.ts';
import { MOST_POINTS, type CurveSnapshot } from './curves.ts';
import { isFields, own, readClasses, readNetwork, readTraining, SetupError, type Fields } from './read-setup.ts';
import type { EpochResult, Score, Weights } from './session.ts';
import { LIMITS, TRAINING_FIELDS } from './settings.ts';
import type { NetworkSpec, TrainingSpec } from './spec.ts';

/** All of a run but its weights. */
export interface RunFacts {
  readonly label: string;
  readonly network: NetworkSpec;
  readonly classes: readonly string[];
  readonly training: TrainingSpec;
  readonly epochs: readonly EpochResult[];
  readonly curve: CurveSnapshot;
  /** Spent on training and measuring. */
  readonly seconds: number;
}

export interface RunSnapshot extends RunFacts {
  /** Weights, the optimizer's state and that of the random generator; oldest first. */
  readonly checkpoints: readonly Checkpoint[];
  /** What it began with instead of what the seed gives. */
  readonly weights?: Weights | undefined;
}

function fieldsOf(value: unknown, place: string): Fields {
  if (!isFields(value)) throw new SetupError(`${place}: expected an object`);
  return value;
}

/** JSON writes null for what is no number, as the loss of a run that has run away. */
function numberOf(fields: Fields, name: string, place: string): number {
  const value = own(fields, name);
  if (value === null) return NaN;
  if (typeof value !== 'number') throw new SetupError(`${name} of ${place}: expected a number`);
  return value;
}

function countOf(fields: Fields, name: string, place: string): number {
  const value = numberOf(fields, name, place);
  if (!Number.isSafeInteger(value) || value < 0) throw new SetupError(`${name} of ${place}: expected a count`);
  return value;
}

/**
 * Checks what is said of a run, and makes it anew of known fields.
 * @throws SetupError with what is wrong and where
 */
export function readRunFacts(value: unknown): RunFacts {
  const run = fieldsOf(value, 'the run');
  const label = own(run, 'label');
  if (typeof label !== 'string' || label.length > LIMITS.nameLength)
    throw new SetupError(`label of the run: expected a text of at most ${LIMITS.nameLength} letters`);
  const training = readTraining(own(run, 'training'));
  const seconds = numberOf(run, 'seconds', 'the run');
  return {
    label,
    network: readNetwork(own(run, 'network')),
    classes: readClasses(own(run, 'classes')),
    training,
    epochs: readEpochs(own(run, 'epochs'), training.lr),
    curve: readCurve(own(run, 'curve')),
    seconds: Number.isFinite(seconds) ? seconds : 0,
  };
}

/** @param lr of epochs that do not say theirs */
function readEpochs(value: unknown, lr: number): readonly EpochResult[] {
  const most = TRAINING_FIELDS.epochs.max;
  if (!Array.isArray(value) || value.length > most) throw new SetupError(`epochs of the run: expected a list of at most ${most}`);
  return value.map((item: unknown, i) => {
    const place = `epoch ${i + 1} of the run`;
    const epoch = fieldsOf(item, place);
    const valid = own(epoch, 'valid');
    return {
      epoch: countOf(epoch, 'epoch', place),
      step: countOf(epoch, 'step', place),
      trainLoss: numberOf(epoch, 'trainLoss', place),
      trainAccuracy: numberOf(epoch, 'trainAccuracy', place),
      lr: own(epoch, 'lr') === undefined ? lr : numberOf(epoch, 'lr', place),
      valid: valid === undefined || valid === null ? undefined : readScore(fieldsOf(valid, place), place),
    };
  });
}

const readScore = (score: Fields, place: string): Score => ({
  loss: numberOf(score, 'loss', place),
  accuracy: numberOf(score, 'accuracy', place),
});

/** How many lists a curve has. */
const LISTS = 6;

function readCurve(value: unknown): CurveSnapshot {
  const curve = fieldsOf(value, 'the curve of the run');
  const lists = own(curve, 'lists');
  const stride = countOf(curve, 'stride', 'the curve');
  if (!Array.isArray(lists) || lists.length !== LISTS || stride < 1) throw new SetupError('the curve of the run is damaged');
  const length = Array.isArray(lists[0]) ? lists[0].length : Infinity;
  if (length > MOST_POINTS) throw new SetupError(`the curve of the run has more than ${MOST_POINTS} points`);
  return { lists: lists.map((list: unknown) => readList(list, length)), stride };
}

function readList(value: unknown, length: number): readonly number[] {
  const fits = Array.isArray(value) && value.length === length && value.every((item) => typeof item === 'number' || item === null);
  if (!fits) throw new SetupError('a list of the curve of the run is damaged');
  return (value as (number | null)[]).map((item) => item ?? NaN);
}
