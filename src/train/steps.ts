/** The work of one batch, compiled where that is possible: a training step, and an evaluation. */
import '../tensor/families/training.ts';

import { CompileError } from '../base/errors.ts';
import { clipGradNorm_, clipGradValue_ } from '../nn/utils/clip-grad.ts';
import { Optimizer } from '../optim/optimizer.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import { compile, type CompileOptions } from '../tensor/compile.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Criterion, TrainableModel } from './evaluation.ts';

/** The part of an optimizer that training needs. */
export interface Steppable {
  zeroGrad(): void;
  step(): unknown;
}

/** Inputs and targets. */
export type Pair = readonly [Tensor, Tensor];

/**
 * Forward, backward, update; gives the mean loss over the batches, whose gradients are added up. When that is not finite, an eager step makes no update; a compiled one has
 * made it when it is known. `weights` are factors of the batches' means, one for each; by default their parts of all images.
 */
export type TrainStep = (batches: readonly Pair[], weights?: Tensor) => number;

export interface StepOptions {
  readonly compile: boolean | CompileOptions;
  readonly clipNorm?: number | undefined;
  readonly clipValue?: number | undefined;
  /** Runs what only adds to the gradients, where others are to get them: all batches but the last. */
  readonly hold?: (<T>(fn: () => T) => T) | undefined;
}

/**
 * A training step. An optimizer that is not one of ours may count in JavaScript, which a compiled function does not repeat,
 * so with such a one the step stays eager.
 */
export function trainStep(
  model: TrainableModel,
  criterion: Criterion,
  optimizer: Steppable,
  { compile: compiled, clipNorm, clipValue, hold }: StepOptions,
): TrainStep {
  const gradients = (tensors: readonly Tensor[]): Tensor => {
    optimizer.zeroGrad();
    return backward(model, criterion, tensors, hold);
  };
  const update = (): void => {
    if (clipNorm !== undefined) clipGradNorm_(model.parameters(), clipNorm);
    if (clipValue !== undefined) clipGradValue_(model.parameters(), clipValue);
    optimizer.step();
  };
  const options = compiled === true ? {} : compiled;
  if (options === false || !(optimizer instanceof Optimizer)) {
    return (batches, weights) => {
      const loss = gradients(flat(batches, weights)).item();
      if (Number.isFinite(loss)) update();
      return loss;
    };
  }
  const whole = (...tensors: Tensor[]): Tensor => {
    const loss = gradients(tensors);
    update();
    return loss;
  };
  const run = advised(compile(whole, options));
  return (batches, weights) => run(...flat(batches, weights)).item();
}

const flat = (batches: readonly Pair[], weights: Tensor | undefined): Tensor[] =>
  weights === undefined ? batches.flat() : [...batches.flat(), weights];

/** Gradients of the mean loss over all samples of the batches [inputs, targets, inputs, targets, …, weights?]; gives that loss. */
function backward(model: TrainableModel, criterion: Criterion, tensors: readonly Tensor[], hold: StepOptions['hold']): Tensor {
  const weights = tensors.length % 2 === 1 ? tensors.at(-1) : undefined;
  const count = Math.floor(tensors.length / 2);
  let samples = 0;
  for (let i = 0; i < count; i++) samples += tensors[2 * i]!.size(0);
  const add = (i: number): Tensor => {
    const [inputs, targets] = [tensors[2 * i]!, tensors[2 * i + 1]!];
    const mean = criterion(model(inputs), targets);
    const part = weights?.select(0, i) ?? inputs.size(0) / samples;
    const loss = part === 1 ? mean : mean.mul(part);
    loss.backward();
    return loss.detach();
  };
  let sum: Tensor | undefined;
  for (let i = 0; i < count; i++) {
    const loss = hold === undefined || i === count - 1 ? add(i) : hold(() => add(i));
    sum = sum?.add(loss) ?? loss;
  }
  return sum!;
}

/** Output and loss of a batch, without gradients. */
export type EvaluationStep = (inputs: Tensor, targets: Tensor) => { output: Tensor; loss: Tensor };

/** The compiled steps of models, so that evaluating after every epoch records once. */
const evaluations = new WeakMap<TrainableModel, WeakMap<Criterion, EvaluationStep>>();

export function evaluationStep(model: TrainableModel, criterion: Criterion, compiled: boolean): EvaluationStep {
  const step: EvaluationStep = (inputs, targets) =>
    withGradMode(false, () => {
      const output = model(inputs);
      return { output, loss: criterion(output, targets) };
    });
  if (!compiled) return step;
  const ofModel = evaluations.get(model) ?? new WeakMap<Criterion, EvaluationStep>();
  evaluations.set(model, ofModel);
  let known = ofModel.get(criterion);
  if (known === undefined) ofModel.set(criterion, (known = advised(compile(step))));
  return known;
}

/** Says how to go on without compiling. */
function advised<Args extends readonly unknown[], Result>(fn: (...args: Args) => Result): (...args: Args) => Result {
  return (...args) => {
    try {
      return fn(...args);
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      throw new CompileError(`${error.message}; or run it uncompiled, with { compile: false }`, { cause: error });
    }
  };
}
