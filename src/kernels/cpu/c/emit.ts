/**
 * Emits a kernel of the loop language as C for GCC and Clang, with their vector extensions: what `wasm/emit.ts` does, from
 * the same trees and with the same meaning (wrapping integers, saturating casts, unfused scalar arithmetic). No
 * optimisation happens here; the C compiler does it.
 *
 * Memory is one array of bytes, `mem`; 32-bit addresses of the language are offsets into it. Measured traps: every variable
 * stays a named one (GCC keeps arrays of accumulators in memory, five times slower), and splats are written
 * `{s, s, …}`.
 */
import { InternalError } from '../../../base/errors.ts';
import { elementOf, isNarrow, isPacked, isVector, type Expr, type Fn, type Local, type Stmt, type Target, type ValueType } from '../ir.ts';
import type { Kernel } from '../kernel.ts';
import { helperText, TRAP_DECLARATION, typePrelude } from './helpers.ts';

/** What kernels need of the compiler besides its optimisation level: the language's arithmetic. */
export const C_FLAGS: readonly string[] = [
  '-std=c11',
  '-fwrapv',
  '-ffp-contract=off',
  '-fno-math-errno',
  '-fno-trapping-math',
  '-fno-strict-aliasing',
];

/** A function's text but for names: what stands before its name, and after it, where `@3` is the kernel's fourth function. */
interface FunctionText {
  readonly label: string;
  readonly head: string;
  readonly rest: string;
}

/** A kernel as C, not yet part of a translation unit. */
export interface EmittedKernel {
  readonly target: Target;
  /** Helpers and declarations that it needs, by name. */
  readonly helpers: ReadonlyMap<string, string>;
  readonly functions: readonly FunctionText[];
  readonly entry: number;
}

/** What a kernel's code is made of: two of the same text are the same code. */
export const identityOf = ({ target, helpers, functions, entry }: EmittedKernel): string =>
  [typePrelude(target), ...helpers.values(), ...functions.flatMap(({ head, rest }) => [head, rest]), entry].join('\n');

export function emitKernel(kernel: Kernel, target: Target): EmittedKernel {
  const emitter = new KernelEmitter(target, kernel.functions);
  const functions = kernel.functions.map((fn) => emitter.define(fn, fn === kernel.entry));
  return { target, helpers: emitter.helpers, functions, entry: kernel.functions.indexOf(kernel.entry) };
}

/**
 * The text of a translation unit with several kernels of one target. For each it exports, under the symbol that it is
 * given, `int symbol(u8 *mem, i32 args, i32 lo, i32 hi, i32 scratch)`, which returns 0, or 1 after a division by zero, 2
 * after one whose result does not fit, 3 after a trap. Functions that kernels have in common are there once.
 */
export function emitUnit(kernels: ReadonlyMap<string, EmittedKernel>): string {
  const all = [...kernels.values()];
  const helpers = new Map(all.flatMap((kernel) => [...kernel.helpers]));
  const bodies: string[] = [];
  const known = new Map<string, string>();
  for (const [symbol, { functions, entry }] of kernels) {
    const names: string[] = [];
    for (const { label, head, rest } of functions) {
      const text = rest.replaceAll(/@(\d+)/g, (_, i: string) => names[Number(i)]!);
      let name = known.get(head + text);
      if (name === undefined) {
        known.set(head + text, (name = `${label}_f${known.size}`));
        bodies.push(`${head}${name}${text}`);
      }
      names.push(name);
    }
    const traps = [...kernels.get(symbol)!.helpers.values()].some((text) => text.includes('trapped'));
    bodies.push(
      `__attribute__((visibility("default")))\nint ${symbol}(u8 *restrict mem, i32 args, i32 lo, i32 hi, i32 scratch) {\n`,
      `  ${names[entry]!}(mem, args, lo, hi, scratch);\n`,
      traps ? '  int failed = trapped;\n  trapped = 0;\n  return failed;\n}\n' : '  return 0;\n}\n',
    );
  }
  return [typePrelude(all[0]!.target), TRAP_DECLARATION, ...helpers.values(), ...bodies].join('');
}

/** A translation unit with one kernel, called `entry`. */
export const emitC = (kernel: Kernel, target: Target): string => emitUnit(new Map([['entry', emitKernel(kernel, target)]]));

/** A vector loaded into a variable. */
const isOperandLoad = (stmt: Stmt): stmt is Stmt & { kind: 'set' } =>
  stmt.kind === 'set' && isVector(stmt.local.type) && ['load', 'loadSplat'].includes(stmt.value.node.kind);

const INFIX: Readonly<Record<string, string>> = { add: '+', sub: '-', mul: '*', and: '&', or: '|', xor: '^' };
const ORDER: Readonly<Record<string, string>> = {
  eq: '==',
  ne: '!=',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
  ltU: '<',
  geU: '>=',
};
const isFloat = (type: ValueType): boolean => type.startsWith('f');

/** One kernel: the helpers and library functions used so far, and the numbers of its functions. */
class KernelEmitter {
  readonly helpers = new Map<string, string>();
  readonly #target: Target;
  readonly #functions: readonly Fn[];
  #inEntry = false;

