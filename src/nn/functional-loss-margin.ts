/** Losses of margins and of triplets, part of `F` (https://pytorch.org/docs/stable/nn.functional.html#loss-functions). */
import { BOOL, FUNCTION, kind, NUMBER, POSITIVE } from '../base/arguments.ts';
import { requireDType } from '../base/dtype.ts';
import { ShapeError } from '../base/errors.ts';
import { sameDims, showShape } from '../base/shape.ts';
import { readCall, signature } from '../base/signature.ts';
import { asFloats, TENSOR, TENSOR_OR_NULL } from '../tensor/arguments.ts';
import { scanParams } from '../geometry/reduce.ts';
import { arange } from '../tensor/ranges.ts';
import { apply1 } from '../tensor/dispatch.ts';
import { reductions } from '../tensor/families/reductions.ts';
import { minimum, where } from '../tensor/functions.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { pairwiseDistance } from './functional-distance.ts';
import { reduceLoss } from './functional-loss-more.ts';
import { REDUCTION, type LossOptions, type OfTarget } from './functional-loss.ts';
import { functionOf } from './signatures.ts';
import '../tensor/families/picking.ts';

const TARGET = { target: TENSOR };

export interface MarginOptions extends LossOptions {
  /** Default 0; of hingeEmbeddingLoss 1. */
  readonly margin?: number;
}
interface Pair {
  readonly input1: Tensor;
  readonly input2: Tensor;
  readonly target: Tensor;
}
export const MARGIN_KINDS = { margin: NUMBER, reduction: REDUCTION };
const PAIR_KINDS = { input1: TENSOR, input2: TENSOR, ...TARGET, ...MARGIN_KINDS };
const RANKING = signature<Pair & MarginOptions>('F.marginRankingLoss', PAIR_KINDS, { required: 3, positional: 4 });
const COSINE = signature<Pair & MarginOptions>('F.cosineEmbeddingLoss', PAIR_KINDS, { required: 3, positional: 4 });
const HINGE = functionOf<OfTarget & MarginOptions>('hingeEmbeddingLoss', { ...TARGET, ...MARGIN_KINDS }, { required: 1, positional: 2 });

/** What is above 0. */
const above = (x: Tensor): Tensor => x.clamp({ min: 0 });

/** max(0, −target·(input1 − input2) + margin), for targets 1 and −1. */
export function marginRankingLoss(
  input1: Tensor,
  input2: Tensor,
  target: Tensor,
  margin?: number | MarginOptions,
  options?: LossOptions,
): Tensor;
export function marginRankingLoss(...args: readonly unknown[]): Tensor {
  const { input1, input2, target, margin = 0, reduction } = readCall(RANKING, args);
  const numbers = asFloats(target.neg().mul(input1.sub(input2)));
  return reduceLoss(above(numbers.add(margin)), reduction);
}

/** The input where the target is 1, max(0, margin − input) where it is −1. */
export function hingeEmbeddingLoss(input: Tensor, target: Tensor, margin?: number | MarginOptions, options?: LossOptions): Tensor;
export function hingeEmbeddingLoss(...args: readonly unknown[]): Tensor {
  const { input, target, margin = 1, reduction } = readCall(HINGE, args);
  const far = above(input.neg().add(margin));
  return reduceLoss(where(target.ne(1), far, 0).add(where(target.ne(-1), input, 0)), reduction);
}

/** 1 − cos where the target is 1, max(0, cos − margin) where it is −1, for rows of two inputs [N, D] or two vectors [D]. */
export function cosineEmbeddingLoss(
  input1: Tensor,
  input2: Tensor,
  target: Tensor,
  margin?: number | MarginOptions,
  options?: LossOptions,
): Tensor;
export function cosineEmbeddingLoss(...args: readonly unknown[]): Tensor {
  const { input1, input2, target, margin = 0, reduction } = readCall(COSINE, args);
  if (target.ndim > 1 || input1.ndim !== target.ndim + 1 || input2.ndim !== target.ndim + 1) {
    throw new ShapeError(
      `cosineEmbeddingLoss: expected inputs [N, D] and a target [N], or [D] and a scalar, but got ${showShape(input1.layout.shape)}, ${showShape(input2.layout.shape)} and ${showShape(target.layout.shape)}`,
    );
  }
  const tiny = 1e-12; // as in PyTorch, in both dtypes
  const squares = (x: Tensor): Tensor => x.mul(x).sum(-1).add(tiny);
  const cosine = input1
    .mul(input2)
    .sum(-1)
    .div(squares(input1).mul(squares(input2)).sqrt());
  const near = cosine.neg().add(1);
  const far = above(cosine.sub(margin));
  return reduceLoss(where(target.eq(1), near, 0).add(where(target.eq(-1), far, 0)), reduction);
}

