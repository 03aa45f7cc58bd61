/**
 * Dropout in all its forms, part of `F` (https://pytorch.org/docs/stable/nn.functional.html#dropout-functions): elements, whole channels, and
 * the kinds that keep mean and variance of what SELU gives. Draws are PyTorch's.
 */
import { BOOL, PROBABILITY } from '../base/arguments.ts';
import { isHalf } from '../base/dtype.ts';
import { DTypeError, ShapeError } from '../base/errors.ts';
import { showShape } from '../base/shape.ts';
import { readCall, type Signature } from '../base/signature.ts';
import { GENERATOR } from '../tensor/arguments.ts';
import { drawnTensor } from '../tensor/create.ts';
import { fused } from '../tensor/fused.ts';
import { inMemoryOrder } from '../tensor/memory-order.ts';
import { fillBernoulli, fillDropoutMask, type Generator } from '../tensor/random/index.ts';
import type { Shape } from '../tensor/shapes/dims.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { inPlace } from './in-place.ts';
import { functionOf, type OfInput } from './signatures.ts';

export interface DropoutOptions {
  /** The probability of an element becoming 0. Default 0.5. */
  readonly p?: number;
  /** Default true; of alphaDropout and featureAlphaDropout false, as in PyTorch. */
  readonly training?: boolean;
  /** Writes the result into the input. Default false. */
  readonly inplace?: boolean;
  /** By name only. */
  readonly generator?: Generator;
}

/** What comes after p, by name. */
type AfterP = Omit<DropoutOptions, 'p'>;
type AfterTraining = Pick<DropoutOptions, 'inplace' | 'generator'>;
type ByName = Pick<DropoutOptions, 'generator'>;

const dropoutOf = (name: string): Signature<OfInput & DropoutOptions> =>
  functionOf<DropoutOptions>(name, { p: PROBABILITY, training: BOOL, inplace: BOOL, generator: GENERATOR }, { positional: 3 });

const DROPOUT = dropoutOf('dropout');
const DROPOUT1D = dropoutOf('dropout1d');
const DROPOUT2D = dropoutOf('dropout2d');
const DROPOUT3D = dropoutOf('dropout3d');
const ALPHA = dropoutOf('alphaDropout');
const FEATURE_ALPHA = dropoutOf('featureAlphaDropout');

/** How a dropout is called: the input, then p, training, inplace by position or by name. */
export type Dropout = <S extends Shape>(
  input: Tensor<S>,
  p?: number | DropoutOptions,
  training?: boolean | AfterP,
  inplace?: boolean | AfterTraining,
  options?: ByName,
) => Tensor<S>;

/** The arrays that random numbers for `x` go into. */
function noiseFor(x: Tensor, shape: readonly number[]): Float32Array | Float64Array {
  const count = shape.reduce((n, size) => n * size, 1);
  // Of half types the draws are numbers, which are rounded when they are stored.
  if (x.dtype === 'float32' || isHalf(x.dtype)) return new Float32Array(count);
  if (x.dtype === 'float64') return new Float64Array(count);
  throw new DTypeError(`dropout: expected a floating-point input, but got ${x.dtype}; convert it with .to('float32')`);
}

/** What `fill` draws for the elements of `x`, in the order of memory, or for its channels. */
function noiseOf(x: Tensor, features: boolean, fill: (noise: Float32Array | Float64Array) => void): Tensor {
  const make = (shape: readonly number[]): Tensor => {
    const noise = noiseFor(x, shape);
    return drawnTensor(shape, x.dtype, noise, () => fill(noise), x.storage.device);
  };
  return features ? make(ofChannels(x)) : inMemoryOrder(x.layout, make);
}

/** Once for every channel of every sample. */
const ofChannels = (x: Tensor): number[] => x.layout.shape.map((size, i) => (i < 2 ? size : 1));

