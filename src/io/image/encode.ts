/** Images as files. */
import { instanceOf, kind, oneOf, requireKind, requireOptions, WHOLE, type OptionKinds } from '../../base/arguments.ts';
import type { Bytes } from '../../base/host-types.ts';
import { encodePng } from './encode-png.ts';
import { Image } from './image.ts';

export interface EncodeOptions {
  /** Default `'png'`, without loss; there is no other yet. */
  readonly format?: 'png';
  /** How hard to pack: 0 (fast) to 9 (small), default 6. */
  readonly level?: number;
}

const OPTIONS: OptionKinds<EncodeOptions> = {
  format: oneOf('png'),
  level: kind('a whole number from 0 to 9', (value) => WHOLE.accepts(value) && (value as number) >= 0 && (value as number) <= 9), // prettier-ignore
};
const IMAGE = instanceOf('an Image', Image);

/**
 * The bytes of an image file.
 *
 * @throws ArgumentError for something that is no Image; `imageOf` makes one of a tensor
 * @example
 * ```ts
 * import { decodeImage, encodeImage, Image } from 'flambeau/vision';
 *
 * const red = Image.filled(4, 3, 3, [255, 0, 0]);
 * console.log(String(await decodeImage(encodeImage(red)))); // Image(4x3, RGB)
 * ```
 */
export function encodeImage(image: Image, options: EncodeOptions = {}): Bytes {
  requireKind('encodeImage', 'the image', image, IMAGE, 'imageOf(tensor) makes one of a tensor');
  const { level = 6 } = requireOptions<EncodeOptions>('encodeImage', options, OPTIONS, "{ format: 'png' }");
  return encodePng(image, level);
}
