/** Rarer functions of `F`: draws of categories that gradients pass, distances of all pairs, names in PyTorch's older form. */
import { BOOL, NUMBER, WHOLE } from '../base/arguments.ts';
import { requireFloating } from '../base/dtype.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { normalizeDim, showShape } from '../base/shape.ts';
import { readCall } from '../base/signature.ts';
import { zerosLike } from '../tensor/create.ts';
import { exponential_ } from '../tensor/draws.ts';
import type { Shape } from '../tensor/shapes/dims.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ValuesAndIndices } from '../tensor/values-and-indices.ts';
import { softmax, elu, hardtanh, leakyRelu, relu } from './functional-activation.ts';
import { celu, rrelu, selu, threshold } from './functional-activation-more.ts';
import { interpolateAs, checkInterpolate, INTERPOLATE_KINDS, type InterpolateMode } from './functional-interpolate.ts';
import { fractionalMaxPool2d, fractionalMaxPool3d } from './functional-fold.ts';
import { adaptiveMaxPool1d, adaptiveMaxPool3d } from './functional-pool.ts';
import { adaptiveMaxPool2d } from './functional-window.ts';
import { functionOf } from './signatures.ts';
import { indexTable, type Sizes } from './spatial.ts';
import { vectorNorm } from './vector-norm.ts';
import '../tensor/families/picking.ts';

interface GumbelOptions {
  /** Above 0; the smaller, the nearer to one category. Default 1. */
  readonly tau?: number;
  /** Whether the result is one category each, with the gradients of the soft one. Default false. */
  readonly hard?: boolean;
  /** Default -1. */
  readonly dim?: number;
}
const GUMBEL = functionOf<GumbelOptions & { eps?: number }>('gumbelSoftmax', { tau: NUMBER, hard: BOOL, eps: NUMBER, dim: WHOLE });

/**
 * Draws categories by logits so that gradients flow (https://pytorch.org/docs/stable/generated/torch.nn.functional.gumbel_softmax.html).
 * PyTorch's `eps` stands third and has no effect there: only its default, 1e-10, is taken.
 * @example
 * import { F, randn } from 'flambeau';
 * const chosen = F.gumbelSoftmax(randn(3, 5), { hard: true });
 * console.log(chosen.sum(-1).tolist()); // [ 1, 1, 1 ]
 */
export function gumbelSoftmax<S extends Shape>(
  input: Tensor<S>,
  tau?: number | GumbelOptions,
  hard?: boolean | Omit<GumbelOptions, 'tau'>,
  eps?: number | Pick<GumbelOptions, 'dim'>,
  dim?: number,
): Tensor<S>;
export function gumbelSoftmax(...args: readonly unknown[]): Tensor {
  const { input, tau = 1, hard = false, eps = 1e-10, dim = -1 } = readCall(GUMBEL, args);
  requireFloating('gumbelSoftmax', 'input', input.dtype);
  if (eps !== 1e-10) throw new ArgumentError(`F.gumbelSoftmax: eps has no effect, but got ${eps}; leave it out`);
  const noise = exponential_(zerosLike(input.detach()), []).log();
  const soft = softmax(input.sub(noise).div(tau), dim);
  if (!hard) return soft;
  const axis = normalizeDim('gumbelSoftmax', dim, Math.max(input.ndim, 1));
  if (input.ndim === 0) return soft.detach().onesLike().sub(soft.detach()).add(soft);
  const count = input.layout.shape[axis]!;
  const places = indexTable(input, `count${count}`, () => Array.from({ length: count }, (_, i) => i));
  const shape = input.layout.shape.map((_, i) => (i === axis ? count : 1));
  const best = soft.detach().argmax(axis, true);
  const one = places.view(shape).eq(best).to(input.dtype);
  return one.sub(soft.detach()).add(soft);
}

const PDIST = functionOf<{ p?: number }>('pdist', { p: NUMBER });
/**
 * Distances of every pair of rows, above the diagonal (https://pytorch.org/docs/stable/generated/torch.nn.functional.pdist.html):
 * [N, M] → [N·(N − 1)/2].
 * @param p of the norm, at least 0. Default 2
 * @throws ShapeError unless the input is a matrix
 */
export function pdist(input: Tensor, p?: number | { readonly p?: number }): Tensor;
export function pdist(...args: readonly unknown[]): Tensor {
  const { input, p = 2 } = readCall(PDIST, args);
  requireFloating('pdist', 'input', input.dtype);
  if (input.ndim !== 2) throw new ShapeError(`F.pdist: expected a matrix, but got shape ${showShape(input.layout.shape)}`);
  if (!(p >= 0)) throw new ArgumentError(`F.pdist: expected p to be at least 0, but got ${p}`);
  const rows = input.layout.shape[0]!;
  const pairs = (which: 0 | 1): Tensor =>
    indexTable(input, `pair${which}of${rows}`, () =>
      Array.from({ length: rows }, (_, i) => Array.from({ length: rows - 1 - i }, (_, j) => (which === 0 ? i : i + 1 + j))).flat(),
    );
  return vectorNorm(input.indexSelect(0, pairs(0)).sub(input.indexSelect(0, pairs(1))), p, 1).squeeze(1);
}

// ---- older names of interpolation

