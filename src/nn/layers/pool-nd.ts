/** Pooling layers of sequences and volumes, unpooling, norms of windows, windows at random places. */
import { arrayOf, BOOL, orNull, POSITIVE, STEP, type OptionKinds } from '../../base/arguments.ts';
import { pythonBool, pythonTuple } from '../../base/python-format.ts';
import { readCall, signature, type Signature } from '../../base/signature.ts';
import { GENERATOR, TENSOR, TENSOR_OR_NULL } from '../../tensor/arguments.ts';
import type { ValuesAndIndices } from '../../tensor/values-and-indices.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { fractionalKinds, fractionalMaxPoolWith, type FractionalOptions } from '../functional-fold.ts';
import { adaptiveAvgPoolWith, adaptiveMaxPoolWith, avgPool1dWith, avgPool3dWith, avgPoolKinds, lpPoolWith, maxPool1dWith, maxPool3dWith, maxPoolKinds, maxUnpoolWith, targetsOf, windowNd, type AvgPoolNdOptions, type MaxPoolNdOptions, type OutputSizes, type WindowNd } from '../functional-pool.ts'; // prettier-ignore
import { ModuleBase } from '../module-base.ts';
import { each, sizesOf, type Sizes } from '../spatial.ts';
import type { DynamicFn } from './conv-nd.ts';
import { madeOf } from './fields.ts';
import { Layer } from './layer.ts';

/** A size as it was given: `2` or `(3, 5)`. */
const show = (size: Sizes): string => (typeof size === 'number' ? String(size) : pythonTuple(size));

// ---- max and average

interface MaxPoolLayerOptions extends MaxPoolNdOptions {
  /** Whether the result has the places of the maxima as well: `{ values, indices }`. */
  readonly returnIndices?: boolean;
}
interface Kernel {
  readonly kernelSize: Sizes;
}
type MaxPoolArguments = [
  kernelSize: Sizes | (MaxPoolLayerOptions & Kernel),
  stride?: Sizes | null | MaxPoolLayerOptions,
  padding?: Sizes | Omit<MaxPoolLayerOptions, 'stride'>,
  dilation?: Sizes | Omit<MaxPoolLayerOptions, 'stride' | 'padding'>,
  returnIndices?: boolean | Pick<MaxPoolLayerOptions, 'returnIndices' | 'ceilMode'>,
  ceilMode?: boolean | Pick<MaxPoolLayerOptions, 'ceilMode'>,
];

function maxSignature(name: string, n: number): Signature<MaxPoolLayerOptions & Kernel> {
  const { ceilMode, returnIndices, ...rest } = maxPoolKinds(n);
  return signature<MaxPoolLayerOptions & Kernel>(
    name,
    { ...rest, returnIndices, ceilMode },
    { required: 1, example: `new nn.${name}(3, 2, 1) or new nn.${name}(3, { stride: 2 })` },
  );
}
type Run = (x: Tensor, p: WindowNd, returnIndices: boolean) => ValuesAndIndices;

abstract class MaxPoolNd extends Layer<DynamicFn> {
  kernelSize: Sizes;
  stride: Sizes;
  padding: Sizes;
  dilation: Sizes;
  returnIndices: boolean;
  ceilMode: boolean;
  private readonly _n: number;
  private readonly _pool: Run;

  protected constructor(of: Signature<MaxPoolLayerOptions & Kernel>, n: number, pool: Run, args: readonly unknown[]) {
    super();
    const { kernelSize, returnIndices = false, ...given } = readCall(of, args);
    this.kernelSize = kernelSize;
    this.stride = given.stride ?? kernelSize;
    this.padding = given.padding ?? 0;
    this.dilation = given.dilation ?? 1;
    this.returnIndices = returnIndices;
    this.ceilMode = given.ceilMode ?? false;
    this._n = n;
    this._pool = pool;
    this._params(of.op);
  }

  protected override run(x: Tensor): Tensor {
    const both = this._pool(x, this._params(this.typeName()), this.returnIndices);
    return this.returnIndices ? (both as unknown as Tensor) : both.values; // `any`, in the types
  }

  private _params(op: string): WindowNd {
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    const make = (): WindowNd => windowNd(op, this._n, kernelSize, { stride, padding, dilation, ceilMode });
    return madeOf(this, [kernelSize, stride, padding, dilation, ceilMode], make);
  }

  override extraRepr(): string {
    return `kernel_size=${show(this.kernelSize)}, stride=${show(this.stride)}, padding=${show(this.padding)}, dilation=${show(this.dilation)}, ceil_mode=${pythonBool(this.ceilMode)}`;
  }
}

