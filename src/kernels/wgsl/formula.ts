/** Formulas of one element (`kernels/formula`) as statements of WGSL. int64 is computed in 32 bits; there is no float64. */
import { InternalError } from '../../base/errors.ts';
import { usesOf, type Formula, type FormulaNode, type FormulaType } from '../formula/formula.ts';

/** The type that a formula's has in WGSL. */
export function typeOf(type: FormulaType): 'f32' | 'i32' | 'bool' {
  if (type === 'f64') throw new InternalError('wgsl: a formula in float64, which operations refuse before');
  return type === 'i64' ? 'i32' : type;
}

/** A number as a literal; what is not finite is made at run time, or compilers would refuse it. */
function literal(type: 'f32' | 'i32' | 'bool', value: number): string {
  if (type === 'bool') return value === 0 ? 'false' : 'true';
  if (type === 'i32') {
    const bounded = Math.trunc(Math.min(Math.max(value, -(2 ** 31)), 2 ** 31 - 1));
    return bounded === -(2 ** 31) ? 'bitcast<i32>(0x80000000u)' : `i32(${bounded})`;
  }
  const rounded = Math.fround(value);
  if (Number.isNaN(rounded)) return 'nan_()';
  if (!Number.isFinite(rounded)) return rounded > 0 ? 'inf_()' : '(-inf_())';
  return `${Object.is(rounded, -0) ? '-0' : rounded}f`.replace(/^-(.*)$/, '(-$1)');
}

/** A value in another type. */
export function converted(text: string, from: FormulaType, to: FormulaType): string {
  const [a, b] = [typeOf(from), typeOf(to)];
  if (a === b) return text;
  if (b === 'bool') return a === 'f32' ? `truth(${text})` : `(${text} != 0)`;
  if (a === 'bool') return b === 'f32' ? `select(0f, 1f, ${text})` : `select(0, 1, ${text})`;
  return `${b}(${text})`;
}

/** What the formulas read: an input by its number, a number given at run time by its own. */
export interface FormulaNames {
  readonly input: (index: number) => string;
  readonly scalar: (index: number, type: FormulaType) => string;
}

export interface FormulaText {
  /** What is to stand before. */
  readonly statements: string;
  /** The formulas' values, as expressions. */
  readonly values: readonly string[];
}

/** Formulas as text: each node is computed once, into a name that begins with `prefix`. */
export function formulaText(results: readonly Formula[], names: FormulaNames, prefix = 't'): FormulaText {
  const texts = new Map<Formula, string>();
  const statements: string[] = [];
  const of = (formula: Formula): string => texts.get(formula)!;
  for (const formula of usesOf(results).keys()) {
    const { node, type } = formula;
    if (node.kind === 'input') texts.set(formula, names.input(node.index));
    else if (node.kind === 'scalar') texts.set(formula, names.scalar(node.index, type));
    else if (node.kind === 'const') texts.set(formula, literal(typeOf(type), node.value));
    else {
      const name = `${prefix}${statements.length}`;
      statements.push(`let ${name} = ${nodeText(node, type, of)};`);
      texts.set(formula, name);
    }
  }
  return { statements: statements.join(' '), values: results.map(of) };
}

function nodeText(node: FormulaNode, type: FormulaType, of: (formula: Formula) => string): string {
  switch (node.kind) {
    case 'unary':
      return unary(node.op, of(node.a), typeOf(node.a.type));
    case 'binary':
      return binary(node.op, of(node.a), of(node.b), typeOf(node.a.type));
    case 'compare':
      return compare(node.op, of(node.a), of(node.b), typeOf(node.a.type));
    case 'fma':
      return `fma(${of(node.a)}, ${of(node.b)}, ${of(node.c)})`;
    case 'select':
      return `select(${of(node.b)}, ${of(node.a)}, ${of(node.cond)})`;
    case 'cast':
      return converted(of(node.a), node.a.type, type);
    case 'bits':
      return `bitcast<${typeOf(type)}>(${of(node.a)})`;
    case 'math':
      return `${node.fn}_(${of(node.a)})`;
    case 'input':
    case 'scalar':
    case 'const':
      throw new InternalError(`wgsl: ${node.kind} is no computation`);
  }
}

type Kind<K> = Extract<FormulaNode, { kind: K }> extends { readonly op: infer O } ? O : never;

function unary(op: Kind<'unary'>, a: string, type: 'f32' | 'i32' | 'bool'): string {
  const isFloat = type === 'f32';
  switch (op) {
    case 'neg':
      return isFloat ? `-${a}` : `0 - ${a}`;
    case 'sign':
      return isFloat ? `select(select(0f, -1f, ${a} < 0f), 1f, ${a} > 0f)` : `sign(${a})`;
    case 'nearest':
      return `round(${a})`;
    case 'not':
      return type === 'bool' ? `!${a}` : `~${a}`;
    case 'isnan':
      return isFloat ? `is_nan(${a})` : 'false';
    case 'isinf':
      return isFloat ? `is_inf(${a})` : 'false';
    case 'isfinite':
      return isFloat ? `is_finite(${a})` : 'true';
    case 'sqrt':
      return `select(sqrt(${a}), nan_(), ${a} < 0f)`;
    case 'abs':
    case 'floor':
    case 'ceil':
    case 'trunc':
      return `${op}(${a})`;
  }
}

const SYMBOLS = { add: '+', sub: '-', mul: '*', div: '/' } as const;

function binary(op: Kind<'binary'>, a: string, b: string, type: 'f32' | 'i32' | 'bool'): string {
  const isFloat = type === 'f32';
  switch (op) {
    case 'add':
    case 'sub':
    case 'mul':
    case 'div':
      return `${a} ${SYMBOLS[op]} ${b}`;
    case 'min':
    case 'max':
      return isFloat ? `${op}_(${a}, ${b})` : `${op}(${a}, ${b})`;
    case 'pmin':
      return `select(${a}, ${b}, ${b} < ${a})`;
    case 'pmax':
      return `select(${a}, ${b}, ${a} < ${b})`;
    case 'and':
      return `${a} & ${b}`;
    case 'or':
      return `${a} | ${b}`;
    case 'xor':
      return type === 'bool' ? `${a} != ${b}` : `${a} ^ ${b}`;
    case 'shl':
      return `select(${a} << (u32(${b}) & 31u), 0, u32(${b}) > 31u)`;
    case 'shr':
      return `${a} >> min(u32(${b}), 31u)`;
    case 'shrU':
      return `bitcast<i32>(bitcast<u32>(${a}) >> u32(${b}))`;
    case 'fmod':
      return isFloat ? `fmod_(${a}, ${b})` : `${a} % ${b}`;
    case 'remainder':
      return isFloat ? `remainder_(${a}, ${b})` : `remainder_i(${a}, ${b})`;
    case 'floorDivide':
      return isFloat ? `floor_divide(${a}, ${b})` : `floor_divide_i(${a}, ${b})`;
    case 'pow':
      return isFloat ? `pow_(${a}, ${b})` : `pow_i(${a}, ${b})`;
    case 'atan2':
      return `atan2_(${a}, ${b})`;
    case 'copysign':
      return `with_sign(${a}, ${b})`;
  }
}

const RELATIONS = { eq: '==', ne: '!=', lt: '<', le: '<=', gt: '>', ge: '>=' } as const;

function compare(op: Kind<'compare'>, a: string, b: string, type: 'f32' | 'i32' | 'bool'): string {
  const plain = `${a} ${RELATIONS[op]} ${b}`;
  return op === 'ne' && type === 'f32' ? `${plain} || is_nan(${a}) || is_nan(${b})` : plain; // != may take NaN for equal
}
