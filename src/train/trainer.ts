/**
 * The training loop of the PyTorch tutorials, as a class: for each epoch all batches forward, backward and one optimizer step,
 * then the validation set without gradients, and a notice whenever it was the best so far. Nothing here is hidden
 * state; a loop written by hand does the same.
 *
 * Runs in browsers. Saving is the caller's: `onBest: ({ model }) => save(model.stateDict(), 'model_augmented.pt')`, and to go on later
 * `onState: () => save(trainer.stateDict(), 'last.pt')`.
 */
import '../nn/families/state-dicts.ts';
import '../optim/families/optimizer-states.ts';

import { requireKind, requireOptions, show } from '../base/arguments.ts';
import { ArgumentError, FlambeauError } from '../base/errors.ts';
import type { CheckpointInput } from '../io/checkpoint.ts';
import { CrossEntropyLoss } from '../nn/layers/loss.ts';
import { OneCycleLR, ReduceLROnPlateau } from '../optim/lr-scheduler.ts';
import { Optimizer } from '../optim/optimizer.ts';
import { AveragedModel, getEmaMultiAvgFn } from '../optim/swa-utils.ts';
import { BATCHES, evaluate, MODEL, type Criterion, type Evaluation, type TrainableModel } from './evaluation.ts';
import { Meter, type BatchSource } from './progress.ts';
import { nonFiniteText, watchBatches, type NonFinite } from './finite-watch.ts';
import { groupsOf } from './groups.ts';
import { loadTogether } from './load-together.ts';
import { Replay, type Failed } from './replay.ts';
import { trainStep, type Pair, type TrainStep } from './steps.ts';
import { OPTIMIZER, TRAINER_OPTIONS, type EpochResult, type TrainerCallback, type TrainerOptions } from './trainer-options.ts';
import { newPosition, packPosition, randomStates, setRandomStates, unpackPosition, type Position } from './trainer-state.ts';

export type { NonFinite } from './finite-watch.ts';
export type { BatchResult, BestEpoch, EarlyStopping, EpochResult, Freeze, TrainerCallback, TrainerOptions } from './trainer-options.ts';

/** Where a training was when it could not go on. */
export interface TrainingPlace {
  readonly epoch: number;
  /** The batch of the epoch, from 1; undefined in validation. */
  readonly batch: number | undefined;
  /** Updates before it. */
  readonly step: number;
  /** What was not finite first, and in which layer; undefined where that could not be found out. */
  readonly nonFinite: NonFinite | undefined;
}

/**
 * Training cannot go on: the loss is not a number any more.
 *
 * Remedy: `place` says where it began; try a lower learning rate, clipped gradients, or look at the data of that batch.
 */
export class TrainingError extends FlambeauError {
  override name = 'TrainingError';
  /** Where it was. */
  readonly place: TrainingPlace;

  constructor(message: string, place: TrainingPlace) {
    super(message);
    this.place = place;
  }
}

/** The loss of an update is not finite. */
class LossError extends FlambeauError {
  readonly loss: number;
  readonly failed: Failed;

  constructor(loss: number, failed: Failed) {
    super(`the loss is ${loss}`);
    [this.loss, this.failed] = [loss, failed];
  }
}

const EXAMPLE = 'new Trainer({ model, optimizer })';

export interface FitResult {
  /** All epochs of the run, those before it was resumed as well. */
  readonly epochs: readonly EpochResult[];
  /** The best epoch; undefined when the first one was interrupted. */
  readonly best: EpochResult | undefined;
  /** True when the signal ended the training early. */
  readonly interrupted: boolean;
  /** True when it ended early because it did not get better any more. */
  readonly stoppedEarly: boolean;
}

/**
 * Trains a classifier and keeps track of its best state.
 * @example
 * import { nn, optim, randn, randint } from 'flambeau';
 * import { Trainer } from 'flambeau/train';
 *
 * const model = new nn.Sequential(new nn.Flatten(), new nn.Linear(16, 2));
 * const batches = [[randn(8, 1, 4, 4), randint(0, 2, [8])]];
 * const loader = { length: 1, [Symbol.asyncIterator]: async function* () { yield* batches; } };
 * const trainer = new Trainer({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }) });
 * const { epochs } = await trainer.fit(loader, loader, 3);
 * const losses = epochs.map((epoch) => epoch.trainLoss);
 * if (Math.min(...losses) === losses.at(0)) throw new Error('it learns');
 */
export class Trainer {
  readonly #options: TrainerOptions;
  readonly #criterion: Criterion;
  readonly #perBatch: boolean;
  readonly #average: AveragedModel<TrainableModel> | undefined;
  readonly #told: readonly TrainerCallback[];
  #step: TrainStep;
  #position: Position = newPosition();
  #isFrozen = false;
  readonly #replay: Replay | undefined;

