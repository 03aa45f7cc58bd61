import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DTYPES, promote, wrapped, type DType, type TypedArray } from '../../src/base/dtype.ts';
import { halfBits, widened } from '../../src/base/half.ts';
import { layoutOf } from '../../src/base/layout.ts';
import { NO_ATTRS } from '../../src/geometry/attrs.ts';
import { scalarAttrs } from '../../src/geometry/elementwise.ts';
import { coalesce } from '../../src/kernels/cpu/elementwise/access.ts';
import { elementwiseKernel } from '../../src/kernels/cpu/elementwise/elementwise.ts';
import { lowerElementwise } from '../../src/lower/cpu/elementwise.ts';
import { lowerOf } from '../../src/tensor/graph-op.ts';
import type { BinaryAttrs } from '../../src/tensor/ops/binary.ts';
import { castParams } from '../../src/tensor/ops/copy.ts';
import type { UnaryName } from '../../src/tensor/ops/unary.ts';
import { host, hostLayout, runOp } from '../support/op-case.ts';
import { device, runLowering, type HostTensor } from '../support/run-kernel.ts';
import { elements, indicesOf, narrower, shapes, special, tensors } from './strided-reference.ts';

const runs = { numRuns: 60 };

/** What a host array of a dtype holds: floats of 16 bits are there as their bits. */
const numbersOf = (dtype: DType, data: TypedArray): number[] =>
  dtype === 'float16' || dtype === 'bfloat16' ? [...widened(data as Uint16Array, dtype)] : Array.from(data, Number);
const rounded = (dtype: 'float16' | 'bfloat16', value: number): number => widened(Uint16Array.of(halfBits(dtype, value)), dtype)[0]!;
const dtypes = fc.constantFrom<DType>(...DTYPES);

/** Writes through an output of any strides: into a view of a dense block that was filled with `around`. */
function writeThrough(
  target: HostTensor,
  write: Parameters<typeof runLowering>[0],
  inputs: readonly HostTensor[],
  scalars: readonly number[] = [],
): number[] {
  const layout = hostLayout(target);
  const block = layoutOf(target.dtype, [target.data.length]);
  const { results, dispose } = runLowering(
    (l, [base, ...others], [out]) => {
      lowerOf('copy', NO_ATTRS)(l, [base!], [out!]);
      write(l, others, [l.view(out!, layout)]);
    },
    [{ dtype: target.dtype, shape: [target.data.length], data: target.data }, ...inputs],
    [block],
    scalars,
  );
  dispose();
  return Array.from(results[0]!, Number);
}

