/** Gradients of pooling, norms, softmax, losses and indexing against differences in float64; second ones where there are. */
import { describe, expect, it } from 'vitest';
import { F, grad, tensor, type Tensor } from 'flambeau';
import { dimParams } from '../../src/geometry/attrs.ts';
import { flipParams, sortParams, triangleParams } from '../../src/geometry/indexing.ts';
import { pairLossParams } from '../../src/geometry/loss.ts';
import { adaptivePoolParams } from '../../src/geometry/pool.ts';
import { apply, apply1 } from '../../src/tensor/dispatch.ts';
import { draw, drawClasses, numbers } from '../support/op-case.ts';

type Fn = (...xs: Tensor[]) => Tensor;

const shaped = (values: number[], shape: readonly number[]): Tensor => tensor(values, { dtype: 'float64' }).reshape([...shape]);

/** Weighted sum, so that a mistake in any element shows. */
const weighted = (y: Tensor, seed: number): Tensor =>
  y.mul(shaped(numbers(draw(y.shape as number[], seed, 'float64')), y.shape as number[])).sum();

/** The derivative of `fn` with respect to each number, by central differences. */
function differences(fn: (values: number[][]) => number, values: number[][]): number[][] {
  const step = 1e-5;
  return values.map((list, k) =>
    list.map((_, i) => {
      const moved = (by: number): number => fn(values.map((other, n) => (n === k ? other.map((v, j) => (j === i ? v + by : v)) : other)));
      return (moved(step) - moved(-step)) / (2 * step);
    }),
  );
}

function expectNear(actual: readonly (Tensor | undefined)[], expected: number[][]): void {
  expected.forEach((list, k) => {
    const given = actual[k]!.detach().reshape(-1).tolist() as number[];
    list.forEach((v, i) =>
      expect(Math.abs(given[i]! - v), `input ${k}, element ${i}: ${given[i]} for ${v}`).toBeLessThan(1e-6 * (1 + Math.abs(v)) * 10),
    );
  });
}

/** Checks first gradients, and second ones with `second`. Inputs are distinct, so that no maximum is tied. */
function check(fn: Fn, shapes: readonly (readonly number[])[], second = false): void {
  const values = shapes.map((shape, k) => numbers(draw(shape, 11 + k, 'float64')).map((v, i) => v / 2 + i * 1e-3));
  const leaves = (data: number[][]): Tensor[] => data.map((list, k) => shaped(list, shapes[k]!).requiresGrad_());
  const first = (data: number[][]): number => weighted(fn(...leaves(data)), 5).item();
  const xs = leaves(values);
  expectNear(grad(weighted(fn(...xs), 5), xs), differences(first, values));
  if (!second) return;
  const slope = (inputs: Tensor[]): Tensor => {
    const gs = grad(weighted(fn(...inputs), 5), inputs, { createGraph: true });
    return gs.map((g, k) => weighted(g, 7 + k)).reduce((a, b) => a.add(b));
  };
  const ys = leaves(values);
  const curvature = grad(slope(ys), ys).map((g: Tensor | undefined, k) => g ?? shaped(values[k]!, shapes[k]!).mul(0));
  expectNear(
    curvature,
    differences((data) => slope(leaves(data)).item(), values),
  );
}

const int = (shape: number[], seed: number, classes: number): Tensor =>
  tensor(numbers(drawClasses(shape, seed, classes)), { dtype: 'int64' }).reshape(shape);

/** An operation whose second gradient needs the first to depend on its input: the square of the result. */
const squared =
  (fn: Fn): Fn =>
  (...xs) => {
    const y = fn(...xs);
    return y.mul(y);
  };

it('notices a wrong gradient', () => {
  expect(() => check((x) => x.mul(x.detach()), [[2]])).toThrow(/input 0, element 0/);
});

describe('gradients of pooling', () => {
  it.each<[string, Fn, number[]]>([
    ['max 2', (x) => F.maxPool2d(x, 2), [2, 4, 5]],
    ['max 3 stride 2 padding 1', (x) => F.maxPool2d(x, 3, { stride: 2, padding: 1 }), [1, 2, 5, 6]],
    ['max, int64 indices', (x) => F.maxPool2dWithIndices(x, 2, { stride: 1 }).values, [1, 4, 4]],
    ['average', (x) => F.avgPool2d(x, 3, { stride: 2, padding: 1, countIncludePad: false }), [1, 1, 5, 6]],
    ['adaptive average', (x) => F.adaptiveAvgPool2d(x, [2, 3]), [2, 5, 7]],
    ['mean of planes', (x) => F.adaptiveAvgPool2d(x, 1), [2, 3, 3]],
    ['adaptive max', (x) => apply('adaptiveMaxPool2d', [x], adaptivePoolParams([2, 2]))[0]!, [1, 5, 5]],
  ])('%s', (_, fn, shape) => check(squared(fn), [shape], true));
});

