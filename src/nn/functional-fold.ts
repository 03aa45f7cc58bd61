/**
 * Windows of images as columns and back, channels shuffled, responses normalised across channels, maxima of windows at random places;
 * part of `F` (https://pytorch.org/docs/stable/nn.functional.html).
 */
import { BOOL, COUNT, NUMBER, orNull, POSITIVE, STEP, WIDTH } from '../base/arguments.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { say, WRONG_RANK } from '../base/sentences.ts';
import { readCall, signature } from '../base/signature.ts';
import { numelOf, showShape, showSizes } from '../base/shape.ts';
import { avgPoolParams } from '../geometry/pool.ts';
import { GENERATOR, TENSOR, TENSOR_OR_NULL } from '../tensor/arguments.ts';
import { rand } from '../tensor/create.ts';
import { stack } from '../tensor/functions.ts';
import { placesTensor } from '../tensor/places.ts';
import type { Generator } from '../tensor/random/index.ts';
import { valuesAndIndices, type ValuesAndIndices } from '../tensor/values-and-indices.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { transposable } from '../tensor/transposable.ts';
import { avgPool2dWith } from './prepared.ts';
import { each, padded, placed, requireRank, sizesOf, strided, type Sizes } from './spatial.ts';
import '../tensor/families/picking.ts';

export interface UnfoldOptions {
  readonly dilation?: Sizes;
  readonly padding?: Sizes;
  readonly stride?: Sizes;
}
interface UnfoldArguments extends UnfoldOptions {
  readonly input: Tensor;
  readonly kernelSize: Sizes;
}
interface FoldArguments extends UnfoldArguments {
  readonly outputSize: Sizes;
}
/** @internal */
export const UNFOLD_KINDS = {
  kernelSize: sizesOf(2, STEP),
  dilation: sizesOf(2, STEP),
  padding: sizesOf(2, WIDTH),
  stride: sizesOf(2, STEP),
};
const UNFOLD = signature<UnfoldArguments>('unfold', { input: TENSOR, ...UNFOLD_KINDS }, { required: 2, example: 'F.unfold(x, 3, 1, 1)' });
const FOLD = signature<FoldArguments>(
  'fold',
  { input: TENSOR, outputSize: sizesOf(2, STEP), ...UNFOLD_KINDS },
  { required: 3, example: 'F.fold(x, [8, 8], 3)' },
);

interface Slides {
  readonly kernel: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly number[];
  readonly stride: readonly number[];
  /** How many places windows have along height and width. */
  readonly places: readonly [number, number];
}

function slides(op: string, size: readonly number[], kernelSize: Sizes, o: UnfoldOptions): Slides {
  const [kernel, dilation, padding, stride] = [kernelSize, o.dilation ?? 1, o.padding ?? 0, o.stride ?? 1].map((s) => each(s, 2)) as [
    number[],
    number[],
    number[],
    number[],
  ];
  const places = size.map((s, i) => Math.floor((s + 2 * padding[i]! - dilation[i]! * (kernel[i]! - 1) - 1) / stride[i]!) + 1);
  if (places.some((n) => n < 1))
    throw new ShapeError(
      `${op}: window ${showSizes(kernel)} does not fit ${showSizes(size)}; use a larger input, more padding or a smaller kernel`,
    );
  return { kernel, dilation, padding, stride, places: places as [number, number] };
}

/**
 * The windows of images as columns (https://pytorch.org/docs/stable/generated/torch.nn.Unfold.html): [N, C, H, W] → [N, C·kH·kW, L], or the
 * same without N.
 * @example
 * import { F, ones } from 'flambeau';
 * if (F.unfold(ones(1, 2, 4, 4), 3).shape.join() !== '1,18,4') throw new Error('four windows of 2·3·3');
 */
export function unfold(
  input: Tensor,
  kernelSize: Sizes | (UnfoldOptions & { readonly kernelSize: Sizes }),
  dilation?: Sizes | UnfoldOptions,
  padding?: Sizes | Omit<UnfoldOptions, 'dilation'>,
  stride?: Sizes | Pick<UnfoldOptions, 'stride'>,
): Tensor;
export function unfold(all: UnfoldArguments): Tensor;
export function unfold(...args: readonly unknown[]): Tensor {
  const { input, kernelSize, ...o } = readCall(UNFOLD, args);
  requireRank('unfold', input, 2);
  if (input.ndim === 3) return unfold(input.unsqueeze(0), { kernelSize, ...o }).squeeze(0);
  const [n, c, ...size] = input.layout.shape as [number, number, number, number];
  const { kernel, dilation, padding, stride, places } = slides('unfold', size, kernelSize, o);
  const x = padded(padded(input, 2, padding[0]!, padding[0]!), 3, padding[1]!, padding[1]!);
  const parts: Tensor[] = [];
  for (let i = 0; i < kernel[0]!; i++) {
    const rows = strided(x, 2, i * dilation[0]!, stride[0]!, places[0]);
    for (let j = 0; j < kernel[1]!; j++) parts.push(strided(rows, 3, j * dilation[1]!, stride[1]!, places[1]));
  }
  return stack(parts, 2).view([n, c * parts.length, places[0] * places[1]]);
}

