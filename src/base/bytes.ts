/** Bytes as callers have them: a file that was fetched is an `ArrayBuffer`, one that Node read a `Buffer`. */
import { ArgumentError } from './errors.ts';

/** The bytes of a file: a `Uint8Array` (Node's `Buffer` is one) or an `ArrayBuffer`. */
export type ByteInput = Uint8Array | ArrayBuffer;

/**
 * The bytes of an argument, without copying.
 * @throws ArgumentError for anything that is not bytes, with the way from there to bytes
 */
export function bytesOf(operation: string, value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return over(operation, value.buffer, value.byteOffset, value.byteLength);
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  // By tag and not `instanceof`: a buffer may come from another window or context.
  if (tag === 'ArrayBuffer' || tag === 'SharedArrayBuffer') return over(operation, value as ArrayBuffer);
  throw new ArgumentError(`${operation}: expected a file's bytes, a Uint8Array or ArrayBuffer, but got ${came(tag, value)}`);
}

/** A view of a buffer; one that has been transferred to another thread is gone. */
function over(operation: string, buffer: ArrayBufferLike, offset?: number, length?: number): Uint8Array {
  try {
    return new Uint8Array(buffer, offset, length);
  } catch (cause) {
    throw new ArgumentError(`${operation}: the buffer has been transferred, so its bytes are gone; pass a copy`, {
      cause,
    });
  }
}

/** What came, and how bytes are had of it. */
function came(tag: string, value: unknown): string {
  if (tag === 'Blob' || tag === 'File') return `a ${tag}; pass await file.arrayBuffer()`;
  if (tag === 'Response') return 'a Response; pass await response.arrayBuffer()';
  if (tag === 'Promise') return 'a promise; await it first';
  if (typeof value === 'string')
    return 'a string; read the file first, in Node with load, importOnnx or readImage of flambeau/node, in browsers with fetch';
  return value === null || value === undefined ? String(value) : `${/^[AEIOU]/.test(tag) ? 'an' : 'a'} ${tag}`;
}
