/**
 * Normalisation, part of `F` (https://pytorch.org/docs/stable/nn.functional.html#normalization-functions). Instance normalisation, and what
 * has neither scale nor shift, is batch normalisation of one sample with as many channels as there are rows to normalise.
 */
import { arrayOf, BOOL, COUNT, either, NOT_NEGATIVE, NUMBER, orNull, SIZE, WHOLE } from '../base/arguments.ts';
import { isHalf, requireFloating } from '../base/dtype.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { numelOf, sameDims, showShape, type Dims } from '../base/shape.ts';
import { readCall } from '../base/signature.ts';
import { batchNormParams, lineNormParams } from '../geometry/norm.ts';
import { normParams, varianceParams } from '../geometry/reduce.ts';
import { TENSOR_OR_NULL } from '../tensor/arguments.ts';
import { apply, apply1 } from '../tensor/dispatch.ts';
import { lineNorm } from '../tensor/families/line-norm.ts';
import { reductions } from '../tensor/families/reductions.ts';
import { withGradMode } from '../tensor/grad-mode.ts';
import type { Shape } from '../tensor/shapes/dims.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { batchNormWith } from './prepared.ts';
import { functionOf } from './signatures.ts';
import { vectorNorm } from './vector-norm.ts';

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

interface RunningStatistics {
  readonly runningMean: Tensor | null;
  readonly runningVar: Tensor | null;
}

const AFFINE = { weight: TENSOR_OR_NULL, bias: TENSOR_OR_NULL };
const RUNNING = { runningMean: TENSOR_OR_NULL, runningVar: TENSOR_OR_NULL };

const BATCH_NORM = functionOf<BatchNormOptions & RunningStatistics>(
  'batchNorm',
  { ...RUNNING, ...AFFINE, training: BOOL, momentum: NUMBER, eps: NOT_NEGATIVE },
  { required: 2 },
);

/**
 * Normalises each channel of [N, C, …]: https://pytorch.org/docs/stable/generated/torch.nn.functional.batch_norm.html
 * @throws ShapeError when a parameter does not have C elements, or in training with one value per channel
 */
export function batchNorm<S extends Shape>(
  input: Tensor<S>,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  weight?: Tensor | null | BatchNormOptions,
  bias?: Tensor | null | Omit<BatchNormOptions, 'weight'>,
  training?: boolean | Omit<BatchNormOptions, 'weight' | 'bias'>,
  momentum?: number | Pick<BatchNormOptions, 'momentum' | 'eps'>,
  eps?: number | Pick<BatchNormOptions, 'eps'>,
): Tensor<S>;
export function batchNorm(...args: readonly unknown[]): Tensor {
  const { input, runningMean, runningVar, momentum = 0.1, ...rest } = readCall(BATCH_NORM, args);
  return batchNormWith(input, runningMean, runningVar, rest, [momentum]);
}

const floating = (op: string, x: Tensor): void => requireFloating(op, 'input', x.dtype);
/** Floats of 16 bits are normalised in float32 and rounded once. */
const wide = <T extends Tensor | null>(x: T): T => (x !== null && isHalf(x.dtype) ? (x.to('float32') as T) : x);

/** Each of `rows` rows with mean 0 and variance 1, and where they are given, a scale and a shift for each row. */
function normalizeRows(x: Tensor, rows: number, eps: number, weight: Tensor | null = null, bias: Tensor | null = null): Tensor {
  const { shape } = x.layout;
  const length = rows === 0 ? 0 : x.numel() / rows;
  if (length < 2) return x.sub(x); // what is alone is its mean
  const params = batchNormParams({ weight: weight !== null, bias: bias !== null, running: false, eps });
  const inputs = [x.reshape([1, rows, length]), weight, bias].filter((t) => t !== null);
  return apply('batchNorm', inputs, params, [0])[0]!.reshape(shape);
}

interface Scales {
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  /** The shape in which they broadcast with the input. */
  readonly shape: Dims;
}

/** y·weight + bias, either of which may be missing. */
function scaled(y: Tensor, { weight, bias, shape }: Scales): Tensor {
  const product = weight === null ? y : y.mul(weight.reshape(shape));
  return bias === null ? product : product.add(bias.reshape(shape));
}

