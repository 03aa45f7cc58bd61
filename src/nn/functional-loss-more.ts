/**
 * Losses composed of other operations, part of `F` (https://pytorch.org/docs/stable/nn.functional.html#loss-functions): of distributions,
 * and of binary decisions. Those of margins are in `functional-loss-margin.ts`.
 *
 * As in `functional-loss.ts`, PyTorch's deprecated `size_average` and `reduce` do not exist; what comes after them is by name only.
 */
import { BOOL, either, NUMBER, oneOf, POSITIVE } from '../base/arguments.ts';
import { requireDType, requireFloating } from '../base/dtype.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { sameDims, showShape } from '../base/shape.ts';
import { readCall } from '../base/signature.ts';
import { pairLossParams, type Reduction } from '../geometry/loss.ts';
import { TENSOR, TENSOR_OR_NULL } from '../tensor/arguments.ts';
import { full } from '../tensor/create.ts';
import { apply1 } from '../tensor/dispatch.ts';

import { activeRecorder } from '../tensor/recorder.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { logsigmoid } from './functional-activation-more.ts';
import { REDUCTION, type LossOptions, type OfTarget } from './functional-loss.ts';
import { functionOf } from './signatures.ts';
import { atLeast } from './vector-norm.ts';

const TARGET = { target: TENSOR };
const ONE = { required: 1, positional: 1 };

/** The losses of all elements as the reduction has them. */
export function reduceLoss(loss: Tensor, reduction: Reduction = 'mean'): Tensor {
  return reduction === 'none' ? loss : reduction === 'sum' ? loss.sum() : loss.mean();
}

export interface PoissonNllOptions extends LossOptions {
  /** Whether the input is the logarithm of the rate. Default true. */
  readonly logInput?: boolean;
  /** Whether to add Stirling's approximation of ln(target!). Default false. */
  readonly full?: boolean;
  /** Added to the rate in its logarithm. Default 1e-8. By name only. */
  readonly eps?: number;
}
export const POISSON_KINDS = { logInput: BOOL, full: BOOL, eps: NUMBER, reduction: REDUCTION };
const POISSON = functionOf<OfTarget & PoissonNllOptions>('poissonNllLoss', { ...TARGET, ...POISSON_KINDS }, { required: 1, positional: 3 });

/** The negative log-likelihood of counts under Poisson distributions. */
export function poissonNllLoss(
  input: Tensor,
  target: Tensor,
  logInput?: boolean | PoissonNllOptions,
  full?: boolean | Omit<PoissonNllOptions, 'logInput'>,
  options?: Pick<PoissonNllOptions, 'eps' | 'reduction'>,
): Tensor;
export function poissonNllLoss(...args: readonly unknown[]): Tensor {
  const { input, target, logInput = true, full: stirling = false, eps = 1e-8, reduction } = readCall(POISSON, args);
  let loss = logInput ? input.exp().sub(target.mul(input)) : input.sub(target.mul(input.add(eps).log()));
  if (stirling) {
    const term = target
      .mul(target.log())
      .sub(target)
      .add(
        target
          .mul(2 * Math.PI)
          .log()
          .mul(0.5),
      );
    loss = loss.add(term.maskedFill(target.le(1), 0));
  }
  return reduceLoss(loss, reduction);
}

export interface GaussianNllOptions extends LossOptions {
  /** Whether to add the constant ½·ln 2π. Default false. */
  readonly full?: boolean;
  /** Variances below it count as this. Default 1e-6. */
  readonly eps?: number;
}
export const GAUSSIAN_KINDS = { full: BOOL, eps: POSITIVE, reduction: REDUCTION };
const GAUSSIAN = functionOf<OfTarget & { var: Tensor | number } & GaussianNllOptions>(
  'gaussianNllLoss',
  { ...TARGET, var: either(TENSOR, NUMBER), ...GAUSSIAN_KINDS },
  { required: 2 },
);

/**
 * The negative log-likelihood of numbers under normal distributions with the given means and variances.
 * @param variance of the input's shape, or with a last dimension of 1 or without it; or one number
 * @throws ShapeError for another shape
 * @throws ArgumentError for a variance, given as a number, that is negative
 */