const MAX1D = maxSignature('MaxPool1d', 1);
const MAX3D = maxSignature('MaxPool3d', 3);
/** The largest element of each window of sequences: [N, C, L] → [N, C, Lout]. */
export class MaxPool1d extends MaxPoolNd {
  static override readonly name: string = 'MaxPool1d';
  /** `stride` is the kernel size where it is left out. */
  constructor(...args: MaxPoolArguments) {
    super(MAX1D, 1, maxPool1dWith, args);
  }
}
/** The largest element of each box of volumes: [N, C, D, H, W] → [N, C, Dout, Hout, Wout]. */
export class MaxPool3d extends MaxPoolNd {
  static override readonly name: string = 'MaxPool3d';
  /** `stride` is the kernel size where it is left out. */
  constructor(...args: MaxPoolArguments) {
    super(MAX3D, 3, maxPool3dWith, args);
  }
}

type AvgPool1dOptions = Omit<AvgPoolNdOptions, 'divisorOverride'>;
const { divisorOverride: _, ...AVG1_KINDS } = avgPoolKinds(1);
const AVG1D = signature<AvgPool1dOptions & Kernel>('AvgPool1d', AVG1_KINDS, { required: 1, example: 'new nn.AvgPool1d(3, 2, 1)' });
/** The mean of each window of sequences: [N, C, L] → [N, C, Lout]. */
export class AvgPool1d extends Layer<DynamicFn> {
  static override readonly name: string = 'AvgPool1d';
  kernelSize: readonly number[];
  stride: readonly number[];
  padding: readonly number[];
  ceilMode: boolean;
  countIncludePad: boolean;

  /** @param stride default: the kernel size */
  constructor(
    kernelSize: Sizes | (AvgPool1dOptions & Kernel),
    stride?: Sizes | null | AvgPool1dOptions,
    padding?: Sizes | Omit<AvgPool1dOptions, 'stride'>,
    ceilMode?: boolean | Pick<AvgPool1dOptions, 'ceilMode' | 'countIncludePad'>,
    countIncludePad?: boolean,
  );
  constructor(...args: readonly unknown[]) {
    super();
    const { kernelSize, ...given } = readCall(AVG1D, args);
    const { kernel, stride, padding } = windowNd('AvgPool1d', 1, kernelSize, given);
    this.kernelSize = kernel;
    this.stride = stride;
    this.padding = padding;
    this.ceilMode = given.ceilMode ?? false;
    this.countIncludePad = given.countIncludePad ?? true;
  }

  protected override run(x: Tensor): Tensor {
    return avgPool1dWith(x, this._params());
  }

  private _params(): WindowNd {
    const { kernelSize, stride, padding, ceilMode, countIncludePad } = this;
    const make = (): WindowNd => windowNd('AvgPool1d', 1, kernelSize, { stride, padding, ceilMode, countIncludePad });
    return madeOf(this, [kernelSize, stride, padding, ceilMode, countIncludePad], make);
  }

  override extraRepr(): string {
    return `kernel_size=${pythonTuple(this.kernelSize)}, stride=${pythonTuple(this.stride)}, padding=${pythonTuple(this.padding)}`;
  }
}

const AVG3D = signature<AvgPoolNdOptions & Kernel>('AvgPool3d', avgPoolKinds(3), { required: 1, example: 'new nn.AvgPool3d(3, 2, 1)' });
/** The mean of each box of volumes: [N, C, D, H, W] → [N, C, Dout, Hout, Wout]. */
export class AvgPool3d extends Layer<DynamicFn> {
  static override readonly name: string = 'AvgPool3d';
  kernelSize: Sizes;
  stride: Sizes;
  padding: Sizes;
  ceilMode: boolean;
  countIncludePad: boolean;
  divisorOverride: number | null;

  /** @param stride default: the kernel size */
  constructor(
    kernelSize: Sizes | (AvgPoolNdOptions & Kernel),
    stride?: Sizes | null | AvgPoolNdOptions,
    padding?: Sizes | Omit<AvgPoolNdOptions, 'stride'>,
    ceilMode?: boolean | Pick<AvgPoolNdOptions, 'ceilMode' | 'countIncludePad' | 'divisorOverride'>,
    countIncludePad?: boolean | Pick<AvgPoolNdOptions, 'countIncludePad' | 'divisorOverride'>,
    divisorOverride?: number | null,
  );
  constructor(...args: readonly unknown[]) {
    super();
    const { kernelSize, ...given } = readCall(AVG3D, args);
    this.kernelSize = kernelSize;
    this.stride = given.stride ?? kernelSize;
    this.padding = given.padding ?? 0;
    this.ceilMode = given.ceilMode ?? false;
    this.countIncludePad = given.countIncludePad ?? true;
    this.divisorOverride = given.divisorOverride ?? null;
    this._params();
  }

