/**
 * Convolution and pooling of images, with shapes in the types; part of `F` (https://pytorch.org/docs/stable/nn.functional.html). Sizes are
 * numbers or pairs [vertical, horizontal]; arguments come in PyTorch's order, or by name from any position on.
 */
import { BOOL, orNull, pairOf, WHOLE, WIDTH } from '../base/arguments.ts';
import type { Given, LeftOut } from '../base/call-types.ts';
import { readCall, signature } from '../base/signature.ts';
import { CONV_OPTIONS, convParams, type ConvOptions } from '../geometry/conv.ts';
import { adaptivePoolParams, avgPoolParams, maxPoolParams, OUTPUT_SIZE, WINDOW, type Pair } from '../geometry/pool.ts';
import { TENSOR, TENSOR_OR_NULL } from '../tensor/arguments.ts';
import { apply } from '../tensor/dispatch.ts';
import { maxPool } from '../tensor/families/max-pool.ts';
import { regionPool } from '../tensor/families/region-pool.ts';
import type { CheckedFor, Shape, ShapeFor } from '../tensor/shapes/dims.ts';
import type { AdaptivePool2dShape, FilteredShape, Padding, Pool2dShape } from '../tensor/shapes/window.ts';
import { valuesAndIndices, type ValuesAndIndices } from '../tensor/values-and-indices.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { adaptiveAvgPool2dWith, avgPool2dWith, conv2dWith, maxPool2dWith } from './prepared.ts';

interface ConvArguments extends ConvOptions {
  readonly input: Tensor;
  readonly weight: Tensor;
  readonly bias?: Tensor | null;
}
const CONV2D = signature<ConvArguments>(
  'conv2d',
  { input: TENSOR, weight: TENSOR, bias: TENSOR_OR_NULL, ...CONV_OPTIONS },
  { required: 2, example: 'F.conv2d(x, weight, bias, 2, 1) or F.conv2d(x, weight, bias, { stride: 2, padding: 1 })' },
);

interface ConvRest<S, P, D, G> {
  readonly stride?: S;
  readonly padding?: P;
  readonly dilation?: D;
  readonly groups?: G;
}
interface WithBias {
  readonly bias?: Tensor | null;
}

/**
 * Convolves images with filters (cross-correlation, as all of deep learning's convolutions):
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html
 * `input` is [N, Cin, H, W] or [Cin, H, W], `weight` [Cout, Cin / groups, kH, kW], `bias` [Cout].
 *
 * @returns [N, Cout, Hout, Wout] with Hout = ⌊(H + 2·padding − dilation·(kH − 1) − 1) / stride⌋ + 1
 * @throws ShapeError when channels or sizes do not fit
 * @example
 * import { F, tensor } from 'flambeau';
 * const x = tensor([[[[0, 1, 2], [3, 4, 5], [6, 7, 8]]]]);
 * const k = tensor([[[[0, 1], [2, 3]]]]);
 * if (String(F.conv2d(x, k).tolist()) !== '19,25,37,43') throw new Error('the tutorial says 19, 25, 37, 43');
 */
export function conv2d(all: ConvArguments): Tensor;
export function conv2d<
  X extends Shape,
  W extends Shape,
  const S extends Pair | LeftOut = LeftOut,
  const P extends Padding | LeftOut = LeftOut,
  const D extends Pair | LeftOut = LeftOut,
  G extends number | LeftOut = LeftOut,
>(
  input: CheckedFor<X, FilteredShape<X, W, Given<S, 1>, Given<P, 0>, Given<D, 1>, Given<G, 1>>, Tensor<X>>,
  weight: Tensor<W>,
  bias?: Tensor | null | (ConvRest<S, P, D, G> & WithBias),
  stride?: S | ConvRest<S, P, D, G>,
  padding?: P | Omit<ConvRest<S, P, D, G>, 'stride'>,
  dilation?: D | Omit<ConvRest<S, P, D, G>, 'stride' | 'padding'>,
  groups?: G | { readonly groups?: G },
): Tensor<ShapeFor<X, FilteredShape<X, W, Given<S, 1>, Given<P, 0>, Given<D, 1>, Given<G, 1>>>>;
export function conv2d(...args: readonly unknown[]): Tensor {
  const { input, weight, bias = null, ...given } = readCall(CONV2D, args);
  return conv2dWith(input, weight, bias, convParams(given));
}

// ---- pooling

