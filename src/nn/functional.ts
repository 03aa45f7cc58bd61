/**
 * The functional forms of layers (https://pytorch.org/docs/stable/nn.functional.html): all tensors are arguments, nothing
 * is kept. Options are named as the layers' are.
 */
import { NUMBER, refuseMore, requireKind, requireOptions } from '../base/arguments.ts';
import { ArgumentError, DTypeError, ShapeError } from '../base/errors.ts';
import { say, WRONG_FEATURES } from '../base/sentences.ts';
import { numelOf, sameDims, showSizes } from '../base/shape.ts';
import { NO_ATTRS } from '../geometry/attrs.ts';
import { CONV_OPTIONS, convParams, type ConvOptions } from '../geometry/conv.ts';
import { wrongTarget } from '../geometry/index-error.ts';
import { indexCheckParams, oneHotParams, padParams } from '../geometry/indexing.ts';
import {
  classLossParams,
  type ClassLossParams,
  type PairLossKind,
  pairLossParams,
  type Reduction,
} from '../geometry/loss.ts';
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
import { ONE_DIM, requireTensor, TENSOR_OR_NULL } from '../tensor/arguments.ts';
import { apply, apply1 } from '../tensor/dispatch.ts';
import { drawnTensor } from '../tensor/create.ts';
import { broadcastTensors } from '../tensor/functions.ts';
import { boolDifference } from '../tensor/ops/binary.ts';
import { promoteLayouts } from '../tensor/ops/elementwise.ts';
import { fillDropoutMask, type Generator } from '../tensor/random/index.ts';
import { activeRecorder } from '../tensor/recorder.ts';
import type { CheckedFor, Dynamic, IsDynamic, Shape, ShapeFor } from '../tensor/shapes/dims.ts';
import type { ClassTarget, ElementTarget, LossShape } from '../tensor/shapes/loss.ts';
import type { WeightedShape } from '../tensor/shapes/matmul.ts';
import type { DimArgument } from '../tensor/shapes/reduce.ts';
import type { PadShape } from '../tensor/shapes/resize.ts';
import type { FlattenShape } from '../tensor/shapes/view.ts';
import type { AdaptivePool2dShape, FilteredShape, Padding, Pool2dShape } from '../tensor/shapes/window.ts';
import type { ValuesAndIndices } from '../tensor/tensor-math.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { InPlace } from './functional-activation.ts';
import { BATCH_NORM_OPTIONS, CLASS_LOSS_OPTIONS, CROSS_ENTROPY_OPTIONS, DROPOUT_OPTIONS, isInPlace, LOSS_OPTIONS, SMOOTH_L1_OPTIONS } from './options.ts'; // prettier-ignore
import { adaptiveAvgPool2dWith, avgPool2dWith, batchNormWith, conv2dWith, maxPool2dWith } from './prepared.ts';
import type { PaddingArgument } from './shape-types.ts';

export {
  elu,
  gelu,
  hardsigmoid,
  hardswish,
  hardtanh,
  relu6,
  silu,
  softplus,
  type GeluOptions,
} from './functional-activation.ts';
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

/** `x · weightᵀ + bias`: x [..., in], weight [out, in], bias [out] → [..., out]. */
export function linear<X extends Shape, W extends Shape>(
  x: CheckedFor<X, WeightedShape<X, W>, Tensor<X>>,
  weight: Tensor<W>,
  bias?: Tensor | null,
): Tensor<ShapeFor<X, WeightedShape<X, W>>>;
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  requireTensor('linear', 'the input', x);
  requireTensor('linear', 'weight', weight);
  if (weight.ndim === 2 && x.layout.shape.at(-1) !== weight.layout.shape[1]) throw wrongFeatures(x, weight);
  if (!x.isFloatingPoint() && weight.ndim === 2) {
    const product = x.matmul(weight.t()); // whole numbers have no layers that learn, but they have this product
    return bias === null ? product : product.add(bias);
  }
  return apply1('linear', bias === null ? [x, weight] : [x, weight, bias], NO_ATTRS);
}

