/** Going through batches: what they are, and counting them with their losses and times. */
import { ArgumentError } from '../base/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { othersTurn, TURN } from './turn.ts';

/** Batches of inputs and class indices, such as a DataLoader gives; `length` is how many. */
export interface BatchSource extends AsyncIterable<readonly Tensor[]> {
  readonly length: number;
  /** Where several processes have a part of each batch: how many images of the n-th are this one's, and of all. */
  partOf?(batch: number): BatchPart;
}

/** Images of a batch: this process's, and all processes'. */
export interface BatchPart {
  readonly own: number;
  readonly all: number;
}

/** @throws ArgumentError unless a batch is [inputs, targets] */
export function pair(batch: readonly Tensor[]): readonly [Tensor, Tensor] {
  const [inputs, targets] = batch;
  if (inputs === undefined || targets === undefined || batch.length !== 2)
    throw new ArgumentError(`fit: expected batches of [inputs, targets], but got ${batch.length} values`);
  return [inputs, targets];
}

/** Where training stands, after every batch. */
export interface Progress {
  readonly phase: 'train' | 'validate';
  readonly epoch: number;
  readonly epochs: number;
  /** Batches done in this phase of this epoch, and how many there are. */
  readonly batch: number;
  readonly batches: number;
  /** Images done in this phase of this epoch. */
  readonly images: number;
  readonly imagesPerSecond: number;
  /** Until this phase of this epoch is done. */
  readonly secondsLeft: number;
  /** Until the last epoch is done, as long as each takes as long as the one before it. */
  readonly secondsLeftInAll: number;
  /** The mean loss so far in this phase of this epoch. */
  readonly loss: number;
}

/** When others last had their turn: of all meters, or short epochs, each with its own, would never give them one, and Ctrl-C would not be heard. */
let lastTurn = 0;

/** Counts a phase of an epoch. */
export class Meter {
  readonly epoch: number;
  batch = 0;
  readonly #phase: Progress['phase'];
  readonly #batches: number;
  readonly #epochs: number;
  readonly #report: ((progress: Progress) => void) | undefined;
  readonly #start = performance.now();
  /** Images so far, and the sum of their losses. */
  images = 0;
  lossSum = 0;
  readonly #before: { readonly batch: number; readonly images: number };
  readonly #secondsPerEpoch: number | undefined;

  constructor(
    phase: Progress['phase'],
    batches: number,
    epoch: number,
    epochs: number,
    report: ((progress: Progress) => void) | undefined,
    /** What was done before, in a run that has been resumed. */
    { batch = 0, images = 0, loss = 0 } = {},
    /** What training and validation of an epoch took so far, where that is known. */
    secondsPerEpoch?: number,
  ) {
    this.#secondsPerEpoch = secondsPerEpoch;
    [this.batch, this.images, this.lossSum] = [batch, images, loss];
    this.#before = { batch, images };
    this.#phase = phase;
    this.#batches = batches;
    this.epoch = epoch;
    this.#epochs = epochs;
    this.#report = report;
  }

  /** Counts `images` with a mean loss, which have come in one batch or several. */
  add(loss: number, images: number, batches = 1): void {
    this.batch += batches;
    this.images += images;
    this.lossSum += loss * images;
    if (this.#report === undefined) return;
    const seconds = (performance.now() - this.#start) / 1000;
    const secondsLeft = (seconds / (this.batch - this.#before.batch)) * Math.max(this.#batches - this.batch, 0);
    this.#report({
      phase: this.#phase,
      epoch: this.epoch,
      epochs: this.#epochs,
      batch: this.batch,
      batches: this.#batches,
      images: this.images,
      imagesPerSecond: (this.images - this.#before.images) / Math.max(seconds, 1e-9),
      secondsLeft,
      secondsLeftInAll: secondsLeft + this.#secondsAfter(seconds / (this.batch - this.#before.batch)),
      loss: this.lossSum / this.images,
    });
  }

  /** What comes after this phase: in an epoch of training its validation, and all epochs that follow. */
  #secondsAfter(perBatch: number): number {
    const phase = perBatch * this.#batches;
    const perEpoch = this.#secondsPerEpoch ?? phase;
    const validation = this.#phase === 'train' ? Math.max(perEpoch - phase, 0) : 0;
    return validation + (this.#epochs - this.epoch) * perEpoch;
  }

  async breathe(): Promise<void> {
    const now = performance.now();
    if (now - lastTurn < TURN) return;
    await othersTurn();
    lastTurn = performance.now();
  }

  /** Over the images seen, which with a sampler are fewer than the data set has. */
  meanLoss(whenEmpty: string): number {
    if (this.images === 0) throw new ArgumentError(whenEmpty);
    return this.lossSum / this.images;
  }
}
