/**
 * Pooling of one to three dimensions, part of `F` (https://pytorch.org/docs/stable/nn.functional.html#pooling-functions). One dimension is a
 * view of two. In three, maxima and sums over a box are those over the depth of those over height and width.
 */
import { arrayOf, BOOL, orNull, POSITIVE, STEP, WHOLE, WIDTH, type OptionKinds } from '../base/arguments.ts';
import type { TypedArray } from '../base/dtype.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { readCall, signature, type Signature } from '../base/signature.ts';
import { numelOf, showShape } from '../base/shape.ts';
import { indexParams } from '../geometry/indexing.ts';
import { adaptivePoolParams, avgPoolParams, maxPoolParams, type AdaptivePoolParams, type MaxPoolParams } from '../geometry/pool.ts';
import { TENSOR } from '../tensor/arguments.ts';
import { apply, apply1 } from '../tensor/dispatch.ts';
import { indexing } from '../tensor/families/indexing.ts';
import { maxPool } from '../tensor/families/max-pool.ts';
import { regionPool } from '../tensor/families/region-pool.ts';
import { valuesAndIndices, type ValuesAndIndices } from '../tensor/values-and-indices.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { adaptiveAvgPool2dWith, avgPool2dWith } from './prepared.ts';
import { each, requireRank, sizesOf, table, withBatch, type Sizes } from './spatial.ts';
import '../tensor/families/picking.ts';

export interface MaxPoolNdOptions {
  /** Default: the kernel size. */
  readonly stride?: Sizes | null;
  readonly padding?: Sizes;
  readonly dilation?: Sizes;
  readonly ceilMode?: boolean;
}
export interface AvgPoolNdOptions {
  /** Default: the kernel size. */
  readonly stride?: Sizes | null;
  readonly padding?: Sizes;
  readonly ceilMode?: boolean;
  /** Whether padding counts in the divisor; default true. */
  readonly countIncludePad?: boolean;
  /** Divides by this instead of the window's size. */
  readonly divisorOverride?: number | null;
}
interface Indexed {
  readonly returnIndices?: boolean;
}

const windows = (n: number) => ({ kernelSize: sizesOf(n, STEP), stride: orNull(sizesOf(n, STEP)), padding: sizesOf(n, WIDTH) });
/** In the order of `F`. */
export const maxPoolKinds = (n: number): OptionKinds<MaxPoolNdOptions & Indexed & { kernelSize: Sizes }> => ({
  ...windows(n),
  dilation: sizesOf(n, STEP),
  ceilMode: BOOL,
  returnIndices: BOOL,
});
export const avgPoolKinds = (n: number): OptionKinds<AvgPoolNdOptions & { kernelSize: Sizes }> => ({
  ...windows(n),
  ceilMode: BOOL,
  countIncludePad: BOOL,
  divisorOverride: orNull(WHOLE),
});

/** Checked arguments of a window that slides. */
export interface WindowNd {
  readonly op: string;
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;
  readonly divisor: number | null;
}

/** @internal @throws ArgumentError for padding above half the kernel, or a divisor of zero */
export function windowNd(op: string, n: number, kernelSize: Sizes, o: MaxPoolNdOptions & AvgPoolNdOptions): WindowNd {
  const kernel = each(kernelSize, n);
  const padding = each(o.padding ?? 0, n);
  if (padding.some((p, i) => 2 * p > kernel[i]!))
    throw new ArgumentError(
      `${op}: expected padding of at most half the kernel size, but got padding [${padding.join(', ')}] for kernel size [${kernel.join(', ')}]; enlarge the kernel or pad the input with F.pad`,
    );
  if (o.divisorOverride === 0) throw new ArgumentError(`${op}: expected divisorOverride to be a whole number other than 0, but got 0`);
  return {
    op,
    kernel,
    stride: each(o.stride ?? kernelSize, n),
    padding,
    dilation: each(o.dilation ?? 1, n),
    ceilMode: o.ceilMode ?? false,
    countIncludePad: o.countIncludePad ?? true,
    divisor: o.divisorOverride ?? null,
  };
}