/** Lines normalised, with a scale and a shift for every `each` elements side by side, which repeat after `groups` lines. */
function normalizeLines(x: Tensor, sizes: { length: number; groups: number; each: number; eps: number }, scales: Scales): Tensor {
  const { weight, bias } = scales;
  if (weight === null && bias === null) return normalizeRows(x, x.numel() / Math.max(sizes.length, 1), sizes.eps);
  if (sizes.length < 2 || x.numel() === 0) return scaled(x.sub(x), scales); // what is alone is its mean
  const params = lineNormParams({ ...sizes, weight: weight !== null, bias: bias !== null });
  return apply(
    lineNorm.lineNorm,
    [x, weight, bias].filter((t) => t !== null),
    params,
  )[0]!;
}

function requireShape(op: string, name: string, x: Tensor | null, expected: Dims): void {
  if (x !== null && !sameDims(x.layout.shape, expected)) {
    throw new ShapeError(`${op}: expected ${name} of shape ${showShape(expected)}, but got ${showShape(x.layout.shape)}`);
  }
}

export interface LayerNormOptions {
  readonly weight?: Tensor | null;
  readonly bias?: Tensor | null;
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
}

/** One size or several: the last sizes of an input. */
export type NormalizedShape = number | readonly number[];
export const NORMALIZED_SHAPE = either(SIZE, arrayOf(SIZE, 'sizes'));
export const normalizedDims = (shape: NormalizedShape): readonly number[] => (typeof shape === 'number' ? [shape] : shape);

const LAYER_NORM = functionOf<LayerNormOptions & { normalizedShape: NormalizedShape }>(
  'layerNorm',
  { normalizedShape: NORMALIZED_SHAPE, ...AFFINE, eps: NOT_NEGATIVE },
  { required: 1 },
);

/** @throws ShapeError unless the last sizes are `normalized` */
function requireEnd(op: string, x: Tensor, normalized: Dims): void {
  const { shape } = x.layout;
  const at = shape.length - normalized.length;
  if (normalized.length === 0 || at < 0 || !sameDims(shape.slice(at), normalized)) {
    throw new ShapeError(
      `${op}: expected an input whose last sizes are ${showShape(normalized)}, the normalizedShape, but got ${showShape(shape)}`,
    );
  }
}

/**
 * Normalises over the last dimensions, whose sizes are `normalizedShape`
 * (https://pytorch.org/docs/stable/generated/torch.nn.functional.layer_norm.html).
 * @throws ShapeError when the input ends otherwise, or a parameter has another shape
 */
export function layerNorm<S extends Shape>(
  input: Tensor<S>,
  normalizedShape: NormalizedShape,
  weight?: Tensor | null | LayerNormOptions,
  bias?: Tensor | null | Omit<LayerNormOptions, 'weight'>,
  eps?: number | Pick<LayerNormOptions, 'eps'>,
): Tensor<S>;
export function layerNorm(...args: readonly unknown[]): Tensor {
  const { input, normalizedShape, weight = null, bias = null, eps = 1e-5 } = readCall(LAYER_NORM, args);
  return layerNormWith(input, normalizedDims(normalizedShape), weight, bias, eps);
}

/** {@link layerNorm} whose arguments were checked. */
export function layerNormWith(x: Tensor, normalized: Dims, weight: Tensor | null, bias: Tensor | null, eps: number): Tensor {
  floating('layerNorm', x);
  requireEnd('layerNorm', x, normalized);
  requireShape('layerNorm', 'weight', weight, normalized);
  requireShape('layerNorm', 'bias', bias, normalized);
  if (isHalf(x.dtype)) return layerNormWith(wide(x), normalized, wide(weight), wide(bias), eps).to(x.dtype);
  return normalizeLines(x, { length: numelOf(normalized), groups: 1, each: 1, eps }, { weight, bias, shape: normalized });
}

const GROUP_NORM = functionOf<LayerNormOptions & { numGroups: number }>(
  'groupNorm',
  { numGroups: COUNT, ...AFFINE, eps: NOT_NEGATIVE },
  { required: 1 },
);

/**
 * Normalises groups of channels of each sample of [N, C, …]
 * (https://pytorch.org/docs/stable/generated/torch.nn.functional.group_norm.html).
 * @throws ShapeError when the groups do not divide the channels, or a parameter does not have C elements
 */
export function groupNorm<S extends Shape>(
  input: Tensor<S>,
  numGroups: number,
  weight?: Tensor | null | LayerNormOptions,
  bias?: Tensor | null | Omit<LayerNormOptions, 'weight'>,
  eps?: number | Pick<LayerNormOptions, 'eps'>,
): Tensor<S>;
export function groupNorm(...args: readonly unknown[]): Tensor {
  const { input, numGroups, weight = null, bias = null, eps = 1e-5 } = readCall(GROUP_NORM, args);
  return groupNormWith(input, numGroups, weight, bias, eps);
}

