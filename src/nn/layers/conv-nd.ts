/** Convolution layers of any number of dimensions: what Conv1d, Conv2d and Conv3d share, and their transposed forms; Conv1d and Conv3d. */
import { arrayOf, BOOL, COUNT, oneOf, orNull, SIZE, STEP, type OptionKinds } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { pythonTuple } from '../../base/python-format.ts';
import { say, WRONG_GROUPS } from '../../base/sentences.ts';
import { readCall, signature, type Signature } from '../../base/signature.ts';
import { TENSOR } from '../../tensor/arguments.ts';
import { empty } from '../../tensor/create.ts';
import type { Dynamic, Shape } from '../../tensor/shapes/dims.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { conv1dWith, conv3dWith, convKinds, convNd, convTranspose1dWith, convTranspose3dWith, convTransposeKinds, convTransposeNd, type ConvNd, type ConvNdOptions, type ConvTransposeNd, type ConvTransposeNdOptions } from '../functional-conv.ts'; // prettier-ignore
import { padAs } from '../functional-pad.ts';
import { defaultInit } from '../init.ts';
import { Parameter } from '../parameter.ts';
import type { Argument, OutputShape, ShapeFn } from '../shape-types.ts';
import { each, requireRank, sizesOf, type Sizes } from '../spatial.ts';
import { madeOf, optionsOf } from './fields.ts';
import { Layer } from './layer.ts';

/** A layer whose result's shape the types do not follow. */
export interface DynamicFn extends ShapeFn {
  readonly out: Dynamic;
}

export type PaddingMode = 'zeros' | 'reflect' | 'replicate' | 'circular';

export interface ConvLayerOptions extends ConvNdOptions {
  /** Whether to add a learned bias. Default true. */
  readonly bias?: boolean;
  /** What stands outside of the input: 'zeros' (the default), or as the modes of `F.pad`. */
  readonly paddingMode?: PaddingMode;
}
export interface ConvTransposeLayerOptions extends ConvTransposeNdOptions {
  /** Whether to add a learned bias. Default true. */
  readonly bias?: boolean;
}
export interface Channels {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: Sizes;
}

const channelKinds = (n: number, lazy = false): OptionKinds<Channels> => ({
  inChannels: lazy ? SIZE : COUNT,
  outChannels: COUNT,
  kernelSize: sizesOf(n, STEP),
});
const MODE = oneOf('zeros', 'reflect', 'replicate', 'circular');

/** The table of arguments of `ConvNd`. */
export const convSignature = (name: string, n: number, lazy = false): Signature<Channels & ConvLayerOptions> =>
  signature<Channels & ConvLayerOptions>(
    name,
    { ...channelKinds(n, lazy), ...convKinds(n), bias: BOOL, paddingMode: MODE },
    { required: 3, example: `new nn.${name}(3, 6, 5, 2, 1) or new nn.${name}(3, 6, 5, { stride: 2, padding: 1 })` },
  );
/** The table of arguments of `ConvTransposeNd`. */
export function transposeSignature(name: string, n: number, lazy = false): Signature<Channels & ConvTransposeLayerOptions> {
  const { stride, padding, outputPadding, groups, dilation } = convTransposeKinds(n);
  return signature<Channels & ConvTransposeLayerOptions>(
    name,
    { ...channelKinds(n, lazy), stride, padding, outputPadding, groups, bias: BOOL, dilation },
    { required: 3, example: `new nn.${name}(16, 8, 3, 2, 1) or new nn.${name}(16, 8, 3, { stride: 2, padding: 1 })` },
  );
}

/** The parameters that both kinds have, and how they print. */
abstract class Filters<F extends ShapeFn, P extends ConvNd> extends Layer<F> {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  stride: readonly number[];
  dilation: readonly number[];
  groups: number;
  weight: Parameter;
  bias: Parameter | null;

  /** @throws ArgumentError for groups that do not divide the channels */
  protected constructor(params: P, n: number, given: Channels & { readonly bias?: boolean }, weightShape: readonly [number, number]) {
    super();
    const { inChannels, outChannels } = given;
    for (const [name, channels] of Object.entries({ inChannels, outChannels })) {
      if (channels % params.groups !== 0) throw new ArgumentError(`${params.op}: ${say(WRONG_GROUPS, params.groups, name, channels)}`);
    }
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = each(given.kernelSize, n);
    this.stride = params.stride;
    this.dilation = params.dilation;
    this.groups = params.groups;
    this.weight = new Parameter(empty([...weightShape, ...this.kernelSize]));
    this.bias = given.bias === false ? null : new Parameter(empty(outChannels));
    this.registerParameter('weight', this.weight);
    this.registerParameter('bias', this.bias);
    if (inChannels > 0) this.resetParameters();
  }