/** One sample as a batch of one; whether it was one. */
function asRows(op: string, input: Tensor, target: Tensor, same: boolean): { x: Tensor; y: Tensor; single: boolean } {
  requireDType(op, 'input', input.dtype, ['float32', 'float64']);
  requireDType(op, 'target', target.dtype, ['int64']);
  const single = input.ndim < 2;
  const x = single ? input.reshape([1, input.numel()]) : input;
  const expected = same ? x.layout.shape : [x.layout.shape[0]!];
  const sizes = single ? [target.numel()] : target.layout.shape;
  const y = single && target.ndim < 2 ? target.reshape(same ? [1, target.numel()] : [target.numel()]) : target;
  if (x.ndim !== 2 || !sameDims(y.layout.shape, expected)) {
    throw new ShapeError(
      `${op}: expected an input [N, C] or [C] and a target ${same ? 'of its shape' : 'of one class each'}, but got ${showShape(input.layout.shape)} and ${showShape(sizes)}`,
    );
  }
  return { x, y, single };
}

const MULTILABEL = functionOf<OfTarget & LossOptions>(
  'multilabelMarginLoss',
  { ...TARGET, reduction: REDUCTION },
  { required: 1, positional: 1 },
);

/**
 * For every class j that is a label and every i that is none, max(0, 1 − (x[j] − x[i])), over the classes. Input [N, C] or [C]; target, of its
 * shape, has the labels of a row first, the rest of it begins with −1.
 */
export function multilabelMarginLoss(input: Tensor, target: Tensor, options?: LossOptions): Tensor;
export function multilabelMarginLoss(...args: readonly unknown[]): Tensor {
  const { input, target, reduction } = readCall(MULTILABEL, args);
  const { x, y, single } = asRows('multilabelMarginLoss', input, target, true);
  const classes = x.layout.shape[1]!;
  const labels = apply1(reductions.cumsum, [y.lt(0).to('int64')], scanParams(1)).eq(0); // those before the first −1
  const places = y.maskedFill(labels.logicalNot(), 0);
  const all = arange(0, classes, 1, { device: x.device });
  const hits = places.unsqueeze(2).eq(all).logicalAnd(labels.unsqueeze(2)); // [N, C (label), C (class)]
  const isLabel = hits.any(1).unsqueeze(1);
  const margins = above(x.gather(1, places).unsqueeze(2).neg().add(x.unsqueeze(1)).add(1));
  const counts = labels.unsqueeze(2).logicalAnd(isLabel.logicalNot());
  const loss = margins.mul(counts.to(x.dtype)).sum([1, 2]).div(classes);
  return reduceLoss(single && reduction === 'none' ? loss.squeeze(0) : loss, reduction);
}

export interface MultiMarginOptions extends LossOptions {
  /** 1 or 2. Default 1. */
  readonly p?: number;
  /** Default 1. */
  readonly margin?: number;
  /** A weight for each class, [C]. */
  readonly weight?: Tensor | null;
}
const ONE_OR_TWO = kind('1 or 2', (value) => value === 1 || value === 2);
export const MULTI_MARGIN_KINDS = { p: ONE_OR_TWO, margin: NUMBER, weight: TENSOR_OR_NULL, reduction: REDUCTION };
const MULTI_MARGIN = functionOf<OfTarget & MultiMarginOptions>(
  'multiMarginLoss',
  { ...TARGET, ...MULTI_MARGIN_KINDS },
  { required: 1, positional: 4 },
);

/** Σ max(0, margin − x[y] + x[i])ᵖ over the classes i other than y, divided by their number. Input [N, C] or [C], target [N] or []. */
export function multiMarginLoss(
  input: Tensor,
  target: Tensor,
  p?: number | MultiMarginOptions,
  margin?: number | Omit<MultiMarginOptions, 'p'>,
  weight?: Tensor | null | Pick<MultiMarginOptions, 'weight' | 'reduction'>,
  options?: LossOptions,
): Tensor;
export function multiMarginLoss(...args: readonly unknown[]): Tensor {
  const { input, target, p = 1, margin = 1, weight = null, reduction } = readCall(MULTI_MARGIN, args);
  const { x, y } = asRows('multiMarginLoss', input, target, false);
  const classes = x.layout.shape[1]!;
  if (weight !== null && !sameDims(weight.layout.shape, [classes]))
    throw new ShapeError(`multiMarginLoss: expected one weight per class, shape [${classes}], but got ${showShape(weight.layout.shape)}`);
  const own = y.unsqueeze(1);
  const margins = above(x.sub(x.gather(1, own)).add(margin));
  const powers = p === 2 ? margins.square() : margins;
  const others = own.ne(arange(0, classes, 1, { device: x.device }));
  const each = powers.mul(others.to(x.dtype)).mul(weight === null ? 1 : weight.indexSelect(0, y).unsqueeze(1));
  const loss = each.sum(1).div(classes);
  return reduceLoss(input.ndim < 2 && target.ndim === 0 && reduction === 'none' ? loss.squeeze(0) : loss, reduction);
}

