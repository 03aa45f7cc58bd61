/**
 * The functional forms of layers (https://pytorch.org/docs/stable/nn.functional.html): all tensors are arguments, nothing
 * is kept. Options are named as the layers' are.
 */
import { NUMBER, refuseMore, requireKind, requireOptions } from '../base/arguments.ts';
import { CONV_OPTIONS, convParams, type ConvOptions } from '../geometry/conv.ts';
import { oneHotParams, padParams } from '../geometry/indexing.ts';
import type { Reduction } from '../geometry/loss.ts';
import {
  adaptivePoolParams,
  AVG_POOL_OPTIONS,
  avgPoolParams,
  MAX_POOL_OPTIONS,
  maxPoolParams,
  OUTPUT_SIZE,
  WINDOW,
  type AvgPoolOptions,
  type MaxPoolOptions,
  type Pair,
} from '../geometry/pool.ts';
import { requireTensor } from '../tensor/arguments.ts';
import { apply, apply1 } from '../tensor/dispatch.ts';
import { indexing as indexingOps } from '../tensor/families/indexing.ts';
import { maxPool } from '../tensor/families/max-pool.ts';
import { regionPool } from '../tensor/families/region-pool.ts';
import type { CheckedFor, Dynamic, IsDynamic, Shape, ShapeFor } from '../tensor/shapes/dims.ts';
import type { PadShape } from '../tensor/shapes/resize.ts';
import type { FlattenShape } from '../tensor/shapes/view.ts';
import type { AdaptivePool2dShape, FilteredShape, Padding, Pool2dShape } from '../tensor/shapes/window.ts';
import type { ValuesAndIndices } from '../tensor/tensor-math.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { adaptiveAvgPool2dWith, avgPool2dWith, conv2dWith, maxPool2dWith } from './prepared.ts';
import type { PaddingArgument } from './shape-types.ts';

export {
  elu,
  gelu,
  hardsigmoid,
  hardswish,
  hardtanh,
  leakyRelu,
  logSoftmax,
  relu,
  relu6,
  sigmoid,
  silu,
  softmax,
  softmin,
  softplus,
  tanh,
  type GeluOptions,
} from './functional-activation.ts';
export {
  celu,
  glu,
  hardshrink,
  logsigmoid,
  mish,
  prelu,
  rrelu,
  selu,
  softshrink,
  softsign,
  tanhshrink,
  threshold,
} from './functional-activation-more.ts';
export {
  alphaDropout,
  dropout,
  dropout1d,
  dropout2d,
  dropout3d,
  featureAlphaDropout,
  type DropoutOptions,
} from './functional-dropout.ts';
export { linear } from './functional-linear.ts';
export {
  crossEntropy,
  l1Loss,
  mseLoss,
  nllLoss,
  smoothL1Loss,
  type ClassLossOptions,
  type CrossEntropyOptions,
  type LossOptions,
  type PairLoss,
} from './functional-loss.ts';
export { batchNorm, type BatchNormOptions } from './functional-norm.ts';
export {
  convTranspose2d,
  interpolate,
  pixelShuffle,
  pixelUnshuffle,
  type ConvTransposeOptions,
  type InterpolateMode,
  type InterpolateOptions,
} from './functional-images.ts';
export type { ConvOptions, Pair, Reduction };

function requireBias(op: string, bias: unknown): void {
  if (bias !== null) requireTensor(op, 'bias', bias, 'write null for none');
}

/**
 * Convolves images with filters (cross-correlation, as all of deep learning's convolutions):
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html
 * @param x [N, Cin, H, W] or [Cin, H, W]
 * @param weight [Cout, Cin / groups, kH, kW]
 * @param bias [Cout]
 * @returns [N, Cout, Hout, Wout] with Hout = ⌊(H + 2·padding − dilation·(kH − 1) − 1) / stride⌋ + 1
 * @throws ShapeError when channels or sizes do not fit
 * @example
 * import { F, tensor } from 'flambeau';
 * const x = tensor([[[[0, 1, 2], [3, 4, 5], [6, 7, 8]]]]);
 * const k = tensor([[[[0, 1], [2, 3]]]]);
 * if (String(F.conv2d(x, k).tolist()) !== '19,25,37,43') throw new Error('the tutorial says 19, 25, 37, 43');
 */
