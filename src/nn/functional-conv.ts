/**
 * Convolutions and transposed convolutions in one and three dimensions, part of `F`. One dimension is a view of two. Three are two as well:
 * what a kernel sees along the depth stands side by side as channels, so that one convolution of images adds it all up; the transposed one
 * makes as many channels and adds them where they overlap along the depth.
 */
import { COUNT, either, oneOf, STEP, WIDTH, type OptionKinds } from '../base/arguments.ts';
import { ArgumentError, ShapeError } from '../base/errors.ts';
import { channelsRemedy, SAME_NEEDS_STRIDE_ONE, say, WINDOW_TOO_LARGE, WRONG_CHANNELS } from '../base/sentences.ts';
import { readCall, signature, type Signature } from '../base/signature.ts';
import { showShape, showSizes } from '../base/shape.ts';
import { convParams } from '../geometry/conv.ts';
import { TENSOR, TENSOR_OR_NULL } from '../tensor/arguments.ts';
import { stack } from '../tensor/functions.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { convTranspose2dWith, convTransposeParams } from './functional-images.ts';
import { conv2dWith } from './prepared.ts';
import { each, padded, placed, sizesOf, strided, withBatch, type Sizes } from './spatial.ts';

/** Arguments of a convolution of any number of dimensions: one number for all directions, or one for each. */
export interface ConvNdOptions {
  /** Default 1. */
  readonly stride?: Sizes;
  /** Zeros on each side, default 0; `'same'` keeps the size (stride 1 only), `'valid'` is 0. */
  readonly padding?: Sizes | 'same' | 'valid';
  /** Distance between the kernel's elements, default 1. */
  readonly dilation?: Sizes;
  /** Default 1. */
  readonly groups?: number;
}

/** Arguments of a transposed convolution of any number of dimensions. */
export interface ConvTransposeNdOptions {
  readonly stride?: Sizes;
  /** What is cut off on each side of the result, default 0. */
  readonly padding?: Sizes;
  /** Added at the end of the result, default 0; less than the stride or the dilation. */
  readonly outputPadding?: Sizes;
  readonly groups?: number;
  readonly dilation?: Sizes;
}

/** What each option is, in the order of `F`. */
export const convKinds = (n: number): OptionKinds<ConvNdOptions> => ({
  stride: sizesOf(n, STEP),
  padding: either(sizesOf(n, WIDTH), oneOf('same', 'valid')),
  dilation: sizesOf(n, STEP),
  groups: COUNT,
});
export const convTransposeKinds = (n: number): OptionKinds<ConvTransposeNdOptions> => ({
  stride: sizesOf(n, STEP),
  padding: sizesOf(n, WIDTH),
  outputPadding: sizesOf(n, WIDTH),
  groups: COUNT,
  dilation: sizesOf(n, STEP),
});

/** Checked arguments of a convolution: numbers for each direction, zeros before and after. */
export interface ConvNd {
  readonly op: string;
  readonly stride: readonly number[];
  readonly padding: readonly number[] | 'same';
  readonly dilation: readonly number[];
  readonly groups: number;
}

/** @internal @throws ArgumentError for 'same' with a stride */
export function convNd(op: string, n: number, given: ConvNdOptions): ConvNd {
  const { padding = 0 } = given;
  const stride = each(given.stride ?? 1, n);
  if (padding === 'same' && stride.some((s) => s !== 1))
    throw new ArgumentError(`${op}: ${SAME_NEEDS_STRIDE_ONE}, but got [${stride.join(', ')}]; give the padding as numbers`);
  return {
    op,
    stride,
    padding: padding === 'same' ? padding : each(padding === 'valid' ? 0 : padding, n),
    dilation: each(given.dilation ?? 1, n),
    groups: given.groups ?? 1,
  };
}