interface UpsampleArguments {
  readonly size?: Sizes | null;
  readonly scaleFactor?: Sizes | null;
}
interface UpsampleRest extends UpsampleArguments {
  readonly mode?: InterpolateMode;
  readonly alignCorners?: boolean | null;
}
const { size, scaleFactor, mode, alignCorners } = INTERPOLATE_KINDS;
const UPSAMPLE = functionOf<UpsampleRest>('upsample', { size, scaleFactor, mode, alignCorners });
const NEAREST = functionOf<UpsampleArguments>('upsampleNearest', { size, scaleFactor });
const BILINEAR = functionOf<UpsampleArguments>('upsampleBilinear', { size, scaleFactor });

/** As `F.interpolate`, by PyTorch's older name. */
export function upsample(
  input: Tensor,
  size?: Sizes | null | UpsampleRest,
  scaleFactor?: Sizes | null | Omit<UpsampleRest, 'size'>,
  mode?: InterpolateMode | Pick<UpsampleRest, 'mode' | 'alignCorners'>,
  alignCorners?: boolean | null | Pick<UpsampleRest, 'alignCorners'>,
): Tensor;
export function upsample(call: UpsampleRest & { readonly input: Tensor }): Tensor;
export function upsample(...args: readonly unknown[]): Tensor {
  const { input, ...options } = readCall(UPSAMPLE, args);
  return interpolateAs('upsample', input, checkInterpolate('upsample', options));
}

/** `F.interpolate` by the nearest element, by PyTorch's older name. */
export function upsampleNearest(input: Tensor, size?: Sizes | null | UpsampleArguments, scaleFactor?: Sizes | null): Tensor;
export function upsampleNearest(...args: readonly unknown[]): Tensor {
  const { input, ...options } = readCall(NEAREST, args);
  return interpolateAs('upsampleNearest', input, checkInterpolate('upsampleNearest', { ...options, mode: 'nearest' }));
}

/** `F.interpolate`, bilinear with aligned corners, by PyTorch's older name. */
export function upsampleBilinear(input: Tensor, size?: Sizes | null | UpsampleArguments, scaleFactor?: Sizes | null): Tensor;
export function upsampleBilinear(...args: readonly unknown[]): Tensor {
  const { input, ...options } = readCall(BILINEAR, args);
  return interpolateAs(
    'upsampleBilinear',
    input,
    checkInterpolate('upsampleBilinear', { ...options, mode: 'bilinear', alignCorners: true }),
  );
}

// ---- poolings that always give places

type Pooling = (...args: never[]) => unknown;
/** The same arguments, but for `returnIndices`, and both results. */
function withIndices<F extends Pooling>(pool: F, place: number): (...args: Parameters<F>) => ValuesAndIndices {
  return (...args) => {
    const all = [...args] as unknown[];
    const last = all.at(-1);
    const named = typeof last === 'object' && last !== null && !Array.isArray(last) && !('layout' in last);
    if (named) all[all.length - 1] = { ...last, returnIndices: true };
    else if (all.length <= place) all.push({ returnIndices: true });
    else all[place] = true;
    return pool(...(all as never[])) as ValuesAndIndices;
  };
}
type Sized = (input: Tensor, outputSize: number | null | readonly (number | null)[]) => Tensor;
/** As {@link adaptiveMaxPool1d}, with the places of the maxima. */
export const adaptiveMaxPool1dWithIndices = withIndices(adaptiveMaxPool1d as Sized, 2);
/** As {@link adaptiveMaxPool2d}, with the places of the maxima. */
export const adaptiveMaxPool2dWithIndices = withIndices(adaptiveMaxPool2d as Sized, 2);
/** As {@link adaptiveMaxPool3d}, with the places of the maxima. */
export const adaptiveMaxPool3dWithIndices = withIndices(adaptiveMaxPool3d as Sized, 2);
/** As {@link fractionalMaxPool2d}, with the places of the maxima. */
export const fractionalMaxPool2dWithIndices = withIndices(fractionalMaxPool2d, 4);
/** As {@link fractionalMaxPool3d}, with the places of the maxima. */
export const fractionalMaxPool3dWithIndices = withIndices(fractionalMaxPool3d, 4);

// ---- in place

/** {@link relu} in place. */
export const relu_ = (input: Tensor): Tensor => relu(input, true);
/** {@link selu} in place. */
export const selu_ = (input: Tensor): Tensor => selu(input, true);
/** {@link elu} in place. */
export const elu_ = (input: Tensor, alpha = 1): Tensor => elu(input, alpha, true);
/** {@link celu} in place. */
export const celu_ = (input: Tensor, alpha = 1): Tensor => celu(input, alpha, true);
/** {@link leakyRelu} in place. */
export const leakyRelu_ = (input: Tensor, negativeSlope = 0.01): Tensor => leakyRelu(input, negativeSlope, true);
/** {@link hardtanh} in place. */
export const hardtanh_ = (input: Tensor, minVal = -1, maxVal = 1): Tensor => hardtanh(input, minVal, maxVal, true);
/** {@link threshold} in place. */
export const threshold_ = (input: Tensor, least: number, value: number): Tensor => threshold(input, least, value, true);
/** {@link rrelu} in place. */
export const rrelu_ = (input: Tensor, lower = 1 / 8, upper = 1 / 3, training = false): Tensor => rrelu(input, lower, upper, training, true);