  protected override run(x: Tensor): Tensor {
    return avgPool3dWith(x, this._params());
  }

  private _params(): WindowNd {
    const { kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride } = this;
    const of = [kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride];
    const make = (): WindowNd => windowNd('AvgPool3d', 3, kernelSize, { stride, padding, ceilMode, countIncludePad, divisorOverride });
    return madeOf(this, of, make);
  }

  override extraRepr(): string {
    return `kernel_size=${show(this.kernelSize)}, stride=${show(this.stride)}, padding=${show(this.padding)}`;
  }
}

// ---- adaptive

interface AdaptiveArguments {
  readonly outputSize: OutputSizes;
  readonly returnIndices?: boolean;
}
const adaptive = (name: string, n: number, indexed: boolean): Signature<AdaptiveArguments> =>
  signature<AdaptiveArguments>(
    name,
    { outputSize: targetsOf(n), ...(indexed ? { returnIndices: BOOL } : {}) } as OptionKinds<AdaptiveArguments>,
    { required: 1, example: `new nn.${name}(1)` },
  );
const showTargets = (size: OutputSizes): string =>
  size === null || typeof size === 'number'
    ? String(size ?? 'None')
    : size.length === 1
      ? `(${size[0] ?? 'None'},)`
      : `(${size.map((n) => n ?? 'None').join(', ')})`;

abstract class AdaptivePool extends Layer<DynamicFn> {
  outputSize: OutputSizes;
  returnIndices: boolean;

  protected constructor(of: Signature<AdaptiveArguments>, args: readonly unknown[]) {
    super();
    const { outputSize, returnIndices = false } = readCall(of, args);
    this.outputSize = outputSize;
    this.returnIndices = returnIndices;
  }

  override extraRepr(): string {
    return `output_size=${showTargets(this.outputSize)}`;
  }
}
const ADAPTIVE_AVG1D = adaptive('AdaptiveAvgPool1d', 1, false);
const ADAPTIVE_AVG3D = adaptive('AdaptiveAvgPool3d', 3, false);
const ADAPTIVE_MAX1D = adaptive('AdaptiveMaxPool1d', 1, true);
const ADAPTIVE_MAX3D = adaptive('AdaptiveMaxPool3d', 3, true);
/** Means over windows of sequences that give the wished length. */
export class AdaptiveAvgPool1d extends AdaptivePool {
  static override readonly name: string = 'AdaptiveAvgPool1d';
  constructor(outputSize: OutputSizes | { readonly outputSize: OutputSizes });
  constructor(...args: readonly unknown[]) {
    super(ADAPTIVE_AVG1D, args);
  }
  protected override run(x: Tensor): Tensor {
    return adaptiveAvgPoolWith('AdaptiveAvgPool1d', x, 1, this.outputSize);
  }
}
/** Means over boxes of volumes that give the wished size; null keeps the input's. */
export class AdaptiveAvgPool3d extends AdaptivePool {
  static override readonly name: string = 'AdaptiveAvgPool3d';
  constructor(outputSize: OutputSizes | { readonly outputSize: OutputSizes });
  constructor(...args: readonly unknown[]) {
    super(ADAPTIVE_AVG3D, args);
  }
  protected override run(x: Tensor): Tensor {
    return adaptiveAvgPoolWith('AdaptiveAvgPool3d', x, 3, this.outputSize);
  }
}
/** Maxima over windows of sequences that give the wished length. */
export class AdaptiveMaxPool1d extends AdaptivePool {
  static override readonly name: string = 'AdaptiveMaxPool1d';
  constructor(outputSize: OutputSizes | AdaptiveArguments, returnIndices?: boolean | { readonly returnIndices?: boolean });
  constructor(...args: readonly unknown[]) {
    super(ADAPTIVE_MAX1D, args);
  }
  protected override run(x: Tensor): Tensor {
    const both = adaptiveMaxPoolWith('AdaptiveMaxPool1d', x, 1, this.outputSize);
    return this.returnIndices ? (both as unknown as Tensor) : both.values; // `any`, in the types
  }
}
/** Maxima over boxes of volumes that give the wished size; null keeps the input's. */
export class AdaptiveMaxPool3d extends AdaptivePool {
  static override readonly name: string = 'AdaptiveMaxPool3d';
  constructor(outputSize: OutputSizes | AdaptiveArguments, returnIndices?: boolean | { readonly returnIndices?: boolean });
  constructor(...args: readonly unknown[]) {
    super(ADAPTIVE_MAX3D, args);
  }
  protected override run(x: Tensor): Tensor {
    const both = adaptiveMaxPoolWith('AdaptiveMaxPool3d', x, 3, this.outputSize);
    return this.returnIndices ? (both as unknown as Tensor) : both.values; // `any`, in the types
  }
}

