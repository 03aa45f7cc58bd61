/**
 * Layers as functions from shape to shape, in the types: what makes `layer(x)` and `new Sequential(…)` check sizes in the
 * editor. Types only, and independent of the classes: a tensor is anything with a `shape`, a layer anything that carries
 * its function under the symbol `shapeFn`.
 *
 * TypeScript has no functions on types that can be passed around; the usual stand-in is an interface with a member `in`
 * to be filled in and a member `out` that depends on it (`ShapeFn`), applied by intersecting it with `{ in: S }`.
 *
 * A bare `Tensor` gives a bare `Tensor`. In the constructor of a Sequential without `Input` nothing is known of the input
 * yet (`unknown`), but it will be a batch: there a layer that fixes channels or features says so, and what follows is
 * checked against it.
 */
import type { LeftOut } from '../base/call-types.ts';
import type { Product, Remainder, TextOf } from '../tensor/shapes/arithmetic.ts';
import type { Shaped } from '../tensor/shapes/cat.ts';
import type {
  Checked,
  Dynamic,
  IsDynamic,
  Known,
  ResultShape,
  Same,
  SameShape,
  Shape,
  Show,
  ShowSample,
  ShowSizes,
  Wrong,
} from '../tensor/shapes/dims.ts';
import type { LinearShape } from '../tensor/shapes/matmul.ts';
import type { SameNeedsStrideOne, WrongFeatures, WrongForward, WrongGroups, WrongInput } from '../tensor/shapes/messages.ts';
import type {
  ConvTranspose2dShape,
  InterpolateShape,
  OutputPaddingOf,
  PaddingOf,
  PixelShuffleShape,
  PixelUnshuffleShape,
} from '../tensor/shapes/resize.ts';
import type { FlattenShape } from '../tensor/shapes/view.ts';
import type {
  AdaptivePool2dShape,
  BatchNorm1dShape,
  BatchNorm2dShape,
  CeilOf,
  Conv2dShape,
  DilationOf,
  KernelOf,
  Pool2dShape,
} from '../tensor/shapes/window.ts';

// ---------------------------------------------------------------------------------------------- functions on shapes

/** The key under which a layer's type carries its shape function. It exists in the types only. */
export declare const shapeFn: unique symbol;

/** A function from shape to shape. Rules extend it and give `out` in terms of `this['in']`. */
export interface ShapeFn {
  readonly in: unknown;
  readonly out: unknown;
}

/** A layer, as far as shapes are concerned. */
export interface HasShapeFn<F = unknown> {
  readonly [shapeFn]: F;
}

/** What F makes of shape S: a shape, `any`, or `Wrong<message>`. */
export type Apply<F extends ShapeFn, S> = (F & { readonly in: S })['out'];

// Both ask first whether S is `any`: users who write no shapes never pay for F.

/** The type of a layer's argument: the tensor T of shape S, or the message. */
export type Argument<F extends ShapeFn, S, T> = 0 extends 1 & S ? T : Checked<Applied<F, S>[Known<S>], T>;

/** The shape of a layer's result. */
export type OutputShape<F extends ShapeFn, S> = 0 extends 1 & S ? Dynamic : ResultShape<Applied<F, S>[Known<S>]>;

/** As `Later` of what F makes of S. */
interface Applied<F extends ShapeFn, S> {
  readonly result: Apply<F, S>;
  readonly [key: PropertyKey]: unknown;
}

// A rule says `any` for `any`, its own assumption for `unknown` (nothing is known yet), and looks at the rest. The question is written
// out in each, because the compiler would work out all arguments of a helper.

// ---------------------------------------------------------------------------------------------- layers

/** ReLU, Dropout, Softmax, Identity: the shape stays. */
export interface IdentityFn extends ShapeFn {
  readonly out: this['in'];
}

/** Conv2d from In to Out channels with kernel K (or `Dilated<K, D>`), stride S, padding P. */
export interface ConvFn<In, Out, K, S = 1, P = 0> extends ShapeFn {
  readonly out: unknown extends this['in']
    ? 0 extends 1 & this['in']
      ? Dynamic
      : [number, Out, number, number]
    : Conv2dShape<this['in'], In, Out, KernelOf<K>, S, P, DilationOf<K>>;
}

/** ConvTranspose2d from In to Out channels with kernel K (or `Dilated<K, D>`), stride S, padding P (or `Padded<P, OP>`). */
export interface ConvTransposeFn<In, Out, K, S = 1, P = 0> extends ShapeFn {
  readonly out: unknown extends this['in']
    ? 0 extends 1 & this['in']
      ? Dynamic
      : [number, Out, number, number]
    : ConvTranspose2dShape<this['in'], In, Out, KernelOf<K>, S, PaddingOf<P>, OutputPaddingOf<P>, DilationOf<K>>;
}

