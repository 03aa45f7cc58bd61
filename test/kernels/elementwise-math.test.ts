import { describe, expect, it } from 'vitest';
import { layoutOf } from '../../src/base/layout.ts';
import { NO_ATTRS, type OpRule, type Attrs } from '../../src/tensor/ops/rule.ts';
import { activationRules } from '../../src/tensor/ops/unary-activation.ts';
import { unaryRules } from '../../src/tensor/ops/unary.ts';
import { host, runOp } from '../support/op-case.ts';
import { runLowering } from '../support/run-kernel.ts';

const isNative = process.env['FLAMBEAU_NATIVE'] === 'wait';
const bits = new Int32Array(1);
const float = new Float32Array(bits.buffer);
/** Position of a float among all floats. */
function rank(x: number): number {
  float[0] = x;
  return bits[0]! < 0 ? -(bits[0]! & 0x7fffffff) : bits[0]!;
}

/** 2/√π Σ …, as in the double-precision kernel: the reference for the single-precision one. */
function erf(x: number): number {
  if (Number.isNaN(x) || Math.abs(x) > 6) return Math.sign(x);
  let [term, sum, n] = [x, 0, 1];
  while (sum + term !== sum) {
    sum += term;
    n += 2;
    term = (term * x * x * 2) / n;
  }
  return x === 0 ? x : (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
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

const FUNCTIONS: readonly [string, OpRule<Attrs>, (x: number) => number, number][] = [
  ['exp', unaryRules.exp, Math.exp, 2],
  ['expm1', unaryRules.expm1, Math.expm1, 2],
  ['log', unaryRules.log, Math.log, 2],
  ['log1p', unaryRules.log1p, Math.log1p, 2],
  ['tanh', activationRules.tanh, Math.tanh, 2],
  ['erf', unaryRules.erf, erf, 3],
  ['sqrt', unaryRules.sqrt, Math.sqrt, 0],
  ['sin', unaryRules.sin, Math.sin, 0],
  ['log2', unaryRules.log2, Math.log2, 0],
];

describe('single-precision functions', () => {
  it.each(FUNCTIONS)('%s is within its error and right at the edges', (_, rule, reference, ulps) => {
    const x = samples();
    x.set([0, -0, Infinity, -Infinity, NaN, 1, -1, 1e-45, -1e-45, 3.4e38, 88.7228, 88.73, -103.9, -104.1]);
    const layout = layoutOf('float32', [x.length]);
    const { results, dispose } = runLowering(
      (l, inputs, outputs) => rule.lower(l, inputs, outputs, NO_ATTRS),
      [{ dtype: 'float32', shape: [x.length], data: x }],
      [layout],
    );
    dispose();
    let worst = 0;
    results[0]!.forEach((value: number | bigint, i: number) => {
      const [actual, expected] = [Number(value), Math.fround(reference(x[i]!))];
      if (Number.isNaN(actual) || Number.isNaN(expected)) {
        if (!Number.isNaN(actual) || !(Number.isNaN(expected) || Number.isNaN(x[i]!))) throw new Error(`f(${x[i]}) = ${actual}, expected ${expected}`); // prettier-ignore
        return;
      }
      worst = Math.max(worst, Math.abs(rank(actual) - rank(expected)));
    });
    expect(worst).toBeLessThanOrEqual(ulps);
  });

  it('keep the sign of zero', () => {
    const zeros = host('float32', [5], [-0, -0, -0, -0, -0]);
    for (const rule of [unaryRules.expm1, unaryRules.log1p, activationRules.tanh, unaryRules.erf, unaryRules.sin]) {
      expect([...runOp(rule, [zeros], NO_ATTRS)[0]!.data]).toEqual([-0, -0, -0, -0, -0]);
    }
  });
});

describe('double-precision functions', () => {
  it('are those of the host', () => {
    const x = host('float64', [6], [-3.3, -0.2, 0, 0.7, 5, 40]);
    const of = (rule: OpRule<Attrs>): number[] => Array.from(runOp(rule, [x], NO_ATTRS)[0]!.data, Number);
    const values = Array.from(x.data, Number);
    // Native kernels call the C library's, whose last bit may differ.
    const near = (y: number, i: number, fn: (x: number) => number): void =>
      expect(Math.abs(y - fn(values[i]!))).toBeLessThanOrEqual(isNative ? 2 ** -51 * Math.abs(fn(values[i]!)) : 0);
    of(unaryRules.exp).forEach((y, i) => near(y, i, Math.exp));
    of(activationRules.tanh).forEach((y, i) => near(y, i, Math.tanh));
    of(unaryRules.erf).forEach((y, i) => expect(y).toBeCloseTo(erf(values[i]!), 14));
  });
});