/** The sentence that a wrong size deserves: what came, how it came about, what to write instead. */
function wrongFeatures(x: Tensor, weight: Tensor): ShapeError {
  const expected = weight.layout.shape[1]!;
  const features = x.layout.shape.at(-1);
  if (features === undefined) return new ShapeError(`${say(WRONG_FEATURES, 'linear', expected, 'a scalar')}; reshape it to [1, ${expected}]`); // prettier-ignore
  const sample = x.flattenedFrom?.slice(1) ?? [];
  const product = sample.length > 1 && numelOf(sample) === features ? ` = ${showSizes(sample)}` : '';
  const remedy =
    x.ndim === 4
      ? 'flatten the feature maps first (x.flatten(1))'
      : `set inFeatures to ${features}, or put a pool or AdaptiveAvgPool2d before it`;
  return new ShapeError(`${say(WRONG_FEATURES, 'linear', expected, features)}${product}; ${remedy}`);
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
  const [values, indices] = apply('maxPool2d', [x], maxPoolParams(kernelSize, { ...given, returnIndices: true }));
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
  return apply('adaptiveMaxPool2d', [x], adaptivePoolParams(outputSize))[0]!;
}

// ---- activations

export function relu<S extends Shape>(x: Tensor<S>, options?: InPlace): Tensor<S> {
  requireTensor('relu', 'the input', x);
  return isInPlace('relu', options) ? x.relu_() : x.relu();
}
export function sigmoid<S extends Shape>(x: Tensor<S>): Tensor<S> {
  requireTensor('sigmoid', 'the input', x);
  return x.sigmoid();
}
export function tanh<S extends Shape>(x: Tensor<S>): Tensor<S> {
  requireTensor('tanh', 'the input', x);
  return x.tanh();
}
/** Probabilities along a dimension. PyTorch's old default: dimension 0 of tensors with 0, 1 or 3 dimensions, else 1. */
export function softmax<S extends Shape, const D extends number>(x: Tensor<S>, dim?: DimArgument<S, D>): Tensor<S>;
export function softmax(x: Tensor, dim?: number, ...more: readonly unknown[]): Tensor {
  requireTensor('softmax', 'the input', x);
  refuseMore('softmax', more, ONE_DIM);
  return x.softmax(dim ?? implicitDim(x));
}
/** Logarithms of probabilities along a dimension, by default that of {@link softmax}. */
export function logSoftmax<S extends Shape, const D extends number>(x: Tensor<S>, dim?: DimArgument<S, D>): Tensor<S>;
export function logSoftmax(x: Tensor, dim?: number, ...more: readonly unknown[]): Tensor {
  requireTensor('logSoftmax', 'the input', x);
  refuseMore('logSoftmax', more, ONE_DIM);
  return x.logSoftmax(dim ?? implicitDim(x));
}

const implicitDim = ({ ndim }: Tensor): number => (ndim === 0 || ndim === 1 || ndim === 3 ? 0 : 1);

/** x where positive, slope·x elsewhere. */
export function leakyRelu<S extends Shape>(x: Tensor<S>, negativeSlope?: number): Tensor<S>;
export function leakyRelu(x: Tensor, negativeSlope = 0.01, ...more: readonly unknown[]): Tensor {
  refuseMore('leakyRelu', more, 'an input and a slope');
  return apply1('leakyRelu', [x], NO_ATTRS, [negativeSlope]);
}

// ---- regularisation and normalisation

export interface DropoutOptions {
  /** The probability of an element becoming 0. Default 0.5. */
  readonly p?: number;
  /** Default true. */
  readonly training?: boolean;
  readonly generator?: Generator;
}

function dropoutMask(x: Tensor, shape: readonly number[], p: number, generator: Generator | undefined): Tensor {
  if (x.dtype !== 'float32' && x.dtype !== 'float64') {
    throw new DTypeError(
      `dropout: expected a floating-point input, but got ${x.dtype}; convert it with .to('float32')`,
    );
  }
  const count = shape.reduce((n, size) => n * size, 1);
  const mask = x.dtype === 'float32' ? new Float32Array(count) : new Float64Array(count);
  return drawnTensor(shape, x.dtype, mask, () => fillDropoutMask(mask, p, generator), x.storage.device);
}

function dropoutOptions(op: string, x: unknown, options: unknown): DropoutOptions {
  requireTensor(op, 'the input', x);
  return requireOptions<DropoutOptions>(op, options, DROPOUT_OPTIONS, `F.${op}(x, { p: 0.5 })`);
}

/** In training, zeroes elements with probability p and scales the rest by 1/(1 − p); else the input itself. */
export function dropout<S extends Shape>(x: Tensor<S>, options: DropoutOptions = {}): Tensor<S> {
  const { p = 0.5, training = true, generator } = dropoutOptions('dropout', x, options);
  return training && p > 0 ? (x as Tensor).mul(dropoutMask(x, x.layout.shape, p, generator)) : x;
}

