/** What a compiled function may return and look at: fresh draws, arguments, captured tensors, and views of all of them, call after call. */
import {
  arange,
  compile,
  F,
  getNumThreads,
  manualSeed,
  ones,
  optim,
  rand,
  randint,
  randn,
  setNumThreads,
  tensor,
  zeros,
  type Tensor,
} from 'flambeau';
import { describe, expect, test } from 'vitest';
import { kernelsFor, nameOf, WIDTHS } from '../support/targets.ts';

type Result = Tensor | readonly Tensor[];
const listed = (result: Result): Tensor[] => (Array.isArray(result) ? [...(result as Tensor[])] : [result as Tensor]);
const seen = (result: Result): unknown => listed(result).map((x) => [x.shape, x.dtype, x.detach().toTypedArray()]);

/** What some calls give, eagerly and compiled; each way starts from the same seed. */
function bothWays(make: () => (x: Tensor) => Result, args: readonly Tensor[]): void {
  const follow = (compiled: boolean): unknown[] => {
    manualSeed(7);
    const fn = make();
    const run = compiled ? compile(fn) : fn;
    const results = args.map((arg) => seen(run(arg.clone())));
    if (compiled) expect((run as unknown as { recordings: number }).recordings).toBe(1);
    return results;
  };
  expect(follow(true)).toEqual(follow(false));
}

const threeArgs = [arange(6).view(2, 3).to('float32'), zeros(2, 3), ones(2, 3).mul(-2)];

describe('a compiled function returns', () => {
  const cases: [string, () => (x: Tensor) => Result][] = [
    ['a fresh draw', () => () => randn(3)],
    ['a view of a fresh draw', () => () => rand(6).view(2, 3)],
    ['a fresh draw, a view of it and what is computed of it', () => () => ((a) => [a, a.at(1), a.mul(2)])(randn(4, 2))],
    ['draws in another order', () => () => ((a, b) => [b.t(), a])(randn(4), randint(0, 9, [2, 3]))],
    ['many draws', () => () => rand(5000).view(50, 100)],
    ['a draw that is changed in place', () => () => randn(4).mul_(2).add_(1)],
    ['a draw masked by another', () => (x) => F.dropout(x, { p: 0.5 })],
    ['a constant, a view of it and what is computed of it', () => () => ((a) => [a, a.view(1, 2), a.add(1)])(tensor([1, 2]))],
    ['an argument', () => (x) => x],
    ['a view of an argument', () => (x) => x.view(-1)],
    ['a part of an argument', () => (x) => [x.at(1), x.t().narrow(0, 1, 2)]],
    ['an argument that is changed through a view', () => (x) => (x.view(-1).add_(1), x)],
    ['a view that is changed in place', () => (x) => x.at(0).mul_(3)],
    ['one tensor several times', () => (x) => ((y) => [y, y, y.view(-1), y.detach(), x, x])(x.mul(2))],
    ['nothing of a tensor', () => (x) => [x.narrow(0, 0, 0), zeros(0), x.mul(2).narrow(1, 1, 0)]],
    ['a captured tensor and views of it', () => ((w) => () => [w, w.view(-1), w.t().at(1)])(arange(6).view(2, 3))],
    ['views of a captured tensor that it changes', () => ((w) => () => [w.add_(1), w.view(-1)])(arange(6).view(2, 3))],
    [
      'views of a captured parameter',
      () => ((w) => () => [w.view(-1), w.unsqueeze(0).expand(2, 2, 3)])(ones(2, 3, { requiresGrad: true })),
    ],
  ];
  test.each(cases)('%s', (_, make) => bothWays(make, threeArgs));

  test('the same tensor where the function does, over memory that no other call has', () => {
    const step = compile((x: Tensor) => {
      const [y, drawn, fixed] = [x.mul(2), randn(2), tensor([1, 2])];
      return [y, y, y.view(-1), drawn, drawn.view(2, 1), fixed, fixed.view(2, 1)] as const;
    });
    const first = step(ones(2));
    const second = step(ones(2));
    expect(first[0]).toBe(first[1]);
    for (const [a, b] of [
      [0, 2],
      [3, 4],
      [5, 6],
    ] as const)
      expect(first[a].storage).toBe(first[b].storage);
    for (const x of first) x.add_(5);
    expect(second[0].tolist()).toEqual([2, 2]);
    expect(step(ones(2))[6].tolist()).toEqual([[1], [2]]);
    expect(new Set([...first, ...second].map(({ storage }) => storage)).size).toBe(6);
  });

  test('views of parameters without their history, over their memory', () => {
    const w = ones(2, 2, { requiresGrad: true });
    const step = compile(() => w.view(-1));
    expect([step().requiresGrad, step().isLeaf]).toEqual([false, true]);
    expect(step().storage).toBe(w.storage);
  });

  test('views of the argument of the call, also where that begins elsewhere in its memory', () => {
    const step = compile((x: Tensor) => x.at(1));
    const large = arange(24).view(6, 4);
    expect(step(large.narrow(0, 0, 3)).tolist()).toEqual([4, 5, 6, 7]);
    expect(step(large.narrow(0, 3, 3)).tolist()).toEqual([16, 17, 18, 19]);
    expect(step(large.narrow(0, 3, 3)).storage).toBe(large.storage);
    expect(step.recordings).toBe(1);
  });
});

