/**
 * The sentences of shape errors, as types: what the editor shows where a size is wrong. They are the sentences of the
 * errors at run time (`base/sentences.ts`). Arguments arrive as text.
 */
import type {
  CANNOT_BROADCAST,
  CANNOT_EXPAND,
  CANNOT_JOIN,
  CANNOT_MULTIPLY,
  CANNOT_VIEW,
  DIM_OUT_OF_RANGE,
  NOTHING_LEFT,
  NOT_A_PERMUTATION,
  SAME_NEEDS_STRIDE_ONE,
  START_AFTER_END,
  TOO_MANY_PADS,
  WINDOW_TOO_LARGE,
  WRONG_CHANNELS,
  WRONG_FEATURES,
  WRONG_FORWARD,
  WRONG_GROUPS,
  WRONG_INPUT,
  WRONG_MULTIPLE,
  WRONG_RANK,
  WRONG_TARGET,
} from '../../base/sentences.ts';

type Text = string | number;

// The blanks are looked for in the sentence, which is known, and not in the words: a generic batch size must not keep it waiting.
type Say1<P, A extends Text> = P extends `${infer P0}%${infer P1}` ? `${P0}${A}${P1}` : never;
type Say2<P, A extends Text, B extends Text> = P extends `${infer P0}%${infer P1}%${infer P2}` ? `${P0}${A}${P1}${B}${P2}` : never;
type Say3<P, A extends Text, B extends Text, C extends Text> = P extends `${infer P0}%${infer P1}%${infer P2}%${infer P3}`
  ? `${P0}${A}${P1}${B}${P2}${C}${P3}`
  : never;
type Say4<
  P,
  A extends Text,
  B extends Text,
  C extends Text,
  D extends Text,
> = P extends `${infer P0}%${infer P1}%${infer P2}%${infer P3}%${infer P4}` ? `${P0}${A}${P1}${B}${P2}${C}${P3}${D}${P4}` : never;

type Say5<
  P,
  A extends Text,
  B extends Text,
  C extends Text,
  D extends Text,
  E extends Text,
> = P extends `${infer P0}%${infer P1}%${infer P2}%${infer P3}%${infer P4}%${infer P5}`
  ? `${P0}${A}${P1}${B}${P2}${C}${P3}${D}${P4}${E}${P5}`
  : never;

/** Conv2d, BatchNorm2d: the channels of the input are not those of the layer. */
export type WrongChannels<Layer extends Text, Expected extends Text, Received extends Text, Input extends Text> = Say4<
  typeof WRONG_CHANNELS,
  Layer,
  Expected,
  Received,
  Input
>;

/** Linear: the last size of the input is not the layer's number of features. */
export type WrongFeatures<Layer extends Text, Expected extends Text, Received extends Text> = Say3<
  typeof WRONG_FEATURES,
  Layer,
  Expected,
  Received
>;

/** The input has too few or too many dimensions; `Ranks` reads like `3-d or 4-d`. */
export type WrongRank<Layer extends Text, Ranks extends Text, Input extends Text> = Say3<typeof WRONG_RANK, Layer, Ranks, Input>;

/** The (dilated) kernel is larger than the padded input. */
export type WindowTooLarge<Layer extends Text, Window extends Text, Input extends Text> = Say3<
  typeof WINDOW_TOO_LARGE,
  Layer,
  Window,
  Input
>;

/** Sequential's `Input`: another sample size was announced. */
export type WrongInput<Expected extends Text, Received extends Text> = Say2<typeof WRONG_INPUT, Expected, Received>;

/** A module with a typed `forward` of its own does not take what the layer before it gives. */
export type WrongForward<Received extends Text> = Say1<typeof WRONG_FORWARD, Received>;

export type CannotBroadcast<A extends Text, B extends Text> = Say2<typeof CANNOT_BROADCAST, A, B>;

export type CannotView<From extends Text, Count extends Text, To extends Text> = Say3<typeof CANNOT_VIEW, From, Count, To>;

export type CannotMultiply<A extends Text, B extends Text> = Say2<typeof CANNOT_MULTIPLY, A, B>;

export type CannotJoin<Operation extends Text, A extends Text, B extends Text, Where extends Text> = Say4<
  typeof CANNOT_JOIN,
  Operation,
  A,
  B,
  Where
>;

export type DimOutOfRange<Dim extends Text, Rank extends Text> = Say2<typeof DIM_OUT_OF_RANGE, Dim, Rank>;

export type TooManyPads<Most extends Text, Input extends Text, Received extends Text> = Say3<typeof TOO_MANY_PADS, Most, Input, Received>;

export type NotAPermutation<Dims extends Text, Rank extends Text> = Say2<typeof NOT_A_PERMUTATION, Dims, Rank>;

export type StartAfterEnd = typeof START_AFTER_END;

export type CannotExpand<From extends Text, To extends Text> = Say2<typeof CANNOT_EXPAND, From, To>;

/** Losses: the target does not belong to the prediction. */
export type WrongTarget<Loss extends Text, Expected extends Text, Received extends Text> = Say3<
  typeof WRONG_TARGET,
  Loss,
  Expected,
  Received
>;

export type WrongGroups<Groups extends Text, Which extends Text, Channels extends Text> = Say3<
  typeof WRONG_GROUPS,
  Groups,
  Which,
  Channels
>;

/** A transposed convolution: what padding cuts off is all there is. */
export type NothingLeft<Layer extends Text, Padding extends Text, Input extends Text> = Say3<typeof NOTHING_LEFT, Layer, Padding, Input>;

/** PixelShuffle, PixelUnshuffle: `Which` cannot be divided. */
export type WrongMultiple<Layer extends Text, Which extends Text, Divisor extends Text, Received extends Text, Input extends Text> = Say5<
  typeof WRONG_MULTIPLE,
  Layer,
  Which,
  Divisor,
  Received,
  Input
>;

export type SameNeedsStrideOne = typeof SAME_NEEDS_STRIDE_ONE;
