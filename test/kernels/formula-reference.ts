/** What formulas mean, in plain numbers: an interpreter that the expansions for devices are compared with. */
import type { Formula, FormulaBinary, FormulaMath, FormulaNode, FormulaType, FormulaUnary } from '../../src/kernels/formula/formula.ts';

/** f32 and f64, i32: numbers; i64: bigints. */
export type Value = number | bigint | boolean;

/** The value of a formula, given one element of every input. */
export function evaluate(formula: Formula, inputs: readonly Value[], done = new Map<Formula, Value>()): Value {
  let value = done.get(formula);
  if (value === undefined) {
    value = nodeValue(formula, (part) => evaluate(part, inputs, done), inputs);
    done.set(formula, value);
  }
  return value;
}

function nodeValue({ node, type }: Formula, of: (part: Formula) => Value, inputs: readonly Value[]): Value {
  switch (node.kind) {
    case 'input':
      return inputs[node.index]!;
    case 'scalar':
      throw new Error('the reference takes no scalars');
    case 'const':
      return wrap(type, type === 'i64' ? BigInt(node.value) : type === 'bool' ? node.value !== 0 : node.value);
    case 'unary':
      return unary(node.op, node.a.type, of(node.a));
    case 'binary':
      return wrap(
        type,
        type === 'f32' || type === 'f64'
          ? floats(node.op, type, of(node.a) as number, of(node.b) as number)
          : integers(node.op, type, of(node.a), of(node.b)),
      );
    case 'compare':
      return compare(node, of(node.a), of(node.b));
    case 'fma':
      return wrap(type, (wrap(type, (of(node.a) as number) * (of(node.b) as number)) as number) + (of(node.c) as number));
    case 'select':
      return of(node.cond) === true ? of(node.a) : of(node.b);
    case 'cast':
      return cast(of(node.a), node.a.type, type);
    case 'bits':
      return bitsOf(of(node.a) as number | bigint, node.a.type);
    case 'math':
      return wrap(type, mathematics(node.fn, of(node.a) as number));
  }
}

/** A value as its type holds it. */
function wrap(type: FormulaType, value: Value): Value {
  if (type === 'f32') return Math.fround(value as number);
  if (type === 'i32') return Number(BigInt.asIntN(32, BigInt(value)));
  return type === 'i64' ? BigInt.asIntN(64, value as bigint) : value;
}

function unary(op: FormulaUnary, type: FormulaType, value: Value): Value {
  if (typeof value === 'boolean') return !value;
  if (type === 'i32' || type === 'i64') {
    const x = BigInt(value);
    const back = (result: bigint): Value => wrap(type, type === 'i32' ? Number(result) : result);
    if (op === 'neg') return back(-x);
    if (op === 'abs') return back(x < 0n ? -x : x);
    if (op === 'sign') return back(x > 0n ? 1n : x < 0n ? -1n : 0n);
    return op === 'not' ? back(~x) : op === 'isfinite';
  }
  const x = value as number;
  if (op === 'isnan') return Number.isNaN(x);
  if (op === 'isinf') return Math.abs(x) === Infinity;
  if (op === 'isfinite') return Number.isFinite(x);
  if (op === 'neg') return -x;
  if (op === 'sign') return x > 0 ? 1 : x < 0 ? -1 : 0;
  if (op === 'nearest') return nearest(x);
  if (op === 'not') throw new Error('not of a float');
  return wrap(type, Math[op](x));
}

function nearest(x: number): number {
  const below = Math.floor(x);
  const up = x - below > 0.5 || (x - below === 0.5 && below % 2 !== 0);
  return !Number.isFinite(x) || below === x ? x : copysign(up ? below + 1 : below, x);
}

const isNegative = (x: number): boolean => x < 0 || Object.is(x, -0);
const copysign = (x: number, y: number): number => (isNegative(y) ? -Math.abs(x) : Math.abs(x));

function floats(op: FormulaBinary, type: 'f32' | 'f64', a: number, b: number): number {
  const round = (x: number): number => wrap(type, x) as number;
  switch (op) {
    case 'add':
      return a + b;
    case 'sub':
      return a - b;
    case 'mul':
      return a * b;
    case 'div':
      return a / b;
    case 'min':
    case 'max':
      return Math[op](a, b);
    case 'pmin':
      return b < a ? b : a;
    case 'pmax':
      return a < b ? b : a;
    case 'copysign':
      return copysign(a, b);
    case 'fmod':
      return a % b;
    case 'remainder': {
      const rest = a % b;
      return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
    }
    case 'floorDivide': {
      // Python's way: the exact remainder first
      if (b === 0) return a / b;
      const rest = a % b;
      const exact = round(round(a - rest) / b) - (rest !== 0 && rest < 0 !== b < 0 ? 1 : 0);
      const quotient = round(exact);
      if (quotient === 0) return copysign(0, a / b);
      return Math.floor(quotient) + (quotient - Math.floor(quotient) > 0.5 ? 1 : 0);
    }
    case 'pow':
      return a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b;
    case 'atan2':
      return Math.atan2(a, b);
    default:
      throw new Error(`${op} of floats`);
  }
}

