/** Functions of functions: gradients of gradients, Jacobians, modules with other parameters. */
import { ArgumentError, func, nn, noGrad, ones, randn, ShapeError, tensor, zeros, type Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';

const cube = (x: Tensor): Tensor => x.pow(3).sum();
const x = tensor([1, 2]);

describe('gradients', () => {
  test('of a function, with its value, of several arguments', () => {
    expect(func.grad(cube)(x).tolist()).toEqual([3, 12]);
    expect(x.requiresGrad || x.grad !== null).toBe(false);
    const [slope, value] = func.gradAndValue(cube)(x);
    expect([slope.tolist(), value.item(), slope.requiresGrad]).toEqual([[3, 12], 9, false]);
    const product = (a: Tensor, b: Tensor): Tensor => a.mul(b).sum();
    expect(func.grad(product, -1)(x, ones(2)).tolist()).toEqual([1, 2]);
    const both = func.grad(product, { argnums: [0, 1] })(x, ones(2)) as Tensor[];
    expect(both.map((g) => g.tolist())).toEqual([
      [1, 1],
      [1, 2],
    ]);
    const withAux = func.grad((a: Tensor) => [cube(a), 'aux'], 0, true)(x) as [Tensor, string];
    expect([withAux[0].tolist(), withAux[1]]).toEqual([[3, 12], 'aux']);
  });

  test('of gradients, within noGrad, and through outer graphs', () => {
    const slope = func.grad(cube);
    expect(
      func
        .grad((a: Tensor) => slope(a).sum())(x)
        .tolist(),
    ).toEqual([6, 12]);
    expect(noGrad(() => slope(x)).tolist()).toEqual([3, 12]);
    const w = tensor([1, 2], { requiresGrad: true });
    slope(w).sum().backward();
    expect(w.grad!.tolist()).toEqual([6, 12]);
  });

  test('need a number', () => {
    expect(() => func.grad((a: Tensor) => a.mul(2))(x)).toThrow(ShapeError);
    expect(() => func.grad(cube, 1)(x)).toThrow(/argument 1/);
    expect(() => func.grad(cube, { argnum: 1 } as never)).toThrow(/there is no option 'argnum'/);
  });
});

test('products and Jacobians', () => {
  const square = (a: Tensor): Tensor => a.square();
  const [output, products] = func.vjp(square, x);
  expect([output.tolist(), products(ones(2))[0]!.tolist(), products(x)[0]!.tolist()]).toEqual([
    [1, 4],
    [2, 4],
    [2, 8],
  ]);
  expect(func.jvp(square, [x], [ones(2)]).map((t) => t.tolist())).toEqual([
    [1, 4],
    [2, 4],
  ]);
  for (const jacobian of [func.jacrev(square), func.jacfwd(square)])
    expect(jacobian(x).tolist()).toEqual([
      [2, 0],
      [0, 4],
    ]);
  expect(func.hessian(cube)(x).tolist()).toEqual([
    [6, 0],
    [0, 12],
  ]);
  expect(() => func.jacrev(square, 1)(x)).toThrow(ArgumentError);
});

describe('functionalCall', () => {
  const model = new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3), new nn.Linear(3, 1));
  test('takes other tensors, differentiates them, and leaves the module as it was', () => {
    const before = [...model.stateDict()].map(([key, value]) => [key, value.tolist()]);
    const weight = randn(1, 3).requiresGrad_();
    const y = func.functionalCall(model, { '2.weight': weight, '2.bias': zeros(1) }, [randn(4, 2)]) as Tensor;
    y.sum().backward();
    expect(weight.grad!.shape).toEqual([1, 3]);
    expect(model.at(2).weight.grad).toBeNull();
    expect([...model.stateDict().keys()]).toEqual(before.map(([key]) => key));
    expect(model.at(2).weight.tolist()).toEqual(before.find(([key]) => key === '2.weight')![1]);
    expect(model.parameters().length).toBe(6);
  });

  test('also when the call fails, and for wrong names', () => {
    const parameters = new Map([['0.weight', ones(3, 5)]]);
    expect(() => func.functionalCall(model, parameters, [ones(1, 2)])).toThrow();
    expect(model.at(0).weight.shape).toEqual([3, 2]);
    expect(() => func.functionalCall(model, { weight: ones(1) }, [ones(1, 2)])).toThrow(/has no parameter or buffer 'weight'/);
  });
});
