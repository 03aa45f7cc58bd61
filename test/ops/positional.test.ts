/** PyTorch's order of arguments, and objects in its place, mean the same; the types keep the shapes of both. */
import { cat, ones, stack, tensor, type Tensor } from 'flambeau';
import { expect, test } from 'vitest';

const x = tensor([
  [1, 2, 4],
  [3, 5, 9],
]);
const y = ones(2, 3);

test('reductions', () => {
  for (const each of ['sum', 'mean', 'prod', 'amax', 'amin', 'any', 'all', 'logsumexp']) {
    const name = each as 'sum'; // all take the same
    const expected = x[name](1, { keepdim: true }).tolist();
    expect(x[name](1, true).tolist(), name).toEqual(expected);
    expect(x[name]({ dim: 1, keepdim: true }).tolist(), name).toEqual(expected);
    expect(x[name](1, false).shape as unknown, name).toEqual([2]);
  }
  for (const name of ['argmax', 'argmin'] as const) expect(x[name](0, true).tolist()).toEqual(x[name]({ dim: 0, keepdim: true }).tolist());
  expect(x.max(1, true).values.tolist()).toEqual(x.max({ dim: 1, keepdim: true }).values.tolist());
  expect(x.max(x.mul(2)).tolist()).toEqual(x.mul(2).tolist());
  expect(x.sum(1, { dtype: 'float64' }).dtype).toBe('float64');
  expect(x.sum({ dtype: 'int32' }).dtype).toBe('int32');
  expect(x.mean([0, 1], true).shape).toEqual([1, 1]);
});

test('variances, in the older order as well', () => {
  const expected = x.std(0, { correction: 0 }).tolist();
  expect(x.std(0, false).tolist()).toEqual(expected);
  expect(x.std(0, false, true).tolist()).toEqual([expected]);
  expect(x.std({ dim: 0, correction: 0 }).tolist()).toEqual(expected);
  expect(x.var(false).item()).toBe(x.var(undefined, { correction: 0 }).item());
});

test('softmax, running sums, bounds, rounding, pieces', () => {
  expect(x.softmax(1, 'float64').dtype).toBe('float64');
  expect(x.softmax({ dim: 1, dtype: 'float64' }).tolist()).toEqual(x.softmax(1, { dtype: 'float64' }).tolist());
  expect(x.cumsum(1, { dtype: 'float64' }).dtype).toBe('float64');
  expect(x.clamp(2, 4).tolist()).toEqual(x.clamp({ min: 2, max: 4 }).tolist());
  expect(x.clamp(null, 4).tolist()).toEqual(x.clamp({ max: 4 }).tolist());
  expect(x.clamp(2).tolist()).toEqual(x.clamp({ min: 2 }).tolist());
  expect(x.div(2, { roundingMode: 'floor' }).tolist()).toEqual(x.floorDivide(2).tolist());
  expect(tensor([1.255]).round(2).tolist()).toEqual(tensor([1.255]).round({ decimals: 2 }).tolist());
  expect(x.chunk(3, { dim: 1 }).length).toBe(x.chunk(3, 1).length);
  expect(x.split(1, { dim: 1 }).length).toBe(3);
  expect(cat([x, x], { dim: 1 }).shape).toEqual([2, 6]);
  expect(stack([x, x], { dim: 1 }).shape).toEqual([2, 2, 3]);
  expect(x.flatten({ startDim: 0 }).shape).toEqual([6]);
});

test('shapes in the types', () => {
  const byPosition: Tensor<[2, 1]> = y.sum(1, true);
  const byName: Tensor<[2, 1]> = y.sum(1, { keepdim: true });
  const inOne: Tensor<[2, 1]> = y.sum({ dim: 1, keepdim: true });
  const deviation: Tensor<[3]> = y.std(0, false);
  const kept: Tensor<[2, 3]> = y.clamp(0, 1).erf().softmax(1, 'float32');
  for (const z of [byPosition, byName, inOne]) expect(z.shape).toEqual([2, 1]);
  expect(deviation.shape).toEqual([3]);
  expect(kept.shape).toEqual([2, 3]);
});