function checkFilters(p: ConvNd, x: Tensor, weight: Tensor, bias: Tensor | null): void {
  const [xs, w] = [x.layout.shape, weight.layout.shape];
  const n = p.stride.length;
  if (w.length !== n + 2)
    throw new ShapeError(`${p.op}: expected a weight of shape [out, in / groups, …${n} sizes], but got ${showShape(w)}`);
  if (xs[1] !== w[1]! * p.groups)
    throw new ShapeError(
      `${say(WRONG_CHANNELS, p.op, w[1]! * p.groups, xs[1]!, showSizes(xs.slice(1)))}; ${channelsRemedy(xs, w[1]! * p.groups, 'inChannels')}`,
    );
  if (w[0] === 0 || w[0]! % p.groups !== 0)
    throw new ShapeError(
      `${p.op}: expected the number of output channels to be a multiple of groups ${p.groups}, but got ${w[0]} (weight ${showShape(w)})`,
    );
  if (bias !== null && (bias.ndim !== 1 || bias.layout.shape[0] !== w[0]))
    throw new ShapeError(
      `${p.op}: expected a bias of shape [${w[0]}], one number for each output channel, but got ${showShape(bias.layout.shape)}`,
    );
  for (let i = 0; i < n; i++) {
    const reach = p.dilation[i]! * (w[2 + i]! - 1);
    const room = xs[2 + i]! + (p.padding === 'same' ? reach : 2 * p.padding[i]!) - reach;
    if (w[2 + i]! > 0 && room > 0) continue;
    throw new ShapeError(
      `${say(WINDOW_TOO_LARGE, p.op, showSizes(w.slice(2)), showSizes(xs.slice(1)))}; use a larger input, more padding or a smaller kernel`,
    );
  }
}

/** @internal */
export function conv1dWith(x: Tensor, weight: Tensor, bias: Tensor | null, p: ConvNd): Tensor {
  const params = convParams({
    stride: [1, p.stride[0]!],
    padding: p.padding === 'same' ? 'same' : [0, p.padding[0]!],
    dilation: [1, p.dilation[0]!],
    groups: p.groups,
  });
  return withBatch(p.op, x, 1, (rows) => {
    checkFilters(p, rows, weight, bias);
    return conv2dWith(rows.unsqueeze(2), weight.unsqueeze(2), bias, params).squeeze(2);
  });
}

/** @internal */
export function conv3dWith(x: Tensor, weight: Tensor, bias: Tensor | null, p: ConvNd): Tensor {
  const [stride, dilation] = [p.stride, p.dilation];
  const params = convParams({
    stride: [stride[1]!, stride[2]!],
    padding: p.padding === 'same' ? 'same' : [p.padding[1]!, p.padding[2]!],
    dilation: [dilation[1]!, dilation[2]!],
    groups: p.groups,
  });
  return withBatch(p.op, x, 3, (volumes) => {
    checkFilters(p, volumes, weight, bias);
    const [out, inPerGroup, kd, kh, kw] = weight.layout.shape as [number, number, number, number, number];
    const reach = dilation[0]! * (kd - 1);
    const before = p.padding === 'same' ? Math.floor(reach / 2) : p.padding[0]!;
    const deep = padded(volumes, 2, before, p.padding === 'same' ? reach - before : before);
    const [n, c, depth, h, w] = deep.layout.shape as [number, number, number, number, number];
    const outDepth = Math.floor((depth - reach - 1) / stride[0]!) + 1;
    const slices = Array.from({ length: kd }, (_, k) => strided(deep, 2, k * dilation[0]!, stride[0]!, outDepth).permute(0, 2, 1, 3, 4));
    const images = (kd === 1 ? slices[0]! : stack(slices, 3)).reshape([n * outDepth, c * kd, h, w]);
    const y = conv2dWith(images, weight.reshape([out, inPerGroup * kd, kh, kw]), bias, params);
    return y
      .view([n, outDepth, ...y.layout.shape.slice(1)])
      .permute(0, 2, 1, 3, 4)
      .contiguous();
  });
}

/** Checked arguments of a transposed convolution. */
export interface ConvTransposeNd extends ConvNd {
  readonly padding: readonly number[];
  readonly outputPadding: readonly number[];
}

/** @internal @throws ArgumentError for an output padding of at least both stride and dilation */
export function convTransposeNd(op: string, n: number, given: ConvTransposeNdOptions): ConvTransposeNd {
  const { padding = 0, outputPadding = 0, ...others } = given;
  const p = { ...convNd(op, n, others), padding: each(padding, n), outputPadding: each(outputPadding, n) };
  p.outputPadding.forEach((size, i) => {
    const most = Math.max(p.stride[i]!, p.dilation[i]!) - 1;
    if (size > most)
      throw new ArgumentError(`${op}: expected an outputPadding of 0 to ${most}, less than the stride or the dilation, but got ${size}`);
  });
  return p;
}