/**
 * Columns of windows added up to images, the transpose of {@link unfold} (https://pytorch.org/docs/stable/generated/torch.nn.Fold.html):
 * [N, C·kH·kW, L] → [N, C, H, W] of `outputSize`.
 */
export function fold(
  input: Tensor,
  outputSize: Sizes,
  kernelSize: Sizes | (UnfoldOptions & { readonly kernelSize: Sizes }),
  dilation?: Sizes | UnfoldOptions,
  padding?: Sizes | Omit<UnfoldOptions, 'dilation'>,
  stride?: Sizes | Pick<UnfoldOptions, 'stride'>,
): Tensor;
export function fold(all: FoldArguments): Tensor;
export function fold(...args: readonly unknown[]): Tensor {
  const { input, outputSize, kernelSize, ...o } = readCall(FOLD, args);
  requireRank('fold', input, 1);
  if (input.ndim === 2) return fold({ input: input.unsqueeze(0), outputSize, kernelSize, ...o }).squeeze(0);
  const size = each(outputSize, 2);
  const { kernel, dilation, padding, stride, places } = slides('fold', size, kernelSize, o);
  const [n, rows, columns] = input.layout.shape as [number, number, number];
  const taps = kernel[0]! * kernel[1]!;
  if (rows % taps !== 0 || columns !== places[0] * places[1]) {
    throw new ShapeError(
      `fold: expected [N, C·${taps}, ${places[0] * places[1]}] for an output of ${showSizes(size)}, but got ${showShape(input.layout.shape)}`,
    );
  }
  const sizes = { n, channels: rows / taps, size, kernel, dilation, padding, stride, places };
  return transposable(
    'Col2ImBackward0',
    input,
    (x) => addedUp(x, sizes),
    (g) => unfold(g, { kernelSize, ...o }),
  );
}

interface Windows {
  readonly n: number;
  readonly channels: number;
  readonly size: readonly number[];
  readonly kernel: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly number[];
  readonly stride: readonly number[];
  readonly places: readonly [number, number];
}

/** One tap of all windows after the other. */
function addedUp(x: Tensor, { n, channels, size, kernel, dilation, padding, stride, places }: Windows): Tensor {
  const apart = x.reshape([n, channels, kernel[0]!, kernel[1]!, ...places]);
  let y: Tensor | undefined;
  for (let i = 0; i < kernel[0]!; i++) {
    let line: Tensor | undefined;
    for (let j = 0; j < kernel[1]!; j++) {
      const part = placed(apart.select(2, i).select(2, j), 3, j * dilation[1]! - padding[1]!, stride[1]!, size[1]!);
      line = line === undefined ? part : line.add(part);
    }
    const part = placed(line!, 2, i * dilation[0]! - padding[0]!, stride[0]!, size[0]!);
    y = y === undefined ? part : y.add(part);
  }
  return y!.contiguous();
}

// ---- channels

const SHUFFLE = signature<{ input: Tensor; groups: number }>(
  'channelShuffle',
  { input: TENSOR, groups: COUNT },
  { required: 2, example: 'F.channelShuffle(x, 2)' },
);
/**
 * The channels of `groups` groups one by one in turn: [N, C, …] (https://pytorch.org/docs/stable/generated/torch.nn.ChannelShuffle.html).
 * @throws ShapeError unless the channels are a multiple of the groups
 */
export function channelShuffle(input: Tensor, groups: number): Tensor;
export function channelShuffle(...args: readonly unknown[]): Tensor {
  const { input, groups } = readCall(SHUFFLE, args);
  const { shape } = input.layout;
  if (shape.length < 3) throw new ShapeError(say(WRONG_RANK, 'channelShuffle', '3-d or larger', showSizes(shape)));
  const [n, c, ...sizes] = shape as [number, number, ...number[]];
  if (c % groups !== 0) throw new ShapeError(`channelShuffle: expected channels in multiples of ${groups}, but got ${c}`);
  return input
    .reshape([n, groups, c / groups, ...sizes])
    .transpose(1, 2)
    .reshape(shape);
}

