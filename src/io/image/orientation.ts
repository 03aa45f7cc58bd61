/**
 * How a camera was held: the orientation that image files carry (Exif 2.32, tag 0x0112), and turning an image by it as PIL's
 * `ImageOps.exif_transpose` does.
 */
import { Image } from './image.ts';
import { isJpeg } from './jpeg-header.ts';
import { isPng } from './png.ts';
import { TAG, isTiff, readTags } from './tiff-tags.ts';
import { FormatError } from '../../base/errors.ts';
import { isWebp, webpChunks } from './webp-chunks.ts';

/**
 * An image as one sees it, from how it is stored.
 *
 * @param orientation - 1 (as it is) to 8, as Exif numbers them; anything else is 1
 */
export function turned(image: Image, orientation: number): Image {
  if (!(orientation >= 2 && orientation <= 8)) return image;
  const { width, height, channels, data } = image;
  const swapped = orientation >= 5;
  return new Image(swapped ? height : width, swapped ? width : height, channels, turnedBytes(data, width, height, channels, orientation));
}

/** How to undo an orientation by another: only the two quarter turns are not their own opposites. */
export const opposite = (orientation: number): number => (orientation === 6 ? 8 : orientation === 8 ? 6 : orientation);

/** {@link turned} for pixels of any number of bytes; from 5 on, width and height change places. */
export function turnedBytes(
  data: Uint8Array | Uint8ClampedArray,
  width: number,
  height: number,
  channels: number,
  orientation: number,
): Uint8Array {
  const swapped = orientation >= 5;
  const [w, h] = swapped ? [height, width] : [width, height];
  // Where the pixel of column x and row y of the result stands in the file: mirrored in either direction, with columns and rows exchanged or not.
  const fromRight = [2, 3, 7, 8].includes(orientation);
  const fromBottom = [3, 4, 6, 7].includes(orientation);
  const out = new Uint8Array(data.length);
  for (let y = 0, o = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const [column, row] = swapped ? [y, x] : [x, y];
      const from = ((fromBottom ? height - 1 - row : row) * width + (fromRight ? width - 1 - column : column)) * channels;
      for (let c = 0; c < channels; c++) out[o++] = data[from + c]!;
    }
  }
  return out;
}

/** The orientation that a JPEG, PNG or WebP file says that it has; 1 if it says none. (TIFF images are turned when they are decoded.) */
export function orientationOf(bytes: Uint8Array): number {
  const { exif, xmp } = isJpeg(bytes) ? inJpeg(bytes) : isPng(bytes) ? inPng(bytes) : isWebp(bytes) ? inWebp(bytes) : NOTHING;
  const said = exif === undefined ? undefined : inExif(exif);
  if (said !== undefined) return said;
  const found = xmp === undefined ? null : /tiff:Orientation(?:="|>)([1-8])/.exec(textOf(xmp));
  return found === null ? 1 : Number(found[1]);
}

interface Metadata {
  readonly exif?: Uint8Array | undefined;
  readonly xmp?: Uint8Array | undefined;
}
const NOTHING: Metadata = {};

const EXIF = 'Exif\0\0';
const XMP = 'http://ns.adobe.com/xap/1.0/\0';
const textOf = (bytes: Uint8Array): string => new TextDecoder('latin1').decode(bytes);
const begins = (bytes: Uint8Array, text: string): boolean => textOf(bytes.subarray(0, text.length)) === text;

/** Exif is a small TIFF file. A damaged one says nothing. */
function inExif(exif: Uint8Array): number | undefined {
  const body = begins(exif, EXIF) ? exif.subarray(EXIF.length) : exif;
  if (!isTiff(body)) return undefined;
  try {
    return readTags(body).get(TAG.orientation)?.[0];
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/** Segments before the pixels. */
function inJpeg(bytes: Uint8Array): Metadata {
  let [exif, xmp]: (Uint8Array | undefined)[] = [];
  for (let at = 2; at + 4 <= bytes.length;) {
    const marker = bytes[at + 1]!;
    if (bytes[at] !== 0xff || marker === 0xff) {
      at++;
      continue;
    }
    if (marker === 0 || marker === 1 || (marker >= 0xd0 && marker <= 0xd7)) {
      at += 2;
      continue;
    }
    if (marker === 0xda || marker === 0xd9) break;
    const end = at + 2 + bytes[at + 2]! * 256 + bytes[at + 3]!;
    const body = bytes.subarray(at + 4, end);
    if (marker === 0xe1 && begins(body, EXIF)) exif ??= body;
    if (marker === 0xe1 && begins(body, XMP)) xmp ??= body;
    at = Math.max(end, at + 2);
  }
  return { exif, xmp };
}

/** The parts of a PNG file; Exif may stand behind the pixels. */
function inPng(bytes: Uint8Array): Metadata {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let [exif, xmp]: (Uint8Array | undefined)[] = [];
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at);
    const type = textOf(bytes.subarray(at + 4, at + 8));
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (type === 'eXIf') exif = body;
    if (type === 'iTXt' && begins(body, 'XML:com.adobe.xmp')) xmp = body;
    if (type === 'IEND') break;
    at += 12 + length;
  }
  return { exif, xmp };
}

function inWebp(bytes: Uint8Array): Metadata {
  const chunks = webpChunks(bytes);
  const body = (name: string): Uint8Array | undefined => chunks.find((chunk) => chunk.name === name)?.body;
  return { exif: body('EXIF'), xmp: body('XMP ') };
}
