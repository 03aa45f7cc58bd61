/** Rarer functions of `F`: what PyTorch's database of operations does not have. Numbers are PyTorch 2.15's. */
import { ArgumentError, F, manualSeed, nn, ShapeError, tensor, zeros, type Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';

const near = (x: Tensor, expected: readonly number[]): void =>
  Array.from(x.detach().toTypedArray(), Number).forEach((v, i) => expect(v, `element ${i}`).toBeCloseTo(expected[i]!, 5));

describe('gumbelSoftmax', () => {
  const logits = (): Tensor =>
    tensor([
      [0.5, -1, 2],
      [0, 0.25, -0.75],
    ]).requiresGrad_();

  test('draws as PyTorch does', () => {
    manualSeed(0);
    near(F.gumbelSoftmax(logits()), SOFT);
    manualSeed(0);
    near(F.gumbelSoftmax(logits(), 0.5, { dim: 0 }), COLD);
  });

  test('hard choices have soft gradients', () => {
    manualSeed(0);
    const x = logits();
    const y = F.gumbelSoftmax(x, 1, true);
    near(y, HARD);
    y.mul(tensor([1, 2, 3]))
      .sum()
      .backward();
    near(x.grad!, GRAD);
    expect(() => F.gumbelSoftmax(x, 1, true, 1e-5)).toThrow(ArgumentError);
  });
});

test('pooling with indices by name', () => {
  const x = tensor([[[[1, 5, 2, 4], [3, 0, 9, 7], [8, 6, 11, 10], [12, 15, 13, 14]]]]); // prettier-ignore
  const { values, indices } = F.adaptiveMaxPool2dWithIndices(x, 2);
  expect([values.tolist(), indices.tolist()]).toEqual([[[[[5, 9], [15, 14]]]], [[[[1, 6], [13, 15]]]]]); // prettier-ignore
  const one = F.adaptiveMaxPool1dWithIndices(x.view(1, 1, 16), 2);
  expect([one.values.tolist(), one.indices.tolist()]).toEqual([[[[9, 15]]], [[[6, 13]]]]);
  expect(F.fractionalMaxPool2dWithIndices(x, 2, { outputSize: 2 }).indices.shape).toEqual([1, 1, 2, 2]);
});

test('in place', () => {
  const start = [-2, -0.5, 0, 0.5, 2];
  const cases: [(x: Tensor) => Tensor, (x: Tensor) => Tensor][] = [
    [F.relu_, F.relu],
    [F.selu_, F.selu],
    [(x) => F.elu_(x, 0.5), (x) => F.elu(x, 0.5)],
    [(x) => F.celu_(x, 0.5), (x) => F.celu(x, 0.5)],
    [(x) => F.leakyRelu_(x, 0.2), (x) => F.leakyRelu(x, 0.2)],
    [(x) => F.hardtanh_(x, -1, 0.25), (x) => F.hardtanh(x, -1, 0.25)],
    [(x) => F.threshold_(x, 0.1, 20), (x) => F.threshold(x, 0.1, 20)],
    [F.rrelu_, F.rrelu],
  ];
  for (const [into, of] of cases) {
    const x = tensor(start);
    const expected = of(x).tolist();
    expect(into(x)).toBe(x);
    expect(x.tolist()).toEqual(expected);
  }
});

test('Unflatten', () => {
  const layer = new nn.Unflatten({ dim: 1, unflattenedSize: [2, -1] });
  expect(layer(zeros(3, 6)).shape).toEqual([3, 2, 3]);
  expect(String(new nn.Unflatten(1, [2, 3]))).toBe('Unflatten(dim=1, unflattened_size=(2, 3))');
  expect(() => new nn.Unflatten(1, [4, 2])(zeros(3, 6))).toThrow(ShapeError);
});

test('older names of interpolation', () => {
  const x = tensor([
    [
      [
        [1, 2],
        [3, 4],
      ],
    ],
  ]);
  expect(F.upsample(x, null, 2).tolist()).toEqual(F.upsampleNearest(x, [4, 4]).tolist());
  expect(F.upsampleBilinear(x, { size: 3 }).tolist()).toEqual([[[[1, 1.5, 2], [2, 2.5, 3], [3, 3.5, 4]]]]); // prettier-ignore
});

const SOFT = [0.0367639, 0.0233904, 0.9398457, 0.2037671, 0.640427, 0.1558059];
const COLD = [0.5866667, 0.0549669, 0.9993702, 0.4133333, 0.9450331, 0.0006299];
const HARD = [0.0, 0.0, 1.0, 0.0, 1.0, 0.0];
const GRAD = [-0.0699646, -0.0211235, 0.0910881, -0.1939941, 0.0307157, 0.1632786];