type Size2 = [number, number];
/** The height of one that a sequence has as an image. */
const wide = (sizes: readonly number[], rest: number): Size2 => [rest, sizes[0]!];
const deep = (sizes: readonly number[], rest: number): Size2 => [sizes[0]!, rest];
const flat = (sizes: readonly number[]): Size2 => [sizes[1]!, sizes[2]!];

/** A volume [N, C, D, H, W] as images [N·C, D, H, W], and a stage's result as [N·C, 1, D, H·W]. */
function images(x: Tensor): Tensor {
  const [n, c, ...sizes] = x.layout.shape as [number, number, ...number[]];
  if (c === 0 || sizes.includes(0))
    throw new ShapeError(`expected sizes above 0 except for the batch, but got ${showShape(x.layout.shape)}`);
  return x.reshape([n * c, ...sizes]);
}
function columns(y: Tensor): Tensor {
  const [planes, depth, height, width] = y.layout.shape as [number, number, number, number];
  return y.view([planes, 1, depth, height * width]);
}
/** [N·C, 1, D', H'·W'] as [N, C, D', H', W']. */
function volume(y: Tensor, x: Tensor, [height, width]: readonly number[]): Tensor {
  return y.view([...x.layout.shape.slice(0, 2), y.layout.shape[2]!, height!, width!]);
}

const slid = (x: Tensor, params: MaxPoolParams): [Tensor, Tensor] => apply(maxPool.maxPool2d, [x], params) as [Tensor, Tensor];
const adapted = (x: Tensor, params: AdaptivePoolParams): [Tensor, Tensor] =>
  apply(regionPool.adaptiveMaxPool2d, [x], params) as [Tensor, Tensor];

/** @internal */
export function maxPool1dWith(x: Tensor, p: WindowNd, returnIndices: boolean): ValuesAndIndices {
  requireRank(p.op, x, 1);
  const params = maxPoolParams(wide(p.kernel, 1), {
    stride: wide(p.stride, 1),
    padding: wide(p.padding, 0),
    dilation: wide(p.dilation, 1),
    ceilMode: p.ceilMode,
    returnIndices,
  });
  const [values, indices] = slid(x.unsqueeze(-2), params);
  const maxima = values.squeeze(-2);
  return valuesAndIndices(undefined, maxima, returnIndices ? indices.squeeze(-2) : maxima); // unread where not asked for
}

/** Where the maxima over the depth lay in their volumes. */
function volumeIndices(inPlane: Tensor, inColumns: Tensor, plane: number): Tensor {
  const [planes, , outDepth, places] = inColumns.layout.shape as [number, number, number, number];
  const at = inColumns.view([planes, outDepth * places]);
  const depths = at.floorDivide(places);
  return inPlane.reshape([planes, -1]).gather(1, at).add(depths.mul(plane)).view([planes, 1, outDepth, places]);
}

/** @internal */
export function maxPool3dWith(x: Tensor, p: WindowNd, returnIndices: boolean): ValuesAndIndices {
  const shared = { ceilMode: p.ceilMode, returnIndices };
  const params = maxPoolParams(flat(p.kernel), { stride: flat(p.stride), padding: flat(p.padding), dilation: flat(p.dilation), ...shared });
  const along = maxPoolParams(deep(p.kernel, 1), {
    stride: deep(p.stride, 1),
    padding: deep(p.padding, 0),
    dilation: deep(p.dilation, 1),
    ...shared,
  });
  return volumeMaxima(
    p.op,
    x,
    (y) => slid(y, params),
    (y) => slid(y, along),
    returnIndices,
  );
}

type Stage = (y: Tensor) => [Tensor, Tensor];

function volumeMaxima(op: string, x: Tensor, planes: Stage, depth: Stage, returnIndices: boolean): ValuesAndIndices {
  requireRank(op, x, 3);
  if (x.ndim === 4) {
    const { values, indices } = volumeMaxima(op, x.unsqueeze(0), planes, depth, returnIndices);
    return valuesAndIndices(undefined, values.squeeze(0), indices.squeeze(0));
  }
  const [values, inPlane] = planes(images(x));
  const [highest, inColumns] = depth(columns(values));
  const sizes = values.layout.shape.slice(2);
  const [h, w] = x.layout.shape.slice(3) as Size2;
  const maxima = volume(highest, x, sizes);
  const indices = returnIndices ? volume(volumeIndices(inPlane, inColumns, h * w), x, sizes) : maxima; // unread where not asked for
  return valuesAndIndices(undefined, maxima, indices);
}

