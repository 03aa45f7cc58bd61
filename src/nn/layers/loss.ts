/** Losses as modules: call them with the model's output and the target. */
import type { Tensor } from '../../tensor/tensor.ts';
import * as F from '../functional.ts';
import type { ClassLossOptions, CrossEntropyOptions, LossOptions } from '../functional.ts';
import { Module } from '../module.ts';

type LossFunction = (input: Tensor, target: Tensor) => Tensor;

/** Class weights belong to the state, as in PyTorch. */
abstract class WeightedLoss extends Module<LossFunction> {
  declare weight: Tensor | null;

  constructor(weight: Tensor | null | undefined) {
    super();
    this.registerBuffer('weight', weight ?? null);
  }
}

/** Cross-entropy of logits and class indices (https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html). */
export class CrossEntropyLoss extends WeightedLoss {
  readonly #options: CrossEntropyOptions;

  constructor(options: CrossEntropyOptions = {}) {
    super(options.weight);
    this.#options = options;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.crossEntropy(input, target, { ...this.#options, weight: this.weight });
  }
}

/** Negative log-likelihood of class indices under log-probabilities. */
export class NLLLoss extends WeightedLoss {
  readonly #options: ClassLossOptions;

  constructor(options: ClassLossOptions = {}) {
    super(options.weight);
    this.#options = options;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.nllLoss(input, target, { ...this.#options, weight: this.weight });
  }
}

/** Mean squared error. */
export class MSELoss extends Module<LossFunction> {
  readonly #options: LossOptions;

  constructor(options: LossOptions = {}) {
    super();
    this.#options = options;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.mseLoss(input, target, this.#options);
  }
}

/** Mean absolute error. */
export class L1Loss extends Module<LossFunction> {
  readonly #options: LossOptions;

  constructor(options: LossOptions = {}) {
    super();
    this.#options = options;
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.l1Loss(input, target, this.#options);
  }
}
