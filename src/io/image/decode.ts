/**
 * Decodes image files: JPEG, PNG, WebP, GIF, BMP, TIFF and PNM, and AVIF and HEIC by other packages. The first bytes say which it is, not the name.
 */
import { BOOL, COUNT, kind, oneOf, requireOptions, TEXT, type OptionKinds } from '../../base/arguments.ts';
import { bytesOf, type ByteInput } from '../../base/bytes.ts';
import { DeviceError, FormatError, InternalError } from '../../base/errors.ts';
import type { Image, ImageMode } from './image.ts';
import { decodeJpeg, loadJpegDecoder, type RowChoice } from './jpeg.ts';
import { kindOf, type ImageFormat } from './kind.ts';
import { MAX_BYTES, MAX_PIXELS } from './limits.ts';
import { decodePng } from './png.ts';

/** What to make of an image file. */
export interface DecodeOptions {
  /** Grey or colour, whatever the file has; default `'RGB'`, as torchvision's loader. */
  readonly mode?: ImageMode;
  /** What messages call the file. */
  readonly name?: string;
  /** Most pixels, default 178,956,970, above which PIL refuses as well. */
  readonly maxPixels?: number;
  /** Most bytes that decoding takes beside the file and the result in `mode`, all buffers counted; default 2³⁰. */
  readonly maxBytes?: number;
  /**
   * Whether the image is turned as the camera was held (Exif), as PIL's `ImageOps.exif_transpose` does; default false, as torchvision's loader,
   * which leaves photographs lying on their side.
   */
  readonly orientation?: boolean;
  /**
   * A width and a height that are enough: a JPEG file is decoded at 1/8, 1/4 or 1/2 of its size, whichever is the smallest that has both, which
   * is much faster; the pixels are those of PIL's `draft(None, size)`, a little other than those of the whole image made smaller. Other formats
   * are decoded whole. The sides are those in the file, before `orientation` turns it.
   */
  readonly draft?: readonly [width: number, height: number];
}

/** What `draft` takes. */
export const DRAFT = kind('a width and a height', (value) => Array.isArray(value) && value.length === 2 && value.every(COUNT.accepts));

const DECODE_OPTIONS: OptionKinds<DecodeOptions> = {
  mode: oneOf('L', 'RGB'),
  name: TEXT,
  maxPixels: COUNT,
  maxBytes: COUNT,
  orientation: BOOL,
  draft: DRAFT,
};

type More = typeof import('./more.ts');
let more: More | undefined;

async function loadMore(): Promise<More> {
  more ??= await import('./more.ts').catch((cause: unknown) => {
    throw new DeviceError(
      'decodeImage: the code of the decoders could not be loaded; it lies beside the library: deploy all files that the bundler wrote',
      { cause },
    );
  });
  return more;
}

/**
 * Loads what {@link decodeImageSync} needs; call it once before. The decoders are not part of the library's core, so this takes some
 * milliseconds.
 * @throws {@link DeviceError} where one cannot be loaded
 */
export async function loadDecoders(): Promise<void> {
  await Promise.all([loadJpegDecoder(), loadMore().then(({ loadWebpDecoder }) => loadWebpDecoder())]);
}

/** Loads what {@link decodeImageSync} needs for one file. @param orientation - whether it is to be turned as the camera was held */
export const loadDecoderOf = async (file: Uint8Array, orientation: boolean): Promise<void> => loadFor(kindOf(file)?.format, orientation);

async function loadFor(format: ImageFormat | undefined, orientation: boolean): Promise<void> {
  if (format === 'jpeg') await loadJpegDecoder();
  if (format === undefined || (!orientation && (format === 'jpeg' || format === 'png'))) return;
  const { loadWebpDecoder } = await loadMore();
  if (format === 'webp') await loadWebpDecoder();
}