/** @internal */
export function avgPool1dWith(x: Tensor, p: WindowNd): Tensor {
  requireRank(p.op, x, 1);
  const params = avgPoolParams(wide(p.kernel, 1), {
    stride: wide(p.stride, 1),
    padding: wide(p.padding, 0),
    ceilMode: p.ceilMode,
    countIncludePad: p.countIncludePad,
  });
  return avgPool2dWith(x.unsqueeze(-2), params).squeeze(-2);
}

/** @internal */
export function avgPool3dWith(x: Tensor, p: WindowNd): Tensor {
  return withBatch(p.op, x, 3, (volumes) => {
    const shared = { ceilMode: p.ceilMode, divisorOverride: 1 };
    const params = avgPoolParams(flat(p.kernel), { stride: flat(p.stride), padding: flat(p.padding), ...shared });
    const along = avgPoolParams(deep(p.kernel, 1), { stride: deep(p.stride, 1), padding: deep(p.padding, 0), ...shared });
    const planes = avgPool2dWith(images(volumes), params);
    const sums = volume(avgPool2dWith(columns(planes), along), volumes, planes.layout.shape.slice(2));
    return divided(sums, volumes, p);
  });
}

/** Sums over windows divided by how many elements each has. */
function divided(sums: Tensor, x: Tensor, p: WindowNd): Tensor {
  if (p.divisor !== null) return sums.div(p.divisor);
  const counts = [0, 1, 2].map((i) => windowCounts(p, i, x.layout.shape[2 + i]!, sums.layout.shape[2 + i]!));
  if (counts.every((list) => list.every((n) => n === list[0]))) return sums.div(counts.reduce((n, list) => n * list[0]!, 1));
  const shape = sums.layout.shape.slice(2);
  const divisor = table(sums, `counts${sums.dtype}${counts.join('|')}`, () => {
    const all = counts[0]!.flatMap((d) => counts[1]!.flatMap((h) => counts[2]!.map((w) => d * h * w)));
    const float = sums.dtype === 'float64';
    const data: TypedArray = float ? Float64Array.from(all) : Float32Array.from(all);
    return { data, shape, dtype: float ? 'float64' : 'float32' };
  });
  return sums.div(divisor);
}

function windowCounts(p: WindowNd, i: number, size: number, count: number): number[] {
  const [kernel, stride, padding] = [p.kernel[i]!, p.stride[i]!, p.padding[i]!];
  return Array.from({ length: count }, (_, at) => {
    const start = at * stride - padding;
    const end = Math.min(start + kernel, size + padding);
    return p.countIncludePad ? end - start : Math.min(end, size) - Math.max(start, 0);
  });
}

// ---- adaptive

/** Sizes of an adaptive pooling's result; null keeps the input's. */
export type OutputSizes = number | null | readonly (number | null)[];
const targets = (size: OutputSizes, n: number): (number | null)[] =>
  size === null || typeof size === 'number' ? new Array<number | null>(n).fill(size) : [...size];
/** The kind of {@link OutputSizes}. */
export const targetsOf = (n: number) => orNull(sizesOf(n, orNull(WIDTH)));

/** @internal */
export function adaptiveAvgPoolWith(op: string, x: Tensor, n: 1 | 3, size: OutputSizes): Tensor {
  const to = targets(size, n);
  requireRank(op, x, n);
  if (n === 1) return adaptiveAvgPool2dWith(x.unsqueeze(-2), adaptivePoolParams([1, to[0]!])).squeeze(-2);
  return withBatch(op, x, 3, (volumes) => {
    const planes = adaptiveAvgPool2dWith(images(volumes), adaptivePoolParams([to[1]!, to[2]!]));
    const y = adaptiveAvgPool2dWith(columns(planes), adaptivePoolParams([to[0]!, null]));
    return volume(y, volumes, planes.layout.shape.slice(2));
  });
}

