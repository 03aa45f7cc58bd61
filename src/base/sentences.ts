/**
 * The sentences of shape errors, each in one place, with a `%` for each word that varies. The types make the messages of the editor
 * of them (`tensor/shapes/messages.ts`), `say` those of the errors at run time, which add what to do about it. Sizes are written
 * `3×32×32`, without the batch where the sentence is about a sample.
 */

/** A layer or function, expected channels, received channels, sizes of the input. */
export const WRONG_CHANNELS = '% expects % channels but receives % (input %)';
/** A layer or function, expected features, received features. */
export const WRONG_FEATURES = '% expects % features but receives %';
/** A layer or function, numbers of dimensions such as `3-d or 4-d`, sizes of the input. */
export const WRONG_RANK = '% expects a % input but receives %';
/** A layer or function, sizes of the window, sizes of the input. */
export const WINDOW_TOO_LARGE = '%: window % does not fit input %';
/** A transposed convolution, sizes of the padding, sizes of the input. */
export const NOTHING_LEFT = '%: padding % leaves nothing of input %';
/** A layer or function, `channels`, `rows` or `columns`, the divisor, the number, sizes of the input. */
export const WRONG_MULTIPLE = '% expects % in multiples of % but receives % (input %)';
/** Expected and received sizes of a sample. */
export const WRONG_INPUT = 'input should be % but is %';
/** Received sizes of a sample. */
export const WRONG_FORWARD = 'forward() of this module does not take %';
/** Both sizes. */
export const CANNOT_BROADCAST = 'cannot broadcast % with %';
/** Sizes, number of elements, wished sizes. */
export const CANNOT_VIEW = 'cannot view % (% elements) as %';
/** Both sizes. */
export const CANNOT_MULTIPLY = 'matmul: inner sizes differ, % @ %';
/** `cat` or `stack`, both sizes, ` outside dimension 1`. */
export const CANNOT_JOIN = '%: % and % differ%';
/** A dimension, a number of dimensions. */
export const DIM_OUT_OF_RANGE = 'dimension % is out of range for a %-d tensor';
/** The most numbers that there may be, sizes of the input, how many came. */
export const TOO_MANY_PADS = 'pad: expected at most % numbers for an input of %, but got %';
/** Dimensions, a number of dimensions. */
export const NOT_A_PERMUTATION = 'permute(%) does not name each dimension of a %-d tensor once';
export const START_AFTER_END = 'the first dimension to flatten comes after the last';
/** Sizes before and after. */
export const CANNOT_EXPAND = 'cannot expand % to %';
/** A loss, expected and received sizes of the target. */
export const WRONG_TARGET = '% expects a target of % but receives %';
/** Groups, `inChannels` or `outChannels`, their number. */
export const WRONG_GROUPS = 'groups % does not divide % %';
export const SAME_NEEDS_STRIDE_ONE = `padding 'same' needs stride 1`;

/**
 * What to do about a wrong number of channels in an input [N, C, H, W]. Images from cameras, files and other libraries often have their
 * channels last: then not the layer is wrong.
 */
export function channelsRemedy(shape: readonly number[], expected: number, setting: string): string {
  if (shape.length === 4 && shape[3] === expected) {
    return 'its channels seem to come last; put them first with permute(2, 0, 1), in a batch with permute(0, 3, 1, 2)';
  }
  return `set ${setting} to ${shape[1]!}`;
}

/** A sentence with its blanks filled in. */
export function say(sentence: string, ...words: readonly (string | number)[]): string {
  let i = 0;
  return sentence.replace(/%/g, () => String(words[i++]));
}
