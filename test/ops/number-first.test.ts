/** Functions with a number in front of a tensor, where PyTorch takes one; expected values are PyTorch's. */
import * as flambeau from 'flambeau';
import { add, div, floorDivide, mul, pow, remainder, sub, tensor, Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';
import { ArgumentError } from '../../src/base/errors.ts';

const floats = (): Tensor => tensor([1, 2]);
const whole = (): Tensor => tensor([1, 2], { dtype: 'int64' });
/** With 2 and 2.5 in front of floats and whole numbers: torch.add(2, x), … */
const EXPECTED: Readonly<Record<string, readonly [number, 'float32' | 'int64', string, readonly number[]][]>> = {
  pow: [[2, 'float32', 'float32', [2, 4]], [2, 'int64', 'int64', [2, 4]], [2.5, 'float32', 'float32', [2.5, 6.25]], [2.5, 'int64', 'float32', [2.5, 6.25]]],
  mul: [[2, 'int64', 'int64', [2, 4]], [2.5, 'int64', 'float32', [2.5, 5]]],
  add: [[2, 'int64', 'int64', [3, 4]], [2.5, 'float32', 'float32', [3.5, 4.5]]],
  sub: [[2, 'int64', 'int64', [1, 0]], [2.5, 'float32', 'float32', [1.5, 0.5]]],
  div: [[2, 'int64', 'float32', [2, 1]], [2.5, 'float32', 'float32', [2.5, 1.25]]],
  remainder: [[2, 'int64', 'int64', [0, 0]], [2.5, 'float32', 'float32', [0.5, 0.5]]],
  floorDivide: [[2, 'int64', 'int64', [2, 1]], [2.5, 'int64', 'float32', [2, 1]]],
  bitwiseAnd: [[2, 'int64', 'int64', [0, 2]]],
  bitwiseOr: [[2, 'int64', 'int64', [3, 2]]],
  bitwiseXor: [[2, 'int64', 'int64', [3, 0]]],
  subtract: [[2, 'int64', 'int64', [1, 0]]], multiply: [[2, 'float32', 'float32', [2, 4]]], divide: [[2, 'float32', 'float32', [2, 1]]], trueDivide: [[2, 'int64', 'float32', [2, 1]]],
}; // prettier-ignore
const cases = Object.entries(EXPECTED).flatMap(([name, rows]) => rows.map((row) => [name, ...row] as const));

describe('a number first', () => {
  test.each(cases)('%s(%d, %s)', (name, number, beside, dtype, values) => {
    const call = (flambeau as unknown as Record<string, (a: number, b: Tensor) => Tensor>)[name]!;
    const result = call(number, beside === 'int64' ? whole() : floats());
    expect([result.dtype, result.tolist()]).toEqual([dtype, values]);
  });

  test('with gradients and options', () => {
    const x = tensor([1, 2], { requiresGrad: true });
    add(pow(2, x), div(1, x)).sum().backward();
    expect(
      x
        .grad!.sub(tensor([2 * Math.LN2 - 1, 4 * Math.LN2 - 0.25]))
        .abs()
        .max()
        .item(),
    ).toBeLessThan(1e-6);
    expect(sub(1, floats(), { alpha: 3 }).tolist()).toEqual([-2, -5]);
    expect(add(1, floats(), { alpha: 3 }).tolist()).toEqual([4, 7]);
  });

  test('two numbers, or nothing beside the number, are errors', () => {
    const untyped = [add, sub, mul, div, pow, remainder, floorDivide] as unknown as ((...args: unknown[]) => unknown)[];
    for (const call of untyped) {
      expect(() => call(1, 2)).toThrow(ArgumentError);
      expect(() => call(1)).toThrow(ArgumentError);
      expect(() => call('1', floats())).toThrow(ArgumentError);
    }
  });
});

describe('one index without brackets', () => {
  test('a place, a slice, a mask, a tensor of places', () => {
    const x = tensor([1, 2, 3, 4]);
    expect(x.clone().setAt(1, 9).tolist()).toEqual([1, 9, 3, 4]);
    expect(x.clone().setAt('1:3', 9).tolist()).toEqual([1, 9, 9, 4]);
    expect(x.clone().setAt(x.gt(2), 0).tolist()).toEqual([1, 2, 0, 0]);
    expect(
      x
        .clone()
        .setAt(tensor([0, 3], { dtype: 'int64' }), tensor([7, 8]))
        .tolist(),
    ).toEqual([7, 2, 3, 8]);
    expect(tensor([false, false]).setAt(0, true).tolist()).toEqual([true, false]);
  });
});

test('unbiased by name', () => {
  const x = tensor([
    [1, 2],
    [3, 6],
  ]);
  expect(x.var(0, { unbiased: false }).tolist()).toEqual([1, 4]);
  expect(x.var({ dim: 0, unbiased: true, keepdim: true }).tolist()).toEqual([[2, 8]]);
  expect(flambeau.stdMean(x, { dim: 0, unbiased: false }).map((one) => one.tolist())).toEqual([
    [1, 2],
    [2, 4],
  ]);
  expect(() => x.std(0, { unbiased: false, correction: 0 })).toThrow(ArgumentError);
});

test('where to, and whether to wait, which nothing does', () => {
  expect(floats().to('cpu', { nonBlocking: true }).tolist()).toEqual([1, 2]);
  expect(floats().to({ dtype: 'int64', nonBlocking: false }).dtype).toBe('int64');
  expect(() => floats().to('cpu', { nonBlocking: 1 as unknown as boolean })).toThrow(ArgumentError);
});
