import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DType } from '../../src/base/dtype.ts';
import { layoutOf } from '../../src/base/layout.ts';
import { reducedDims, reducedShape, reduceParams, scanParams, varianceParams } from '../../src/geometry/reduce.ts';
import { reduceRules } from '../../src/tensor/ops/reduce.ts';
import { host, runOp } from '../support/op-case.ts';
import { device, type HostTensor } from '../support/run-kernel.ts';
import { denseStrides, elementAt, elements, indicesOf, shapes, tensors } from './strided-reference.ts';

/** The elements that each result is made of, in order. */
function groups(x: HostTensor, dims: readonly number[]): number[][] {
  const strides = x.strides ?? denseStrides(x.shape);
  const offsets = (reduced: boolean): number[] => {
    const shape = x.shape.map((size, i) => (dims.includes(i) === reduced ? size : 1));
    return [...indicesOf(shape)].map((index) => index.reduce((at, k, d) => at + k * strides[d]!, 0));
  };
  const inner = offsets(true);
  return offsets(false).map((at) => inner.map((offset) => Number(x.data[at + offset])));
}

const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);

const cases = (dtypes: readonly DType[]): fc.Arbitrary<{ x: HostTensor; dims: number[] | undefined; keepdim: boolean }> =>
  fc
    .tuple(shapes(1, 4, 6), fc.constantFrom(...dtypes))
    .chain(([shape, dtype]) =>
      fc.record({
        x: tensors(shape, dtype),
        dims: fc.option(fc.subarray(shape.map((_, i) => i)), { nil: undefined }),
        keepdim: fc.boolean(),
      }),
    )
    .map(({ x, dims, keepdim }) => ({ x, dims: dims?.length === 0 ? undefined : dims, keepdim }));

const runs = { numRuns: 80 };
const ALL: readonly DType[] = ['float32', 'float64', 'int32', 'int64', 'uint8', 'bool'];

function check(
  name: 'sum' | 'amax' | 'amin' | 'prod' | 'any' | 'all',
  dtypes: readonly DType[],
  reference: (list: readonly number[]) => number,
): void {
  fc.assert(
    fc.property(cases(dtypes), ({ x, dims, keepdim }) => {
      const which = name === 'prod' && dims !== undefined ? dims.slice(0, 1) : dims;
      const params = reduceParams(which, keepdim);
      const [out] = runOp(name, [x], params);
      const reduced = reducedDims(name, x.shape, which ?? null);
      expect(out!.shape).toEqual(reducedShape(x.shape, reduced, keepdim));
      expect(Array.from(out!.data, Number)).toEqual(groups(x, reduced).map(reference));
    }),
    runs,
  );
}

