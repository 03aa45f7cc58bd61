import { describe, expect, it } from 'vitest';
import { layoutOf } from '../../src/base/layout.ts';
import { NO_ATTRS } from '../../src/geometry/attrs.ts';
import { lowerOf } from '../../src/tensor/graph-op.ts';
import type { MathematicsName } from '../../src/tensor/ops/mathematics.ts';
import type { UnaryName } from '../../src/tensor/ops/unary.ts';
import { host, runOp } from '../support/op-case.ts';
import { runLowering } from '../support/run-kernel.ts';
import { erf } from './formula-reference.ts';

const isNative = process.env['FLAMBEAU_NATIVE'] === 'wait';
const bits = new Int32Array(1);
const float = new Float32Array(bits.buffer);
/** Position of a float among all floats. */
function rank(x: number): number {
  float[0] = x;
  return bits[0]! < 0 ? -(bits[0]! & 0x7fffffff) : bits[0]!;
}

const N = 50_000;
let state = 12345;
const random = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;

/** Arguments of every size: random bits, and the ranges where functions bend. */
function samples(): Float32Array {
  const x = new Float32Array(3 * N);
  const words = new Uint32Array(x.buffer);
  for (let i = 0; i < N; i++) words[i] = Math.floor(random() * 2 ** 32);
  for (let i = N; i < 2 * N; i++) x[i] = (random() - 0.5) * 220;
  for (let i = 2 * N; i < 3 * N; i++) x[i] = (random() - 0.5) * 6;
  return x;
}

const FUNCTIONS: readonly [UnaryName | MathematicsName | 'tanh', (x: number) => number, number][] = [
  ['exp', Math.exp, 2],
  ['expm1', Math.expm1, 2],
  ['log', Math.log, 2],
  ['log1p', Math.log1p, 2],
  ['tanh', Math.tanh, 2],
  ['erf', erf, 3],
  ['sqrt', Math.sqrt, 0],
  ['sin', Math.sin, 2],
  ['cos', Math.cos, 2],
  ['tan', Math.tan, 3],
  ['asin', Math.asin, 3],
  ['acos', Math.acos, 3],
  ['atan', Math.atan, 3],
  ['log2', Math.log2, 2],
  ['log10', Math.log10, 2],
];

/** Python's remainder of singles. */
function remainder(x: number, y: number): number {
  const rest = x % y;
  return rest !== 0 && rest < 0 !== y < 0 ? Math.fround(rest + y) : rest;
}

/** PyTorch's floor division of singles. */
function floorDivide(x: number, y: number): number {
  const { fround } = Math;
  if (y === 0) return x / y;
  const rest = x % y;
  const less = rest !== 0 && rest < 0 !== y < 0 ? 1 : 0;
  const exact = fround(fround(fround(x - rest) / y) - less);
  const down = Math.floor(exact);
  if (exact === 0) return x / y < 0 || Object.is(x / y, -0) ? -0 : 0;
  return exact - down > 0.5 ? down + 1 : down;
}

/** C's: 1 to any power, and -1 to an infinite one, are 1. */
const power = (x: number, y: number): number => (x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y);

const EDGES = [0, -0, 1, -1, 2, -2, 0.5, -0.5, 3, -7, 1e-40, -1e-40, 1e38, -1e38, Infinity, -Infinity, NaN, 16777217, 5e9];

describe('single-precision functions of two numbers', () => {
  it.each([
    ['pow', power, 1],
    ['fmod', (x: number, y: number) => x % y, 0],
    ['remainder', remainder, 0],
    ['floorDivide', floorDivide, 0],
  ] as const)('%s is within its error and right at the edges', (op, reference, ulps) => {
    const x = samples();
    const y = samples();
    EDGES.forEach((a, i) => {
      EDGES.forEach((b, j) => {
        x[EDGES.length * i + j] = a;
        y[EDGES.length * i + j] = b;
      });
    });
    const given = [x, y].map((data) => host('float32', [data.length], [...data]));
    const results = runOp(op, given, NO_ATTRS)[0]!.data as ArrayLike<number>;
    let worst = 0;
    for (let i = 0; i < x.length; i++) {
      const [actual, expected] = [results[i]!, Math.fround(reference(x[i]!, y[i]!))];
      if (Number.isNaN(actual) !== Number.isNaN(expected)) throw new Error(`${op}(${x[i]}, ${y[i]}) = ${actual}, expected ${expected}`);
      if (Object.is(actual, -0) !== Object.is(expected, -0)) throw new Error(`${op}(${x[i]}, ${y[i]}): the other zero`);
      if (!Number.isNaN(actual)) worst = Math.max(worst, Math.abs(rank(actual) - rank(expected)));
    }
    expect(worst).toBeLessThanOrEqual(ulps);
  });
});

describe('single-precision functions', () => {
  it.each(FUNCTIONS)('%s is within its error and right at the edges', (op, reference, ulps) => {
    const x = samples();
    x.set([0, -0, Infinity, -Infinity, NaN, 1, -1, 1e-45, -1e-45, 3.4e38, 88.7228, 88.73, -103.9, -104.1]);
    const layout = layoutOf('float32', [x.length]);
    const { results, dispose } = runLowering(lowerOf(op, NO_ATTRS), [{ dtype: 'float32', shape: [x.length], data: x }], [layout]);
    dispose();
    let worst = 0;
    results[0]!.forEach((value: number | bigint, i: number) => {
      const [actual, expected] = [Number(value), Math.fround(reference(x[i]!))];
      if (Number.isNaN(actual) || Number.isNaN(expected)) {
        if (!Number.isNaN(actual) || !(Number.isNaN(expected) || Number.isNaN(x[i]!)))
          throw new Error(`f(${x[i]}) = ${actual}, expected ${expected}`);
        return;
      }
      worst = Math.max(worst, Math.abs(rank(actual) - rank(expected)));
    });
    expect(worst).toBeLessThanOrEqual(ulps);
  });

  it('keep the sign of zero', () => {
    const zeros = host('float32', [5], [-0, -0, -0, -0, -0]);
    for (const op of ['expm1', 'log1p', 'tanh', 'erf', 'sin'] as const) {
      expect([...runOp(op, [zeros], NO_ATTRS)[0]!.data]).toEqual([-0, -0, -0, -0, -0]);
    }
  });
});

describe('double-precision functions', () => {
  it('are those of the host', () => {
    const x = host('float64', [6], [-3.3, -0.2, 0, 0.7, 5, 40]);
    const of = (op: UnaryName | MathematicsName | 'tanh'): number[] => Array.from(runOp(op, [x], NO_ATTRS)[0]!.data, Number);
    const values = Array.from(x.data, Number);
    // Exponentials are our own, and native kernels call the C library's functions: the last bit may differ.
    const near = (y: number, i: number, fn: (x: number) => number, exact: boolean): void =>
      expect(Math.abs(y - fn(values[i]!))).toBeLessThanOrEqual(exact ? 0 : 2 ** -51 * Math.abs(fn(values[i]!)));
    of('exp').forEach((y, i) => near(y, i, Math.exp, false));
    of('tanh').forEach((y, i) => near(y, i, Math.tanh, !isNative));
    of('erf').forEach((y, i) => expect(y).toBeCloseTo(erf(values[i]!), 14));
  });
});
