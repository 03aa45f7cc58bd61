/**
 * Reads and writes the wire format of protocol buffers (https://protobuf.dev/programming-guides/encoding/) for the messages of
 * messages.ts, and for nothing else. Own code rather than a library: it is small, and its input comes from strangers, so every
 * length, count and depth is bounded here and every refusal says where it happened. Unknown fields are skipped.
 *
 * Bytes are views of the input, never copies. Repeated numbers may be packed or not, as the format demands of readers.
 */
import { FormatError, InternalError } from '../base/errors.ts';
import { MESSAGES, type Draft, type Field, type Message, type MessageName } from './messages.ts';

/** Bounds that real models keep by far; what a small file could make of memory is bounded by them. */
export interface ProtobufLimits {
  /** How deep messages may stand in messages. Default 64. */
  readonly maxDepth?: number;
  /** Messages, texts and byte strings altogether. Default 1 million. */
  readonly maxValues?: number;
  /** Whole numbers in lists altogether: one byte of the file can be eight of memory. Default 4 million. */
  readonly maxNumbers?: number;
}

type Numbers = Int32Array | BigInt64Array | Float32Array | Float64Array;

/** Wire types. */
const TYPE = { VARINT: 0, FIXED64: 1, BYTES: 2, FIXED32: 5 } as const;
const TYPES: Readonly<Record<string, number>> = {
  int32: TYPE.VARINT,
  int64: TYPE.VARINT,
  uint64: TYPE.VARINT,
  float: TYPE.FIXED32,
  double: TYPE.FIXED64,
};
const LISTS = { int32: Int32Array, int64: BigInt64Array, uint64: BigInt64Array, float: Float32Array, double: Float64Array } as const;
type NumberKind = keyof typeof LISTS;
const isNumber = (kind: string): kind is NumberKind => Object.hasOwn(LISTS, kind);

/** A field with its name, found by its number. */
interface NamedField {
  readonly name: string;
  readonly kind: string;
  readonly repeated: boolean;
}

const TABLES = new Map<string, ReadonlyMap<number, NamedField>>(
  Object.entries(MESSAGES).map(([message, fields]) => [
    message,
    new Map(
      Object.entries<Field>(fields).map(([name, [number, kind, repeated]]) => [number, { name, kind, repeated: repeated !== undefined }]),
    ),
  ]),
);

/**
 * Reads a message.
 * @throws FormatError with the position, when the bytes are damaged or beyond the limits
 */
export function decodeMessage<N extends MessageName>(name: N, bytes: Uint8Array, limits: ProtobufLimits = {}): Message<N> {
  return new Reader(bytes, limits).message(name, bytes.length, 0) as Message<N>;
}

/** Numbers of a repeated field while they are read. */
class NumberList {
  #numbers: Numbers;
  #length = 0;

  constructor(kind: NumberKind, capacity: number) {
    this.#numbers = new LISTS[kind](capacity);
  }

  reserve(more: number): void {
    const needed = this.#length + more;
    const old = this.#numbers;
    if (needed <= old.length) return;
    const larger = new (old.constructor as new (length: number) => Numbers)(Math.max(needed, 2 * old.length));
    (larger as Float64Array).set(old as Float64Array);
    this.#numbers = larger;
  }

  push(value: number | bigint): void {
    this.reserve(1);
    (this.#numbers as (number | bigint)[] & Numbers)[this.#length++] = value;
  }

  get values(): Numbers {
    return this.#numbers.subarray(0, this.#length);
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #maxDepth: number;
  #values: number;
  #numbers: number;
  #at = 0;
  /** The end of the message that is being read. */
  #end = 0;
  /** The last varint: low and high 32 bits. */
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array, limits: ProtobufLimits) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#maxDepth = limits.maxDepth ?? 64;
    this.#values = limits.maxValues ?? 1_000_000;
    this.#numbers = limits.maxNumbers ?? 4_000_000;
  }

