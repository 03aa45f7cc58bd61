/** Selecting gives what sorting gives: the largest, elements of a rank, with equal ones, NaN and zeros of both signs, in every dtype. */
import { cummax, randint, tensor, Tensor, where } from 'flambeau';
import { describe, expect, test } from 'vitest';

const DTYPES = ['float32', 'float64', 'float16', 'bfloat16', 'int64', 'int32', 'int16', 'int8', 'uint8'] as const;

function lines(dtype: (typeof DTYPES)[number]): Tensor {
  const x = randint(dtype === 'uint8' ? 0 : -20, 20, [3, 70, 5]) as Tensor; // many are equal
  if (!dtype.includes('float')) return x.to(dtype);
  const signs = where(randint(0, 2, [3, 70, 5]).bool(), x.float(), x.float().neg()); // -0 too
  return where(randint(0, 9, [3, 70, 5]).eq(0), tensor(NaN), signs).to(dtype);
}

describe.each(DTYPES)('%s', (dtype) => {
  const x = lines(dtype);
  test.each([0, 1, 2].flatMap((dim) => [true, false].map((largest) => [dim, largest] as const)))(
    'topk along %i, largest %s',
    (dim, largest) => {
      const sorted = x.sort(dim, largest);
      for (const k of [1, 2, Math.floor(x.size(dim) / 2)]) {
        if (k > x.size(dim)) continue;
        const { values, indices } = x.topk(k, dim, largest);
        expect(String(values.tolist())).toBe(String(sorted.values.narrow(dim, 0, k).tolist()));
        expect(String(indices.tolist())).toBe(String(sorted.indices.narrow(dim, 0, k).tolist()));
      }
    },
  );

  test.each([0, 1, 2])('kthvalue along %i', (dim) => {
    const sorted = x.sort(dim);
    for (let k = 1; k <= x.size(dim); k += 3) {
      const { values, indices } = x.kthvalue(k, dim);
      expect(String(values.tolist())).toBe(String(sorted.values.select(dim, k - 1).tolist()));
      expect(String(indices.tolist())).toBe(String(sorted.indices.select(dim, k - 1).tolist()));
    }
  });
});

test('a running extreme keeps the last of equals, and a NaN', () => {
  const { values, indices } = cummax(tensor([1, 1, 0, NaN, 5, NaN]), 0);
  expect(String(values.tolist())).toBe('1,1,1,NaN,NaN,NaN');
  expect(indices.tolist()).toEqual([0, 1, 1, 3, 3, 5]);
});
