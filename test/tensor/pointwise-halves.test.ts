/** Composed functions of two operands in 16 bits: PyTorch's dtypes and values (2.15). */
import { expect, it } from 'vitest';
import { tensor } from '../../src/index.ts';

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
  for (const mixed of [of('float16').hypot(of('bfloat16')), of('float16').ldexp(of('bfloat16'))]) expect(mixed.dtype).toBe('float32'); // prettier-ignore
});
