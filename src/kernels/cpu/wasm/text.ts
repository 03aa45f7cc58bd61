/**
 * A kernel's WebAssembly module as text, an instruction a line, as it really stands in the bytes: for `FLAMBEAU_DEBUG=code`. It knows what `emit.ts` writes
 * (`opcodes.ts`); anything else is shown by its number.
 */
import { BINARY, BITS, BITSELECT, CAST, COMPARE, CONST, EXTEND, EXTRACT, LOAD_SHORTS, LOAD_SPLAT, MEMORY, NARROW, RELAXED_MADD, SHUFFLE, SPLAT, UNARY } from './opcodes.ts'; // prettier-ignore
import { SECTION, WASM_TYPE, type WasmType } from './assembler.ts';

/** What follows an instruction's number. */
type Immediate = 'block' | 'index' | 'i32' | 'i64' | 'f32' | 'f64' | 'memory' | 'lane' | 'lanes';

interface Instruction {
  readonly name: string;
  readonly immediate?: Immediate;
}

const SHAPES: Readonly<Record<string, string>> = { i32v: 'i32x4', i64v: 'i64x2', f32v: 'f32x4', f64v: 'f64x2' };
const shaped = (type: string): string => SHAPES[type] ?? type;
/** Operations of integers that come signed and unsigned; the language marks the latter with a U. */
const SIGNED = new Set(['div', 'rem', 'shr', 'lt', 'gt', 'le', 'ge', 'min', 'max']);
const BITWISE = new Set(['and', 'or', 'xor', 'not']);

function nameOf(type: string, op: string): string {
  if (type.endsWith('v') && BITWISE.has(op)) return `v128.${op}`;
  const plain = op.replace(/U$/, '');
  return `${shaped(type)}.${plain}${type.startsWith('i') && SIGNED.has(plain) ? (op === plain ? '_s' : '_u') : ''}`;
}

/** Conversions, whose names say from what and how. */
const CONVERSIONS: Readonly<Record<string, string>> = {
  'i32>i64': 'i64.extend_i32_s',
  'i64>i32': 'i32.wrap_i64',
  'f64>f32': 'f32.demote_f64',
  'f32>f64': 'f64.promote_f32',
  'f32v>i32v': 'i32x4.trunc_sat_f32x4_s',
  'i32v>f32v': 'f32x4.convert_i32x4_s',
  'f32v>f64v': 'f64x2.promote_low_f32x4',
  'f64v>f32v': 'f32x4.demote_f64x2_zero',
};

function conversion(pair: string): string {
  const [from, to] = pair.split('>') as [string, string];
  return CONVERSIONS[pair] ?? (from.startsWith('f') ? `${to}.trunc_sat_${from}_s` : `${to}.convert_${from}_s`);
}

const NARROW_NAMES: Readonly<Record<string, readonly [string, string]>> = {
  u8: ['i32.load8_u', 'i32.store8'],
  s8: ['i32.load8_s', 'i32.store8'],
  u16: ['i32.load16_u', 'i32.store16'],
  s16: ['i32.load16_s', 'i32.store16'],
};

/** Every instruction that kernels have, by its number. */
function instructions(): Map<number, Instruction> {
  const all = new Map<number, Instruction>();
  const add = (code: number, name: string, immediate?: Immediate): void => {
    all.set(code, immediate === undefined ? { name } : { name, immediate });
  };
  const control = { 0x00: 'unreachable', 0x05: 'else', 0x0b: 'end', 0x1b: 'select' };
  for (const [code, name] of Object.entries(control)) add(Number(code), name);
  for (const [code, name] of [
    [0x02, 'block'],
    [0x03, 'loop'],
    [0x04, 'if'],
  ] as const)
    add(code, name, 'block');
  for (const [code, name] of [[0x0c, 'br'], [0x0d, 'br_if'], [0x10, 'call'], [0x20, 'local.get'], [0x21, 'local.set'], [0x22, 'local.tee']] as const) add(code, name, 'index'); // prettier-ignore
  for (const table of [BINARY, COMPARE, UNARY]) {
    for (const [type, ops] of Object.entries(table)) {
      for (const [op, code] of Object.entries<number>(ops)) if (op !== '_') add(code, nameOf(type, op));
    }
  }
  for (const [pair, code] of Object.entries(CAST)) add(code, conversion(pair));
  for (const [pair, code] of Object.entries(BITS)) add(code, `${pair.split('>')[1]!}.reinterpret_${pair.split('>')[0]!}`);
  for (const [mem, { load, store }] of Object.entries(MEMORY)) {
    const [loaded, stored] = NARROW_NAMES[mem] ?? (mem.endsWith('v') ? ['v128.load', 'v128.store'] : [`${mem}.load`, `${mem}.store`]);
    add(load, loaded, 'memory');
    add(store, stored, 'memory');
  }
  add(LOAD_SHORTS, 'v128.load16x4_s', 'memory');
  for (const [type, code] of Object.entries(LOAD_SPLAT)) add(code, `v128.load${type.slice(1, 3)}_splat`, 'memory');
  for (const [type, code] of Object.entries(SPLAT)) add(code, `${shaped(type)}.splat`);
  for (const [type, code] of Object.entries(EXTRACT)) add(code, `${shaped(type)}.extract_lane`, 'lane');
  for (const [type, code] of Object.entries(RELAXED_MADD)) add(code, `${shaped(type)}.relaxed_madd`);
  for (const [type, code] of Object.entries(CONST)) add(code, `${type}.const`, type as keyof typeof CONST);
  add(SHUFFLE, 'i8x16.shuffle', 'lanes');
  add(BITSELECT, 'v128.bitselect');
  add(EXTEND.bytes, 'i16x8.extend_low_i8x16_u');
  add(EXTEND.shorts, 'i32x4.extend_low_i16x8_u');
  add(NARROW.shorts, 'i16x8.narrow_i32x4_u');
  add(NARROW.bytes, 'i8x16.narrow_i16x8_u');
  return all;
}