  constructor(target: Target, functions: readonly Fn[]) {
    this.#target = target;
    this.#functions = functions;
  }

  define(fn: Fn, inline: boolean): FunctionText {
    this.#inEntry = inline;
    const params = fn.args.map((local) => `${local.type} ${variable(local)}`);
    const locals = fn.locals
      .slice(fn.params.length)
      .map((local) => `  ${local.type} ${variable(local)} = ${isVector(local.type) ? '{0}' : '0'};\n`);
    // Micro-kernels stay functions of their own: inlined, they would share registers with the loops around them.
    const attributes = inline ? 'static inline' : 'static __attribute__((noinline))';
    const signature = `(${['u8 *restrict mem', ...params].join(', ')}) {\n`;
    const rest = [signature, ...locals, ...fn.body.map((stmt) => this.#stmt(stmt, '  ')), '}\n'].join('');
    return { label: identifier(fn.name), head: `${attributes} void `, rest };
  }

  #block(body: readonly Stmt[], indent: string): string {
    const inner = `${indent}  `;
    const hot = body.some((stmt) => stmt.kind === 'set' && stmt.value.node.kind.startsWith('fma'));
    const text = (stmt: Stmt): string =>
      this.#stmt(stmt, inner) + (hot && isOperandLoad(stmt) ? `${inner}KEEP(${variable(stmt.local)});\n` : '');
    return `{\n${body.map(text).join('')}${indent}}`;
  }

  #stmt(stmt: Stmt, indent: string): string {
    switch (stmt.kind) {
      case 'set':
        return `${indent}${variable(stmt.local)} = ${this.#expr(stmt.value)};\n`;
      case 'store': {
        const given = this.#expr(stmt.value);
        const value = isNarrow(stmt.mem) ? `(${stmt.mem})${given}` : isPacked(stmt.mem) ? this.#helper(`pack_${stmt.mem}`, given) : given;
        return `${indent}${this.#memory(stmt.mem, stmt.ptr, stmt.offset)} = ${value};\n`;
      }
      case 'for': {
        const i = variable(stmt.local);
        const head = `for (${i} = ${this.#expr(stmt.from)}; ${i} < ${this.#expr(stmt.to)}; ${i} += ${stmt.step})`;
        return `${indent}${head} ${this.#block(stmt.body, indent)}\n`;
      }
      case 'while':
        return `${indent}while (${this.#expr(stmt.cond)}) ${this.#block(stmt.body, indent)}\n`;
      case 'if': {
        const otherwise = stmt.else.length > 0 ? ` else ${this.#block(stmt.else, indent)}` : '';
        return `${indent}if (${this.#expr(stmt.cond)}) ${this.#block(stmt.then, indent)}${otherwise}\n`;
      }
      case 'trap':
        return `${indent}${this.#trap()}\n`;
      case 'prefetch':
        return `${indent}__builtin_prefetch(&${this.#memory('u8', stmt.ptr, 0)}, ${stmt.write ? 1 : 0}, 2);\n`;
      case 'stream':
        return `${indent}${this.#helper('STREAM', `&${this.#memory('f32v', stmt.ptr, 0)}`, this.#expr(stmt.value))};\n`;
      case 'drain':
        return `${indent}${this.#helper('DRAIN')};\n`;
      case 'call':
        return `${indent}@${this.#functions.indexOf(stmt.fn)}(${['mem', ...stmt.args.map((arg) => this.#expr(arg))].join(', ')});\n`;
    }
  }

  /** Leaves the entry, which says so; another function would only go back to it. */
  #trap(): string {
    if (!this.#inEntry) throw new InternalError('c: only the entry of a kernel may trap');
    this.helpers.set('TRAP', '#define TRAP { trapped = 3; return; }\n');
    return 'TRAP';
  }

  /** A place in memory, of any alignment. */
  #memory(mem: string, ptr: Expr, offset: number, index?: Expr): string {
    const type = mem === 'u8' || mem === 's8' ? mem : `${mem}_m`;
    if (index === undefined) return `AT(${type}, ${this.#expr(ptr)}, ${offset})`;
    return `AT_INDEX(${type}, ${this.#expr(ptr)}, ${this.#expr(index)}, ${offset})`;
  }

  /** A call of a helper, which is added to the unit. */
  #helper(name: string, ...args: string[]): string {
    if (!this.helpers.has(name)) {
      const text = helperText(name, this.#target);
      if (text === undefined) throw new InternalError(`c: no operation ${name}`);
      this.helpers.set(name, text);
    }
    return `${name}(${args.join(', ')})`;
  }

