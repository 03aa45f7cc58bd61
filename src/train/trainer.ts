/**
 * The training loop of the PyTorch tutorials, as a class: for each epoch all batches forward, backward and one optimizer step,
 * then the validation set without gradients, and a notice whenever the validation loss has decreased. Nothing here is hidden
 * state; a loop written by hand does the same.
 *
 * Runs in browsers. Saving is the caller's: `onBest: ({ model }) => save(model.stateDict(), 'model_augmented.pt')`.
 */
import type { HostAbortSignal } from '../base/host-types.ts';
import { BOOL, either, FUNCTION, having, kind, oneOf, requireKind, requireOptions, show, type OptionKinds } from '../base/arguments.ts'; // prettier-ignore
import { ArgumentError, FlambeauError } from '../base/errors.ts';
import { CrossEntropyLoss } from '../nn/layers/loss.ts';
import { OneCycleLR, type LRScheduler } from '../optim/lr-scheduler.ts';
import type { CompileOptions } from '../tensor/compile.ts';
import {
  BATCHES,
  evaluate,
  MODEL,
  SIGNAL,
  type Criterion,
  type Evaluation,
  type TrainableModel,
} from './evaluation.ts';
import { Meter, pair, type BatchSource, type Progress } from './progress.ts';
import { trainStep, type Steppable, type TrainStep } from './steps.ts';

/** Training cannot go on: the loss is not a number any more. */
export class TrainingError extends FlambeauError {
  override name = 'TrainingError';
}

/** What an epoch came to. */
export interface EpochResult {
  readonly epoch: number;
  readonly trainLoss: number;
  /** NaN without a validation set. */
  readonly validLoss: number;
  /** Part of the validation set that was classified rightly, 0 to 1; NaN without one. */
  readonly accuracy: number;
  /** Training and validation together. */
  readonly seconds: number;
}

/** The best epoch so far, when it has just ended. */
export interface BestEpoch extends EpochResult {
  readonly model: TrainableModel;
  /** The validation loss (without a validation set the training loss), and the lowest before: Infinity at first. */
  readonly loss: number;
  readonly previousLoss: number;
}

const OPTIMIZER = having('an optimizer', 'step', 'zeroGrad');
const EXAMPLE = 'new Trainer({ model, optimizer })';

export interface FitResult {
  readonly epochs: readonly EpochResult[];
  /** The epoch with the lowest loss; undefined when the first one was interrupted. */
  readonly best: EpochResult | undefined;
  /** True when the signal ended the training early. */
  readonly interrupted: boolean;
}

export interface TrainerOptions {
  readonly model: TrainableModel;
  readonly optimizer: Steppable;
  /** From outputs and class indices to the mean loss of the batch. Default `new CrossEntropyLoss()`. */
  readonly criterion?: Criterion;
  readonly scheduler?: LRScheduler;
  /** When the scheduler steps. Default after every batch for OneCycleLR, else after every epoch. */
  readonly schedulerSteps?: 'batch' | 'epoch';
  readonly onProgress?: (progress: Progress) => void;
  readonly onEpoch?: (result: EpochResult) => void;
  /** Called after every epoch whose loss is at most the lowest before: the time to save the model. */
  readonly onBest?: (best: BestEpoch) => void;
  /** Ends training after the running batch. */
  readonly signal?: HostAbortSignal;
  /** Whether and how steps are compiled (see `compile`). Default true; false for a model that reads values in `forward`. */
  readonly compile?: boolean | CompileOptions;
}

const OPTIONS: OptionKinds<TrainerOptions> = {
  model: MODEL,
  optimizer: OPTIMIZER,
  criterion: FUNCTION,
  scheduler: having('a schedule', 'step'),
  schedulerSteps: oneOf('batch', 'epoch'),
  onProgress: FUNCTION,
  onEpoch: FUNCTION,
  onBest: FUNCTION,
  signal: SIGNAL,
  compile: either(
    BOOL,
    kind('options of compile', (value) => typeof value === 'object' && value !== null),
  ),
};