export function gaussianNllLoss(
  input: Tensor,
  target: Tensor,
  variance: Tensor | number,
  full?: boolean | GaussianNllOptions,
  eps?: number | Omit<GaussianNllOptions, 'full'>,
  reduction?: Reduction | LossOptions,
): Tensor;
export function gaussianNllLoss(...args: readonly unknown[]): Tensor {
  const { input, target, var: given, full: constant = false, eps = 1e-6, reduction } = readCall(GAUSSIAN, args);
  if (typeof given === 'number' && given < 0)
    throw new ArgumentError(`gaussianNllLoss: expected variances that are not negative, but got ${given}`);
  const variance = atLeast(varianceFor(input, given), eps);
  const loss = variance.log().add(input.sub(target).square().div(variance)).mul(0.5);
  return reduceLoss(constant ? loss.add(0.5 * Math.log(2 * Math.PI)) : loss, reduction);
}

/** Variances that broadcast with the input. */
function varianceFor(input: Tensor, given: Tensor | number): Tensor {
  const { shape } = input.layout;
  if (typeof given === 'number') return full([...shape], given, { dtype: input.dtype, device: input.device });
  const of = given.layout.shape;
  if (sameDims(of, shape)) return given;
  if (sameDims(shape.slice(0, -1), of)) return given.unsqueeze(-1);
  const apart = shape.filter((size, i) => size !== of[i]).length;
  if (shape.length === of.length && apart === 1 && of.includes(1)) return given;
  throw new ShapeError(
    `gaussianNllLoss: expected variances of shape ${showShape(shape)}, or with one dimension of 1, or without the last, but got ${showShape(of)}`,
  );
}

/** How a Kullback-Leibler divergence is reduced: 'batchmean' divides by the first size, as the definition has it. */
export type KlReduction = Reduction | 'batchmean';
export interface KlDivOptions {
  /** Default 'mean', which divides by all elements. */
  readonly reduction?: KlReduction;
  /** Whether the target has logarithms. Default false. */
  readonly logTarget?: boolean;
}
export const KL_KINDS = { reduction: oneOf('none', 'mean', 'sum', 'batchmean'), logTarget: BOOL };
const KL_DIV = functionOf<OfTarget & KlDivOptions>('klDiv', { ...TARGET, ...KL_KINDS }, ONE);

/** The Kullback-Leibler divergence: input has log-probabilities, target probabilities or their logarithms. */
export function klDiv(input: Tensor, target: Tensor, options?: KlDivOptions): Tensor;
export function klDiv(...args: readonly unknown[]): Tensor {
  const { input, target, reduction = 'mean', logTarget = false } = readCall(KL_DIV, args);
  const none = target.eq(0);
  const loss = logTarget ? target.exp().mul(target.sub(input)) : target.mul(target.maskedFill(none, 1).log()).sub(target.mul(input)); // 0·ln 0 is 0
  if (reduction !== 'batchmean') return reduceLoss(loss, reduction);
  return input.ndim === 0 ? loss.sum() : loss.sum().div(input.layout.shape[0]!);
}

export interface BinaryLossOptions extends LossOptions {
  /** A weight for each element; shapes broadcast. */
  readonly weight?: Tensor | null;
}
export interface LogitsLossOptions extends BinaryLossOptions {
  /** A weight of positive examples, for each class; shapes broadcast. */
  readonly posWeight?: Tensor | null;
}
export const BINARY_KINDS = { weight: TENSOR_OR_NULL, reduction: REDUCTION };
export const LOGITS_KINDS = { ...BINARY_KINDS, posWeight: TENSOR_OR_NULL };
const BCE = functionOf<OfTarget & BinaryLossOptions>('binaryCrossEntropy', { ...TARGET, ...BINARY_KINDS }, { required: 1, positional: 2 });
const BCE_LOGITS = functionOf<OfTarget & LogitsLossOptions>(
  'binaryCrossEntropyWithLogits',
  { ...TARGET, ...LOGITS_KINDS },
  { required: 1, positional: 2 },
);

type BinaryLoss<Options extends BinaryLossOptions> = (
  input: Tensor,
  target: Tensor,
  weight?: Tensor | null | Options,
  options?: Omit<Options, 'weight'>,
) => Tensor;

