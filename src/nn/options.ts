/** What each option of the functions and layers is: the tables behind their checks (`base/arguments.ts`). */
import { BOOL, COUNT, NOT_NEGATIVE, NUMBER, oneOf, pairOf, POSITIVE, PROBABILITY, requireOptions, STEP, WHOLE, WIDTH, wrongArgument, type OptionKinds } from '../base/arguments.ts'; // prettier-ignore
import { GENERATOR, TENSOR_OR_NULL } from '../tensor/arguments.ts';
import type {
  BatchNormOptions,
  ClassLossOptions,
  CrossEntropyOptions,
  DropoutOptions,
  LossOptions,
} from './functional.ts';
import type { GeluOptions, InPlace } from './functional-activation.ts';
import type { ConvTransposeOptions, InterpolateOptions } from './functional-images.ts';

const REDUCTION = oneOf('none', 'mean', 'sum');

export const LOSS_OPTIONS: OptionKinds<LossOptions> = { reduction: REDUCTION };
export const SMOOTH_L1_OPTIONS: OptionKinds<LossOptions & { beta?: number }> = { ...LOSS_OPTIONS, beta: NOT_NEGATIVE };
export const CLASS_LOSS_OPTIONS: OptionKinds<ClassLossOptions> = {
  weight: TENSOR_OR_NULL,
  ignoreIndex: WHOLE,
  reduction: REDUCTION,
};
export const CROSS_ENTROPY_OPTIONS: OptionKinds<CrossEntropyOptions> = {
  ...CLASS_LOSS_OPTIONS,
  labelSmoothing: PROBABILITY,
};

export const BATCH_NORM_OPTIONS: OptionKinds<BatchNormOptions> = {
  weight: TENSOR_OR_NULL,
  bias: TENSOR_OR_NULL,
  training: BOOL,
  momentum: NUMBER,
  eps: NOT_NEGATIVE,
};

export const DROPOUT_OPTIONS: OptionKinds<DropoutOptions> = { p: PROBABILITY, training: BOOL, generator: GENERATOR };

export const GELU_OPTIONS: OptionKinds<GeluOptions> = { approximate: oneOf('none', 'tanh') };

export const CONV_TRANSPOSE_OPTIONS: OptionKinds<ConvTransposeOptions> = {
  stride: pairOf(STEP),
  padding: pairOf(WIDTH),
  outputPadding: pairOf(WIDTH),
  dilation: pairOf(STEP),
  groups: COUNT,
};

export const INTERPOLATE_OPTIONS: OptionKinds<InterpolateOptions> = {
  size: pairOf(WIDTH),
  scaleFactor: pairOf(POSITIVE),
  mode: oneOf('nearest', 'nearest-exact', 'bilinear', 'bicubic', 'area'),
  alignCorners: BOOL,
};

const IN_PLACE: OptionKinds<InPlace> = { inplace: BOOL };

/** Whether options ask for the result in the input's memory. */
export const isInPlace = (op: string, options: unknown): boolean =>
  options !== undefined && requireOptions<InPlace>(op, options, IN_PLACE, '{ inplace: true }').inplace === true;

/** The same of a layer's argument, which may be the boolean itself. */
export const inPlaceOf = (layer: string, argument: unknown): boolean =>
  typeof argument === 'boolean' ? argument : isInPlace(layer, argument);

/** Throws unless a layer's size is a whole number ≥ `least`. */
export function requireCount(layer: string, name: string, value: number, least = 1): void {
  if (!Number.isInteger(value) || value < least) throw wrongArgument(layer, name, `a whole number ≥ ${least}`, value);
}
