/** The convolution of images as a layer. */
import type { Any, Given, LeftOut } from '../../base/call-types.ts';
import { convParams, type ConvOptions, type ConvParams } from '../../geometry/conv.ts';
import type { ConvKernel, KernelSlot, Padding } from '../../tensor/shapes/window.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Pair } from '../functional.ts';
import { conv2dWith } from '../prepared.ts';
import type { ConvFn, GroupsArgument, PaddingArgument } from '../shape-types.ts';
import type { ConvNd } from '../functional-conv.ts';
import { ConvNdLayer, convSignature, type PaddingMode } from './conv-nd.ts';
import { madeOf } from './fields.ts';
import type { SomeLayer } from './layer.ts';

export interface Conv2dOptions extends ConvOptions {
  /** Whether to add a learned bias. Default true. */
  readonly bias?: boolean;
  /** What stands outside of the input: 'zeros' (the default), or as the modes of `F.pad`. */
  readonly paddingMode?: PaddingMode;
}

const CONV2D = convSignature('Conv2d', 2);

const paramsOf = (way: ConvNd): ConvParams =>
  madeOf(way, [], () => convParams({ stride: way.stride, padding: way.padding, dilation: way.dilation, groups: way.groups }));

/** The class behind {@link Conv2d}. */
export class Conv2dLayer<In extends number, Out extends number, K, S, P> extends ConvNdLayer<ConvFn<In, Out, K, S, P>> {
  static override readonly name: string = 'Conv2d';
  declare readonly inChannels: In;
  declare readonly outChannels: Out;
  declare readonly kernelSize: readonly [number, number];

  /** @throws ArgumentError for sizes that are not whole and positive, or groups that do not divide the channels */
  constructor(...args: readonly unknown[]) {
    super(CONV2D, 2, args);
    paramsOf(this._way(CONV2D.op).params);
  }

  protected override convolved(x: Tensor, params: ConvNd): Tensor {
    return conv2dWith(x, this.weight, this.bias, paramsOf(params));
  }
}

/** `Conv2d<3, 16, 3, 2, 1>`: 3 to 16 channels with kernel 3, stride 2, padding 1. */
export interface Conv2d<
  out In extends number = number,
  out Out extends number = number,
  out K = ConvKernel,
  out S = Pair,
  out P = Padding,
> extends Conv2dLayer<In, Out, K, S, P> {
  readonly inChannels: In;
  readonly outChannels: Out;
}

/** What may stand by name in place of the arguments from the stride on. */
interface Rest<In, Out, S, P, D, G> {
  readonly stride?: S;
  readonly padding?: PaddingArgument<P, Given<S, 1>>;
  readonly dilation?: D;
  readonly groups?: GroupsArgument<In, Out, G>;
  readonly bias?: boolean;
  readonly paddingMode?: PaddingMode;
}
interface FromKernel<In, Out, K, S, P, D, G> extends Rest<In, Out, S, P, D, G> {
  readonly kernelSize: K;
}
interface FromOut<In, Out, K, S, P, D, G> extends FromKernel<In, Out, K, S, P, D, G> {
  readonly outChannels: Out;
}
interface Whole<In, Out, K, S, P, D, G> extends FromOut<In, Out, K, S, P, D, G> {
  readonly inChannels: In;
}

/** Of a class that extends the constructor and hands on its own arguments. */
type AnyFromKernel = FromKernel<number, number, Pair | LeftOut, Pair | LeftOut, Padding | LeftOut, Pair | LeftOut, number | LeftOut>;

type AnyRest = Rest<number, number, Pair | LeftOut, Padding | LeftOut, Pair | LeftOut, number | LeftOut>;
type Wide<T, Plain> = Any<T, Plain | Conv2dOptions | AnyRest | LeftOut>;

// `NoInfer`: what is left out has its default, not what the type expected of the layer says.
export interface Conv2dConstructor {
  new <
    In extends number = number,
    Out extends number = number,
    const K extends Pair | LeftOut = LeftOut,
    const S extends Pair | LeftOut = LeftOut,
    const P extends Padding | LeftOut = LeftOut,
    const D extends Pair | LeftOut = LeftOut,
    G extends number | LeftOut = LeftOut,
  >(
    inChannels: In,
    others: FromOut<In, Out, K, S, P, D, G>,
  ): Conv2d<In, Out, KernelSlot<Given<K, Pair>, NoInfer<Given<D, 1>>>, NoInfer<Given<S, 1>>, NoInfer<Given<P, 0>>>;
  new <
    In extends number = number,
    Out extends number = number,
    const K extends Pair | LeftOut = LeftOut,
    const S extends Pair | LeftOut = LeftOut,
    const P extends Padding | LeftOut = LeftOut,
    const D extends Pair | LeftOut = LeftOut,
    G extends number | LeftOut = LeftOut,
  >(
    all: Whole<In, Out, K, S, P, D, G>,
  ): Conv2d<In, Out, KernelSlot<Given<K, Pair>, NoInfer<Given<D, 1>>>, NoInfer<Given<S, 1>>, NoInfer<Given<P, 0>>>;
  // The last form is what ConstructorParameters gives.
  /** @throws ArgumentError for sizes that are not whole and positive, or groups that do not divide the channels */
  new <
    In extends number = number,
    Out extends number = number,
    const K extends Pair | LeftOut = LeftOut,
    const S extends Pair | LeftOut = LeftOut,
    const P extends Padding | LeftOut = LeftOut,
    const D extends Pair | LeftOut = LeftOut,
    G extends number | LeftOut = LeftOut,
  >(
    inChannels: In,
    outChannels: Out,
    kernelSize: K | FromKernel<In, Out, K, S, P, D, G> | Any<K, Pair | AnyFromKernel>,
    stride?: S | Rest<In, Out, S, P, D, G> | Wide<S, Pair>,
    padding?: PaddingArgument<P, Given<S, 1>> | Omit<Rest<In, Out, S, P, D, G>, 'stride'> | Wide<P, Padding>,
    dilation?: D | Omit<Rest<In, Out, S, P, D, G>, 'stride' | 'padding'> | Wide<D, Pair>,
    groups?: GroupsArgument<In, Out, G> | Pick<Conv2dOptions, 'bias' | 'paddingMode'> | Wide<G, number>,
    bias?: boolean | Pick<Conv2dOptions, 'paddingMode'>,
    paddingMode?: PaddingMode,
  ): Conv2d<In, Out, KernelSlot<Given<K, Pair>, NoInfer<Given<D, 1>>>, NoInfer<Given<S, 1>>, NoInfer<Given<P, 0>>>;
  readonly prototype: SomeLayer<Conv2d>;
}

/**
 * Filters over images (https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html): [N, Cin, H, W] → [N, Cout, Hout, Wout]
 * with Hout = ⌊(H + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1. Every size is a number or a pair [vertical, horizontal].
 * @example
 * import { nn, randn } from 'flambeau';
 * const conv = new nn.Conv2d(3, 16, 3, 2, 1); // or new nn.Conv2d(3, 16, 3, { stride: 2, padding: 1 })
 * if (conv(randn(1, 3, 8, 8)).shape.join() !== '1,16,4,4') throw new Error('half as large');
 */
export const Conv2d = Conv2dLayer as unknown as Conv2dConstructor;
