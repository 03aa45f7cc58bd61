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
 * made it when it is known.
 */
export type TrainStep = (batches: readonly Pair[]) => number;

export interface StepOptions {
  readonly compile: boolean | CompileOptions;
  readonly clipNorm?: number | undefined;
  readonly clipValue?: number | undefined;
}

/**
 * A training step. An optimizer that is not one of ours may count in JavaScript, which a compiled function does not repeat,
 * so with such a one the step stays eager.
 */
export function trainStep(
  model: TrainableModel,
  criterion: Criterion,
  optimizer: Steppable,
  { compile: compiled, clipNorm, clipValue }: StepOptions,
): TrainStep {
  const gradients = (tensors: readonly Tensor[]): Tensor => {
    optimizer.zeroGrad();
    return backward(model, criterion, tensors);
  };
  const update = (): void => {
    if (clipNorm !== undefined) clipGradNorm_(model.parameters(), clipNorm);
    if (clipValue !== undefined) clipGradValue_(model.parameters(), clipValue);
    optimizer.step();
  };
  const options = compiled === true ? {} : compiled;
  if (options === false || !(optimizer instanceof Optimizer)) {
    return (batches) => {
      const loss = gradients(batches.flat()).item();
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
  return (batches) => run(...batches.flat()).item();
}

/** Gradients of the mean loss over all samples of the batches [inputs, targets, inputs, targets, …]; gives that loss. */
function backward(model: TrainableModel, criterion: Criterion, tensors: readonly Tensor[]): Tensor {
  let samples = 0;
  for (let i = 0; i < tensors.length; i += 2) samples += tensors[i]!.size(0);
  let sum: Tensor | undefined;
  for (let i = 0; i < tensors.length; i += 2) {
    const mean = criterion(model(tensors[i]!), tensors[i + 1]!);
    const loss = tensors.length === 2 ? mean : mean.mul(tensors[i]!.size(0) / samples);
    loss.backward();
    sum = sum === undefined ? loss.detach() : sum.add(loss.detach());
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