  #fail(what: string): never {
    throw new FormatError(`onnx: byte ${this.#at}: ${what}; the file is damaged or no ONNX model, obtain or export it again`);
  }

  message(name: string, end: number, depth: number): Record<string, unknown> {
    if (depth > this.#maxDepth) this.#fail(`messages stand more than ${this.#maxDepth} deep in each other`);
    this.#count();
    const outer = this.#end;
    this.#end = end;
    const fields = TABLES.get(name)!;
    const result = blank(name);
    const lists = new Map<string, NumberList>();
    while (this.#at < end) {
      const tag = this.#varint32();
      const field = fields.get(tag >>> 3);
      const wire = tag & 7;
      if (tag >>> 3 === 0) this.#fail('a field has the number 0');
      if (field === undefined) this.#skip(wire);
      else if (isNumber(field.kind)) this.#number(field, field.kind, wire, result, lists);
      else this.#block(field, wire, result, name, depth);
    }
    for (const [field, list] of lists) result[field] = list.values;
    this.#end = outer;
    return result;
  }

  #count(): void {
    if (--this.#values < 0) this.#fail('the file has more parts than any real model');
  }

  #number(field: NamedField, kind: NumberKind, wire: number, result: Record<string, unknown>, lists: Map<string, NumberList>): void {
    if (!field.repeated) {
      if (wire !== TYPES[kind]) this.#fail(`field ${field.name} has wire type ${wire}`);
      result[field.name] = this.#one(kind);
      return;
    }
    let list = lists.get(field.name);
    if (wire === TYPE.BYTES) {
      const end = this.#length();
      const count = this.#countIn(kind, end);
      if (list === undefined) lists.set(field.name, (list = new NumberList(kind, count)));
      list.reserve(count);
      const outer = this.#end;
      this.#end = end;
      while (this.#at < end) list.push(this.#one(kind));
      this.#end = outer;
      return;
    }
    if (wire !== TYPES[kind]) this.#fail(`field ${field.name} has wire type ${wire}`);
    if (list === undefined) lists.set(field.name, (list = new NumberList(kind, 4)));
    this.#budget(kind, 1);
    list.push(this.#one(kind));
  }

  /** How many numbers a packed field has. */
  #countIn(kind: NumberKind, end: number): number {
    const bytes = end - this.#at;
    const size = kind === 'float' ? 4 : kind === 'double' ? 8 : 0;
    if (size > 0) {
      if (bytes % size !== 0) this.#fail(`${bytes} bytes are no whole number of ${kind}s`);
      return bytes / size;
    }
    let count = 0;
    for (let i = this.#at; i < end; i++) if (this.#bytes[i]! < 0x80) count++;
    this.#budget(kind, count);
    return count;
  }

  #budget(kind: NumberKind, count: number): void {
    if (kind === 'float' || kind === 'double') return; // they take as much in the file
    this.#numbers -= count;
    if (this.#numbers < 0) this.#fail('the file lists more whole numbers one by one than any real model');
  }

  #one(kind: NumberKind): number | bigint {
    if (kind === 'float') return this.#view.getFloat32(this.#take(4), true);
    if (kind === 'double') return this.#view.getFloat64(this.#take(8), true);
    this.#varint();
    if (kind === 'int32') return this.#low | 0;
    // Lists hold both kinds as signed numbers of the same 64 bits.
    return BigInt.asIntN(64, (BigInt(this.#high) << 32n) | BigInt(this.#low));
  }

  /** Texts, bytes, messages. */
  #block(field: NamedField, wire: number, result: Record<string, unknown>, message: string, depth: number): void {
    if (wire !== TYPE.BYTES) this.#fail(`field ${field.name} has wire type ${wire}`);
    const start = this.#at;
    const end = this.#length();
    let value: unknown;
    if (field.kind === 'string' || field.kind === 'bytes') {
      this.#count();
      const bytes = this.#bytes.subarray(this.#at, end);
      value = field.kind === 'bytes' ? bytes : this.#text(bytes);
      this.#at = end;
    } else {
      // The format merges messages that come twice; no writer makes that, and readers differ in it.
      if (!field.repeated && result[field.name] !== undefined) {
        this.#at = start;
        this.#fail(`${message} has two of the field ${field.name}`);
      }
      value = this.message(field.kind, end, depth + 1);
    }
    if (field.repeated) (result[field.name] as unknown[]).push(value);
    else result[field.name] = value;
  }

  #text(bytes: Uint8Array): string {
    try {
      return decoder.decode(bytes);
    } catch {
      return this.#fail('a text is not UTF-8');
    }
  }

  /** Reads a length; where what follows ends. */
  #length(): number {
    const length = this.#varint32();
    const end = this.#at + length;
    if (end > this.#end) this.#fail(`${length} bytes are announced, but only ${this.#end - this.#at} are left`);
    return end;
  }

  #skip(wire: number): void {
    if (wire === TYPE.VARINT) this.#varint();
    else if (wire === TYPE.FIXED64) this.#take(8);
    else if (wire === TYPE.FIXED32) this.#take(4);
    else if (wire === TYPE.BYTES) this.#at = this.#length();
    else this.#fail(`there is no wire type ${wire} in ONNX files`);
  }

  #take(count: number): number {
    const at = this.#at;
    if (at + count > this.#end) this.#fail(`${count} bytes are expected, but only ${this.#end - at} are left`);
    this.#at += count;
    return at;
  }

  /** A tag or length. */
  #varint32(): number {
    this.#varint();
    if (this.#high !== 0) this.#fail('a length or field number is too large');
    return this.#low;
  }

  #varint(): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#bytes[this.#take(1)]!;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (shift - 32); // of the tenth byte, only one bit remains
      if (byte < 0x80) {
        this.#low = low >>> 0;
        this.#high = high >>> 0;
        return;
      }
    }
    this.#fail('a number has more than 10 bytes');
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A message without anything in it. */
function blank(name: string): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const { name: field, kind, repeated } of TABLES.get(name)!.values()) {
    result[field] = !repeated ? undefined : isNumber(kind) ? new LISTS[kind](0) : [];
  }
  return result;
}