/** Zeroes with probability p, scales what stays, on elements or channels. */
function drop(args: readonly unknown[], of: Signature<OfInput & DropoutOptions>, features: boolean): Tensor {
  const { input, p = 0.5, training = true, inplace, generator } = readCall(of, args);
  if (!training || p === 0) return input;
  if (features && input.ndim < 2)
    throw new ShapeError(
      `${of.op}: expected an input of at least 2 dimensions, samples and channels, but got ${showShape(input.layout.shape)}`,
    );
  const mask = noiseOf(input, features, (noise) => fillDropoutMask(noise, p, generator));
  return inPlace(inplace, input, (x) => x.mul(mask));
}

/** As {@link drop} for channels; a single sample, of one dimension less than `batched`, gets a batch for the time. */
function dropChannels(
  args: readonly unknown[],
  of: Signature<OfInput & DropoutOptions>,
  ranks: readonly [single: number, batched: number],
): Tensor {
  const { input, ...rest } = readCall(of, args);
  if (!ranks.includes(input.ndim))
    throw new ShapeError(`${of.op}: expected an input of ${ranks[0]} or ${ranks[1]} dimensions, but got ${showShape(input.layout.shape)}`);
  if (input.ndim === ranks[1]) return drop([input, rest], of, true);
  return inPlace(rest.inplace, input, (x) => drop([x.unsqueeze(0), { ...rest, inplace: false }], of, true).squeeze(0));
}

/** In training, zeroes elements with probability p and scales the rest by 1/(1 − p); else the input itself. */
export const dropout: Dropout = (...args: readonly unknown[]): Tensor => drop(args, DROPOUT, false);

/** As {@link dropout}, for whole channels of [N, C, L] or [C, L]. */
export const dropout1d: Dropout = (...args: readonly unknown[]): Tensor => dropChannels(args, DROPOUT1D, [2, 3]);

/** As {@link dropout}, for whole channels of [N, C, H, W]. */
export const dropout2d: Dropout = (...args: readonly unknown[]): Tensor => drop(args, DROPOUT2D, true);

/** As {@link dropout}, for whole channels of [N, C, D, H, W] or [C, D, H, W]. */
export const dropout3d: Dropout = (...args: readonly unknown[]): Tensor => dropChannels(args, DROPOUT3D, [4, 5]);

/** What SELU gives for very small numbers, without the sign. */
const SATURATION = 1.7580993408473766;

/** Elements become the value that SELU saturates at, and all are scaled and moved so that mean and variance stay. */
function dropToSaturation(args: readonly unknown[], of: Signature<OfInput & DropoutOptions>, features: boolean): Tensor {
  const { input, p = 0.5, training = false, inplace, generator } = readCall(of, args);
  if (!training || p === 0 || input.numel() === 0) return input;
  if (p === 1) return inPlace(inplace, input, (x) => x.mul(0));
  if (features && input.ndim < 2)
    throw new ShapeError(
      `${of.op}: expected an input of at least 2 dimensions, samples and channels, but got ${showShape(input.layout.shape)}`,
    );
  const noise = noiseOf(input, features, (kept) => fillBernoulli(kept, 1 - p, generator));
  const a = 1 / Math.sqrt((SATURATION * SATURATION * p + 1) * (1 - p));
  return inPlace(inplace, input, (x) => SATURATE([x, noise], a, p));
}
const SATURATE = fused<[a: number, p: number]>('AddBackward0', ([x, noise], a, p) => {
  const shift = noise!
    .sub(1)
    .mul(SATURATION * a)
    .add(SATURATION * a * p);
  return x!.mul(noise!.mul(a)).add(shift);
});

/** Dropout that keeps mean and variance of normally distributed inputs, for networks with SELU. `training` is false by default. */
export const alphaDropout: Dropout = (...args: readonly unknown[]): Tensor => dropToSaturation(args, ALPHA, false);

/** As {@link alphaDropout}, for whole channels of [N, C, …]. */
export const featureAlphaDropout: Dropout = (...args: readonly unknown[]): Tensor => dropToSaturation(args, FEATURE_ALPHA, true);
