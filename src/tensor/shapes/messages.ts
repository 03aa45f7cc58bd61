/**
 * The sentences of shape errors, as types: what the editor shows where a size is wrong. One alias per sentence, so that
 * each is worded in one place, and the errors at run time can begin with the same words. Arguments arrive as text.
 */

type Text = string | number;

/** Conv2d, BatchNorm2d: the channels of the input are not those of the layer. */
export type WrongChannels<
  Layer extends Text,
  Expected extends Text,
  Received extends Text,
  Input extends Text,
> = `${Layer} expects ${Expected} channels but receives ${Received} (input ${Input})`;

/** Linear: the last size of the input is not the layer's number of features. */
export type WrongFeatures<
  Layer extends Text,
  Expected extends Text,
  Received extends Text,
> = `${Layer} expects ${Expected} features but receives ${Received}`;

/** The input has too few or too many dimensions; `Ranks` reads like `3-d or 4-d`. */
export type WrongRank<
  Layer extends Text,
  Ranks extends Text,
  Input extends Text,
> = `${Layer} expects a ${Ranks} input but receives ${Input}`;

/** The (dilated) kernel is larger than the padded input. */
export type WindowTooLarge<
  Layer extends Text,
  Window extends Text,
  Input extends Text,
> = `${Layer}: window ${Window} does not fit input ${Input}`;

/** Sequential's `Input`: another sample size was announced. */
export type WrongInput<Expected extends Text, Received extends Text> = `input should be ${Expected} but is ${Received}`;

/** A module with a typed `forward` of its own does not take what the layer before it gives. */
export type WrongForward<Received extends Text> = `forward() of this module does not take ${Received}`;

export type CannotBroadcast<A extends Text, B extends Text> = `cannot broadcast ${A} with ${B}`;

export type CannotView<
  From extends Text,
  Count extends Text,
  To extends Text,
> = `cannot view ${From} (${Count} elements) as ${To}`;

export type CannotMultiply<A extends Text, B extends Text> = `matmul: inner sizes differ, ${A} @ ${B}`;

export type CannotJoin<
  Operation extends Text,
  A extends Text,
  B extends Text,
  Where extends Text,
> = `${Operation}: ${A} and ${B} differ${Where}`;

export type DimOutOfRange<
  Dim extends Text,
  Rank extends Text,
> = `dimension ${Dim} is out of range for a ${Rank}-d tensor`;

export type NotAPermutation<
  Dims extends Text,
  Rank extends Text,
> = `permute(${Dims}) does not name each dimension of a ${Rank}-d tensor once`;

export type StartAfterEnd = 'flatten: the first dimension comes after the last';

export type CannotExpand<From extends Text, To extends Text> = `cannot expand ${From} to ${To}`;

/** Losses: the target does not belong to the prediction. */
export type WrongTarget<
  Loss extends Text,
  Expected extends Text,
  Received extends Text,
> = `${Loss} expects a target of ${Expected} but receives ${Received}`;

export type WrongGroups<
  Groups extends Text,
  Which extends Text,
  Channels extends Text,
> = `groups ${Groups} does not divide ${Which} ${Channels}`;

export type SameNeedsStrideOne = `padding 'same' needs stride 1`;
