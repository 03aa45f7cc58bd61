/**
 * Second derivatives of convolutions and matrix products in float64, against differences of the first: the gradient
 * operations of these are differentiable themselves.
 */
import { F, grad, tensor, type nn, type Tensor } from 'flambeau';
import { describe, expect, it } from 'vitest';
import { numelOf } from '../../src/base/shape.ts';
import { noise } from '../support/host-tensors.ts';

type Values = Float64Array;
const values = (shape: readonly number[], salt: number): Values => Float64Array.from({ length: numelOf(shape) }, (_, i) => noise(i, salt));

/** A number that depends on the first derivatives of `f` with respect to all inputs. */
function firstDerivatives(f: (...inputs: Tensor[]) => Tensor, shapes: readonly (readonly number[])[], data: readonly Values[]) {
  const float64 = (d: Values, shape: readonly number[]): Tensor => tensor([...d], { dtype: 'float64' }).view([...shape]);
  const inputs = data.map((d, i) => float64(d, shapes[i]!).detach().requiresGrad_());
  const y = f(...inputs);
  const weighted = y
    .mul(float64(values(y.shape, 50), y.shape))
    .pow(2)
    .sum();
  const gradients = grad(weighted, inputs, { createGraph: true });
  const terms = gradients.map((g, i) => g.mul(float64(values(shapes[i]!, 60 + i), shapes[i]!)).sum());
  return { inputs, total: terms.reduce((a, b) => a.add(b)) };
}

function check(f: (...inputs: Tensor[]) => Tensor, shapes: readonly (readonly number[])[]): void {
  const data = shapes.map((shape, i) => values(shape, i + 1));
  const { inputs, total } = firstDerivatives(f, shapes, data);
  const second = grad(total, inputs).map((g) => [...(g.toTypedArray() as Float64Array)]);
  const step = 1e-5;
  data.forEach((d, i) => {
    for (let e = 0; e < d.length; e += Math.max(1, Math.floor(d.length / 7))) {
      const at = (delta: number): number => {
        const moved = data.map((other, j) => (j === i ? other.map((v, q) => (q === e ? v + delta : v)) : other));
        return firstDerivatives(f, shapes, moved).total.item();
      };
      const expected = (at(step) - at(-step)) / (2 * step);
      expect(Math.abs(second[i]![e]! - expected)).toBeLessThan(1e-5 * (1 + Math.abs(expected)));
    }
  });
}

describe('second derivatives', () => {
  it.each([
    ['stride 1', [2, 3, 5, 6], [4, 3, 3, 2], { padding: 1 }],
    ['stride 2 and dilation', [2, 2, 7, 8], [3, 2, 2, 3], { stride: 2, dilation: [2, 1], padding: [1, 0] }],
    ['groups', [1, 4, 4, 5], [6, 2, 3, 3], { groups: 2, padding: 1 }],
  ] as [string, number[], number[], nn.ConvOptions][])('of conv2d: %s', (_, x, w, options) => {
    check((input, weight, bias) => F.conv2d(input, weight, bias, options), [x, w, [w[0]!]]);
  });

  it('of matmul with broadcast batches', () => {
    check(
      (a, b) => a.matmul(b),
      [
        [2, 1, 3, 4],
        [5, 4, 2],
      ],
    );
  });

  it('of matmul with vectors', () => {
    check((a, b) => a.matmul(b), [[4], [3, 4, 2]]);
    check((a, b) => a.matmul(b), [[2, 3, 4], [4]]);
    check((a, b) => a.matmul(b), [[4], [4]]);
  });

  it('of linear', () => {
    check((x, w, b) => F.linear(x, w, b), [[2, 3, 4], [5, 4], [5]]);
  });
});