/**
 * Trains a classifier and keeps track of its best state.
 * @example
 * import { nn, optim, randn, randint } from 'flambeau';
 * import { Trainer } from 'flambeau/node';
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
  readonly #step: TrainStep;

  constructor(options: TrainerOptions) {
    const given = requireOptions<TrainerOptions>('Trainer', options, OPTIONS, EXAMPLE);
    requireKind('Trainer', 'model', given.model, MODEL, `write ${EXAMPLE}`);
    requireKind('Trainer', 'optimizer', given.optimizer, OPTIMIZER, `write ${EXAMPLE}`);
    this.#options = given;
    this.#criterion = given.criterion ?? new CrossEntropyLoss();
    this.#perBatch = (given.schedulerSteps ?? (given.scheduler instanceof OneCycleLR ? 'batch' : 'epoch')) === 'batch';
    const { model, optimizer, compile = true } = given;
    this.#step = trainStep(model, this.#criterion, optimizer, compile);
  }

  /**
   * Trains for a number of epochs.
   * @param valid - what to validate on after every epoch; undefined for nothing
   * @throws ArgumentError for a number of epochs below 1, or no batches
   * @throws TrainingError when the loss is not finite; the model's parameters are of no use then, what `onBest` has saved is
   */
  async fit(train: BatchSource, valid: BatchSource | undefined, epochs: number): Promise<FitResult> {
    requireKind('fit', 'the training batches', train, BATCHES);
    if (valid !== undefined) requireKind('fit', 'the validation batches', valid, BATCHES);
    if (!Number.isInteger(epochs) || epochs < 1)
      throw new ArgumentError(`fit: expected a whole number of epochs ≥ 1, but got ${show(epochs)}`);
    const results: EpochResult[] = [];
    let best: EpochResult | undefined;
    let lowest = Infinity;
    for (let epoch = 1; epoch <= epochs; epoch++) {
      const result = await this.#epoch(train, valid, epoch, epochs);
      if (result === undefined) break;
      results.push(result);
      this.#options.onEpoch?.(result);
      const loss = valid === undefined ? result.trainLoss : result.validLoss;
      if (loss <= lowest) {
        this.#options.onBest?.({ ...result, model: this.#options.model, loss, previousLoss: lowest });
        lowest = loss;
        best = result;
      }
    }
    return { epochs: results, best, interrupted: results.length < epochs };
  }

  /** One epoch; undefined when it was interrupted. */
  async #epoch(
    train: BatchSource,
    valid: BatchSource | undefined,
    epoch: number,
    epochs: number,
  ): Promise<EpochResult | undefined> {
    const { model, scheduler, signal, onProgress } = this.#options;
    const start = performance.now();
    const meter = new Meter('train', train.length, epoch, epochs, onProgress);
    model.train();
    for await (const batch of train) {
      if (signal?.aborted === true) return undefined;
      const [inputs, targets] = pair(batch);
      const loss = this.#step(inputs, targets);
      if (!Number.isFinite(loss)) throw new TrainingError(`training stopped: the loss is ${loss} in epoch ${meter.epoch}, batch ${meter.batch + 1}; use a smaller learning rate, and check that the images have no NaN`); // prettier-ignore
      meter.add(loss, inputs.size(0));
      if (this.#perBatch) scheduler?.step();
      await meter.breathe();
    }
    if (!this.#perBatch) scheduler?.step();
    const trainLoss = meter.meanLoss('fit: the training set has no batches');
    let [validLoss, accuracy] = [NaN, NaN];
    if (valid !== undefined) {
      const result = await this.#validate(valid, epoch, epochs);
      if (result === undefined) return undefined;
      ({ loss: validLoss, accuracy } = result);
      if (!Number.isFinite(validLoss)) throw new TrainingError(`training stopped: the validation loss of epoch ${epoch} is ${validLoss}; use a smaller learning rate`); // prettier-ignore
    }
    return { epoch, trainLoss, validLoss, accuracy, seconds: (performance.now() - start) / 1000 };
  }

  /** Undefined when it was interrupted. */
  async #validate(valid: BatchSource, epoch: number, epochs: number): Promise<Evaluation | undefined> {
    const { model, signal, compile = true } = this.#options;
    try {
      const { onProgress } = this.#options;
      return await evaluate(model, valid, {
        ...(onProgress === undefined ? {} : { onProgress }),
        ...(signal === undefined ? {} : { signal }),
        compile: compile !== false,
        criterion: this.#criterion,
        epoch,
        epochs,
      });
    } catch (error) {
      if (signal?.aborted === true && error === signal.reason) return undefined;
      throw error;
    }
  }
}
