/**
 * Losses of classes and of pairs of numbers that are operations of their own, part of `F`
 * (https://pytorch.org/docs/stable/nn.functional.html#loss-functions).
 *
 * PyTorch's `size_average` and `reduce` stand before `reduction` in its signatures, and are deprecated: they do not exist here, so what
 * comes after them is by name only.
 */
import { NOT_NEGATIVE, oneOf, POSITIVE, PROBABILITY, WHOLE, wrongArgument } from '../base/arguments.ts';
import { ArgumentError, DTypeError, ShapeError } from '../base/errors.ts';
import { sameDims, showShape } from '../base/shape.ts';
import { readCall, type Signature } from '../base/signature.ts';
import { wrongTarget } from '../geometry/index-error.ts';
import { indexCheckParams } from '../geometry/indexing.ts';
import { classLossParams, pairLossParams, type ClassLossParams, type PairLossKind, type Reduction } from '../geometry/loss.ts';
import { TENSOR, TENSOR_OR_NULL } from '../tensor/arguments.ts';
import { apply, apply1 } from '../tensor/dispatch.ts';
import { classLoss } from '../tensor/families/class-loss.ts';
import { pairLoss as pairLosses } from '../tensor/families/pair-loss.ts';
import { indexCheck as indexCheckOps } from '../tensor/families/index-check.ts';
import { broadcastTensors } from '../tensor/functions.ts';
import { boolDifference } from '../tensor/ops/binary.ts';
import { isTensor } from '../tensor/is-tensor.ts';
import { promoteLayouts } from '../tensor/ops/elementwise.ts';
import { activeRecorder } from '../tensor/recorder.ts';
import type { CheckedFor, Shape, ShapeFor } from '../tensor/shapes/dims.ts';
import type { ClassTarget, ElementTarget, LossShape } from '../tensor/shapes/loss.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { functionOf, type OfInput } from './signatures.ts';

export type { Reduction };

export interface ClassLossOptions {
  /** A weight for each class, [C]. */
  readonly weight?: Tensor | null;
  /** A target that does not count. Default -100. */
  readonly ignoreIndex?: number;
  /** Default 'mean'. */
  readonly reduction?: Reduction;
}

export interface CrossEntropyOptions extends ClassLossOptions {
  /** How much of the target is spread over all classes, 0 to 1. Default 0. */
  readonly labelSmoothing?: number;
}

export const REDUCTION = oneOf('none', 'mean', 'sum');

/** The second argument of a loss. */
export interface OfTarget {
  readonly target: Tensor;
}
const CLASS_LOSS = { weight: TENSOR_OR_NULL, ignoreIndex: WHOLE, reduction: REDUCTION };
const CROSS_ENTROPY = functionOf<OfTarget & CrossEntropyOptions>(
  'crossEntropy',
  { target: TENSOR, ...CLASS_LOSS, labelSmoothing: PROBABILITY },
  { required: 1, positional: 2 },
);
const USUAL = {};
const NLL_LOSS = functionOf<OfTarget & ClassLossOptions>('nllLoss', { target: TENSOR, ...CLASS_LOSS }, { required: 1, positional: 2 });

export const CLASSES = "class indices are tensor([0, 2], { dtype: 'int64' })";

/** The arguments of a loss of classes; labels that are in an array are told what they should be. */
function readClasses<O>(of: Signature<OfInput & OfTarget & O>, args: readonly unknown[]): OfInput & OfTarget & O {
  const target = args[1];
  if (Array.isArray(target)) throw wrongArgument(of.op.replace('F.', ''), 'the target', 'a tensor', target, CLASSES);
  return readCall(of, args);
}

/**
 * Kernels refuse a target that is no class. A compiled function also looks at those that are there beforehand, before it changes
 * anything.
 */
function checkTargets(op: 'crossEntropy' | 'nllLoss', x: Tensor, target: Tensor, { ignoreIndex }: ClassLossParams): void {
  if (target.dtype !== 'int64') {
    throw new DTypeError(`${op}: expected class indices of dtype int64 as target, but got ${target.dtype}; convert them with .to('int64')`);
  }
  const recorder = activeRecorder();
  if (recorder === undefined) return;
  const classes = x.layout.shape[x.ndim === 1 ? 0 : 1] ?? 0;
  const params = indexCheckParams(op, classes, ignoreIndex, (label) => wrongTarget(op, classes, ignoreIndex, label));
  recorder.check(target, (given) => void apply1(indexCheckOps.indexCheck, [given], params));
}

/**
 * The cross-entropy between logits and class indices, or class probabilities:
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.cross_entropy.html
 * @param input logits [N, C], [C] or [N, C, d1, …]
 * @param target class indices (int64) [N], [] or [N, d1, …]; or probabilities of the input's shape and dtype
 * @throws IndexError for a class index out of range
 */
