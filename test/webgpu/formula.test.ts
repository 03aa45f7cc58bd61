/** Formulas on the GPU: every node, its edges, and how precise the functions are. */
import { afterAll, describe, expect, test } from 'vitest';
import type { ElementwiseSpec } from '../../src/kernels/formula/elementwise.ts';
import { MATHEMATICS, type Formula, type FormulaMath, type FormulaType } from '../../src/kernels/formula/formula.ts';
import { elementwiseLaunch } from '../../src/kernels/wgsl/elementwise.ts';
import type { WebGpuDevice } from '../../src/devices/webgpu/webgpu.ts';
import { runLaunches, testDevice } from '../support/webgpu.ts';

const found = await testDevice();
const device = found as WebGpuDevice;
afterAll(() => found?.destroy());

const DTYPES = { f32: 'float32', i32: 'int32', i64: 'int64', bool: 'bool', f64: 'float64' } as const;

/** Runs formulas of `inputs` on flat arrays. */
async function formulas(
  name: string,
  inputs: readonly (Float32Array | Int32Array)[],
  results: ElementwiseSpec['results'],
  types: readonly FormulaType[],
): Promise<number[][]> {
  const operand = (as: FormulaType) => ({ dtype: DTYPES[as], as });
  const spec: ElementwiseSpec = {
    name,
    inputs: inputs.map((data) => operand(data instanceof Float32Array ? 'f32' : 'i32')),
    outputs: types.map(operand),
    scalars: [],
    results,
    cost: 1,
  };
  const n = inputs[0]!.length;
  const launch = elementwiseLaunch(spec, { sizes: [n], steps: [...inputs, ...types].map(() => [1]) }, []);
  const operands = [...inputs, ...types.map((as) => [DTYPES[as], n] as const)];
  const at = operands.map((_, i) => i);
  const read = await runLaunches(device, [[launch, at]], operands, at.slice(inputs.length));
  return read.map((data) => [...data].map(Number));
}

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);
/** The distance in units of the last place of float32. */
function ulps(got: number, expected: number): number {
  if (Number.isNaN(expected)) return Number.isNaN(got) ? 0 : Infinity;
  if (got === Math.fround(expected)) return 0;
  if (!Number.isFinite(got)) return Infinity;
  f32[0] = Math.max(Math.abs(expected), 1.2e-38); // subnormal numbers may be dropped
  const low = f32[0];
  u32[0]!++;
  return Math.abs(got - expected) / (f32[0] - low);
}

/** erf by its series (Abramowitz & Stegun 7.1.5), and beyond 4 as 1 − erfc by its continued fraction. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [term, sum] = [x, x];
  for (let n = 1; n < 200; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

const REFERENCE: { readonly [K in FormulaMath]: (x: number) => number } = {
  exp: Math.exp, expm1: Math.expm1, log: Math.log, log1p: Math.log1p, log2: Math.log2, log10: Math.log10,
  sin: Math.sin, cos: Math.cos, tan: Math.tan, asin: Math.asin, acos: Math.acos, atan: Math.atan,
  sinh: Math.sinh, cosh: Math.cosh, tanh: Math.tanh, erf, sigmoid: (x) => 1 / (1 + Math.exp(-x)),
}; // prettier-ignore

/** Dense near 0 and 1, wide, and the edges. */
const SAMPLES = Float32Array.from([
  ...Array.from({ length: 1500 }, (_, i) => (i / 750 - 1) * 1.5),
  ...Array.from({ length: 1500 }, (_, i) => (i / 750 - 1) * 20),
  ...Array.from({ length: 1000 }, (_, i) => (i % 2 ? -1 : 1) * 10 ** (i / 14 - 36)),
  0, -0, 1, -1, 88.5, 88.8, -87, -103, 89.4, 3000.5, 3999, 4001, 12345.678, -1e6, 1e20, NaN, Infinity, -Infinity,
]); // prettier-ignore

