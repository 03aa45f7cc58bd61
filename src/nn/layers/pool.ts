/** Pooling layers. Every size is a number or a pair [vertical, horizontal]. */
import { BOOL, orNull, pairOf, WHOLE, WIDTH } from '../../base/arguments.ts';
import type { Any, Given, LeftOut } from '../../base/call-types.ts';
import { pythonBool, pythonTuple } from '../../base/python-format.ts';
import { readCall, signature } from '../../base/signature.ts';
import {
  adaptivePoolParams,
  avgPoolParams,
  maxPoolParams,
  OUTPUT_SIZE,
  WINDOW,
  type AvgPoolOptions,
  type AvgPoolParams,
  type MaxPoolOptions,
  type MaxPoolParams,
  type Pair,
} from '../../geometry/pool.ts';
import { apply } from '../../tensor/dispatch.ts';
import { maxPool } from '../../tensor/families/max-pool.ts';
import { valuesAndIndices, type ValuesAndIndices } from '../../tensor/values-and-indices.ts';
import type { KernelSlot, PoolKernel } from '../../tensor/shapes/window.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { adaptiveMaxPool2d } from '../functional.ts';
import { adaptiveAvgPool2dWith, avgPool2dWith, maxPool2dWith } from '../prepared.ts';
import type { ModuleBase } from '../module-base.ts';
import type { AvgRest, MaxRest } from '../functional-window.ts';
import type { AdaptiveFn, PoolFn } from '../shape-types.ts';
import { layerOf } from '../signatures.ts';
import { madeOf } from './fields.ts';
import { Layer, type SomeLayer } from './layer.ts';

const SIDES = pairOf(WIDTH);

/** A size as it was given: `2` or `(3, 5)`. */
const show = (size: Pair): string => (typeof size === 'number' ? String(size) : pythonTuple(size));

interface MaxPoolArguments extends Omit<MaxPoolOptions, 'stride'> {
  readonly kernelSize: Pair;
  readonly stride?: Pair | null;
}
const MAX_POOL2D = signature<MaxPoolArguments>(
  'MaxPool2d',
  { kernelSize: WINDOW, stride: orNull(WINDOW), padding: SIDES, dilation: WINDOW, returnIndices: BOOL, ceilMode: BOOL },
  { required: 1, example: 'new nn.MaxPool2d(3, 2, 1) or new nn.MaxPool2d(3, { stride: 2, padding: 1 })' },
);

interface AvgPoolArguments extends Omit<AvgPoolOptions, 'stride'> {
  readonly kernelSize: Pair;
  readonly stride?: Pair | null;
}
const AVG_POOL2D = signature<AvgPoolArguments>(
  'AvgPool2d',
  { kernelSize: WINDOW, stride: orNull(WINDOW), padding: SIDES, ceilMode: BOOL, countIncludePad: BOOL, divisorOverride: orNull(WHOLE) },
  { required: 1, example: 'new nn.AvgPool2d(3, 2, 1) or new nn.AvgPool2d(3, { stride: 2, padding: 1 })' },
);

/** The class behind {@link MaxPool2d}. */
class MaxPool2dLayer<K, S, P> extends Layer<PoolFn<K, S, P>> {
  static override readonly name: string = 'MaxPool2d';
  kernelSize: Pair;
  stride: Pair;
  padding: Pair;
  dilation: Pair;
  returnIndices: boolean;
  ceilMode: boolean;

  /** @throws ArgumentError for sizes that are not whole and positive, or padding above half the kernel */
  constructor(...args: readonly unknown[]) {
    super();
    const { kernelSize, stride, ...options } = readCall(MAX_POOL2D, args);
    this.kernelSize = kernelSize;
    this.stride = stride ?? kernelSize;
    this.padding = options.padding ?? 0;
    this.dilation = options.dilation ?? 1;
    this.returnIndices = options.returnIndices ?? false;
    this.ceilMode = options.ceilMode ?? false;
    this._params();
  }

  protected override run(x: Tensor): Tensor {
    if (!this.returnIndices) return maxPool2dWith(x, this._params());
    const [values, indices] = apply(maxPool.maxPool2d, [x], this._params());
    return valuesAndIndices(undefined, values!, indices!) as unknown as Tensor; // as its type says
  }

  private _params(): MaxPoolParams {
    const { kernelSize, stride, padding, dilation, ceilMode, returnIndices } = this;
    const of = [kernelSize, stride, padding, dilation, ceilMode, returnIndices];
    return madeOf(this, of, () => maxPoolParams(kernelSize, { stride, padding, dilation, ceilMode, returnIndices }));
  }

  override extraRepr(): string {
    return `kernel_size=${show(this.kernelSize)}, stride=${show(this.stride)}, padding=${show(this.padding)}, dilation=${show(this.dilation)}, ceil_mode=${pythonBool(this.ceilMode)}`;
  }
}