/** As {@link dropout}, for whole channels of [N, C, H, W]. */
export function dropout2d<S extends Shape>(x: Tensor<S>, options: DropoutOptions = {}): Tensor<S> {
  const { p = 0.5, training = true, generator } = dropoutOptions('dropout2d', x, options);
  if (!training || p === 0) return x;
  const shape = x.layout.shape.map((size, i) => (i < 2 ? size : 1));
  return (x as Tensor).mul(dropoutMask(x, shape, p, generator));
}

export interface BatchNormOptions {
  readonly weight?: Tensor | null;
  readonly bias?: Tensor | null;
  /** Normalise with the batch's statistics and update the running ones. Default false. */
  readonly training?: boolean;
  /** Weight of the new statistics in the running ones. Default 0.1. */
  readonly momentum?: number;
  /** Default 1e-5. */
  readonly eps?: number;
}

/**
 * Normalises each channel of [N, C, …]: https://pytorch.org/docs/stable/generated/torch.nn.functional.batch_norm.html
 * @throws ShapeError when a parameter does not have C elements, or in training with one value per channel
 */
export function batchNorm<S extends Shape>(
  x: Tensor<S>,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  options?: BatchNormOptions,
): Tensor<S>;
export function batchNorm(
  x: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  options: BatchNormOptions = {},
): Tensor {
  requireTensor('batchNorm', 'the input', x);
  requireKind('batchNorm', 'runningMean', runningMean, TENSOR_OR_NULL);
  requireKind('batchNorm', 'runningVar', runningVar, TENSOR_OR_NULL);
  const given = requireOptions<BatchNormOptions>('batchNorm', options, BATCH_NORM_OPTIONS, '{ training: true }');
  return batchNormWith(x, runningMean, runningVar, given, [given.momentum ?? 0.1]);
}

// ---- losses

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

const CLASSES = "class indices are tensor([0, 2], { dtype: 'int64' })";

/**
 * Kernels refuse a target that is no class. A compiled function also looks at those that are there beforehand, before it changes
 * anything.
 */
function checkTargets(
  op: 'crossEntropy' | 'nllLoss',
  x: Tensor,
  target: Tensor,
  { ignoreIndex }: ClassLossParams,
): void {
  if (target.dtype !== 'int64') {
    throw new DTypeError(
      `${op}: expected class indices of dtype int64 as target, but got ${target.dtype}; convert them with .to('int64')`,
    );
  }
  const recorder = activeRecorder();
  if (recorder === undefined) return;
  const classes = x.layout.shape[x.ndim === 1 ? 0 : 1] ?? 0;
  const params = indexCheckParams(op, classes, ignoreIndex, (label) => wrongTarget(op, classes, ignoreIndex, label));
  recorder.check(target, (given) => void apply1('indexCheck', [given], params));
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
  options?: CrossEntropyOptions & { readonly reduction?: R },
): Tensor<LossShape<ShapeFor<S, ClassTarget<S, T, 'crossEntropy'>>, R>>;
export function crossEntropy(input: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  requireTensor('crossEntropy', 'the input', input);
  requireTensor('crossEntropy', 'the target', target, CLASSES);
  const given = requireOptions<CrossEntropyOptions>(
    'crossEntropy',
    options,
    CROSS_ENTROPY_OPTIONS,
    "{ reduction: 'sum' }",
  );
  const { weight = null, ignoreIndex, reduction, labelSmoothing } = given;
  const params = classLossParams('crossEntropy', { weight: weight !== null, ignoreIndex, reduction, labelSmoothing });
  if (target.isFloatingPoint() && sameDims(target.layout.shape, input.layout.shape)) {
    if (params.ignoreIndex >= 0) throw new ArgumentError(`crossEntropy: ignoreIndex ${params.ignoreIndex} has no meaning for targets that are probabilities; leave it out, or give class indices of dtype int64`); // prettier-ignore
    return probabilityCrossEntropy(input, target, weight, params);
  }
  checkTargets('crossEntropy', input, target, params);
  return apply('crossEntropy', weight === null ? [input, target] : [input, target, weight], params)[0]!;
}

/** −Σ target·log softmax(input), for targets that are probabilities. */
function probabilityCrossEntropy(
  input: Tensor,
  target: Tensor,
  weight: Tensor | null,
  params: ClassLossParams,
): Tensor {
  const dim = input.ndim === 1 ? 0 : 1;
  const classes = input.layout.shape[dim]!;
  const { labelSmoothing, reduction } = params;
  const soft = labelSmoothing > 0 ? target.mul(1 - labelSmoothing).add(labelSmoothing / classes) : target;
  const perClass = weight === null ? soft : soft.mul(weight.reshape(weight.layout.shape.concat(Array<number>(input.ndim - dim - 1).fill(1)))); // prettier-ignore
  const loss = input.logSoftmax(dim).mul(perClass).sum(dim).neg();
  if (reduction === 'none') return loss;
  const total = loss.sum();
  return reduction === 'sum' ? total : total.div(input.numel() / classes);
}