function checkTransposed(p: ConvTransposeNd, x: Tensor, weight: Tensor): void {
  const [xs, w] = [x.layout.shape, weight.layout.shape];
  const n = p.stride.length;
  if (w.length !== n + 2)
    throw new ShapeError(`${p.op}: expected a weight of shape [in, out / groups, …${n} sizes], but got ${showShape(w)}`);
  if (xs[1] !== w[0])
    throw new ShapeError(`${say(WRONG_CHANNELS, p.op, w[0]!, xs[1]!, showSizes(xs.slice(1)))}; ${channelsRemedy(xs, w[0]!, 'inChannels')}`);
}

/** @internal */
export function convTranspose1dWith(x: Tensor, weight: Tensor, bias: Tensor | null, p: ConvTransposeNd): Tensor {
  const params = convTransposeParams({
    stride: [1, p.stride[0]!],
    padding: [0, p.padding[0]!],
    outputPadding: [0, p.outputPadding[0]!],
    dilation: [1, p.dilation[0]!],
    groups: p.groups,
  });
  return withBatch(p.op, x, 1, (rows) => {
    checkTransposed(p, rows, weight);
    return convTranspose2dWith(rows.unsqueeze(2), weight.unsqueeze(2), bias, params).squeeze(2);
  });
}

/** @internal */
export function convTranspose3dWith(x: Tensor, weight: Tensor, bias: Tensor | null, p: ConvTransposeNd): Tensor {
  const last = (sizes: readonly number[]): [number, number] => [sizes[1]!, sizes[2]!];
  const params = convTransposeParams({
    stride: last(p.stride),
    padding: last(p.padding),
    outputPadding: last(p.outputPadding),
    dilation: last(p.dilation),
    groups: p.groups,
  });
  return withBatch(p.op, x, 3, (volumes) => {
    checkTransposed(p, volumes, weight);
    const [n, c, depth, h, w] = volumes.layout.shape as [number, number, number, number, number];
    const [, outPerGroup, kd, kh, kw] = weight.layout.shape as [number, number, number, number, number];
    const out = outPerGroup * p.groups;
    const [stride, dilation] = [p.stride[0]!, p.dilation[0]!];
    const outDepth = (depth - 1) * stride + dilation * (kd - 1) + 1 + p.outputPadding[0]! - 2 * p.padding[0]!;
    if (outDepth < 1)
      throw new ShapeError(
        `${p.op}: padding ${p.padding[0]} leaves nothing of a depth of ${depth}; use a larger input or kernel, or less padding`,
      );
    const images = volumes.permute(0, 2, 1, 3, 4).reshape([n * depth, c, h, w]);
    const spread = convTranspose2dWith(images, weight.reshape([c, outPerGroup * kd, kh, kw]), null, params);
    const [height, width] = spread.layout.shape.slice(2) as [number, number];
    const apart = spread.view([n, depth, out, kd, height, width]);
    let y: Tensor | undefined;
    for (let k = 0; k < kd; k++) {
      const part = placed(apart.select(3, k), 1, k * dilation - p.padding[0]!, stride, outDepth);
      y = y === undefined ? part : y.add(part);
    }
    const volume = y!.permute(0, 2, 1, 3, 4).contiguous();
    if (bias === null) return volume;
    if (bias.ndim !== 1 || bias.layout.shape[0] !== out)
      throw new ShapeError(
        `${p.op}: expected a bias of shape [${out}], one number for each output channel, but got ${showShape(bias.layout.shape)}`,
      );
    return volume.add(bias.view([1, -1, 1, 1, 1]));
  });
}

// ---- F

interface Filters {
  readonly input: Tensor;
  readonly weight: Tensor;
  readonly bias?: Tensor | null;
}
const FILTERS = { input: TENSOR, weight: TENSOR, bias: TENSOR_OR_NULL };
const ofConv = (op: string, n: number): Signature<Filters & ConvNdOptions> =>
  signature(
    op,
    { ...FILTERS, ...convKinds(n) },
    { required: 2, example: `F.${op}(x, weight, bias, 2, 1) or F.${op}(x, weight, bias, { stride: 2 })` },
  );
const ofTransposed = (op: string, n: number): Signature<Filters & ConvTransposeNdOptions> =>
  signature(
    op,
    { ...FILTERS, ...convTransposeKinds(n) },
    { required: 2, example: `F.${op}(x, weight, bias, 2, 1) or F.${op}(x, weight, bias, { stride: 2 })` },
  );