/** Reads what `ByteWriter` writes. */
class ByteReader {
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.at >= this.#bytes.length;
  }

  byte(): number {
    return this.#bytes[this.at++]!;
  }

  u32(): number {
    return Number(BigInt.asUintN(32, this.#leb()[0]));
  }

  signed(): bigint {
    const [value, bits] = this.#leb();
    return BigInt.asIntN(Math.min(bits, 64), value);
  }

  /** The number, and how many bits of it were written. */
  #leb(): [bigint, number] {
    let [value, bits] = [0n, 0];
    for (;;) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << BigInt(bits);
      bits += 7;
      if (byte < 0x80) return [value, bits];
    }
  }

  float(bytes: 4 | 8): number {
    this.at += bytes;
    return bytes === 4 ? this.#view.getFloat32(this.at - 4, true) : this.#view.getFloat64(this.at - 8, true);
  }

  name(): string {
    const length = this.u32();
    this.at += length;
    return new TextDecoder().decode(this.#bytes.subarray(this.at - length, this.at));
  }

  /** As many as the number before them says. */
  list<T>(read: () => T): T[] {
    return Array.from({ length: this.u32() }, read);
  }

  /** The bytes up to the end of a part whose length stands before it. */
  sized(): ByteReader {
    const length = this.u32();
    this.at += length;
    return new ByteReader(this.#bytes.subarray(this.at - length, this.at));
  }
}

const TYPES = new Map<number, string>((Object.keys(WASM_TYPE) as WasmType[]).map((name) => [WASM_TYPE[name], name]));

/** The text of a module that `emitWasm` has made. */
export function wasmText(bytes: Uint8Array): string {
  const reader = new ByteReader(bytes);
  reader.at = 8; // the head of every module
  const known = instructions();
  let signatures: readonly string[] = [];
  let imported: readonly string[] = [];
  let functions: readonly number[] = [];
  let exported: ReadonlyMap<number, string> = new Map();
  const lines: string[] = [];
  while (!reader.done) {
    const id = reader.byte();
    const part = reader.sized();
    if (id === SECTION.type) signatures = part.list(() => signature(part));
    else if (id === SECTION.import) imported = imports(part, signatures);
    else if (id === SECTION.function) functions = part.list(() => part.u32());
    else if (id === SECTION.export) exported = new Map(part.list(() => exportOf(part)));
    else if (id === SECTION.code) {
      const calls = imported.filter((line) => line.includes('(func')).length;
      part
        .list(() => part.sized())
        .forEach((body, i) => {
          const name = exported.has(calls + i) ? ` (export "${exported.get(calls + i)!}")` : '';
          lines.push(`  (func $${calls + i}${name}${signatures[functions[i]!]!}`, ...codeLines(body, known), '  )');
        });
    }
  }
  return ['(module', ...imported, ...lines, ')'].join('\n');
}

const typed = (kind: string, types: readonly string[]): string => (types.length === 0 ? '' : ` (${kind} ${types.join(' ')})`);

function signature(part: ByteReader): string {
  part.byte(); // a function's
  const types = (): string[] => part.list(() => TYPES.get(part.byte())!);
  const params = types();
  return typed('param', params) + typed('result', types());
}

function imports(part: ByteReader, signatures: readonly string[]): string[] {
  let count = 0;
  return part.list(() => {
    const from = `  (import "${part.name()}" "${part.name()}"`;
    if (part.byte() === 0) return `${from} (func $${count++}${signatures[part.u32()]!}))`;
    const shared = part.byte() === 3;
    const least = part.u32();
    return `${from} (memory ${least}${shared ? ` ${part.u32()} shared` : ''}))`;
  });
}

function exportOf(part: ByteReader): [number, string] {
  const name = part.name();
  part.byte(); // a function
  return [part.u32(), name];
}

/** A function's locals and instructions, each as deep as it stands in blocks. */
function codeLines(body: ByteReader, known: ReadonlyMap<number, Instruction>): string[] {
  const locals = body.list(() => ({ count: body.u32(), type: TYPES.get(body.byte())! }));
  const lines = locals.length === 0 ? [] : [`    (local${locals.map(({ count, type }) => ` ${type}`.repeat(count)).join('')})`];
  let depth = 2;
  while (!body.done) {
    const first = body.byte();
    const code = first >= 0xfc ? first * 0x100 + body.u32() : first;
    const { name, immediate } = known.get(code) ?? { name: `unknown 0x${code.toString(16)}` };
    if (name === 'end' || name === 'else') depth--;
    if (depth >= 2) lines.push(`${'  '.repeat(depth)}${name}${immediateOf(body, immediate)}`);
    if (immediate === 'block' || name === 'else') depth++;
  }
  return lines;
}

function immediateOf(body: ByteReader, immediate: Immediate | undefined): string {
  switch (immediate) {
    case undefined:
      return '';
    case 'block':
      body.byte(); // without a result
      return '';
    case 'index':
      return ` ${body.u32()}`;
    case 'i32':
    case 'i64':
      return ` ${body.signed()}`;
    case 'f32':
      return ` ${body.float(4)}`;
    case 'f64':
      return ` ${body.float(8)}`;
    case 'memory': {
      body.u32(); // the alignment, which is always unknown
      const offset = body.u32();
      return offset === 0 ? '' : ` offset=${offset}`;
    }
    case 'lane':
      return ` ${body.byte()}`;
    case 'lanes':
      return ` ${Array.from({ length: 16 }, () => body.byte()).join(' ')}`;
  }
}
