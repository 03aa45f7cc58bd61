/** Maximum pooling by 2×2 windows inside the convolution before it: the same bits as one after the other, taps included. */
import { compile, F, manualSeed, noGrad, randn, type Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';
import { kernelsFor, nameOf, WIDTHS } from '../support/targets.ts';

const bits = (x: Tensor): unknown => x.detach().toTypedArray();

interface Geometry {
  readonly x: readonly [number, number, number, number];
  readonly out: number;
  readonly kernel?: number;
  /** Bytes of vectors from which on it is a kernel of its own. */
  readonly apartFrom?: number;
  readonly options?: { stride?: number; padding?: number; dilation?: number; groups?: number };
}

/** By the kernel that ought to pool: `apart` is one of its own. */
const GEOMETRIES: Record<string, readonly Geometry[]> = {
  'conv-correlate': [
    { x: [5, 3, 32, 32], out: 16, options: { padding: 1 } },
    { x: [2, 1, 28, 40], out: 5, kernel: 5 },
    { x: [3, 3, 33, 35], out: 7, options: { padding: 1 } },
    { x: [1, 3, 64, 70], out: 33, options: { padding: 1 } }, // cut into blocks of rows
    { x: [2, 2, 65, 67], out: 3, options: { stride: 2, padding: 2 } },
    { x: [2, 6, 40, 40], out: 6, options: { groups: 3, dilation: 2, padding: 2 }, apartFrom: 32 },
    { x: [9, 3, 19, 35], out: 2, kernel: 1 },
  ],
  'conv-winograd': [
    { x: [4, 16, 16, 16], out: 32, options: { padding: 1 } },
    { x: [3, 24, 9, 13], out: 37, options: { padding: 1 }, apartFrom: 64 }, // 12 tiles are less than a vector of 16
    { x: [2, 48, 12, 11], out: 50 },
    { x: [1, 16, 35, 35], out: 16, options: { padding: 1 } },
    { x: [5, 64, 6, 7], out: 64, options: { padding: 1 } },
  ],
  apart: [
    { x: [2, 3, 6, 6], out: 4, options: { padding: 1 } }, // rows of less than a vector
    { x: [2, 32, 16, 16], out: 32, kernel: 1 }, // vectors along outputs
  ],
};
const CASES = Object.entries(GEOMETRIES).flatMap(([kernel, list]) => list.map((g) => ({ ...g, by: kernel })));

const convolution = ({ x, out, kernel = 3, options = {} }: Geometry) => {
  const w = randn([out, x[1] / (options.groups ?? 1), kernel, kernel]).requiresGrad_();
  const b = randn([out]).requiresGrad_();
  return { w, b, conv: (input: Tensor): Tensor => F.conv2d(input, w, b, options) };
};

test.each(CASES)('$by: $x → $out, $kernel, $options', (geometry) => {
  manualSeed(11);
  const { w, b, conv } = convolution(geometry);
  const x = randn([...geometry.x]).requiresGrad_();
  for (const activation of [(y: Tensor) => y, (y: Tensor) => F.relu(y)]) {
    const fn = (): Tensor[] => {
      for (const leaf of [w, b, x]) leaf.grad = null;
      const y = F.maxPool2d(activation(conv(x)), 2);
      y.sin().sum().backward();
      return [y, w.grad!, b.grad!, x.grad!];
    };
    const expected = fn().map(bits);
    const step = compile(fn);
    for (let i = 0; i < 3; i++) expect(step().map(bits)).toEqual(expected);
    expect(step.toString()).toMatch(/conv2d(\+relu)?\+maxPool2d\(/);
  }
});

describe.each(WIDTHS.map((target) => [target.vectorBytes, target] as const))('on vectors of %i bytes', (width, target) => {
  test.each(CASES)('$by: $x → $out, $kernel, $options', (geometry) => {
    const { conv } = convolution(geometry);
    const x = randn([...geometry.x]);
    const step = compile((input: Tensor): Tensor => noGrad(() => F.maxPool2d(conv(input), 2)));
    const names = kernelsFor(target, () => void step(x)).map(nameOf);
    const wanted = width >= (geometry.apartFrom ?? Infinity) ? 'apart' : geometry.by;
    const pooling = names.filter((name) => /^conv-.*\/pool$/.test(name)).map((name) => name.split('/')[0]);
    expect(pooling).toEqual(wanted === 'apart' ? [] : [wanted]);
    expect(names.includes('pool/max-pairs')).toBe(wanted === 'apart');
  });
});

test('what every window has: NaN, infinities, signed zeros, equal values', () => {
  for (const channels of [1, 16]) {
    const w = randn(1, 1, 1, 1).mul(0).expand([16, channels, 3, 3]).contiguous();
    for (let i = 0; i < 16; i++) w.setAt([i, i % channels, 1, 1], 1);
    const x = randn(2, channels, 16, 16).mul(2).round();
    const special = [Number.NaN, -Infinity, Infinity, -0, 0, -1];
    for (let i = 0; i < 60; i++) x.setAt([i % 2, i % channels, (i * 7) % 16, (i * 5) % 16], special[i % 6]!);
    for (const activation of [(y: Tensor) => y, (y: Tensor) => F.relu(y)]) {
      const fn = (input: Tensor): Tensor[] => {
        const leaf = input.detach().requiresGrad_();
        const y = F.maxPool2d(activation(F.conv2d(leaf, w, null, { padding: 1 })), 2);
        y.sin().sum().backward(); // who won shows in the gradient
        return [y, leaf.grad!];
      };
      const step = compile(fn);
      step(x);
      expect(step(x).map(bits)).toEqual(fn(x).map(bits));
      expect(step.toString()).toContain('+maxPool2d(');
    }
  }
});

test.each(['known statistics', 'known statistics and ReLU'])('behind %s', (kind) => {
  manualSeed(12);
  for (const geometry of [...GEOMETRIES['conv-correlate']!, ...GEOMETRIES['conv-winograd']!]) {
    const { conv } = convolution(geometry);
    const [mean, variance, weight] = [randn([geometry.out]), randn([geometry.out]).abs().add(0.1), randn([geometry.out])];
    const fn = (x: Tensor): Tensor =>
      noGrad(() => {
        const y = F.batchNorm(conv(x), mean, variance, { weight });
        return F.maxPool2d(kind.endsWith('ReLU') ? F.relu(y) : y, 2);
      });
    const x = randn([...geometry.x]);
    const step = compile(fn);
    step(x);
    const difference = step(x).sub(fn(x)).abs().max().item();
    expect(difference).toBeLessThan(1e-4);
    expect(step.toString()).toMatch(/conv2d\+batchNormEval(\+relu)?\+maxPool2d\(/);
    if (geometry.out % 16 === 0) expect(step.toString()).toMatch(/affine(\+relu)?\/pool ×/);
  }
});

test('results that somebody else reads are written, and pooled from there', () => {
  const { conv } = convolution(CASES[0]!);
  const x = randn([...CASES[0]!.x]);
  const fn = (input: Tensor): Tensor[] =>
    noGrad(() => {
      const y = F.relu(conv(input));
      return [F.maxPool2d(y, 2), y.sum()];
    });
  const step = compile(fn);
  step(x);
  expect(step(x).map(bits)).toEqual(fn(x).map(bits));
  expect(step.toString()).not.toContain('+maxPool2d(');
});

test('other windows stay kernels of their own', () => {
  const { conv } = convolution(CASES[0]!);
  const x = randn([...CASES[0]!.x]);
  for (const [kernel, options] of [
    [3, { stride: 2 }],
    [2, { stride: 1 }],
    [2, { padding: 1 }],
    [2, { ceilMode: true }],
  ] as const) {
    const fn = (input: Tensor): Tensor => noGrad(() => F.maxPool2d(F.relu(conv(input)), kernel, options));
    const step = compile(fn);
    step(x);
    expect(bits(step(x))).toEqual(bits(fn(x)));
    expect(step.toString()).not.toContain('+maxPool2d(');
  }
});