interface MaxPoolArguments {
  readonly input: Tensor;
  readonly kernelSize: Pair;
  readonly stride?: Pair | null;
  readonly padding?: Pair;
  readonly dilation?: Pair;
  readonly ceilMode?: boolean;
  readonly returnIndices?: boolean;
}
const MAX_KINDS = { input: TENSOR, kernelSize: WINDOW, stride: orNull(WINDOW), padding: pairOf(WIDTH), dilation: WINDOW, ceilMode: BOOL, returnIndices: BOOL }; // prettier-ignore
const MAX_POOL2D = signature<MaxPoolArguments>('maxPool2d', MAX_KINDS, {
  required: 2,
  example: 'F.maxPool2d(x, 3, 2, 1) or F.maxPool2d(x, 3, { stride: 2, padding: 1 })',
});
const { returnIndices: _, ...INDEXED_KINDS } = MAX_KINDS;
const INDEXED = signature<Omit<MaxPoolArguments, 'returnIndices'>>('maxPool2dWithIndices', INDEXED_KINDS, {
  required: 2,
  example: 'F.maxPool2dWithIndices(x, 3, 2, 1)',
});

/** What may follow the kernel size of a max pooling, by name. */
export interface MaxRest<S, P, D, C, R = false> {
  /** Default: the kernel size. */
  readonly stride?: S | null;
  readonly padding?: P;
  readonly dilation?: D;
  readonly ceilMode?: C;
  /** Whether the result has the places of the maxima as well: `{ values, indices }`. */
  readonly returnIndices?: R;
}
type MaxShape<X, K, S, P, D, C, Name extends string> = Pool2dShape<X, K, Given<S, K>, Given<P, 0>, Given<D, 1>, Given<C, false>, Name>;

/**
 * The largest element of each window: [N, C, H, W] → [N, C, Hout, Wout]. The stride is the kernel size by default. With `returnIndices`, the
 * place of each maximum in its H·W plane as well, `{ values, indices }`.
 */
export function maxPool2d(all: MaxPoolArguments): Tensor;
export function maxPool2d<
  X extends Shape,
  const K extends Pair,
  const S extends Pair | LeftOut = LeftOut,
  const P extends Pair | LeftOut = LeftOut,
  const D extends Pair | LeftOut = LeftOut,
  C extends boolean | LeftOut = LeftOut,
  R extends boolean | LeftOut = LeftOut,
>(
  input: Tensor<X>,
  kernelSize: CheckedFor<X, MaxShape<X, K, S, P, D, C, 'maxPool2d'>, K>,
  stride?: S | null | MaxRest<S, P, D, C, R>,
  padding?: P | Omit<MaxRest<S, P, D, C, R>, 'stride'>,
  dilation?: D | Omit<MaxRest<S, P, D, C, R>, 'stride' | 'padding'>,
  ceilMode?: C | Pick<MaxRest<S, P, D, C, R>, 'ceilMode' | 'returnIndices'>,
  returnIndices?: R | Pick<MaxRest<S, P, D, C, R>, 'returnIndices'>,
): [Given<R, false>] extends [true]
  ? ValuesAndIndices<ShapeFor<X, MaxShape<X, K, S, P, D, C, 'maxPool2d'>>>
  : Tensor<ShapeFor<X, MaxShape<X, K, S, P, D, C, 'maxPool2d'>>>;
export function maxPool2d(...args: readonly unknown[]): Tensor | ValuesAndIndices {
  const { input, kernelSize, stride, ...given } = readCall(MAX_POOL2D, args);
  const params = maxPoolParams(kernelSize, { ...given, stride: stride ?? undefined });
  return given.returnIndices === true ? both(input, params) : maxPool2dWith(input, params);
}

function both(input: Tensor, params: ReturnType<typeof maxPoolParams>): ValuesAndIndices {
  const [values, indices] = apply(maxPool.maxPool2d, [input], params);
  return valuesAndIndices(undefined, values!, indices!);
}

/** As {@link maxPool2d}, with the place of each maximum in its H·W plane (int64). */
export function maxPool2dWithIndices<
  X extends Shape,
  const K extends Pair,
  const S extends Pair | LeftOut = LeftOut,
  const P extends Pair | LeftOut = LeftOut,
  const D extends Pair | LeftOut = LeftOut,
  C extends boolean | LeftOut = LeftOut,
>(
  input: Tensor<X>,
  kernelSize: CheckedFor<X, MaxShape<X, K, S, P, D, C, 'maxPool2d'>, K>,
  stride?: S | null | Omit<MaxRest<S, P, D, C, never>, 'returnIndices'>,
  padding?: P | Omit<MaxRest<S, P, D, C, never>, 'stride' | 'returnIndices'>,
  dilation?: D | Pick<MaxRest<S, P, D, C, never>, 'dilation' | 'ceilMode'>,
  ceilMode?: C | Pick<MaxRest<S, P, D, C, never>, 'ceilMode'>,
): ValuesAndIndices<ShapeFor<X, MaxShape<X, K, S, P, D, C, 'maxPool2d'>>>;
export function maxPool2dWithIndices(...args: readonly unknown[]): ValuesAndIndices {
  const { input, kernelSize, stride, ...given } = readCall(INDEXED, args);
  return both(input, maxPoolParams(kernelSize, { ...given, stride: stride ?? undefined, returnIndices: true }));
}

