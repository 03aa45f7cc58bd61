/**
 * The loop language that CPU kernels are written in: typed expressions, loads and stores, counted loops, local functions.
 *
 * It is deliberately small: everything a convolution needs and nothing a compiler has to be clever about. It is not an
 * optimiser: what is written is what is emitted, once as WebAssembly bytes (`wasm/emit.ts`) and, from the same tree, as C
 * for native targets. Kernels are parameterised by the {@link Target}'s vector width; a type ending in `v` is one full
 * vector register of it.
 */
import { InternalError } from '../../base/errors.ts';

export type ScalarType = 'i32' | 'i64' | 'f32' | 'f64';
export type VectorType = 'f32v' | 'f64v' | 'i32v' | 'i64v';
export type ValueType = ScalarType | VectorType;
/** What lies in memory. Elements of 8 and 16 bits load into i32, extended by their sign or by zeros. */
export type NarrowType = 'u8' | 's8' | 'u16' | 's16';
export type MemType = ValueType | NarrowType | PackedType;
/** Elements of 16 bits side by side, as many as a register of more than 16 bytes has lanes: they load into i32v, halves (`f16h`) into f32v. Only native targets have them. */
export type PackedType = 'u16h' | 's16h' | 'f16h';

const NARROW: ReadonlySet<MemType> = new Set<NarrowType>(['u8', 's8', 'u16', 's16']);
export const isNarrow = (mem: MemType): mem is NarrowType => NARROW.has(mem);
export const isPacked = (mem: MemType): mem is PackedType => mem.endsWith('h');

/** What a kernel may assume of the machine. */
export interface Target {
  /** Names the emitter and its flags; part of every kernel's cache key. */
  readonly name: string;
  /** Bytes of one vector register. */
  readonly vectorBytes: number;
  /** Whether `fma` is one fused instruction (one rounding) rather than multiply then add. */
  readonly fusedMultiplyAdd: boolean;
  /** Vector accumulators that stay in registers: a kernel's tile holds at most this many live vectors. */
  readonly liveVectors: number;
  /** Whether it multiplies and adds vectors of halves, twice as many as of singles (`fmaHalves`). */
  readonly halves?: boolean;
}

/** The same machine with vectors of at most so many bytes: 16 for kernels that are written for four lanes. */
export const narrowed = (target: Target, bytes = 16): Target =>
  target.vectorBytes <= bytes ? target : { ...target, name: `${target.name}/${bytes}`, vectorBytes: bytes };

export const lanes = (target: Target, type: 'f32' | 'f64' | 'i32' | 'i64'): number =>
  target.vectorBytes / (type === 'f32' || type === 'i32' ? 4 : 8);

export type BinaryOp =
  | 'add' | 'sub' | 'mul' | 'div' | 'rem' | 'divU' | 'remU'
  | 'min' | 'max' | 'pmin' | 'pmax' | 'copysign'
  | 'and' | 'or' | 'xor' | 'shl' | 'shr' | 'shrU'; // prettier-ignore
export type CompareOp = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge' | 'ltU' | 'geU';
export type UnaryOp = 'neg' | 'abs' | 'sqrt' | 'floor' | 'ceil' | 'trunc' | 'nearest' | 'not' | 'eqz';
/** Double-precision functions of the host's mathematical library. */
export type MathFn =
  | 'exp' | 'expm1' | 'log' | 'log1p' | 'log2' | 'log10' | 'sin' | 'cos' | 'tan' | 'tanh' | 'pow' | 'atan2'
  | 'asin' | 'acos' | 'atan' | 'sinh' | 'cosh'; // prettier-ignore

/**
 * Four halves in i64 as f32v and back, four bytes in i32 as i32v and back, four elements of 16 bits loaded as i64 as i32v, extended by their
 * sign, and back from lanes whose upper halves are zeros.
 */
export type Native = 'HALVES' | 'PACK_HALVES' | 'BYTES' | 'PACK_BYTES' | 'SHORTS' | 'PACK_SHORTS' | 'SCALED';

