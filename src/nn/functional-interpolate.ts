/** Resizing of sequences, images and volumes, part of `F` (https://pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html). */
import { arrayOf, BOOL, either, oneOf, orNull, POSITIVE, WIDTH, type OptionKinds } from '../base/arguments.ts';
import type { Given, LeftOut } from '../base/call-types.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { say, WRONG_RANK } from '../base/sentences.ts';
import { readCall, signature } from '../base/signature.ts';
import { showSizes } from '../base/shape.ts';
import { adaptivePoolParams } from '../geometry/pool.ts';
import { resampleParams, type ResampleArguments } from '../geometry/resample.ts';
import { TENSOR } from '../tensor/arguments.ts';
import { apply1 } from '../tensor/dispatch.ts';
import { regionPool } from '../tensor/families/region-pool.ts';
import { resample } from '../tensor/families/resample.ts';
import type { CheckedFor, Shape, ShapeFor } from '../tensor/shapes/dims.ts';
import type { InterpolateShape } from '../tensor/shapes/resize.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { adaptiveAvgPoolWith } from './functional-pool.ts';
import { each, table, type Sizes } from './spatial.ts';

export type InterpolateMode = 'nearest' | 'nearest-exact' | 'linear' | 'bilinear' | 'bicubic' | 'trilinear' | 'area';

/** What to resize to: `size` or `scaleFactor`, each one number for all directions or one for each. */
export interface InterpolateOptions {
  readonly size?: Sizes | null | undefined;
  /** The result has ⌊size·scaleFactor⌋ elements along a direction. */
  readonly scaleFactor?: Sizes | null | undefined;
  /** Default 'nearest'. */
  readonly mode?: InterpolateMode | undefined;
  /** The linear and cubic modes: whether the centres of the corner pixels stay in the corners. Default false. */
  readonly alignCorners?: boolean | null | undefined;
  /** Whether places are worked out from the sizes rather than from the scale factor. Default false. */
  readonly recomputeScaleFactor?: boolean | null | undefined;
  /** bilinear and bicubic: whether images are smoothed before they are made smaller. Default false. */
  readonly antialias?: boolean | undefined;
}

const sizes = (of: typeof WIDTH): typeof WIDTH => orNull(either(of, arrayOf(of, 'them')));
/** @internal What each option is, in the order of `F`. */
export const INTERPOLATE_KINDS: OptionKinds<InterpolateOptions> = {
  size: sizes(WIDTH),
  scaleFactor: sizes(POSITIVE),
  mode: oneOf('nearest', 'nearest-exact', 'linear', 'bilinear', 'bicubic', 'trilinear', 'area'),
  alignCorners: orNull(BOOL),
  recomputeScaleFactor: orNull(BOOL),
  antialias: BOOL,
};
const INTERPOLATE = signature<InterpolateOptions & { input: Tensor }>(
  'interpolate',
  { input: TENSOR, ...INTERPOLATE_KINDS },
  { required: 1, example: "F.interpolate(x, { scaleFactor: 2 }) or F.interpolate(x, null, 2, 'bilinear')" },
);

type Rest = Omit<InterpolateOptions, 'size' | 'scaleFactor'>;
type Wished<T> = T extends null ? undefined : T;

/**
 * Resizes by interpolation: [N, C, L], [N, C, H, W] or [N, C, D, H, W] to `size`, or by `scaleFactor`. Like in PyTorch, nothing is smoothed
 * before an image is made smaller, except with mode 'area', which takes means, and with `antialias`.
 * @throws ArgumentError unless either size or scaleFactor is given, and for alignCorners with a mode that has no such thing
 * @throws ShapeError for an input that the mode is not for
 * @example
 * import { F, tensor } from 'flambeau';
 * const x = tensor([[[[1, 2], [3, 4]]]]);
 * const y = F.interpolate(x, { scaleFactor: 2, mode: 'bilinear', alignCorners: true });
 * if (y.shape.join() !== '1,1,4,4' || Math.abs(y.at(0, 0, 0, 1).item() - 4 / 3) > 1e-6) throw new Error('a third of the way');
 */
export function interpolate<
  X extends Shape,
  const O extends Sizes | null | undefined | LeftOut = LeftOut,
  const By extends Sizes | null | undefined | LeftOut = LeftOut,
