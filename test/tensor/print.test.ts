/** Printed tensors and numbers against what PyTorch and Python print (test/fixtures/print.py). */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { type DType, itemSize, type TypedArray, viewAs } from '../../src/base/dtype.ts';
import { ArgumentError, ShapeError } from '../../src/base/errors.ts';
import { formatExponential, formatFixed, pythonBool, pythonFloat, pythonTuple } from '../../src/base/python-format.ts';
import { numelOf } from '../../src/base/shape.ts';
import { printOptions, setPrintOptions } from '../../src/tensor/print-options.ts';
import { formatSize, formatTensor } from '../../src/tensor/print.ts';
import { toNested } from '../../src/tensor/to-nested.ts';

interface Rule {
  multiplier: number;
  modulus: number;
  shift: number;
  divisor: number;
}
interface Case {
  dtype: DType;
  shape: number[];
  values: (number | string | boolean)[] | Rule;
  requiresGrad?: boolean;
  gradFn?: string;
  options?: { sci_mode?: boolean } & Record<string, never>;
  text: string;
}
const fixture = JSON.parse(readFileSync(new URL('../fixtures/print.json', import.meta.url), 'utf8')) as {
  numbers: [number | string, ...string[]][];
  tensors: Case[];
};

const decode = (value: number | string | boolean): number =>
  typeof value === 'string' ? Number(value.replace('inf', 'Infinity')) : Number(value);

/** The case's elements in a contiguous array. */
function elements({ dtype, shape, values }: Case): TypedArray {
  const count = numelOf(shape);
  const data = viewAs(dtype, new ArrayBuffer(count * itemSize(dtype)), 0, count);
  for (let i = 0; i < count; i++) {
    if (Array.isArray(values)) {
      const value = values[i]!;
      if (data instanceof BigInt64Array) data[i] = BigInt(value);
      else data[i] = decode(value);
    } else {
      const value = (((i * values.multiplier) % values.modulus) - values.shift) / values.divisor;
      if (data instanceof BigInt64Array) data[i] = BigInt(value);
      else data[i] = value;
    }
  }
  return data;
}

afterEach(() => setPrintOptions({ profile: 'default' }));

describe('tensors', () => {
  const named = fixture.tensors.map((row, i) => [`${i}: ${row.dtype} of ${JSON.stringify(row.shape)}`, row] as const);

  test.each(named)('print as in PyTorch, %s', (_, row) => {
    const { sci_mode: sciMode = null, ...options } = row.options ?? {};
    setPrintOptions({ ...options, sciMode });
    const { shape, dtype, requiresGrad = false, gradFn } = row;
    const text = formatTensor({ shape, dtype, data: elements(row) }, { requiresGrad, gradFn });
    const hashed = row.text.startsWith('sha256 ');
    expect(hashed ? `sha256 ${createHash('sha256').update(text).digest('hex')}` : text).toBe(row.text);
  });

  test('elements may come from a function, numbers standing for int64 and bool too', () => {
    for (const row of fixture.tensors.filter(({ options }) => options === undefined)) {
      const data = elements(row);
      const { shape, dtype } = row;
      const at = (index: number): number | bigint => {
        const value = data[index]!;
        return Number.isSafeInteger(Number(value)) ? Number(value) : value;
      };
      expect(formatTensor({ shape, dtype, at: dtype.startsWith('float') ? (i) => data[i]! : at })).toBe(
        formatTensor({ shape, dtype, data }),
      );
    }
    expect(formatTensor({ shape: [2], dtype: 'bool', at: (i) => i === 0 })).toBe('tensor([ True, False])');
  });

  test('a large one is only looked at where it is shown', () => {
    const seen = new Set<number>();
    const at = (index: number): number => {
      seen.add(index);
      return 0;
    };
    const text = formatTensor({ shape: [1000, 3, 1000, 1000], dtype: 'float32', at });
    expect(text.split('\n').length).toBe(151);
    expect(seen.size).toBe(6 * 3 * 6 * 6);
  });

  test('a parameter says so', () => {
    const source = { shape: [2], dtype: 'float32', data: Float32Array.of(1, 2) } as const;
    const text = 'Parameter containing:\ntensor([1., 2.], requires_grad=True)';
    expect(formatTensor(source, { requiresGrad: true, parameter: true })).toBe(text);
  });

  test('no element is lost: the shown ones read back', () => {
    const value = fc.oneof(fc.integer({ min: -500, max: 500 }), fc.constant(0.5), fc.constant(-0.25));
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 300 }), (values) => {
        const text = formatTensor({ shape: [values.length], dtype: 'float64', data: Float64Array.from(values) });
        expect(JSON.parse(text.slice('tensor('.length, text.indexOf(']') + 1).replaceAll(/\.(?=[,\]])/g, ''))).toEqual(values);
        for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80 + 1);
      }),
    );
  });

  test('an array that does not fit the shape is refused', () => {
    expect(() => formatTensor({ shape: [2, 2], dtype: 'float32', data: new Float32Array(3) })).toThrow(ShapeError);
  });

  test('sizes', () => {
    expect(formatSize([32, 7])).toBe('torch.Size([32, 7])');
    expect(formatSize([])).toBe('torch.Size([])');
  });
});

