/**
 * What a classifier made of labelled images, counted: the confusion matrix, what follows from it for each class, how often the right class was
 * among the first five, and how sure the network was (https://arxiv.org/abs/1706.04599 for the error of calibration).
 */
import { kind, requireKind } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';

const PACKED = kind(
  'a list of what pack() gives',
  (value) => Array.isArray(value) && value.every((part) => part instanceof Float64Array && part.length % 3 === 0),
);

/** How often one class was recognised. */
export interface ClassResult {
  /** Images of this class that were taken for it. */
  readonly correct: number;
  /** Images of this class. */
  readonly total: number;
  /** Images that were taken for this class, rightly or not. */
  readonly predicted: number;
  /** `correct / predicted`; NaN where nothing was taken for it. */
  readonly precision: number;
  /** `correct / total`; NaN where there was no image of it. */
  readonly recall: number;
  /** The harmonic mean of both; NaN where neither an image nor a prediction was of this class. */
  readonly f1: number;
}

/** The images about which the network was about as sure. */
export interface CalibrationBin {
  /** Images whose most probable class had a probability above `from`, up to `to`. */
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** The mean of those probabilities, and the part that was right; NaN without images. */
  readonly confidence: number;
  readonly accuracy: number;
}

export interface Evaluation {
  /** The mean loss over all images. */
  readonly loss: number;
  /** Part of the images that were classified rightly, 0 to 1. */
  readonly accuracy: number;
  /** Part of the images whose class is among the five most probable; 1 with five classes or fewer. */
  readonly top5: number;
  readonly correct: number;
  readonly total: number;
  /** By class index. */
  readonly classes: readonly ClassResult[];
  /** Images by actual class (row) and predicted class (column). */
  readonly confusion: readonly (readonly number[])[];
  /** Ten ranges of probability from 0 to 1. */
  readonly calibration: readonly CalibrationBin[];
  /** How far probabilities are from the part that is right, on average over the images (expected calibration error). */
  readonly calibrationError: number;
  /** What each image was taken for, in the order of the batches. */
  readonly predictions: Predictions;
}

export interface Predictions {
  readonly labels: Int32Array;
  readonly guesses: Int32Array;
  /** The probability of the guess, by the softmax of the outputs. */
  readonly confidences: Float32Array;
}

const BINS = 10;
const NEAR = 5;

/** Adds up batches. */
export class ClassCounts {
  readonly #labels: number[] = [];
  readonly #guesses: number[] = [];
  readonly #confidences: number[] = [];
  #classes = 0;
  #near = 0;
  #loss = 0;

  /** @param output - logits [N, classes]; targets: class indices [N]; loss: the batch's mean */
  add(output: Tensor, targets: Tensor, loss: number): void {
    const classes = output.size(1);
    const logits = output.detach().toTypedArray();
    const guesses = output.detach().argmax(1).toTypedArray();
    const labels = targets.toTypedArray();
    this.#classes = Math.max(this.#classes, classes);
    for (let i = 0; i < labels.length; i++) {
      const [label, guess] = [Number(labels[i]), Number(guesses[i])];
      if (!(label >= 0 && label < classes)) throw new ArgumentError(`evaluate: expected labels from 0 to ${classes - 1}, but got ${label}`);
      const row = logits.subarray(i * classes, (i + 1) * classes) as ArrayLike<number>;
      this.#labels.push(label);
      this.#guesses.push(guess);
      this.#confidences.push(probability(row, guess));
      if (isNear(row, label)) this.#near++;
    }
    this.#loss += loss * labels.length;
  }

  /** All of it as numbers, to be sent. @internal */
  pack(): Float64Array {
    return Float64Array.from([this.#classes, this.#near, this.#loss].concat(this.#labels, this.#guesses, this.#confidences));
  }

  /** The counts of several, each of which has had every n-th image, in the order of the images. @internal */
  static merged(parts: readonly Float64Array[]): ClassCounts {
    requireKind('ClassCounts.merged', 'the counts', parts, PACKED);
    const all = new ClassCounts();
    const counts = parts.map(({ length }) => (length - 3) / 3);
    const total = counts.reduce((sum, count) => sum + count, 0);
    for (const [classes, near, loss] of parts) {
      all.#classes = Math.max(all.#classes, classes!);
      all.#near += near!;
      all.#loss += loss!;
    }
    for (let i = 0; i < total; i++) {
      const [part, at] = [i % parts.length, 3 + Math.floor(i / parts.length)];
      all.#labels.push(parts[part]![at]!);
      all.#guesses.push(parts[part]![at + counts[part]!]!);
      all.#confidences.push(parts[part]![at + 2 * counts[part]!]!);
    }
    return all;
  }

  /** @throws ArgumentError when nothing was counted */
  result(): Evaluation {
    const total = this.#labels.length;
    if (total === 0) throw new ArgumentError('evaluate: there are no images to evaluate on');
    const confusion = Array.from({ length: this.#classes }, () => new Array<number>(this.#classes).fill(0));
    this.#labels.forEach((label, i) => confusion[label]![this.#guesses[i]!]!++);
    const classes = confusion.map((_, c) => classResult(confusion, c));
    const correct = classes.reduce((sum, one) => sum + one.correct, 0);
    const calibration = bins(this.#labels, this.#guesses, this.#confidences);
    const apart = calibration.reduce((sum, bin) => sum + (bin.count === 0 ? 0 : bin.count * Math.abs(bin.confidence - bin.accuracy)), 0);
    return {
      loss: this.#loss / total,
      accuracy: correct / total,
      top5: this.#near / total,
      correct,
      total,
      classes,
      confusion,
      calibration,
      calibrationError: apart / total,
      predictions: {
        labels: Int32Array.from(this.#labels),
        guesses: Int32Array.from(this.#guesses),
        confidences: Float32Array.from(this.#confidences),
      },
    };
  }
}

/** The softmax of a row at one place. */
function probability(row: ArrayLike<number>, at: number): number {
  let sum = 0;
  for (let c = 0; c < row.length; c++) sum += Math.exp(row[c]! - row[at]!);
  return 1 / sum;
}

/** Whether fewer than five others are before it; of equals the first come first. */
function isNear(row: ArrayLike<number>, label: number): boolean {
  const value = row[label]!;
  let before = 0;
  for (let c = 0; c < row.length; c++) if (row[c]! > value || (row[c] === value && c < label)) before++;
  return before < NEAR;
}

function classResult(confusion: readonly (readonly number[])[], c: number): ClassResult {
  const correct = confusion[c]![c]!;
  const total = confusion[c]!.reduce((sum, n) => sum + n, 0);
  const predicted = confusion.reduce((sum, row) => sum + row[c]!, 0);
  return { correct, total, predicted, precision: correct / predicted, recall: correct / total, f1: (2 * correct) / (predicted + total) };
}

function bins(labels: readonly number[], guesses: readonly number[], confidences: readonly number[]): CalibrationBin[] {
  const sums = Array.from({ length: BINS }, () => ({ count: 0, confidence: 0, correct: 0 }));
  confidences.forEach((confidence, i) => {
    if (!(confidence > 0)) return; // NaN has no place
    const bin = sums[Math.min(Math.ceil(confidence * BINS), BINS) - 1]!;
    bin.count++;
    bin.confidence += confidence;
    if (labels[i] === guesses[i]) bin.correct++;
  });
  return sums.map(({ count, confidence, correct }, i) => ({
    from: i / BINS,
    to: (i + 1) / BINS,
    count,
    confidence: confidence / count,
    accuracy: correct / count,
  }));
}
