/** What the planner fuses gives the same bits as one operation after the other, and is fused only where nobody else looks. */
import { compile, F, manualSeed, noGrad, profile, randn, type Tensor } from 'flambeau';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';

const bits = (x: Tensor): unknown => x.detach().toTypedArray();

interface Geometry {
  readonly x: readonly [number, number, number, number];
  readonly out: number;
  readonly kernel: number;
  readonly options: { stride?: number; padding?: number; dilation?: number; groups?: number };
}

const GEOMETRIES: Geometry[] = [
  { x: [2, 3, 9, 7], out: 5, kernel: 3, options: { padding: 1 } },
  { x: [3, 4, 8, 8], out: 8, kernel: 3, options: { padding: 1, stride: 2 } },
  { x: [2, 4, 11, 10], out: 6, kernel: 3, options: { stride: 3, dilation: 2 } },
  { x: [2, 6, 7, 7], out: 6, kernel: 3, options: { padding: 1, groups: 6 } },
  { x: [1, 2, 1, 6], out: 3, kernel: 1, options: {} },
  { x: [2, 70, 6, 6], out: 4, kernel: 3, options: { padding: 1 } }, // channels in several blocks
];

/** The operations of a compiled function as text, each with a bracket behind its name: those that run together share one. */
const operations = (step: { toString(): string }): string => step.toString().split('\n}')[0]!.replaceAll(' & ', '( ');