  /** Draws weight and bias anew, as PyTorch does when the layer is made. */
  resetParameters(): void {
    defaultInit(this.weight, this.bias);
  }

  protected printed(padding: string[], more: string[], mode: string[]): string {
    const n = this.kernelSize.length;
    const unless = (usual: number, name: string, sizes: readonly number[]): string[] =>
      sizes.every((size) => size === usual) ? [] : [`${name}=${pythonTuple(sizes)}`];
    return [
      `${this.inChannels}, ${this.outChannels}`,
      `kernel_size=${pythonTuple(this.kernelSize)}`,
      `stride=${pythonTuple(each(this.stride, n))}`,
      ...padding,
      ...unless(1, 'dilation', each(this.dilation, n)),
      ...more,
      ...(this.groups === 1 ? [] : [`groups=${this.groups}`]),
      ...(this.bias === null ? ['bias=False'] : []),
      ...mode,
    ].join(', ');
  }
}

/** How a layer convolves: the convolution itself, and what `F.pad` adds before it. */
interface ConvWay {
  readonly params: ConvNd;
  readonly pads: readonly number[] | null;
}
const FIELDS = (n: number) => ({ ...convKinds(n), paddingMode: MODE });

/** What Conv1d, Conv2d and Conv3d are. */
export abstract class ConvNdLayer<F extends ShapeFn> extends Filters<F, ConvNd> {
  padding: readonly number[] | 'same' | 'valid';
  paddingMode: PaddingMode;

  constructor(of: Signature<Channels & ConvLayerOptions>, n: number, args: readonly unknown[]) {
    const given = readCall(of, args);
    const { stride, padding, dilation, groups, paddingMode = 'zeros' } = given;
    const whole = convNd(of.op, n, without({ stride, padding, dilation, groups }));
    super(whole, n, given, [given.outChannels, given.inChannels / whole.groups]);
    this.padding = padding === 'valid' ? padding : whole.padding;
    this.paddingMode = paddingMode;
    this._way(of.op);
  }

  protected override run(x: Tensor): Tensor {
    const { params, pads } = this._way(this.typeName());
    if (pads === null) return this.convolved(x, params);
    requireRank(params.op, x, this.kernelSize.length);
    return this.convolved(padAs(params.op, x, pads, this.paddingMode as 'reflect'), params);
  }

  protected _way(op: string): ConvWay {
    const { stride, padding, dilation, groups, paddingMode } = this;
    return madeOf(this, [stride, padding, dilation, groups, paddingMode], () => {
      const n = this.kernelSize.length;
      const given = optionsOf<ConvLayerOptions>(this, { op, kinds: FIELDS(n) });
      const whole = convNd(op, n, given);
      if (paddingMode === 'zeros') return { params: whole, pads: null };
      return { params: { ...whole, padding: each(0, n) }, pads: sides(whole, this.kernelSize) };
    });
  }

  /** @param params of the convolution itself: without padding where that is not zeros */
  protected abstract convolved(x: Tensor, params: ConvNd): Tensor;

  override extraRepr(): string {
    const { padding } = this;
    const sizes = typeof padding === 'string' ? [] : each(padding, this.kernelSize.length);
    const shown =
      typeof padding === 'string' ? [`padding=${padding}`] : sizes.some((p) => p !== 0) ? [`padding=${pythonTuple(sizes)}`] : [];
    return this.printed(shown, [], this.paddingMode === 'zeros' ? [] : [`padding_mode=${this.paddingMode}`]);
  }
}

/** What 'same' and numbers add before and after, from the last dimension on. */
function sides({ padding, dilation }: ConvNd, kernel: readonly number[]): number[] {
  const pairs = kernel.map((k, i) => {
    if (padding !== 'same') return [padding[i]!, padding[i]!];
    const total = dilation[i]! * (k - 1);
    return [Math.floor(total / 2), total - Math.floor(total / 2)];
  });
  return pairs.reverse().flat();
}

