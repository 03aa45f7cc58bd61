/** What is computed in vectors of double precision: exponentials, hyperbolic functions of singles, powers in a row; against the host's functions. */
import { logspace, randn, tensor, type Tensor } from 'flambeau';
import { expect, test } from 'vitest';
import { Generator } from '../../src/tensor/random/index.ts';

/** Normal numbers and some at the edges, as many as fill no register. */
const numbers = (dtype: 'float32' | 'float64', scale: number, edges: readonly number[]): Tensor =>
  tensor(
    [
      ...randn(4099, { generator: new Generator().manualSeed(1) })
        .mul(scale)
        .toTypedArray(),
      ...edges,
    ].map(Number),
    { dtype },
  );

/** The distance of two doubles in units of the larger one's last place. */
const units = (a: number, b: number): number =>
  Object.is(a, b) ? 0 : Math.abs(a - b) / Math.max(2 ** (Math.floor(Math.log2(Math.max(Math.abs(a), Math.abs(b)))) - 52), 5e-324);

test.each([1, 100])('exp of doubles of the size %d is within a unit of the host, subnormal results too', (scale) => {
  const x = numbers('float64', scale, [0, -0, 1e-300, 709.7, -708.5, -745.1]);
  const [given, ours] = [x.toTypedArray() as Float64Array, x.exp().toTypedArray() as Float64Array];
  given.forEach((value, i) => expect(units(ours[i]!, Math.exp(value)), String(value)).toBeLessThanOrEqual(1));
  const edges = tensor([Infinity, -Infinity, NaN, 709.79, -745.2], { dtype: 'float64' });
  expect(edges.exp().tolist()).toEqual([Infinity, 0, NaN, Infinity, 0]);
});

test.each(['sinh', 'cosh'] as const)('%s of singles is rounded once', (name) => {
  for (const scale of [1e-3, 1, 20]) {
    const x = numbers('float32', scale, [0, -0, 1e-40, 2 ** -6, 89, 89.5, -89.5, Infinity, -Infinity, NaN]);
    const expected = Array.from(x.toTypedArray() as Float32Array, (value) => Math.fround(Math[name](value)));
    expect(x[name]().tolist()).toEqual(expected);
  }
});

test('many powers in a row are those of the host, the bounds being singles', () => {
  const count = 20_001;
  const [from, to] = [Math.fround(-1.3), Math.fround(2.2)];
  const step = (to - from) / (count - 1);
  const at = (i: number): number => (i < count >> 1 ? from + i * step : to - (count - 1 - i) * step);
  expect(logspace(-1.3, 2.2, count).tolist()).toEqual(Array.from({ length: count }, (_, i) => Math.fround(10 ** at(i))));
  const few = [0.05011872947216034, 0.37583744525909424, 2.81838321685791, 21.1348934173584, 158.4893341064453];
  expect(logspace(-1.3, 2.2, 5).tolist()).toEqual(few); // torch.logspace(-1.3, 2.2, 5)
});