/** `MaxPool2d<2, 2>` or `MaxPool2d<3, 2, 1>`: window, stride, padding. */
export interface MaxPool2d<out K = PoolKernel, out S = Pair, out P = Pair> extends MaxPool2dLayer<K, S, P> {
  kernelSize: Pair;
}

/** A pooling that gives the places of the maxima as well, as `returnIndices` asks for. */
export interface PoolWithIndices extends ModuleBase {
  (input: Tensor): ValuesAndIndices;
  forward(input: Tensor): ValuesAndIndices;
}

interface MaxWhole<K, S, P, D, C> extends MaxRest<S, P, D, C> {
  readonly kernelSize: K;
}
type MaxWide<T, Wide> = Any<T, Wide | MaxRest<Pair, Pair, Pair, boolean, boolean>>;
interface WithIndices extends MaxRest<Pair, Pair, Pair, boolean, boolean> {
  readonly returnIndices: true;
}

export interface MaxPool2dConstructor {
  /**
   * @param stride default: the kernel size
   * @throws ArgumentError for sizes that are not whole and positive, or padding above half the kernel
   */
  new <
    const K extends Pair | LeftOut = LeftOut,
    const S extends Pair | LeftOut = LeftOut,
    const P extends Pair | LeftOut = LeftOut,
    const D extends Pair | LeftOut = LeftOut,
    C extends boolean | LeftOut = LeftOut,
  >(
    kernelSize: K | MaxWhole<K, S, P, D, C> | MaxWide<K, Pair>,
    stride?: S | null | MaxRest<S, P, D, C> | MaxWide<S, Pair>,
    padding?: P | Omit<MaxRest<S, P, D, C>, 'stride'> | MaxWide<P, Pair>,
    dilation?: D | Omit<MaxRest<S, P, D, C>, 'stride' | 'padding'> | MaxWide<D, Pair>,
    returnIndices?: false | { readonly ceilMode?: C } | MaxWide<K, boolean>,
    ceilMode?: C | MaxWide<C, boolean>,
  ): MaxPool2d<
    KernelSlot<Given<K, Pair>, NoInfer<Given<D, 1>>, NoInfer<Given<C, false>>>,
    NoInfer<Given<S, Given<K, Pair>>>,
    NoInfer<Given<P, 0>>
  >;
  /** With the places of the maxima. (The type parameter keeps this form from classes that extend the other.) */
  new <const K extends Pair>(
    kernelSize: K | (WithIndices & { readonly kernelSize: K }),
    stride?: Pair | null | WithIndices,
    padding?: Pair | Omit<WithIndices, 'stride'>,
    dilation?: Pair | Omit<WithIndices, 'stride' | 'padding'>,
    returnIndices?: true | Pick<WithIndices, 'returnIndices' | 'ceilMode'>,
    ceilMode?: boolean,
  ): PoolWithIndices;
  readonly prototype: SomeLayer<MaxPool2d>;
}

/** The largest element of each window (https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html). */
export const MaxPool2d = MaxPool2dLayer as unknown as MaxPool2dConstructor;

/** The class behind {@link AvgPool2d}. */
class AvgPool2dLayer<K, S, P> extends Layer<PoolFn<K, S, P, 'AvgPool2d'>> {
  static override readonly name: string = 'AvgPool2d';
  kernelSize: Pair;
  stride: Pair;
  padding: Pair;
  ceilMode: boolean;
  countIncludePad: boolean;
  divisorOverride: number | null;

  constructor(...args: readonly unknown[]) {
    super();
    const { kernelSize, stride, ...options } = readCall(AVG_POOL2D, args);
    this.kernelSize = kernelSize;
    this.stride = stride ?? kernelSize;
    this.padding = options.padding ?? 0;
    this.ceilMode = options.ceilMode ?? false;
    this.countIncludePad = options.countIncludePad ?? true;
    this.divisorOverride = options.divisorOverride ?? null;
    this._params();
  }

  protected override run(x: Tensor): Tensor {
    return avgPool2dWith(x, this._params());
  }

  private _params(): AvgPoolParams {
    const { kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride } = this;
    const of = [kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride];
    return madeOf(this, of, () => avgPoolParams(kernelSize, { stride, padding, ceilMode, countIncludePad, divisorOverride }));
  }

  override extraRepr(): string {
    return `kernel_size=${show(this.kernelSize)}, stride=${show(this.stride)}, padding=${show(this.padding)}`;
  }
}

/** `AvgPool2d<2, 2>` or `AvgPool2d<3, 2, 1>`: window, stride, padding. */
export interface AvgPool2d<out K = PoolKernel, out S = Pair, out P = Pair> extends AvgPool2dLayer<K, S, P> {
  kernelSize: Pair;
}

