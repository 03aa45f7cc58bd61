/** What kind of file something is, by its first bytes: names lie. */
import type { ByteSource } from './bytes/byte-source.ts';

/**
 * `zip` may be a PyTorch file or `.npz`; `legacy` and `tar` are PyTorch's formats before 1.6 and before 0.1.10. `undefined` is nothing
 * that can be read; {@link otherFormat} says what it looks like.
 */
export type FileFormat = 'zip' | 'legacy' | 'tar' | 'safetensors' | 'npy';

const head = (source: ByteSource, from: number, length: number): string =>
  String.fromCharCode(...source.read(Math.min(from, source.size), Math.max(0, Math.min(length, source.size - from))));

const ZIP = ['PK\x03\x04', 'PK\x05\x06'];
/** Bytes looked at: they reach to the end of the longest beginning below. */
const HEAD = 27;
/** The beginning of a JSON object, if need be behind blanks, or behind a byte order mark, which the reader then names. */
const JSON_OBJECT = /^(\xef\xbb\xbf|[ \t\n\r]*(\{|$))/;
/** What PyTorch's format before 1.6 begins with: the number 0x1950a86a20f9469cfc6c in binary or, in protocol 0 and 1, as text. */
const LEGACY = '\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19';
const LEGACY_TEXT = 'L119547037146038801333356L\n';
/** A frame, with its length in eight bytes, stands before it in protocol 4 and 5. */
const FRAME = '\x95';

function isLegacy(start: string): boolean {
  if (start.startsWith(LEGACY_TEXT)) return true;
  return start.startsWith('\x80') && start.startsWith(LEGACY, start[2] === FRAME ? 11 : 2);
}

export function formatOf(source: ByteSource): FileFormat | undefined {
  const start = head(source, 0, HEAD);
  if (ZIP.includes(start.slice(0, 4))) return 'zip';
  if (isLegacy(start)) return 'legacy';
  if (start.startsWith('\x93NUMPY')) return 'npy';
  if (head(source, 257, 5) === 'ustar') return 'tar';
  // The length of a JSON object, which has its highest bytes zero, and the object's beginning, if need be behind blanks or a byte order mark.
  if (start.slice(5, 8) === '\0\0\0' && JSON_OBJECT.test(start.slice(8))) return 'safetensors';
  return undefined;
}

/** What a file that cannot be read looks like, and what to do about it. */
export function otherFormat(source: ByteSource): string {
  const text = (from: number, length: number): string => head(source, from, length);
  if (source.size === 0) return 'the file is empty';
  if (text(0, 4) === 'PK\x03\x04') return 'this is a zip archive of something else';
  if (formatOf(source) === 'safetensors') return 'this is a safetensors file, which has a reader of its own';
  if (formatOf(source) === 'npy') return 'this is a NumPy array, which has a reader of its own';
  if (text(0, 1) === '\x80') return 'this is a bare pickle; save it with torch.save';
  if (text(0, 7) === 'version') return 'this is a Git LFS pointer; fetch the file itself with git lfs pull';
  if (/^\s*</.test(text(0, 16))) return 'this is a web page or XML; the download went wrong';
  if (/^\s*\{/.test(text(0, 32))) return 'this is JSON text; the index of a model in several files is loaded by its path';
  if (text(0, 2) === '\x1f\x8b') return 'this is gzip data; unpack it first';
  if (text(1, 3) === 'HDF') return 'this is an HDF5 file (Keras); export the weights from there';
  return `its first bytes are ${JSON.stringify(text(0, 8))}`;
}