/** A message's bytes in pieces: large ones are those of the draft itself. */
export interface Encoded {
  readonly chunks: readonly Uint8Array[];
  readonly length: number;
}

/** Writes a message. */
export function encodeMessage<N extends MessageName>(name: N, message: Draft<N>): Encoded {
  return new Writer().message(name, message).finish();
}

class Writer {
  readonly #chunks: Uint8Array[] = [];
  #small: number[] = [];
  #length = 0;

  message(name: string, message: Readonly<Record<string, unknown>>): this {
    for (const [number, { name: field, kind, repeated }] of TABLES.get(name)!) {
      const value = message[field];
      if (value === undefined) continue;
      if (!repeated) this.#field(number, kind, value);
      else if (isNumber(kind)) this.#packed(number, kind, value as ArrayLike<number | bigint>);
      else for (const item of value as readonly unknown[]) this.#field(number, kind, item);
    }
    return this;
  }

  finish(): Encoded {
    this.#append(new Uint8Array(0));
    return { chunks: this.#chunks, length: this.#length };
  }

  #field(number: number, kind: string, value: unknown): void {
    if (isNumber(kind)) {
      this.#tag(number, TYPES[kind]!);
      push(this.#small, kind, value as number | bigint);
    } else if (kind === 'bytes') this.#block(number, [value as Uint8Array], (value as Uint8Array).length);
    else if (kind === 'string') {
      const text = new TextEncoder().encode(value as string);
      this.#block(number, [text], text.length);
    } else {
      const { chunks, length } = new Writer().message(kind, value as Readonly<Record<string, unknown>>).finish();
      this.#block(number, chunks, length);
    }
  }

  #packed(number: number, kind: NumberKind, values: ArrayLike<number | bigint>): void {
    const bytes: number[] = [];
    for (const value of Array.from(values)) push(bytes, kind, value);
    if (bytes.length > 0) this.#block(number, [Uint8Array.from(bytes)], bytes.length);
  }

  #tag(number: number, type: number): void {
    varint(this.#small, BigInt(number * 8 + type));
  }

  #block(number: number, parts: readonly Uint8Array[], size: number): void {
    this.#tag(number, TYPE.BYTES);
    varint(this.#small, BigInt(size));
    for (const part of parts) this.#append(part);
  }

  #append(chunk: Uint8Array): void {
    for (const part of [Uint8Array.from(this.#small), chunk]) {
      if (part.length > 0) this.#chunks.push(part);
      this.#length += part.length;
    }
    this.#small = [];
  }
}

function push(out: number[], kind: NumberKind, value: number | bigint): void {
  if (kind === 'float' || kind === 'double') {
    const bytes = new Uint8Array(kind === 'float' ? 4 : 8);
    const view = new DataView(bytes.buffer);
    if (kind === 'float') view.setFloat32(0, Number(value), true);
    else view.setFloat64(0, Number(value), true);
    out.push(...bytes);
  } else varint(out, BigInt.asUintN(64, BigInt(value)));
}

function varint(out: number[], value: bigint): void {
  if (value < 0n) throw new InternalError('a varint is negative');
  let rest = value;
  while (rest >= 0x80n) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.push(Number(rest));
}
