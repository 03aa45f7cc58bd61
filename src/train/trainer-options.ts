/** What a trainer is told, what it tells, and the checks of both. */
import type { HostAbortSignal } from '../base/host-types.ts';
import { arrayOf, BOOL, COUNT, either, FUNCTION, having, instanceOf, kind, oneOf, POSITIVE, SIZE, type OptionKinds } from '../base/arguments.ts'; // prettier-ignore
import type { Parameter } from '../nn/parameter.ts';
import type { LRScheduler } from '../optim/lr-scheduler.ts';
import type { CompileOptions } from '../tensor/compile.ts';
import { Generator } from '../tensor/random/index.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { MODEL, SIGNAL, type Criterion, type Evaluation, type TrainableModel } from './evaluation.ts';
import type { TrainingProcesses } from './processes.ts';
import type { Progress } from './progress.ts';
import type { Steppable } from './steps.ts';

/** What an epoch came to. */
export interface EpochResult {
  readonly epoch: number;
  readonly trainLoss: number;
  /** NaN without a validation set. */
  readonly validLoss: number;
  /** Part of the validation set that was classified rightly, 0 to 1; NaN without one. */
  readonly accuracy: number;
  /** Part of it whose class was among the five most probable; NaN without one. */
  readonly top5: number;
  /** The first group's learning rate at the end of the epoch's batches. */
  readonly lr: number;
  /** Training and validation together. */
  readonly seconds: number;
}

/** The best epoch so far, when it has just ended. */
export interface BestEpoch extends EpochResult {
  /** The model, or with `ema` the average of its weights. */
  readonly model: TrainableModel;
  /** The validation loss (without a validation set the training loss), and the lowest before: Infinity at first. */
  readonly loss: number;
  readonly previousLoss: number;
  /** The whole of the validation; undefined without one. */
  readonly evaluation: Evaluation | undefined;
}

export interface EarlyStopping {
  /** Epochs in a row without progress after which training ends. */
  readonly patience: number;
  /** What counts as progress, default 0: any. */
  readonly minDelta?: number;
}

/** A trained batch, when its update has just been made. */
export interface BatchResult {
  readonly epoch: number;
  /** Batches done in this epoch. */
  readonly batch: number;
  /** Updates since the beginning of training. */
  readonly step: number;
  readonly loss: number;
  readonly lr: number;
}

/** What wants to hear of several things: logs, for one. All are called in the order in which they are given. */
export interface TrainerCallback {
  onBatch?(result: BatchResult): void | Promise<void>;
  onEpoch?(result: EpochResult): void | Promise<void>;
  onBest?(best: BestEpoch): void | Promise<void>;
  /** Training has ended, whichever way. */
  onEnd?(): void | Promise<void>;
}

/** Parameters that rest at first: those of a network that others have trained, below a new last layer. */
export interface Freeze {
  readonly parameters: readonly Parameter[];
  /** Epochs for which they rest; Infinity for good. */
  readonly epochs: number;
}

export interface TrainerOptions {
  readonly model: TrainableModel;
  readonly optimizer: Steppable;
  /** From outputs and class indices to the mean loss of the batch. Default `new CrossEntropyLoss()`. */
  readonly criterion?: Criterion;
  readonly scheduler?: LRScheduler;
  /** When the scheduler steps. Default after every update for OneCycleLR, else after every epoch. */
  readonly schedulerSteps?: 'batch' | 'epoch';
  /** What the best epoch is judged by. Default `'loss'`; `'accuracy'` needs a validation set. */
  readonly monitor?: 'loss' | 'accuracy';
  /** Batches whose gradients are added up for one update, as if they were one batch. Default 1. */
  readonly accumulate?: number;
  /** The largest norm of all gradients together; larger ones are scaled down. */
  readonly clipNorm?: number;
  /** The largest absolute value of a gradient's element. */
  readonly clipValue?: number;
  /** Decay of an exponential moving average of the weights, which is then what is validated and kept, 0.999 for example. */
  readonly ema?: number;
  /** Changes each training batch, such as MixUp: from images and labels to images and labels or class probabilities. */
  readonly mix?: (images: Tensor, labels: Tensor) => readonly [Tensor, Tensor];
  /** Ends training when it does not get better any more; a number is the patience in epochs. */
  readonly earlyStopping?: number | EarlyStopping;
  readonly freeze?: Freeze;
  readonly callbacks?: readonly TrainerCallback[];
  /** Generators besides the default one that the loaders draw from: their states belong to a state that can be resumed. */
  readonly generators?: readonly Generator[];
  readonly onProgress?: (progress: Progress) => void;
  readonly onEpoch?: (result: EpochResult) => void;
  /** Called after every epoch that is at least as good as the best before: the time to save the model. */
  readonly onBest?: (best: BestEpoch) => void;
  /** Called after every epoch, and when the signal ends training: the time to save `stateDict()`. */
  readonly onState?: () => void;
  /** Ends training after the running batch. */
  readonly signal?: HostAbortSignal;
  /** The processes that train this model together, of which this is one. @internal */
  readonly processes?: TrainingProcesses;
  /**
   * Whether a loss that is not finite is traced to the layer that it comes from. For that the state of model and optimizer is kept at the beginning of each epoch and now and
   * then in it, which takes their memory once more, and the updates since are made again. Default true.
   */
  readonly diagnose?: boolean;
  /** Whether and how steps are compiled (see `compile`). Default true; false for a model that reads values in `forward`. */
  readonly compile?: boolean | CompileOptions;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;
const DECAY = kind('a number above 0 and below 1', (value) => typeof value === 'number' && value > 0 && value < 1);
const PATIENCE = kind('an object with a patience', (value) => isObject(value) && COUNT.accepts(value['patience']));
const FREEZE = kind(
  '{ parameters, epochs }',
  (value) => isObject(value) && Array.isArray(value['parameters']) && (SIZE.accepts(value['epochs']) || value['epochs'] === Infinity),
);

export const OPTIMIZER = having('an optimizer', 'step', 'zeroGrad');
export const TRAINER_OPTIONS: OptionKinds<TrainerOptions> = {
  model: MODEL,
  optimizer: OPTIMIZER,
  criterion: FUNCTION,
  scheduler: having('a schedule', 'step'),
  schedulerSteps: oneOf('batch', 'epoch'),
  monitor: oneOf('loss', 'accuracy'),
  accumulate: COUNT,
  clipNorm: POSITIVE,
  clipValue: POSITIVE,
  ema: DECAY,
  mix: FUNCTION,
  earlyStopping: either(COUNT, PATIENCE),
  freeze: FREEZE,
  callbacks: arrayOf(kind('an object', isObject), 'objects with onBatch, onEpoch, onBest or onEnd'),
  generators: arrayOf(instanceOf('a Generator', Generator), 'generators'),
  onProgress: FUNCTION,
  onEpoch: FUNCTION,
  onBest: FUNCTION,
  onState: FUNCTION,
  signal: SIGNAL,
  processes: kind('processes', isObject),
  diagnose: BOOL,
  compile: either(BOOL, kind('options of compile', isObject)),
};