export type ExprNode =
  | { readonly kind: 'const'; readonly value: number | bigint }
  | { readonly kind: 'local'; readonly index: number; readonly name: string }
  | { readonly kind: 'binary'; readonly op: BinaryOp; readonly a: Expr; readonly b: Expr }
  | { readonly kind: 'compare'; readonly op: CompareOp; readonly a: Expr; readonly b: Expr }
  | { readonly kind: 'unary'; readonly op: UnaryOp; readonly a: Expr }
  /** a·b + c */
  | { readonly kind: 'fma'; readonly a: Expr; readonly b: Expr; readonly c: Expr }
  /** the same of halves, two in each lane of i32v, rounded once; native targets' only */
  | { readonly kind: 'fmaHalves'; readonly a: Expr; readonly b: Expr; readonly c: Expr }
  /** a where the condition (i32, or a lane mask) holds, else b */
  | { readonly kind: 'select'; readonly cond: Expr; readonly a: Expr; readonly b: Expr }
  /** value conversion; float to integer truncates and saturates; the first half of a vector of singles becomes doubles, and the other way with zeros behind */
  | { readonly kind: 'cast'; readonly a: Expr }
  /** the same bits under another type of the same size */
  | { readonly kind: 'bits'; readonly a: Expr }
  | { readonly kind: 'load'; readonly mem: MemType; readonly ptr: Expr; readonly offset: number }
  /** one scalar from memory, `index` bytes (not negative) behind `ptr` where it is given, into every lane */
  | { readonly kind: 'loadSplat'; readonly ptr: Expr; readonly offset: number; readonly index: Expr | undefined }
  | { readonly kind: 'splat'; readonly a: Expr }
  | { readonly kind: 'lane'; readonly a: Expr; readonly index: number }
  /** lanes picked from the concatenation of a and b */
  | { readonly kind: 'shuffle'; readonly a: Expr; readonly b: Expr; readonly lanes: readonly number[] }
  | { readonly kind: 'math'; readonly fn: MathFn; readonly args: readonly Expr[] }
  /** what machines may have instructions for, of `a` and `b` (see `wasm/emit.ts`; in C the name of a macro that is given these and `otherwise`) */
  | { readonly kind: 'either'; readonly native: Native; readonly a: Expr; readonly b?: Expr; readonly otherwise: Expr };

const ELEMENT: Record<VectorType, ScalarType> = { f32v: 'f32', f64v: 'f64', i32v: 'i32', i64v: 'i64' };
const VECTOR: Record<ScalarType, VectorType> = { f32: 'f32v', f64: 'f64v', i32: 'i32v', i64: 'i64v' };

export const isVector = (type: ValueType): type is VectorType => type in ELEMENT;
export const elementOf = (type: ValueType): ScalarType => (isVector(type) ? ELEMENT[type] : type);
export const vectorOf = (type: ScalarType): VectorType => VECTOR[type];

type Operand = Expr | number;

/** A typed expression tree. Numbers on the right-hand side become constants of the left-hand side's type. */
export class Expr {
  readonly type: ValueType;
  readonly node: ExprNode;
  constructor(type: ValueType, node: ExprNode) {
    this.type = type;
    this.node = node;
  }

  add(b: Operand): Expr {
    return this.binary('add', b);
  }
  sub(b: Operand): Expr {
    return this.binary('sub', b);
  }
  mul(b: Operand): Expr {
    return this.binary('mul', b);
  }
  div(b: Operand): Expr {
    return this.binary('div', b);
  }
  rem(b: Operand): Expr {
    return this.binary('rem', b);
  }
  and(b: Operand): Expr {
    return this.binary('and', b);
  }
  or(b: Operand): Expr {
    return this.binary('or', b);
  }
  eq(b: Operand): Expr {
    return this.compare('eq', b);
  }
  ne(b: Operand): Expr {
    return this.compare('ne', b);
  }
  lt(b: Operand): Expr {
    return this.compare('lt', b);
  }
  le(b: Operand): Expr {
    return this.compare('le', b);
  }
  gt(b: Operand): Expr {
    return this.compare('gt', b);
  }
  ge(b: Operand): Expr {
    return this.compare('ge', b);
  }

  binary(op: BinaryOp, b: Operand): Expr {
    const right = operand(b, this.type);
    const shift = op === 'shl' || op === 'shr' || op === 'shrU'; // vectors shift by one scalar i32 count
    if (!shift && right.type !== this.type) throw new InternalError(`ir: ${op} of ${this.type} and ${right.type}`);
    const count = shift && isVector(this.type) ? operand(b, 'i32') : right;
    return folded(op, this, count) ?? new Expr(this.type, { kind: 'binary', op, a: this, b: count });
  }

  compare(op: CompareOp, b: Operand): Expr {
    const right = operand(b, this.type);
    if (right.type !== this.type) throw new InternalError(`ir: ${op} of ${this.type} and ${right.type}`);
    const mask = isVector(this.type) ? (this.type === 'f64v' || this.type === 'i64v' ? 'i64v' : 'i32v') : 'i32';
    return new Expr(mask, { kind: 'compare', op, a: this, b: right });
  }

