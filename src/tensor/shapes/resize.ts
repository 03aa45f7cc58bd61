/**
 * Output sizes of what makes images larger or rearranges their pixels: transposed convolution, interpolation, pixel shuffle,
 * padding. Types only.
 *
 *     transposed convolution:  out = (in - 1)·stride + dilation·(kernel - 1) + 1 + outputPadding - 2·padding
 *
 * https://pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html
 */
import type { Add, AddText, DivideText, Multiply, MultiplyText, NumberOf, SubtractText, TextOf } from './arithmetic.ts';
import type { Dynamic, IsDynamic, Same, Shape, Show, ShowSizes, Wrong } from './dims.ts';
import type { NothingLeft, TooManyPads, WrongChannels, WrongMultiple, WrongRank } from './messages.ts';
import type { Height, ImageOf, Pair, Width } from './window.ts';

type NoImage<X, Name extends string> = Wrong<WrongRank<Name, '3-d or 4-d', Show<X>>>;
type ShowPair<P> = `${TextOf<Height<P>>}×${TextOf<Width<P>>}`;

// ---------------------------------------------------------------------------------------------- transposed convolution

/** A padding with an output padding, where a layer's type has one slot for both: `ConvTranspose2d<8, 3, 3, 2, Padded<1, 1>>`. */
export interface Padded<P, OutputPadding> {
  readonly padding: P;
  readonly outputPadding: OutputPadding;
}

/** What to write into a layer's slot for the padding: P alone, if that is all there is. */
export type PaddingSlot<P, OP> = OP extends 0 ? P : Padded<P, OP>;
/** Whatever may stand in the slot for the padding. */
export type TransposePadding = Pair | Padded<Pair, Pair>;
/** The padding in a slot. */
export type PaddingOf<P> = P extends Padded<infer Inner, unknown> ? Inner : P;
/** The output padding in a slot. */
export type OutputPaddingOf<P> = P extends Padded<unknown, infer OP> ? OP : 0;

/** The size of one side; `never` when padding leaves nothing. */
type Side<Size, K, S, P, OP, D> = SideText<TextOf<Size>, TextOf<K>, TextOf<S>, TextOf<P>, TextOf<OP>, TextOf<D>>;

type SideText<Size extends string, K extends string, S extends string, P extends string, OP extends string, D extends string> = '?' extends
  Size | K | S | P | OP | D
  ? number
  : SubtractText<Size, '1'> extends infer Steps extends string
    ? SubtractText<K, '1'> extends infer Reach extends string
      ? MultiplyText<Steps, S> extends infer Start extends string
        ? MultiplyText<D, Reach> extends infer Field extends string
          ? Cut<SumText<Start, Field, OP>, AddText<P, P>>
          : never
        : never
      : never
    : never;

type SumText<A extends string, B extends string, C extends string> =
  AddText<A, B> extends infer Both extends string ? AddText<Both, C> : never;

type Cut<Full, Off> = Full extends string
  ? Off extends string
    ? SubtractText<Full, Off> extends infer Rest extends string
      ? NumberOf<AddText<Rest, '1'>>
      : never
    : never
  : never;

/** Transposed convolution of X from In to Out channels. */
export type ConvTranspose2dShape<X, In, Out, K, S = 1, P = 0, OP = 0, D = 1, Name extends string = 'ConvTranspose2d'> =
  IsDynamic<X> extends true
    ? Dynamic
    : ImageOf<X> extends [infer Front extends Shape, infer C, infer H, infer W]
      ? Same<C, In> extends true
        ? [
            Side<H, Height<K>, Height<S>, Height<P>, Height<OP>, Height<D>>,
            Side<W, Width<K>, Width<S>, Width<P>, Width<OP>, Width<D>>,
          ] extends [infer OutH, infer OutW]
          ? [OutH] extends [never]
            ? Wrong<NothingLeft<Name, ShowPair<P>, ShowSizes<[C, H, W]>>>
            : [OutW] extends [never]
              ? Wrong<NothingLeft<Name, ShowPair<P>, ShowSizes<[C, H, W]>>>
              : [...Front, Out, OutH, OutW]
          : never
        : Wrong<WrongChannels<Name, TextOf<In>, TextOf<C>, ShowSizes<[C, H, W]>>>
      : NoImage<X, Name>;