/** @internal */
export function adaptiveMaxPoolWith(op: string, x: Tensor, n: 1 | 2 | 3, size: OutputSizes): ValuesAndIndices {
  const to = targets(size, n);
  requireRank(op, x, n);
  if (n === 3) {
    const [planes, depth] = [adaptivePoolParams([to[1]!, to[2]!]), adaptivePoolParams([to[0]!, null])];
    return volumeMaxima(
      op,
      x,
      (y) => adapted(y, planes),
      (y) => adapted(y, depth),
      true,
    );
  }
  if (n === 2) {
    const [values, indices] = adapted(x, adaptivePoolParams([to[0]!, to[1]!]));
    return valuesAndIndices(undefined, values, indices);
  }
  const [values, indices] = adapted(x.unsqueeze(-2), adaptivePoolParams([1, to[0]!]));
  return valuesAndIndices(undefined, values.squeeze(-2), indices.squeeze(-2));
}

// ---- unpooling

/** @internal Sizes of the result of an unpooling: those asked for, or the pooling's smallest input. */
function unpooledSizes(op: string, x: Tensor, p: WindowNd, asked: readonly number[] | undefined): number[] {
  const n = p.kernel.length;
  const usual = p.kernel.map((kernel, i) => (x.layout.shape[x.ndim - n + i]! - 1) * p.stride[i]! - 2 * p.padding[i]! + kernel);
  if (asked === undefined) return usual;
  const sizes = asked.slice(-n);
  if ((asked.length !== n && asked.length !== x.ndim) || sizes.some((size, i) => Math.abs(size - usual[i]!) >= p.stride[i]!)) {
    throw new ArgumentError(
      `${op}: expected outputSize to be sizes that differ from [${usual.join(', ')}] by less than the stride, but got [${asked.join(', ')}]`,
    );
  }
  return sizes;
}

/** @internal */
export function maxUnpoolWith(x: Tensor, indices: Tensor, p: WindowNd, outputSize?: readonly number[]): Tensor {
  const { op, kernel } = p;
  requireRank(op, x, kernel.length);
  if (indices.layout.shape.join() !== x.layout.shape.join())
    throw new ShapeError(
      `${op}: expected indices of the input's shape ${showShape(x.layout.shape)}, but got ${showShape(indices.layout.shape)}`,
    );
  const sizes = unpooledSizes(op, x, p, outputSize);
  const front = x.layout.shape.slice(0, -kernel.length);
  const planes = numelOf(front);
  if (planes === 0) return x.newZeros([...front, ...sizes]);
  const zeros = x.newZeros([planes, numelOf(sizes)]);
  const index = indices.reshape([planes, -1]);
  return apply1(indexing.scatter, [zeros, index, x.reshape([planes, -1])], indexParams(1, op)).view([...front, ...sizes]);
}

// ---- F

interface Input {
  readonly input: Tensor;
}
interface Kernel extends Input {
  readonly kernelSize: Sizes;
}

/** How `F.maxPool1d` and `F.maxPool3d` are called. */
export interface MaxPoolCall {
  (
    input: Tensor,
    kernelSize: Sizes | (MaxPoolNdOptions & { readonly kernelSize: Sizes; readonly returnIndices?: false }),
    stride?: Sizes | null | (MaxPoolNdOptions & { readonly returnIndices?: false }),
    padding?: Sizes | (Omit<MaxPoolNdOptions, 'stride'> & { readonly returnIndices?: false }),
    dilation?: Sizes | { readonly dilation?: Sizes; readonly ceilMode?: boolean; readonly returnIndices?: false },
    ceilMode?: boolean | { readonly ceilMode?: boolean; readonly returnIndices?: false },
    returnIndices?: false,
  ): Tensor;
  (
    input: Tensor,
    kernelSize: Sizes,
    stride: Sizes | null | (MaxPoolNdOptions & { readonly returnIndices: true }),
    padding?: Sizes,
    dilation?: Sizes,
    ceilMode?: boolean,
    returnIndices?: true,
  ): ValuesAndIndices;
  (all: MaxPoolNdOptions & Kernel): Tensor;
}
export type IndicesCall = (
  input: Tensor,
  kernelSize: Sizes,
  stride?: Sizes | null | MaxPoolNdOptions,
  padding?: Sizes | Omit<MaxPoolNdOptions, 'stride'>,
  dilation?: Sizes,
  ceilMode?: boolean,
) => ValuesAndIndices;

