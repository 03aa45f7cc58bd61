/** Reads messages of protocol buffers without knowing their definitions: by the numbers of fields, far enough for tests. */

/** A message. */
export class Decoded {
  readonly #fields = new Map<number, (bigint | Uint8Array)[]>();

  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = 0;
    const varint = (): bigint => {
      let value = 0n;
      for (let shift = 0n; ; shift += 7n) {
        const byte = bytes[at++]!;
        value |= BigInt(byte & 127) << shift;
        if (byte < 128) return value;
      }
    };
    while (at < bytes.length) {
      const tag = Number(varint());
      const kind = tag & 7;
      let value: bigint | Uint8Array;
      if (kind === 0) value = varint();
      else {
        const length = kind === 1 ? 8 : kind === 5 ? 4 : Number(varint());
        if (at + length > view.byteLength) throw new Error(`field ${tag >> 3} is longer than its message`);
        value = bytes.subarray(at, (at += length));
      }
      this.#fields.set(tag >> 3, [...(this.#fields.get(tag >> 3) ?? []), value]);
    }
  }

  /** All values of a field. */
  all(field: number): readonly (bigint | Uint8Array)[] {
    return this.#fields.get(field) ?? [];
  }

  /** 0 where it is left out. */
  whole(field: number): number {
    return Number(this.all(field)[0] ?? 0n);
  }

  bytes(field: number): Uint8Array {
    return this.all(field)[0] as Uint8Array;
  }

  float(field: number): number {
    const bytes = this.bytes(field);
    return new DataView(bytes.buffer, bytes.byteOffset).getFloat32(0, true);
  }

  text(field: number): string {
    return this.texts(field)[0] ?? '';
  }

  texts(field: number): string[] {
    return this.all(field).map((bytes) => new TextDecoder().decode(bytes as Uint8Array));
  }

  message(field: number): Decoded {
    return new Decoded(this.bytes(field));
  }

  messages(field: number): Decoded[] {
    return this.all(field).map((bytes) => new Decoded(bytes as Uint8Array));
  }
}

/** The message that fields lead to, one in the other. */
export const decodeMessage = (bytes: Uint8Array, path: readonly number[] = []): Decoded =>
  path.reduce((message, field) => message.message(field), new Decoded(bytes));