export function crossEntropy<S extends Shape, T extends Shape, R extends Reduction = 'mean'>(
  input: Tensor<S>,
  target: CheckedFor<S, ClassTarget<S, T, 'crossEntropy'>, Tensor<T>>,
  weight?: Tensor | null | (CrossEntropyOptions & { readonly reduction?: R }),
  options?: Omit<CrossEntropyOptions, 'weight'> & { readonly reduction?: R },
): Tensor<LossShape<ShapeFor<S, ClassTarget<S, T, 'crossEntropy'>>, R>>;
export function crossEntropy(...args: readonly unknown[]): Tensor {
  const [x, classes] = args;
  if (args.length === 2 && isTensor(x) && isTensor(classes)) return crossEntropyWith(x, classes, USUAL); // as nearly all calls are: nothing is read
  const { input, target, ...options } = readClasses<CrossEntropyOptions>(CROSS_ENTROPY, args);
  return crossEntropyWith(input, target, options);
}

/** {@link crossEntropy} whose arguments were checked. */
export function crossEntropyWith(input: Tensor, target: Tensor, options: CrossEntropyOptions): Tensor {
  const { weight = null, ignoreIndex, reduction, labelSmoothing } = options;
  const params = classLossParams('crossEntropy', { weight: weight !== null, ignoreIndex, reduction, labelSmoothing });
  if (target.isFloatingPoint() && sameDims(target.layout.shape, input.layout.shape)) {
    if (params.ignoreIndex >= 0)
      throw new ArgumentError(
        `crossEntropy: ignoreIndex ${params.ignoreIndex} has no meaning for targets that are probabilities; leave it out, or give class indices of dtype int64`,
      );
    return probabilityCrossEntropy(input, target, weight, params);
  }
  checkTargets('crossEntropy', input, target, params);
  return apply(classLoss.crossEntropy, weight === null ? [input, target] : [input, target, weight], params)[0]!;
}

/** −Σ target·log softmax(input), for targets that are probabilities. */
function probabilityCrossEntropy(input: Tensor, target: Tensor, weight: Tensor | null, params: ClassLossParams): Tensor {
  const dim = input.ndim === 1 ? 0 : 1;
  const classes = input.layout.shape[dim]!;
  const { labelSmoothing, reduction } = params;
  const soft = labelSmoothing > 0 ? target.mul(1 - labelSmoothing).add(labelSmoothing / classes) : target;
  const perClass =
    weight === null ? soft : soft.mul(weight.reshape(weight.layout.shape.concat(Array<number>(input.ndim - dim - 1).fill(1))));
  const loss = input.logSoftmax(dim).mul(perClass).sum(dim).neg();
  if (reduction === 'none') return loss;
  const total = loss.sum();
  return reduction === 'sum' ? total : total.div(input.numel() / classes);
}

/** The negative log-likelihood of class indices under log-probabilities [N, C] or [N, C, d1, …]. */
export function nllLoss<S extends Shape, T extends Shape, R extends Reduction = 'mean'>(
  input: Tensor<S>,
  target: CheckedFor<S, ClassTarget<S, T, 'nllLoss', false>, Tensor<T>>,
  weight?: Tensor | null | (ClassLossOptions & { readonly reduction?: R }),
  options?: Omit<ClassLossOptions, 'weight'> & { readonly reduction?: R },
): Tensor<LossShape<ShapeFor<S, ClassTarget<S, T, 'nllLoss', false>>, R>>;
export function nllLoss(...args: readonly unknown[]): Tensor {
  const { input, target, ...options } = readClasses<ClassLossOptions>(NLL_LOSS, args);
  return nllLossWith(input, target, options);
}

/** {@link nllLoss} whose arguments were checked. */
export function nllLossWith(input: Tensor, target: Tensor, options: ClassLossOptions): Tensor {
  const { weight = null, ignoreIndex, reduction } = options;
  const params = classLossParams('nllLoss', { weight: weight !== null, ignoreIndex, reduction });
  checkTargets('nllLoss', input, target, params);
  return apply(classLoss.nllLoss, weight === null ? [input, target] : [input, target, weight], params)[0]!;
}

export interface LossOptions {
  /** Default 'mean'. */
  readonly reduction?: Reduction;
}

export interface WeightedLossOptions extends LossOptions {
  /** A weight for each element; shapes broadcast. */
  readonly weight?: Tensor | null;
}

export interface SmoothL1Options extends LossOptions {
  /** Where the loss turns from squared to linear. Default 1. */
  readonly beta?: number;
}

export interface HuberOptions extends WeightedLossOptions {
  /** Where the loss turns from squared to linear. Default 1. */
  readonly delta?: number;
}