interface AvgWhole<K, S, P, C> extends AvgRest<S, P, C> {
  readonly kernelSize: K;
}
type AvgWide<T, Wide> = Any<T, Wide | AvgRest<Pair, Pair, boolean>>;
type Divisor = Pick<AvgPoolOptions, 'countIncludePad' | 'divisorOverride'>;

export interface AvgPool2dConstructor {
  /** @param stride default: the kernel size */
  new <
    const K extends Pair | LeftOut = LeftOut,
    const S extends Pair | LeftOut = LeftOut,
    const P extends Pair | LeftOut = LeftOut,
    C extends boolean | LeftOut = LeftOut,
  >(
    kernelSize: K | AvgWhole<K, S, P, C> | AvgWide<K, Pair>,
    stride?: S | null | AvgRest<S, P, C> | AvgWide<S, Pair>,
    padding?: P | Omit<AvgRest<S, P, C>, 'stride'> | AvgWide<P, Pair>,
    ceilMode?: C | Omit<AvgRest<S, P, C>, 'stride' | 'padding'> | AvgWide<C, boolean>,
    countIncludePad?: boolean | Divisor,
    divisorOverride?: number | null | Pick<Divisor, 'divisorOverride'>,
  ): AvgPool2d<KernelSlot<Given<K, Pair>, 1, NoInfer<Given<C, false>>>, NoInfer<Given<S, Given<K, Pair>>>, NoInfer<Given<P, 0>>>;
  readonly prototype: SomeLayer<AvgPool2d>;
}

/** The mean of each window (https://pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html). */
export const AvgPool2d = AvgPool2dLayer as unknown as AvgPool2dConstructor;

type OutputSize = number | null | readonly [number | null, number | null] | readonly (number | null)[];

const showOutput = (size: OutputSize): string =>
  size === null || typeof size === 'number' ? String(size ?? 'None') : `(${size.map((n) => n ?? 'None').join(', ')})`;

interface AdaptiveArguments<Out = OutputSize> {
  readonly outputSize: Out;
}
interface AdaptiveMaxArguments<Out = OutputSize> extends AdaptiveArguments<Out> {
  /** Whether the result has the places of the maxima as well: `{ values, indices }`. */
  readonly returnIndices?: boolean;
}
const ADAPTIVE_AVG_POOL2D = layerOf<AdaptiveArguments>('AdaptiveAvgPool2d', { outputSize: OUTPUT_SIZE }, { required: 1 });
const ADAPTIVE_MAX_POOL2D = layerOf<AdaptiveMaxArguments>(
  'AdaptiveMaxPool2d',
  { outputSize: OUTPUT_SIZE, returnIndices: BOOL },
  { required: 1 },
);

/** Means over windows that give the wished output size; null keeps the input's. */
export class AdaptiveAvgPool2d<const out Out extends OutputSize = OutputSize> extends Layer<AdaptiveFn<Out>> {
  outputSize: Out;

  constructor(outputSize: Out | AdaptiveArguments<Out>);
  constructor(...args: readonly unknown[]) {
    super();
    const { outputSize } = readCall(ADAPTIVE_AVG_POOL2D, args);
    this.outputSize = outputSize as Out;
    adaptivePoolParams(outputSize); // checks it
  }

  protected override run(x: Tensor): Tensor {
    return adaptiveAvgPool2dWith(x, adaptivePoolParams(this.outputSize));
  }

  override extraRepr(): string {
    return `output_size=${showOutput(this.outputSize)}`;
  }
}

/**
 * Maxima over windows that give the wished output size; null keeps the input's. With `returnIndices` a call gives `{ values, indices }`; the
 * type of such a layer is `nn.PoolWithIndices`, by `as unknown as`.
 */
export class AdaptiveMaxPool2d<const out Out extends OutputSize = OutputSize> extends Layer<AdaptiveFn<Out, 'AdaptiveMaxPool2d'>> {
  outputSize: Out;
  returnIndices: boolean;

  constructor(outputSize: Out | AdaptiveMaxArguments<Out>, returnIndices?: boolean | { readonly returnIndices?: boolean });
  constructor(...args: readonly unknown[]) {
    super();
    const { outputSize, returnIndices = false } = readCall(ADAPTIVE_MAX_POOL2D, args);
    this.outputSize = outputSize as Out;
    this.returnIndices = returnIndices;
  }

  protected override run(x: Tensor): Tensor {
    if (!this.returnIndices) return adaptiveMaxPool2d(x, this.outputSize);
    return adaptiveMaxPool2d(x, this.outputSize, true) as unknown as Tensor; // as its documentation says
  }

  override extraRepr(): string {
    return `output_size=${showOutput(this.outputSize)}`;
  }
}
