/** The transposed convolution as a layer. */
import type { Any, Given, LeftOut } from '../../base/call-types.ts';
import type { PaddingSlot, TransposePadding } from '../../tensor/shapes/resize.ts';
import type { ConvKernel, KernelSlot } from '../../tensor/shapes/window.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { ConvTransposeNd } from '../functional-conv.ts';
import { convTranspose2dWith, convTransposeParams, type ConvTransposeOptions } from '../functional-images.ts';
import type { Pair } from '../functional.ts';
import type { ConvTransposeFn, GroupsArgument } from '../shape-types.ts';
import { ConvTransposeNdLayer, transposeSignature } from './conv-nd.ts';
import type { SomeLayer } from './layer.ts';

export interface ConvTranspose2dOptions extends ConvTransposeOptions {
  /** Whether to add a learned bias. Default true. */
  readonly bias?: boolean;
}

const CONV_TRANSPOSE2D = transposeSignature('ConvTranspose2d', 2);

/** The class behind {@link ConvTranspose2d}. */
export class ConvTranspose2dLayer<In extends number, Out extends number, K, S, P> extends ConvTransposeNdLayer<
  ConvTransposeFn<In, Out, K, S, P>
> {
  static override readonly name: string = 'ConvTranspose2d';
  declare readonly inChannels: In;
  declare readonly outChannels: Out;
  declare readonly kernelSize: readonly [number, number];

  /** @throws ArgumentError for sizes that are not whole and positive, or groups that do not divide the channels */
  constructor(...args: readonly unknown[]) {
    super(CONV_TRANSPOSE2D, 2, args);
  }

  protected override spread(x: Tensor, { stride, padding, outputPadding, dilation, groups }: ConvTransposeNd): Tensor {
    const params = convTransposeParams({ stride, padding, outputPadding, dilation, groups });
    return convTranspose2dWith(x, this.weight, this.bias, params);
  }
}

/** `ConvTranspose2d<16, 3, 4, 2, 1>`: 16 to 3 channels with kernel 4, stride 2, padding 1. */
export interface ConvTranspose2d<
  out In extends number = number,
  out Out extends number = number,
  out K = ConvKernel,
  out S = Pair,
  out P = TransposePadding,
> extends ConvTranspose2dLayer<In, Out, K, S, P> {
  readonly inChannels: In;
  readonly outChannels: Out;
}

/** What may stand by name in place of the arguments from the stride on. */
interface Rest<In, Out, S, P, OP, D, G> {
  readonly stride?: S;
  readonly padding?: P;
  readonly outputPadding?: OP;
  readonly groups?: GroupsArgument<In, Out, G>;
  readonly bias?: boolean;
  readonly dilation?: D;
}
interface FromKernel<In, Out, K, S, P, OP, D, G> extends Rest<In, Out, S, P, OP, D, G> {
  readonly kernelSize: K;
}
interface FromOut<In, Out, K, S, P, OP, D, G> extends FromKernel<In, Out, K, S, P, OP, D, G> {
  readonly outChannels: Out;
}
interface Whole<In, Out, K, S, P, OP, D, G> extends FromOut<In, Out, K, S, P, OP, D, G> {
  readonly inChannels: In;
}
type Wide<T, Plain> = Any<T, Plain | ConvTranspose2dOptions>;

export interface ConvTranspose2dConstructor {
  /** @throws ArgumentError for sizes that are not whole and positive, or groups that do not divide the channels */
  new <
    In extends number = number,
    Out extends number = number,
    const K extends Pair | LeftOut = LeftOut,
    const S extends Pair | LeftOut = LeftOut,
    const P extends Pair | LeftOut = LeftOut,
    const OP extends Pair | LeftOut = LeftOut,
    const D extends Pair | LeftOut = LeftOut,
    G extends number | LeftOut = LeftOut,
  >(
    inChannels: In,
    outChannels: Out,
    kernelSize: K | FromKernel<In, Out, K, S, P, OP, D, G> | Any<K, Pair>,
    stride?: S | Rest<In, Out, S, P, OP, D, G> | Wide<S, Pair>,
    padding?: P | Omit<Rest<In, Out, S, P, OP, D, G>, 'stride'> | Wide<P, Pair>,
    outputPadding?: OP | Omit<Rest<In, Out, S, P, OP, D, G>, 'stride' | 'padding'> | Wide<OP, Pair>,
    groups?: GroupsArgument<In, Out, G> | { readonly bias?: boolean; readonly dilation?: D } | Wide<G, number>,
    bias?: boolean | { readonly dilation?: D },
    dilation?: D | Wide<D, Pair>,
  ): ConvTranspose2d<
    In,
    Out,
    KernelSlot<Given<K, Pair>, NoInfer<Given<D, 1>>>,
    NoInfer<Given<S, 1>>,
    PaddingSlot<NoInfer<Given<P, 0>>, NoInfer<Given<OP, 0>>>
  >;
  new <
    In extends number = number,
    Out extends number = number,
    const K extends Pair | LeftOut = LeftOut,
    const S extends Pair | LeftOut = LeftOut,
    const P extends Pair | LeftOut = LeftOut,
    const OP extends Pair | LeftOut = LeftOut,
    const D extends Pair | LeftOut = LeftOut,
    G extends number | LeftOut = LeftOut,
  >(
    inChannels: In,
    others: FromOut<In, Out, K, S, P, OP, D, G>,
  ): ConvTranspose2d<
    In,
    Out,
    KernelSlot<Given<K, Pair>, NoInfer<Given<D, 1>>>,
    NoInfer<Given<S, 1>>,
    PaddingSlot<NoInfer<Given<P, 0>>, NoInfer<Given<OP, 0>>>
  >;
  new <
    In extends number = number,
    Out extends number = number,
    const K extends Pair | LeftOut = LeftOut,
    const S extends Pair | LeftOut = LeftOut,
    const P extends Pair | LeftOut = LeftOut,
    const OP extends Pair | LeftOut = LeftOut,
    const D extends Pair | LeftOut = LeftOut,
    G extends number | LeftOut = LeftOut,
  >(
    all: Whole<In, Out, K, S, P, OP, D, G>,
  ): ConvTranspose2d<
    In,
    Out,
    KernelSlot<Given<K, Pair>, NoInfer<Given<D, 1>>>,
    NoInfer<Given<S, 1>>,
    PaddingSlot<NoInfer<Given<P, 0>>, NoInfer<Given<OP, 0>>>
  >;
  readonly prototype: SomeLayer<ConvTranspose2d>;
}

/**
 * The transposed convolution (https://pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html), which makes images larger:
 * [N, Cin, H, W] → [N, Cout, Hout, Wout] with Hout = (H − 1)·stride − 2·padding + dilation·(kernel − 1) + outputPadding + 1.
 * @example
 * import { nn, randn } from 'flambeau';
 * const up = new nn.ConvTranspose2d(16, 8, 3, { stride: 2, padding: 1, outputPadding: 1 });
 * if (up(randn(1, 16, 7, 7)).shape.join() !== '1,8,14,14') throw new Error('twice as large');
 */
export const ConvTranspose2d = ConvTranspose2dLayer as unknown as ConvTranspose2dConstructor;
