/**
 * Writes the wire format of protocol buffers (https://protobuf.dev/programming-guides/encoding/), as far as event files need it. A message is the bytes of its
 * fields one after the other, in the order of their numbers, as other writers have them; values that are the default of proto3 are left out.
 */
import type { Bytes } from '../../base/host-types.ts';
import { concatBytes } from '../../io/bytes/byte-writer.ts';

/** Wire types. */
const [VARINT, FIXED64, BYTES, FIXED32] = [0, 1, 2, 5] as const;
const NOTHING: Bytes = new Uint8Array(0);
const encoder = new TextEncoder();

/** Fields of a message. */
export const message = (...fields: readonly Uint8Array[]): Bytes => concatBytes(fields);

/** A whole number that may be 64 bits long; a negative one has two's complement. */
function varint(value: number | bigint): Bytes {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    bytes.push(rest === 0n ? low : low | 128);
  } while (rest !== 0n);
  return Uint8Array.from(bytes);
}

const tag = (field: number, wire: number): Bytes => varint((field << 3) | wire);

/** Whole numbers, truth values, members of enumerations. */
export const whole = (field: number, value: number | bigint): Bytes =>
  BigInt(value) === 0n ? NOTHING : message(tag(field, VARINT), varint(value));

export function double(field: number, value: number): Bytes {
  return Object.is(value, 0) ? NOTHING : requiredDouble(field, value);
}

/** One of several fields of which only one is there: it is written even if it is zero. */
export function requiredDouble(field: number, value: number): Bytes {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return message(tag(field, FIXED64), bytes);
}

/** See {@link requiredDouble}. */
export function requiredFloat(field: number, value: number): Bytes {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return message(tag(field, FIXED32), bytes);
}

/** Bytes, text, or a message. */
export function block(field: number, value: Uint8Array | string): Bytes {
  const bytes = typeof value === 'string' ? encoder.encode(value) : value;
  return message(tag(field, BYTES), varint(bytes.length), bytes);
}

/** A text that is left out when it is empty. */
export const text = (field: number, value: string): Bytes => (value === '' ? NOTHING : block(field, value));

export function doubles(field: number, values: readonly number[]): Bytes {
  if (values.length === 0) return NOTHING;
  const bytes = new Uint8Array(8 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => view.setFloat64(8 * i, value, true));
  return block(field, bytes);
}
