/**
 * Resizes images as PIL's `Image.resize` does, to the pixel: a filter stretched over the pixels that fall together, so that shrinking
 * does not alias, applied to rows and then to columns or the other way round, with weights in 22-bit fixed point and 8-bit values in between.
 */
import { oneOf, requireKind, show, STEP, type Kind } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { Image } from '../io/image/image.ts';
import { imageOfPlanes, planesOfImage, type Planes } from './functional/planes.ts';
import { FILTERS, inBits, smoothWeights, wholeColumns, wholeRows } from './functional/resample.ts';
import { requireImage } from './require-image.ts';
import { scaled } from './warp.ts';

/** How new pixels are made from old ones, by torchvision's names of PIL's ways. */
export type Interpolation = 'nearest' | 'nearest-exact' | 'bilinear' | 'bicubic' | 'box' | 'hamming' | 'lanczos';

/** More bytes than this no array has everywhere. */
const MAX_BYTES = 2 ** 31 - 1;
export const INTERPOLATION: Kind = oneOf('nearest', 'nearest-exact', 'bilinear', 'bicubic', 'box', 'hamming', 'lanczos'); // prettier-ignore

/** Pillow's bits behind the point. */
const BITS = 22;

/**
 * The image at another size.
 *
 * @throws {@link ArgumentError} if a size is not a positive whole number
 */
export function resize(image: Image, width: number, height: number, interpolation: Interpolation = 'bilinear'): Image {
  requireImage('resize', image);
  for (const size of [width, height]) {
    if (!STEP.accepts(size)) throw new ArgumentError(`resize: expected a width and height of at least 1, but got ${show(width)}x${show(height)}`); // prettier-ignore
  }
  requireKind('resize', 'interpolation', interpolation, INTERPOLATION);
  if (width * height * image.channels > MAX_BYTES) {
    throw new ArgumentError(`resize: ${width}x${height} pixels of ${image.channels} bytes are more than an image can have; choose a smaller size`); // prettier-ignore
  }
  if (width === image.width && height === image.height) return image;
  if (interpolation === 'nearest' || interpolation === 'nearest-exact') {
    const out = Image.filled(width, height, image.channels);
    scaled(image, out, [image.width / width, 0, 0, 0, image.height / height, 0]);
    return out;
  }
  const filter = FILTERS[interpolation];
  const across = (p: Planes<Uint8Array>): Planes<Uint8Array> =>
    width === p.width ? p : wholeRows(p, width, inBits(smoothWeights(p.width, width, filter), BITS), BITS);
  const down = (p: Planes<Uint8Array>): Planes<Uint8Array> =>
    height === p.height ? p : wholeColumns(p, height, inBits(smoothWeights(p.height, height, filter), BITS), BITS);
  const pixels = planesOfImage(image);
  return imageOfPlanes(startsWithColumns(image, width, height) ? across(down(pixels)) : down(across(pixels)));
}

/** Whether columns come first, which rounds otherwise: found by trying Pillow 13 with thousands of sizes, none of which says otherwise. */
function startsWithColumns(image: Image, width: number, height: number): boolean {
  return height < image.height && image.height - height > 2 * (image.width - width);
}
