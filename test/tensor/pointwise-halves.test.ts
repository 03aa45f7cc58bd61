/** Composed functions of two operands in 16 bits: PyTorch's dtypes and values (2.15). */
import { expect, it } from 'vitest';
import { compile, tensor, type Tensor } from '../../src/index.ts';

const numbers = [1, 3, 0.1, 20];
const of = (dtype: 'float16' | 'bfloat16') => tensor(numbers).to(dtype);

it.each([
  ['float16', [1.4140625, 4.2421875, 0.141357421875, 28.28125], [2, 24, 0.10711669921875, Infinity]],
  ['bfloat16', [1.4140625, 4.25, 0.1416015625, 28.25], [2, 24, 0.10693359375, 20971520]],
] as const)('hypot and ldexp of %s stay of that dtype', (dtype, roots, scaled) => {
  const x = of(dtype);
  const [root, power] = [x.hypot(x), x.ldexp(x)];
  expect([root.dtype, power.dtype]).toEqual([dtype, dtype]);
  expect(Array.from(root.toTypedArray(), Number)).toEqual(roots);
  expect(Array.from(power.toTypedArray(), Number)).toEqual(scaled);
});

it('hypot and ldexp of two 16-bit dtypes are float32', () => {
  for (const mixed of [of('float16').hypot(of('bfloat16')), of('float16').ldexp(of('bfloat16'))]) expect(mixed.dtype).toBe('float32');
});

it('ldexp with whole numbers is exact where their power alone is beyond the dtype', () => {
  const whole = (...values: number[]): Tensor => tensor(values, { dtype: 'int64' });
  const [x, by] = [tensor([2 ** -100, 1, 2 ** -140, 0, Infinity, 3]), whole(200, -149, 200, 500, -500, 4)];
  const expected = [2 ** 100, 2 ** -149, 2 ** 60, 0, Infinity, 48];
  expect(x.ldexp(by).tolist()).toEqual(expected);
  expect(compile((a: Tensor, b: Tensor) => a.ldexp(b))(x, by).tolist()).toEqual(expected);
  expect(
    x
      .double()
      .ldexp(whole(-900, 1000, 1000, 9000, -9000, -1074))
      .tolist(),
  ).toEqual([2 ** -1000, 2 ** 1000, 2 ** 860, 0, Infinity, 3 * 2 ** -1074]);
  const half = tensor([2 ** -10, 1, 60000])
    .half()
    .requiresGrad_();
  const y = half.ldexp(tensor([20, -24, -30], { dtype: 'int8' }));
  expect([y.dtype, ...Array.from(y.toTypedArray(), Number)]).toEqual(['float16', 1024, 2 ** -24, 5.5909156799316406e-5]);
  y.sum().backward();
  expect(Array.from(half.grad!.toTypedArray(), Number)).toEqual([Infinity, 2 ** -24, 0]);
});
