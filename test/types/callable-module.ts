/**
 * How modules become callable in the types, proven with declarations only; `src/nn/module.ts` and `src/nn/layers/` follow
 * this pattern. (At run time a module is a function, because the constructor of ModuleBase returns one.)
 *
 * 1. `Module`, which models extend, is a constant with two constructors. Without a type argument, calling the model has the
 *    parameters and the result of its own `forward`: the call signature is written in terms of `this['forward']`, and
 *    subclasses inherit it with their own `this`. With one, `Module<Call>`, the model is called as `Call` says, which
 *    keeps type parameters (a generic batch size) that the first form can only widen; `forward` must fit `Call`.
 * 2. `Layer<F>` is a class merged with an interface of the same name that adds the call. F, a shape function, gives the
 *    types of `layer(x)` and `layer.forward(x)`; a subclass computes in `run`, where shapes are dynamic.
 * 3. A layer whose arguments all appear in its type is a plain generic class (Linear). One with more options than its type
 *    should show in an editor's hover is a class with a constant for its constructor (Conv2d): the constructor's
 *    type parameters may be more than the class's.
 * 4. Modules with two inputs whose shapes belong together (losses) bring their own call signature.
 */
import type {
  Argument,
  BatchNormFn,
  CheckLayers,
  ConvFn,
  FlattenFn,
  GroupsArgument,
  HasShapeFn,
  IdentityFn,
  InputFn,
  LinearFn,
  OutputShape,
  PaddingArgument,
  PoolFn,
  AdaptiveFn,
  SequentialFn,
  shapeFn,
  ShapeFn,
} from '../../src/nn/shape-types.ts';
import type {
  Checked,
  ClassTarget,
  Dynamic,
  KernelSlot,
  LossShape,
  Padding,
  Pair,
  Reduction,
  ResultShape,
  Shape,
} from '../../src/tensor/shapes/index.ts';
import type { Tensor } from './support.ts';

// ---------------------------------------------------------------------------------------------- 1. modules

export declare abstract class ModuleBase {
  training: boolean;
  parameters(): Tensor[];
  abstract forward(...inputs: never[]): unknown;
}

export type ForwardFunction = (...inputs: never[]) => unknown;

/** What a module with this forward is called with; tensors, if nothing is known. */
type CallArguments<Forward> = Forward extends (...inputs: infer Inputs) => unknown
  ? never[] extends Inputs
    ? Tensor[]
    : Inputs
  : never;

/** What calling it gives; a tensor, if nothing is known. */
type CallResult<Forward> = Forward extends (...inputs: never[]) => infer Output
  ? unknown extends Output
    ? Tensor
    : Output
  : never;

/** A module that is called as its `forward` is. */
export interface Module extends ModuleBase {
  (...inputs: CallArguments<this['forward']>): CallResult<this['forward']>;
}

interface Forwards<Call extends ForwardFunction> {
  forward(...inputs: Parameters<Call>): ReturnType<Call>;
}

/** A module that is called as `Call` says. */
export type CallableModule<Call extends ForwardFunction> = ModuleBase & Forwards<Call> & Call;

// `instanceof Module` narrows to the type of `prototype`. It takes anything, because a class may only extend Module if its
// own prototype fits this one.
type SomeModule = ModuleBase & ((...inputs: Dynamic[]) => Dynamic);

// In src/nn/module.ts: `export const Module = ModuleBase as unknown as ModuleConstructor;`
export type ModuleConstructor = (abstract new () => Module) &
  (abstract new <Call extends ForwardFunction>() => CallableModule<Call>) & { readonly prototype: SomeModule };
export declare const Module: ModuleConstructor;

// ---------------------------------------------------------------------------------------------- 2. layers

// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- the constructor makes every module callable
export declare abstract class Layer<F extends ShapeFn> extends ModuleBase {
  // implemented as `return this.run(input as Tensor) as Tensor<OutputShape<F, S>>`
  forward<S extends Shape>(input: Argument<F, S, Tensor<S>>): Tensor<OutputShape<F, S>>;
  protected abstract run(input: Tensor): Tensor;
}
export interface Layer<F extends ShapeFn> extends HasShapeFn<F> {
  <S extends Shape>(input: Argument<F, S, Tensor<S>>): Tensor<OutputShape<F, S>>;
}

// ---------------------------------------------------------------------------------------------- 3. the layers

export declare class Linear<In extends number, Out extends number> extends Layer<LinearFn<In, Out>> {
  readonly inFeatures: In;
  readonly outFeatures: Out;
  readonly weight: Tensor<[Out, In]>;
  constructor(inFeatures: In, outFeatures: Out, options?: { readonly bias?: boolean });
  protected override run(input: Tensor): Tensor;
}

export declare class BatchNorm2d<C extends number> extends Layer<BatchNormFn<C>> {
  constructor(numFeatures: C, options?: { readonly eps?: number; readonly momentum?: number });
  protected override run(input: Tensor): Tensor;
}

