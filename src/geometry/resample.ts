/**
 * The arguments of resizing, and where outputs are sampled with what weights.
 *
 * Where output `i` lies in the input (halfPixel: pixels are areas; alignCorners: the corner pixels' centres stay where they
 * are; asymmetric: the corners do) is computed in the image's precision, as PyTorch does: which pixel is the nearest hangs
 * on it.
 */
import type { DType } from '../base/dtype.ts';
import { ArgumentError } from '../base/errors.ts';
import type { Dims } from '../base/shape.ts';
import { remembered, type Attrs } from './attrs.ts';

/** Elements along each axis that make one: 1 nearest, 2 linear, 4 cubic (Keys, with a = −0.75). */
export type Taps = 1 | 2 | 4;
type Size2 = readonly [number, number];

/** Where an output's centre lies among the inputs'. */
export type SampleCoordinates = 'halfPixel' | 'alignCorners' | 'asymmetric';
/** Which neighbour is the nearest. */
export type SampleRounding = 'floor' | 'ceil' | 'halfDown' | 'halfUp';

export interface ResampleArguments {
  /** Height and width of the result. */
  readonly size: Size2;
  readonly taps: Taps;
  readonly coordinates: SampleCoordinates;
  /** For the nearest only. Default 'floor'. */
  readonly rounding?: SampleRounding;
  /** Output size / input size where coordinates shall be computed from something else than the sizes. */
  readonly scale?: readonly [number | null, number | null];
}

/** Made by {@link resampleParams}. */
export interface ResampleParams extends Attrs, Required<ResampleArguments> {}

/** Made by {@link resampleGradParams}. */
export interface ResampleGradParams extends Attrs {
  readonly resample: ResampleParams;
  /** Shape of the input. */
  readonly shape: Dims;
}

/**
 * Arguments of a resizing; equal ones give the same object.
 * @throws ArgumentError for a size or scale that is not positive
 */
export function resampleParams(given: ResampleArguments): ResampleParams {
  const { size, taps, coordinates, rounding = 'floor', scale = [null, null] } = given;
  if (size.some((n) => !Number.isInteger(n) || n < 1 || n > 0x7fffffff)) {
    throw new ArgumentError(`interpolate: expected an output of at least 1×1, but got ${size.join('×')}; use a larger size or scaleFactor`);
  }
  if (scale.some((n) => n !== null && !(n > 0 && n < Infinity))) {
    throw new ArgumentError(`interpolate: expected scale factors above 0, but got ${scale.join(', ')}`);
  }
  const key = `${taps}${coordinates}${rounding}${size.join('x')}${scale.join('x')}`;
  return remembered('resample', { key, size, taps, coordinates, rounding, scale });
}

export const resampleGradParams = (resample: ResampleParams, shape: Dims): ResampleGradParams =>
  remembered('resampleGrad', { key: `${resample.key}|${shape.join('x')}`, resample, shape });

/** Which elements make output `i`, and with what weights. */
export interface Sampling {
  readonly indices: Int32Array;
  readonly weights: Float64Array;
}

/** Where a dimension of `input` elements is sampled for an output. */
export function sampling(p: ResampleParams, axis: 0 | 1, input: number, dtype: DType): Sampling {
  const round = dtype === 'float32' ? Math.fround : (x: number): number => x;
  const output = p.size[axis];
  const indices = new Int32Array(output * p.taps);
  const weights = new Float64Array(output * p.taps);
  const given = p.scale[axis];
  const step = given === null ? round(input / output) : round(1 / given);
  for (let i = 0; i < output; i++) {
    if (p.taps === 1) {
      indices[i] = clamped(input === output && given === null ? i : nearest(p, i, step, input, output, round), input);
      weights[i] = 1;
      continue;
    }
    const at = place(p.coordinates, i, step, input, output, round);
    const source = p.taps === 2 ? Math.max(at, 0) : at;
    const base = p.taps === 2 ? Math.min(Math.floor(source), input - 1) : Math.floor(source);
    const t = round(source - base);
    const shares = p.taps === 2 ? linearShares(Math.min(t, 1)) : cubicShares(t, round);
    shares.forEach((share, k) => {
      indices[i * p.taps + k] = clamped(base + k - (p.taps === 4 ? 1 : 0), input);
      weights[i * p.taps + k] = round(share);
    });
  }
  return { indices, weights };
}

const clamped = (i: number, size: number): number => Math.max(0, Math.min(i, size - 1));

function place(
  coordinates: SampleCoordinates,
  i: number,
  step: number,
  input: number,
  output: number,
  round: (x: number) => number,
): number {
  if (coordinates === 'alignCorners') return output > 1 ? round(round((input - 1) / (output - 1)) * i) : 0;
  return coordinates === 'asymmetric' ? round(step * i) : round(round(step * (i + 0.5)) - 0.5);
}

/** PyTorch's `nearest` is asymmetric and rounds down, its `nearest-exact` is halfPixel and rounds to the nearest. */
function nearest(p: ResampleParams, i: number, step: number, input: number, output: number, round: (x: number) => number): number {
  // ⌊x + 1/2⌋ at half pixels, without the rounding of subtracting a half and adding it again
  if (p.coordinates === 'halfPixel' && p.rounding === 'halfUp') return Math.floor(round(step * (i + 0.5)));
  const at = place(p.coordinates, i, step, input, output, round);
  if (p.rounding === 'floor') return Math.floor(at);
  if (p.rounding === 'ceil') return Math.ceil(at);
  return p.rounding === 'halfUp' ? Math.floor(at + 0.5) : Math.ceil(at - 0.5);
}

const linearShares = (t: number): number[] => [1 - t, t];

/** R. Keys, "Cubic convolution interpolation for digital image processing", 1981, with the usual a = −3/4. */
function cubicShares(t: number, round: (x: number) => number): number[] {
  const a = -0.75;
  const near = (x: number): number => ((a + 2) * x - (a + 3)) * x * x + 1;
  const far = (x: number): number => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  const u = round(1 - t);
  return [far(round(t + 1)), near(t), near(u), far(round(u + 1))];
}
