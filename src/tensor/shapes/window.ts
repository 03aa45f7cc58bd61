/**
 * Output sizes of windows sliding over an image: convolution and pooling, with a number or a pair for every size,
 * padding 'same' and 'valid', dilation, ceil mode; and adaptive pooling. Types only.
 *
 *     out = floor((in + 2·padding - dilation·(kernel - 1) - 1) / stride) + 1
 *
 * https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html
 */
import type { AddText, DivideText, Multiply, MultiplyText, NumberOf, SubtractText, TextOf } from './arithmetic.ts';
import type { Dynamic, IsDynamic, Same, Shape, Show, ShowSample, ShowSizes, Wrong } from './dims.ts';
import type { SameNeedsStrideOne, WindowTooLarge, WrongChannels, WrongRank } from './messages.ts';

/** A size for both directions, or (height, width); an array whose length is not known may be one, and is looked at when the program runs. */
export type Pair = number | readonly [number, number] | readonly number[];

/** Padding of a convolution. */
export type Padding = Pair | 'same' | 'valid';

/** A kernel size with its dilation, where a layer's type has one slot for both: `Conv2d<3, 8, Dilated<3, 2>, 1, 0>`. */
export interface Dilated<K, D> {
  readonly kernel: K;
  readonly dilation: D;
}

/** A kernel size of a pool in ceil mode, where a layer's type has one slot for both. */
export interface CeilMode<K, Ceil = true> {
  readonly kernel: K;
  readonly ceil: Ceil;
}

/** Whatever may stand in a convolution's slot for the kernel size. */
export type ConvKernel = Pair | Dilated<Pair, Pair>;

/** Whatever may stand in a pool's slot for the kernel size. */
export type PoolKernel = ConvKernel | CeilMode<ConvKernel, boolean>;

/** What to write into a layer's slot for the kernel size: K alone, as long as the rest is as usual. */
export type KernelSlot<K, D = 1, Ceil = false> = Ceil extends false ? DilatedSlot<K, D> : CeilMode<DilatedSlot<K, D>, Ceil>;
type DilatedSlot<K, D> = D extends 1 ? K : Dilated<K, D>;

/** The kernel size in a slot. */
export type KernelOf<K> = K extends CeilMode<infer Inner, unknown> ? KernelOf<Inner> : K extends Dilated<infer Size, unknown> ? Size : K;

/** The dilation in a slot. */
export type DilationOf<K> = K extends CeilMode<infer Inner, unknown> ? DilationOf<Inner> : K extends Dilated<unknown, infer D> ? D : 1;

/** The ceil mode in a slot. */
export type CeilOf<K> = K extends CeilMode<unknown, infer Ceil> ? Ceil : false;

/** The first of a pair, or the number itself. */
export type Height<P> = P extends readonly [infer H, unknown] ? H : Unknown<P>;

/** The second of a pair, or the number itself. */
export type Width<P> = P extends readonly [unknown, infer W] ? W : Unknown<P>;

/** An element of an array whose length is not known; there is no first of three. */
type Unknown<P> = P extends readonly (infer Size)[] ? (number extends P['length'] ? Size : never) : P;

/** The text of a window's sizes in a message. */
type ShowPair<P> = `${TextOf<Height<P>>}×${TextOf<Width<P>>}`;

// ---------------------------------------------------------------------------------------------- one direction

/** How many positions a window takes along a side of the given size; `never` when it does not fit. */
export type WindowCount<Size, Kernel, Stride, Pad, Dilation, Ceil = false> = CountText<
  TextOf<Size>,
  TextOf<Kernel>,
  TextOf<Stride>,
  TextOf<Pad>,
  TextOf<Dilation>,
  Ceil
>;

type CountText<
  Size extends string,
  Kernel extends string,
  Stride extends string,
  Pad extends string,
  Dilation extends string,
  Ceil,
> = '?' extends Size | Kernel | Stride | Pad | Dilation
  ? number
  : boolean extends Ceil
    ? number
    : AddText<Size, Pad> extends infer Start extends string
      ? AddText<Start, Pad> extends infer Padded extends string
        ? Ceil extends true
          ? AddText<Padded, SubtractText<Stride, '1'>> extends infer Ahead
            ? CeilCount<RoomText<Ahead, Kernel, Dilation>, Stride, Start>
            : never
          : FloorCount<RoomText<Padded, Kernel, Dilation>, Stride>
        : never
      : never;

// How far the window can be pushed: the padded side less what a dilated kernel covers, dilation·(kernel - 1) + 1.
type RoomText<Padded, Kernel extends string, Dilation extends string> = Dilation extends '1'
  ? SubtractText<Padded & string, Kernel>
  : MultiplyText<Dilation, SubtractText<Kernel, '1'>> extends infer Reach extends string
    ? SubtractText<Padded & string, AddText<Reach, '1'>>
    : never;

type FloorCount<Room, Stride extends string> = Room extends string
  ? DivideText<Room, Stride> extends [infer Steps extends string, unknown]
    ? NumberOf<AddText<Steps, '1'>>
    : never
  : never;

