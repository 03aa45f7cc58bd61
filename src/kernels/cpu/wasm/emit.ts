/**
 * Emits a kernel of the loop language as a WebAssembly module: one stack-machine instruction per tree node, one
 * structured loop per counted loop. No optimisation happens here; V8 and SpiderMonkey allocate registers.
 *
 * Known trap, measured: V8 hoists every load of a straight-line block and spills beyond about 15 live vectors, so
 * kernels keep their inner loops rolled and their tiles small (`Target.liveVectors`).
 */
import type { Bytes } from '../../../base/host-types.ts';
import { InternalError } from '../../../base/errors.ts';
import {
  isVector,
  type Expr,
  type ExprNode,
  type Fn,
  type MathFn,
  type MemType,
  type PackedType,
  type Stmt,
  type Target,
  type ValueType,
} from '../ir.ts';
import type { Kernel } from '../kernel.ts';
import { assembleModule, ByteWriter, type DefinedFunction, type ImportedFunction, type WasmType } from './assembler.ts';
import {
  BINARY,
  BITS,
  BITSELECT,
  CAST,
  COMPARE,
  CONST,
  EXTEND,
  EXTRACT,
  LOAD_SHORTS,
  LOAD_SPLAT,
  MEMORY,
  NARROW,
  RELAXED_MADD,
  SHUFFLE,
  SPLAT,
  UNARY,
} from './opcodes.ts';

export interface WasmOptions {
  /** Whether the memory is shared between threads. */
  readonly shared: boolean;
  readonly maxPages: number;
}

/** The module's bytes. It imports `env.memory` and the mathematical functions it uses, and exports `entry`. */
export function emitWasm(kernel: Kernel, target: Target, options: WasmOptions): Bytes {
  const imports: ImportedFunction[] = mathFunctions(kernel).map((name) => ({
    module: 'math',
    name,
    params: name === 'pow' || name === 'atan2' ? ['f64', 'f64'] : ['f64'],
    results: ['f64'],
  }));
  const index = new Map<Fn | string, number>();
  imports.forEach((fn, i) => index.set(fn.name, i));
  kernel.functions.forEach((fn, i) => index.set(fn, imports.length + i));
  const functions = kernel.functions.map((fn) => {
    const code = new FunctionEmitter(target, index).emit(fn);
    const params = fn.params.map(wasmType);
    const locals = fn.locals.slice(params.length).map((local) => wasmType(local.type));
    const defined: DefinedFunction = { params, results: [], locals, code };
    return fn === kernel.entry ? { ...defined, exportAs: 'entry' } : defined;
  });
  return assembleModule({ memory: options, imports, functions });
}

const wasmType = (type: ValueType): WasmType => (isVector(type) ? 'v128' : type);

class FunctionEmitter {
  readonly #out = new ByteWriter();
  readonly #target: Target;
  readonly #index: ReadonlyMap<Fn | string, number>;

  constructor(target: Target, index: ReadonlyMap<Fn | string, number>) {
    this.#target = target;
    this.#index = index;
  }

  emit(fn: Fn): ByteWriter {
    this.#block(fn.body);
    return this.#out.byte(0x0b);
  }