function maxPooling(op: string, n: 1 | 3) {
  const of: Signature<MaxPoolNdOptions & Indexed & Kernel> = signature(
    op,
    { input: TENSOR, ...maxPoolKinds(n) },
    { required: 2, example: `F.${op}(x, 3, 2, 1) or F.${op}(x, 3, { stride: 2 })` },
  );
  const run = n === 1 ? maxPool1dWith : maxPool3dWith;
  return (args: readonly unknown[], always: boolean): Tensor | ValuesAndIndices => {
    const { input, kernelSize, returnIndices = always, ...others } = readCall(of, args);
    const both = run(input, windowNd(op, n, kernelSize, others), returnIndices);
    return returnIndices ? both : both.values;
  };
}
const MAX1 = maxPooling('maxPool1d', 1);
const MAX3 = maxPooling('maxPool3d', 3);
/** The largest element of each window of sequences: [N, C, L] → [N, C, Lout]; with `returnIndices` also where it lies. */
export const maxPool1d = ((...args: readonly unknown[]) => MAX1(args, false)) as MaxPoolCall;
/** The largest element of each box of volumes: [N, C, D, H, W] → [N, C, Dout, Hout, Wout]; with `returnIndices` also where it lies. */
export const maxPool3d = ((...args: readonly unknown[]) => MAX3(args, false)) as MaxPoolCall;
/** As {@link maxPool1d}, with the places of the maxima. */
export const maxPool1dWithIndices = ((...args: readonly unknown[]) => MAX1(args, true)) as IndicesCall;
/** As {@link maxPool3d}, with the places of the maxima, counted in the volume. */
export const maxPool3dWithIndices = ((...args: readonly unknown[]) => MAX3(args, true)) as IndicesCall;

/** How `F.avgPool1d` is called. */
export interface AvgPool1dCall {
  (
    input: Tensor,
    kernelSize: Sizes | (Omit<AvgPoolNdOptions, 'divisorOverride'> & { readonly kernelSize: Sizes }),
    stride?: Sizes | null | Omit<AvgPoolNdOptions, 'divisorOverride'>,
    padding?: Sizes | Omit<AvgPoolNdOptions, 'divisorOverride' | 'stride'>,
    ceilMode?: boolean | Pick<AvgPoolNdOptions, 'ceilMode' | 'countIncludePad'>,
    countIncludePad?: boolean | Pick<AvgPoolNdOptions, 'countIncludePad'>,
  ): Tensor;
  (all: Omit<AvgPoolNdOptions, 'divisorOverride'> & Kernel): Tensor;
}
/** How `F.avgPool3d` is called. */
export interface AvgPool3dCall {
  (
    input: Tensor,
    kernelSize: Sizes | (AvgPoolNdOptions & { readonly kernelSize: Sizes }),
    stride?: Sizes | null | AvgPoolNdOptions,
    padding?: Sizes | Omit<AvgPoolNdOptions, 'stride'>,
    ceilMode?: boolean | Pick<AvgPoolNdOptions, 'ceilMode' | 'countIncludePad' | 'divisorOverride'>,
    countIncludePad?: boolean | Pick<AvgPoolNdOptions, 'countIncludePad' | 'divisorOverride'>,
    divisorOverride?: number | null | Pick<AvgPoolNdOptions, 'divisorOverride'>,
  ): Tensor;
  (all: AvgPoolNdOptions & Kernel): Tensor;
}
const { divisorOverride: _, ...AVG1_KINDS } = avgPoolKinds(1);
const AVG1 = signature<Omit<AvgPoolNdOptions, 'divisorOverride'> & Kernel>('avgPool1d', { input: TENSOR, ...AVG1_KINDS }, { required: 2 });
const AVG3 = signature<AvgPoolNdOptions & Kernel>('avgPool3d', { input: TENSOR, ...avgPoolKinds(3) }, { required: 2 });
/** The mean of each window of sequences: [N, C, L] → [N, C, Lout]. */
export const avgPool1d: AvgPool1dCall = (...args: readonly unknown[]): Tensor => {
  const { input, kernelSize, ...others } = readCall(AVG1, args);
  return avgPool1dWith(input, windowNd('avgPool1d', 1, kernelSize, others));
};
/** The mean of each box of volumes: [N, C, D, H, W] → [N, C, Dout, Hout, Wout]. */
export const avgPool3d: AvgPool3dCall = (...args: readonly unknown[]): Tensor => {
  const { input, kernelSize, ...others } = readCall(AVG3, args);
  return avgPool3dWith(input, windowNd('avgPool3d', 3, kernelSize, others));
};