interface LocalResponse {
  readonly input: Tensor;
  readonly size: number;
  readonly alpha?: number;
  readonly beta?: number;
  readonly k?: number;
}
const LOCAL = signature<LocalResponse>(
  'localResponseNorm',
  { input: TENSOR, size: COUNT, alpha: NUMBER, beta: NUMBER, k: NUMBER },
  { required: 2, example: 'F.localResponseNorm(x, 5, 1e-4, 0.75, 1)' },
);
/**
 * Divides by the squares of `size` neighbouring channels: x / (k + alpha·mean)^beta
 * (https://pytorch.org/docs/stable/generated/torch.nn.LocalResponseNorm.html).
 */
export function localResponseNorm(
  input: Tensor,
  size: number | Omit<LocalResponse, 'input'>,
  alpha?: number | Pick<LocalResponse, 'alpha' | 'beta' | 'k'>,
  beta?: number | Pick<LocalResponse, 'beta' | 'k'>,
  k?: number | Pick<LocalResponse, 'k'>,
): Tensor;
export function localResponseNorm(all: LocalResponse): Tensor;
export function localResponseNorm(...args: readonly unknown[]): Tensor {
  const { input: x, size, alpha = 1e-4, beta = 0.75, k = 1 } = readCall(LOCAL, args);
  if (x.ndim < 3) throw new ShapeError(say(WRONG_RANK, 'localResponseNorm', '3-d or larger', showSizes(x.layout.shape)));
  if (x.layout.numel === 0) return x;
  const [n, c, ...sizes] = x.layout.shape as [number, number, ...number[]];
  const squares = x.mul(x).reshape([n, 1, c, numelOf(sizes)]);
  const pooled = avgPool2dWith(
    padded(squares, 2, Math.floor(size / 2), Math.floor((size - 1) / 2)),
    avgPoolParams([size, 1], { stride: 1 }),
  );
  return x.div(pooled.view(x.layout.shape).mul(alpha).add(k).pow(beta));
}

// ---- fractional pooling

export interface FractionalOptions {
  readonly outputSize?: Sizes | null;
  /** The output's size as a share of the input's, between 0 and 1. */
  readonly outputRatio?: Sizes | null;
  readonly returnIndices?: boolean;
  /** Where windows begin: numbers from 0 to 1, [N, C, 2] (3 for volumes); drawn where they are left out. */
  readonly randomSamples?: Tensor | null;
  readonly generator?: Generator;
}
interface FractionalArguments extends FractionalOptions {
  readonly input: Tensor;
  readonly kernelSize: Sizes;
}
/** @internal */
export const fractionalKinds = (n: number) => ({
  kernelSize: sizesOf(n, STEP),
  outputSize: orNull(sizesOf(n, STEP)),
  outputRatio: orNull(sizesOf(n, POSITIVE)),
  returnIndices: BOOL,
});

/** Where windows of `pool` elements begin: evenly, shifted by a sample. */
function starts(sample: number, size: number, out: number, pool: number, round: (x: number) => number): number[] {
  const alpha = out > 1 ? round((size - pool) / (out - 1)) : 0;
  const shift = Math.trunc(round(sample * alpha));
  return Array.from({ length: out }, (_, i) => (i === out - 1 ? size - pool : Math.trunc(round(round(i + sample) * alpha)) - shift));
}

/** @internal */
export function fractionalMaxPoolWith(op: string, n: 2 | 3, given: FractionalArguments): ValuesAndIndices {
  const { input: x } = given;
  requireRank(op, x, n);
  if (x.ndim === n + 1) {
    const { values, indices } = fractionalMaxPoolWith(op, n, { ...given, input: x.unsqueeze(0) });
    return valuesAndIndices(undefined, values.squeeze(0), indices.squeeze(0));
  }
  const size = x.layout.shape.slice(2);
  const kernel = each(given.kernelSize, n);
  const out = fractionalSize(op, size, n, given);
  size.forEach((s, i) => {
    if (out[i]! + kernel[i]! - 1 > s)
      throw new ShapeError(`${op}: windows of ${showSizes(kernel)} at ${showSizes(out)} places do not fit ${showSizes(size)}`);
  });
  const front = x.layout.shape.slice(0, 2);
  const samples =
    given.randomSamples ?? rand([...front, n], { dtype: x.dtype as 'float32', ...(given.generator && { generator: given.generator }) });
  if (samples.layout.shape.join() !== [...front, n].join())
    throw new ShapeError(`${op}: expected randomSamples of shape ${showShape([...front, n])}, but got ${showShape(samples.layout.shape)}`);
  const planes = numelOf(front);
  const [places, taps] = [numelOf(out), numelOf(kernel)];
  const round = x.dtype === 'float32' ? Math.fround : (value: number): number => value;
  const first = windowStarts(x, samples.toTypedArray(), { planes, size, out, kernel, round });
  const steps = placesTensor(tapOffsets(size, kernel), [taps, 1], x.storage.device);
  const windows = x
    .reshape([planes, numelOf(size)])
    .gather(
      1,
      first
        .view([planes, 1, places])
        .add(steps)
        .view([planes, taps * places]),
    )
    .view([planes, taps, places]);
  const { values, indices } = windows.max(1);
  const found = first.add(
    steps
      .view([taps])
      .indexSelect(0, indices.reshape([-1]))
      .view([planes, places]),
  );
  return valuesAndIndices(undefined, values.view([...front, ...out]), found.view([...front, ...out]));
}