describe('walks', () => {
  it('merges dimensions that lie evenly, in the order of the output', () => {
    const shape = [2, 3, 4];
    expect(coalesce(shape, [[12, 4, 1], [12, 4, 1]], 1)).toEqual({ sizes: [24], strides: [[1], [1]] }); // prettier-ignore
    expect(coalesce(shape, [[0, 0, 1], [12, 4, 1]], 1)).toEqual({ sizes: [6, 4], strides: [[0, 1], [4, 1]] }); // prettier-ignore
    expect(coalesce(shape, [[1, 2, 6], [1, 2, 6]], 1)).toEqual({ sizes: [24], strides: [[1], [1]] }); // prettier-ignore
    expect(coalesce([1, 1], [[5, 5]], 0)).toEqual({ sizes: [], strides: [[]] });
  });

  it('adds tensors of any strides, broadcast and of any dtypes', () => {
    const combine = (a: DType, b: DType): boolean => a === b || (a !== 'uint16' && b !== 'uint16');
    const pair = fc
      .tuple(shapes(), dtypes, dtypes)
      .filter(([, a, b]) => combine(a, b))
      .chain(([shape, a, b]) =>
        fc.tuple(
          narrower(shape).chain((s) => tensors(s, a)),
          tensors(shape, b),
        ),
      );
    fc.assert(
      fc.property(pair, ([a, b]) => {
        const [out] = runOp('add', [a, b], NO_ATTRS);
        const result = a.dtype === 'bool' && b.dtype === 'bool' ? (v: number) => Math.min(v, 1) : (v: number) => v;
        expect(out!.shape).toEqual(b.shape);
        const [x, y] = [elements(a, b.shape), elements(b)];
        const wrap = out!.dtype.startsWith('uint') ? (v: number) => wrapped(out!.dtype, v) : result;
        expect(elements(out!)).toEqual(x.map((v, i) => wrap(v + y[i]!)));
      }),
      runs,
    );
  });

  it('writes outputs of any strides and leaves what lies between', () => {
    const triple = fc
      .tuple(shapes(), fc.constantFrom<DType>('float32', 'float64', 'int64', 'uint8', 'bool'))
      .chain(([shape, dtype]) => fc.tuple(tensors(shape, dtype, false), tensors(shape, dtype)));
    fc.assert(
      fc.property(triple, ([target, source]) => {
        const written = writeThrough(target, (l, [x], outs) => lowerOf('copy', NO_ATTRS)(l, [x!], outs), [source]);
        const expected = Array.from(target.data, Number);
        const values = elements(source);
        [...indicesOf(target.shape)].forEach((index, i) => {
          expected[index.reduce((at, k, d) => at + k * target.strides![d]!, 0)] = values[i]!;
        });
        expect(written).toEqual(expected);
      }),
      runs,
    );
  });

  it.each<DType>(['float32', 'float64', 'int32', 'int64', 'uint8', 'bool'])('fills views of %s', (dtype) => {
    const target = host(dtype, [5, 9], new Array<number>(45).fill(1));
    const view: HostTensor = { ...target, shape: [5, 4], strides: [9, 1] };
    const value = dtype === 'bool' ? 0 : 7;
    const fill: Parameters<typeof writeThrough>[1] = (l, _, outs) => lowerOf('fill', NO_ATTRS)(l, outs, outs);
    expect(writeThrough(view, fill, [], [value])).toEqual(Array.from({ length: 45 }, (_, i) => (i % 9 < 4 ? value : 1)));
  });

  it('runs several inputs, outputs and scalars in one kernel, in place', () => {
    const n = 37;
    const x = host(
      'float32',
      [n],
      Array.from({ length: n }, (_, i) => i),
    );
    const operand = { dtype: 'float32', as: 'f32' } as const;
    const { results, dispose } = runLowering(
      (l, [a, b, c], [sum, product]) =>
        lowerElementwise(
          l,
          {
            name: 'test',
            inputs: [operand, operand, operand],
            outputs: [operand, operand],
            scalars: ['f32'],
            results: ([p, q, r], [s]) => {
              const both = p!.add(q!);
              return [both.add(r!), both.mul(s!)];
            },
            cost: 1,
          },
          [a!, b!, c!],
          [sum!, product!],
          [l.scalar(0)],
        ),
      [x, x, host('float32', [1], [10])],
      [layoutOf('float32', [n]), layoutOf('float32', [n])],
      [3],
    );
    dispose();
    expect([...results[0]!]).toEqual(Array.from({ length: n }, (_, i) => 2 * i + 10));
    expect([...results[1]!]).toEqual(Array.from({ length: n }, (_, i) => 6 * i));
  });

  it('compiles one kernel for all sizes of a walk', () => {
    const operand = { dtype: 'float32', as: 'f32' } as const;
    const spec = { name: 'same', inputs: [operand], outputs: [operand], scalars: [], cost: 0 };
    const build = (): unknown =>
      elementwiseKernel({ ...device.target, name: 'none' }, { ...spec, results: ([x]) => [x!] }, { outer: 0, spacing: ['dense', 'dense'] });
    expect(build()).toBe(build());
  });
});

describe('the same bits', () => {
  const n = 300_007;
  const x = special(n, 'float32');
  const y = special(n + 5, 'float32');
  const tail: HostTensor = { ...y, shape: [n], data: y.data.slice(5) };

  it('on one thread and on two', () => {
    const results = [1, 2].map((threads) => {
      device.threads = threads;
      return [runOp('exp', [x], NO_ATTRS), runOp('addAlpha', [x, tail], NO_ATTRS, [0.3]), runOp('tanh', [x], NO_ATTRS)].map(([out]) =>
        Buffer.from(out!.data.buffer).toString('base64'),
      );
    });
    device.threads = 1;
    expect(results[0]!.every((bits, i) => bits === results[1]![i])).toBe(true);
  });

  it('wherever an element lies, and in whatever layout', () => {
    const shape = [3, 7, 11];
    const dense: HostTensor = { ...x, shape, data: x.data.slice(0, 231) };
    const turned: HostTensor = { dtype: 'float32', shape, strides: [1, 3, 21], data: new Float32Array(231) };
    [...indicesOf(shape)].forEach(([i, j, k], at) => (turned.data[i! + 3 * j! + 21 * k!] = dense.data[at]!));
    for (const op of ['exp', 'log', 'sigmoid', 'gelu'] as const) {
      const whole = runOp(op, [dense], NO_ATTRS)[0]!;
      expect(runOp(op, [turned], NO_ATTRS)[0]!.data).toEqual(whole.data);
      for (const at of [0, 5, 230]) {
        const one = runOp(op, [{ ...dense, shape: [1], data: dense.data.slice(at, at + 1) }], NO_ATTRS)[0]!;
        expect(one.data[0]).toEqual(whole.data[at]);
      }
    }
  });
});

