/**
 * Inflates zlib streams (RFC 1950), and the bare ones in zip archives (RFC 1951), to a size known beforehand, so that a small file cannot
 * ask for much memory. Node's zlib does it where it is there, and fflate elsewhere.
 */
import { Inflate, Unzlib } from 'fflate';
import { FormatError } from '../../base/errors.ts';
import { concatBytes } from '../bytes/byte-writer.ts';
import { isNode, nodeModule } from '../bytes/platform.ts';
import { reason } from '../bytes/reason.ts';

/**
 * The `size` bytes that `bytes` inflate to.
 *
 * @throws {@link FormatError} when they are damaged, or inflate to fewer or more bytes
 */
export function inflateZlib(bytes: Uint8Array, size: number): Uint8Array {
  if (size > MAX_RATIO * bytes.length) throw sizeError(size, 'fewer');
  return isNode ? inflateInNode(bytes, size, 'inflateSync') : inflateAnywhere(bytes, size);
}

/** As {@link inflateZlib}, without the marks of zlib around the data. */
export function inflateRaw(bytes: Uint8Array, size: number): Uint8Array {
  if (size > MAX_RATIO * bytes.length) throw sizeError(size, 'fewer');
  return isNode ? inflateInNode(bytes, size, 'inflateRawSync') : inflateAnywhere(bytes, size, Inflate);
}

function inflateInNode(bytes: Uint8Array, size: number, how: 'inflateSync' | 'inflateRawSync'): Uint8Array {
  let out: Uint8Array;
  try {
    // Node takes no limit of 0.
    out = nodeModule('zlib', 'inflate', '')[how](bytes, { maxOutputLength: Math.max(size, 1) });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw sizeError(size, 'more');
    throw new FormatError(`the compressed data are damaged: ${reason(cause)}`, { cause });
  }
  if (out.length !== size) throw sizeError(size, `only ${out.length}`);
  return out;
}

/**
 * What `bytes` inflate to, of a size that nobody says beforehand.
 * @throws {@link FormatError} when they are damaged, or inflate to more than `most` bytes
 */
export function inflateUpTo(bytes: Uint8Array, most: number): Uint8Array {
  const limit = Math.min(most, MAX_RATIO * bytes.length);
  if (isNode) {
    try {
      return nodeModule('zlib', 'inflate', '').inflateSync(bytes, { maxOutputLength: Math.max(limit, 1) });
    } catch (cause) {
      throw new FormatError(`the compressed data are damaged, or more than ${limit} bytes: ${reason(cause)}`, {
        cause,
      });
    }
  }
  const pieces: Uint8Array[] = [];
  let size = 0;
  const inflater = new Unzlib((piece) => {
    size += piece.length;
    if (size > limit) throw new FormatError(`the compressed data hold more than ${limit} bytes`);
    pieces.push(piece);
  });
  try {
    for (let at = 0; at < bytes.length; at += STEP)
      inflater.push(bytes.subarray(at, at + STEP), at + STEP >= bytes.length);
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw new FormatError(`the compressed data are damaged: ${reason(cause)}`, { cause });
  }
  return concatBytes(pieces);
}

/** Deflate makes at most so many bytes of one. */
const MAX_RATIO = 1032;
/** Bytes inflated at a time, so that a bomb is noticed within 17 MB. */
const STEP = 16384;

/** As {@link inflateZlib}, without Node. */
export function inflateAnywhere(bytes: Uint8Array, size: number, how: Inflater = Unzlib): Uint8Array {
  const out = new Uint8Array(size);
  let filled = 0;
  inflateInPieces(
    bytes,
    size,
    (chunk) => {
      out.set(chunk, filled);
      filled += chunk.length;
    },
    how,
  );
  return out;
}

type Inflater = typeof Unzlib | typeof Inflate;

/**
 * Hands what `bytes` inflate to to `take`, piece by piece, so that it is never there whole.
 *
 * @throws {@link FormatError} when they are damaged, or inflate to fewer or more bytes than `size`; what `take` throws
 */
export function inflateInPieces(
  bytes: Uint8Array,
  size: number,
  take: (piece: Uint8Array) => void,
  how: Inflater = Unzlib,
): void {
  if (size > MAX_RATIO * bytes.length) throw sizeError(size, 'fewer');
  let filled = 0;
  const inflater = new how((chunk: Uint8Array) => {
    if (filled + chunk.length > size) throw sizeError(size, 'more');
    filled += chunk.length;
    take(chunk);
  });
  try {
    for (let at = 0; at < bytes.length; at += STEP) {
      inflater.push(bytes.subarray(at, at + STEP), at + STEP >= bytes.length);
    }
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw new FormatError(`the compressed data are damaged: ${reason(cause)}`, { cause });
  }
  if (filled !== size) throw sizeError(size, `only ${filled}`);
}

const sizeError = (size: number, came: string): FormatError =>
  new FormatError(`the compressed data should hold ${size} bytes, but hold ${came}`);
