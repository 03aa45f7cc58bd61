/** The parts of a WebP file (RFC 9649, section 2). */

export interface WebpChunk {
  /** Four letters. */
  readonly name: string;
  readonly body: Uint8Array;
  /** Whether the file ends before the part does. */
  readonly cut: boolean;
  /** Of its name, from the beginning. */
  readonly at: number;
}

const HEAD = 8;
const letters = (bytes: Uint8Array, at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4));

/** Whether the bytes begin as a WebP file. */
export const isWebp = (bytes: Uint8Array): boolean => letters(bytes, 0) === 'RIFF' && letters(bytes, 8) === 'WEBP';

/** The parts from `from` on: those of a file begin at 12, those of a frame behind its head. */
export function webpChunks(bytes: Uint8Array, from = 12): WebpChunk[] {
  const chunks: WebpChunk[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = from; at + HEAD <= bytes.length && chunks.length < MOST;) {
    const length = view.getUint32(at + 4, true);
    const end = at + HEAD + length;
    chunks.push({ name: letters(bytes, at), body: bytes.subarray(at + HEAD, end), cut: end > bytes.length, at });
    at = end + (length % 2);
  }
  return chunks;
}

/** Parts that are looked at: the first frame, and metadata behind an animation. */
const MOST = 100_000;
