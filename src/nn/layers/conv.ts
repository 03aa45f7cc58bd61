/** Convolution layers. */
import { BOOL, pairOf, requireKind, requireOptions, STEP, type OptionKinds } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import { pythonTuple } from '../../base/python-format.ts';
import { say, WRONG_GROUPS } from '../../base/sentences.ts';
import { CONV_OPTIONS, convParams, type ConvOptions, type ConvParams } from '../../geometry/conv.ts';
import { empty } from '../../tensor/create.ts';
import type { ConvKernel, KernelSlot, Padding } from '../../tensor/shapes/window.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Pair } from '../functional.ts';
import { defaultInit } from '../init.ts';
import { requireCount } from '../options.ts';
import { Parameter } from '../parameter.ts';
import { conv2dWith } from '../prepared.ts';
import type { ConvFn, GroupsArgument, PaddingArgument } from '../shape-types.ts';
import { Layer, type SomeLayer } from './layer.ts';

export interface Conv2dOptions extends ConvOptions {
  /** Whether to add a learned bias. Default true. */
  readonly bias?: boolean;
}

const KERNEL = pairOf(STEP);
const OPTIONS: OptionKinds<Conv2dOptions> = { ...CONV_OPTIONS, bias: BOOL };
const EXAMPLE = 'the fourth argument as an object: new nn.Conv2d(3, 6, 5, { stride: 2, padding: 1 })';

/** The class behind {@link Conv2d}. */
class Conv2dLayer<In extends number, Out extends number, K, S, P> extends Layer<ConvFn<In, Out, K, S, P>> {
  static override readonly name: string = 'Conv2d';
  readonly inChannels: In;
  readonly outChannels: Out;
  readonly kernelSize: readonly [number, number];
  weight: Parameter;
  bias: Parameter | null;
  readonly #params: ConvParams;
  readonly #options: Conv2dOptions;

  /** @throws ArgumentError for sizes that are not whole and positive, or groups that do not divide the channels */
  constructor(inChannels: In, outChannels: Out, kernelSize: Pair, options: Conv2dOptions = {}) {
    super();
    requireCount('Conv2d', 'inChannels', inChannels);
    requireCount('Conv2d', 'outChannels', outChannels);
    requireKind('Conv2d', 'kernelSize', kernelSize, KERNEL);
    const [kh, kw] = typeof kernelSize === 'number' ? [kernelSize, kernelSize] : kernelSize;
    const given = requireOptions<Conv2dOptions>('Conv2d', options, OPTIONS, EXAMPLE);
    this.#params = convParams(given);
    const { groups } = this.#params;
    for (const [name, channels] of Object.entries({ inChannels, outChannels })) {
      if (channels % groups !== 0) throw new ArgumentError(`Conv2d: ${say(WRONG_GROUPS, groups, name, channels)}`);
    }
    this.#options = given;
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = [kh, kw];
    this.weight = new Parameter(empty(outChannels, inChannels / groups, kh, kw));
    this.bias = given.bias === false ? null : new Parameter(empty(outChannels));
    this.registerParameter('weight', this.weight);
    this.registerParameter('bias', this.bias);
    defaultInit(this.weight, this.bias);
  }

  protected override run(x: Tensor): Tensor {
    return conv2dWith(x, this.weight, this.bias, this.#params);
  }

  override extraRepr(): string {
    const { stride, padding, dilation, groups } = this.#params;
    const parts = [
      `${this.inChannels}, ${this.outChannels}`,
      `kernel_size=${pythonTuple(this.kernelSize)}`,
      `stride=${pythonTuple(stride)}`,
    ];
    const given = this.#options.padding;
    if (typeof given === 'string') parts.push(`padding=${given}`);
    else if (padding !== 'same' && (padding[0] !== 0 || padding[1] !== 0))
      parts.push(`padding=${pythonTuple(padding)}`);
    if (dilation[0] !== 1 || dilation[1] !== 1) parts.push(`dilation=${pythonTuple(dilation)}`);
    if (groups !== 1) parts.push(`groups=${groups}`);
    if (this.bias === null) parts.push('bias=False');
    return parts.join(', ');
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

interface TypedOptions<In, Out, S, P, D, G> {
  readonly stride?: S;
  readonly padding?: PaddingArgument<P, S>;
  readonly dilation?: D;
  readonly groups?: GroupsArgument<In, Out, G>;
  readonly bias?: boolean;
}

// `NoInfer`: an option that is left out has its default, not what the type expected of the layer says.
export interface Conv2dConstructor {
  /** @throws ArgumentError for sizes that are not whole and positive, or groups that do not divide the channels */
  new <
    In extends number,
    Out extends number,
    const K extends Pair,
    const S extends Pair = 1,
    const P extends Padding = 0,
    const D extends Pair = 1,
    G extends number = 1,
  >(
    inChannels: In,
    outChannels: Out,
    kernelSize: K,
    options?: TypedOptions<In, Out, S, P, D, G>,
  ): Conv2d<In, Out, KernelSlot<K, NoInfer<D>>, NoInfer<S>, NoInfer<P>>;
  readonly prototype: SomeLayer<Conv2d>;
}

/**
 * Filters over images (https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html): [N, Cin, H, W] → [N, Cout, Hout, Wout]
 * with Hout = ⌊(H + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1. Every size is a number or a pair [vertical, horizontal].
 */
export const Conv2d = Conv2dLayer as unknown as Conv2dConstructor;