describe.each(['float32', 'float64'] as const)('of %s', (dtype) => {
  test.each(GEOMETRIES)('convolution and ReLU, and their gradients: $x → $out, $options', ({ x: size, out, kernel, options }) => {
    manualSeed(4);
    const groups = options.groups ?? 1;
    const x = randn([...size], { dtype });
    const w1 = randn([size[1], size[1] / groups, kernel, kernel], { dtype }).requiresGrad_();
    const w2 = randn([out, size[1] / groups, kernel, kernel], { dtype }).requiresGrad_();
    const b = randn([size[1]], { dtype }).requiresGrad_();
    // The first layer keeps the size, so that the second's gradient flows into a ReLU.
    const same = { padding: (kernel - 1) / 2, groups };
    const fn = (input: Tensor): Tensor[] => {
      for (const leaf of [w1, w2, b]) leaf.grad = null;
      const hidden = F.relu(F.conv2d(input, w1, b, same));
      const y = F.relu(F.conv2d(hidden, w2, null, options));
      y.sin().sum().backward();
      return [y, w1.grad!, w2.grad!, b.grad!];
    };
    const expected = fn(x).map(bits);
    const step = compile(fn);
    for (let i = 0; i < 3; i++) expect(step(x).map(bits)).toEqual(expected);
    const plan = operations(step);
    expect(plan.match(/conv2d\+relu\(/g)).toHaveLength(2);
    expect(plan).toContain('conv2dInputGrad+reluGrad(');
  });

  test.each(GEOMETRIES)('sums in convolutions and their gradients: $x → $out, $options', (geometry) => {
    const { x: size, out, kernel, options } = geometry;
    manualSeed(7);
    const groups = options.groups ?? 1;
    const x = randn([...size], { dtype });
    const w1 = randn([size[1], size[1] / groups, kernel, kernel], { dtype }).requiresGrad_();
    const w2 = randn([out, size[1] / groups, kernel, kernel], { dtype }).requiresGrad_();
    const b = randn([out], { dtype });
    const same = { padding: (kernel - 1) / 2, groups };
    const fn = (input: Tensor, residual: Tensor): Tensor[] => {
      for (const leaf of [w1, w2]) leaf.grad = null;
      const first = F.relu(F.conv2d(input, w1, null, same));
      const hidden = F.relu(F.conv2d(first, w1, null, same).add(first)); // flows back into a ReLU and a sum
      const y = F.relu(residual.add(F.conv2d(hidden, w2, b, options)));
      const z = F.conv2d(hidden, w2, null, options).add(residual);
      y.add(z).sin().sum().backward();
      return [y, z, w1.grad!, w2.grad!];
    };
    const residual = randn(F.conv2d(x, w2, b, options).shape, { dtype });
    const expected = fn(x, residual).map(bits);
    const step = compile(fn);
    for (let i = 0; i < 3; i++) expect(step(x, residual).map(bits)).toEqual(expected);
    const plan = operations(step);
    for (const name of ['conv2d+add+relu', 'conv2d+add', 'conv2dInputGrad+add+reluGrad']) expect(plan).toContain(` ${name}(`);
  });

  test.each(GEOMETRIES)('known statistics in convolutions: $x → $out, $options', ({ x: size, out, kernel, options }) => {
    manualSeed(8);
    const w = randn([out, size[1] / (options.groups ?? 1), kernel, kernel], { dtype });
    const make = (): Tensor => randn([out], { dtype });
    const [bias, weight, shift, mean, variance] = [make(), make(), make(), make().mul(30), make().abs().add(0.1)];
    const [x, scale, half] = [randn([...size], { dtype }), weight.abs().div(variance.sqrt()), w.mul(0.5)];
    const norm = (y: Tensor): Tensor => F.batchNorm(y, mean, variance, { weight, bias: shift });
    const fn = (input: Tensor, residual: Tensor): Tensor[] =>
      noGrad(() => {
        const sum = norm(F.conv2d(input, w, null, options)).add(residual);
        return [
          norm(F.conv2d(input, w, bias, options)),
          F.relu(norm(F.conv2d(input, half, bias, options))),
          sum,
          F.relu(residual.add(norm(F.conv2d(input, half, null, options)))),
        ];
      });
    const y = F.conv2d(x, w, bias, options);
    const residual = randn(y.shape, { dtype });
    const expected = fn(x, residual);
    const step = compile(fn);
    step(x, residual);
    const results = step(x, residual);
    // What the docstring of AffineStep leaves open: a few roundings of the largest of the three terms.
    const column = (t: Tensor): Tensor => t.view([1, -1, 1, 1]);
    const terms = y
      .abs()
      .add(column(bias.abs().add(mean.abs())))
      .mul(column(scale))
      .add(column(shift.abs()))
      .add(residual.abs());
    const unit = dtype === 'float32' ? 2 ** -24 : 2 ** -53;
    results.forEach((result, i) => {
      const off = result.sub(expected[i]!).abs().div(terms).max().item();
      expect(off).toBeLessThanOrEqual(4 * unit);
    });
    for (const finish of ['', '+relu', '+add', '+add+relu']) expect(step.toString()).toContain(` conv2d+batchNormEval${finish}(`);
  });

  test.each([
    [[4, 5, 6, 7], true],
    [[4, 5, 6, 7], false],
    [[6, 9], true],
    [[6, 9], false],
    [[3, 8, 5], true],
  ] as const)('batch normalisation of %j, a sum and a ReLU (training: %j)', (shape, training) => {
    manualSeed(6);
    const channels = shape[1];
    const make = (): Tensor => randn([channels], { dtype });
    const [weight, bias, mean, variance] = [make().requiresGrad_(), make().requiresGrad_(), make(), make().abs()];
    const [x, r] = [randn([...shape], { dtype }), randn([...shape], { dtype })];
    const start = [mean.clone(), variance.clone()];
    const fn = (input: Tensor, residual: Tensor): Tensor[] => {
      weight.grad = bias.grad = null;
      const norm = (z: Tensor): Tensor => F.batchNorm(z, mean, variance, { weight, bias, training });
      const [a, b] = [F.relu(norm(input)), F.relu(norm(input.mul(2)).add(residual))];
      const [c, d] = [residual.add(norm(a)), norm(b)];
      const y = a.add(b).add(c).add(d);
      y.sin().sum().backward();
      return [y, a, b, c, d, weight.grad!, bias.grad!];
    };
    const results = (run: typeof fn): unknown[] => {
      mean.copy_(start[0]!);
      variance.copy_(start[1]!);
      return [0, 1, 2].flatMap(() => [...run(x, r), mean, variance].map(bits));
    };
    const step = compile(fn);
    expect(results(step)).toEqual(results(fn));
    const name = training ? 'batchNorm' : 'batchNormEval';
    for (const finish of ['+relu', '+add+relu', '+add']) expect(operations(step)).toContain(` ${name}${finish}(`);
  });

  test.each([
    [2, {}],
    [3, { stride: 2, padding: 1 }],
    [3, { stride: 1, dilation: 2 }],
  ])('the gradient of max-pooling %i into a ReLU', (kernel, options) => {
    manualSeed(5);
    const w = randn([4, 2, 3, 3], { dtype }).requiresGrad_();
    const fn = (x: Tensor): Tensor[] => {
      w.grad = null;
      const y = F.maxPool2d(F.relu(F.conv2d(x, w)), kernel, options);
      y.sin().sum().backward();
      return [y, w.grad!];
    };
    const x = randn([2, 2, 11, 9], { dtype });
    const expected = fn(x).map(bits);
    const step = compile(fn);
    for (let i = 0; i < 3; i++) expect(step(x).map(bits)).toEqual(expected);
    expect(step.toString()).toMatch(/reluGrad\(.*\n.* maxPool2dGrad\(/); // of the smaller tensor, before it is spread
  });

  test.each(['adaptive', 'indices', 'changed', 'scaled'])('max-pooling behind a ReLU, %s', (kind) => {
    manualSeed(6);
    const x = randn([2, 3, 8, 7], { dtype });
    x.view(-1).narrow(0, 0, 40).fill_(Number.NaN);
    x.view(-1).narrow(0, 100, 60).fill_(-0);
    const fn = (x: Tensor): Tensor[] => {
      const leaf = x.detach().requiresGrad_();
      const hidden = F.relu(leaf);
      if (kind === 'adaptive') F.adaptiveMaxPool2d(hidden, 3).sin().sum().backward();
      else if (kind === 'indices') F.maxPool2dWithIndices(hidden, 2).values.sin().sum().backward();
      else {
        const pooled = F.maxPool2d(hidden, 2);
        const loss = pooled.sum();
        if (kind === 'changed') noGrad(() => pooled.mul_(-1)); // what was positive is not any more
        loss.backward();
        if (kind === 'scaled') return [leaf.grad!, hidden, pooled];
      }
      return [leaf.grad!];
    };
    const step = compile(fn);
    const expected = fn(x).map(bits);
    for (let i = 0; i < 2; i++) expect(step(x).map(bits)).toEqual(expected);
  });
});

test('NaN, infinities and signed zeros pass a fused ReLU as they pass the plain one', () => {
  const w = randn(1, 1, 1, 1).fill_(1);
  const fn = (x: Tensor): Tensor => F.relu(F.conv2d(x, w));
  const x = randn(1, 1, 2, 4);
  x.setAt([0, 0, 0, 0], Number.NaN).setAt([0, 0, 0, 1], -0).setAt([0, 0, 0, 2], -Infinity).setAt([0, 0, 0, 3], Infinity);
  const step = compile(fn);
  step(x);
  expect(bits(step(x))).toEqual(bits(fn(x)));
});

test('nothing is fused where the value before the ReLU is used, too', () => {
  const w = randn(2, 2, 3, 3);
  const step = compile((x: Tensor) => {
    const y = F.conv2d(x, w);
    return F.relu(y).add(y.sum());
  });
  const x = randn(1, 2, 5, 5);
  step(x);
  expect(bits(step(x))).toEqual(bits(F.relu(F.conv2d(x, w)).add(F.conv2d(x, w).sum())));
  expect(step.toString()).not.toContain('conv2d+relu');
});

test('nor where the result is wanted', () => {
  const w = randn(2, 2, 3, 3);
  const step = compile((x: Tensor) => {
    const y = F.conv2d(x, w);
    return { y, z: F.relu(y) };
  });
  const x = randn(1, 2, 5, 5);
  step(x);
  expect(bits(step(x).y)).toEqual(bits(F.conv2d(x, w)));
  expect(step.toString()).not.toContain('conv2d+relu');
});

describe('profile', () => {
  test('says what a compiled step is made of', () => {
    const w = randn(8, 3, 3, 3);
    const step = compile((x: Tensor) => F.relu(F.conv2d(x, w, null, { padding: 1 })));
    const x = randn(2, 3, 8, 8);
    step(x);
    const p = profile(() => step(x));
    const [conv] = p.totals().filter(({ flops }) => flops > 0);
    expect(conv).toMatchObject({ operation: 'conv2d+relu', shape: '2×8×8×8', calls: 1, flops: 2 * 2 * 8 * 64 * 27 });
    expect(p.kernelMs).toBeGreaterThan(0);
    expect(p.kernelMs).toBeLessThanOrEqual(p.ms);
    expect(String(p)).toMatch(/^operation +kernel +shape +calls/);
    expect(p.table(50)).toContain('of peak');
    const { traceEvents } = p.trace();
    expect(traceEvents).toHaveLength(p.launches.length);
    expect(traceEvents.every(({ ts, dur }) => ts >= 0 && dur >= 0)).toBe(true);
  });

  test('console.log shows the plan', () => {
    const w = randn(8, 3, 3, 3);
    const step = compile((x: Tensor) => F.relu(F.conv2d(x, w, null, { padding: 1 })));
    const x = randn(2, 3, 8, 8);
    step(x);
    expect(inspect(step)).toMatch(/float32\[2, 8, 8, 8\] = conv2d\+relu\([^]*arena: \d+ bytes[^]*conv2d\+relu: .* × \d+, 55.3 kFLOP, /);
  });

  test('refuses what is not done when it returns', () => {
    expect(() => profile(() => Promise.resolve())).toThrow(/asynchronous/);
  });
});