describe('a compiled function leaves as gradients', () => {
  test('draws, constants, arguments and views of them', () => {
    const w = ones(2, { requiresGrad: true });
    const gradOf = (fn: (x: Tensor) => Tensor): unknown[] => {
      const step = compile((x: Tensor) => void (w.grad = fn(x)));
      const grads = [tensor([1, 2]), tensor([3, 4])].map((x) => {
        step(x);
        const grad = w.grad!.tolist();
        w.grad!.add_(10); // does not reach the next call
        return grad;
      });
      expect(step.recordings).toBe(1);
      return grads;
    };
    expect(gradOf((x) => x)).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(gradOf((x) => x.view(1, 2).at(0))).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(gradOf(() => tensor([5, 6]))).toEqual([
      [5, 6],
      [5, 6],
    ]);
    manualSeed(0);
    const drawn = [randn(2).tolist(), randn(2).tolist()];
    manualSeed(0);
    expect(gradOf(() => randn(2))).toEqual(drawn);
  });

  test('a constant on each argument of its own', () => {
    const step = compile((x: Tensor) => void (x.grad = tensor([1, 2])));
    const [a, b] = [ones(2, { requiresGrad: true }), ones(2, { requiresGrad: true })];
    step(a);
    step(b);
    a.grad!.add_(1);
    expect([a.grad!.tolist(), b.grad!.tolist()]).toEqual([
      [2, 3],
      [1, 2],
    ]);
  });
});