/**
 * Decodes an image file: JPEG, PNG, WebP, GIF (the first frame), BMP, TIFF (the first image) or PNM. Its pixels are those of PIL's
 * `Image.open(file).convert(mode)`, without alpha. AVIF is read where the package `sharp` is installed, HEIC where `libheif-js` is (both in Node).
 *
 * @throws {@link FormatError} when it is no image, of a kind that is not known, damaged or truncated; it names the file
 * @throws {@link DeviceError} where the decoder of its kind cannot be loaded
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
  await loadFor(kindOf(file)?.format, options.orientation === true);
  return decodeImageSync(file, options);
}

/** As {@link decodeImage}, once {@link loadDecoders} is done. */
export function decodeImageSync(bytes: ByteInput, options: DecodeOptions = {}): Image {
  const { mode = 'RGB', maxPixels = MAX_PIXELS, maxBytes = MAX_BYTES, orientation = false, draft } = options;
  return named(options, () => {
    const file = bytesOf('decodeImage', bytes);
    const image = decodeKnown(file, maxPixels, maxBytes, draft).convert(mode);
    return orientation ? loaded().turned(image, loaded().orientationOf(file)) : image;
  });
}

/**
 * Decodes rows of a file for whoever wants them, without making an image, where its format allows that: a JPEG file that need not be turned.
 *
 * @returns the image, if the rows were not taken
 */
export function decodeRowsSync(file: Uint8Array, options: DecodeOptions, choose: RowChoice): Image | undefined {
  const { maxPixels = MAX_PIXELS, maxBytes = MAX_BYTES, orientation = false, draft } = options;
  // What is no image has no decoder loaded, either, and says so.
  if (kindOf(file)?.format !== 'jpeg' || (orientation && loaded().orientationOf(file) !== 1)) return decodeImageSync(file, options);
  return named(options, () => decodeJpeg(file, { maxPixels, maxBytes, atLeast: draft }, choose)?.convert(options.mode ?? 'RGB'));
}

/** Errors with the name of the file. */
function named<T>({ name = 'image' }: DecodeOptions, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new FormatError(`decodeImage: ${JSON.stringify(name)}: ${error.message}`, { cause: error });
  }
}

function loaded(): More {
  if (more === undefined) throw new InternalError('decodeImageSync was called before loadDecoders');
  return more;
}

function decodeKnown(bytes: Uint8Array, maxPixels: number, maxBytes: number, draft: readonly number[] | undefined): Image {
  const found = kindOf(bytes);
  switch (found?.format) {
    case 'jpeg':
      return decodeJpeg(bytes, { maxPixels, maxBytes, atLeast: draft });
    case 'png':
      return decodePng(bytes, maxPixels, maxBytes);
    case 'webp':
      return loaded().decodeWebp(bytes, maxPixels, maxBytes);
    case 'gif':
      return loaded().decodeGif(bytes, maxPixels, maxBytes);
    case 'bmp':
      return loaded().decodeBmp(bytes, maxPixels, maxBytes);
    case 'tiff':
      return loaded().decodeTiff(bytes, maxPixels, maxBytes);
    case 'pnm':
      return loaded().decodeNetpbm(bytes, maxPixels, maxBytes);
    case 'avif':
    case 'heic':
      return loaded().decodeHeif(bytes, found.format, maxPixels, maxBytes);
    case undefined: {
      const what = bytes.length === 0 ? 'an empty file' : (found?.what ?? 'not an image');
      throw new FormatError(`it is ${what}; expected a JPEG, PNG, WebP, GIF, BMP, TIFF, PNM, AVIF or HEIC image`);
    }
  }
}

/** Whether the first bytes are those of a file that is decoded here, if it is not damaged; for AVIF and HEIC {@link loadDecoders} has to be done. */
export function isDecodable(head: Uint8Array): boolean {
  const format = kindOf(head)?.format;
  return format === 'avif' || format === 'heic' ? more?.hasHeif(format) === true : format !== undefined;
}