function integers(op: FormulaBinary, type: FormulaType, a: Value, b: Value): Value {
  if (typeof a === 'boolean') return op === 'and' ? a && b : op === 'or' ? a || b : a !== b;
  const bits = type === 'i32' ? 32 : 64;
  const result = whole(op, BigInt(a), BigInt(b), bits);
  return type === 'i32' ? Number(BigInt.asIntN(32, result)) : result;
}

function whole(op: FormulaBinary, a: bigint, b: bigint, bits: number): bigint {
  switch (op) {
    case 'add':
      return a + b;
    case 'sub':
      return a - b;
    case 'mul':
      return a * b;
    case 'min':
    case 'pmin':
      return b < a ? b : a;
    case 'max':
    case 'pmax':
      return a < b ? b : a;
    case 'and':
      return a & b;
    case 'or':
      return a | b;
    case 'xor':
      return a ^ b;
    case 'shl':
      return a << b;
    case 'shr':
      return a >> b;
    case 'shrU':
      return BigInt.asUintN(bits, a) >> b;
    case 'fmod':
      return a % b;
    case 'remainder':
      return ((a % b) + b) % b;
    case 'floorDivide':
      return (a - (((a % b) + b) % b)) / b;
    case 'pow':
      return power(a, b, bits);
    default:
      throw new Error(`${op} of whole numbers`);
  }
}

function power(a: bigint, b: bigint, bits: number): bigint {
  if (b < 0n) return a === 1n ? 1n : a === -1n ? (b % 2n === 0n ? 1n : -1n) : 0n;
  let [result, square] = [1n, a];
  for (let left = b; left > 0n; left >>= 1n) {
    if (left % 2n === 1n) result = BigInt.asIntN(bits, result * square);
    square = BigInt.asIntN(bits, square * square);
  }
  return result;
}

function compare({ op }: FormulaNode & { readonly kind: 'compare' }, a: Value, b: Value): boolean {
  if (op === 'eq') return a === b;
  if (op === 'ne') return a !== b;
  return op === 'lt' ? a < b : op === 'le' ? a <= b : op === 'gt' ? a > b : a >= b;
}

function cast(value: Value, from: FormulaType, to: FormulaType): Value {
  if (to === 'bool') return typeof value === 'bigint' ? value !== 0n : value !== 0 && value !== false;
  if (typeof value === 'boolean') return to === 'i64' ? BigInt(value) : Number(value);
  if (to === 'f32' || to === 'f64') return wrap(to, Number(value));
  if (from === 'i32' || from === 'i64') {
    const bits = BigInt.asIntN(to === 'i32' ? 32 : 64, BigInt(value));
    return to === 'i32' ? Number(bits) : bits;
  }
  const x = Math.trunc(value as number);
  const most = to === 'i32' ? 2n ** 31n - 1n : 2n ** 63n - 1n;
  const held = Number.isNaN(x) ? 0n : x >= Number(most) ? most : x <= -Number(most) ? -most - 1n : BigInt(x);
  return to === 'i32' ? Number(held) : held;
}

function bitsOf(value: number | bigint, from: FormulaType): Value {
  if (from === 'f32') return new Int32Array(Float32Array.of(value as number).buffer)[0]!;
  if (from === 'i32') return new Float32Array(Int32Array.of(value as number).buffer)[0]!;
  if (from === 'f64') return new BigInt64Array(Float64Array.of(value as number).buffer)[0]!;
  return new Float64Array(BigInt64Array.of(value as bigint).buffer)[0]!;
}

function mathematics(fn: FormulaMath, x: number): number {
  if (fn === 'sigmoid') return 1 / (1 + Math.exp(-x));
  return fn === 'erf' ? erf(x) : Math[fn](x);
}

/** 2/√π · e^(-x²) · Σ 2ⁿx²ⁿ⁺¹/(1·3·…·(2n+1)) */
export function erf(x: number): number {
  if (Number.isNaN(x) || Math.abs(x) > 6) return Number.isNaN(x) ? x : Math.sign(x);
  let [term, sum, n] = [x, 0, 1];
  while (sum + term !== sum) {
    sum += term;
    n += 2;
    term = (term * x * x * 2) / n;
  }
  return x === 0 ? x : (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
