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

/**
 * The first `size` bytes that zlib's `bytes` inflate to, as image files have them: their checksum may be missing, and
 * what follows is not looked at.
 *
 * @throws {@link FormatError} when they are damaged, or inflate to fewer bytes
 */
export function inflateStart(bytes: Uint8Array, size: number): Uint8Array {
  requireZlib(bytes);
  if (size > MAX_RATIO * bytes.length) throw sizeError(size, 'fewer');
  if (isNode) {
    const zlib = nodeModule('zlib', 'inflate', '');
    try {
      const out = zlib.inflateSync(bytes, {
        maxOutputLength: Math.max(size, 1),
        finishFlush: zlib.constants.Z_SYNC_FLUSH,
      });
      if (out.length < size) throw sizeError(size, `only ${out.length}`);
      return out;
    } catch (cause) {
      if (cause instanceof FormatError) throw cause;
      if ((cause as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE')
        throw new FormatError(`the compressed data are damaged: ${reason(cause)}`, { cause });
    }
  }
  const out = new Uint8Array(size);
  let filled = 0;
  inflateStartInPieces(bytes, size, (piece) => {
    out.set(piece, filled);
    filled += piece.length;
  });
  return out;
}

/** As {@link inflateStart}, piece by piece, so that they are never there whole. */
export function inflateStartInPieces(bytes: Uint8Array, size: number, take: (piece: Uint8Array) => void): void {
  requireZlib(bytes);
  if (size > MAX_RATIO * bytes.length) throw sizeError(size, 'fewer');
  let left = size;
  const enough = new Error('enough');
  const some = (piece: Uint8Array): void => {
    take(piece.length > left ? piece.subarray(0, left) : piece);
    left -= Math.min(left, piece.length);
    if (left === 0) throw enough;
  };
  try {
    inflateInPieces(bytes.subarray(2), Infinity, some, Inflate);
  } catch (cause) {
    if (left > 0) throw cause;
  }
}

/** The two bytes before zlib's data: deflate, and no dictionary that both sides know. */
function requireZlib(bytes: Uint8Array): void {
  const [method, flags] = [bytes[0]!, bytes[1]!];
  if (bytes.length < 2 || (method & 15) !== 8 || (method * 256 + flags) % 31 !== 0 || (flags & 32) !== 0)
    throw new FormatError('the compressed data are damaged: they do not begin as zlib’s');
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
    for (let at = 0; at < bytes.length; at += STEP) inflater.push(bytes.subarray(at, at + STEP), at + STEP >= bytes.length);
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
function inflateInPieces(bytes: Uint8Array, size: number, take: (piece: Uint8Array) => void, how: Inflater = Unzlib): void {
  if (size !== Infinity && size > MAX_RATIO * bytes.length) throw sizeError(size, 'fewer');
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
  if (size === Infinity) throw new FormatError(`the compressed data hold only ${filled} bytes`);
  if (filled !== size) throw sizeError(size, `only ${filled}`);
}

const sizeError = (size: number, came: string): FormatError =>
  new FormatError(`the compressed data should hold ${size} bytes, but hold ${came}`);