  unary(op: UnaryOp): Expr {
    return new Expr(op === 'eqz' ? 'i32' : this.type, { kind: 'unary', op, a: this });
  }

  /** this·b + c, fused where the target fuses. */
  fma(b: Operand, c: Operand): Expr {
    return new Expr(this.type, { kind: 'fma', a: this, b: operand(b, this.type), c: operand(c, this.type) });
  }

  /** this·b + c of halves, two in each lane of i32v. */
  fmaHalves(b: Expr, c: Expr): Expr {
    return new Expr(this.type, { kind: 'fmaHalves', a: this, b, c });
  }

  /** Used as a condition: `a` where it holds, else `b`. */
  select(a: Expr, b: Operand): Expr {
    return new Expr(a.type, { kind: 'select', cond: this, a, b: operand(b, a.type) });
  }

  cast(type: ValueType): Expr {
    return type === this.type ? this : new Expr(type, { kind: 'cast', a: this });
  }

  bits(type: ValueType): Expr {
    return type === this.type ? this : new Expr(type, { kind: 'bits', a: this });
  }

  splat(): Expr {
    if (isVector(this.type)) throw new InternalError('ir: splat of a vector');
    return new Expr(VECTOR[this.type], { kind: 'splat', a: this });
  }

  lane(index: number): Expr {
    return new Expr(elementOf(this.type), { kind: 'lane', a: this, index });
  }

  shuffle(b: Expr, picked: readonly number[]): Expr {
    return new Expr(this.type, { kind: 'shuffle', a: this, b, lanes: picked });
  }
}

const operand = (value: Operand, type: ValueType): Expr => (typeof value === 'number' ? constant(type, value) : value);

/** A constant; a vector constant has the value in every lane. */
export function constant(type: ValueType, value: number | bigint): Expr {
  if (isVector(type)) return new Expr(type, { kind: 'splat', a: constant(ELEMENT[type], value) });
  return new Expr(type, { kind: 'const', value: type === 'i64' ? BigInt(value) : Number(value) });
}

export const i32 = (value: number): Expr => constant('i32', value);

/** Address arithmetic folds its neutral elements and constants, so that kernels can be written plainly. */
function folded(op: BinaryOp, a: Expr, b: Expr): Expr | undefined {
  if (a.type !== 'i32' || b.node.kind !== 'const') return undefined;
  const right = Number(b.node.value);
  if (right === 0 && (op === 'add' || op === 'sub')) return a;
  if (right === 1 && (op === 'mul' || op === 'div')) return a;
  if (a.node.kind !== 'const') return undefined;
  const left = Number(a.node.value);
  if (op === 'add') return i32(left + right);
  if (op === 'sub') return i32(left - right);
  if (op === 'mul') return i32(Math.imul(left, right));
  return undefined;
}

/** What an element of a type in memory is loaded as. */
const loadedAs = (mem: MemType): ValueType => (isNarrow(mem) ? 'i32' : mem === 'f16h' ? 'f32v' : isPacked(mem) ? 'i32v' : mem);

export const load = (mem: MemType, ptr: Expr, offset = 0): Expr => new Expr(loadedAs(mem), { kind: 'load', mem, ptr, offset });

/** With an index, native code adds it to the place as it loads; a sum of addresses may wrap around, so it is an addition of its own. */
export const loadSplat = (type: 'f32v' | 'f64v' | 'i32v', ptr: Expr, offset = 0, index?: Expr): Expr =>
  new Expr(type, { kind: 'loadSplat', ptr, offset, index });

/** What machines may have instructions for: see `Native`. It has the type of `otherwise`. `a` may be read twice. */
export const either = (native: Native, a: Expr, otherwise: Expr, b?: Expr): Expr =>
  new Expr(otherwise.type, { kind: 'either', native, a, ...(b && { b }), otherwise });

export const math = (fn: MathFn, ...args: Expr[]): Expr => new Expr('f64', { kind: 'math', fn, args });