  constructor(options: TrainerOptions) {
    const given = requireOptions<TrainerOptions>('Trainer', options, TRAINER_OPTIONS, EXAMPLE);
    requireKind('Trainer', 'model', given.model, MODEL, `write ${EXAMPLE}`);
    requireKind('Trainer', 'optimizer', given.optimizer, OPTIMIZER, `write ${EXAMPLE}`);
    this.#options = given;
    this.#criterion = given.criterion ?? new CrossEntropyLoss();
    this.#perBatch = (given.schedulerSteps ?? (given.scheduler instanceof OneCycleLR ? 'batch' : 'epoch')) === 'batch';
    if (given.ema !== undefined)
      this.#average = new AveragedModel(given.model, { multiAvgFn: getEmaMultiAvgFn(given.ema), useBuffers: true });
    const { onEpoch, onBest, callbacks = [] } = given;
    this.#told = [{ ...(onEpoch && { onEpoch }), ...(onBest && { onBest }) }, ...callbacks];
    this.#step = this.#newStep();
    if (given.diagnose !== false) this.#replay = new Replay(given, this.#criterion);
  }

  #newStep(): TrainStep {
    const { model, optimizer, compile = true, clipNorm, clipValue, processes } = this.#options;
    const shared = processes?.wrap(model);
    const hold = shared === undefined ? undefined : <T>(fn: () => T): T => shared.noSync(fn);
    return trainStep(shared ?? model, this.#criterion, optimizer, { compile, clipNorm, clipValue, hold });
  }