describe('reductions of any layout along any dimensions', () => {
  it('sum', () => check('sum', ALL, sum));
  it('amax', () => check('amax', ALL, (list) => Math.max(...list)));
  it('amin', () => check('amin', ALL, (list) => Math.min(...list)));
  it('any', () => check('any', ['float32', 'float64', 'int64', 'bool'], (list) => Number(list.some((v) => v !== 0))));
  it('all', () => check('all', ['float32', 'float64', 'int64', 'bool'], (list) => Number(list.every((v) => v !== 0))));
  it('prod', () =>
    check('prod', ['int64', 'bool', 'uint8'], (list) =>
      Number(
        BigInt.asIntN(
          64,
          list.reduce((a, b) => a * BigInt(b), 1n),
        ),
      ),
    ));

  it('mean, var and std', () => {
    fc.assert(
      fc.property(cases(['float32', 'float64']), ({ x, dims, keepdim }) => {
        const reduced = reducedDims('mean', x.shape, dims ?? null);
        const [mean] = runOp('mean', [x], reduceParams(dims, keepdim));
        const [variance] = runOp('var', [x], varianceParams(dims, keepdim, 1));
        const [deviation] = runOp('std', [x], varianceParams(dims, keepdim, 0));
        groups(x, reduced).forEach((list, i) => {
          const centre = sum(list) / list.length;
          const squares = sum(list.map((v) => (v - centre) ** 2));
          expect(Number(mean!.data[i])).toBeCloseTo(centre, 5);
          if (list.length < 2) expect(variance!.data[i]).toBe(NaN);
          else expect(Math.abs(Number(variance!.data[i]) - squares / (list.length - 1))).toBeLessThan(1e-4);
          expect(Number(deviation!.data[i])).toBeCloseTo(Math.sqrt(squares / list.length), 4);
        });
      }),
      runs,
    );
  });

  it('extremes with their places, the first of equals', () => {
    fc.assert(
      fc.property(cases(ALL), fc.boolean(), ({ x, dims, keepdim }, largest) => {
        const which = dims?.slice(0, 1);
        const reduced = reducedDims('max', x.shape, which ?? null);
        const lists = groups(x, reduced);
        const best = lists.map((list) => (largest ? Math.max(...list) : Math.min(...list)));
        const place = lists.map((list, i) => list.indexOf(best[i]!));
        // PyTorch has no place of an extreme for bool, but extremes with their places.
        const places = (): HostTensor => runOp(largest ? 'argmax' : 'argmin', [x], reduceParams(which, keepdim))[0]!;
        if (x.dtype === 'bool') expect(places).toThrow(/bool/);
        else expect(Array.from(places().data, Number)).toEqual(place);
        const [values, indices] = runOp(largest ? 'maxDim' : 'minDim', [x], reduceParams(which, keepdim));
        expect(Array.from(values!.data, Number)).toEqual(best);
        expect(Array.from(indices!.data, Number)).toEqual(place);
        expect(indices!.shape).toEqual(reducedShape(x.shape, reduced, keepdim));
      }),
      runs,
    );
  });

  it('running sums, forth and back', () => {
    fc.assert(
      fc.property(cases(ALL), fc.boolean(), ({ x, dims }, reverse) => {
        if (x.shape.length === 0) return;
        const dim = dims?.[0] ?? 0;
        const [out] = runOp('cumsum', [x], scanParams(dim, reverse));
        const expected = [...indicesOf(x.shape)].map((at) => {
          const along = Array.from({ length: x.shape[dim]! }, (_, k) => k).filter((k) => (reverse ? k >= at[dim]! : k <= at[dim]!));
          return sum(
            along.map((k) =>
              elementAt(
                x,
                at.map((i, d) => (d === dim ? k : i)),
              ),
            ),
          );
        });
        expect(Array.from(out!.data, Number)).toEqual(expected);
      }),
      runs,
    );
  });

  it('logsumexp', () => {
    const rows = [
      [1000, 1000],
      [-1000, -1001],
      [-Infinity, -Infinity],
      [Infinity, 3],
      [NaN, 1],
      [0.5, -0.25],
    ];
    const x = host('float32', [6, 2], rows.flat());
    const [out] = runOp('logsumexp', [x], reduceParams(1, false));
    const expected = [1000.6931472, -999.6867383, -Infinity, Infinity, NaN, 0.887];
    expected.forEach((v, i) => (Number.isFinite(v) ? expect(Number(out!.data[i])).toBeCloseTo(v, 3) : expect(out!.data[i]).toBe(v)));
  });
});

/** Patterns that take each walk, and the ones that need a copy first, larger than one group. */
type Pattern = readonly [name: string, shape: readonly number[], dims: readonly number[], strides?: readonly number[]];
const LARGE: readonly Pattern[] = [
  ['everything', [70_001], [0]],
  ['rows', [20, 3001], [1]],
  ['long rows', [2, 50_001], [1]],
  ['columns', [3001, 37], [0]],
  ['columns of two', [700, 2], [0]],
  ['channels of a batch of images', [40, 2, 33, 31], [0, 2, 3]],
  ['channels of small images', [300, 7, 3, 3], [0, 2, 3]],
  ['the middle', [4, 300, 70], [1]],
  ['first and last but one', [9, 20, 30, 5], [0, 2]],
  ['a transposed matrix', [300, 211], [1], [1, 300]],
  ['repeated rows', [400, 60], [0], [0, 1]],
];

const NAMED = LARGE.map((pattern) => ({ name: pattern[0], pattern }));

