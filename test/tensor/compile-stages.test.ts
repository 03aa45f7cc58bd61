/** Operations that the planner computes together with the one behind them: zeros around images, 1×1 convolutions before depthwise ones. */
import { compile, F, manualSeed, noGrad, profile, randn, zeros, type Tensor } from 'flambeau';
import { expect, test } from 'vitest';

const worst = (a: Tensor, b: Tensor): number => a.sub(b).abs().max().item();

function compared(fn: (x: Tensor) => Tensor, x: Tensor): string {
  const expected = noGrad(() => fn(x));
  const step = compile((input: Tensor) => noGrad(() => fn(input)));
  for (let i = 0; i < 3; i++) expect(worst(step(x), expected)).toBeLessThan(1e-5 * expected.abs().max().item());
  return step.toString();
}

test('zeros around an image become part of the convolution that reads it', () => {
  manualSeed(3);
  const x = randn(2, 6, 13, 12);
  const [w, alone, b, deep] = [randn(9, 6, 3, 3), randn(6, 1, 3, 3), randn(6), randn(2, 9, 1, 1)];
  expect(compared((x) => F.relu(F.conv2d(F.pad(x, [0, 1, 2, 0]), w, null, { stride: 2, padding: [0, 1] })), x)).toContain(
    ' pad conv2d+relu(',
  );
  expect(compared((x) => F.conv2d(F.pad(x, [0, 1]), alone, b, { groups: 6 }), x)).toContain(' pad conv2d(');
  expect(compared((x) => F.conv2d(F.pad(x, [1, 1, 1, 1], 1), w), x)).not.toContain(' pad conv2d'); // not zeros
  expect(compared((x) => F.conv2d(F.pad(x, [1, 1, -1, 1]), w), x)).not.toContain(' pad conv2d'); // less than the image
  expect(compared((x) => F.conv2d(F.pad(x, [0, 0, 0, 0, 1, 2]), deep), x)).not.toContain(' pad conv2d'); // channels
  const both = (x: Tensor): Tensor => {
    const y = F.pad(x, [1, 1, 1, 1]);
    return F.conv2d(y, w).sum().add(y.sum()); // somebody else wants it
  };
  expect(compared(both, x)).not.toContain(' pad conv2d');
});

test('a 1×1 convolution and the depthwise one behind it are one', () => {
  manualSeed(4);
  const x = randn(1, 8, 30, 31);
  const [w, alone, bias, scale] = [randn(26, 8, 1, 1), randn(26, 1, 3, 3), randn(26), randn(26).abs()];
  const stats = [zeros(26), zeros(26).add(1)] as const;
  const name = ' conv2d+batchNormEval+hardtanh pad conv2d+relu(';
  const fn = (x: Tensor): Tensor => {
    const y = F.relu6(F.batchNorm(F.conv2d(x, w), ...stats, { weight: scale, bias }));
    return F.relu(F.conv2d(F.pad(y, [0, 1, 0, 1]), alone, bias, { stride: 2, groups: 26 }));
  };
  expect(compared(fn, x)).toContain(name);
});

interface Pool {
  readonly stride: number | [number, number];
  readonly padding?: number;
  readonly dilation?: [number, number];
}

test.each(['float32', 'float64'] as const)('maxima of %s are made alone where nobody asks for their places', (dtype) => {
  manualSeed(5);
  const x = randn(2, 3, 37, 35, { dtype });
  x.setAt([0, 1, 5, 6], NaN);
  const pools: [number | [number, number], Pool][] = [
    [3, { stride: 2, padding: 1 }],
    [3, { stride: 2 }],
    [2, { stride: 2, padding: 1 }],
    [3, { stride: 1, padding: 1 }],
    [[5, 4], { stride: [3, 2], dilation: [1, 2] }],
  ] as const;
  const fn = (x: Tensor): Tensor[] => noGrad(() => pools.map(([kernel, options]) => F.maxPool2d(x, kernel, options)));
  const [expected, step] = [fn(x), compile(fn)];
  for (let i = 0; i < 3; i++) step(x).forEach((y, k) => expect(y.toTypedArray()).toEqual(expected[k]!.toTypedArray()));
  expect(profile(() => void step(x)).launches.filter(({ kernel }) => kernel.endsWith('-tap'))).toEqual([]);
});