const PAIR = { required: 1, positional: 1 };
const WEIGHTED = { target: TENSOR, reduction: REDUCTION, weight: TENSOR_OR_NULL };
const MSE_LOSS = functionOf<OfTarget & WeightedLossOptions>('mseLoss', WEIGHTED, PAIR);
const L1_LOSS = functionOf<OfTarget & WeightedLossOptions>('l1Loss', WEIGHTED, PAIR);
const HUBER_LOSS = functionOf<OfTarget & HuberOptions>(
  'huberLoss',
  { target: TENSOR, reduction: REDUCTION, delta: POSITIVE, weight: TENSOR_OR_NULL },
  { required: 1 },
);
const SMOOTH_L1_LOSS = functionOf<OfTarget & SmoothL1Options>(
  'smoothL1Loss',
  { target: TENSOR, reduction: REDUCTION, beta: NOT_NEGATIVE },
  PAIR,
);

type PairLossName = 'mseLoss' | 'l1Loss' | 'smoothL1Loss' | 'huberLoss';

/** A loss of the elements of two tensors, whose shapes and dtypes are made one. */
export function pairLossWith(op: PairLossName, kind: PairLossKind, x: Tensor, y: Tensor, { reduction, beta }: SmoothL1Options): Tensor {
  const [a, b] = sameDims(x.layout.shape, y.layout.shape) ? [x, y] : (broadcastTensors(x, y) as [Tensor, Tensor]);
  if (op === 'l1Loss' && (x.dtype === 'bool' || y.dtype === 'bool')) throw boolDifference(op);
  const dtype = promoteLayouts(x.layout, y.layout);
  return apply1(pairLosses[op], [a.to(dtype), b.to(dtype)], pairLossParams(kind, reduction, beta));
}

/** {@link pairLossWith} whose elements have weights; a mean is divided by these. */
function weightedPairLoss(
  op: PairLossName,
  kind: PairLossKind,
  x: Tensor,
  y: Tensor,
  weight: Tensor | null,
  options: SmoothL1Options,
): Tensor {
  if (weight === null) return pairLossWith(op, kind, x, y, options);
  const each = pairLossWith(op, kind, x, y, { ...options, reduction: 'none' });
  if (!sameDims(weight.layout.shape, each.layout.shape))
    throw new ShapeError(
      `${op}: expected weights of shape ${showShape(each.layout.shape)}, one for each element, but got ${showShape(weight.layout.shape)}`,
    );
  const loss = each.mul(weight);
  const { reduction = 'mean' } = options;
  return reduction === 'none' ? loss : reduction === 'sum' ? loss.sum() : loss.sum().div(weight.sum());
}

/** How a loss of the elements of two tensors is called: their shapes broadcast. */
export type PairLoss<Options extends LossOptions = LossOptions> = <S extends Shape, T extends Shape, R extends Reduction = 'mean'>(
  input: Tensor<S>,
  target: CheckedFor<S, ElementTarget<S, T>, Tensor<T>>,
  options?: Options & { readonly reduction?: R },
) => Tensor<LossShape<ShapeFor<S, ElementTarget<S, T>>, R>>;

/** The mean squared error. */
export const mseLoss: PairLoss<WeightedLossOptions> = (...args: readonly unknown[]): Tensor => {
  const { input, target, weight = null, ...options } = readCall(MSE_LOSS, args);
  return weightedPairLoss('mseLoss', 'mse', input, target, weight, options);
};

/** The mean absolute error. */
export const l1Loss: PairLoss<WeightedLossOptions> = (...args: readonly unknown[]): Tensor => {
  const { input, target, weight = null, ...options } = readCall(L1_LOSS, args);
  return weightedPairLoss('l1Loss', 'l1', input, target, weight, options);
};

/** Half the square below `delta`, linear above (Huber 1964). */
export function huberLoss<S extends Shape, T extends Shape, R extends Reduction = 'mean'>(
  input: Tensor<S>,
  target: CheckedFor<S, ElementTarget<S, T>, Tensor<T>>,
  reduction?: R | (HuberOptions & { readonly reduction?: R }),
  delta?: number | Pick<HuberOptions, 'delta' | 'weight'>,
  weight?: Tensor | null | Pick<HuberOptions, 'weight'>,
): Tensor<LossShape<ShapeFor<S, ElementTarget<S, T>>, R>>;
export function huberLoss(...args: readonly unknown[]): Tensor {
  const { input, target, weight = null, delta = 1, reduction } = readCall(HUBER_LOSS, args);
  return weightedPairLoss('huberLoss', 'huber', input, target, weight, {
    beta: delta,
    ...(reduction && { reduction }),
  });
}

/** Squared below `beta`, absolute above (Girshick 2015). */
export const smoothL1Loss: PairLoss<SmoothL1Options> = (...args: readonly unknown[]): Tensor => {
  const { input, target, ...options } = readCall(SMOOTH_L1_LOSS, args);
  return pairLossWith('smoothL1Loss', 'smoothL1', input, target, options);
};