>(
  call: Rest & {
    readonly input: CheckedFor<X, InterpolateShape<X, Wished<Given<O, undefined>>, Wished<Given<By, undefined>>>, Tensor<X>>;
    readonly size?: O;
    readonly scaleFactor?: By;
  },
): Tensor<ShapeFor<X, InterpolateShape<X, Wished<Given<O, undefined>>, Wished<Given<By, undefined>>>>>;
export function interpolate<
  X extends Shape,
  const O extends Sizes | null | undefined | LeftOut = LeftOut,
  const By extends Sizes | null | undefined | LeftOut = LeftOut,
>(
  input: CheckedFor<X, InterpolateShape<X, Wished<Given<O, undefined>>, Wished<Given<By, undefined>>>, Tensor<X>>,
  size?: O | (Rest & { readonly size?: O; readonly scaleFactor?: By }),
  scaleFactor?: By | (Rest & { readonly scaleFactor?: By }),
  mode?: InterpolateMode | Rest,
  alignCorners?: boolean | null | Omit<Rest, 'mode'>,
  recomputeScaleFactor?: boolean | null | Pick<Rest, 'recomputeScaleFactor' | 'antialias'>,
  antialias?: boolean | Pick<Rest, 'antialias'>,
): Tensor<ShapeFor<X, InterpolateShape<X, Wished<Given<O, undefined>>, Wished<Given<By, undefined>>>>>;
export function interpolate(...args: readonly unknown[]): Tensor {
  const { input, ...options } = readCall(INTERPOLATE, args);
  return interpolateAs('interpolate', input, checkInterpolate('interpolate', options));
}

/** Which numbers of directions a mode is for, and elements along each that make one. */
const MODES: Readonly<Record<InterpolateMode, { dims: readonly number[]; taps: ResampleArguments['taps'] }>> = {
  nearest: { dims: [1, 2, 3], taps: 1 },
  'nearest-exact': { dims: [1, 2, 3], taps: 1 },
  linear: { dims: [1], taps: 2 },
  bilinear: { dims: [2], taps: 2 },
  bicubic: { dims: [2], taps: 4 },
  trilinear: { dims: [3], taps: 2 },
  area: { dims: [1, 2, 3], taps: 1 },
};

/** @internal With checked options, for `op`, which errors name. */
export function interpolateAs(op: string, x: Tensor, options: InterpolateOptions): Tensor {
  const { mode = 'nearest', alignCorners, antialias } = options;
  // The nearest elements are the same numbers in either dtype; other modes round in PyTorch, and are refused.
  if (x.dtype === 'uint8' && mode.startsWith('nearest')) return interpolateAs(op, x.to('float32'), options).to('uint8');
  const n = x.ndim - 2;
  const { dims, taps } = MODES[mode];
  if (!dims.includes(n)) {
    const ranks = dims.length > 1 ? '4-d' : `${dims[0]! + 2}-d`;
    throw new ShapeError(`${say(WRONG_RANK, op, ranks, showSizes(x.layout.shape))}${n === 1 ? '; give one image as x.unsqueeze(0)' : ''}`);
  }
  for (const [name, given] of Object.entries({ size: options.size, scaleFactor: options.scaleFactor })) {
    if (given === undefined || given === null || typeof given === 'number' || given.length === n) continue;
    throw new ShapeError(
      `${op}: expected ${name} to be ${n} numbers for an input of ${showSizes(x.layout.shape)}, but got [${given.join(', ')}]${n === 1 ? '; give one image as x.unsqueeze(0)' : ''}`,
    );
  }
  const scale = options.scaleFactor === undefined || options.scaleFactor === null ? null : each(options.scaleFactor, n);
  const size = scale === null ? each(options.size!, n) : x.layout.shape.slice(2).map((s, i) => Math.floor(s * scale[i]!));
  if (mode === 'area') return area(op, x, size);
  const scales = scale === null || options.recomputeScaleFactor === true ? new Array<null>(n).fill(null) : scale;
  if (antialias === true) return smoothed(x, size, scales, mode, alignCorners === true);
  const coordinates = mode === 'nearest' ? 'asymmetric' : alignCorners === true ? 'alignCorners' : 'halfPixel';
  const rounding = mode === 'nearest-exact' ? 'halfUp' : 'floor';
  return resampled(x, size, scales, { taps, coordinates, rounding });
}

type How = Pick<ResampleArguments, 'taps' | 'coordinates' | 'rounding'>;