/** {@link groupNorm} whose arguments were checked. */
export function groupNormWith(x: Tensor, groups: number, weight: Tensor | null, bias: Tensor | null, eps: number): Tensor {
  floating('groupNorm', x);
  const { shape } = x.layout;
  if (shape.length < 2) throw new ShapeError(`groupNorm: expected an input [N, C, …], but got ${showShape(shape)}`);
  const [n, channels] = shape as [number, number];
  if (channels % groups !== 0)
    throw new ShapeError(
      `groupNorm: expected numGroups to divide the channels, but got ${groups} groups and an input of ${showShape(shape)}`,
    );
  const group = numelOf(shape.slice(1)) / groups;
  if (group === 0) throw new ShapeError(`groupNorm: expected channels and places, but got an input of shape ${showShape(shape)}`);
  if (n * group === 1)
    throw new ShapeError(`groupNorm: expected more than 1 value per group, but got an input of shape ${showShape(shape)}`);
  requireShape('groupNorm', 'weight', weight, [channels]);
  requireShape('groupNorm', 'bias', bias, [channels]);
  if (isHalf(x.dtype)) return groupNormWith(wide(x), groups, wide(weight), wide(bias), eps).to(x.dtype);
  const sizes = { length: group, groups, each: numelOf(shape.slice(2)), eps };
  return normalizeLines(x, sizes, { weight, bias, shape: [channels, ...shape.slice(2).map(() => 1)] });
}

export interface InstanceNormOptions {
  readonly runningMean?: Tensor | null;
  readonly runningVar?: Tensor | null;
  readonly weight?: Tensor | null;
  readonly bias?: Tensor | null;
  /** Normalise with each sample's own statistics, not with running ones. Default true. */
  readonly useInputStats?: boolean;
  /** Default 0.1. */
  readonly momentum?: number;
  /** Default 1e-5. */
  readonly eps?: number;
}
type AfterVar = Omit<InstanceNormOptions, 'runningMean' | 'runningVar'>;
type AfterBias = Omit<AfterVar, 'weight' | 'bias'>;

const INSTANCE_NORM = functionOf<InstanceNormOptions>('instanceNorm', {
  ...RUNNING,
  ...AFFINE,
  useInputStats: BOOL,
  momentum: NUMBER,
  eps: NOT_NEGATIVE,
});

/**
 * Normalises each channel of each sample of [N, C, …]
 * (https://pytorch.org/docs/stable/generated/torch.nn.functional.instance_norm.html).
 * @throws ShapeError for one value per channel, or a parameter that does not have C elements
 */
export function instanceNorm<S extends Shape>(
  input: Tensor<S>,
  runningMean?: Tensor | null | InstanceNormOptions,
  runningVar?: Tensor | null | Omit<InstanceNormOptions, 'runningMean'>,
  weight?: Tensor | null | AfterVar,
  bias?: Tensor | null | Omit<AfterVar, 'weight'>,
  useInputStats?: boolean | AfterBias,
  momentum?: number | Pick<InstanceNormOptions, 'momentum' | 'eps'>,
  eps?: number | Pick<InstanceNormOptions, 'eps'>,
): Tensor<S>;
export function instanceNorm(...args: readonly unknown[]): Tensor {
  const { input, ...options } = readCall(INSTANCE_NORM, args);
  return instanceNormWith(input, options);
}

/** {@link instanceNorm} whose arguments were checked. */
export function instanceNormWith(x: Tensor, options: InstanceNormOptions): Tensor {
  const { runningMean = null, runningVar = null, weight = null, bias = null, eps = 1e-5 } = options;
  floating('instanceNorm', x);
  const { shape } = x.layout;
  if (shape.length < 2) throw new ShapeError(`instanceNorm: expected an input [N, C, …], but got ${showShape(shape)}`);
  const [n, channels] = shape as [number, number];
  for (const [name, parameter] of Object.entries({ weight, bias, runningMean, runningVar }))
    requireShape('instanceNorm', name, parameter, [channels]);
  if (options.useInputStats === false) {
    if (runningMean === null || runningVar === null)
      throw new ArgumentError('instanceNorm: without useInputStats it needs running statistics; pass runningMean and runningVar');
    return batchNormWith(x, runningMean, runningVar, { weight, bias, eps, training: false }, [0]);
  }
  const spatial = numelOf(shape.slice(2));
  if (spatial === 1)
    throw new ShapeError(`instanceNorm: expected more than 1 spatial element, but got an input of shape ${showShape(shape)}`);
  if (runningMean !== null && runningVar !== null) updateRunning(x, runningMean, runningVar, options.momentum ?? 0.1);
  const each = (t: Tensor | null): Tensor | null => t && t.expand([n, channels]).reshape([n * channels]);
  if (x.numel() === 0) return x.clone();
  return normalizeRows(wide(x), n * channels, eps, each(wide(weight)), each(wide(bias))).to(x.dtype);
}