/** How `F.conv1d` and `F.conv3d` are called. */
export interface ConvCall {
  (
    input: Tensor,
    weight: Tensor | ({ readonly weight: Tensor; readonly bias?: Tensor | null } & ConvNdOptions),
    bias?: Tensor | null | ({ readonly bias?: Tensor | null } & ConvNdOptions),
    stride?: Sizes | ConvNdOptions,
    padding?: Sizes | 'same' | 'valid' | Omit<ConvNdOptions, 'stride'>,
    dilation?: Sizes | Pick<ConvNdOptions, 'dilation' | 'groups'>,
    groups?: number | Pick<ConvNdOptions, 'groups'>,
  ): Tensor;
  (all: Filters & ConvNdOptions): Tensor;
}

/** How `F.convTranspose1d` and `F.convTranspose3d` are called. */
export interface ConvTransposeCall {
  (
    input: Tensor,
    weight: Tensor | ({ readonly weight: Tensor; readonly bias?: Tensor | null } & ConvTransposeNdOptions),
    bias?: Tensor | null | ({ readonly bias?: Tensor | null } & ConvTransposeNdOptions),
    stride?: Sizes | ConvTransposeNdOptions,
    padding?: Sizes | Omit<ConvTransposeNdOptions, 'stride'>,
    outputPadding?: Sizes | Omit<ConvTransposeNdOptions, 'stride' | 'padding'>,
    groups?: number | Pick<ConvTransposeNdOptions, 'groups' | 'dilation'>,
    dilation?: Sizes | Pick<ConvTransposeNdOptions, 'dilation'>,
  ): Tensor;
  (all: Filters & ConvTransposeNdOptions): Tensor;
}

const CONV1D = ofConv('conv1d', 1);
const CONV3D = ofConv('conv3d', 3);
const TRANSPOSE1D = ofTransposed('convTranspose1d', 1);
const TRANSPOSE3D = ofTransposed('convTranspose3d', 3);

/**
 * Convolves sequences (https://pytorch.org/docs/stable/generated/torch.nn.functional.conv1d.html): [N, Cin, L] or [Cin, L] with weight
 * [Cout, Cin / groups, K] → [N, Cout, Lout].
 * @throws ShapeError when channels or sizes do not fit
 * @example
 * import { F, tensor } from 'flambeau';
 * const y = F.conv1d(tensor([[[1, 2, 3, 4]]]), tensor([[[1, 1]]]), null, 2);
 * if (String(y.tolist()) !== '3,7') throw new Error('sums of pairs');
 */
export const conv1d: ConvCall = (...args: readonly unknown[]): Tensor => {
  const { input, weight, bias = null, ...given } = readCall(CONV1D, args);
  return conv1dWith(input, weight, bias, convNd('conv1d', 1, given));
};

/**
 * Convolves volumes (https://pytorch.org/docs/stable/generated/torch.nn.functional.conv3d.html): [N, Cin, D, H, W] or [Cin, D, H, W] with
 * weight [Cout, Cin / groups, kD, kH, kW] → [N, Cout, Dout, Hout, Wout].
 * @throws ShapeError when channels or sizes do not fit
 */
export const conv3d: ConvCall = (...args: readonly unknown[]): Tensor => {
  const { input, weight, bias = null, ...given } = readCall(CONV3D, args);
  return conv3dWith(input, weight, bias, convNd('conv3d', 3, given));
};

/** The transposed convolution of sequences: [N, Cin, L] with weight [Cin, Cout / groups, K] → [N, Cout, Lout]. */
export const convTranspose1d: ConvTransposeCall = (...args: readonly unknown[]): Tensor => {
  const { input, weight, bias = null, ...given } = readCall(TRANSPOSE1D, args);
  return convTranspose1dWith(input, weight, bias, convTransposeNd('convTranspose1d', 1, given));
};

/** The transposed convolution of volumes: [N, Cin, D, H, W] with weight [Cin, Cout / groups, kD, kH, kW] → [N, Cout, Dout, Hout, Wout]. */
export const convTranspose3d: ConvTransposeCall = (...args: readonly unknown[]): Tensor => {
  const { input, weight, bias = null, ...given } = readCall(TRANSPOSE3D, args);
  return convTranspose3dWith(input, weight, bias, convTransposeNd('convTranspose3d', 3, given));
};
