/**
 * Assembles WebAssembly binary modules: LEB128 numbers, sections, and the few section kinds that kernels need
 * (WebAssembly core specification 2.0, chapter 5, "Binary Format").
 *
 * It knows nothing of kernels or expressions; that is `emit.ts`.
 */
import type { Bytes } from '../../../base/host-types.ts';

/** A growing byte buffer with WebAssembly's number encodings. */
export class ByteWriter {
  #bytes = new Uint8Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  #room(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }

  byte(value: number): this {
    this.#room(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  bytes(values: ArrayLike<number>): this {
    this.#room(values.length);
    this.#bytes.set(values, this.#length);
    this.#length += values.length;
    return this;
  }

  /** Unsigned LEB128. */
  u32(value: number): this {
    let rest = value >>> 0;
    do {
      const low = rest & 0x7f;
      rest >>>= 7;
      this.byte(rest === 0 ? low : low | 0x80);
    } while (rest !== 0);
    return this;
  }

  /** Signed LEB128 of a 32-bit integer. */
  s32(value: number): this {
    return this.s64(BigInt(value | 0));
  }

  /** Signed LEB128 of a 64-bit integer. */
  s64(value: bigint): this {
    let rest = value;
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      if ((rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0)) return this.byte(low);
      this.byte(low | 0x80);
    }
  }

  f32(value: number): this {
    return this.bytes(new Uint8Array(new Float32Array([value]).buffer));
  }

  f64(value: number): this {
    return this.bytes(new Uint8Array(new Float64Array([value]).buffer));
  }

  /** A length-prefixed UTF-8 name. */
  name(text: string): this {
    const bytes = new TextEncoder().encode(text);
    return this.u32(bytes.length).bytes(bytes);
  }

  /** Another writer's content, prefixed by its length in bytes. */
  sized(inner: ByteWriter): this {
    return this.u32(inner.length).bytes(inner.view());
  }

  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** Value types of the binary format. */
export const WASM_TYPE = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;
export type WasmType = keyof typeof WASM_TYPE;

export interface Signature {
  readonly params: readonly WasmType[];
  readonly results: readonly WasmType[];
}

export interface ImportedFunction extends Signature {
  readonly module: string;
  readonly name: string;
}

export interface DefinedFunction extends Signature {
  /** Local variables beyond the parameters. */
  readonly locals: readonly WasmType[];
  /** Instructions, the closing `end` included. */
  readonly code: ByteWriter;
  /** Exported under this name, if given. */
  readonly exportAs?: string;
}

export interface ModuleSpec {
  /** The imported memory (`env.memory`). A shared memory declares its maximum. */
  readonly memory: { readonly shared: boolean; readonly maxPages: number };
  readonly imports: readonly ImportedFunction[];
  readonly functions: readonly DefinedFunction[];
}

export const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const;

/** The bytes of a module. Function indices count imports first, then definitions, in order. */
export function assembleModule(spec: ModuleSpec): Bytes {
  const types = new TypeTable();
  const importTypes = spec.imports.map((fn) => types.index(fn));
  const functionTypes = spec.functions.map((fn) => types.index(fn));
  const out = new ByteWriter().bytes([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  section(out, SECTION.type, types.vector());

  const imports = new ByteWriter()
    .u32(spec.imports.length + 1)
    .name('env')
    .name('memory')
    .byte(2);
  imports.byte(spec.memory.shared ? 3 : 0).u32(1);
  if (spec.memory.shared) imports.u32(spec.memory.maxPages);
  spec.imports.forEach((fn, i) => imports.name(fn.module).name(fn.name).byte(0).u32(importTypes[i]!));
  section(out, SECTION.import, imports);

  const functions = new ByteWriter().u32(functionTypes.length);
  for (const type of functionTypes) functions.u32(type);
  section(out, SECTION.function, functions);

  const exported = spec.functions.flatMap((fn, i) => (fn.exportAs === undefined ? [] : [[fn.exportAs, i] as const]));
  const exports = new ByteWriter().u32(exported.length);
  for (const [name, i] of exported)
    exports
      .name(name)
      .byte(0)
      .u32(spec.imports.length + i);
  section(out, SECTION.export, exports);

  const code = new ByteWriter().u32(spec.functions.length);
  for (const fn of spec.functions) code.sized(functionBody(fn));
  section(out, SECTION.code, code);
  return out.view().slice();
}

function section(out: ByteWriter, id: number, content: ByteWriter): void {
  out.byte(id).sized(content);
}

function functionBody(fn: DefinedFunction): ByteWriter {
  const runs: [WasmType, number][] = []; // neighbouring locals of one type are declared together
  for (const type of fn.locals) {
    const last = runs.at(-1);
    if (last?.[0] === type) last[1]++;
    else runs.push([type, 1]);
  }
  const body = new ByteWriter().u32(runs.length);
  for (const [type, count] of runs) body.u32(count).byte(WASM_TYPE[type]);
  return body.bytes(fn.code.view());
}

/** Numbers each distinct signature once. */
class TypeTable {
  readonly #keys = new Map<string, number>();
  readonly #content = new ByteWriter();

  index(signature: Signature): number {
    const key = `${signature.params.join()}:${signature.results.join()}`;
    const known = this.#keys.get(key);
    if (known !== undefined) return known;
    this.#content.byte(0x60).u32(signature.params.length);
    for (const type of signature.params) this.#content.byte(WASM_TYPE[type]);
    this.#content.u32(signature.results.length);
    for (const type of signature.results) this.#content.byte(WASM_TYPE[type]);
    this.#keys.set(key, this.#keys.size);
    return this.#keys.size - 1;
  }

  vector(): ByteWriter {
    return new ByteWriter().u32(this.#keys.size).bytes(this.#content.view());
  }
}
