/** Functions in PyTorch's names do what the methods of those names do. */
import * as flambeau from 'flambeau';
import { Tensor, tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';
import { ALIASES, SPECIAL } from '../../src/tensor/aliases.ts';

/** Compared in aliases.test.ts. */
const ELSEWHERE = [...Object.keys(ALIASES), ...SPECIAL, 'selectScatter', 'sliceScatter', 'diagonalScatter', 'dist', 'narrowCopy', 'isSameSize', 'isNonzero', 'diagflat']; // prettier-ignore

type Call = (...args: unknown[]) => unknown;
const functions = flambeau as unknown as Readonly<Record<string, Call>>;
const method = (x: Tensor, name: string): Call => (x[name as keyof Tensor] as unknown as Call).bind(x);
/** Names of functions that are methods as well, and take the tensor first. */
const names = Object.keys(flambeau).filter(
  (name) =>
    typeof functions[name] === 'function' && name in Tensor.prototype && !['where', 'grad', 'polygamma', ...ELSEWHERE].includes(name),
);

const matrix = (): Tensor =>
  tensor([
    [0.5, -0.25],
    [0.75, 0.125],
  ]);
const index = (): Tensor =>
  tensor(
    [
      [0, 1],
      [1, 0],
    ],
    { dtype: 'int64' },
  );
const whole = (): Tensor =>
  tensor(
    [
      [1, 2],
      [3, 4],
    ],
    { dtype: 'int64' },
  );
const mask = (): Tensor => matrix().gt(0);
/** What follows the tensor, where that is not nothing. */
const ARGUMENTS: Readonly<Record<string, () => unknown[]>> = {
  ...Object.fromEntries(
    'add sub mul div pow remainder fmod floorDivide atan2 maximum minimum eq ne lt le gt ge matmul mm inner kron copysign hypot xlogy logaddexp logaddexp2 heaviside ldexp fmax fmin isclose allclose equal'
      .split(' ').map((name) => [name, () => [matrix()]]),
  ),
  ...Object.fromEntries('logicalAnd logicalOr logicalXor'.split(' ').map((name) => [name, () => [mask()]])),
  rsub: () => [1], clamp: () => [0, 0.5], clampMin: () => [0], clampMax: () => [0.5], maskedFill: () => [mask(), 3],
  logsumexp: () => [1], cumsum: () => [0], cumprod: () => [0], cummax: () => [0], cummin: () => [0], logcumsumexp: () => [0], softmax: () => [1], logSoftmax: () => [1], permute: () => [1, 0], transpose: () => [0, 1],
  unsqueeze: () => [0], narrow: () => [0, 1, 1], select: () => [0, 1], split: () => [1], chunk: () => [2], reshape: () => [4],
  indexSelect: () => [0, index().select(0, 0)], gather: () => [1, index()], scatter: () => [1, index(), 2], scatterAdd: () => [1, index(), matrix()],
  scatterReduce: () => [1, index(), matrix(), 'amax'], indexAdd: () => [0, index().select(0, 0), matrix()], indexCopy: () => [0, index().select(0, 0), matrix()],
  indexFill: () => [0, index().select(0, 0), 7], indexReduce: () => [0, index().select(0, 0), matrix(), 'prod'], indexPut: () => [[index()], 5],
  takeAlongDim: () => [index(), 1], take: () => [index()], swapaxes: () => [0, 1], swapdims: () => [0, 1], movedim: () => [0, 1], unflatten: () => [1, [2, 1]],
  flip: () => [0], roll: () => [1], tile: () => [2], repeatInterleave: () => [2], broadcastTo: () => [[2, 2, 2]], tensorSplit: () => [2], hsplit: () => [2], vsplit: () => [2],
  topk: () => [1], kthvalue: () => [1], quantile: () => [0.5], nanquantile: () => [0.5], renorm: () => [2, 0, 1], isin: () => [matrix()], maskedSelect: () => [mask()],
  lerp: () => [matrix(), 0.5], addcmul: () => [matrix(), matrix()], addcdiv: () => [matrix(), matrix()], histogram: () => [3], asStrided: () => [[2], [1]], asStridedScatter: () => [tensor([1, 2]), [2], [1]], matrixPower: () => [2], choleskySolve: () => [matrix()], addmm: () => [matrix(), matrix()],
}; // prettier-ignore
/** Of whole numbers, of vectors, of batches, or random: what follows, and the tensor. */
const OTHER: Readonly<Record<string, () => [Tensor, ...unknown[]]>> = {
  ...Object.fromEntries('bitwiseAnd bitwiseOr bitwiseXor bitwiseLeftShift bitwiseRightShift'.split(' ').map((name) => [name, () => [whole(), 1]])),
  bitwiseNot: () => [whole()], bincount: () => [whole().flatten()], dot: () => [matrix().flatten(), matrix().flatten()], mv: () => [matrix(), tensor([1, 2])],
  outer: () => [tensor([1, 2]), tensor([3, 4])], bmm: () => [matrix().unsqueeze(0), matrix().unsqueeze(0)], cross: () => [tensor([1, 2, 3]), tensor([3, 1, 2])],
  addmv: () => [tensor([1, 2]), matrix(), tensor([1, 2])], addr: () => [matrix(), tensor([1, 2]), tensor([1, 2])], dsplit: () => [matrix().reshape(1, 2, 2), 2],
  baddbmm: () => [matrix(), matrix().unsqueeze(0), matrix().unsqueeze(0)], addbmm: () => [matrix(), matrix().unsqueeze(0), matrix().unsqueeze(0)],
  bernoulli: () => [matrix().abs()], multinomial: () => [matrix().abs(), 1],
}; // prettier-ignore

/** May have a number in front of the tensor: number-first.test.ts. */
const NUMBER_FIRST = 'xlogy isin add sub mul div pow remainder floorDivide bitwiseAnd bitwiseOr bitwiseXor'.split(' ');

const plain = (value: unknown): unknown =>
  value instanceof Tensor
    ? { shape: value.shape as unknown, dtype: value.dtype, values: value.tolist() }
    : Array.isArray(value)
      ? value.map(plain)
      : typeof value === 'object' && value !== null
        ? Object.entries(value).map(([key, of]) => [key, plain(of)])
        : value;

describe('functions and methods', () => {
  test('there are many', () => expect(names.length).toBeGreaterThan(140));

  test.each(names)('%s', (name) => {
    const [x, ...args] = OTHER[name]?.() ?? [matrix(), ...(ARGUMENTS[name]?.() ?? [])];
    flambeau.manualSeed(1);
    const expected = plain(method(x, name)(...args));
    flambeau.manualSeed(1);
    expect(plain(functions[name]!(x, ...args))).toEqual(expected);
    const wrongs = [undefined, null, 'x', {}, [matrix()], ...(NUMBER_FIRST.includes(name) ? [] : [3])];
    for (const wrong of wrongs) expect(() => functions[name]!(wrong, ...args), name).toThrow(flambeau.FlambeauError);
  });
});