interface Triplet {
  readonly anchor: Tensor;
  readonly positive: Tensor;
  readonly negative: Tensor;
}
export interface TripletOptions extends LossOptions {
  /** Above 0. Default 1. */
  readonly margin?: number;
  /** Which norm. Default 2. */
  readonly p?: number;
  /** Added to differences. Default 1e-6. */
  readonly eps?: number;
  /** Whether the distance of positive and negative counts where it is the smaller. Default false. */
  readonly swap?: boolean;
}
/** Gives the distances between the rows of two tensors. */
export type DistanceFunction = (a: Tensor, b: Tensor) => Tensor;
export interface TripletDistanceOptions extends LossOptions {
  /** Default: the Euclidean distance. */
  readonly distanceFunction?: DistanceFunction;
  readonly margin?: number;
  readonly swap?: boolean;
}
const TRIPLET_KINDS = { anchor: TENSOR, positive: TENSOR, negative: TENSOR };
export const TRIPLET_OPTIONS = { margin: POSITIVE, p: NUMBER, eps: NUMBER, swap: BOOL, reduction: REDUCTION };
export const TRIPLET_DISTANCE_OPTIONS = {
  distanceFunction: FUNCTION,
  margin: POSITIVE,
  swap: BOOL,
  reduction: REDUCTION,
};
const TRIPLET = signature<Triplet & TripletOptions>(
  'F.tripletMarginLoss',
  { ...TRIPLET_KINDS, ...TRIPLET_OPTIONS },
  { required: 3, positional: 7 },
);
const TRIPLET_DISTANCE = signature<Triplet & TripletDistanceOptions>(
  'F.tripletMarginWithDistanceLoss',
  { ...TRIPLET_KINDS, ...TRIPLET_DISTANCE_OPTIONS },
  { required: 3, positional: 3 },
);

/** max(0, d(anchor, positive) − d(anchor, negative) + margin), distances by the p-norm. */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  margin?: number | TripletOptions,
  p?: number | Omit<TripletOptions, 'margin'>,
  eps?: number | Pick<TripletOptions, 'eps' | 'swap' | 'reduction'>,
  swap?: boolean | Pick<TripletOptions, 'swap' | 'reduction'>,
  options?: LossOptions,
): Tensor;
export function tripletMarginLoss(...args: readonly unknown[]): Tensor {
  const { anchor, positive, negative, margin = 1, p = 2, eps = 1e-6, swap = false, reduction } = readCall(TRIPLET, args);
  const sizes = [anchor, positive, negative].map((t) => t.ndim);
  if (sizes.some((n) => n !== sizes[0]))
    throw new ShapeError(
      `tripletMarginLoss: expected an anchor, a positive and a negative of as many dimensions, but got ${sizes.join(', ')}`,
    );
  return tripletLoss({ anchor, positive, negative }, (a, b) => pairwiseDistance(a, b, p, eps), margin, swap, reduction);
}

/** As {@link tripletMarginLoss}, with a distance of one's own. */
export function tripletMarginWithDistanceLoss(anchor: Tensor, positive: Tensor, negative: Tensor, options?: TripletDistanceOptions): Tensor;
export function tripletMarginWithDistanceLoss(...args: readonly unknown[]): Tensor {
  const given = readCall(TRIPLET_DISTANCE, args);
  const { anchor, positive, negative, margin = 1, swap = false, reduction } = given;
  const distance = given.distanceFunction ?? ((a, b) => pairwiseDistance(a, b));
  return tripletLoss({ anchor, positive, negative }, distance, margin, swap, reduction);
}

function tripletLoss(
  { anchor, positive, negative }: Triplet,
  distance: DistanceFunction,
  margin: number,
  swap: boolean,
  reduction: LossOptions['reduction'],
): Tensor {
  const near = distance(anchor, positive);
  const far = distance(anchor, negative);
  const least = swap ? minimum(far, distance(positive, negative)) : far;
  return reduceLoss(above(near.sub(least).add(margin)), reduction);
}