/** Upsample to the size O, or by the factor F where that is undefined. */
export interface UpsampleFn<O, F> extends ShapeFn {
  readonly out: unknown extends this['in']
    ? 0 extends 1 & this['in']
      ? Dynamic
      : unknown
    : InterpolateShape<this['in'], O, F, 'Upsample'>;
}

/** PixelShuffle by R. */
export interface PixelShuffleFn<R> extends ShapeFn {
  readonly out: unknown extends this['in'] ? (0 extends 1 & this['in'] ? Dynamic : unknown) : PixelShuffleShape<this['in'], R>;
}

/** PixelUnshuffle by R. */
export interface PixelUnshuffleFn<R> extends ShapeFn {
  readonly out: unknown extends this['in'] ? (0 extends 1 & this['in'] ? Dynamic : unknown) : PixelUnshuffleShape<this['in'], R>;
}

/** MaxPool2d, AvgPool2d (`Name`) with window K (or `Dilated<K, D>`, `CeilMode<K>`), stride S, padding P. */
export interface PoolFn<K, S = KernelOf<K>, P = 0, Name extends string = 'MaxPool2d'> extends ShapeFn {
  readonly out: unknown extends this['in']
    ? 0 extends 1 & this['in']
      ? Dynamic
      : unknown
    : Pool2dShape<this['in'], KernelOf<K>, S, P, DilationOf<K>, CeilOf<K>, Name>;
}

/** AdaptiveAvgPool2d, AdaptiveMaxPool2d (`Name`) to the size O. */
export interface AdaptiveFn<O, Name extends string = 'AdaptiveAvgPool2d'> extends ShapeFn {
  readonly out: unknown extends this['in'] ? (0 extends 1 & this['in'] ? Dynamic : unknown) : AdaptivePool2dShape<this['in'], O, Name>;
}

/** BatchNorm2d over C channels. */
export interface BatchNormFn<C> extends ShapeFn {
  readonly out: unknown extends this['in']
    ? 0 extends 1 & this['in']
      ? Dynamic
      : [number, C, number, number]
    : BatchNorm2dShape<this['in'], C>;
}

/** BatchNorm1d over C channels. */
export interface BatchNorm1dFn<C> extends ShapeFn {
  readonly out: unknown extends this['in'] ? (0 extends 1 & this['in'] ? Dynamic : unknown) : BatchNorm1dShape<this['in'], C>;
}

/**
 * Linear from In to Out features. Before anything is known, only the last size is: a batch of vectors is as likely as one of
 * images. Such a shape has no length, so it is dynamic to all rules but this one.
 */
export interface LinearFn<In, Out> extends ShapeFn {
  readonly out: unknown extends this['in']
    ? 0 extends 1 & this['in']
      ? Dynamic
      : readonly [...number[], Out]
    : LinearOf<this['in'], In, Out>;
}

type LinearOf<X, In, Out> = number extends (X & Shape)['length']
  ? X extends readonly [...number[], infer Features]
    ? Same<Features, In> extends true
      ? readonly [...number[], Out]
      : Wrong<WrongFeatures<'Linear', TextOf<In>, TextOf<Features>>>
    : Dynamic
  : LinearShape<X, In, Out>;

/** Flatten; without arguments everything but the batch. */
export interface FlattenFn<Start = 1, End = -1> extends ShapeFn {
  readonly out: unknown extends this['in'] ? (0 extends 1 & this['in'] ? Dynamic : unknown) : FlattenShape<this['in'], Start, End>;
}

/** `Input(3, 32, 32)`: says what one sample looks like, so that a Sequential is checked where it is made. */
export interface InputFn<Sample extends Shape> extends ShapeFn {
  readonly out: unknown extends this['in']
    ? 0 extends 1 & this['in']
      ? Dynamic
      : [number, ...Sample]
    : FromSample<this['in'], Sample, Sample>;
}

/** A model known by what goes in and what comes out, both without the batch: hides a long list of layers. */
export interface ModelFn<In extends Shape, Out extends Shape> extends ShapeFn {
  readonly out: unknown extends this['in'] ? (0 extends 1 & this['in'] ? Dynamic : [number, ...Out]) : FromSample<this['in'], In, Out>;
}

// X must be a batch of Sample, or one Sample; then comes a batch of Out, or one Out.
type FromSample<X, Sample extends Shape, Out extends Shape> =
  IsDynamic<X> extends true
    ? Dynamic
    : X extends readonly [infer N, ...infer Received]
      ? SameShape<Received, Sample> extends true
        ? [N, ...Out]
        : SameShape<X, Sample> extends true
          ? Out
          : Wrong<WrongInput<ShowSizes<Sample>, Received['length'] extends Sample['length'] ? ShowSizes<Received> : Show<X>>>
      : Wrong<WrongInput<ShowSizes<Sample>, Show<X>>>;