describe('one recording serves where a function looks at a trainable tensor through', () => {
  const views: [string, (w: Tensor) => Tensor][] = [
    ['view', (w) => w.view(-1)],
    ['at', (w) => w.at(0)],
    ['unsqueeze', (w) => w.unsqueeze(0)],
    ['expand', (w) => w.unsqueeze(0).expand(2, 3, 4)],
    ['t', (w) => w.t()],
    ['permute', (w) => w.permute(1, 0)],
    ['narrow', (w) => w.narrow(1, 1, 2)],
    ['chunk', (w) => w.chunk(2, 1)[1]!],
    ['a view that keeps its gradient', (w) => ((v) => (v.retainGrad(), v))(w.view(12))],
    ['detach', (w) => w.detach().requiresGrad_().mul(w)],
  ];
  test.each(views)('%s', (_, look) => {
    const follow = (compiled: boolean): unknown => {
      manualSeed(3);
      const w = randn(3, 4).requiresGrad_();
      const optimizer = new optim.Adam([w], { lr: 0.1 });
      const train = (): Tensor => {
        optimizer.zeroGrad();
        const loss = look(w).pow(2).sum();
        loss.backward();
        optimizer.step();
        return loss;
      };
      const given = (x: Tensor): Tensor => look(x).exp().sum();
      const [step, ofArgument] = compiled ? [compile(train), compile(given)] : [train, given];
      const results = Array.from({ length: 4 }, () => [step().item(), ofArgument(w).item(), w.tolist(), w.grad!.tolist()]);
      if (compiled) expect([step, ofArgument].map((fn) => (fn as unknown as { recordings: number }).recordings)).toEqual([1, 1]);
      return results;
    };
    expect(follow(true)).toEqual(follow(false));
  });

  test('a view that was made outside', () => {
    const w = ones(2, 2, { requiresGrad: true });
    const outside = w.view(-1);
    const step = compile((x: Tensor) => {
      w.grad = null;
      outside.mul(x).sum().backward(undefined, { retainGraph: true });
      return w.grad!;
    });
    expect(step(ones(4)).tolist()).toEqual([
      [1, 1],
      [1, 1],
    ]);
    expect(step(tensor([1, 2, 3, 4])).tolist()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(step.recordings).toBe(1);
    w.requiresGrad = false;
    expect(compile(() => w.view(-1).mul(2))().tolist()).toEqual([2, 2, 2, 2]);
  });

  test('still notices that it is frozen, or not any more', () => {
    const w = ones(4, { requiresGrad: true });
    const step = compile(() => {
      const loss = w.view(2, 2).mul(2).sum();
      return tensor(loss.requiresGrad ? 1 : 0);
    });
    expect([step().item(), step().item()]).toEqual([1, 1]);
    w.requiresGrad = false;
    expect(step().item()).toBe(0);
    w.requiresGrad = true;
    expect(step().item()).toBe(1);
    expect(step.recordings).toBe(2);
  });
});

/** A block of a mobile network, without its last convolution: its result, gradients, and running statistics. */
function mobileBlock(channels: number, kernel: number, stride: number, adds: boolean): (x: Tensor) => Tensor[] {
  const make = (...sizes: number[]): Tensor => randn(sizes).requiresGrad_();
  const [expand, weights] = [make(channels, 2, 1, 1), make(channels, 1, kernel, kernel)];
  const norms = [1, 2].map(() => ({ weight: make(channels), bias: make(channels) }));
  const statistics = [1, 2].map(() => [zeros(channels), ones(channels)] as const);
  const parameters = [expand, weights, ...norms.flatMap(({ weight, bias }) => [weight, bias])];
  return (x) => {
    for (const p of parameters) p.grad = null;
    const norm = (y: Tensor, i: 0 | 1): Tensor => F.relu6(F.batchNorm(y, ...statistics[i]!, { ...norms[i], training: true }));
    const wide = norm(F.conv2d(x, expand), 0);
    const y = norm(F.conv2d(wide, weights, null, { stride, padding: kernel >> 1, groups: channels }), 1);
    y.sin()
      .sum()
      .add(adds ? wide.mul(wide).sum() : 0)
      .backward();
    return [y, ...parameters.map(({ grad }) => grad!), ...statistics.flat()];
  };
}

describe('operations that go channel by channel', () => {
  test.each([
    // images, channels, height, width; kernel, stride; whether a gradient is a sum; threads
    [[2, 24, 9, 11], 3, 1, false, 1],
    [[3, 40, 7, 7], 5, 1, true, 2],
    [[2, 33, 15, 14], 3, 2, false, 2],
    [[1, 3, 40, 37], 3, 1, true, 1],
    [[2, 300, 4, 3], 3, 2, false, 2],
    [[2, 2, 100, 100], 3, 1, false, 2],
  ] as const)('give the same bits together: %j, kernel %i, stride %i, sum %j, %i threads', (shape, kernel, stride, adds, threads) => {
    const before = getNumThreads();
    const [batch, channels, rows, columns] = shape;
    const follow = (compiled: boolean): unknown => {
      manualSeed(4);
      const run = mobileBlock(channels, kernel, stride, adds);
      const step = compiled ? compile(run) : run;
      return [1, 2, 3].map(() => step(randn(batch, 2, rows, columns)).map((t) => t.detach().toTypedArray().slice()));
    };
    try {
      setNumThreads(threads);
      expect(follow(true)).toEqual(follow(false));
    } finally {
      setNumThreads(before);
    }
  });

  test('run together, with what lies between them made again, where vectors are wide', () => {
    const again = WIDTHS.map((target) => {
      const kernels = kernelsFor(target, () => {
        const step = compile(mobileBlock(8, 3, 1, false));
        for (let i = 0; i < 3; i++) step(randn(2, 2, 9, 9));
      });
      return kernels.map(nameOf).some((name) => name.startsWith('norm/planes-again'));
    });
    expect(again).toEqual([false, true, true]);
  });
});