/** Without what was not given. */
function without<T extends object>(options: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

/** Arguments of Conv1d and Conv3d, in order or by name. */
export type ConvArguments =
  | [
      inChannels: number,
      outChannels: number,
      kernelSize: Sizes | (ConvLayerOptions & Pick<Channels, 'kernelSize'>),
      stride?: Sizes | ConvLayerOptions,
      padding?: Sizes | 'same' | 'valid' | Omit<ConvLayerOptions, 'stride'>,
      dilation?: Sizes | Omit<ConvLayerOptions, 'stride' | 'padding'>,
      groups?: number | Pick<ConvLayerOptions, 'groups' | 'bias' | 'paddingMode'>,
      bias?: boolean | Pick<ConvLayerOptions, 'bias' | 'paddingMode'>,
      paddingMode?: PaddingMode | Pick<ConvLayerOptions, 'paddingMode'>,
    ]
  | [inChannels: number, others: ConvLayerOptions & Omit<Channels, 'inChannels'>]
  | [all: ConvLayerOptions & Channels];

const CONV1D = convSignature('Conv1d', 1);
const CONV3D = convSignature('Conv3d', 3);

/**
 * Filters over sequences (https://pytorch.org/docs/stable/generated/torch.nn.Conv1d.html): [N, Cin, L] or [Cin, L] → [N, Cout, Lout].
 * @example
 * import { nn, randn } from 'flambeau';
 * const conv = new nn.Conv1d(3, 16, 5, { padding: 'same', paddingMode: 'circular' });
 * if (conv(randn(2, 3, 10)).shape.join() !== '2,16,10') throw new Error('as long as before');
 */
export class Conv1d extends ConvNdLayer<DynamicFn> {
  static override readonly name: string = 'Conv1d';
  /** @throws ArgumentError for sizes that are not whole and positive, or groups that do not divide the channels */
  constructor(...args: ConvArguments) {
    super(CONV1D, 1, args);
  }
  protected override convolved(x: Tensor, params: ConvNd): Tensor {
    return conv1dWith(x, this.weight, this.bias, params);
  }
}

/** Filters over volumes (https://pytorch.org/docs/stable/generated/torch.nn.Conv3d.html): [N, Cin, D, H, W] → [N, Cout, Dout, Hout, Wout]. */
export class Conv3d extends ConvNdLayer<DynamicFn> {
  static override readonly name: string = 'Conv3d';
  /** @throws ArgumentError for sizes that are not whole and positive, or groups that do not divide the channels */
  constructor(...args: ConvArguments) {
    super(CONV3D, 3, args);
  }
  protected override convolved(x: Tensor, params: ConvNd): Tensor {
    return conv3dWith(x, this.weight, this.bias, params);
  }
}

// ---- transposed

/** The argument `output_size` of a transposed layer's forward: the padding at the end that gives this size. */
function paddingFor(p: ConvTransposeNd, kernel: readonly number[], x: Tensor, outputSize: readonly number[]): readonly number[] {
  const n = kernel.length;
  const sizes = outputSize.slice(-n);
  if (outputSize.length !== n && outputSize.length !== x.ndim)
    throw new ArgumentError(`${p.op}: expected outputSize to be ${n} sizes, but got [${outputSize.join(', ')}]`);
  return sizes.map((size, i) => {
    const least = (x.layout.shape[x.ndim - n + i]! - 1) * p.stride[i]! - 2 * p.padding[i]! + p.dilation[i]! * (kernel[i]! - 1) + 1;
    const most = least + p.stride[i]! - 1;
    if (size >= least && size <= most) return size - least;
    throw new ArgumentError(`${p.op}: expected an outputSize of ${least} to ${most} along dimension ${i}, but got ${size}`);
  });
}

/** What ConvTranspose1d, ConvTranspose2d and ConvTranspose3d are. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- the constructor makes every module callable
export abstract class ConvTransposeNdLayer<F extends ShapeFn> extends Filters<F, ConvTransposeNd> {
  padding: readonly number[];
  outputPadding: readonly number[];

  constructor(of: Signature<Channels & ConvTransposeLayerOptions>, n: number, args: readonly unknown[]) {
    const given = readCall(of, args);
    const { stride, padding, outputPadding, dilation, groups } = given;
    const params = convTransposeNd(of.op, n, without({ stride, padding, outputPadding, dilation, groups }));
    super(params, n, given, [given.inChannels, given.outChannels / params.groups]);
    this.padding = params.padding;
    this.outputPadding = params.outputPadding;
  }

  protected override run(x: Tensor): Tensor {
    return this.spread(x, this._params());
  }

  private _params(): ConvTransposeNd {
    const { stride, padding, outputPadding, dilation, groups } = this;
    return madeOf(this, [stride, padding, outputPadding, dilation, groups], () => {
      const n = this.kernelSize.length;
      const given = optionsOf<ConvTransposeLayerOptions>(this, { op: this.typeName(), kinds: convTransposeKinds(n) });
      return convTransposeNd(this.typeName(), n, given);
    });
  }

  /** @param outputSize the size of the result, of those that the stride allows; in place of `outputPadding` */
  override forward<S extends Shape>(input: Argument<F, S, Tensor<S>>, outputSize?: readonly number[] | null): Tensor<OutputShape<F, S>>;
  override forward(...args: readonly unknown[]): Tensor {
    const { input, outputSize } = readCall(this._of(), args);
    if (outputSize === undefined || outputSize === null) return this.run(input);
    const params = this._params();
    requireRank(params.op, input, this.kernelSize.length);
    return this.spread(input, { ...params, outputPadding: paddingFor(params, this.kernelSize, input, outputSize) });
  }

  private _of(): Signature<{ input: Tensor; outputSize?: readonly number[] | null }> {
    return signature(
      this.typeName(),
      { input: TENSOR, outputSize: orNull(arrayOf(STEP, 'sizes')) },
      { required: 1, example: 'up(x, [14, 14])' },
    );
  }

  protected abstract spread(x: Tensor, params: ConvTransposeNd): Tensor;

  override extraRepr(): string {
    const unlessZero = (name: string, sizes: readonly number[]): string[] =>
      sizes.every((size) => size === 0) ? [] : [`${name}=${pythonTuple(sizes)}`];
    return this.printed(unlessZero('padding', this.padding), unlessZero('output_padding', this.outputPadding), []);
  }
}