interface Adaptive extends Input {
  readonly outputSize: OutputSizes;
  readonly returnIndices?: boolean;
}
const adaptive = (op: string, n: number, indexed: boolean): Signature<Adaptive> =>
  signature<Adaptive>(
    op,
    { input: TENSOR, outputSize: targetsOf(n), ...(indexed ? { returnIndices: BOOL } : {}) } as OptionKinds<Adaptive>,
    { required: 2 },
  );
const ADAPTIVE_AVG1 = adaptive('adaptiveAvgPool1d', 1, false);
const ADAPTIVE_AVG3 = adaptive('adaptiveAvgPool3d', 3, false);
const ADAPTIVE_MAX1 = adaptive('adaptiveMaxPool1d', 1, true);
const ADAPTIVE_MAX3 = adaptive('adaptiveMaxPool3d', 3, true);
/** Means over windows of sequences that give the wished length. */
export function adaptiveAvgPool1d(input: Tensor, outputSize: OutputSizes): Tensor;
export function adaptiveAvgPool1d(...args: readonly unknown[]): Tensor {
  const { input, outputSize } = readCall(ADAPTIVE_AVG1, args);
  return adaptiveAvgPoolWith('adaptiveAvgPool1d', input, 1, outputSize);
}
/** Means over boxes of volumes that give the wished size; null keeps the input's. */
export function adaptiveAvgPool3d(input: Tensor, outputSize: OutputSizes): Tensor;
export function adaptiveAvgPool3d(...args: readonly unknown[]): Tensor {
  const { input, outputSize } = readCall(ADAPTIVE_AVG3, args);
  return adaptiveAvgPoolWith('adaptiveAvgPool3d', input, 3, outputSize);
}
/** Maxima over windows of sequences that give the wished length; with `returnIndices` also where they lie. */
export function adaptiveMaxPool1d(input: Tensor, outputSize: OutputSizes, returnIndices?: false): Tensor;
export function adaptiveMaxPool1d(input: Tensor, outputSize: OutputSizes, returnIndices: true): ValuesAndIndices;
export function adaptiveMaxPool1d(...args: readonly unknown[]): Tensor | ValuesAndIndices {
  const { input, outputSize, returnIndices = false } = readCall(ADAPTIVE_MAX1, args);
  const both = adaptiveMaxPoolWith('adaptiveMaxPool1d', input, 1, outputSize);
  return returnIndices ? both : both.values;
}
/** Maxima over boxes of volumes that give the wished size; with `returnIndices` also where they lie. */
export function adaptiveMaxPool3d(input: Tensor, outputSize: OutputSizes, returnIndices?: false): Tensor;
export function adaptiveMaxPool3d(input: Tensor, outputSize: OutputSizes, returnIndices: true): ValuesAndIndices;
export function adaptiveMaxPool3d(...args: readonly unknown[]): Tensor | ValuesAndIndices {
  const { input, outputSize, returnIndices = false } = readCall(ADAPTIVE_MAX3, args);
  const both = adaptiveMaxPoolWith('adaptiveMaxPool3d', input, 3, outputSize);
  return returnIndices ? both : both.values;
}