describe('print options', () => {
  test('no edge items leave the dots alone', () => {
    setPrintOptions({ edgeitems: 0, threshold: 2 });
    expect(formatTensor({ shape: [2, 3], dtype: 'float32', data: new Float32Array(6) })).toBe('tensor([...])');
    expect(formatTensor({ shape: [3], dtype: 'int64', data: new BigInt64Array(3) })).toBe('tensor([...])');
  });

  test('sciMode goes back to automatic unless it is given; the rest stays', () => {
    setPrintOptions({ precision: 2, sciMode: true });
    expect(printOptions()).toMatchObject({ precision: 2, sciMode: true });
    setPrintOptions({ linewidth: 60 });
    expect(printOptions()).toEqual({ precision: 2, threshold: 1000, edgeitems: 3, linewidth: 60, sciMode: null });
  });

  test('values that make no sense are refused, and change nothing', () => {
    const bad = [
      { precision: -1 },
      { precision: 1.5 },
      { precision: 101 },
      { threshold: NaN },
      { threshold: -1 },
      { edgeitems: 0.5 },
      { linewidth: 0 },
      { profile: 'long' as 'full' },
      { precision: 3, linewidth: -2 },
    ];
    const before = printOptions();
    for (const options of bad) expect(() => setPrintOptions(options)).toThrow(ArgumentError);
    expect(printOptions()).toEqual(before);
  });
});

describe("numbers in Python's spelling", () => {
  test.each(fixture.numbers)('%s', (encoded, repr, ...formatted) => {
    const value = decode(encoded);
    const digits = [0, 1, 4];
    const got = [...digits.map((d) => formatFixed(value, d)), ...digits.map((d) => formatExponential(value, d))];
    expect(pythonFloat(value)).toBe(repr);
    expect(got.map((text, i) => (formatted[i] === '' ? '' : text))).toEqual(formatted);
  });

  test('repr reads back exactly', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (value) => {
        expect(decode(pythonFloat(value))).toBe(value);
      }),
    );
  });

  test('a fixed number of decimals is the exact value rounded, ties to even', () => {
    const value = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e25, max: 1e25 }),
      fc.tuple(fc.integer({ min: -9999, max: 9999 }), fc.nat(12)).map(([n, shift]) => n / 2 ** shift),
    );
    fc.assert(
      fc.property(value, fc.nat(12), (x, digits) => {
        const scale = 2n ** 1100n; // every double is a whole multiple of its inverse
        const scaled = exactInteger(Math.abs(x)) * 10n ** BigInt(digits);
        const rest = scaled % scale;
        const below = scaled / scale;
        const up = rest * 2n > scale || (rest * 2n === scale && below % 2n === 1n);
        const expected = String(up ? below + 1n : below).padStart(digits + 1, '0');
        const sign = x < 0 || Object.is(x, -0) ? '-' : '';
        const point = digits === 0 ? expected : `${expected.slice(0, -digits)}.${expected.slice(-digits)}`;
        expect(formatFixed(x, digits)).toBe(sign + point);
      }),
      { numRuns: 500 },
    );
  });

  test('booleans and tuples', () => {
    expect([true, false].map(pythonBool)).toEqual(['True', 'False']);
    expect([[], [5], [2, 3], [1n]].map(pythonTuple)).toEqual(['()', '(5,)', '(2, 3)', '(1,)']);
  });
});

/** |x|·2¹¹⁰⁰, exactly. */
function exactInteger(x: number): bigint {
  let [value, shift] = [x, 1100n];
  while (!Number.isInteger(value)) {
    value *= 2;
    shift -= 1n;
  }
  return BigInt(value) << shift;
}

describe('tolist', () => {
  test('nests as deep as the shape', () => {
    const data = Float32Array.of(1, 2, 3, 4, 5, 6);
    expect(toNested(data, [2, 3], 'float32')).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(toNested(data, [3, 1, 2], 'float32')).toEqual([[[1, 2]], [[3, 4]], [[5, 6]]]);
    expect(toNested(data.subarray(0, 1), [], 'float32')).toBe(1);
    expect(toNested(new Float32Array(0), [2, 0, 3], 'float32')).toEqual([[], []]);
    expect(() => toNested(data, [4], 'float32')).toThrow(ShapeError);
  });

  test('int64 is a number where that is exact, bool a boolean', () => {
    const wide = BigInt64Array.of(-3n, 2n ** 53n - 1n, 2n ** 53n, -(2n ** 63n));
    expect(toNested(wide, [4], 'int64')).toEqual([-3, 2 ** 53 - 1, 2n ** 53n, -(2n ** 63n)]);
    expect(toNested(Uint8Array.of(0, 1, 7), [3], 'bool')).toEqual([false, true, true]);
    expect(toNested(Uint8Array.of(0, 1, 7), [3], 'uint8')).toEqual([0, 1, 7]);
  });

  test('flattened, it is the array', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }), (shape) => {
        const data = Int32Array.from({ length: numelOf(shape) }, (_, i) => i * i);
        expect([toNested(data, shape, 'int32')].flat(5)).toEqual([...data]);
      }),
    );
  });
});
