/**
 * The language in which operations say what they compute: pure expressions of one element. Every device expands them in its own
 * way (`cpu/elementwise/expand.ts` into loops of vectors), so nothing here knows of memory, loops or registers.
 *
 * Formulas are graphs: a node that is used twice is computed once. Constants take the type of what they are combined with. What a
 * node means at the edges (NaN, infinities, the smallest whole number) is PyTorch's, and `test/kernels/formula-reference.ts`
 * has it in plain numbers.
 */
import { InternalError } from '../../base/errors.ts';

/** Whole numbers wrap around. */
export type NumberType = 'f32' | 'f64' | 'i32' | 'i64';
export type FormulaType = NumberType | 'bool';

const FLOAT: readonly FormulaType[] = ['f32', 'f64'];
const WHOLE: readonly FormulaType[] = ['i32', 'i64'];
const NUMBER: readonly FormulaType[] = [...FLOAT, ...WHOLE];
const LOGIC: readonly FormulaType[] = [...WHOLE, 'bool'];

/** What takes one operand, and the types that it takes. */
export const UNARY = {
  neg: NUMBER,
  abs: NUMBER,
  /** -1, 0 or 1; NaN gives 0 */
  sign: NUMBER,
  sqrt: FLOAT,
  floor: FLOAT,
  ceil: FLOAT,
  trunc: FLOAT,
  /** halves to even */
  nearest: FLOAT,
  /** of all bits */
  not: LOGIC,
  isnan: NUMBER,
  isinf: NUMBER,
  isfinite: NUMBER,
} as const;

/** What takes two operands of one type. */
export const BINARY = {
  add: NUMBER,
  sub: NUMBER,
  mul: NUMBER,
  div: FLOAT,
  /** NaN wins */
  min: NUMBER,
  max: NUMBER,
  /** b < a ? b : a */
  pmin: NUMBER,
  /** a < b ? b : a */
  pmax: NUMBER,
  and: LOGIC,
  or: LOGIC,
  xor: LOGIC,
  /** by as many bits as b says, at least 0 and fewer than there are */
  shl: WHOLE,
  shr: WHOLE,
  /** shifts zeros in */
  shrU: WHOLE,
  /** C's %: the sign of a, exact. Whole numbers cannot be divided by 0, here and in the next two. */
  fmod: NUMBER,
  /** Python's %: the sign of b */
  remainder: NUMBER,
  /** Python's // */
  floorDivide: NUMBER,
  /** C's pow; whole numbers to negative powers are 0, unless a is 1 or -1 */
  pow: NUMBER,
  atan2: FLOAT,
  /** |a| with the sign of b */
  copysign: FLOAT,
} as const;

/** Functions of floats; devices compute them within a few units in the last place. */
export const MATHEMATICS = [
  'exp', 'expm1', 'log', 'log1p', 'log2', 'log10', 'sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'sinh', 'cosh', 'tanh',
  'erf', 'sigmoid',
] as const; // prettier-ignore

export type FormulaUnary = keyof typeof UNARY;
export type FormulaBinary = keyof typeof BINARY;
export type FormulaMath = (typeof MATHEMATICS)[number];
export type FormulaCompare = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge';

export type FormulaNode =
  /** An operand, one element for each place. */
  | { readonly kind: 'input'; readonly index: number }
  /** A number that is given with every call. */
  | { readonly kind: 'scalar'; readonly index: number }
  | { readonly kind: 'const'; readonly value: number }
  | { readonly kind: 'unary'; readonly op: FormulaUnary; readonly a: Formula }
  | { readonly kind: 'binary'; readonly op: FormulaBinary; readonly a: Formula; readonly b: Formula }
  | { readonly kind: 'compare'; readonly op: FormulaCompare; readonly a: Formula; readonly b: Formula }
  /** a·b + c: rounded once where the machine does that, or twice */
  | { readonly kind: 'fma'; readonly a: Formula; readonly b: Formula; readonly c: Formula }
  /** a where the condition holds, else b; both are computed, so neither may fail */
  | { readonly kind: 'select'; readonly cond: Formula; readonly a: Formula; readonly b: Formula }
  /** the value in another type: floats to whole numbers truncate, to bool everything but 0 is true, bool is 0 or 1 */
  | { readonly kind: 'cast'; readonly a: Formula }
  /** the same bits in a type of the same size */
  | { readonly kind: 'bits'; readonly a: Formula }
  | { readonly kind: 'math'; readonly fn: FormulaMath; readonly a: Formula };

export type FormulaOperand = Formula | number;

/** A node with its type. */
export class Formula {
  readonly type: FormulaType;
  readonly node: FormulaNode;

  constructor(type: FormulaType, node: FormulaNode) {
    this.type = type;
    this.node = node;
  }

  get isFloat(): boolean {
    return this.type === 'f32' || this.type === 'f64';
  }

  add(b: FormulaOperand): Formula {
    return this.binary('add', b);
  }
  sub(b: FormulaOperand): Formula {
    return this.binary('sub', b);
  }
  mul(b: FormulaOperand): Formula {
    return this.binary('mul', b);
  }
  div(b: FormulaOperand): Formula {
    return this.binary('div', b);
  }
  min(b: FormulaOperand): Formula {
    return this.binary('min', b);
  }
  max(b: FormulaOperand): Formula {
    return this.binary('max', b);
  }
  and(b: FormulaOperand): Formula {
    return this.binary('and', b);
  }
  or(b: FormulaOperand): Formula {
    return this.binary('or', b);
  }
  xor(b: FormulaOperand): Formula {
    return this.binary('xor', b);
  }
  pow(b: FormulaOperand): Formula {
    return this.binary('pow', b);
  }