const SHAPE = arrayOf(STEP, 'sizes');
interface Unpool extends Input {
  readonly indices: Tensor;
  readonly kernelSize: Sizes;
  readonly stride?: Sizes | null;
  readonly padding?: Sizes;
  readonly outputSize?: readonly number[] | null;
}
/** How `F.maxUnpool1d`, `F.maxUnpool2d` and `F.maxUnpool3d` are called. */
export interface MaxUnpoolCall {
  (
    input: Tensor,
    indices: Tensor,
    kernelSize: Sizes | Omit<Unpool, 'input' | 'indices'>,
    stride?: Sizes | null | Omit<Unpool, 'input' | 'indices' | 'kernelSize'>,
    padding?: Sizes | Pick<Unpool, 'padding' | 'outputSize'>,
    outputSize?: readonly number[] | null | Pick<Unpool, 'outputSize'>,
  ): Tensor;
  (all: Unpool): Tensor;
}
function unpooling(op: string, n: number): MaxUnpoolCall {
  const of = signature<Unpool>(
    op,
    { input: TENSOR, indices: TENSOR, ...windows(n), outputSize: orNull(SHAPE) },
    { required: 3, example: `F.${op}(x, indices, 2)` },
  );
  return (...args: readonly unknown[]): Tensor => {
    const { input, indices, kernelSize, outputSize, ...others } = readCall(of, args);
    const p = windowNd(op, n, kernelSize, { stride: others.stride ?? null, padding: 0 });
    return maxUnpoolWith(input, indices, { ...p, padding: each(others.padding ?? 0, n) }, outputSize ?? undefined);
  };
}
/** The inverse of a max pooling, as far as there is one: maxima put back where `indices` say, zeros elsewhere. */
export const maxUnpool1d: MaxUnpoolCall = unpooling('maxUnpool1d', 1);
/** As {@link maxUnpool1d}, of images. */
export const maxUnpool2d: MaxUnpoolCall = unpooling('maxUnpool2d', 2);
/** As {@link maxUnpool1d}, of volumes. */
export const maxUnpool3d: MaxUnpoolCall = unpooling('maxUnpool3d', 3);

interface LPPool extends Kernel {
  readonly normType: number;
  readonly stride?: Sizes | null;
  readonly ceilMode?: boolean;
}
/** How `F.lpPool1d`, `F.lpPool2d` and `F.lpPool3d` are called. */
export interface LPPoolCall {
  (
    input: Tensor,
    normType: number,
    kernelSize: Sizes | Omit<LPPool, 'input' | 'normType'>,
    stride?: Sizes | null | Pick<LPPool, 'stride' | 'ceilMode'>,
    ceilMode?: boolean | Pick<LPPool, 'ceilMode'>,
  ): Tensor;
  (all: LPPool): Tensor;
}
/** @internal */
export function lpPoolWith(x: Tensor, normType: number, p: WindowNd): Tensor {
  const n = p.kernel.length;
  const powers = x.pow(normType);
  const params =
    n === 2 ? avgPoolParams([p.kernel[0]!, p.kernel[1]!], { stride: [p.stride[0]!, p.stride[1]!], ceilMode: p.ceilMode }) : undefined;
  const means = n === 1 ? avgPool1dWith(powers, p) : n === 3 ? avgPool3dWith(powers, p) : avgPool2dWith(powers, params!);
  return means
    .sign()
    .mul(means.abs().relu())
    .mul(numelOf(p.kernel))
    .pow(1 / normType);
}
function lpPooling(op: string, n: number): LPPoolCall {
  const of = signature<LPPool>(
    op,
    { input: TENSOR, normType: POSITIVE, kernelSize: sizesOf(n, STEP), stride: orNull(sizesOf(n, STEP)), ceilMode: BOOL },
    { required: 3, example: `F.${op}(x, 2, 3, 2)` },
  );
  return (...args: readonly unknown[]): Tensor => {
    const { input, normType, kernelSize, ...others } = readCall(of, args);
    return lpPoolWith(input, normType, windowNd(op, n, kernelSize, others));
  };
}
/** The norm of each window of sequences: (Σ xᵖ)^(1/p) with p = `normType`. */
export const lpPool1d: LPPoolCall = lpPooling('lpPool1d', 1);
/** As {@link lpPool1d}, of images. */
export const lpPool2d: LPPoolCall = lpPooling('lpPool2d', 2);
/** As {@link lpPool1d}, of volumes. */
export const lpPool3d: LPPoolCall = lpPooling('lpPool3d', 3);