  /** What is validated and kept: the model, or the average of its weights. */
  get #judged(): TrainableModel {
    return this.#average?.module ?? this.#options.model;
  }

  /**
   * Trains until so many epochs have ended, from the beginning or from where the state that was loaded stands.
   * @param epochs - how many in all, or a function that is asked before every epoch, for a training that has to end in time
   * @param valid - what to validate on after every epoch; undefined for nothing
   * @throws ArgumentError for a number of epochs below 1, no batches, or an accuracy to be judged by without a validation set
   * @throws TrainingError when the loss is not finite, with the update and the layer; model, optimizer and schedule are then as they were before the update that spoils them
   */
  async fit(train: BatchSource, valid: BatchSource | undefined, epochs: number | (() => number)): Promise<FitResult> {
    requireKind('fit', 'the training batches', train, BATCHES);
    if (valid !== undefined) requireKind('fit', 'the validation batches', valid, BATCHES);
    let goal = requireEpochs(epochs);
    if (valid === undefined && this.#options.monitor === 'accuracy')
      throw new ArgumentError(
        "fit: expected a validation set, since the best epoch is judged by its accuracy; pass one, or use { monitor: 'loss' }",
      );
    let isStale = this.#isStale();
    try {
      while (this.#position.epoch < goal && !isStale) {
        if (!(await this.#epoch(train, valid, goal))) break;
        isStale = this.#isStale();
        goal = requireEpochs(epochs);
      }
    } finally {
      this.#replay?.forget();
      for (const told of this.#told) await told.onEnd?.();
    }
    const { history, bestEpoch } = this.#position;
    const best = history.find(({ epoch }) => epoch === bestEpoch);
    return { epochs: [...history], best, interrupted: history.length < goal && !isStale, stoppedEarly: isStale && history.length < goal };
  }

  #isStale(): boolean {
    const { earlyStopping } = this.#options;
    if (earlyStopping === undefined) return false;
    return this.#position.stale >= (typeof earlyStopping === 'number' ? earlyStopping : earlyStopping.patience);
  }

  /** One epoch, or the rest of one; false when it was interrupted. */
  async #epoch(train: BatchSource, valid: BatchSource | undefined, epochs: number): Promise<boolean> {
    const { scheduler } = this.#options;
    const position = this.#position;
    const [start, epoch] = [performance.now(), position.epoch + 1];
    this.#freeze(epoch);
    let trainLoss: number | undefined;
    try {
      trainLoss = await this.#trainBatches(train, epoch, epochs);
    } catch (error) {
      Object.assign(position, { batch: 0, images: 0, loss: 0 }); // whoever fits again begins the epoch again
      throw error instanceof LossError ? await this.#explained(error, train, epoch) : error;
    }
    if (trainLoss === undefined) return this.#interrupted();
    this.#settle();
    const lr = this.#rate();
    const evaluation = valid === undefined ? undefined : await this.#validate(valid, epoch, epochs, start);
    if (evaluation === null) return this.#interrupted();
    const { loss: validLoss = NaN, accuracy = NaN, top5 = NaN } = evaluation ?? {};
    if (evaluation !== undefined && !Number.isFinite(validLoss)) throw await this.#notValid(validLoss, valid!, epoch);
    if (!this.#perBatch) {
      if (scheduler instanceof ReduceLROnPlateau) scheduler.step(evaluation === undefined ? trainLoss : validLoss);
      else scheduler?.step();
    }
    const seconds = (performance.now() - start) / 1000;
    await this.#ended({ epoch, trainLoss, validLoss, accuracy, top5, lr, seconds }, evaluation);
    return true;
  }

  /** What processes have each for themselves becomes the same in all. */
  #settle(): void {
    this.#options.processes?.settle([this.#options.model, this.#average]);
  }

  /** Parameters that rest have no gradients, so the compiled step is another one. */
  #freeze(epoch: number): void {
    const { freeze } = this.#options;
    if (freeze === undefined) return;
    const isFrozen = epoch <= freeze.epochs;
    if (isFrozen === this.#isFrozen) return;
    for (const parameter of freeze.parameters) {
      parameter.requiresGrad_(!isFrozen);
      if (isFrozen) parameter.grad = null;
    }
    this.#isFrozen = isFrozen;
    this.#step = this.#newStep();
  }

  #rate(): number {
    const { optimizer } = this.#options;
    return optimizer instanceof Optimizer ? ((optimizer as Optimizer).paramGroups[0]?.lr ?? NaN) : NaN;
  }

  #interrupted(): false {
    this.#settle();
    this.#options.onState?.();
    return false;
  }

  /** The mean loss over the epoch's batches; undefined when it was interrupted. */
  async #trainBatches(train: BatchSource, epoch: number, epochs: number): Promise<number | undefined> {
    const { model, onProgress, accumulate = 1, generators = [], mix, processes } = this.#options;
    const position = this.#position;
    processes?.begin();
    const skipped = position.batch;
    const meter = new Meter('train', train.length, epoch, epochs, onProgress, position, position.history.at(-1)?.seconds);
    if (skipped > 0 && skipped >= train.length) {
      setRandomStates(position.now!, generators); // only its validation is missing
      return meter.meanLoss('fit: the training set has no batches');
    }
    if (skipped > 0) setRandomStates(position.began!, generators);
    else position.began = randomStates(generators);
    model.train();
    const onSkipped = (): void => setRandomStates(position.now!, generators);
    this.#replay?.keep(skipped, position.step, skipped === 0 ? position.began : position.now);
    for await (const { batches, seen } of groupsOf(train, { size: accumulate, skip: skipped, onSkipped, mix })) {
      if (await this.#update(batches, meter, seen, train)) {
        position.now = randomStates(generators);
        return undefined;
      }
      await meter.breathe();
    }
    position.now = randomStates(generators);
    return meter.meanLoss('fit: the training set has no batches');
  }

  /** One update; whether it is to be the last. */
  async #update(group: readonly Pair[], meter: Meter, batch: number, train: BatchSource): Promise<boolean> {
    const { scheduler, model, signal, processes } = this.#options;
    const position = this.#position;
    const isAborted = (): boolean => signal?.aborted === true;
    const isDue = this.#replay?.isDue ?? (() => false);
    const shared = processes?.update(this.#step, group, { train, upTo: batch, steps: position.step, isAborted, isDue });
    const loss = shared === undefined ? this.#step(group) : shared.loss;
    if (!Number.isFinite(loss)) throw new LossError(loss, { batches: group, seen: batch, updates: position.step });
    position.step++;
    this.#average?.updateParameters(model);
    meter.add(loss, shared?.images ?? group.reduce((sum, [inputs]) => sum + inputs.size(0), 0), group.length);
    Object.assign(position, { batch, images: meter.images, loss: meter.lossSum });
    const lr = this.#rate();
    if (this.#perBatch) scheduler?.step();
    for (const told of this.#told) await told.onBatch?.({ epoch: meter.epoch, batch, step: position.step, loss, lr });
    const isLast = shared?.isAborted ?? isAborted();
    if (!isLast && (shared?.isDue ?? isDue())) this.#replay?.keep(batch, position.step);
    return isLast;
  }

  /** The error of a loss that is not finite, with the layer that it comes from. */
  async #explained({ loss, failed }: LossError, train: BatchSource, epoch: number): Promise<TrainingError> {
    const { generators = [] } = this.#options;
    const batch = failed.seen;
    const { step, began } = this.#position;
    const lr = this.#rate();
    const nonFinite = await this.#replay?.find(train, began ?? randomStates(generators), failed, this.#step);
    const found =
      nonFinite === undefined ? '' : `: ${nonFiniteText(nonFinite)}${nonFinite.step <= step ? ` in update ${nonFinite.step}` : ''}`;
    return new TrainingError(
      `training stopped: the loss is ${loss} in epoch ${epoch}, batch ${batch}, after ${step} updates at a learning rate of ${lr}${found}; use a smaller learning rate, and check that the images have no NaN`,
      { epoch, batch, step, nonFinite },
    );
  }

  async #notValid(loss: number, valid: BatchSource, epoch: number): Promise<TrainingError> {
    const { step } = this.#position;
    const { processes } = this.#options;
    const own = this.#replay === undefined ? undefined : await watchBatches(this.#judged, this.#criterion, valid, step);
    const nonFinite = processes === undefined ? own : processes.earliest(own);
    const found = nonFinite === undefined ? '' : `: ${nonFiniteText(nonFinite)}`;
    return new TrainingError(`training stopped: the validation loss of epoch ${epoch} is ${loss}${found}; use a smaller learning rate`, {
      epoch,
      batch: undefined,
      step,
      nonFinite,
    });
  }

  /** Null when it was interrupted. */
  async #validate(valid: BatchSource, epoch: number, epochs: number, start: number): Promise<Evaluation | null> {
    const { signal, onProgress, compile = true, processes } = this.#options;
    try {
      const options = {
        ...(onProgress === undefined ? {} : { onProgress }),
        ...(signal === undefined ? {} : { signal }),
        compile: compile !== false,
        criterion: this.#criterion,
        epoch,
        epochs,
        secondsPerEpoch: this.#position.history.at(-1)?.seconds ?? (performance.now() - start) / 1000,
      };
      if (processes === undefined) return await evaluate(this.#judged, valid, options);
      return (await processes.evaluate(this.#judged, valid, options)) ?? null;
    } catch (error) {
      if (signal?.aborted === true && error === signal.reason) return null;
      throw error;
    }
  }

  /** An epoch has ended: whether it is the best so far, and all that want to know. */
  async #ended(result: EpochResult, evaluation: Evaluation | undefined): Promise<void> {
    const { monitor = 'loss', earlyStopping, generators = [] } = this.#options;
    const position = this.#position;
    const loss = evaluation === undefined ? result.trainLoss : result.validLoss;
    const value = monitor === 'loss' ? loss : -result.accuracy;
    const isBest = value <= position.best;
    const delta = typeof earlyStopping === 'object' ? (earlyStopping.minDelta ?? 0) : 0;
    const previousLoss = position.lowest;
    position.stale = value < position.best - delta ? 0 : position.stale + 1;
    position.history.push(result);
    Object.assign(position, { epoch: result.epoch, batch: 0, images: 0, loss: 0 });
    if (isBest) Object.assign(position, { best: value, bestEpoch: result.epoch });
    position.lowest = Math.min(loss, previousLoss);
    for (const told of this.#told) await told.onEpoch?.(result);
    if (isBest) {
      const best = { ...result, model: this.#judged, loss, previousLoss, evaluation };
      for (const told of this.#told) await told.onBest?.(best);
    }
    position.now = randomStates(generators);
    this.#options.onState?.();
  }

  /**
   * Where training stands, for a checkpoint: `save(trainer.stateDict(), 'last.pt')` in `onState`. A trainer of the same model, optimizer and
   * options that has loaded it goes on to the same bits as if it had never stopped, within an epoch as well. With a loader that draws
   * from generators of its own, give those as `generators`.
   */
  stateDict(): { readonly [key: string]: CheckpointInput } {
    const { model, optimizer, scheduler, generators = [] } = this.#options;
    const { now = randomStates(generators) } = this.#position;
    return {
      format: STATE_FORMAT,
      position: packPosition({ ...this.#position, now }),
      model: model.stateDict(),
      optimizer: optimizer instanceof Optimizer ? (optimizer.stateDict() as CheckpointInput) : null,
      scheduler: (scheduler?.stateDict() as CheckpointInput | undefined) ?? null,
      ema: this.#average?.stateDict() ?? null,
    };
  }

  /**
   * Goes on from a state at the next `fit`.
   * @param saved - what `stateDict()` gave, read back from a file
   * @throws FormatError for something else, or a state of a trainer with other parts; nothing is changed then
   * @throws StateDictError when the weights are those of another network; nothing is changed then
   */
  loadStateDict(saved: unknown): void {
    const { model, optimizer, scheduler, generators = [] } = this.#options;
    this.#position = loadTogether(saved, STATE_FORMAT, (position) => unpackPosition(position, generators.length), {
      model,
      optimizer: optimizer instanceof Optimizer ? optimizer : undefined,
      scheduler,
      ema: this.#average,
    });
    if (this.#position.now !== undefined) setRandomStates(this.#position.now, generators);
  }
}

function requireEpochs(epochs: number | (() => number)): number {
  const count: unknown = typeof epochs === 'function' ? epochs() : epochs;
  if (Number.isInteger(count) && (count as number) >= 1) return count as number;
  throw new ArgumentError(`fit: expected a whole number of epochs ≥ 1, but got ${show(count)}`);
}

const STATE_FORMAT = 'flambeau-trainer';