describe('large reductions', () => {
  const make = ([, shape, , strides]: Pattern, dtype: DType): HostTensor => {
    const count = shape.reduce((n, size) => n * size, 1);
    return { ...host(dtype, [count], Array.from({ length: count }, (_, i) => (i * 7919) % 13)), shape, ...(strides && { strides }) }; // prettier-ignore
  };

  it.each(NAMED)('$name', ({ pattern }) => {
    const [, , dims] = pattern;
    for (const dtype of ['float32', 'uint8', 'int64'] as const) {
      const x = make(pattern, dtype);
      const expected = groups(x, dims).map(sum);
      expect(Array.from(runOp('sum', [x], reduceParams(dims, false))[0]!.data, Number)).toEqual(expected);
    }
    const x = make(pattern, 'float64');
    const largest = groups(x, dims).map((list) => Math.max(...list));
    expect(Array.from(runOp('amax', [x], reduceParams(dims, true))[0]!.data, Number)).toEqual(largest);
  });

  it.each(NAMED)('$name: the same bits on one thread and on two', ({ pattern }) => {
    const x = make(pattern, 'float32');
    const noisy = { ...x, data: Float32Array.from(x.data as Float32Array, (v, i) => Math.sin(i * 12.9898) * v) };
    const results = [1, 2].map((threads) => {
      device.threads = threads;
      const [total] = runOp('sum', [noisy], reduceParams(pattern[2], false));
      const [variance] = runOp('var', [noisy], varianceParams(pattern[2], false, 1));
      return [total!.data, variance!.data];
    });
    device.threads = 1;
    expect(results[0]).toEqual(results[1]);
  });

  it('adds ten million float32 elements within 1e-6', () => {
    const n = 10_000_000;
    const data = new Float32Array(n);
    let exact = 0;
    for (let i = 0; i < n; i++) {
      data[i] = ((i * 7919) % 1000) / 1000 + 0.1;
      exact += data[i]!;
    }
    const [total] = runOp('sum', [{ dtype: 'float32', shape: [n], data }], reduceParams(undefined, false));
    expect(Math.abs(Number(total!.data[0]) / exact - 1)).toBeLessThan(1e-6);
    const [columns] = runOp('mean', [{ dtype: 'float32', shape: [n / 4, 4], data }], reduceParams(0, false));
    expect(Math.abs((sum(Array.from(columns!.data, Number)) * n) / 4 / exact - 1)).toBeLessThan(1e-6);
  });
});

describe('long lines', () => {
  it.each<DType>(['float32', 'int32', 'float64', 'int64'])('%s extremes: first of equals, NaN first', (dtype) => {
    const lines = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 9 }));
    const data = lines.chain(([outer, length, inner]) =>
      fc
        .array(fc.integer({ min: 0, max: 9 }), { minLength: outer * length * inner, maxLength: outer * length * inner })
        .map((list) => ({ shape: [outer, length, inner], list })),
    );
    const floating = dtype.startsWith('float');
    fc.assert(
      fc.property(data, fc.boolean(), ({ shape, list }, rare) => {
        // a nine is a NaN in some runs
        const x = host(dtype, shape, floating && rare ? list.map((v) => (v === 9 ? NaN : v)) : list);
        const [values, indices] = runOp('maxDim', [x], reduceParams(1, false));
        groups(x, [1]).forEach((line, i) => {
          const firstNaN = line.findIndex(Number.isNaN);
          const place = firstNaN >= 0 ? firstNaN : line.indexOf(Math.max(...line));
          expect(Number(indices!.data[i])).toBe(place);
          expect(Number(values!.data[i])).toBe(line[place]);
        });
      }),
      runs,
    );
  });
});

describe('lines side by side', () => {
  it.each<DType>(['float32', 'float64', 'int64', 'uint8'])('%s running sums', (dtype) => {
    const [outer, length, inner] = [3, 7, 37];
    const count = outer * length * inner;
    const x = host(
      dtype,
      [outer, length, inner],
      Array.from({ length: count }, (_, i) => (i * 7919) % 11),
    );
    for (const reverse of [false, true]) {
      const [out] = runOp('cumsum', [x], scanParams(1, reverse));
      const expected = new Array<number>(count);
      for (let o = 0; o < outer; o++)
        for (let i = 0; i < inner; i++) {
          let total = 0;
          for (let k = 0; k < length; k++) {
            const at = (o * length + (reverse ? length - 1 - k : k)) * inner + i;
            total += Number(x.data[at]);
            expected[at] = total;
          }
        }
      expect(Array.from(out!.data, Number)).toEqual(expected);
    }
  });
});