/** Sequences are images of height one; volumes are resampled along height and width, then along the depth. */
function resampled(x: Tensor, size: readonly number[], scale: readonly (number | null)[], how: How): Tensor {
  const run = (y: Tensor, to: readonly [number, number], by: readonly [number | null, number | null]): Tensor =>
    apply1(resample.resample2d, [y], resampleParams({ size: to, scale: by, ...how }));
  if (size.length === 2) return run(x, [size[0]!, size[1]!], [scale[0]!, scale[1]!]);
  if (size.length === 1) return run(x.unsqueeze(2), [1, size[0]!], [null, scale[0]!]).squeeze(2);
  const [batch, channels, depth, height, width] = x.layout.shape as [number, number, number, number, number];
  const [d, h, w] = size as [number, number, number];
  const planes = run(x.reshape([batch * channels, depth, height, width]), [h, w], [scale[1]!, scale[2]!]);
  const volume = run(planes.view([batch * channels, 1, depth, h * w]), [d, h * w], [scale[0]!, null]);
  return volume.view([batch, channels, d, h, w]);
}

function area(op: string, x: Tensor, size: readonly number[]): Tensor {
  if (size.length !== 2) return adaptiveAvgPoolWith(op, x, size.length as 1 | 3, size);
  return apply1(regionPool.adaptiveAvgPool2d, [x], adaptivePoolParams([size[0]!, size[1]!]));
}

// ---- antialiasing: as many neighbours as an output covers, with the weights of a wider filter

const linear = (x: number): number => Math.max(0, 1 - Math.abs(x));
/** Keys' cubic with a = −1/2, which PyTorch takes here. */
function cubic(at: number): number {
  const [x, a] = [Math.abs(at), -0.5];
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/** What each output takes of each input: output × input. */
function weights(input: number, output: number, scale: number | null, mode: InterpolateMode, align: boolean): number[] {
  const [filter, reach] = mode === 'bicubic' ? [cubic, 2] : [linear, 1];
  const step = align ? (output > 1 ? (input - 1) / (output - 1) : 0) : scale === null ? input / output : 1 / scale;
  const support = reach * Math.max(step, 1);
  const shrink = step >= 1 ? 1 / step : 1;
  const all = new Array<number>(input * output).fill(0);
  for (let i = 0; i < output; i++) {
    const centre = step * (i + 0.5);
    const from = Math.max(Math.trunc(centre - support + 0.5), 0);
    const to = Math.min(Math.trunc(centre + support + 0.5), input);
    let total = 0;
    for (let j = from; j < to; j++) total += all[i * input + j] = filter((j - centre + 0.5) * shrink);
    for (let j = from; j < to && total !== 0; j++) all[i * input + j]! /= total;
  }
  return all;
}

function smoothed(x: Tensor, size: readonly number[], scale: readonly (number | null)[], mode: InterpolateMode, align: boolean): Tensor {
  const float = x.dtype === 'float64' ? 'float64' : 'float32';
  const matrix = (i: 0 | 1): Tensor => {
    const [input, output] = [x.layout.shape[2 + i]!, size[i]!];
    return table(x, `aa${mode}${float}${input}>${output}@${scale[i] ?? ''}${align ? 'a' : ''}`, () => {
      const all = weights(input, output, scale[i]!, mode, align);
      return { data: float === 'float64' ? Float64Array.from(all) : Float32Array.from(all), shape: [output, input], dtype: float };
    });
  };
  return matrix(0).matmul(x.matmul(matrix(1).t()));
}

/** @internal Arguments that no input could make right. */
export function checkInterpolate(op: string, given: InterpolateOptions): InterpolateOptions {
  const { mode = 'nearest', alignCorners, antialias } = given;
  const [size, scaleFactor] = [given.size ?? undefined, given.scaleFactor ?? undefined];
  if ((size === undefined) === (scaleFactor === undefined)) {
    throw new ArgumentError(`${op}: expected either size or scaleFactor, but got ${size === undefined ? 'neither' : 'both'}`);
  }
  if ((alignCorners ?? undefined) !== undefined && !['linear', 'bilinear', 'bicubic', 'trilinear'].includes(mode)) {
    throw new ArgumentError(
      `${op}: alignCorners is for the modes linear, bilinear, bicubic and trilinear, but the mode is '${mode}'; leave it out`,
    );
  }
  if (antialias === true && mode !== 'bilinear' && mode !== 'bicubic')
    throw new ArgumentError(`${op}: antialias is for the modes bilinear and bicubic, but the mode is '${mode}'; leave it out`);
  if (given.recomputeScaleFactor === true && size !== undefined)
    throw new ArgumentError(`${op}: recomputeScaleFactor is for a scaleFactor, but got a size; leave it out`);
  return given;
}