/** The negative log-likelihood of class indices under log-probabilities [N, C] or [N, C, d1, …]. */
export function nllLoss<S extends Shape, T extends Shape, R extends Reduction = 'mean'>(
  input: Tensor<S>,
  target: CheckedFor<S, ClassTarget<S, T, 'nllLoss', false>, Tensor<T>>,
  options?: ClassLossOptions & { readonly reduction?: R },
): Tensor<LossShape<ShapeFor<S, ClassTarget<S, T, 'nllLoss', false>>, R>>;
export function nllLoss(input: Tensor, target: Tensor, options: ClassLossOptions = {}): Tensor {
  requireTensor('nllLoss', 'the input', input);
  requireTensor('nllLoss', 'the target', target, CLASSES);
  const given = requireOptions<ClassLossOptions>('nllLoss', options, CLASS_LOSS_OPTIONS, "{ reduction: 'sum' }");
  const { weight = null, ignoreIndex, reduction } = given;
  const params = classLossParams('nllLoss', { weight: weight !== null, ignoreIndex, reduction });
  checkTargets('nllLoss', input, target, params);
  return apply('nllLoss', weight === null ? [input, target] : [input, target, weight], params)[0]!;
}

export interface LossOptions {
  /** Default 'mean'. */
  readonly reduction?: Reduction;
}

function pairLoss(
  op: 'mseLoss' | 'l1Loss' | 'smoothL1Loss' | 'huberLoss',
  kind: PairLossKind,
  x: Tensor,
  y: Tensor,
  options: LossOptions & { readonly beta?: number },
): Tensor {
  requireTensor(op, 'the input', x);
  requireTensor(op, 'the target', y);
  const kinds = kind === 'smoothL1' ? SMOOTH_L1_OPTIONS : LOSS_OPTIONS;
  const { reduction, beta } = requireOptions<LossOptions & { beta?: number }>(op, options, kinds as typeof SMOOTH_L1_OPTIONS, "{ reduction: 'sum' }"); // prettier-ignore
  // prettier-ignore
  const [a, b] = sameDims(x.layout.shape, y.layout.shape) ? [x, y] : (broadcastTensors(x, y) as [Tensor, Tensor]);
  if (op === 'l1Loss' && (x.dtype === 'bool' || y.dtype === 'bool')) throw boolDifference(op);
  const dtype = promoteLayouts(x.layout, y.layout);
  return apply1(op, [a.to(dtype), b.to(dtype)], pairLossParams(kind, reduction, beta));
}

/** How a loss of the elements of two tensors is called: their shapes broadcast. */
export type PairLoss<Options extends LossOptions = LossOptions> = <
  S extends Shape,
  T extends Shape,
  R extends Reduction = 'mean',
>(
  input: Tensor<S>,
  target: CheckedFor<S, ElementTarget<S, T>, Tensor<T>>,
  options?: Options & { readonly reduction?: R },
) => Tensor<LossShape<ShapeFor<S, ElementTarget<S, T>>, R>>;

/** The mean squared error. */
export const mseLoss: PairLoss = (input: Tensor, target: unknown, options: LossOptions = {}): Tensor =>
  pairLoss('mseLoss', 'mse', input, target as Tensor, options);
/** The mean absolute error. */
export const l1Loss: PairLoss = (input: Tensor, target: unknown, options: LossOptions = {}): Tensor =>
  pairLoss('l1Loss', 'l1', input, target as Tensor, options);
/** Squared below `beta`, absolute above (Girshick 2015). */
export const smoothL1Loss: PairLoss<LossOptions & { readonly beta?: number }> = (input: Tensor, target: unknown, options: LossOptions & { readonly beta?: number } = {}): Tensor => pairLoss('smoothL1Loss', 'smoothL1', input, target as Tensor, options); // prettier-ignore

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
  return apply1('pad', [x], padParams(pads), [value]);
}

type OneHotShape<S extends Shape, N> = IsDynamic<S> extends true ? Dynamic : [...S, N];

/** int64 class indices [...] → int64 [..., numClasses]. */
export function oneHot<S extends Shape, N extends number>(x: Tensor<S>, numClasses: N): Tensor<OneHotShape<S, N>>;
export function oneHot(x: Tensor, numClasses: number): Tensor {
  return apply1('oneHot', [x], oneHotParams(numClasses));
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