/** `F.convTranspose2d(x, weight)`: the weight's shape W is [in, out / groups, height, width]. */
export type TransposedShape<X, W, S = 1, P = 0, OP = 0, D = 1, G = 1> =
  IsDynamic<W> extends true
    ? Dynamic
    : W extends readonly [infer In, infer Out, infer KH, infer KW]
      ? ConvTranspose2dShape<X, In, Multiply<Out, G>, readonly [KH, KW], S, P, OP, D, 'convTranspose2d'>
      : Dynamic;

// ---------------------------------------------------------------------------------------------- interpolation

/** Interpolation of X to the size O, or by the factor(s) F if there is no size; other factors than whole ones are not followed. */
export type InterpolateShape<X, O, F, Name extends string = 'interpolate'> =
  IsDynamic<X> extends true
    ? Dynamic
    : X extends readonly [infer N, infer C, infer H, infer W]
      ? undefined extends O
        ? [O] extends [undefined]
          ? [N, C, Multiply<H, Height<F>>, Multiply<W, Width<F>>]
          : [N, C, number, number]
        : [N, C, Height<O>, Width<O>]
      : X extends readonly [unknown, unknown, unknown] | readonly [unknown, unknown, unknown, unknown, unknown]
        ? Dynamic // sequences and volumes
        : Wrong<WrongRank<Name, '4-d', Show<X>>>;

// ---------------------------------------------------------------------------------------------- pixel shuffle

/** Channels taken apart into squares of R×R pixels. */
export type PixelShuffleShape<X, R, Name extends string = 'PixelShuffle'> =
  IsDynamic<X> extends true
    ? Dynamic
    : ImageOf<X> extends [infer Front extends Shape, infer C, infer H, infer W]
      ? Parts<C, Multiply<R, R>> extends infer Out
        ? [Out] extends [never]
          ? Wrong<WrongMultiple<Name, 'channels', TextOf<Multiply<R, R>>, TextOf<C>, ShowSizes<[C, H, W]>>>
          : [...Front, Out, Multiply<H, R>, Multiply<W, R>]
        : never
      : NoImage<X, Name>;

/** Squares of R×R pixels made channels. */
export type PixelUnshuffleShape<X, R, Name extends string = 'PixelUnshuffle'> =
  IsDynamic<X> extends true
    ? Dynamic
    : ImageOf<X> extends [infer Front extends Shape, infer C, infer H, infer W]
      ? [Parts<H, R>, Parts<W, R>] extends [infer OutH, infer OutW]
        ? [OutH] extends [never]
          ? Wrong<WrongMultiple<Name, 'rows', TextOf<R>, TextOf<H>, ShowSizes<[C, H, W]>>>
          : [OutW] extends [never]
            ? Wrong<WrongMultiple<Name, 'columns', TextOf<R>, TextOf<W>, ShowSizes<[C, H, W]>>>
            : [...Front, Multiply<C, Multiply<R, R>>, OutH, OutW]
        : never
      : NoImage<X, Name>;

/** a / b if that is whole, else `never`. */
type Parts<A, B> = '?' extends TextOf<A> | TextOf<B>
  ? number
  : DivideText<TextOf<A>, TextOf<B>> extends [infer Quotient, '0']
    ? NumberOf<Quotient>
    : never;

// ---------------------------------------------------------------------------------------------- padding

/**
 * `F.pad(x, pads)`: X with elements before and after, in pairs from the last dimension on. Sizes that are cut (by a negative number)
 * are not followed.
 */
export type PadShape<X, Pads extends Shape> =
  IsDynamic<X> extends true
    ? Dynamic
    : IsDynamic<Pads> extends true
      ? Dynamic
      : PadFromTheRight<X, Pads> extends infer Result
        ? [Result] extends [never]
          ? Wrong<TooManyPads<[...Extract<X, Shape>, ...Extract<X, Shape>]['length'] & number, Show<X>, Pads['length']>>
          : Result
        : never;

// `never` when there are more pairs than dimensions.
type PadFromTheRight<X, Pads, Done extends Shape = []> = Pads extends readonly [infer Before, infer After, ...infer Rest]
  ? X extends readonly [...infer Front, infer Size]
    ? PadFromTheRight<Front, Rest, [Add<Add<Size, Before>, After>, ...Done]>
    : never
  : Pads extends readonly []
    ? [...Extract<X, Shape>, ...Done]
    : Dynamic;