describe('copies and casts', () => {
  it('converts every dtype to every other as PyTorch does', () => {
    const samples: Record<DType, number[]> = {
      float32: [0, -0, 1, 1.9, -1.9, 2.5, 100.7, 3e-5, NaN],
      float64: [0, -0, 1, 1.9, -1.9, 2.5, 100.7, 3e-5, NaN],
      int32: [0, 1, -1, 300, 255, -128, 77, 5, 6],
      int64: [0, 1, -1, 300, 255, -128, 77, 5, 6],
      uint8: [0, 1, 2, 255, 128, 77, 5, 6, 7],
      bool: [0, 1, 1, 0, 1, 0, 0, 1, 1],
      int8: [0, 1, -1, 127, -128, 77, 5, 6, 7],
      int16: [0, 1, -1, 300, -32768, 32767, 5, 6, 7],
      uint16: [0, 1, 2, 300, 65535, 32768, 5, 6, 7],
      float16: [0, -0, 1, 1.9, -1.9, 2.5, 100.7, 3e-5, NaN],
      bfloat16: [0, -0, 1, 1.9, -1.9, 2.5, 100.7, 3e-5, NaN],
    };
    const convert: Record<DType, (v: number) => number> = {
      float32: Math.fround,
      float64: (v) => v,
      int32: (v) => Math.trunc(v) | 0,
      int64: (v) => Math.trunc(v || 0),
      uint8: (v) => Math.trunc(v) & 255,
      bool: (v) => Number(v !== 0),
      int8: (v) => (Math.trunc(v) << 24) >> 24,
      int16: (v) => (Math.trunc(v) << 16) >> 16,
      uint16: (v) => Math.trunc(v) & 0xffff,
      float16: (v) => rounded('float16', v),
      bfloat16: (v) => rounded('bfloat16', v),
    };
    for (const from of DTYPES) {
      const input = host(from, [9], samples[from]);
      for (const to of DTYPES) {
        const [out] = runOp('cast', [input], castParams(to));
        expect(out!.dtype).toBe(to);
        const expected = numbersOf(from, input.data).map((v) => convert[to](v) + 0);
        const actual = numbersOf(to, out!.data).map((v) => v + 0);
        expect(actual, `${from} to ${to}`).toEqual(expected);
      }
    }
  });

  it('turns large tensors by tiles without losing an element', () => {
    const sizes = fc.tuple(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 4, max: 70 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 4, max: 70 }),
    );
    const turned = fc.tuple(
      sizes,
      fc.constantFrom<DType>('float32', 'float64', 'int64', 'uint8'),
      fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }),
    );
    fc.assert(
      fc.property(turned, ([shape, dtype, order]) => {
        const strides = [0, 0, 0, 0];
        let step = 1;
        for (const d of order) {
          strides[d] = step;
          step *= shape[d]!;
        }
        const input: HostTensor = { ...host(dtype, [step], Array.from({ length: step }, (_, i) => i % 251)), shape, strides }; // prettier-ignore
        const [out] = runOp('copy', [input], NO_ATTRS);
        expect(Array.from(out!.data, Number)).toEqual(elements(input));
        const [sum] = runOp('maximum', [input, out!], NO_ATTRS);
        expect(sum!.data).toEqual(out!.data);
      }),
      { numRuns: 40 },
    );
  });
});

