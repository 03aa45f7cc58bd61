/** How large an image may be: checked on its header, before memory for its pixels is taken. */
import { FormatError } from '../../base/errors.ts';

/** Most pixels of an image by default: above it PIL refuses, too (from half of it on it warns). Half a gigabyte of colour; telephones take pictures of 108 million. */
export const MAX_PIXELS = 178_956_970;

/** Most bytes that decoding an image takes beside its file, all buffers counted: a gigabyte. */
export const MAX_BYTES = 2 ** 30;

/** @throws FormatError when decoding would take more than `maxBytes`; to be asked before anything is allocated */
export function checkMemory(bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return;
  throw new FormatError(
    `decoding it would take ${bytes} bytes of memory, more than the limit of ${maxBytes}; raise maxBytes if it is trusted`,
  );
}

/** @throws FormatError when there are no pixels or more than `maxPixels`. */
export function checkSize(width: number, height: number, maxPixels: number): void {
  if (width < 1 || height < 1) throw new FormatError(`it has no pixels: ${width}x${height}`);
  if (width * height > maxPixels) {
    throw new FormatError(`its ${width}x${height} pixels are more than the limit of ${maxPixels}; raise maxPixels if it is trusted`);
  }
}