export declare class ReLU extends Layer<IdentityFn> {
  protected override run(input: Tensor): Tensor;
}

export declare class Dropout extends Layer<IdentityFn> {
  readonly p: number;
  constructor(p?: number);
  protected override run(input: Tensor): Tensor;
}

export declare class Flatten<Start extends number = 1, End extends number = -1> extends Layer<FlattenFn<Start, End>> {
  constructor(startDim?: Start, endDim?: End);
  protected override run(input: Tensor): Tensor;
}

export declare class AdaptiveAvgPool2d<
  const Out extends number | null | readonly [number | null, number | null],
> extends Layer<AdaptiveFn<Out>> {
  constructor(outputSize: Out);
  protected override run(input: Tensor): Tensor;
}

export declare class Input<const Sample extends readonly number[]> extends Layer<InputFn<Sample>> {
  constructor(...sample: Sample);
  protected override run(input: Tensor): Tensor;
}

/** The class. Printing a model needs the name that users know: `static override readonly name: string = 'Conv2d'`. */
declare class Conv2dLayer<In extends number, Out extends number, K, S, P> extends Layer<ConvFn<In, Out, K, S, P>> {
  readonly kernelSize: readonly [number, number];
  readonly weight: Tensor;
  protected override run(input: Tensor): Tensor;
}
/** What users see, `Conv2d<3, 16, 3, 2, 1>` in a hover: an interface, because it shares its name with the constant. */
export interface Conv2d<In extends number, Out extends number, K = Pair, S = 1, P = 0> extends Conv2dLayer<
  In,
  Out,
  K,
  S,
  P
> {
  readonly inChannels: In;
  readonly outChannels: Out;
}

/**
 * A layer of whatever sizes: what `instanceof` narrows to where a constant stands for the constructor. (A class may extend
 * such a constant only if its prototype fits, and typed calls of different sizes do not fit each other.)
 */
export type SomeLayer<L> = ModuleBase & ((input: Tensor) => Tensor) & Omit<L, 'forward' | typeof shapeFn>;

interface Conv2dOptions<In, Out, S, P, D, G> {
  readonly stride?: S;
  readonly padding?: PaddingArgument<P, S>;
  readonly dilation?: D;
  readonly groups?: GroupsArgument<In, Out, G>;
  readonly bias?: boolean;
}

export interface Conv2dConstructor {
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
    options?: Conv2dOptions<In, Out, S, P, D, G>,
  ): Conv2d<In, Out, KernelSlot<K, D>, S, P>;
  readonly prototype: SomeLayer<Conv2d<number, number, Pair, Pair, Padding>>;
}
// In src/nn/layers/conv.ts: `export const Conv2d = Conv2dLayer as unknown as Conv2dConstructor;`
export declare const Conv2d: Conv2dConstructor;

declare class MaxPool2dLayer<K, S, P> extends Layer<PoolFn<K, S, P>> {
  readonly ceilMode: boolean;
  protected override run(input: Tensor): Tensor;
}
/** `MaxPool2d<2, 2>` or `MaxPool2d<3, 2, 1>`. */
export interface MaxPool2d<K, S, P = 0> extends MaxPool2dLayer<K, S, P> {
  readonly kernelSize: Pair;
}
export interface MaxPool2dConstructor {
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
  ): MaxPool2d<KernelSlot<K, D, C>, S, P>;
  readonly prototype: SomeLayer<MaxPool2d<Pair, Pair, Pair>>;
}
export declare const MaxPool2d: MaxPool2dConstructor;

type Entry = ModuleBase | readonly [string, ModuleBase];

export declare class Sequential<const Layers extends readonly Entry[]> extends Layer<SequentialFn<Layers>> {
  constructor(...layers: CheckLayers<Layers>);
  readonly layers: Layers;
  protected override run(input: Tensor): Tensor;
}

// ---------------------------------------------------------------------------------------------- 4. losses

/** What belongs to the input S as a target T, or the message. */
type Labels<S, T> = ClassTarget<S, T, 'CrossEntropyLoss'>;

// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- the constructor makes every module callable
export declare class CrossEntropyLoss<R extends Reduction = 'mean'> extends ModuleBase {
  constructor(options?: { readonly reduction?: R });
  forward<S extends Shape, T extends Shape>(
    input: Tensor<S>,
    target: Checked<Labels<S, T>, Tensor<T>>,
  ): Tensor<LossShape<ResultShape<Labels<S, T>>, R>>;
}
export interface CrossEntropyLoss<R extends Reduction = 'mean'> {
  <S extends Shape, T extends Shape>(
    input: Tensor<S>,
    target: Checked<Labels<S, T>, Tensor<T>>,
  ): Tensor<LossShape<ResultShape<Labels<S, T>>, R>>;
}