// ---- unpooling

interface UnpoolOptions {
  /** Default: the kernel size. */
  readonly stride?: Sizes | null;
  readonly padding?: Sizes;
}
const UNPOOLED = signature<{ input: Tensor; indices: Tensor; outputSize?: readonly number[] | null }>(
  'MaxUnpool',
  { input: TENSOR, indices: TENSOR, outputSize: orNull(arrayOf(STEP, 'sizes')) },
  { required: 2, example: 'unpool(values, indices)' },
);

type UnpoolCall = (input: Tensor, indices: Tensor, outputSize?: readonly number[] | null) => Tensor;
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- the constructor makes every module callable
abstract class MaxUnpoolNd extends ModuleBase {
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  private readonly _params: WindowNd;

  protected constructor(name: string, n: number, args: readonly unknown[]) {
    super();
    const { kernelSize, stride, padding } = readCall(
      signature<UnpoolOptions & Kernel>(
        name,
        { kernelSize: sizesOf(n, STEP), stride: orNull(sizesOf(n, STEP)), padding: maxPoolKinds(n).padding },
        { required: 1, example: `new nn.${name}(2)` },
      ),
      args,
    );
    this._params = { ...windowNd(name, n, kernelSize, { stride: stride ?? null }), padding: each(padding ?? 0, n) };
    this.kernelSize = this._params.kernel;
    this.stride = this._params.stride;
    this.padding = this._params.padding;
  }

  override forward(input: Tensor, indices: Tensor, outputSize?: readonly number[] | null): Tensor;
  override forward(...args: readonly unknown[]): Tensor {
    const { input, indices, outputSize } = readCall(UNPOOLED, args);
    return maxUnpoolWith(input, indices, this._params, outputSize ?? undefined);
  }

  override extraRepr(): string {
    return `kernel_size=${pythonTuple(this.kernelSize)}, stride=${pythonTuple(this.stride)}, padding=${pythonTuple(this.padding)}`;
  }
}
interface MaxUnpoolNd {
  (...args: Parameters<UnpoolCall>): Tensor;
}
type UnpoolArguments = [
  kernelSize: Sizes | (UnpoolOptions & Kernel),
  stride?: Sizes | null | UnpoolOptions,
  padding?: Sizes | Pick<UnpoolOptions, 'padding'>,
];

/** The inverse of max pooling of sequences, as far as there is one: maxima put back where the indices say, zeros elsewhere. */
export class MaxUnpool1d extends MaxUnpoolNd {
  static override readonly name: string = 'MaxUnpool1d';
  /** `stride` is the kernel size where it is left out. */
  constructor(...args: UnpoolArguments) {
    super('MaxUnpool1d', 1, args);
  }
}

/** The inverse of max pooling of images, as far as there is one: maxima put back where the indices say, zeros elsewhere. */
export class MaxUnpool2d extends MaxUnpoolNd {
  static override readonly name: string = 'MaxUnpool2d';
  /** `stride` is the kernel size where it is left out. */
  constructor(...args: UnpoolArguments) {
    super('MaxUnpool2d', 2, args);
  }
}

/** The inverse of max pooling of volumes, as far as there is one: maxima put back where the indices say, zeros elsewhere. */
export class MaxUnpool3d extends MaxUnpoolNd {
  static override readonly name: string = 'MaxUnpool3d';
  /** `stride` is the kernel size where it is left out. */
  constructor(...args: UnpoolArguments) {
    super('MaxUnpool3d', 3, args);
  }
}

// ---- norms of windows

interface LPArguments extends Kernel {
  readonly normType: number;
  /** Default: the kernel size. */
  readonly stride?: Sizes | null;
  readonly ceilMode?: boolean;
}
type LPArgumentList = [
  normType: number | LPArguments,
  kernelSize?: Sizes | Omit<LPArguments, 'normType'>,
  stride?: Sizes | null | Pick<LPArguments, 'stride' | 'ceilMode'>,
  ceilMode?: boolean | Pick<LPArguments, 'ceilMode'>,
];
abstract class LPPoolNd extends Layer<DynamicFn> {
  readonly normType: number;
  readonly kernelSize: Sizes;
  readonly stride: Sizes | null;
  readonly ceilMode: boolean;
  private readonly _params: WindowNd;