/** What may follow the kernel size of an average pooling, by name. */
export interface AvgRest<S, P, C> {
  /** Default: the kernel size. */
  readonly stride?: S | null;
  readonly padding?: P;
  readonly ceilMode?: C;
  /** Whether padding counts in the divisor; default true. */
  readonly countIncludePad?: boolean;
  /** Divides by this instead of the window's size. */
  readonly divisorOverride?: number | null;
}
interface AvgPoolArguments extends AvgRest<Pair, Pair, boolean> {
  readonly input: Tensor;
  readonly kernelSize: Pair;
}
const AVG_POOL2D = signature<AvgPoolArguments>('avgPool2d', { input: TENSOR, kernelSize: WINDOW, stride: orNull(WINDOW), padding: pairOf(WIDTH), ceilMode: BOOL, countIncludePad: BOOL, divisorOverride: orNull(WHOLE) }, { required: 2, example: 'F.avgPool2d(x, 3, 2, 1) or F.avgPool2d(x, 3, { stride: 2, padding: 1 })' }); // prettier-ignore
type AvgShape<X, K, S, P, C> = Pool2dShape<X, K, Given<S, K>, Given<P, 0>, 1, Given<C, false>, 'avgPool2d'>;

/** The mean of each window. */
export function avgPool2d(all: AvgPoolArguments): Tensor;
export function avgPool2d<
  X extends Shape,
  const K extends Pair,
  const S extends Pair | LeftOut = LeftOut,
  const P extends Pair | LeftOut = LeftOut,
  C extends boolean | LeftOut = LeftOut,
>(
  input: Tensor<X>,
  kernelSize: CheckedFor<X, AvgShape<X, K, S, P, C>, K>,
  stride?: S | null | AvgRest<S, P, C>,
  padding?: P | Omit<AvgRest<S, P, C>, 'stride'>,
  ceilMode?: C | Omit<AvgRest<S, P, C>, 'stride' | 'padding'>,
  countIncludePad?: boolean | Pick<AvgRest<S, P, C>, 'countIncludePad' | 'divisorOverride'>,
  divisorOverride?: number | null | Pick<AvgRest<S, P, C>, 'divisorOverride'>,
): Tensor<ShapeFor<X, AvgShape<X, K, S, P, C>>>;
export function avgPool2d(...args: readonly unknown[]): Tensor {
  const { input, kernelSize, stride, ...given } = readCall(AVG_POOL2D, args);
  return avgPool2dWith(input, avgPoolParams(kernelSize, { ...given, stride: stride ?? undefined }));
}

type OutputSize = number | null | readonly [number | null, number | null] | readonly (number | null)[];
interface AdaptiveArguments {
  readonly input: Tensor;
  readonly outputSize: OutputSize;
}
const ADAPTIVE_AVG = signature<AdaptiveArguments>(
  'adaptiveAvgPool2d',
  { input: TENSOR, outputSize: OUTPUT_SIZE },
  { required: 2, example: 'F.adaptiveAvgPool2d(x, 1)' },
);
const ADAPTIVE_MAX = signature<AdaptiveArguments & { returnIndices?: boolean }>(
  'adaptiveMaxPool2d',
  { input: TENSOR, outputSize: OUTPUT_SIZE, returnIndices: BOOL },
  { required: 2, example: 'F.adaptiveMaxPool2d(x, 1)' },
);

/** Means over windows chosen so that the output has the given size; null keeps the input's. */
export function adaptiveAvgPool2d<S extends Shape, const O extends OutputSize>(
  input: Tensor<S>,
  outputSize: CheckedFor<S, AdaptivePool2dShape<S, O, 'adaptiveAvgPool2d'>, O>,
): Tensor<ShapeFor<S, AdaptivePool2dShape<S, O, 'adaptiveAvgPool2d'>>>;
export function adaptiveAvgPool2d(...args: readonly unknown[]): Tensor {
  const { input, outputSize } = readCall(ADAPTIVE_AVG, args);
  return adaptiveAvgPool2dWith(input, adaptivePoolParams(outputSize));
}

/** Maxima over windows chosen so that the output has the given size; with `returnIndices`, their places as well. */
export function adaptiveMaxPool2d<X extends Shape, const O extends OutputSize>(
  input: Tensor<X>,
  outputSize: CheckedFor<X, AdaptivePool2dShape<X, O, 'adaptiveMaxPool2d'>, O>,
  returnIndices?: false,
): Tensor<ShapeFor<X, AdaptivePool2dShape<X, O, 'adaptiveMaxPool2d'>>>;
export function adaptiveMaxPool2d(input: Tensor, outputSize: OutputSize, returnIndices: true): ValuesAndIndices;
export function adaptiveMaxPool2d(...args: readonly unknown[]): Tensor | ValuesAndIndices {
  const { input, outputSize, returnIndices } = readCall(ADAPTIVE_MAX, args);
  const [values, indices] = apply(regionPool.adaptiveMaxPool2d, [input], adaptivePoolParams(outputSize));
  return returnIndices === true ? valuesAndIndices(undefined, values!, indices!) : values!;
}