/** Running statistics take in the mean over samples of what each has. */
function updateRunning(x: Tensor, mean: Tensor, variance: Tensor, momentum: number): void {
  withGradMode(false, () => {
    const [n, channels] = x.layout.shape as [number, number];
    const rows = x.reshape([n, channels, -1]);
    const means = rows.mean(2).mean(0);
    const variances = apply1(reductions.var, [rows], varianceParams(2, false, 1)).mean(0);
    mean.copy_(mean.mul(1 - momentum).add(means.mul(momentum)));
    variance.copy_(variance.mul(1 - momentum).add(variances.mul(momentum)));
  });
}

export interface RMSNormOptions {
  readonly weight?: Tensor | null;
  /** Added to the mean of squares; null for the smallest step of the dtype at 1. Default null. */
  readonly eps?: number | null;
}
const RMS_NORM = functionOf<RMSNormOptions & { normalizedShape: NormalizedShape }>(
  'rmsNorm',
  { normalizedShape: NORMALIZED_SHAPE, weight: TENSOR_OR_NULL, eps: orNull(NOT_NEGATIVE) },
  { required: 1 },
);

/** Divides by the root of the mean of squares over the last dimensions (Zhang and Sennrich 2019). */
export function rmsNorm<S extends Shape>(
  input: Tensor<S>,
  normalizedShape: NormalizedShape,
  weight?: Tensor | null | RMSNormOptions,
  eps?: number | null | Pick<RMSNormOptions, 'eps'>,
): Tensor<S>;
export function rmsNorm(...args: readonly unknown[]): Tensor {
  const { input, normalizedShape, weight = null, eps = null } = readCall(RMS_NORM, args);
  return rmsNormWith(input, normalizedDims(normalizedShape), weight, eps);
}

/** {@link rmsNorm} whose arguments were checked. */
export function rmsNormWith(x: Tensor, normalized: Dims, weight: Tensor | null, eps: number | null): Tensor {
  floating('rmsNorm', x);
  requireEnd('rmsNorm', x, normalized);
  requireShape('rmsNorm', 'weight', weight, normalized);
  if (isHalf(x.dtype)) return rmsNormWith(wide(x), normalized, wide(weight), eps).to(x.dtype);
  const dims = normalized.map((_, i) => i - normalized.length);
  const squares = apply1(reductions.norm, [x], normParams(2, dims, true, false));
  const least = eps ?? (x.dtype === 'float64' ? 2 ** -52 : 2 ** -23);
  const normal = x.mul(
    squares
      .div(Math.max(numelOf(normalized), 1))
      .add(least)
      .rsqrt(),
  );
  return weight === null ? normal : normal.mul(weight);
}

export interface NormalizeOptions {
  /** Which norm. Default 2. */
  readonly p?: number;
  /** Default 1. */
  readonly dim?: number;
  /** Norms below it count as this. Default 1e-12. */
  readonly eps?: number;
}
const NORMALIZE = functionOf<NormalizeOptions>('normalize', { p: NUMBER, dim: WHOLE, eps: NUMBER });

/** x / max(‖x‖ₚ, eps), along a dimension. */
export function normalize<S extends Shape>(
  input: Tensor<S>,
  p?: number | NormalizeOptions,
  dim?: number | Omit<NormalizeOptions, 'p'>,
  eps?: number | Pick<NormalizeOptions, 'eps'>,
): Tensor<S>;
export function normalize(...args: readonly unknown[]): Tensor {
  const { input, p = 2, dim = 1, eps = 1e-12 } = readCall(NORMALIZE, args);
  floating('normalize', input);
  return input.div(vectorNorm(input, p, dim).clamp({ min: eps }));
}