function fractionalSize(op: string, size: readonly number[], n: number, { outputSize, outputRatio }: FractionalArguments): number[] {
  if ((outputSize ?? null) === null && (outputRatio ?? null) === null)
    throw new ArgumentError(`${op}: expected outputSize or outputRatio, but got neither`);
  if (outputSize !== undefined && outputSize !== null) return each(outputSize, n);
  const ratios = each(outputRatio!, n);
  return size.map((s, i) => Math.trunc(s * ratios[i]!));
}

interface Places {
  readonly planes: number;
  readonly size: readonly number[];
  readonly out: readonly number[];
  readonly kernel: readonly number[];
  readonly round: (x: number) => number;
}

/** For each plane and place where its window begins, in the plane: [planes, places]. */
function windowStarts(x: Tensor, samples: ArrayLike<number | bigint>, { planes, size, out, kernel, round }: Places): Tensor {
  const n = size.length;
  let flat: Tensor | undefined;
  size.forEach((s, i) => {
    const begins = new Int32Array(planes * out[i]!);
    // PyTorch takes the samples of an image for its width first, those of a volume for its depth first.
    const sample = (plane: number): number => Number(samples[plane * n + (n === 2 ? 1 - i : i)]);
    for (let plane = 0; plane < planes; plane++) begins.set(starts(sample(plane), s, out[i]!, kernel[i]!, round), plane * out[i]!);
    const along = placesTensor(begins, [planes, ...out.map((places, k) => (k === i ? places : 1))], x.storage.device);
    flat = flat === undefined ? along : flat.mul(s).add(along);
  });
  return flat!.reshape([planes, numelOf(out)]);
}

/** How far each element of a window lies behind its first. */
function tapOffsets(size: readonly number[], kernel: readonly number[]): number[] {
  let offsets = [0];
  size.forEach((s, i) => {
    offsets = offsets.flatMap((flat) => Array.from({ length: kernel[i]! }, (_, tap) => flat * s + tap));
  });
  return offsets;
}

const FRACTIONAL = { randomSamples: TENSOR_OR_NULL, generator: GENERATOR };
const FRACTIONAL2 = signature<FractionalArguments>(
  'fractionalMaxPool2d',
  { input: TENSOR, ...fractionalKinds(2), ...FRACTIONAL },
  { required: 2, positional: 6, example: 'F.fractionalMaxPool2d(x, 3, [4, 4])' },
);
const FRACTIONAL3 = signature<FractionalArguments>(
  'fractionalMaxPool3d',
  { input: TENSOR, ...fractionalKinds(3), ...FRACTIONAL },
  { required: 2, positional: 6, example: 'F.fractionalMaxPool3d(x, 3, [4, 4, 4])' },
);

/** How `F.fractionalMaxPool2d` and `F.fractionalMaxPool3d` are called. */
export interface FractionalCall {
  (
    input: Tensor,
    kernelSize: Sizes,
    outputSize: Sizes | null | (FractionalOptions & { readonly returnIndices: true }),
    outputRatio: Sizes | null,
    returnIndices: true,
    randomSamples?: Tensor | null,
  ): ValuesAndIndices;
  (input: Tensor, kernelSize: Sizes, outputSize: FractionalOptions & { readonly returnIndices: true }): ValuesAndIndices;
  (
    input: Tensor,
    kernelSize: Sizes,
    outputSize?: Sizes | null | FractionalOptions,
    outputRatio?: Sizes | null | Omit<FractionalOptions, 'outputSize'>,
    returnIndices?: false,
    randomSamples?: Tensor | null,
  ): Tensor;
}
const fractional = (op: string, n: 2 | 3, of: typeof FRACTIONAL2): FractionalCall =>
  ((...args: readonly unknown[]) => {
    const given = readCall(of, args);
    const both = fractionalMaxPoolWith(op, n, given);
    return given.returnIndices === true ? both : both.values;
  }) as FractionalCall;
/** Maxima of windows at random places (https://arxiv.org/abs/1412.6071), of images; drawn as PyTorch draws them. */
export const fractionalMaxPool2d = fractional('fractionalMaxPool2d', 2, FRACTIONAL2);
/** As {@link fractionalMaxPool2d}, of volumes. */
export const fractionalMaxPool3d = fractional('fractionalMaxPool3d', 3, FRACTIONAL3);