export type Stmt =
  | { readonly kind: 'set'; readonly local: Local; readonly value: Expr }
  | { readonly kind: 'store'; readonly mem: MemType; readonly ptr: Expr; readonly value: Expr; readonly offset: number }
  | { readonly kind: 'for'; readonly local: Local; readonly from: Expr; readonly to: Expr; readonly step: number; readonly body: readonly Stmt[] } // prettier-ignore
  | { readonly kind: 'while'; readonly cond: Expr; readonly body: readonly Stmt[] }
  | { readonly kind: 'if'; readonly cond: Expr; readonly then: readonly Stmt[]; readonly else: readonly Stmt[] }
  | { readonly kind: 'call'; readonly fn: Fn; readonly args: readonly Expr[] }
  /** a hint that the cache line at a place, which need not exist, will be read or written soon; nothing in WebAssembly */
  | { readonly kind: 'prefetch'; readonly ptr: Expr; readonly write: boolean }
  /** stores a register of singles past the caches, at a whole multiple of its size; others see it after a `drain`. Native targets' only */
  | { readonly kind: 'stream'; readonly ptr: Expr; readonly value: Expr }
  | { readonly kind: 'drain' }
  /** ends the launch, and the plan that it is part of, with an error */
  | { readonly kind: 'trap' };

/** A mutable variable of a function; reads as an expression. */
export class Local extends Expr {
  readonly index: number;
  constructor(type: ValueType, index: number, name: string) {
    super(type, { kind: 'local', index, name });
    this.index = index;
  }
}

/** One function: parameters are its first locals. Functions return nothing; results go to memory. */
export class Fn {
  readonly name: string;
  readonly params: readonly ValueType[];
  readonly locals: Local[] = [];
  readonly body: Stmt[] = [];
  #block: Stmt[] = this.body;

  constructor(name: string, params: readonly (readonly [string, ValueType])[]) {
    this.name = name;
    this.params = params.map(([, type]) => type);
    for (const [label, type] of params) this.local(label, type);
  }

  /** The parameters as locals, in order. */
  get args(): readonly Local[] {
    return this.locals.slice(0, this.params.length);
  }

  /** A new variable; every type starts at zero. */
  local(name: string, type: ValueType): Local {
    const local = new Local(type, this.locals.length, name);
    this.locals.push(local);
    return local;
  }

  /** A new variable with a first value. */
  let(name: string, value: Expr): Local {
    const local = this.local(name, value.type);
    this.set(local, value);
    return local;
  }

  set(local: Local, value: Expr | number): void {
    const expr = operand(value, local.type);
    if (expr.type !== local.type) throw new InternalError(`ir: ${this.name}: set ${local.type} to ${expr.type}`);
    this.#block.push({ kind: 'set', local, value: expr });
  }

  /** local += value */
  inc(local: Local, value: Operand): void {
    this.set(local, local.add(value));
  }

  store(mem: MemType, ptr: Expr, value: Expr, offset = 0): void {
    if (value.type !== loadedAs(mem)) throw new InternalError(`ir: ${this.name}: store ${value.type} as ${mem}`);
    this.#block.push({ kind: 'store', mem, ptr, value, offset });
  }

  /** for (i = from; i < to; i += step), signed; `to` is evaluated on every turn, so pass a local or constant. */
  for(name: string, from: Operand, to: Operand, body: (i: Local) => void, step = 1): void {
    const i = this.local(name, 'i32');
    const inner = this.#nested(() => body(i));
    this.#block.push({ kind: 'for', local: i, from: operand(from, 'i32'), to: operand(to, 'i32'), step, body: inner });
  }

  while(cond: Expr, body: () => void): void {
    this.#block.push({ kind: 'while', cond, body: this.#nested(body) });
  }

  if(cond: Expr, then: () => void, otherwise: () => void = () => undefined): void {
    this.#block.push({ kind: 'if', cond, then: this.#nested(then), else: this.#nested(otherwise) });
  }

  call(fn: Fn, ...args: Operand[]): void {
    if (args.length !== fn.params.length) throw new InternalError(`ir: ${fn.name} takes ${fn.params.length} arguments`);
    this.#block.push({ kind: 'call', fn, args: args.map((arg, i) => operand(arg, fn.params[i]!)) });
  }

  /** Asks for a cache line ahead of time. */
  prefetch(ptr: Expr, write = false): void {
    this.#block.push({ kind: 'prefetch', ptr, write });
  }

  stream(ptr: Expr, value: Expr): void {
    this.#block.push({ kind: 'stream', ptr, value });
  }

  drain(): void {
    this.#block.push({ kind: 'drain' });
  }

  /** Ends the launch with an error. Only entries of kernels may: see `fault.ts`. */
  trap(): void {
    this.#block.push({ kind: 'trap' });
  }

  #nested(build: () => void): Stmt[] {
    const outer = this.#block;
    const block: Stmt[] = [];
    this.#block = block;
    try {
      build();
    } finally {
      this.#block = outer;
    }
    return block;
  }
}