  #expr(expr: Expr): string {
    const { node, type } = expr;
    switch (node.kind) {
      case 'const':
        return literal(type, node.value);
      case 'local':
        return variable(expr as Local);
      case 'binary':
        return this.#binary(type, node);
      case 'compare':
        return this.#compare(type, node);
      case 'unary':
        return this.#unary(node);
      case 'fma':
        return this.#fma(type, node);
      case 'fmaHalves':
        return this.#helper('fma_halves', this.#expr(node.a), this.#expr(node.b), this.#expr(node.c));
      case 'select':
        return this.#select(type, node);
      case 'cast':
        return this.#cast(node.a, type);
      case 'bits':
        return isVector(type) ? `(${type})${this.#expr(node.a)}` : this.#helper(`bits_${node.a.type}_${type}`, this.#expr(node.a));
      case 'load': {
        const place = this.#memory(node.mem, node.ptr, node.offset);
        return isNarrow(node.mem) ? `(i32)${place}` : isPacked(node.mem) ? this.#helper(`unpack_${node.mem}`, place) : place;
      }
      case 'loadSplat':
        return this.#helper(`splat_${type}`, this.#memory(elementOf(type), node.ptr, node.offset, node.index));
      case 'splat':
        return this.#helper(`splat_${type}`, this.#expr(node.a));
      case 'lane':
        return `((${node.a.type})${this.#expr(node.a)})[${node.index}]`;
      case 'shuffle':
        return `__builtin_shufflevector(${[this.#expr(node.a), this.#expr(node.b), ...node.lanes].join(', ')})`;
      case 'either':
        return this.#helper(
          node.native,
          ...[node.a, ...(node.b === undefined ? [] : [node.b]), node.otherwise].map((part) => this.#expr(part)),
        );
      case 'math':
        return this.#math(node);
    }
  }

  #binary(type: ValueType, { op, a, b }: Expr['node'] & { kind: 'binary' }): string {
    const [x, y] = [this.#expr(a), this.#expr(b)];
    const sign = INFIX[op];
    if (sign !== undefined && !(isFloat(type) && '&|^'.includes(sign))) return `(${x} ${sign} ${y})`;
    if (op === 'div' && isFloat(type)) return `(${x} / ${y})`;
    const harmless = b.node.kind === 'const' && Number(b.node.value) > 0; // cannot trap
    if (harmless && (op === 'div' || op === 'rem')) return `(${x} ${op === 'div' ? '/' : '%'} ${y})`;
    return this.#helper(`${op}_${type}`, x, y);
  }

  #compare(type: ValueType, { op, a, b }: Expr['node'] & { kind: 'compare' }): string {
    const unsigned = op.endsWith('U') ? `(u${a.type.slice(1)})` : '';
    return `(${type})(${unsigned}${this.#expr(a)} ${ORDER[op]!} ${unsigned}${this.#expr(b)})`;
  }

  #unary({ op, a }: Expr['node'] & { kind: 'unary' }): string {
    const x = this.#expr(a);
    if (op === 'eqz') return `(i32)(${x} == 0)`;
    if (op === 'not') return `(~${x})`;
    if (op === 'neg') return `(-${x})`;
    return this.#helper(`${op}_${a.type}`, x);
  }

  /** Fused for vectors of a target that fuses, as in WebAssembly; scalars multiply, then add. */
  #fma(type: ValueType, { a, b, c }: Expr['node'] & { kind: 'fma' }): string {
    const [x, y, z] = [this.#expr(a), this.#expr(b), this.#expr(c)];
    if (isVector(type) && this.#target.fusedMultiplyAdd) return this.#helper(`fma_${type}`, x, y, z);
    return `(${z} + ${x} * ${y})`;
  }

  #select(type: ValueType, { cond, a, b }: Expr['node'] & { kind: 'select' }): string {
    const [mask, x, y] = [this.#expr(cond), this.#expr(a), this.#expr(b)];
    return isVector(type) ? this.#helper(`select_${type}`, mask, x, y) : `(${mask} ? ${x} : ${y})`;
  }

  #cast(a: Expr, type: ValueType): string {
    const x = this.#expr(a);
    const plain = !isVector(type) && (!isFloat(a.type) || isFloat(type)); // C's own conversion is the language's
    return plain ? `(${type})${x}` : this.#helper(`cast_${a.type}_${type}`, x);
  }

  #math({ fn, args }: Expr['node'] & { kind: 'math' }): string {
    this.helpers.set(fn, `f64 ${fn}(${args.map(() => 'f64').join(', ')});\n`);
    return `${fn}(${args.map((arg) => this.#expr(arg)).join(', ')})`;
  }
}

/** Shipped kernels have 0 for names: tools/strip-names.mjs. */
const identifier = (name: string | number): string => String(name).replace(/^\d|\W/g, '_');
const variable = (local: Local): string => `${identifier((local.node as { name: string }).name)}_${local.index}`;

function literal(type: ValueType, value: number | bigint): string {
  if (type === 'i32') return `((i32)${Number(value) >>> 0}u)`;
  if (type === 'i64') return `((i64)${BigInt.asUintN(64, BigInt(value))}ull)`;
  const number = type === 'f32' ? Math.fround(Number(value)) : Number(value);
  const f = type === 'f32' ? 'f' : '';
  if (Number.isNaN(number)) return `__builtin_nan${f}("")`;
  if (!Number.isFinite(number)) return `(${number < 0 ? '-' : ''}__builtin_inf${f}())`;
  const text = Object.is(number, -0) ? '-0.0' : String(number);
  return `(${/[.e]/.test(text) ? text : `${text}.0`}${f})`;
}
