/**
 * Files on disk as byte sources, in Node. The file stays open as long as something may still be read from it, so that it may be replaced or
 * removed meanwhile without harm; if it is overwritten in place, the next read says so.
 */
import * as fs from 'node:fs';
import { requireKind, PATH } from '../../base/arguments.ts';
import { ArgumentError, FormatError } from '../../base/errors.ts';
import { PIECE, bytesSource, type ByteSource } from './byte-source.ts';
import { reason, versionOf } from '../archive/file-set.ts';

/** Files up to this size are read at once. */
const SMALL = 1 << 18;
/** Small pieces are read through a window, since one call of the system for each would take longer. */
const WINDOW = 1 << 16;

/**
 * Opens a file.
 * @throws ArgumentError when there is none, or it cannot be opened
 */
export function openSource(operation: string, path: string): ByteSource {
  requireKind(operation, 'the path', path, PATH);
  let descriptor: number;
  try {
    descriptor = fs.openSync(path, 'r');
  } catch (cause) {
    throw unreadable(operation, path, cause);
  }
  try {
    const stat = fs.fstatSync(descriptor);
    if (stat.isFile() && stat.size > SMALL) {
      const source = new OpenFile(descriptor, path, stat);
      closing.register(source, descriptor);
      return source;
    }
    const bytes = fs.readFileSync(descriptor);
    fs.closeSync(descriptor);
    return bytesSource(bytes);
  } catch (cause) {
    fs.closeSync(descriptor);
    throw unreadable(operation, path, cause);
  }
}

const closing = new FinalizationRegistry<number>((descriptor) => fs.closeSync(descriptor));

function unreadable(operation: string, path: string, cause: unknown): ArgumentError {
  const { code } = cause as NodeJS.ErrnoException;
  const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : reason(cause);
  return new ArgumentError(`${operation}: cannot read ${JSON.stringify(path)}: ${why}`, { cause });
}

class OpenFile implements ByteSource {
  readonly deferred = true;
  readonly size: number;
  readonly #descriptor: number;
  readonly #path: string;
  readonly #version: string;
  #window: Uint8Array = new Uint8Array(0);
  #windowAt = 0;
  #scratch: Uint8Array | undefined;

  constructor(descriptor: number, path: string, stat: fs.Stats) {
    this.#descriptor = descriptor;
    this.#path = path;
    this.size = stat.size;
    this.#version = versionOf(stat);
  }

  read(offset: number, length: number): Uint8Array {
    if (length >= WINDOW) return this.#fill(new Uint8Array(length), offset);
    if (offset < this.#windowAt || offset + length > this.#windowAt + this.#window.length) {
      this.#window = this.#fill(new Uint8Array(Math.min(WINDOW, this.size - offset)), offset);
      this.#windowAt = offset;
    }
    return this.#window.slice(offset - this.#windowAt, offset - this.#windowAt + length);
  }

  pieces(offset: number, length: number, use: (piece: Uint8Array, at: number) => void): void {
    const scratch = (this.#scratch ??= new Uint8Array(PIECE));
    for (let at = 0; at < length; at += PIECE) {
      use(this.#fill(scratch.subarray(0, Math.min(PIECE, length - at)), offset + at), at);
    }
  }

  #fill(target: Uint8Array, offset: number): Uint8Array {
    if (versionOf(fs.fstatSync(this.#descriptor)) !== this.#version) {
      throw new FormatError(`load: ${JSON.stringify(this.#path)} was overwritten while tensors were still in it; load it again`);
    }
    for (let done = 0; done < target.length;) {
      const count = fs.readSync(this.#descriptor, target, done, target.length - done, offset + done);
      if (count === 0) throw new FormatError(`load: ${JSON.stringify(this.#path)} ends after ${offset + done} bytes; load it again`);
      done += count;
    }
    return target;
  }
}
