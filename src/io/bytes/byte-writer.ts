/** A growing run of bytes, for writers of binary formats. Methods return the writer, so that fields read in one line. */
import type { Bytes } from '../../base/host-types.ts';

export class ByteWriter {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  byte(value: number): this {
    // Growing replaces the array, so it comes first.
    const at = this.#grow(1);
    this.#bytes[at] = value;
    return this;
  }

  /** Little-endian; negative values as two's complement. */
  uint32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  /** Big-endian, as pickles have it. */
  float64BE(value: number): this {
    const at = this.#grow(8);
    this.#view.setFloat64(at, value, false);
    return this;
  }

  bytes(values: Uint8Array): this {
    const at = this.#grow(values.length);
    this.#bytes.set(values, at);
    return this;
  }

  /** What was written so far. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Makes room and returns where it begins. */
  #grow(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}

/** The pieces as one array. */
export function concatBytes(pieces: Iterable<Uint8Array>): Bytes {
  const chunks = Array.isArray(pieces) ? (pieces as readonly Uint8Array[]) : [...pieces];
  const out = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}
