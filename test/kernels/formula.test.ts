import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DType, TypedArray } from '../../src/base/dtype.ts';
import { layoutOf } from '../../src/base/layout.ts';
import { expand } from '../../src/kernels/cpu/elementwise/expand.ts';
import { elementwiseLanes } from '../../src/kernels/cpu/elementwise/lanes.ts';
import { Fn } from '../../src/kernels/cpu/ir.ts';
import { formulasOf, type ElementwiseSpec } from '../../src/kernels/formula/elementwise.ts';
import {
  BINARY,
  constantOf,
  inputOf,
  MATHEMATICS,
  UNARY,
  type Formula,
  type FormulaBinary,
  type FormulaType,
  type FormulaUnary,
} from '../../src/kernels/formula/formula.ts';
import { launchElementwise } from '../../src/lower/cpu/elementwise-launch.ts';
import { typed } from '../support/op-case.ts';
import { runLowering } from '../support/run-kernel.ts';
import { evaluate, type Value } from './formula-reference.ts';

const DTYPE: { readonly [T in FormulaType]: DType } = {
  f32: 'float32',
  f64: 'float64',
  i32: 'int32',
  i64: 'int64',
  bool: 'bool',
};
const TYPES = Object.keys(DTYPE) as FormulaType[];
const COMPARE = ['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const;

const FLOATS = [0, 1, 0.5, 1.5, 2.5, 3, 7, 0.1, 88.5, 104, 16777217, 2147483648, 9223372036854775808, Infinity];
const signed = (list: readonly number[]): number[] => [...list, ...list.map((x) => -x), NaN];
const SINGLE = signed([...FLOATS, 1e-45, 1.1754942e-38, 1.17549435e-38, 3.4028235e38]);
const DOUBLE = signed([...FLOATS, 5e-324, 2.225073858507201e-308, 1e-40, 1.7976931348623157e308]);
const WHOLE = [0, 1, -1, 2, -2, 3, 7, -7, 100, -100, 65536, 0x55555555, 2147483647, -2147483648];
const EDGES: { readonly [T in FormulaType]: readonly Value[] } = {
  f32: SINGLE.map(Math.fround),
  f64: DOUBLE,
  i32: WHOLE,
  i64: [...WHOLE.map(BigInt), 1n << 40n, -(1n << 40n), (1n << 63n) - 1n, -(1n << 63n)],
  bool: [false, true],
};

const stored = (type: FormulaType, values: readonly Value[]): TypedArray =>
  type === 'i64' ? BigInt64Array.from(values as bigint[]) : typed(DTYPE[type], values.map(Number));

/** Rows of operands: a, b, c of one type and a condition; every pair of edges as a and b. */
function operands(type: FormulaType): readonly (readonly Value[])[] {
  const edges = EDGES[type];
  return edges.flatMap((a, i) => edges.map((b, j) => [a, b, edges[(i * 7 + j * 3 + 1) % edges.length]!, j % 3 === 1]));
}

/** Computes formulas of a, b, c and the condition for all rows. */
function run(name: string, type: FormulaType, formulas: readonly Formula[], rows: readonly (readonly Value[])[], lanes?: 1): Value[][] {
  const types = [type, type, type, 'bool'] as const;
  const spec = specOf(name, types, formulas);
  const { results, dispose } = runLowering(
    (l, inputs, outputs) => launchElementwise(l, spec, inputs, outputs, [], lanes),
    types.map((t, i) => ({
      dtype: DTYPE[t],
      shape: [rows.length],
      data: stored(
        t,
        rows.map((row) => row[i]!),
      ),
    })),
    formulas.map((formula) => layoutOf(DTYPE[formula.type], [rows.length])),
  );
  dispose();
  return formulas.map((formula, i) => {
    const values: Value[] = [...(results[i]! as Iterable<number | bigint>)];
    return formula.type === 'bool' ? values.map((value) => value !== 0) : values;
  });
}

const specOf = (name: string, types: readonly FormulaType[], formulas: readonly Formula[]): ElementwiseSpec => ({
  name,
  inputs: types.map((as) => ({ dtype: DTYPE[as], as })),
  outputs: formulas.map(({ type }) => ({ dtype: DTYPE[type], as: type })),
  scalars: [],
  results: () => formulas,
  cost: 1,
});

const bits = new Int32Array(1);
const float = new Float32Array(bits.buffer);
/** Position of a float among all floats. */
function rank(x: number): number {
  float[0] = x;
  return bits[0]! < 0 ? -(bits[0]! & 0x7fffffff) : bits[0]!;
}

/** Whether two floats are the same up to what functions of a library may differ by. */
function near(type: FormulaType, x: Value, y: Value): boolean {
  if (Object.is(x, y)) return true;
  if (typeof x !== 'number' || typeof y !== 'number') return false;
  if (type === 'f32') return Math.abs(rank(x) - rank(y)) <= 3;
  return Math.abs(x - y) <= Math.max(Math.abs(y) * 1e-14, Number.MIN_VALUE);
}

/** Every node that takes a type, by name. */
function nodes(type: FormulaType): Map<string, Formula> {
  const [a, b, c, cond] = [inputOf(type, 0), inputOf(type, 1), inputOf(type, 2), inputOf('bool', 3)];
  const all = new Map<string, Formula>();
  const takes = (types: readonly FormulaType[]): boolean => types.includes(type);
  for (const [op, types] of Object.entries(UNARY)) {
    if (takes(types)) all.set(op, a.unary(op as FormulaUnary));
  }
  const whole = type === 'i32' || type === 'i64';
  const last = type === 'i32' ? 31 : 63;
  for (const [op, types] of Object.entries(BINARY)) {
    if (!takes(types)) continue;
    const divides = whole && (op === 'fmod' || op === 'remainder' || op === 'floorDivide');
    const shifts = op.startsWith('sh');
    const right = divides ? b.eq(0).select(3, b) : shifts ? b.and(last) : b;
    all.set(op, a.binary(op as FormulaBinary, right));
    if (shifts) for (const count of [0, 5, last]) all.set(`${op} ${count}`, a.binary(op as FormulaBinary, count));
  }
  if (type !== 'bool') for (const op of COMPARE) all.set(op, a.compare(op, b));
  if (a.isFloat) for (const fn of MATHEMATICS) all.set(fn, a.math(fn));
  if (a.isFloat) all.set('fma', a.fma(b, c));
  all.set('select', cond.select(a, b));
  all.set('constant', cond.select(constantOf(type, 1), c));
  for (const to of TYPES) if (to !== type) all.set(`cast to ${to}`, a.cast(to));
  const other = { f32: 'i32', i32: 'f32', f64: 'i64', i64: 'f64', bool: undefined } as const;
  if (type !== 'bool') all.set('bits', a.bits(other[type]));
  return all;
}

const INEXACT = new Set<string>([...MATHEMATICS, 'pow', 'atan2']);

/** A fused product and sum is as good as two roundings. */
function isFma(type: FormulaType, actual: Value, expected: Value, row: readonly Value[]): boolean {
  const [a, b, c] = row as readonly number[] as [number, number, number];
  if (Object.is(actual, expected)) return true;
  if (type === 'f32') return Math.abs(rank(actual as number) - rank(a * b + c)) <= 1 || Object.is(actual, a * b + c);
  const moderate = [a, b, c].every((x) => x === 0 || (Math.abs(x) > 1e-50 && Math.abs(x) < 1e50));
  return !moderate || Math.abs((actual as number) - (expected as number)) <= 2 ** -51 * (Math.abs(a * b) + Math.abs(c));
}

const shown = (value: Value): string => (Object.is(value, -0) ? '-0' : String(value));

describe('nodes, as vectors and as scalars', () => {
  it.each(TYPES)('of %s are what the reference says at all edges', (type) => {
    const rows = operands(type);
    const groups = new Map<number, [string, Formula][]>();
    for (const [name, formula] of nodes(type)) {
      const lanes = elementwiseLanes(specOf(name, [type], [formula]));
      groups.set(lanes, [...(groups.get(lanes) ?? []), [name, formula]]);
    }
    for (const [lanes, group] of groups) {
      const formulas = group.map(([, formula]) => formula);
      const wrong: string[] = [];
      for (const form of lanes === 1 ? [undefined] : [undefined, 1 as const]) {
        run(`nodes of ${type}`, type, formulas, rows, form).forEach((values, i) => {
          const [name, formula] = group[i]!;
          values.forEach((actual, k) => {
            const expected = evaluate(formula, rows[k]!);
            const right = INEXACT.has(name)
              ? near(type, actual, expected)
              : name === 'fma'
                ? isFma(type, actual, expected, rows[k]!)
                : Object.is(actual, expected);
            if (!right)
              wrong.push(`${name} (${form ?? lanes} lanes) of ${rows[k]!.map(shown).join(', ')}: ${shown(actual)}, not ${shown(expected)}`);
          });
        });
      }
      expect(wrong).toEqual([]);
    }
  });

  it('vectors serve what has instructions for them, scalars the rest', () => {
    const lanes = (formula: Formula, ...types: FormulaType[]): number => elementwiseLanes(specOf('lanes', types, [formula]));
    const [x, d] = [inputOf('f32', 0), inputOf('f64', 0)];
    expect(lanes(x.exp().mul(2), 'f32')).toBe(4);
    expect(lanes(x.math('sinh'), 'f32')).toBe(4);
    expect(lanes(d.sqrt(), 'f64')).toBe(2);
    expect(lanes(d.exp(), 'f64')).toBe(2);
    expect(lanes(d.log(), 'f64')).toBe(1);
    expect(lanes(x.cast('f64').log().cast('f32'), 'f32')).toBe(1);
    expect(lanes(x, 'f32', 'i64')).toBe(1);
    expect(lanes(inputOf('bool', 0).and(inputOf('bool', 1)), 'bool', 'bool')).toBe(4);
  });
});

describe('formulas', () => {
  const unaries = ['neg', 'abs', 'sign', 'sqrt', 'floor', 'nearest'] as const;
  const binaries = ['add', 'sub', 'mul', 'div', 'min', 'max', 'pmin', 'pmax'] as const;
  /** Grown from a, b, c: each step takes any nodes before it. */
  const grown = fc.array(fc.tuple(fc.nat(15), fc.nat(99), fc.nat(99), fc.nat(99)), { minLength: 2, maxLength: 30 }).map((steps) => {
    const all = [inputOf('f32', 0), inputOf('f32', 1), inputOf('f32', 2), constantOf('f32', 0.75)];
    for (const [kind, i, j, k] of steps) {
      const [x, y, z] = [i, j, k].map((at) => all[at % all.length]!) as [Formula, Formula, Formula];
      if (kind < unaries.length) all.push(x.unary(unaries[kind]!));
      else if (kind < 14) all.push(x.binary(binaries[kind - unaries.length]!, y));
      else all.push(kind === 14 ? x.lt(y).select(y, z) : inputOf('bool', 3).or(x.unary('isnan')).select(z, y));
    }
    return all.slice(-2);
  });

  it('of any shape give what the reference gives, one lane or four', () => {
    const rows = operands('f32').filter((_, i) => i % 9 === 0);
    let count = 0;
    const property = fc.property(grown, (formulas) => {
      const expected = formulas.map((formula) => rows.map((row) => evaluate(formula, row)));
      count++;
      expect(run(`grown ${count}`, 'f32', formulas, rows)).toEqual(expected);
      expect(run(`grown ${count}`, 'f32', formulas, rows, 1)).toEqual(expected);
    });
    fc.assert(property, { numRuns: process.env['FLAMBEAU_NATIVE'] === 'wait' ? 3 : 60 });
  });

  it('compute a shared node once', () => {
    const f = new Fn('shared', [['x', 'f32']]);
    const root = inputOf('f32', 0).sqrt();
    const [first, second] = expand(f, [root.add(root), root.mul(3)], { inputs: f.args }, 1);
    f.let('first', first!);
    f.let('second', second!);
    expect(JSON.stringify(f.body).split('"sqrt"')).toHaveLength(2);
  });

  it('refuse operands of other types', () => {
    const [x, i, t] = [inputOf('f32', 0), inputOf('i32', 1), inputOf('bool', 2)];
    expect(() => x.add(i)).toThrow('add of f32 and i32');
    expect(() => i.div(2)).toThrow('div takes f32, f64, not i32');
    expect(() => x.and(x)).toThrow('and takes i32, i64, bool, not f32');
    expect(() => t.add(1)).toThrow('add takes');
    expect(() => x.select(x, x)).toThrow('select takes bool');
    expect(() => t.select(1, 0)).toThrow('two plain numbers');
    expect(() => x.bits('f64')).toThrow('the bits of f32 as f64');
    expect(() => formulasOf({ ...specOf('wrong', ['f32'], [x]), results: () => [i] })).toThrow('results i32 for outputs f32');
  });
});