describe('edges', () => {
  const nan = (v: number): boolean => Number.isNaN(v);
  const x = special(64, 'float32');
  const numbers = Array.from(x.data, Number);
  const run = (op: UnaryName | 'relu'): number[] => Array.from(runOp(op, [x], NO_ATTRS)[0]!.data, Number);

  it('relu keeps NaN and the sign of zero; its gradient at zero is zero', () => {
    expect(run('relu')).toEqual(numbers.map((v) => (v < 0 ? 0 : v)));
    const g = host('float32', [3], [5, 5, 5]);
    const y = host('float32', [3], [0, 2, NaN]);
    expect([...runOp('reluGrad', [g, y], NO_ATTRS)[0]!.data]).toEqual([0, 5, 5]);
  });

  it('maximum, minimum and clamp pass NaN on', () => {
    const other = host('float32', [64], new Array<number>(64).fill(0.25));
    const max = Array.from(runOp('maximum', [x, other], NO_ATTRS)[0]!.data, Number);
    expect(max).toEqual(numbers.map((v) => (nan(v) ? v : Math.max(v, 0.25))));
    const clamped = runOp('clamp', [x], scalarAttrs('float32', 0), [-1, 1])[0]!;
    expect(Array.from(clamped.data, Number)).toEqual(numbers.map((v) => (nan(v) ? v : Math.min(Math.max(v, -1), 1))));
  });

  it('predicates and comparisons treat NaN as unordered', () => {
    const truth = (op: UnaryName): boolean[] => run(op).map(Boolean);
    expect(truth('isnan')).toEqual(numbers.map(nan));
    expect(truth('isinf')).toEqual(numbers.map((v) => Math.abs(v) === Infinity));
    expect(truth('isfinite')).toEqual(numbers.map(Number.isFinite));
    const compared = runOp('leScalar', [x], scalarAttrs('float32', 1), [1])[0]!;
    expect(Array.from(compared.data, Boolean)).toEqual(numbers.map((v) => v <= 1));
    expect(Array.from(runOp('ne', [x, x], NO_ATTRS)[0]!.data, Boolean)).toEqual(numbers.map(nan));
  });

  it("divides and takes remainders with Python's signs", () => {
    const a = host('int64', [6], [7, -7, 7, -7, 6, -6]);
    const b = host('int64', [6], [3, 3, -3, -3, 3, -1]);
    const of = (op: keyof BinaryAttrs, p: HostTensor, q: HostTensor): number[] => Array.from(runOp(op, [p, q], NO_ATTRS)[0]!.data, Number);
    expect(of('floorDivide', a, b)).toEqual([2, -3, -3, 2, 2, 6]);
    expect(of('remainder', a, b)).toEqual([1, 2, -2, -1, 0, 0]);
    const p = host('float64', [5], [7.5, -7.5, 1e300, 5, -0.1]);
    const q = host('float64', [5], [2, 2, 0.7, Infinity, 3]);
    expect(of('floorDivide', p, q).slice(0, 2)).toEqual([3, -4]);
    expect(of('fmod', p, q)).toEqual([1.5, -1.5, 1e300 % 0.7, 5, -0.1]);
    expect(of('div', a, b)).toEqual([7, -7, 7, -7, 6, -6].map((v, i) => Math.fround(v / [3, 3, -3, -3, 3, -1][i]!)));
  });

  it('integer division by zero is an error, not a number', () => {
    const one = host('int32', [1], [1]);
    expect(() => runOp('floorDivide', [one, host('int32', [1], [0])], NO_ATTRS)).toThrow();
  });

  it("powers follow C's pow where JavaScript's differs", () => {
    const base = host('float64', [4], [1, -1, 1, 2]);
    const exponent = host('float64', [4], [NaN, Infinity, -Infinity, 0.5]);
    expect([...runOp('pow', [base, exponent], NO_ATTRS)[0]!.data]).toEqual([1, 1, 1, Math.SQRT2]);
  });

  it('whole-number scalars keep integers, fractions make float32', () => {
    const x32 = host('int32', [2], [3, -3]);
    const add = (value: number): HostTensor => runOp('addScalar', [x32], scalarAttrs('int32', value), [value])[0]!;
    expect(add(2)).toMatchObject({ dtype: 'int32', data: Int32Array.of(5, -1) });
    expect(add(0.5)).toMatchObject({ dtype: 'float32', data: Float32Array.of(3.5, -2.5) });
    expect(promote('int64', 'float32')).toBe('float32');
  });

  it('selects by masks of bool, and by no others', () => {
    const mask = host('bool', [4, 1], [1, 0, 1, 0]);
    const a = host('float32', [3], [1, 2, 3]);
    const [chosen] = runOp('where', [mask, a, host('float32', [], [9])], NO_ATTRS);
    expect([...chosen!.data]).toEqual([1, 2, 3, 9, 9, 9, 1, 2, 3, 9, 9, 9]);
    const [filled] = runOp('maskedFill', [a, mask], NO_ATTRS, [-1]);
    expect([...filled!.data]).toEqual([-1, -1, -1, 1, 2, 3, -1, -1, -1, 1, 2, 3]);
    expect(() => runOp('maskedFill', [a, { ...mask, dtype: 'uint8' }], NO_ATTRS, [-1])).toThrow(/mask of dtype bool/);
  });

  it('names what does not fit', () => {
    const bools = host('bool', [2], [1, 0]);
    expect(() => runOp('sub', [bools, bools], NO_ATTRS)).toThrow(/sub: .*bool.*logicalXor/);
    expect(() => runOp('add', [host('float32', [2], [1, 2]), host('float32', [3], [1, 2, 3])], NO_ATTRS)).toThrow(
      /add: cannot broadcast 2 with 3/,
    );
    expect(() => runOp('where', [x, x, x], NO_ATTRS)).toThrow(/condition of dtype bool/);
    expect(() => runOp('bitwiseNot', [x], NO_ATTRS)).toThrow(/bitwiseNot/);
  });
});
