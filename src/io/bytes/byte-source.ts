/** Bytes that can be read at any position: in memory here; file-source.ts makes the same of a file on disk. */
import { crc32 } from './crc32.ts';
import type { StorageSource } from '../pt/value.ts';

export interface ByteSource {
  readonly size: number;
  /** The bytes [offset, offset + length), which the caller has checked to exist and will not change. */
  read(offset: number, length: number): Uint8Array;
  /**
   * Hands the bytes [offset, offset + length) over piece by piece, all but the last of {@link PIECE} bytes, with each one's distance from
   * `offset`. A piece is only valid during the call. Without it, they are read in pieces.
   */
  pieces?(offset: number, length: number, use: (piece: Uint8Array, at: number) => void): void;
  /** Compares the checksum of all of it, if it has one. @throws FormatError */
  verify?(): void;
  /** Whether reading takes time and memory, so that it should wait until the bytes are needed. */
  readonly deferred?: boolean;
}

/** A source over bytes in memory; reads are views, not copies. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  // A Buffer is a Uint8Array whose slice() does not copy; users of the pieces shall not meet that.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  return { size: plain.length, read: (offset, length) => plain.subarray(offset, offset + length) };
}

/** Bytes read at a time where all would be too many. */
export const PIECE = 1 << 20;

/** The bytes [from, from + byteLength) of a source, to be read later if the source is a file. */
export function storageAt(source: ByteSource, from: number, byteLength: number): Uint8Array | StorageSource {
  if (source.deferred !== true) return source.read(from, byteLength);
  const storage = checkedStorage(source, from, byteLength, undefined);
  return { ...storage, verify: () => source.verify?.() };
}

/** The bytes [from, from + byteLength) of a source; `check` is given their checksum when they are first verified. */
export function checkedStorage(
  source: ByteSource,
  from: number,
  byteLength: number,
  check: ((crc: number) => void) | undefined,
): StorageSource {
  let verified = check === undefined;
  return {
    byteLength,
    read: (offset, length) => source.read(from + offset, length),
    pieces: (offset, length, use) => eachPiece(source, from + offset, length, use),
    verify: () => {
      if (verified) return;
      let crc = 0;
      eachPiece(source, from, byteLength, (piece) => (crc = crc32(piece, crc)));
      check?.(crc);
      verified = true;
    },
  };
}

/** Uses the bytes [offset, offset + length) piece by piece; a piece is only valid during the call. */
export function eachPiece(
  source: Pick<ByteSource, 'read' | 'pieces'>,
  offset: number,
  length: number,
  use: (piece: Uint8Array, at: number) => void,
): void {
  if (source.pieces !== undefined) source.pieces(offset, length, use);
  else for (let at = 0; at < length; at += PIECE) use(source.read(offset + at, Math.min(PIECE, length - at)), at);
}
