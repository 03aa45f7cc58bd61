/** Cuts, borders and mirrors of images: those of `functional` for images alone, in fewer words. */
import { COUNT, requireKind } from '../base/arguments.ts';
import type { Image } from '../io/image/image.ts';
import * as shape from './functional/shape.ts';
import type { Padding, PaddingMode } from './functional/shape.ts';
import { requireImage } from './require-image.ts';
import { fillColour } from './rotate.ts';

export type { Padding, PaddingMode };

/** The stretch of `width` × `height` pixels from column `left` and row `top` on; what lies outside of the image is black. */
export const crop = (image: Image, top: number, left: number, height: number, width: number): Image =>
  shape.crop(requireImage('crop', image), top, left, height, width);

/** The middle of an image; one that is smaller gets a black border first. */
export function centerCrop(image: Image, height: number, width: number): Image {
  for (const size of [height, width]) requireKind('centerCrop', 'height and width', size, COUNT);
  return shape.centerCrop(requireImage('centerCrop', image), [height, width]);
}

/**
 * The image with a border.
 *
 * @throws {@link ArgumentError} if a width is not a whole number of at least 0
 */
export function pad(image: Image, padding: Padding, fill: number | readonly number[] = 0, mode: PaddingMode = 'constant'): Image {
  const colour = fillColour('pad', fill, requireImage('pad', image).channels);
  return shape.pad(image, padding, { fill: colour, paddingMode: mode });
}

/** The image with left and right exchanged. */
export const hflip = (image: Image): Image => shape.horizontalFlip(requireImage('hflip', image));

/** The image with top and bottom exchanged. */
export const vflip = (image: Image): Image => shape.verticalFlip(requireImage('vflip', image));