  eq(b: FormulaOperand): Formula {
    return this.compare('eq', b);
  }
  ne(b: FormulaOperand): Formula {
    return this.compare('ne', b);
  }
  lt(b: FormulaOperand): Formula {
    return this.compare('lt', b);
  }
  le(b: FormulaOperand): Formula {
    return this.compare('le', b);
  }
  gt(b: FormulaOperand): Formula {
    return this.compare('gt', b);
  }
  ge(b: FormulaOperand): Formula {
    return this.compare('ge', b);
  }

  neg(): Formula {
    return this.unary('neg');
  }
  abs(): Formula {
    return this.unary('abs');
  }
  sqrt(): Formula {
    return this.unary('sqrt');
  }
  not(): Formula {
    return this.unary('not');
  }
  exp(): Formula {
    return this.math('exp');
  }
  log(): Formula {
    return this.math('log');
  }

  unary(op: FormulaUnary): Formula {
    this.#require(op, UNARY[op]);
    const predicate = op === 'isnan' || op === 'isinf' || op === 'isfinite';
    return new Formula(predicate ? 'bool' : this.type, { kind: 'unary', op, a: this });
  }

  /** To a whole number of the same type, which those of whole types are. */
  rounded(way: 'floor' | 'ceil' | 'trunc' | 'nearest'): Formula {
    return this.isFloat ? this.unary(way) : this;
  }

  binary(op: FormulaBinary, b: FormulaOperand): Formula {
    this.#require(op, BINARY[op]);
    return new Formula(this.type, { kind: 'binary', op, a: this, b: this.#beside(op, b) });
  }

  compare(op: FormulaCompare, b: FormulaOperand): Formula {
    this.#require(op, NUMBER);
    return new Formula('bool', { kind: 'compare', op, a: this, b: this.#beside(op, b) });
  }

  math(fn: FormulaMath): Formula {
    this.#require(fn, FLOAT);
    return new Formula(this.type, { kind: 'math', fn, a: this });
  }

  /** this·b + c */
  fma(b: FormulaOperand, c: FormulaOperand): Formula {
    this.#require('fma', FLOAT);
    return new Formula(this.type, { kind: 'fma', a: this, b: this.#beside('fma', b), c: this.#beside('fma', c) });
  }

  /** Of a condition: `a` where it holds, else `b`; one of them may be a plain number. */
  select(a: FormulaOperand, b: FormulaOperand): Formula {
    this.#require('select', ['bool']);
    const typed = typeof a === 'number' ? b : a;
    if (typeof typed === 'number') throw new InternalError('formula: select of two plain numbers');
    const [yes, no] = [typed.#beside('select', a), typed.#beside('select', b)];
    return new Formula(typed.type, { kind: 'select', cond: this, a: yes, b: no });
  }

  cast(type: FormulaType): Formula {
    return type === this.type ? this : new Formula(type, { kind: 'cast', a: this });
  }

  bits(type: NumberType): Formula {
    if (type === this.type) return this;
    if (BITS[this.type] !== type) throw new InternalError(`formula: the bits of ${this.type} as ${type}`);
    return new Formula(type, { kind: 'bits', a: this });
  }

  #require(op: string, types: readonly FormulaType[]): void {
    if (!types.includes(this.type)) throw new InternalError(`formula: ${op} takes ${types.join(', ')}, not ${this.type}`);
  }

  /** An operand next to this one. */
  #beside(op: string, b: FormulaOperand): Formula {
    const right = typeof b === 'number' ? constantOf(this.type, b) : b;
    if (right.type !== this.type) throw new InternalError(`formula: ${op} of ${this.type} and ${right.type}`);
    return right;
  }
}

const BITS: { readonly [T in FormulaType]?: NumberType } = { f32: 'i32', i32: 'f32', f64: 'i64', i64: 'f64' };

export const inputOf = (type: FormulaType, index: number): Formula => new Formula(type, { kind: 'input', index });

export const scalarOf = (type: FormulaType, index: number): Formula => new Formula(type, { kind: 'scalar', index });

/** A constant: of f32 the nearest one, of whole types a whole number, of bool 0 or 1. */
export const constantOf = (type: FormulaType, value: number): Formula => new Formula(type, { kind: 'const', value });

/** The nodes that a node is computed from. */
function partsOf({ node }: Formula): readonly Formula[] {
  switch (node.kind) {
    case 'input':
    case 'scalar':
    case 'const':
      return [];
    case 'unary':
    case 'math':
    case 'cast':
    case 'bits':
      return [node.a];
    case 'binary':
    case 'compare':
      return [node.a, node.b];
    case 'fma':
      return [node.a, node.b, node.c];
    case 'select':
      return [node.a, node.b, node.cond];
  }
}

/** All nodes of some formulas with how often each is used, the formulas themselves included; those used come before their users. */
export function usesOf(results: readonly Formula[]): ReadonlyMap<Formula, number> {
  const counts = new Map<Formula, number>();
  const order: Formula[] = [];
  const visit = (formula: Formula): void => {
    const before = counts.get(formula) ?? 0;
    counts.set(formula, before + 1);
    if (before > 0) return;
    partsOf(formula).forEach(visit);
    order.push(formula);
  };
  results.forEach(visit);
  return new Map(order.map((formula) => [formula, counts.get(formula)!]));
}