export function conv2d<
  X extends Shape,
  W extends Shape,
  const S extends Pair = 1,
  const P extends Padding = 0,
  const D extends Pair = 1,
  G extends number = 1,
>(
  x: CheckedFor<X, FilteredShape<X, W, S, P, D, G>, Tensor<X>>,
  weight: Tensor<W>,
  bias?: Tensor | null,
  options?: { readonly stride?: S; readonly padding?: PaddingArgument<P, S>; readonly dilation?: D; readonly groups?: G }, // prettier-ignore
): Tensor<ShapeFor<X, FilteredShape<X, W, S, P, D, G>>>;
export function conv2d(x: Tensor, weight: Tensor, bias: Tensor | null = null, options: ConvOptions = {}): Tensor {
  requireTensor('conv2d', 'the input', x);
  requireTensor('conv2d', 'weight', weight);
  requireBias('conv2d', bias);
  return conv2dWith(x, weight, bias, convParams(requireOptions('conv2d', options, CONV_OPTIONS, 'F.conv2d(x, weight, bias, { stride: 2 })'))); // prettier-ignore
}

// ---- pooling

function maxPoolOptions(op: string, x: unknown, kernelSize: unknown, options: unknown): MaxPoolOptions {
  requireTensor(op, 'the input', x);
  requireKind(op, 'kernelSize', kernelSize, WINDOW);
  return requireOptions<Omit<MaxPoolOptions, 'returnIndices'>>(
    op,
    options,
    MAX_POOL_OPTIONS,
    `F.${op}(x, 2, { stride: 2 })`,
  );
}

interface PoolOptions<S, P, C> {
  readonly stride?: S;
  readonly padding?: P;
  readonly ceilMode?: C;
}

/** The largest element of each window: [N, C, H, W] → [N, C, Hout, Wout]. The stride is the kernel size by default. */
export function maxPool2d<
  X extends Shape,
  const K extends Pair,
  const S extends Pair = K,
  const P extends Pair = 0,
  const D extends Pair = 1,
  C extends boolean = false,
>(
  x: Tensor<X>,
  kernelSize: CheckedFor<X, Pool2dShape<X, K, S, P, D, C, 'maxPool2d'>, K>,
  options?: PoolOptions<S, P, C> & { readonly dilation?: D },
): Tensor<ShapeFor<X, Pool2dShape<X, K, S, P, D, C, 'maxPool2d'>>>;
export function maxPool2d(x: Tensor, kernelSize: Pair, options: Omit<MaxPoolOptions, 'returnIndices'> = {}): Tensor {
  return maxPool2dWith(x, maxPoolParams(kernelSize, maxPoolOptions('maxPool2d', x, kernelSize, options)));
}

/** As {@link maxPool2d}, with the place of each maximum in its H·W plane (int64). */
export function maxPool2dWithIndices<
  X extends Shape,
  const K extends Pair,
  const S extends Pair = K,
  const P extends Pair = 0,
  const D extends Pair = 1,
  C extends boolean = false,
>(
  x: Tensor<X>,
  kernelSize: CheckedFor<X, Pool2dShape<X, K, S, P, D, C, 'maxPool2d'>, K>,
  options?: {
    readonly stride?: S | undefined;
    readonly padding?: P | undefined;
    readonly dilation?: D | undefined;
    readonly ceilMode?: C | undefined;
  },
): ValuesAndIndices<ShapeFor<X, Pool2dShape<X, K, S, P, D, C, 'maxPool2d'>>>;
export function maxPool2dWithIndices(x: Tensor, kernelSize: Pair, options: MaxPoolOptions = {}): ValuesAndIndices {
  const given = maxPoolOptions('maxPool2dWithIndices', x, kernelSize, options);
  const [values, indices] = apply(maxPool.maxPool2d, [x], maxPoolParams(kernelSize, { ...given, returnIndices: true }));
  return { values: values!, indices: indices! };
}

/** The mean of each window. */
export function avgPool2d<
  X extends Shape,
  const K extends Pair,
  const S extends Pair = K,
  const P extends Pair = 0,
  C extends boolean = false,