describe('edges of reductions', () => {
  it('of nothing', () => {
    const none = host('float32', [3, 0], []);
    expect([...runOp('sum', [none], reduceParams(1, false))[0]!.data]).toEqual([0, 0, 0]);
    expect([...runOp('prod', [none], reduceParams(1, false))[0]!.data]).toEqual([1, 1, 1]);
    expect([...runOp('mean', [none], reduceParams(1, false))[0]!.data]).toEqual([NaN, NaN, NaN]);
    expect([...runOp('all', [none], reduceParams(1, false))[0]!.data]).toEqual([1, 1, 1]);
    expect(runOp('sum', [none], reduceParams(0, false))[0]!.shape).toEqual([0]);
    expect(() => runOp('amax', [none], reduceParams(1, false))).toThrow(/amax.*\[3, 0\]/);
    expect(() => runOp('argmax', [none], reduceParams(undefined, false))).toThrow(/argmax/);
  });

  it('NaN wins, and the first NaN is the place', () => {
    const x = host('float32', [2, 4], [1, NaN, 9, NaN, 4, 7, 7, 2]);
    const [values, indices] = runOp('maxDim', [x], reduceParams(1, false));
    expect([...values!.data]).toEqual([NaN, 7]);
    expect([...indices!.data]).toEqual([1n, 1n]);
    expect([...runOp('amin', [x], reduceParams(1, false))[0]!.data]).toEqual([NaN, 2]);
  });

  it('extremes of integers reach the ends of their range', () => {
    const x = { dtype: 'int64', shape: [3], data: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, 0n) } as const;
    expect(runOp('amax', [x], reduceParams(0, false))[0]!.data[0]).toBe(2n ** 63n - 1n);
    expect(runOp('amin', [x], reduceParams(0, false))[0]!.data[0]).toBe(-(2n ** 63n));
  });

  it('the gradient of a product is right where elements are zero', () => {
    const x = host('float32', [3, 3], [2, 3, 4, 0, 3, 4, 0, 0, 5]);
    const g = host('float32', [3], [1, 10, 1]);
    const [slope] = runOp('prodGrad', [g, x], reduceParams(1, false));
    expect([...slope!.data]).toEqual([12, 8, 6, 120, 0, 0, 0, 0, 0]);
  });

  it('the gradient of an extreme goes to its place', () => {
    const x = host('float64', [2, 3], [0, 0, 0, 0, 0, 0]);
    const places = { dtype: 'int64', shape: [3], data: BigInt64Array.of(1n, 0n, 1n) } as const;
    const [slope] = runOp('extremeGrad', [host('float64', [3], [5, 6, 7]), places, x], reduceParams(0, false));
    expect([...slope!.data]).toEqual([0, 6, 0, 5, 0, 7]);
  });

  it('names what does not fit', () => {
    const ints = host('int64', [2, 2], [1, 2, 3, 4]);
    expect(() => runOp('mean', [ints], reduceParams(undefined, false))).toThrow(/mean.*int64.*to\('float32'\)/);
    expect(() => runOp('sum', [ints], reduceParams([0, -2], false))).toThrow(/twice/);
    expect(() => runOp('sum', [ints], reduceParams(2, false))).toThrow(/out of range/);
    expect(() => runOp('prod', [ints], reduceParams([0, 1], false))).toThrow(/one dimension/);
    expect(() => runOp('var', [ints], varianceParams(0, false, 1))).toThrow(/float32 or float64/);
  });

  it('keeps attributes and layouts one object each', () => {
    expect(reduceParams([0, 1], true)).toBe(reduceParams([0, 1], true));
    expect(reduceParams(0, true)).not.toBe(reduceParams(0, false));
    expect(reduceRules.sum.shape([layoutOf('bool', [4])], reduceParams(0, false))[0]!.dtype).toBe('int64');
    expect(elements(host('int32', [2], [1, 2]))).toEqual([1, 2]);
  });
});
