/** Names of PyTorch that its database has few samples of; values are those of PyTorch 2.15. */
import { describe, expect, it } from 'vitest';
import {
  areDeterministicAlgorithmsEnabled,
  AutogradError,
  CompileError,
  compile,
  frexp,
  getFloat32MatmulPrecision,
  gradient,
  histogramdd,
  isDeterministicAlgorithmsWarnOnlyEnabled,
  manualSeed,
  nextafter,
  nn,
  noGrad,
  ones,
  rand,
  randn,
  setFloat32MatmulPrecision,
  ShapeError,
  tensor,
  type Tensor,
  trapz,
  useDeterministicAlgorithms,
  zeros,
} from '../../src/index.ts';

describe('views in place', () => {
  it.each([
    ['unsqueeze_', () => zeros(2, 3).unsqueeze_(0), [1, 2, 3], [6, 3, 1]],
    ['squeeze_', () => zeros(1, 3, 1).squeeze_(), [3], [1]],
    ['squeeze_ of a dimension', () => zeros(1, 3, 1).squeeze_(2), [1, 3], [3, 1]],
    ['transpose_', () => zeros(2, 3).transpose_(0, 1), [3, 2], [1, 3]],
    ['swapaxes_', () => zeros(2, 3, 4).swapaxes_(0, 2), [4, 3, 2], [1, 4, 12]],
    ['swapdims_', () => zeros(2, 3, 4).swapdims_(1, 2), [2, 4, 3], [12, 1, 4]],
    ['t_', () => zeros(2, 3).t_(), [3, 2], [1, 3]],
  ] as const)('%s', (_, made, shape, strides) => {
    const x = made();
    expect(x.shape).toEqual(shape);
    expect(x.stride()).toEqual(strides);
  });

  it('leave memory, other views and gradients as they are', () => {
    const w = ones(2, 3).requiresGrad_();
    const x = w.mul(2);
    const row = x.select(0, 1);
    expect(x.unsqueeze_(0)).toBe(x);
    row.unsqueeze_(1).mul_(3);
    expect(x.tolist()).toEqual([
      [
        [2, 2, 2],
        [6, 6, 6],
      ],
    ]);
    row
      .sum()
      .add((x as Tensor).transpose_(1, 2).sum())
      .backward();
    expect(w.grad!.tolist()).toEqual([
      [2, 2, 2],
      [12, 12, 12],
    ]);
  });

  it('refuse leaves with gradients, and to be recorded', () => {
    const w = ones(2, 3).requiresGrad_();
    expect(() => w.t_()).toThrow(AutogradError);
    noGrad(() => w.t_());
    expect(w.shape).toEqual([3, 2]);
    expect(() => compile((x: typeof w) => x.mul(2).unsqueeze_(0))(w)).toThrow(CompileError);
  });
});

it('bits in place', () => {
  const [x, y] = [tensor([6, 3], { dtype: 'int64' }), tensor([3, 1], { dtype: 'int64' })];
  expect(x.clone().bitwiseAnd_(y).tolist()).toEqual([2, 1]);
  expect(x.clone().bitwiseOr_(y).tolist()).toEqual([7, 3]);
  expect(x.clone().bitwiseXor_(y).tolist()).toEqual([5, 2]);
});

it('nextafter at its edges', () => {
  const [x, y] = [tensor([1, 0, -0, -1, Infinity, NaN, 5]), tensor([2, 1, -1, -2, 0, 1, 5])];
  const largest = (2 - 2 ** -23) * 2 ** 127;
  expect(nextafter(x, y).tolist()).toEqual([1 + 2 ** -23, 2 ** -149, -(2 ** -149), -1 - 2 ** -23, largest, NaN, 5]);
  const doubles = [1 + 2 ** -52, 2 ** -1074, -(2 ** -1074), -1 - 2 ** -52, Number.MAX_VALUE, NaN, 5];
  expect(x.double().nextafter_(y.double()).tolist()).toEqual(doubles);
  expect(compile((a: Tensor, b: Tensor) => a.nextafter(b))(x, y).toTypedArray()[0]).toBe(1 + 2 ** -23);
  expect(() => nextafter(x.half(), y.half())).toThrow(/float32 or of float64/);
});