// Ceil mode: the room is larger by stride - 1, which rounds the steps up; but a window has to begin, at steps·stride,
// inside the image or its left padding.
type CeilCount<Room, Stride extends string, Start extends string> = Room extends string
  ? DivideText<Room, Stride> extends [infer Steps extends string, unknown]
    ? MultiplyText<Steps, Stride> extends infer Begin extends string
      ? [SubtractText<Start, AddText<Begin, '1'>>] extends [never]
        ? NumberOf<Steps>
        : NumberOf<AddText<Steps, '1'>>
      : never
    : never
  : never;

// ---------------------------------------------------------------------------------------------- an image

/** An image shape taken apart: what is in front (the batch, or nothing), channels, height, width; else `'none'`. */
export type ImageOf<X> = X extends readonly [infer C, infer H, infer W]
  ? [[], C, H, W]
  : X extends readonly [infer N, infer C, infer H, infer W]
    ? [[N], C, H, W]
    : 'none';

/** A window of size K sliding over C×H×W; `Out` is the number of channels of the result. */
type Slide<Front extends Shape, Out, C, H, W, K, S, P, D, Ceil, Name extends string> = [P] extends ['same']
  ? [S] extends [1 | readonly [1, 1]]
    ? [...Front, Out, H, W]
    : number extends Height<S>
      ? [...Front, Out, H, W]
      : Wrong<SameNeedsStrideOne>
  : 'same' extends P
    ? [...Front, Out, number, number]
    : [
          WindowCount<H, Height<K>, Height<S>, P extends 'valid' ? 0 : Height<P>, Height<D>, Ceil>,
          WindowCount<W, Width<K>, Width<S>, P extends 'valid' ? 0 : Width<P>, Width<D>, Ceil>,
        ] extends [infer OutH, infer OutW]
      ? [OutH] extends [never]
        ? Wrong<WindowTooLarge<Name, ShowPair<K>, ShowSizes<[C, H, W]>>>
        : [OutW] extends [never]
          ? Wrong<WindowTooLarge<Name, ShowPair<K>, ShowSizes<[C, H, W]>>>
          : [...Front, Out, OutH, OutW]
      : never;

/** Convolution of X with Out kernels over In channels. `Name` is the layer or function in the message. */
export type Conv2dShape<X, In, Out, K, S = 1, P = 0, D = 1, Name extends string = 'Conv2d'> =
  IsDynamic<X> extends true
    ? Dynamic
    : ImageOf<X> extends [infer Front extends Shape, infer C, infer H, infer W]
      ? Same<C, In> extends true
        ? Slide<Front, Out, C, H, W, K, S, P, D, false, Name>
        : Wrong<WrongChannels<Name, TextOf<In>, TextOf<C>, ShowSizes<[C, H, W]>>>
      : NoImage<X, Name>;

/** `F.conv2d(x, weight)`: the weight's shape W is [out, in / groups, height, width]. */
export type FilteredShape<X, W, S = 1, P = 0, D = 1, G = 1> =
  IsDynamic<W> extends true
    ? Dynamic
    : W extends readonly [infer Out, infer In, infer KH, infer KW]
      ? Conv2dShape<X, Multiply<In, G>, Out, readonly [KH, KW], S, P, D, 'conv2d'>
      : Dynamic;

/** Pooling of X with windows of size K. */
export type Pool2dShape<X, K, S = K, P = 0, D = 1, Ceil = false, Name extends string = 'MaxPool2d'> =
  IsDynamic<X> extends true
    ? Dynamic
    : ImageOf<X> extends [infer Front extends Shape, infer C, infer H, infer W]
      ? Slide<Front, C, C, H, W, K, S, P, D, Ceil, Name>
      : NoImage<X, Name>;

/** Adaptive pooling of X to the size O: a number, or a pair in which `null` leaves a side as it is. */
export type AdaptivePool2dShape<X, O, Name extends string = 'AdaptiveAvgPool2d'> =
  IsDynamic<X> extends true
    ? Dynamic
    : ImageOf<X> extends [infer Front extends Shape, infer C, infer H, infer W]
      ? [...Front, C, Side<Height<O>, H>, Side<Width<O>, W>]
      : NoImage<X, Name>;

type Side<Wanted, Present> = Wanted extends null ? Present : Wanted;

/** Batch norm over the given number of channels: the shape stays, and there must be a batch. */
export type BatchNorm2dShape<X, Channels, Name extends string = 'BatchNorm2d'> =
  IsDynamic<X> extends true
    ? Dynamic
    : X extends readonly [unknown, infer C, infer H, infer W]
      ? Same<C, Channels> extends true
        ? X
        : Wrong<WrongChannels<Name, TextOf<Channels>, TextOf<C>, ShowSizes<[C, H, W]>>>
      : Wrong<WrongRank<Name, '4-d', Show<X>>>;

/** Batch norm over the given number of channels of [N, C] or [N, C, L]. */
export type BatchNorm1dShape<X, Channels, Name extends string = 'BatchNorm1d'> =
  IsDynamic<X> extends true
    ? Dynamic
    : X extends readonly [unknown, infer C] | readonly [unknown, infer C, unknown]
      ? Same<C, Channels> extends true
        ? X
        : Wrong<WrongChannels<Name, TextOf<Channels>, TextOf<C>, ShowSample<X>>>
      : Wrong<WrongRank<Name, '2-d or 3-d', Show<X>>>;

type NoImage<X, Name extends string> = Wrong<WrongRank<Name, '3-d or 4-d', Show<X>>>;