// ---------------------------------------------------------------------------------------------- constructor arguments

/** The type of `groups`: G, or the message that it does not divide the channels. */
export type GroupsArgument<In, Out, G> = 0 extends 1 & G
  ? G
  : LeftOut extends G
    ? G
    : [Remainder<In, G>, Remainder<Out, G>] extends [infer RestIn, infer RestOut]
      ? Same<RestIn, 0> extends true
        ? Same<RestOut, 0> extends true
          ? G
          : WrongGroups<TextOf<G>, 'outChannels', TextOf<Out>>
        : WrongGroups<TextOf<G>, 'inChannels', TextOf<In>>
      : never;

/** The type of a convolution's `padding`: P, or the message that 'same' needs stride 1. */
export type PaddingArgument<P, S> = [P] extends ['same']
  ? [S] extends [1 | readonly [1, 1]]
    ? P
    : number extends S | (S extends readonly (infer Size)[] ? Size : never)
      ? P
      : SameNeedsStrideOne
  : P;

// ---------------------------------------------------------------------------------------------- Sequential

/** An entry of a Sequential: a layer, or a name and a layer. */
type LayerOf<Entry> = Entry extends readonly [string, infer Layer] ? Layer : Entry;

/** What one layer makes of shape S. A module with a `forward` of its own counts as declared there. */
type Step<Layer, S> =
  Layer extends HasShapeFn<infer F extends ShapeFn>
    ? Apply<F, S>
    : Layer extends { forward(input: infer X): infer Y }
      ? IsDynamic<S> extends true
        ? ShapeIn<Y>
        : IsDynamic<ShapeIn<X>> extends true
          ? ShapeIn<Y>
          : SameShape<S, ShapeIn<X>> extends true
            ? ShapeIn<Y>
            : Wrong<WrongForward<ShowSample<S>>>
      : Dynamic;

type ShapeIn<T> = T extends Shaped<infer S> ? S : Dynamic;

/** Where a list of layers goes wrong, and why. */
interface Failure<Index, Name, Message> {
  readonly index: Index;
  readonly name: Name;
  readonly message: Message;
}

// S is the shape so far, Blank what stands for a shape of which nothing is known (`any` or `unknown`), Origin the shape of
// which S is the flattened form (for `1568 = 32×7×7`).
type Walk<Layers, S, Blank, Origin = unknown, Done extends 0[] = []> = Layers extends readonly [infer Entry, ...infer Rest]
  ? Step<LayerOf<Entry>, S> extends infer Out
    ? unknown extends Out
      ? Walk<Rest, Blank, Blank, unknown, [...Done, 0]>
      : Out extends Wrong<infer Message extends string>
        ? Failure<`${Done['length']}`, NameOf<Entry, Done['length']>, WithOrigin<Message, Origin, S>>
        : Walk<Rest, Out, Blank, [Out] extends [S] ? Origin : S, [...Done, 0]>
    : never
  : Layers extends readonly []
    ? S
    : Dynamic;

type NameOf<Entry, Index extends number> = Entry extends readonly [infer Name extends string, unknown] ? Name : `${Index}`;

type WithOrigin<Message extends string, Origin, S> =
  Message extends WrongFeatures<string, string, string> ? `${Message}${FlattenedFrom<Origin, S>}` : Message;

// How the number of features came about, when the last thing that changed the shape was a flatten.
type FlattenedFrom<Origin, S> = S extends readonly [unknown, infer Features]
  ? Origin extends readonly [unknown, ...infer Sample extends readonly [unknown, unknown, ...unknown[]]]
    ? Same<Product<Sample>, Features> extends true
      ? ` = ${ShowSizes<Sample>}`
      : ''
    : ''
  : '';

/** The arguments of `new Sequential(…layers)`: the layers themselves, or the message in the place of the wrong one. */
export type CheckLayers<Layers extends Shape> =
  Walk<Layers, unknown, unknown> extends infer Result
    ? unknown extends Result
      ? Layers
      : Result extends Failure<infer Index, unknown, infer Message>
        ? { [I in keyof Layers]: I extends Index ? Message : Layers[I] }
        : Layers
    : never;

/** What a list of layers makes of shape S; a message says at which layer. */
export type RunLayers<Layers, S> = 0 extends 1 & S
  ? Dynamic
  : Walk<Layers, S, unknown extends S ? unknown : Dynamic> extends infer Result
    ? unknown extends Result
      ? Result
      : Result extends Failure<unknown, infer Name extends string, infer Message extends string>
        ? Wrong<`layer ${Name}: ${Message}`>
        : Result
    : never;

/** A Sequential of the given layers. */
export interface SequentialFn<Layers> extends ShapeFn {
  readonly out: RunLayers<Layers, this['in']>;
}