  protected constructor(name: string, n: number, args: readonly unknown[]) {
    super();
    const given = readCall(
      signature<LPArguments>(
        name,
        { normType: POSITIVE, kernelSize: sizesOf(n, STEP), stride: orNull(sizesOf(n, STEP)), ceilMode: BOOL },
        { required: 2, example: `new nn.${name}(2, 3, 2)` },
      ),
      args,
    );
    this.normType = given.normType;
    this.kernelSize = given.kernelSize;
    this.stride = given.stride ?? null;
    this.ceilMode = given.ceilMode ?? false;
    this._params = windowNd(name, n, given.kernelSize, { stride: this.stride, ceilMode: this.ceilMode });
  }

  protected override run(x: Tensor): Tensor {
    return lpPoolWith(x, this.normType, this._params);
  }

  override extraRepr(): string {
    return `norm_type=${this.normType}, kernel_size=${show(this.kernelSize)}, stride=${this.stride === null ? 'None' : show(this.stride)}, ceil_mode=${pythonBool(this.ceilMode)}`;
  }
}

/** The norm of each window of sequences: (Σ xᵖ)^(1/p) with p = `normType`. */
export class LPPool1d extends LPPoolNd {
  static override readonly name: string = 'LPPool1d';
  constructor(...args: LPArgumentList) {
    super('LPPool1d', 1, args);
  }
}

/** The norm of each window of images: (Σ xᵖ)^(1/p) with p = `normType`. */
export class LPPool2d extends LPPoolNd {
  static override readonly name: string = 'LPPool2d';
  constructor(...args: LPArgumentList) {
    super('LPPool2d', 2, args);
  }
}

/** The norm of each window of volumes: (Σ xᵖ)^(1/p) with p = `normType`. */
export class LPPool3d extends LPPoolNd {
  static override readonly name: string = 'LPPool3d';
  constructor(...args: LPArgumentList) {
    super('LPPool3d', 3, args);
  }
}

// ---- windows at random places

interface FractionalLayerOptions extends Omit<FractionalOptions, 'randomSamples' | 'generator'> {
  /** Where windows begin, in place of random numbers; PyTorch's `_random_samples`. */
  readonly randomSamples?: Tensor | null;
}
type FractionalArgumentList = [
  kernelSize: Sizes | (FractionalLayerOptions & Kernel),
  outputSize?: Sizes | null | FractionalLayerOptions,
  outputRatio?: Sizes | null | Omit<FractionalLayerOptions, 'outputSize'>,
  returnIndices?: boolean | Pick<FractionalLayerOptions, 'returnIndices' | 'randomSamples'>,
];
abstract class FractionalNd extends Layer<DynamicFn> {
  readonly kernelSize: Sizes;
  readonly returnIndices: boolean;
  private readonly _given: FractionalLayerOptions & Kernel;
  private readonly _n: 2 | 3;

  protected constructor(name: string, n: 2 | 3, args: readonly unknown[]) {
    super();
    const of = signature<FractionalLayerOptions & Kernel & { generator?: undefined }>(
      name,
      { ...fractionalKinds(n), randomSamples: TENSOR_OR_NULL, generator: GENERATOR },
      { required: 1, positional: 4, example: `new nn.${name}(3, 4)` },
    );
    this._given = readCall(of, args);
    this._n = n;
    this.kernelSize = this._given.kernelSize;
    this.returnIndices = this._given.returnIndices ?? false;
  }

  protected override run(x: Tensor): Tensor {
    const both = fractionalMaxPoolWith(this.typeName(), this._n, { ...this._given, input: x });
    return this.returnIndices ? (both as unknown as Tensor) : both.values; // `any`, in the types
  }
}
/** Maxima of windows of images at random places (https://arxiv.org/abs/1412.6071). */
export class FractionalMaxPool2d extends FractionalNd {
  static override readonly name: string = 'FractionalMaxPool2d';
  constructor(...args: FractionalArgumentList) {
    super('FractionalMaxPool2d', 2, args);
  }
}
/** Maxima of windows of volumes at random places. */
export class FractionalMaxPool3d extends FractionalNd {
  static override readonly name: string = 'FractionalMaxPool3d';
  constructor(...args: FractionalArgumentList) {
    super('FractionalMaxPool3d', 3, args);
  }
}