  /** Writes an instruction number; those above a byte carry their prefix in the high byte(s). */
  #op(code: number): ByteWriter {
    if (code < 0x100) return this.#out.byte(code);
    const prefix = code >= 0xfd00 ? 0xfd : 0xfc;
    return this.#out.byte(prefix).u32(code - prefix * 0x100);
  }

  #block(body: readonly Stmt[]): void {
    for (const stmt of body) this.#stmt(stmt);
  }

  #stmt(stmt: Stmt): void {
    const out = this.#out;
    switch (stmt.kind) {
      case 'set':
        this.#expr(stmt.value);
        out.byte(0x21).u32(stmt.local.index);
        return;
      case 'store':
        this.#expr(stmt.ptr);
        this.#expr(stmt.value);
        this.#op(memory(stmt.mem).store);
        out.u32(0).u32(stmt.offset);
        return;
      case 'for':
        this.#for(stmt);
        return;
      case 'while':
        out.bytes([0x02, 0x40, 0x03, 0x40]); // block, loop
        this.#expr(stmt.cond);
        out.bytes([0x45, 0x0d, 1]); // leave when the condition fails
        this.#block(stmt.body);
        out.bytes([0x0c, 0, 0x0b, 0x0b]);
        return;
      case 'if':
        this.#expr(stmt.cond);
        out.bytes([0x04, 0x40]);
        this.#block(stmt.then);
        if (stmt.else.length > 0) {
          out.byte(0x05);
          this.#block(stmt.else);
        }
        out.byte(0x0b);
        return;
      case 'trap':
        out.byte(0x00); // unreachable
        return;
      case 'prefetch':
      case 'stream': // of native targets
      case 'drain':
        return;
      case 'call':
        for (const arg of stmt.args) this.#expr(arg);
        out.byte(0x10).u32(this.#callee(stmt.fn));
    }
  }

  /** Tests at the bottom, so that a turn has one branch. */
  #for(stmt: Stmt & { kind: 'for' }): void {
    const out = this.#out;
    const { index } = stmt.local;
    this.#expr(stmt.from);
    out.byte(0x22).u32(index); // tee
    this.#expr(stmt.to);
    out.bytes([0x48, 0x04, 0x40, 0x03, 0x40]); // from < to ? loop
    this.#block(stmt.body);
    out.byte(0x20).u32(index).byte(CONST.i32).s32(stmt.step).byte(0x6a).byte(0x22).u32(index);
    this.#expr(stmt.to);
    out.bytes([0x48, 0x0d, 0, 0x0b, 0x0b]);
  }

  #callee(fn: Fn | string): number {
    const index = this.#index.get(fn);
    if (index === undefined) throw new InternalError(`wasm: unknown function ${typeof fn === 'string' ? fn : fn.name}`);
    return index;
  }

  #expr(expr: Expr): void {
    const out = this.#out;
    const { node, type } = expr;
    switch (node.kind) {
      case 'const':
        this.#constant(expr, node.value);
        return;
      case 'local':
        out.byte(0x20).u32(node.index);
        return;
      case 'binary':
        this.#binary(expr, node);
        return;
      case 'compare':
        this.#expr(node.a);
        this.#expr(node.b);
        this.#op(known(COMPARE[node.a.type][node.op], node.op, node.a.type));
        return;
      case 'unary':
        this.#expr(node.a);
        this.#op(known(UNARY[node.a.type][node.op], node.op, node.a.type));
        return;
      case 'fma':
        this.#fma(expr, node);
        return;
      case 'fmaHalves':
        throw new InternalError('wasm: no arithmetic of halves');
      case 'select':
        this.#expr(node.a);
        this.#expr(node.b);
        this.#expr(node.cond);
        this.#op(isVector(type) ? BITSELECT : 0x1b);
        return;
      case 'cast':
        this.#expr(node.a);
        this.#op(known(CAST[`${node.a.type}>${type}`], 'cast', `${node.a.type}>${type}`));
        return;
      case 'bits':
        this.#expr(node.a);
        if (!isVector(type)) this.#op(known(BITS[`${node.a.type}>${type}`], 'bits', `${node.a.type}>${type}`));
        return;
      case 'load':
        this.#expr(node.ptr);
        this.#op(memory(node.mem).load).u32(0).u32(node.offset);
        return;
      case 'loadSplat':
        this.#expr(node.index === undefined ? node.ptr : node.ptr.add(node.index));
        this.#op(LOAD_SPLAT[type as 'f32v'])
          .u32(0)
          .u32(node.offset);
        return;
      case 'splat':
        this.#expr(node.a);
        this.#op(SPLAT[type as 'f32v']);
        return;
      case 'lane':
        this.#expr(node.a);
        this.#op(EXTRACT[node.a.type as 'f32v']).byte(node.index);
        return;
      case 'shuffle':
        this.#expr(node.a);
        this.#expr(node.b);
        this.#shuffle(type, node.lanes);
        return;
      case 'either':
        this.#either(node);
        return;
      case 'math':
        for (const arg of node.args) this.#expr(arg);
        out.byte(0x10).u32(this.#callee(node.fn));
    }
  }

  /** Bytes and elements of 16 bits have instructions here, halves and powers of two have none. */
  #either({ native, a, otherwise }: Expr['node'] & { kind: 'either' }): void {
    if (native.endsWith('HALVES') || native === 'SCALED') {
      this.#expr(otherwise);
      return;
    }
    if (native === 'SHORTS') {
      const { ptr, offset } = a.node as ExprNode & { kind: 'load' };
      this.#expr(ptr);
      this.#op(LOAD_SHORTS).u32(0).u32(offset);
      return;
    }
    this.#expr(a);
    if (native === 'BYTES') {
      for (const code of [SPLAT.i32v, EXTEND.bytes, EXTEND.shorts]) this.#op(code);
      return;
    }
    const bytes = native === 'PACK_BYTES';
    for (const code of bytes ? [NARROW.shorts, NARROW.bytes] : [NARROW.shorts]) {
      this.#expr(a); // what the second operand becomes nobody reads
      this.#op(code);
    }
    this.#op(bytes ? EXTRACT.i32v : EXTRACT.i64v).byte(0);
  }

  #constant(expr: Expr, value: number | bigint): void {
    const out = this.#out;
    if (expr.type === 'i32') out.byte(CONST.i32).s32(Number(value));
    else if (expr.type === 'i64') out.byte(CONST.i64).s64(BigInt(value));
    else if (expr.type === 'f32') out.byte(CONST.f32).f32(Number(value));
    else out.byte(CONST.f64).f64(Number(value));
  }

  /** Scalars have no pmin/pmax instruction; both are a compare and a select with the same NaN rule (b < a ? b : a). */
  #binary(expr: Expr, node: Expr['node'] & { kind: 'binary' }): void {
    if ((node.op === 'pmin' || node.op === 'pmax') && !isVector(expr.type)) {
      const smaller = node.op === 'pmin' ? node.b.lt(node.a) : node.a.lt(node.b);
      this.#expr(smaller.select(node.b, node.a));
      return;
    }
    this.#expr(node.a);
    this.#expr(node.b);
    this.#op(known(BINARY[expr.type][node.op], node.op, expr.type));
  }

  #fma(expr: Expr, node: Expr['node'] & { kind: 'fma' }): void {
    if (this.#target.fusedMultiplyAdd && (expr.type === 'f32v' || expr.type === 'f64v')) {
      this.#expr(node.a);
      this.#expr(node.b);
      this.#expr(node.c);
      this.#op(RELAXED_MADD[expr.type]);
      return;
    }
    this.#expr(node.c);
    this.#expr(node.a);
    this.#expr(node.b);
    this.#op(BINARY[expr.type].mul!);
    this.#op(BINARY[expr.type].add!);
  }

  #shuffle(type: ValueType, picked: readonly number[]): void {
    const bytes = type === 'f64v' || type === 'i64v' ? 8 : 4;
    this.#op(SHUFFLE);
    for (const lane of picked) for (let i = 0; i < bytes; i++) this.#out.byte(lane * bytes + i);
  }
}