export interface ConvTransposeNdLayer<F extends ShapeFn> {
  <S extends Shape>(input: Argument<F, S, Tensor<S>>, outputSize?: readonly number[] | null): Tensor<OutputShape<F, S>>;
}

/** Arguments of ConvTranspose1d and ConvTranspose3d, in order or by name. */
export type ConvTransposeArguments =
  | [
      inChannels: number,
      outChannels: number,
      kernelSize: Sizes | (ConvTransposeLayerOptions & Pick<Channels, 'kernelSize'>),
      stride?: Sizes | ConvTransposeLayerOptions,
      padding?: Sizes | Omit<ConvTransposeLayerOptions, 'stride'>,
      outputPadding?: Sizes | Omit<ConvTransposeLayerOptions, 'stride' | 'padding'>,
      groups?: number | Pick<ConvTransposeLayerOptions, 'groups' | 'bias' | 'dilation'>,
      bias?: boolean | Pick<ConvTransposeLayerOptions, 'bias' | 'dilation'>,
      dilation?: Sizes | Pick<ConvTransposeLayerOptions, 'dilation'>,
    ]
  | [inChannels: number, others: ConvTransposeLayerOptions & Omit<Channels, 'inChannels'>]
  | [all: ConvTransposeLayerOptions & Channels];

const TRANSPOSE1D = transposeSignature('ConvTranspose1d', 1);
const TRANSPOSE3D = transposeSignature('ConvTranspose3d', 3);

/** The transposed convolution of sequences (https://pytorch.org/docs/stable/generated/torch.nn.ConvTranspose1d.html): [N, Cin, L] → [N, Cout, Lout]. */
export class ConvTranspose1d extends ConvTransposeNdLayer<DynamicFn> {
  static override readonly name: string = 'ConvTranspose1d';
  /** @throws ArgumentError for sizes that are not whole and positive, or groups that do not divide the channels */
  constructor(...args: ConvTransposeArguments) {
    super(TRANSPOSE1D, 1, args);
  }
  protected override spread(x: Tensor, params: ConvTransposeNd): Tensor {
    return convTranspose1dWith(x, this.weight, this.bias, params);
  }
}

/** The transposed convolution of volumes: [N, Cin, D, H, W] → [N, Cout, Dout, Hout, Wout]. */
export class ConvTranspose3d extends ConvTransposeNdLayer<DynamicFn> {
  static override readonly name: string = 'ConvTranspose3d';
  /** @throws ArgumentError for sizes that are not whole and positive, or groups that do not divide the channels */
  constructor(...args: ConvTransposeArguments) {
    super(TRANSPOSE3D, 3, args);
  }
  protected override spread(x: Tensor, params: ConvTransposeNd): Tensor {
    return convTranspose3dWith(x, this.weight, this.bias, params);
  }
}
