/** A decoder of binary PGM (`P5`) and PPM (`P6`) files with up to 8 bits (https://netpbm.sourceforge.net/doc/ppm.html). */
import { FormatError } from '../../base/errors.ts';
import { Image } from './image.ts';
import { checkSize } from './limits.ts';
import { roundHalfEven } from './round.ts';

/** Whether the bytes begin as a binary PGM or PPM file. */
export const isNetpbm = (bytes: Uint8Array): boolean => bytes[0] === 0x50 && (bytes[1] === 0x35 || bytes[1] === 0x36);

/** @throws {@link FormatError} when the file is truncated or damaged, has more than 8 bits a sample or more than `maxPixels` pixels */
export function decodeNetpbm(bytes: Uint8Array, maxPixels: number): Image {
  const channels = bytes[1] === 0x35 ? 1 : 3;
  const head = String.fromCharCode(...bytes.subarray(0, 1024));
  // Numbers may be apart by blanks, lines and comments; one blank stands between the last and the pixels.
  const match = /^P[56]((?:\s|#[^\n]*\n)+)(\d{1,9})((?:\s|#[^\n]*\n)+)(\d{1,9})((?:\s|#[^\n]*\n)+)(\d{1,5})\s/.exec(
    head,
  );
  if (match === null) throw new FormatError('its header is not valid; the file is damaged');
  const [width, height, largest] = [Number(match[2]), Number(match[4]), Number(match[6])];
  if (largest < 1 || largest > 255)
    throw new FormatError(`its largest value is ${largest}, expected at most 255; save it with 8 bits`);
  checkSize(width, height, maxPixels);
  const size = width * height * channels;
  const data = bytes.slice(match[0].length, match[0].length + size);
  if (data.length < size)
    throw new FormatError(`it should have ${size} bytes of pixels, but has ${data.length}; the file is truncated`);
  if (largest !== 255)
    for (let i = 0; i < size; i++) data[i] = Math.min(255, roundHalfEven((data[i]! / largest) * 255));
  return new Image(width, height, channels, data);
}
