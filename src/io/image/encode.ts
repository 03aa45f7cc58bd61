/** Images as files. */
import { instanceOf, kind, oneOf, requireKind, requireOptions, WHOLE, type OptionKinds } from '../../base/arguments.ts';
import { ArgumentError } from '../../base/errors.ts';
import type { Bytes } from '../../base/host-types.ts';
import { encodeJpeg } from './encode-jpeg.ts';
import { encodePng } from './encode-png.ts';
import { Image } from './image.ts';

export interface EncodeOptions {
  /** Default `'png'`, without loss. */
  readonly format?: 'png' | 'jpeg';
  /** How hard to pack a PNG file: 0 (fast) to 9 (small), default 6. */
  readonly level?: number;
  /** How good a JPEG file is: 1 (small) to 100, default 75; colour has half the resolution, as PIL's `save` writes it. */
  readonly quality?: number;
}

const OPTIONS: OptionKinds<EncodeOptions> = {
  format: oneOf('png', 'jpeg'),
  level: kind('a whole number from 0 to 9', (value) => WHOLE.accepts(value) && (value as number) >= 0 && (value as number) <= 9),
  quality: kind('a whole number from 1 to 100', (value) => WHOLE.accepts(value) && (value as number) >= 1 && (value as number) <= 100),
};
const MOST_JPEG = 65535;
const IMAGE = instanceOf('an Image', Image);

/**
 * The bytes of an image file: PNG, or JPEG with the very bytes that PIL's `save(quality=…)` writes.
 *
 * @throws ArgumentError for something that is no Image; `imageOf` makes one of a tensor; for an option of the other format, or more than 65,535 pixels in a row or column of a JPEG file
 * @example
 * ```ts
 * import { decodeImage, encodeImage, Image } from 'flambeau/vision';
 *
 * const red = Image.filled(4, 3, 3, [255, 0, 0]);
 * console.log(String(await decodeImage(encodeImage(red)))); // Image(4x3, RGB)
 * console.log(encodeImage(red, { format: 'jpeg', quality: 90 }).length); // 634
 * ```
 */
export function encodeImage(image: Image, options: EncodeOptions = {}): Bytes {
  requireKind('encodeImage', 'the image', image, IMAGE, 'imageOf(tensor) makes one of a tensor');
  const { format = 'png', level, quality } = requireOptions<EncodeOptions>('encodeImage', options, OPTIONS, "{ format: 'png' }");
  if (format === 'png') {
    if (quality !== undefined) throw new ArgumentError("encodeImage: quality is for format: 'jpeg'; PNG files lose nothing");
    return encodePng(image, level ?? 6);
  }
  if (level !== undefined) throw new ArgumentError("encodeImage: level is for format: 'png'; JPEG files have quality");
  if (Math.max(image.width, image.height) > MOST_JPEG)
    throw new ArgumentError(
      `encodeImage: a JPEG file has at most ${MOST_JPEG} pixels in a row or column, but got ${image.width}x${image.height}; write a PNG file`,
    );
  return encodeJpeg(image, quality ?? 75);
}