>(
  x: Tensor<X>,
  kernelSize: CheckedFor<X, Pool2dShape<X, K, S, P, 1, C, 'avgPool2d'>, K>,
  options?: PoolOptions<S, P, C> & Pick<AvgPoolOptions, 'countIncludePad' | 'divisorOverride'>,
): Tensor<ShapeFor<X, Pool2dShape<X, K, S, P, 1, C, 'avgPool2d'>>>;
export function avgPool2d(x: Tensor, kernelSize: Pair, options: AvgPoolOptions = {}): Tensor {
  requireTensor('avgPool2d', 'the input', x);
  requireKind('avgPool2d', 'kernelSize', kernelSize, WINDOW);
  return avgPool2dWith(x, avgPoolParams(kernelSize, requireOptions('avgPool2d', options, AVG_POOL_OPTIONS, 'F.avgPool2d(x, 2, { stride: 2 })'))); // prettier-ignore
}

type OutputSize = number | null | readonly [number | null, number | null];

/** Means over windows chosen so that the output has the given size; null keeps the input's. */
export function adaptiveAvgPool2d<S extends Shape, const O extends OutputSize>(
  x: Tensor<S>,
  outputSize: CheckedFor<S, AdaptivePool2dShape<S, O, 'adaptiveAvgPool2d'>, O>,
): Tensor<ShapeFor<S, AdaptivePool2dShape<S, O, 'adaptiveAvgPool2d'>>>;
export function adaptiveAvgPool2d(x: Tensor, outputSize: OutputSize): Tensor {
  requireKind('adaptiveAvgPool2d', 'outputSize', outputSize, OUTPUT_SIZE);
  return adaptiveAvgPool2dWith(x, adaptivePoolParams(outputSize));
}

/** Maxima over windows chosen so that the output has the given size. */
export function adaptiveMaxPool2d<X extends Shape, const O extends OutputSize>(
  x: Tensor<X>,
  outputSize: CheckedFor<X, AdaptivePool2dShape<X, O, 'adaptiveMaxPool2d'>, O>,
): Tensor<ShapeFor<X, AdaptivePool2dShape<X, O, 'adaptiveMaxPool2d'>>>;
export function adaptiveMaxPool2d(x: Tensor, outputSize: OutputSize): Tensor {
  requireKind('adaptiveMaxPool2d', 'outputSize', outputSize, OUTPUT_SIZE);
  return apply(regionPool.adaptiveMaxPool2d, [x], adaptivePoolParams(outputSize))[0]!;
}

// ---- other

/**
 * Adds `value` around a tensor: `pads` are counts before and after, from the last dimension on.
 * Only constant padding exists.
 */
export function pad<X extends Shape, const P extends readonly number[]>(
  x: Tensor<X>,
  pads: CheckedFor<X, PadShape<X, P>, P>,
  value?: number,
): Tensor<ShapeFor<X, PadShape<X, P>>>;
export function pad(x: Tensor, pads: readonly number[], value = 0, ...more: readonly unknown[]): Tensor {
  requireTensor('pad', 'the input', x);
  requireKind('pad', 'the value', value, NUMBER, 'only constant padding exists: F.pad(x, [1, 1], 0)');
  refuseMore('pad', more, 'an input, counts and a value, and pads with that');
  return apply1(indexingOps.pad, [x], padParams(pads), [value]);
}

type OneHotShape<S extends Shape, N> = IsDynamic<S> extends true ? Dynamic : [...S, N];

/** int64 class indices [...] → int64 [..., numClasses]. */
export function oneHot<S extends Shape, N extends number>(x: Tensor<S>, numClasses: N): Tensor<OneHotShape<S, N>>;
export function oneHot(x: Tensor, numClasses: number): Tensor {
  return apply1(indexingOps.oneHot, [x], oneHotParams(numClasses));
}

/** Dimensions `start` to `end` made one. */
export function flatten<S extends Shape, From extends number = 1, To extends number = -1>(
  x: Tensor<S>,
  start?: CheckedFor<S, FlattenShape<S, From, To>, From>,
  end?: To,
): Tensor<ShapeFor<S, FlattenShape<S, From, To>>>;
export function flatten(x: Tensor, start = 1, end = -1): Tensor {
  requireTensor('flatten', 'the input', x);
  return x.flatten(start, end);
}
