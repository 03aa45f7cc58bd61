/** What single nodes of formulas are in the loop language, on vectors or scalars. Values that are read more than once go into variables. */
import { invariant } from '../../../base/errors.ts';
import type { FormulaBinary, FormulaMath, FormulaType, FormulaUnary } from '../../formula/formula.ts';
import { fromLanes } from '../floats.ts';
import { elementOf, isVector, Local, math, type Expr, type Fn, type MathFn, type ValueType } from '../ir.ts';
import { expF32, expm1F32, hoisted, log1pF32, logF32, sigmoidF32, tanhF32 } from '../math.ts';
import { absolute, floorDivide, fmod, hostMath, isFloat, maximum, minimum, negate, not, power, remainder, sign } from './expr.ts';

export const variable = (f: Fn, value: Expr): Expr => (value instanceof Local ? value : f.let('v', value));

/** @param truth whether the operand is a condition */
export function unary(f: Fn, op: FormulaUnary, value: Expr, truth: boolean): Expr {
  switch (op) {
    case 'neg':
      return negate(value);
    case 'abs':
      return absolute(f, value);
    case 'sign':
      return sign(f, value);
    case 'not':
      return truth ? not(value) : value.binary('xor', hoisted(f, value.type, -1));
    case 'isnan': {
      const x = variable(f, value);
      return x.ne(x);
    }
    case 'isinf':
    case 'isfinite': {
      const x = variable(f, value);
      if (!isFloat(x)) return op === 'isinf' ? x.ne(x) : x.eq(x);
      return x.unary('abs').compare(op === 'isinf' ? 'eq' : 'lt', hoisted(f, x.type, Infinity));
    }
    default:
      return value.unary(op);
  }
}

/** @param lanes elements computed at a time */
export function binary(f: Fn, op: FormulaBinary, a: Expr, b: Expr, lanes = 1): Expr {
  const vector = isSingle(a) ? PAIRS[op] : undefined;
  if (vector !== undefined) return isVector(a.type) ? vector(f, a, b, lanes) : vector(f, a.splat(), b.splat(), 4).lane(0);
  switch (op) {
    case 'max':
    case 'min': {
      const extreme = op === 'max' ? maximum : minimum;
      return isFloat(a) ? extreme(a, b) : extreme(variable(f, a), variable(f, b));
    }
    case 'pmin':
    case 'pmax': {
      if (isVector(a.type) && isFloat(a)) return a.binary(op, b);
      const [x, y] = [variable(f, a), variable(f, b)];
      return (op === 'pmin' ? y.lt(x) : x.lt(y)).select(y, x);
    }
    case 'fmod':
      return isFloat(a) ? fmod(f, a, b) : a.rem(b);
    case 'remainder':
      return remainder(f, a, b);
    case 'floorDivide':
      return floorDivide(f, a, b);
    case 'pow':
      return power(f, a, b);
    case 'atan2':
      return hostMath('atan2', a, b);
    case 'copysign':
      return isVector(a.type) ? copysign(f, a, b) : a.binary(op, b);
    default:
      return a.binary(op, b);
  }
}

/** How a function of one value is written. */
type Expansion = (f: Fn, x: Expr, lanes: number) => Expr;

const isSingle = ({ type }: Expr): boolean => type === 'f32v' || type === 'f32';
/** How a function of two vectors of single precision is written. */
type PairExpansion = (f: Fn, a: Expr, b: Expr, lanes: number) => Expr;
type Pair = 'atan2' | 'pow' | 'fmod' | 'remainder' | 'floorDivide';
/** Those that a family has brought. */
const PAIRS: { [B in FormulaBinary]?: PairExpansion } = {};
/** Whether vectors of single precision have an operation that is none of the machine's. */
export const hasPair = (op: FormulaBinary): boolean => PAIRS[op] !== undefined;

/** The bits of |a| and the sign of b. */
function copysign(f: Fn, a: Expr, b: Expr): Expr {
  const bits = a.type === 'f64v' ? 'i64v' : 'i32v';
  const sign = hoisted(f, a.type, -0).bits(bits);
  return a.unary('abs').bits(bits).or(b.bits(bits).and(sign)).bits(a.type);
}

/** A function in single precision, or in double precision. */
type Function = FormulaMath | `${FormulaMath}64`;
const named = (fn: FormulaMath, type: ValueType): Function => (elementOf(type) === 'f64' ? `${fn}64` : fn);

/** In vectors. */
const VECTOR: { [M in Function]?: Expansion } = {
  exp: expF32,
  expm1: expm1F32,
  log: logF32,
  log1p: log1pF32,
  tanh: tanhF32,
  sigmoid: sigmoidF32,
};

/** Double precision, one by one. */
let errorFunction: Expansion | undefined;

/** Adds a function that only families of operations use; they bring it by mentioning the result. */
export function provideErrorFunction(vector: Expansion, double: Expansion): object {
  VECTOR.erf = vector;
  errorFunction = double;
  return { vector, double };
}

/** Adds how vectors compute what the host would do element by element. */
export function provideVectors(of: { readonly [M in Function]?: Expansion }, pairs: { readonly [P in Pair]: PairExpansion }): void {
  Object.assign(VECTOR, of);
  Object.assign(PAIRS, pairs);
}

/** Functions that vectors have; everything else is the host's, element by element. */
export const hasVectors = (fn: FormulaMath, type: FormulaType): boolean => VECTOR[named(fn, type as ValueType)] !== undefined;

/** The bits are the same for vectors and scalars. */
export function mathematics(f: Fn, fn: FormulaMath, value: Expr, lanes: number): Expr {
  const vector = VECTOR[named(fn, value.type)];
  if (vector !== undefined) return isVector(value.type) ? vector(f, value, lanes) : vector(f, value.splat(), 1).lane(0);
  if (isVector(value.type)) {
    const x = variable(f, value);
    return fromLanes(Array.from({ length: lanes }, (_, i) => mathematics(f, fn, x.lane(i), 1)));
  }
  if (fn === 'erf') {
    invariant(errorFunction !== undefined, 'erf: the family that uses it has brought how it is computed');
    return errorFunction(f, value, lanes);
  }
  if (fn === 'sigmoid') return hoisted(f, value.type, 1).div(hostMath('exp', value.unary('neg')).add(1));
  // For single precision a multiple of the natural logarithm, which hosts compute several times faster.
  const scale = fn === 'log2' ? Math.LOG2E : fn === 'log10' ? Math.LOG10E : undefined;
  if (scale !== undefined && value.type === 'f32') return math('log', value.cast('f64')).mul(scale).cast('f32');
  return hostMath(fn satisfies MathFn, value);
}
