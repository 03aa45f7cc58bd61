/** Measuring a classifier: its loss, and what it gets right in all and for each class. */
import type { HostAbortSignal } from '../base/host-types.ts';
import { BOOL, COUNT, FUNCTION, kind, NOT_NEGATIVE, requireKind, requireOptions, type Kind, type OptionKinds } from '../base/arguments.ts';
import { CrossEntropyLoss } from '../nn/layers/loss.ts';
import { ModuleBase } from '../nn/module-base.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ClassCounts, type Evaluation } from './class-counts.ts';
import { Meter, pair, type BatchSource, type Progress } from './progress.ts';
import { evaluationStep } from './steps.ts';

export type { CalibrationBin, ClassResult, Evaluation, Predictions } from './class-counts.ts';

/** A network that the trainer can call. */
export type TrainableModel = ModuleBase & ((input: Tensor) => Tensor);

/** From outputs and class indices to the mean loss of the batch. */
export type Criterion = (output: Tensor, target: Tensor) => Tensor;

/** What can be called and switched to evaluation. */
export const MODEL: Kind = kind('a module', (value) => value instanceof ModuleBase);
/** What has a length and gives batches. */
export const BATCHES: Kind = kind('batches, such as a DataLoader', (value) => {
  const { length } = (value ?? {}) as { readonly length?: unknown };
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value && typeof length === 'number';
});
export const SIGNAL: Kind = kind('an AbortSignal', (value) => value instanceof AbortSignal);
const EVALUATE_OPTIONS: OptionKinds<EvaluateOptions> = {
  criterion: FUNCTION,
  onProgress: FUNCTION,
  signal: SIGNAL,
  epoch: COUNT,
  epochs: COUNT,
  secondsPerEpoch: NOT_NEGATIVE,
  compile: BOOL,
};

export interface EvaluateOptions {
  /** Default `new CrossEntropyLoss()`. */
  readonly criterion?: Criterion;
  readonly onProgress?: (progress: Progress) => void;
  /** Ends the evaluation after the running batch, with the signal's reason as error. */
  readonly signal?: HostAbortSignal;
  /** What `onProgress` says of the training around this. Default 1. */
  readonly epoch?: number;
  readonly epochs?: number;
  /** What an epoch of that training takes, for the time that is left. */
  readonly secondsPerEpoch?: number;
  /** Whether the forward pass is compiled (see `compile`). Default true. */
  readonly compile?: boolean;
}

/**
 * The loss, accuracy and accuracy of each class of a network [N, …] → [N, classes] on batches, without gradients. The network is in
 * evaluation mode afterwards.
 *
 * @throws ArgumentError when there are no batches
 * @example
 * import { nn, randn, randint } from 'flambeau';
 * import { evaluate } from 'flambeau/train';
 *
 * const batches = [[randn(8, 1, 4, 4), randint(0, 2, [8])]];
 * const loader = { length: 1, [Symbol.asyncIterator]: async function* () { yield* batches; } };
 * const result = await evaluate(new nn.Sequential(new nn.Flatten(), new nn.Linear(16, 2)), loader);
 * console.log(`${result.correct} of ${result.total}`);
 */
export async function evaluate(model: TrainableModel, batches: BatchSource, options: EvaluateOptions = {}): Promise<Evaluation> {
  return (await countBatches(model, batches, options)).result();
}

/** The counts of {@link evaluate}, to which those of other batches may be added. */
export async function countBatches(model: TrainableModel, batches: BatchSource, options: EvaluateOptions): Promise<ClassCounts> {
  requireKind('evaluate', 'the model', model, MODEL);
  requireKind('evaluate', 'the batches', batches, BATCHES);
  const given = requireOptions<EvaluateOptions>('evaluate', options, EVALUATE_OPTIONS, '{ compile: false }');
  const { criterion = new CrossEntropyLoss(), onProgress, signal, epoch = 1, epochs = 1, secondsPerEpoch, compile = true } = given;
  const meter = new Meter('validate', batches.length, epoch, epochs, onProgress, {}, secondsPerEpoch);
  const counts = new ClassCounts();
  model.eval();
  const step = evaluationStep(model, criterion, compile);
  for await (const batch of batches) {
    signal?.throwIfAborted();
    const [inputs, targets] = pair(batch);
    const { output, loss: mean } = step(inputs, targets);
    const loss = mean.item();
    counts.add(output, targets, loss);
    meter.add(loss, inputs.size(0));
    await meter.breathe();
  }
  return counts;
}
