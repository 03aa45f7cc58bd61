/** Pooling layers. Every size is a number or a pair [vertical, horizontal]. */
import { refuseMore, requireKind, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import { pythonBool, pythonTuple } from '../../base/python-format.ts';
import {
  adaptivePoolParams,
  AVG_POOL_OPTIONS,
  avgPoolParams,
  MAX_POOL_OPTIONS,
  maxPoolParams,
  OUTPUT_SIZE,
  WINDOW,
  type AdaptivePoolParams,
  type AvgPoolOptions,
  type AvgPoolParams,
  type MaxPoolOptions,
  type MaxPoolParams,
  type Pair,
} from '../../geometry/pool.ts';
import type { KernelSlot, PoolKernel } from '../../tensor/shapes/window.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { adaptiveMaxPool2d } from '../functional.ts';
import { adaptiveAvgPool2dWith, avgPool2dWith, maxPool2dWith } from '../prepared.ts';
import type { AdaptiveFn, PoolFn } from '../shape-types.ts';
import { Layer, type SomeLayer } from './layer.ts';

/** A size as it was given: `2` or `(3, 5)`. */
const show = (size: Pair): string => (typeof size === 'number' ? String(size) : pythonTuple(size));

/** What comes after the kernel size: stride and options, or options with the stride among them. */
type WindowArguments<O> = readonly [stride?: Pair | null, options?: Omit<O, 'stride'>] | readonly [options: O];

function windowOptions<O extends { readonly stride?: Pair | undefined }>(
  op: string,
  [first, second, ...more]: readonly unknown[],
  kinds: OptionKinds<O>,
): O {
  const example = `new nn.${op}(2, 2, { padding: 1 })`;
  const alone = typeof first === 'object' && first !== null && !Array.isArray(first);
  refuseMore(op, alone && second !== undefined ? [second, ...more] : more, `a kernel size, a stride and options: ${example}`); // prettier-ignore
  if (alone) return requireOptions<O>(op, first, kinds, example);
  if (first !== undefined && first !== null) requireKind(op, 'stride', first, WINDOW);
  const { stride: _, ...others } = kinds;
  const options = requireOptions<Omit<O, 'stride'>>(op, second, others, example);
  return { ...options, ...(first === undefined || first === null ? {} : { stride: first }) } as O;
}

/** The class behind {@link MaxPool2d}. */
class MaxPool2dLayer<K, S, P> extends Layer<PoolFn<K, S, P>> {
  static override readonly name: string = 'MaxPool2d';
  readonly kernelSize: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly ceilMode: boolean;
  readonly #params: MaxPoolParams;

  /**
   * @param stride default: the kernel size
   * @throws ArgumentError for sizes that are not whole and positive, or padding above half the kernel
   */
  constructor(kernelSize: Pair, ...more: WindowArguments<Omit<MaxPoolOptions, 'returnIndices'>>) {
    super();
    requireKind('MaxPool2d', 'kernelSize', kernelSize, WINDOW);
    const options = windowOptions('MaxPool2d', more, MAX_POOL_OPTIONS);
    this.kernelSize = kernelSize;
    this.stride = options.stride ?? kernelSize;
    this.padding = options.padding ?? 0;
    this.dilation = options.dilation ?? 1;
    this.ceilMode = options.ceilMode ?? false;
    this.#params = maxPoolParams(kernelSize, options);
  }

  protected override run(x: Tensor): Tensor {
    return maxPool2dWith(x, this.#params);
  }

  override extraRepr(): string {
    return `kernel_size=${show(this.kernelSize)}, stride=${show(this.stride)}, padding=${show(this.padding)}, dilation=${show(this.dilation)}, ceil_mode=${pythonBool(this.ceilMode)}`;
  }
}

/** `MaxPool2d<2, 2>` or `MaxPool2d<3, 2, 1>`: window, stride, padding. */
export interface MaxPool2d<out K = PoolKernel, out S = Pair, out P = Pair> extends MaxPool2dLayer<K, S, P> {
  readonly kernelSize: Pair;
}

export interface MaxPool2dConstructor {
  /**
   * @param stride default: the kernel size
   * @throws ArgumentError for sizes that are not whole and positive, or padding above half the kernel
   */
  new <
    const K extends Pair,
    const S extends Pair = K,
    const P extends Pair = 0,
    const D extends Pair = 1,
    C extends boolean = false,
  >(
    kernelSize: K,
    stride?: S | null,
    options?: { readonly padding?: P; readonly dilation?: D; readonly ceilMode?: C },
  ): MaxPool2d<KernelSlot<K, NoInfer<D>, NoInfer<C>>, NoInfer<S>, NoInfer<P>>;
  /** With the stride among the options. */
  new <
    const K extends Pair,
    const S extends Pair = K,
    const P extends Pair = 0,
    const D extends Pair = 1,
    C extends boolean = false,
  >(
    kernelSize: K,
    options: { readonly stride?: S; readonly padding?: P; readonly dilation?: D; readonly ceilMode?: C },
  ): MaxPool2d<KernelSlot<K, NoInfer<D>, NoInfer<C>>, NoInfer<S>, NoInfer<P>>;
  readonly prototype: SomeLayer<MaxPool2d>;
}

/** The largest element of each window (https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html). */
export const MaxPool2d = MaxPool2dLayer as unknown as MaxPool2dConstructor;

/** The class behind {@link AvgPool2d}. */
class AvgPool2dLayer<K, S, P> extends Layer<PoolFn<K, S, P, 'AvgPool2d'>> {
  static override readonly name: string = 'AvgPool2d';
  readonly kernelSize: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly #params: AvgPoolParams;

  /** @param stride default: the kernel size */
  constructor(kernelSize: Pair, ...more: WindowArguments<AvgPoolOptions>) {
    super();
    requireKind('AvgPool2d', 'kernelSize', kernelSize, WINDOW);
    const options = windowOptions('AvgPool2d', more, AVG_POOL_OPTIONS);
    this.kernelSize = kernelSize;
    this.stride = options.stride ?? kernelSize;
    this.padding = options.padding ?? 0;
    this.#params = avgPoolParams(kernelSize, options);
  }

  protected override run(x: Tensor): Tensor {
    return avgPool2dWith(x, this.#params);
  }

  override extraRepr(): string {
    return `kernel_size=${show(this.kernelSize)}, stride=${show(this.stride)}, padding=${show(this.padding)}`;
  }
}

/** `AvgPool2d<2, 2>` or `AvgPool2d<3, 2, 1>`: window, stride, padding. */
export interface AvgPool2d<out K = PoolKernel, out S = Pair, out P = Pair> extends AvgPool2dLayer<K, S, P> {
  readonly kernelSize: Pair;
}

export interface AvgPool2dConstructor {
  /** @param stride default: the kernel size */
  new <const K extends Pair, const S extends Pair = K, const P extends Pair = 0, C extends boolean = false>(
    kernelSize: K,
    stride?: S | null,
    options?: Omit<AvgPoolOptions, 'stride' | 'padding' | 'ceilMode'> & { readonly padding?: P; readonly ceilMode?: C },
  ): AvgPool2d<KernelSlot<K, 1, NoInfer<C>>, NoInfer<S>, NoInfer<P>>;
  /** With the stride among the options. */
  new <const K extends Pair, const S extends Pair = K, const P extends Pair = 0, C extends boolean = false>(
    kernelSize: K,
    options: Omit<AvgPoolOptions, 'stride' | 'padding' | 'ceilMode'> & {
      readonly stride?: S;
      readonly padding?: P;
      readonly ceilMode?: C;
    },
  ): AvgPool2d<KernelSlot<K, 1, NoInfer<C>>, NoInfer<S>, NoInfer<P>>;
  readonly prototype: SomeLayer<AvgPool2d>;
}

/** The mean of each window (https://pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html). */
export const AvgPool2d = AvgPool2dLayer as unknown as AvgPool2dConstructor;

type OutputSize = number | null | readonly [number | null, number | null];

const showOutput = (size: OutputSize): string =>
  size === null || typeof size === 'number' ? String(size ?? 'None') : `(${size.map((n) => n ?? 'None').join(', ')})`;

/** Means over windows that give the wished output size; null keeps the input's. */
export class AdaptiveAvgPool2d<const out Out extends OutputSize = OutputSize> extends Layer<AdaptiveFn<Out>> {
  readonly outputSize: Out;
  readonly #params: AdaptivePoolParams;

  constructor(outputSize: Out) {
    super();
    requireKind(this.typeName(), 'outputSize', outputSize, OUTPUT_SIZE);
    this.outputSize = outputSize;
    this.#params = adaptivePoolParams(outputSize);
  }

  protected override run(x: Tensor): Tensor {
    return adaptiveAvgPool2dWith(x, this.#params);
  }

  override extraRepr(): string {
    return `output_size=${showOutput(this.outputSize)}`;
  }
}

/** Maxima over windows that give the wished output size; null keeps the input's. */
export class AdaptiveMaxPool2d<const out Out extends OutputSize = OutputSize> extends Layer<
  AdaptiveFn<Out, 'AdaptiveMaxPool2d'>
> {
  readonly outputSize: Out;

  constructor(outputSize: Out) {
    super();
    requireKind(this.typeName(), 'outputSize', outputSize, OUTPUT_SIZE);
    this.outputSize = outputSize;
  }

  protected override run(x: Tensor): Tensor {
    return adaptiveMaxPool2d(x, this.outputSize);
  }

  override extraRepr(): string {
    return `output_size=${showOutput(this.outputSize)}`;
  }
}
