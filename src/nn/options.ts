/** What each option of the functions and layers is: the tables behind their checks (`base/arguments.ts`). */
import { COUNT, pairOf, STEP, WIDTH, type OptionKinds } from '../base/arguments.ts';
import type { ConvTransposeOptions } from './functional-images.ts';

export const CONV_TRANSPOSE_OPTIONS: OptionKinds<ConvTransposeOptions> = {
  stride: pairOf(STEP),
  padding: pairOf(WIDTH),
  outputPadding: pairOf(WIDTH),
  dilation: pairOf(STEP),
  groups: COUNT,
};
