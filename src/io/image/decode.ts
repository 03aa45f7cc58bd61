/**
 * Decodes image files of the kinds that are known: JPEG, PNG, PGM and PPM. The first bytes say which it is, not the name.
 */
import { COUNT, oneOf, requireOptions, TEXT, type OptionKinds } from '../../base/arguments.ts';
import { bytesOf, type ByteInput } from '../../base/bytes.ts';
import { FormatError } from '../../base/errors.ts';
import type { Image, ImageMode } from './image.ts';
import { decodeJpeg, loadJpegDecoder } from './jpeg.ts';
import { isJpeg } from './jpeg-header.ts';
import { kindOf } from './kind.ts';
import { MAX_BYTES, MAX_PIXELS } from './limits.ts';
import { decodeNetpbm, isNetpbm } from './netpbm.ts';
import { decodePng, isPng } from './png.ts';

/** What to make of an image file. */
export interface DecodeOptions {
  /** Grey or colour, whatever the file has; default `'RGB'`, as torchvision's loader. */
  readonly mode?: ImageMode;
  /** What messages call the file. */
  readonly name?: string;
  /** Most pixels, default 89,478,485 (PIL's limit). */
  readonly maxPixels?: number;
  /** Most bytes that decoding takes beside the file and the result in `mode`, all buffers counted; default 2³⁰. */
  readonly maxBytes?: number;
}

const DECODE_OPTIONS: OptionKinds<DecodeOptions> = {
  mode: oneOf('L', 'RGB'),
  name: TEXT,
  maxPixels: COUNT,
  maxBytes: COUNT,
};

/**
 * Loads what {@link decodeImageSync} needs; call it once before. The decoder of JPEG files is not part of the library's core, so
 * this takes some milliseconds.
 * @throws DeviceError where it cannot be loaded
 */
export const loadDecoders = loadJpegDecoder;

/**
 * Decodes an image file.
 *
 * @throws {@link FormatError} when it is no image, of a kind that is not known, damaged or truncated; it names the file
 * @throws DeviceError where it is a JPEG file and the decoder for those cannot be loaded
 * @example
 * ```ts
 * import { decodeImage } from 'flambeau/vision';
 *
 * const file = new TextEncoder().encode('P5 2 1 255 \u0000~');
 * const image = await decodeImage(file, { mode: 'L' });
 * console.log(String(image), image.getPixel(1, 0)); // Image(2x1, L) [ 126 ]
 * ```
 */
export async function decodeImage(bytes: ByteInput, options: DecodeOptions = {}): Promise<Image> {
  requireOptions<DecodeOptions>('decodeImage', options, DECODE_OPTIONS, "{ mode: 'L' }");
  const file = bytesOf('decodeImage', bytes);
  if (isJpeg(file)) await loadJpegDecoder();
  return decodeImageSync(file, options);
}

/** As {@link decodeImage}, once {@link loadDecoders} is done. */
export function decodeImageSync(bytes: ByteInput, options: DecodeOptions = {}): Image {
  const { mode = 'RGB', name = 'image', maxPixels = MAX_PIXELS, maxBytes = MAX_BYTES } = options;
  try {
    return decodeKnown(bytesOf('decodeImage', bytes), maxPixels, maxBytes).convert(mode);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new FormatError(`decodeImage: ${JSON.stringify(name)}: ${error.message}`, { cause: error });
  }
}

function decodeKnown(bytes: Uint8Array, maxPixels: number, maxBytes: number): Image {
  if (isJpeg(bytes)) return decodeJpeg(bytes, maxPixels, maxBytes);
  if (isPng(bytes)) return decodePng(bytes, maxPixels, maxBytes);
  if (isNetpbm(bytes)) return decodeNetpbm(bytes, maxPixels);
  const what = bytes.length === 0 ? 'an empty file' : (kindOf(bytes)?.what ?? 'not an image');
  throw new FormatError(`it is ${what}; expected a JPEG, PNG, PGM or PPM image`);
}

/** Whether the first bytes are those of a file that is decoded here, if it is not damaged. */
export const isDecodable = (head: Uint8Array): boolean => isJpeg(head) || isPng(head) || isNetpbm(head);