it('frexp, with subnormal numbers', () => {
  const x = tensor([3, 0.25, 0, -5, Infinity, 2 ** -149]).requiresGrad_();
  const [mantissa, exponent] = frexp(x);
  expect([mantissa.tolist(), exponent.tolist(), exponent.dtype]).toEqual([
    [0.75, 0.5, 0, -0.625, Infinity, 0.5],
    [2, -1, 0, 3, 0, -148],
    'int32',
  ]);
  mantissa.narrow(0, 0, 4).sum().backward();
  expect(x.grad!.narrow(0, 0, 4).tolist()).toEqual([0.25, 2, 1, 0.125]);
  expect(x.detach().frexp().exponent.tolist()).toEqual(exponent.tolist());
});

it('histogramdd', () => {
  const points = tensor([
    [0, 1],
    [1, 0],
    [2, 2],
  ]);
  const { hist, binEdges } = histogramdd(points, [2, 2], { density: true });
  expect(hist.mul(3).round().tolist()).toEqual([
    [0, 1],
    [1, 1],
  ]);
  expect(binEdges.map((edges) => edges.tolist())).toEqual([
    [0, 1, 2],
    [0, 1, 2],
  ]);
  const bounded = histogramdd(points, 2, { range: [0, 1, 0, 4], weight: tensor([2, 3, 5]) });
  expect(bounded.hist.tolist()).toEqual([
    [2, 0],
    [3, 0],
  ]);
  const edges = [tensor([0, 0.5, 3]), tensor([0, 1, 1.5])];
  expect(histogramdd(points, edges).hist.tolist()).toEqual([
    [0, 1],
    [1, 0],
  ]);
  expect(() => histogramdd(tensor([1, 2]), 2)).toThrow(ShapeError);
});

it('gradient and trapz', () => {
  const y = tensor([1, 2, 4, 7]);
  expect(gradient(y)[0]!.tolist()).toEqual([1, 1.5, 2.5, 3]);
  expect(gradient(y, { edgeOrder: 2 })[0]!.tolist()).toEqual([0.5, 1.5, 2.5, 3.5]);
  const uneven = gradient(y, { spacing: [tensor([0, 1, 3, 4])] })[0]!.toTypedArray() as Float32Array;
  [1, 1, 7 / 3, 3].forEach((slope, i) => expect(uneven[i]).toBeCloseTo(slope, 5));
  expect(trapz(y).item()).toBe(10);
});

it('settings that are met in any case are remembered', () => {
  useDeterministicAlgorithms(true, { warnOnly: true });
  expect([areDeterministicAlgorithmsEnabled(), isDeterministicAlgorithmsWarnOnlyEnabled()]).toEqual([true, true]);
  useDeterministicAlgorithms(false);
  expect(areDeterministicAlgorithmsEnabled()).toBe(false);
  setFloat32MatmulPrecision('high');
  expect(getFloat32MatmulPrecision()).toBe('high');
  setFloat32MatmulPrecision('highest');
  expect(() => {
    setFloat32MatmulPrecision('low' as 'high');
  }).toThrow(/highest/);
});

it('nn.DataParallel calls its module', () => {
  const net = new nn.DataParallel(new nn.Linear(3, 2));
  expect([...net.stateDict().keys()]).toEqual(['module.weight', 'module.bias']);
  expect(String(net)).toBe('DataParallel(\n  (module): Linear(in_features=3, out_features=2, bias=True)\n)');
  const x = randn(4, 3);
  expect(net(x).tolist()).toEqual(net.module(x).tolist());
  expect(() => new nn.DataParallel(new nn.Linear(3, 2), [0, 1])).toThrow(/at most one device/);
});

it('nn.utils.skipInit draws nothing', () => {
  manualSeed(0);
  const next = rand(1).item();
  manualSeed(0);
  const layer = nn.utils.skipInit(nn.Linear, 5, 1);
  expect(layer.weight.shape).toEqual([1, 5]);
  expect(rand(1).item()).toBe(next);
  class Drawn extends nn.Linear {
    more = new nn.Parameter(ones(2));
    constructor() {
      super(2, 2);
      nn.init.normal_(this.more);
    }
  }
  expect(nn.utils.skipInit(Drawn).more.tolist()).toEqual([1, 1]);
  expect(new Drawn().more.tolist()).not.toContain(1);
  expect(() => nn.utils.skipInit(Date as never)).toThrow(/class of modules/);
});