describe.skipIf(found === undefined)('formulas on webgpu', () => {
  test('functions are within a few units of the last place, edges included', async () => {
    const worst: Record<string, number> = {};
    for (const fn of [...MATHEMATICS, 'sqrt'] as const) {
      const [got] = await formulas(`test ${fn}`, [SAMPLES], ([x]) => [fn === 'sqrt' ? x!.sqrt() : x!.math(fn)], ['f32']);
      const exact = fn === 'sqrt' ? Math.sqrt : REFERENCE[fn];
      worst[fn] = 0;
      SAMPLES.forEach((x, i) => {
        const off = ulps(got![i]!, exact(x));
        if (off > worst[fn]!) worst[fn] = off;
      });
    }
    const limit = (fn: string): number => (fn === 'tan' || fn === 'cosh' || fn === 'sinh' ? 4 : 2.5);
    expect(Object.entries(worst).filter(([fn, off]) => !(off <= limit(fn)))).toEqual([]);
  });

  test('powers, quotients and remainders', async () => {
    const values = [0, -0, 1, -1, 0.5, 2, -2, 3, -3.5, 1.0000001, 0.99, 7.25, 1e-3, 1e10, -1e10, 65536.5, 1e30, NaN, Infinity, -Infinity];
    const pairs = values.flatMap((a) => values.map((b) => [a, b] as const));
    const [a, b] = [0, 1].map((k) => Float32Array.from(pairs, (pair) => pair[k]!)) as [Float32Array, Float32Array];
    const cPow = (x: number, y: number): number => (x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y);
    const python = (x: number, y: number): number => {
      const rest = x % y;
      return rest !== 0 && rest < 0 !== y < 0 ? rest + y : rest;
    };
    const cases = {
      pow: cPow,
      fmod: (x: number, y: number) => x % y,
      remainder: python,
      atan2: Math.atan2,
      copysign: (x: number, y: number) => Math.abs(x) * (y < 0 || Object.is(y, -0) ? -1 : 1),
      max: Math.max,
      min: Math.min,
      pmin: (x: number, y: number) => (y < x ? y : x),
      pmax: (x: number, y: number) => (x < y ? y : x),
    } as const;
    for (const [op, expected] of Object.entries(cases)) {
      const [got] = await formulas(`test ${op}`, [a, b], ([x, y]) => [x!.binary(op as keyof typeof cases, y!)], ['f32']);
      const wrong = pairs.flatMap((_, i) => {
        const want = Math.fround(expected(a[i]!, b[i]!));
        return ulps(got![i]!, want) <= 2.5 ? [] : [`${op}(${a[i]!}, ${b[i]!}) = ${got![i]!}, expected ${want}`];
      });
      expect(wrong).toEqual([]);
    }
  });

  test('floor division of floats is Python’s', async () => {
    const [a, b] = [Float32Array.of(7, -7, 7, -7, 1, 0.5, 6, 5, NaN), Float32Array.of(2, 2, -2, -2, 0.1, Infinity, 0, -0.3, 1)];
    const [got] = await formulas('test floorDivide', [a, b], ([x, y]) => [x!.binary('floorDivide', y!)], ['f32']);
    expect(got).toEqual([3, -4, -4, 3, 9, 0, Infinity, -17, NaN]);
  });

  test('comparisons, predicates and casts honour NaN', async () => {
    const x = Float32Array.of(1, NaN, -Infinity, 0, -0, 2.7, -2.7);
    const y = Float32Array.of(1, NaN, NaN, -0, 1, 2, -3);
    const make = ([a, b]: readonly Formula[]): Formula[] => [
      a!.eq(b!), a!.ne(b!), a!.lt(b!), a!.le(b!), a!.gt(b!), a!.ge(b!),
      a!.unary('isnan'), a!.unary('isinf'), a!.unary('isfinite'), a!.cast('bool'), a!.unary('isnan').not(),
    ]; // prettier-ignore
    const got = await formulas(
      'test compare',
      [x, y],
      (v) => make(v),
      Array.from({ length: 11 }, () => 'bool' as const),
    );
    const want = [...x].map((a, i) => {
      const b = y[i]!;
      return [a === b, a !== b, a < b, a <= b, a > b, a >= b, Number.isNaN(a), Math.abs(a) === Infinity, Number.isFinite(a), a !== 0, !Number.isNaN(a)].map(Number); // prettier-ignore
    });
    expect([...x].map((_, i) => got.map((column) => column[i]!))).toEqual(want);
  });

  test('float arithmetic, rounding, constants and selections', async () => {
    const x = Float32Array.of(1.5, -2.5, 0.5, -0.5, NaN, Infinity, 9);
    const make = ([a]: readonly Formula[]): Formula[] => [
      a!.neg(), a!.abs(), a!.unary('sign'), a!.rounded('floor'), a!.rounded('ceil'), a!.rounded('trunc'), a!.rounded('nearest'),
      a!.add(Infinity), a!.mul(-3).sub(1), a!.div(4), a!.gt(1).select(NaN, a!), a!.fma(2, 1), a!.bits('i32').and(0x7fffffff).bits('f32'), a!.cast('i32').cast('f32'),
    ]; // prettier-ignore
    const types = Array.from({ length: 14 }, () => 'f32' as const);
    const got = await formulas('test floats', [x], (v) => make(v), types);
    const nearest = (v: number): number => (Math.abs(v % 1) === 0.5 ? 2 * Math.round(v / 2) : Math.round(v)) + 0;
    const want = [...x].map((a) => [
      -a, Math.abs(a), Number.isNaN(a) ? 0 : Math.sign(a), Math.floor(a), Math.ceil(a) + 0, Math.trunc(a) + 0, nearest(a),
      a + Infinity, a * -3 - 1, a / 4, a > 1 ? NaN : a, a * 2 + 1, Math.abs(a), Math.trunc(a) + 0,
    ]); // prettier-ignore
    [...x].forEach((a, i) => {
      const row = got.map((column) => column[i]! + 0);
      const whole = Number.isFinite(a) ? 14 : 13; // casts of what is no whole number are anybody's
      expect(row.slice(0, whole)).toEqual(want[i]!.slice(0, whole).map((v) => v + 0));
    });
  });

  test('whole numbers wrap, shift and divide as Python’s do', async () => {
    const a = Int32Array.of(7, -7, 7, -7, 2 ** 31 - 1, -(2 ** 31), 3);
    const b = Int32Array.of(2, 2, -2, -2, 2, -1, 5);
    const make = ([x, y]: readonly Formula[]): Formula[] => [
      x!.add(y!), x!.mul(y!), x!.neg(), x!.abs(), x!.unary('sign'), x!.unary('not'), x!.binary('fmod', y!), x!.binary('remainder', y!),
      x!.binary('floorDivide', y!), x!.pow(y!), x!.max(y!), x!.min(y!), x!.and(y!), x!.or(y!), x!.xor(y!), x!.binary('shl', 3), x!.binary('shr', 1), x!.binary('shrU', 1),
    ]; // prettier-ignore
    const got = await formulas(
      'test ints',
      [a, b],
      (v) => make(v),
      Array.from({ length: 18 }, () => 'i32' as const),
    );
    const power = (x: number, y: number): number => {
      if (y < 0) return Math.abs(x) === 1 ? x ** Math.abs(y) : 0;
      let result = 1;
      for (let i = 0; i < y; i++) result = Math.imul(result, x);
      return result;
    };
    const want = [...a].map((x, i) => {
      const y = b[i]!;
      const rest = x % y;
      const down = rest !== 0 && rest < 0 !== y < 0;
      return [
        x + y,
        Math.imul(x, y),
        -x,
        Math.abs(x),
        Math.sign(x),
        ~x,
        rest,
        down ? rest + y : rest,
        Math.floor(x / y),
        power(x, y),
        Math.max(x, y),
        Math.min(x, y),
        x & y,
        x | y,
        x ^ y,
        x << 3,
        x >> 1,
        x >>> 1,
      ].map((v) => v | 0);
    });
    expect([...a].map((_, i) => got.map((column) => column[i]!))).toEqual(want);
  });
});