describe('gradients of batchNorm', () => {
  const stats = (c: number): [Tensor, Tensor] => [int([c], 1, 5).to('float64'), int([c], 2, 3).to('float64').add(1)];

  it.each([[[4, 3]], [[2, 3, 4]], [[2, 2, 3, 3]], [[5, 1]]])('%j', (shape) => {
    const c = shape[1]!;
    check((x, weight, bias) => F.batchNorm(x, null, null, { weight: weight, bias: bias, training: true }), [shape, [c], [c]]);
    check((x) => F.batchNorm(x, ...stats(c), { training: true, eps: 0.1 }), [shape]);
    check((x, weight, bias) => F.batchNorm(x, ...stats(c), { weight: weight, bias: bias }), [shape, [c], [c]]);
  });

  it.each([[[4, 3]], [[2, 3, 4]], [[2, 2, 2, 3]]])('second ones, %j', (shape) => {
    const c = shape[1]!;
    check(
      squared((x, weight, bias) => F.batchNorm(x, null, null, { weight: weight, bias: bias, training: true })),
      [shape, [c], [c]],
      true,
    );
    check(
      squared((x) => F.batchNorm(x, null, null, { training: true, eps: 0.1 })),
      [shape],
      true,
    );
    check(
      squared((x, weight, bias) => F.batchNorm(x, ...stats(c), { weight: weight, bias: bias })),
      [shape, [c], [c]],
      true,
    );
  });
});

describe('gradients of softmax', () => {
  it.each([
    [[2, 5], 1],
    [[3, 2, 3], 1],
    [[4], 0],
  ] as [number[], number][])('%j along %i', (shape, dim) => {
    check((x) => F.softmax(x, dim), [shape], true);
    check((x) => F.logSoftmax(x, dim), [shape], true);
  });
});

describe('gradients of losses', () => {
  const weight = tensor([1, 2, 0.5], { dtype: 'float64' });

  it.each(['mean', 'sum', 'none'] as const)('%s', (reduction) => {
    for (const shape of [[4, 3], [2, 3, 2], [3]]) {
      const target = int(shape.length === 1 ? [] : [shape[0]!, ...shape.slice(2)], 3, 3);
      for (const options of [{}, { weight, ignoreIndex: 1 }]) {
        check((x) => F.crossEntropy(x, target, { reduction, ...options, labelSmoothing: 0.1 }), [shape]);
        check((x) => F.crossEntropy(x, target, { reduction, ...options }), [shape]);
        check(
          squared((x) => F.nllLoss(F.logSoftmax(x, shape.length === 1 ? 0 : 1), target, { reduction, ...options })),
          [shape],
          true,
        );
      }
    }
    for (const loss of [F.mseLoss, F.l1Loss, F.smoothL1Loss]) {
      check(
        (a, b) => loss(a, b, { reduction }),
        [
          [2, 3],
          [2, 3],
        ],
      );
    }
  });

  it('of logits and probabilities', () => {
    for (const reduction of ['mean', 'sum', 'none'] as const) {
      const params = pairLossParams('bceWithLogits', reduction);
      check(
        (a, b) => apply1('bceWithLogits', [a, b], params),
        [
          [2, 3],
          [2, 3],
        ],
      );
    }
  });

  it('have second ones', () => {
    for (const reduction of ['mean', 'sum', 'none'] as const) {
      for (const options of [{}, { weight, ignoreIndex: 1, labelSmoothing: 0.1 }]) {
        check(
          squared((x) => F.crossEntropy(x, int([4], 3, 3), { reduction, ...options })),
          [[4, 3]],
          true,
        );
      }
      check(
        squared((a, b) => F.mseLoss(a, b, { reduction })),
        [
          [2, 3],
          [2, 3],
        ],
        true,
      );
      const params = pairLossParams('bceWithLogits', reduction);
      check(
        squared((a, b) => apply1('bceWithLogits', [a, b], params)),
        [
          [2, 3],
          [2, 3],
        ],
        true,
      );
    }
  });
});

describe('gradients of indexing', () => {
  const index = tensor([2, 0, 2, 0], { dtype: 'int64' });

  it.each<[string, Fn, number[][]]>([
    ['indexSelect', (x) => apply1('indexSelect', [x, index], dimParams(1)), [[2, 3]]],
    ['indexAdd', (x, s) => apply1('indexAdd', [x, index, s], dimParams(0)), [[3, 2], [4, 2]]],
    ['gather', (x) => apply1('gather', [x, int([2, 4], 1, 3)], dimParams(1)), [[2, 3]]],
    ['scatter', (x, s) => apply1('scatter', [x, tensor([[1, 0], [2, 1]], { dtype: 'int64' }), s], dimParams(1)), [[2, 3], [2, 3]]],
    ['scatterAdd', (x, s) => apply1('scatterAdd', [x, tensor([[1, 1], [0, 1]], { dtype: 'int64' }), s], dimParams(1)), [[3, 2], [2, 2]]],
    ['scatterValue', (x) => apply1('scatterValue', [x, int([2, 2], 1, 3)], dimParams(1), [3]), [[2, 3]]],
    ['cat', (x, y) => apply1('cat', [x, y, x], dimParams(1)), [[2, 3], [2, 1]]],
    ['pad', (x) => F.pad(x, [1, 2, -1, 1], 7), [[3, 2]]],
    ['flip', (x) => apply1('flip', [x], flipParams([0])), [[3, 2]]],
    ['tril', (x) => apply1('tril', [x], triangleParams(-1)), [[3, 3]]],
    ['triu', (x) => apply1('triu', [x], triangleParams(1)), [[3, 4]]],
    ['sort', (x) => apply('sort', [x], sortParams(1, true))[0]!, [[2, 4]]],
    ['topk', (x) => apply('topk', [x], sortParams(0, false, 2))[0]!, [[4, 2]]],
  ])('%s', (_, fn, shapes) => check(squared(fn), shapes, true)); // prettier-ignore
});
