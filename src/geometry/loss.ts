/** The arguments of the losses, and how class losses see their input. */
import { ArgumentError } from '../base/errors.ts';
import type { Dims } from '../base/shape.ts';
import { remembered, type Attrs } from './attrs.ts';

export type Reduction = 'none' | 'mean' | 'sum';

/** Arguments of the class losses. Made by {@link classLossParams}. */
export interface ClassLossParams extends Attrs {
  /** Whether class weights [C] are an input. */
  readonly weight: boolean;
  readonly ignoreIndex: number;
  readonly reduction: Reduction;
  /** 0 for `nllLoss`. */
  readonly labelSmoothing: number;
}

/** Made by {@link nllGradParams}. */
export interface NllGradParams extends Attrs {
  readonly loss: ClassLossParams;
  /** Shape of the log-probabilities. */
  readonly shape: Dims;
}

export type PairLossKind = 'mse' | 'l1' | 'smoothL1' | 'huber' | 'bce' | 'bceWithLogits';

/** Arguments of the losses of pairs of tensors. Made by {@link pairLossParams}. */
export interface PairLossParams extends Attrs {
  readonly kind: PairLossKind;
  readonly reduction: Reduction;
  /** smoothL1: beta; huber: delta; otherwise 1. */
  readonly beta: number;
}

const REDUCTIONS: readonly string[] = ['none', 'mean', 'sum'] satisfies Reduction[];

function checkReduction(op: string, reduction: string): void {
  if (!REDUCTIONS.includes(reduction)) {
    throw new ArgumentError(`${op}: expected reduction to be 'none', 'mean' or 'sum', but got '${reduction}'`);
  }
}

/**
 * Arguments of `nllLoss` and `crossEntropy`; equal ones give the same object.
 * @throws ArgumentError for an unknown reduction, a fractional ignoreIndex, or labelSmoothing outside [0, 1]
 */
export function classLossParams(
  op: 'nllLoss' | 'crossEntropy',
  options: {
    readonly weight?: boolean;
    /** Default −100. */
    readonly ignoreIndex?: number | undefined;
    /** Default 'mean'. */
    readonly reduction?: Reduction | undefined;
    readonly labelSmoothing?: number | undefined;
  } = {},
): ClassLossParams {
  const { weight = false, ignoreIndex = -100, reduction = 'mean', labelSmoothing = 0 } = options;
  checkReduction(op, reduction);
  if (!Number.isSafeInteger(ignoreIndex)) {
    throw new ArgumentError(`${op}: expected ignoreIndex to be a whole number, but got ${ignoreIndex}`);
  }
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new ArgumentError(`${op}: expected labelSmoothing to be in [0, 1], but got ${labelSmoothing}`);
  }
  const key = `${reduction}i${ignoreIndex}s${labelSmoothing}${weight ? 'w' : ''}`;
  return remembered('class', { key, weight, ignoreIndex, reduction, labelSmoothing });
}

/** Arguments of `nllLossGrad` for log-probabilities of this shape. */
export function nllGradParams(loss: ClassLossParams, shape: Dims): NllGradParams {
  return remembered('nllGrad', { key: `${loss.key}|${shape.join('x')}`, loss, shape });
}

/**
 * Arguments of `mseLoss`, `l1Loss`, `smoothL1Loss`, `huberLoss`, `binaryCrossEntropy`, `bceWithLogits`; equal ones give the same object.
 * @throws ArgumentError for an unknown reduction, or a beta that does not suit the loss
 */
export function pairLossParams(kind: PairLossKind, reduction: Reduction = 'mean', beta = 1): PairLossParams {
  checkReduction(`${kind}Loss`, reduction);
  if (!(beta > 0 || (beta === 0 && kind === 'smoothL1'))) {
    const what = kind === 'huber' ? 'delta to be above 0' : 'beta to be at least 0';
    throw new ArgumentError(`${kind}Loss: expected ${what}, but got ${beta}`);
  }
  return remembered('pair', { key: `${kind}${reduction}${beta}`, kind, reduction, beta });
}

/** How many classes, and over how many positions: x is [C], or [N, C, d1, …]. */
export interface ClassGeometry {
  readonly outer: number;
  readonly classes: number;
  readonly inner: number;
}

export function classGeometry(shape: Dims): ClassGeometry {
  if (shape.length === 1) return { outer: 1, classes: shape[0]!, inner: 1 };
  return { outer: shape[0]!, classes: shape[1]!, inner: shape.slice(2).reduce((n, size) => n * size, 1) };
}
