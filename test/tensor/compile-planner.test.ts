/** What the planner does to a compiled function: fewer operations and kernels, the same bits. */
import { autograd, compile, F, manualSeed, nn, noGrad, optim, randint, randn, tensor, type Tensor } from 'flambeau';
import type { CrossEntropyOptions } from '../../src/nn/functional.ts';
import { describe, expect, test } from 'vitest';

const bits = (x: Tensor): unknown => x.detach().toTypedArray();

/** Compiles, and compares three runs with eager ones; returns the plan as text. */
function sameBits(fn: (...args: Tensor[]) => Tensor[], ...args: Tensor[]): string {
  const expected = fn(...args).map(bits);
  const step = compile(fn);
  for (let i = 0; i < 3; i++) expect(step(...args).map(bits)).toEqual(expected);
  return step.toString();
}

const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;

describe('repetition', () => {
  test('is computed once, through views and further operations', () => {
    const plan = sameBits(
      (x) => {
        const a = x
          .view([6, 2])
          .matmul(x.view([2, 6]))
          .softmax(0);
        const b = x
          .view([6, 2])
          .matmul(x.view([2, 6]))
          .softmax(0);
        return [a.sum(0).add(b.sum(1))];
      },
      randn(3, 4),
    );
    expect(count(plan, / matmul\(/g)).toBe(1);
    expect(count(plan, / softmax\(/g)).toBe(1);
  });

  test('other attributes, numbers, layouts and offsets are no repetition', () => {
    const plan = sameBits((x) => [x.softmax(0).add(x.softmax(1)), x.at(0).cumsum(0).sub(x.at(1).cumsum(0)), x.t().cumsum(0)], randn(4, 4));
    expect(count(plan, / softmax\(/g)).toBe(2);
    expect(count(plan, / cumsum\(/g)).toBe(3);
  });

  test('nor is what was written to in between', () => {
    const state = randn(4, 4);
    const start = bits(state);
    const step = compile((x: Tensor) =>
      noGrad(() => {
        const before = state.matmul(x);
        state.mul_(2);
        const after = state.matmul(x);
        const y = x.add(1);
        const one = y.matmul(x);
        y.mul_(3);
        return [before, after, one, y.matmul(x)];
      }),
    );
    const x = randn(4, 4);
    for (let i = 0; i < 3; i++) {
      const old = state.clone();
      const [before, after, one, three] = step(x) as [Tensor, Tensor, Tensor, Tensor];
      expect(bits(before)).toEqual(bits(old.matmul(x)));
      expect(bits(after)).toEqual(bits(old.mul(2).matmul(x)));
      expect(bits(one)).toEqual(bits(x.add(1).matmul(x)));
      expect(bits(three)).toEqual(bits(x.add(1).mul(3).matmul(x)));
    }
    expect(bits(state)).not.toEqual(start);
    expect(count(step.toString(), / matmul\(/g)).toBe(4);
  });

  test('random masks differ', () => {
    manualSeed(3);
    const step = compile((x: Tensor) => [F.dropout(x, { p: 0.5 }), F.dropout(x, { p: 0.5 })]);
    const x = randn(64);
    step(x);
    const [a, b] = step(x) as [Tensor, Tensor];
    expect(bits(a)).not.toEqual(bits(b));
  });

  test('results that are wanted twice are two tensors', () => {
    const step = compile((x: Tensor) => [x.softmax(0), x.softmax(0)]);
    const x = randn(8);
    step(x);
    const [a, b] = step(x) as [Tensor, Tensor];
    a.mul_(0);
    expect(bits(b)).toEqual(bits(x.softmax(0)));
  });
});

describe('operations in place', () => {
  test('on results, views and arguments', () => {
    sameBits(
      (x) => {
        const y = x.mul(2);
        const first = y.at(0);
        y.add_(1);
        first.mul_(5);
        const z = y.clone();
        y.sub_(z.exp_());
        y.setAt([1], first);
        return [y, z, first];
      },
      randn(3, 4),
    );
  });

  test('an argument may be memory that the function also reaches by itself', () => {
    const state = tensor([1, 2, 3]);
    const step = compile((x: Tensor) =>
      noGrad(() => {
        const y = x.mul(10);
        state.add_(1);
        return y.add(x);
      }),
    );
    const eager = (x: Tensor): unknown => {
      const y = x.mul(10);
      state.add_(1);
      return bits(y.add(x));
    };
    const other = tensor([5, 5, 5]);
    step(other);
    const start = bits(state);
    const results = [bits(step(state)), bits(step(state)), bits(step(other))];
    state.copy_(tensor(Array.from(start as Float32Array)));
    expect(results).toEqual([eager(state), eager(state), eager(other)]);
    expect(step.recordings).toBe(1);
  });
});

describe('elementwise operations', () => {
  test('become one kernel that writes only what is wanted', () => {
    const plan = sameBits(
      (x, y) => {
        const sum = x.add(y);
        const scaled = sum.mul(0.5).sub(y.abs());
        return [F.relu(scaled).mul(x.gt(0).to('float32')), sum];
      },
      randn(5, 7),
      randn(5, 7),
    );
    expect(plan).toMatch(/\$\d+: float32\[5, 7\], \$\d+: float32\[5, 7\] = [a-zA-Z+]+\(%\d+, \$1, \$0\)/);
  });

  test('of one dense length need not have one shape', () => {
    const plan = sameBits((x) => [x.view([2, 9]).mul(2).view([6, 3]).exp().flatten().add(x)], randn(18));
    expect(plan).toContain('mulScalar+exp+add(');
  });

  test('broadcast inputs, not results', () => {
    const plan = sameBits((x, row) => [row.mul(2).exp().add(x).sub(row.sum())], randn(3, 8), randn(8));
    expect(plan).toContain('mulScalar+exp(');
    expect(plan).toContain('add+sub(');
  });

  test('in double precision, whole numbers and truth values', () => {
    sameBits((x) => [x.mul(1.5).sin().add(1), x.gt(0).logicalAnd(x.lt(1)).logicalNot()], randn([33], { dtype: 'float64' }));
    sameBits((x) => [x.mul(3).add(7).remainder(4).sub(x)], tensor([1, -5, 7, 9], { dtype: 'int64' }));
    sameBits((x) => [x.mul(200).add(100).mul(2)], tensor([1, 2, 3, 250, 7], { dtype: 'uint8' }));
  });
});

describe('updates', () => {
  const OPTIMIZERS: readonly [string, (a: Tensor[], b: Tensor[]) => optim.Optimizer][] = [
    ['SGD', (a, b) => new optim.SGD([{ params: a, lr: 0.1 }, { params: b, lr: 0.01 }], { lr: 1, momentum: 0.9, weightDecay: 0.01 })],
    ['Adam', (a, b) => new optim.Adam([{ params: a, lr: 0.1 }, { params: b, lr: 0.01 }], { amsgrad: true })],
  ]; // prettier-ignore

  test.each(OPTIMIZERS)('of all parameters by %s are one launch', (_, make) => {
    const run = (wrap: typeof compile | undefined): { values: unknown[]; plan: string } => {
      manualSeed(2);
      const model = new nn.Sequential(new nn.Linear(7, 40), new nn.BatchNorm1d(40), new nn.Tanh(), new nn.Linear(40, 3));
      const [weights, others] = [0, 1].map((rank) => model.parameters().filter((p) => p.ndim === 2 - rank));
      const optimizer = make(weights!, others!);
      const fn = (x: Tensor): Tensor => {
        optimizer.zeroGrad();
        const loss = model(x).square().mean();
        loss.backward();
        optimizer.step();
        return loss;
      };
      const step = wrap?.(fn) ?? fn;
      const values: unknown[] = [];
      for (let i = 0; i < 5; i++) {
        optimizer.paramGroups[0]!.lr = 0.1 / (i + 1);
        values.push(bits(step(randn(9, 7))), ...[...model.stateDict().values()].map(bits));
      }
      return { values, plan: String(step) };
    };
    const { values, plan } = run(compile);
    expect(values).toEqual(run(undefined).values);
    expect(plan).toMatch(/6 × [a-zA-Z]+Step\(/);
  });

  test('that depend on each other are not joined', () => {
    const [a, b] = [randn(100), randn(3)];
    const start = [bits(a), bits(b)];
    const fn = (x: Tensor): Tensor[] =>
      noGrad(() => {
        a.mul_(2);
        b.mul_(3);
        a.mul_(x.sum());
        b.mul_(a.sum());
        return [a.sum()];
      });
    const step = compile(fn);
    const x = randn(2);
    const results: unknown[] = [];
    for (let i = 0; i < 3; i++) results.push(bits(step(x)[0]!), bits(a), bits(b));
    a.copy_(tensor(Array.from(start[0] as Float32Array)));
    b.copy_(tensor(Array.from(start[1] as Float32Array)));
    const expected: unknown[] = [];
    for (let i = 0; i < 3; i++) expected.push(bits(fn(x)[0]!), bits(a), bits(b));
    expect(results).toEqual(expected);
  });
});

describe('cross-entropy and its gradient', () => {
  const weight = tensor([1, 0.5, 2]);
  const CASES: readonly [string, number, CrossEntropyOptions, boolean][] = [
    ['a few', 5, {}, true],
    ['several partial sums', 700, {}, true],
    ['weights, ignored labels', 5, { reduction: 'sum', weight, ignoreIndex: 1 }, true],
    ['smooth labels', 5, { labelSmoothing: 0.1, weight }, true],
    ['no reduction', 5, { reduction: 'none' }, false],
    ['many', 20_000, {}, false],
  ];
  test.each(CASES)('are one kernel where they are small: %s', (_, rows, options, joined) => {
    manualSeed(9);
    const w = randn(4, 3).requiresGrad_();
    const [x, y] = [randn(rows, 4), randint(0, 3, [rows])];
    const fn = (input: Tensor, labels: Tensor): Tensor[] => {
      w.grad = null;
      const loss = F.crossEntropy(input.matmul(w), labels, options);
      if (options.reduction === 'none') loss.backward(loss.detach());
      else loss.backward();
      return [loss, w.grad!];
    };
    const plan = sameBits(fn, x, y);
    expect(plan.includes('loss/ce-training')).toBe(joined);
  });

  test('are apart where the gradient depends on the loss', () => {
    const w = randn(4, 3).requiresGrad_();
    const labels = tensor([0, 1, 2], { dtype: 'int64' });
    const plan = sameBits(
      (x) => {
        w.grad = null;
        const loss = F.crossEntropy(x.matmul(w), labels).square();
        loss.backward();
        return [loss, w.grad!];
      },
      randn(3, 4),
    );
    expect(plan).toContain(' crossEntropyGrad(');
  });
});

test('running statistics are kept up where only they are wanted', () => {
  const [mean, variance] = [randn(3), randn(3).abs()];
  const x = randn(4, 3, 2, 2);
  const step = compile((input: Tensor) => {
    F.batchNorm(input, mean, variance, { training: true });
    return input.mul(1);
  });
  step(x);
  const [m, v] = [mean.clone(), variance.clone()];
  F.batchNorm(x, m, v, { training: true });
  step(x);
  expect(bits(mean)).toEqual(bits(m));
  expect(bits(variance)).toEqual(bits(v));
});

describe('activations', () => {
  const layers: Record<string, () => nn.Module> = {
    relu: () => new nn.ReLU(),
    hardtanh: () => new nn.ReLU6(),
    'hardtanh in place': () => new nn.ReLU6({ inplace: true }),
    leakyRelu: () => new nn.LeakyReLU(0.1),
    silu: () => new nn.SiLU(),
    hardswish: () => new nn.Hardswish(),
  };
  const network = (name: string, dtype: 'float32' | 'float64'): nn.Sequential =>
    new nn.Sequential(
      new nn.Conv2d(3, 8, 3, { padding: 1 }),
      new nn.BatchNorm2d(8),
      layers[name]!(),
      new nn.Conv2d(8, 8, 3, { padding: 1, groups: 8, bias: false }),
      new nn.BatchNorm2d(8, { affine: false }),
      layers[name]!(),
      new nn.Conv2d(8, 4, 1),
    ).to(dtype);

  test.each(Object.keys(layers))('and their gradients go into normalisations: %s', (name) => {
    for (const dtype of ['float32', 'float64'] as const) {
      const net = network(name, dtype);
      const target = randn(2, 4, 7, 9).to(dtype);
      const plan = sameBits((x) => autograd.grad(net(x).mul(target).sum(), [...net.parameters()]), randn(2, 3, 7, 9).to(dtype).mul(3));
      const graph = plan.slice(0, plan.indexOf('\n}'));
      expect(count(graph, /batchNorm\+\w+(\(| & )/g)).toBe(2); // machines with wide vectors join some with what follows
      expect(count(graph, /\w+Grad\+batchNormGrad(\(| & )/g)).toBe(2);
    }
  });

  test.each(Object.keys(layers))('go into convolutions whose normalisation is known: %s', (name) => {
    const net = network(name, 'float32').eval();
    for (const p of net.buffers()) if (p.dtype === 'float32') p.add_(randn(p.shape).abs());
    const x = randn(2, 3, 7, 9).mul(3);
    const forward = compile((x: Tensor) => noGrad(() => net(x)));
    const [expected, got] = [noGrad(() => net(x)), forward(x)];
    expect(got.sub(expected).abs().max().item()).toBeLessThan(1e-5);
    expect(count(forward.toString(), /conv2d\+batchNormEval\+\w+\(/g)).toBe(2);
  });

  test('whose argument somebody else wants stay by themselves', () => {
    const norm = new nn.BatchNorm2d(3);
    const plan = sameBits(
      (x, target) => {
        const y = norm(x);
        return [...autograd.grad(F.silu(y).add(y.mul(2)).mul(target).sum(), [...norm.parameters()]), y];
      },
      randn(2, 3, 5, 5),
      randn(2, 3, 5, 5),
    );
    expect(count(plan, /batchNorm\+\w+\(/g)).toBe(0);
  });

  test('are chains of operations on one value, unless others want what is between', () => {
    const conv = new nn.Conv2d(2, 3, 3);
    const spelled = (y: Tensor): Tensor => y.div(1.5).erf().add(1).mul(y).mul(0.5);
    const plan = sameBits(
      (x) =>
        noGrad(() => {
          const [y, z] = [conv(x), conv(x.neg())];
          const gate = z.sigmoid();
          return [spelled(y), spelled(conv(x.mul(2)).relu()), gate.mul(z), gate.sum()];
        }),
      randn(1, 2, 6, 6),
    );
    expect(count(plan, / conv2d\+divScalar\+erf\+addScalar\+mul\+mulScalar\(/g)).toBe(1);
    expect(count(plan, / conv2d\+relu\(/g)).toBe(1); // a chain after a step stays apart
    expect(count(plan, / conv2d\(/g)).toBe(1);
  });

  test('are told apart by their numbers', () => {
    const conv = new nn.Conv2d(2, 3, 3);
    const plan = sameBits(
      (x) => [
        noGrad(() => F.hardtanh(conv(x), { minVal: -1, maxVal: 2 })),
        noGrad(() => F.hardtanh(conv(x.neg()), { minVal: 0, maxVal: 2 })),
      ],
      randn(1, 2, 6, 6),
    );
    expect(count(plan, / conv2d\+hardtanh\(/g)).toBe(2); // each with its own numbers
  });
});