function requireSame(op: string, input: Tensor, target: Tensor): void {
  requireFloating(op, 'input', input.dtype);
  requireDType(op, 'target', target.dtype, [input.dtype]);
  if (!sameDims(input.layout.shape, target.layout.shape)) {
    throw new ShapeError(
      `${op}: expected a target of the input's shape ${showShape(input.layout.shape)}, but got ${showShape(target.layout.shape)}`,
    );
  }
}

/** Losses of elements times weights. */
const weighted = (loss: Tensor, weight: Tensor | null): Tensor => (weight === null ? loss : loss.mul(weight));

/**
 * −t·ln p − (1 − t)·ln(1 − p), logarithms at least −100, of probabilities. With logits, {@link binaryCrossEntropyWithLogits} is exact.
 * @throws ArgumentError for an input outside of [0, 1]; compiled functions and GPUs do not look
 */
export const binaryCrossEntropy: BinaryLoss<BinaryLossOptions> = (...args: readonly unknown[]): Tensor => {
  const { input, target, weight = null, reduction = 'mean' } = readCall(BCE, args);
  requireSame('binaryCrossEntropy', input, target);
  requireProbabilities(input);
  const whole = weight === null ? reduction : 'none';
  const loss = apply1('binaryCrossEntropy', [input, target], pairLossParams('bce', whole));
  return weight === null ? loss : reduceLoss(weighted(loss, weight), reduction);
};

function requireProbabilities(x: Tensor): void {
  if (x.device !== 'cpu' || activeRecorder() !== undefined || x.numel() === 0) return;
  const [least, most] = [x.detach().amin().item(), x.detach().amax().item()];
  if (!(least >= 0 && most <= 1))
    throw new ArgumentError(
      `binaryCrossEntropy: expected probabilities between 0 and 1, but got elements from ${least} to ${most}; use binaryCrossEntropyWithLogits for logits`,
    );
}

/** The binary cross-entropy of sigmoid(input), without overflow; positive examples may weigh more. */
export const binaryCrossEntropyWithLogits: BinaryLoss<LogitsLossOptions> = (...args: readonly unknown[]): Tensor => {
  const { input, target, weight = null, posWeight = null, reduction = 'mean' } = readCall(BCE_LOGITS, args);
  requireSame('binaryCrossEntropyWithLogits', input, target);
  if (posWeight === null) {
    const whole = weight === null ? reduction : 'none';
    const loss = apply1('bceWithLogits', [input, target], pairLossParams('bceWithLogits', whole));
    return weight === null ? loss : reduceLoss(weighted(loss, weight), reduction);
  }
  const positive = posWeight.sub(1).mul(target).add(1);
  const loss = target
    .neg()
    .add(1)
    .mul(input)
    .sub(positive.mul(logsigmoid(input)));
  return reduceLoss(weighted(loss, weight), reduction);
};

const SOFT_MARGIN = functionOf<OfTarget & LossOptions>('softMarginLoss', { ...TARGET, reduction: REDUCTION }, ONE);

/** ln(1 + exp(−target·input)), for targets 1 and −1. */
export function softMarginLoss(input: Tensor, target: Tensor, options?: LossOptions): Tensor;
export function softMarginLoss(...args: readonly unknown[]): Tensor {
  const { input, target, reduction } = readCall(SOFT_MARGIN, args);
  return reduceLoss(target.neg().mul(input).exp().log1p(), reduction);
}

const MULTI_SOFT = functionOf<OfTarget & BinaryLossOptions>(
  'multilabelSoftMarginLoss',
  { ...TARGET, ...BINARY_KINDS },
  { required: 1, positional: 2 },
);

/** The mean over classes of the binary cross-entropy of each: input logits [N, C] or [C], target 0 or 1. */
export const multilabelSoftMarginLoss: BinaryLoss<BinaryLossOptions> = (...args: readonly unknown[]): Tensor => {
  const { input, target, weight = null, reduction } = readCall(MULTI_SOFT, args);
  const positive = target.mul(logsigmoid(input));
  const negative = target.neg().add(1).mul(logsigmoid(input.neg()));
  return reduceLoss(weighted(positive.add(negative).neg(), weight).mean(-1), reduction);
};