function known(code: number | undefined, op: string, type: string): number {
  if (code === undefined) throw new InternalError(`wasm: no instruction for ${op} on ${type}`);
  return code;
}

/** Packed types are native targets' only. */
const memory = (mem: MemType): (typeof MEMORY)['u8'] => MEMORY[mem as Exclude<MemType, PackedType>];

/** Names of the mathematical functions that a kernel calls. */
function mathFunctions(kernel: Kernel): MathFn[] {
  const found = new Set<MathFn>();
  const visitExpr = (expr: Expr): void => {
    const { node } = expr;
    if (node.kind === 'math') {
      found.add(node.fn);
      node.args.forEach(visitExpr);
      return;
    }
    if ('a' in node) visitExpr(node.a);
    if ('b' in node) visitExpr(node.b);
    if ('c' in node) visitExpr(node.c);
    if ('cond' in node) visitExpr(node.cond);
    if ('ptr' in node) visitExpr(node.ptr);
  };
  const visit = (stmt: Stmt): void => {
    if ('value' in stmt) visitExpr(stmt.value);
    if ('ptr' in stmt) visitExpr(stmt.ptr);
    if ('cond' in stmt) visitExpr(stmt.cond);
    if ('from' in stmt) visitExpr(stmt.from);
    if ('to' in stmt) visitExpr(stmt.to);
    if ('args' in stmt) stmt.args.forEach(visitExpr);
    if ('body' in stmt) stmt.body.forEach(visit);
    if ('then' in stmt) [...stmt.then, ...stmt.else].forEach(visit);
  };
  for (const fn of kernel.functions) fn.body.forEach(visit);
  return [...found];
}
