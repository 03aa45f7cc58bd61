/** Compiled functions against the same functions run eagerly: the same bits, and a clear error where that cannot be. */
import {
  arange,
  ArgumentError,
  AutogradError,
  CompileError,
  compile,
  F,
  getRngState,
  IndexError,
  manualSeed,
  nn,
  noGrad,
  ones,
  optim,
  rand,
  randint,
  randn,
  setNumThreads,
  getNumThreads,
  tensor,
  zeros,
  type Tensor,
} from 'flambeau';
import { describe, expect, test } from 'vitest';
import { RECORDINGS } from '../../src/tensor/compile.ts';

const bits = (x: Tensor): unknown => x.detach().toTypedArray();

/** What `steps` calls of a step give, losses and state; the step is made after seeding, so that both ways start alike. */
function follow(
  make: () => { model: nn.ModuleBase; step: (x: Tensor, y: Tensor) => Tensor },
  steps: number,
  batch: (i: number) => [Tensor, Tensor],
): unknown[] {
  manualSeed(0);
  const { model, step } = make();
  const losses = Array.from({ length: steps }, (_, i) => step(...batch(i)).item());
  return [losses, [...model.stateDict()].map(([name, value]) => [name, bits(value)]), getRngState()];
}

const images = (i: number, n = 4): [Tensor, Tensor] => {
  const x = tensor(Float32Array.from({ length: n * 48 }, (_, k) => Math.sin(k * 0.37 + i))).view(n, 3, 4, 4);
  return [x, tensor(BigInt64Array.from({ length: n }, (_, k) => BigInt((k + i) % 3)))];
};

class Net extends nn.Module {
  conv = new nn.Conv2d(3, 8, 3, { padding: 1, bias: false });
  norm = new nn.BatchNorm2d(8);
  drop = new nn.Dropout(0.3);
  fc = new nn.Linear(8 * 4, 3);
  forward(x: Tensor): Tensor {
    const h = F.maxPool2d(F.relu(this.norm(this.conv(x))), 2);
    return this.fc(this.drop(h.flatten(1)));
  }
}

type Optimize = (params: nn.Parameter[]) => optim.Optimizer;
const OPTIMIZERS: [string, Optimize][] = [
  ['SGD', (p) => new optim.SGD(p, { lr: 0.05 })],
  ['SGD with momentum', (p) => new optim.SGD(p, { lr: 0.05, momentum: 0.9, nesterov: true, weightDecay: 0.01 })],
  ['SGD with dampened momentum', (p) => new optim.SGD(p, { lr: 0.05, momentum: 0.9, dampening: 0.3, maximize: true })],
  ['Adam', (p) => new optim.Adam(p, { lr: 0.01 })],
  ['AdamW', (p) => new optim.AdamW(p, { lr: 0.01, amsgrad: true })],
];

describe('a compiled training step', () => {
  const trainer = (optimize: Optimize, compiled: boolean) => () => {
    const model = new Net();
    const optimizer = optimize(model.parameters());
    const fn = (x: Tensor, y: Tensor): Tensor => {
      optimizer.zeroGrad();
      const loss = F.crossEntropy(model(x), y);
      loss.backward();
      optimizer.step();
      return loss;
    };
    return { model, optimizer, step: compiled ? compile(fn) : fn };
  };

  test.each(OPTIMIZERS)('with %s, dropout and batch statistics, equals the eager one to the bit', (_, optimize) => {
    const run = (compiled: boolean): unknown[] => follow(trainer(optimize, compiled), 8, images);
    expect(run(true)).toEqual(run(false));
  });

  test('on any number of threads', () => {
    const before = getNumThreads();
    const results = [1, 2].map((threads) => {
      setNumThreads(threads);
      return follow(trainer(OPTIMIZERS[1]![1], true), 4, (i) => images(i, 64));
    });
    setNumThreads(before);
    expect(results[1]).toEqual(results[0]);
  });

  test('records once, state of the optimizer included, and again for another batch size, which it then keeps', () => {
    const { step } = trainer(OPTIMIZERS[1]![1], true)();
    const compiled = step as typeof step & { recordings: number };
    for (let i = 0; i < 5; i++) compiled(...images(i));
    expect(compiled.recordings).toBe(1);
    for (let i = 0; i < 6; i++) compiled(...images(i, i % 2 === 0 ? 4 : 3));
    expect(compiled.recordings).toBe(2);
  });

  test('follows a learning rate that changes, in the optimizer or by a schedule', () => {
    const run = (compiled: boolean): unknown[] => {
      const make = (): ReturnType<ReturnType<typeof trainer>> & { scheduler?: unknown } => {
        const made = trainer(OPTIMIZERS[1]![1], compiled)();
        const scheduler = new optim.lrScheduler.OneCycleLR(made.optimizer, { maxLr: 0.1, totalSteps: 9 });
        const { step } = made;
        return {
          ...made,
          step: (x, y) => {
            const loss = step(x, y);
            scheduler.step();
            return loss;
          },
        };
      };
      return follow(make, 8, images);
    };
    expect(run(true)).toEqual(run(false));
  });

  test('follows train() and eval(), frozen parameters, and loaded state', () => {
    const run = (compiled: boolean): unknown[] => {
      const make = (): { model: Net; step: (x: Tensor, y: Tensor) => Tensor } => {
        const { model, optimizer, step } = trainer(OPTIMIZERS[2]![1], compiled)();
        let calls = 0;
        return {
          model: model,
          step: (x, y) => {
            calls++;
            if (calls === 4) model.eval();
            if (calls === 6) model.conv.requiresGrad_(false);
            if (calls === 8) model.train();
            if (calls === 10) optimizer.loadStateDict(optimizer.stateDict());
            if (calls === 12) model.loadStateDict(new Map([...model.stateDict()].map(([k, v]) => [k, v.mul(2).to(v.dtype)])));
            return step(x, y);
          },
        };
      };
      return follow(make, 14, images);
    };
    expect(run(true)).toEqual(run(false));
  });

  test('follows a layer that is replaced and a setting that is changed', () => {
    manualSeed(1);
    const model = new nn.Sequential(new nn.Linear(4, 4), new nn.ReLU(), new nn.Dropout(0.5)).eval();
    const forward = compile((x: Tensor) => model(x));
    const x = randn(2, 4);
    for (let i = 0; i < 3; i++) expect(bits(forward(x))).toEqual(bits(model(x)));
    (model.at(0) as nn.Linear).weight = new nn.Parameter(ones(4, 4));
    expect(bits(forward(x))).toEqual(bits(model(x)));
    model.addModule('0', new nn.Linear(4, 7));
    expect(forward(x).shape).toEqual([2, 7]);
    model.train();
    (model.at(2) as unknown as { p: number }).p = 1;
    expect(forward(x).abs().sum().item()).toBe(0);
  });

  test('refuses a label out of range and a bad rate with nothing changed', () => {
    const { model, optimizer, step } = trainer(OPTIMIZERS[2]![1], true)();
    for (let i = 0; i < 3; i++) step(...images(i));
    const state = (): unknown => [...model.stateDict()].map(([, value]) => bits(value));
    const before = state();
    const [x] = images(0);
    expect(() => step(x, tensor([0n, 1n, 3n, 0n]))).toThrow(IndexError);
    optimizer.paramGroups[0]!.lr = Number.NaN;
    expect(() => step(...images(0))).toThrow(ArgumentError);
    expect(state()).toEqual(before);
    optimizer.paramGroups[0]!.lr = 0.01;
    expect(step(...images(0)).item()).toBeGreaterThan(0);
  });
});

describe('indices that the function computes', () => {
  const whole = (...values: number[]): Tensor => tensor(values, { dtype: 'int64' });

  test('are checked where they are used, and nothing after that runs', () => {
    const w = arange(12).reshape(3, 4).to('float32').requiresGrad_();
    const optimizer = new optim.SGD([w], { lr: 0.5 });
    const step = compile((rows: Tensor, classes: Tensor) => {
      optimizer.zeroGrad();
      const loss = F.crossEntropy(w.at(rows.add(1)), classes.mul(2));
      loss.backward();
      optimizer.step();
      return loss;
    });
    for (let i = 0; i < 4; i++) expect(step(whole(0, 1), whole(1, 0)).item()).toBeGreaterThan(0);
    const before = bits(w);
    expect(() => step(whole(0, 2), whole(1, 0))).toThrow(/^at: index 3 is out of range for dimension 0 of size 3/);
    expect(() => step(whole(0, -5), whole(1, 0))).toThrow(IndexError);
    expect(() => step(whole(0, 1), whole(1, 2))).toThrow(/^crossEntropy: target 4 is out of range/);
    expect(bits(w)).toEqual(before);
    expect(step(whole(-2, 1), whole(1, 0)).item()).toBeGreaterThan(0);
    expect(bits(w)).not.toEqual(before);
  });

  test('are checked in gathers, scatters, one-hot rows and assignments', () => {
    const x = arange(6).reshape(2, 3).to('float32');
    const wrong: [string, (i: Tensor) => Tensor, RegExp][] = [
      ['gather', (i) => x.gather(1, i.unsqueeze(1)), /^gather: index 3 is out of range for dimension 1 of size 3/],
      ['indexSelect', (i) => x.indexSelect(1, i), /^indexSelect: index 3 .* dimension 1 of size 3/],
      ['at', (i) => x.at([0, 1], i), /^at: index 3 .* dimension 1 of size 3: expected -3 to 2/],
      ['oneHot', (i) => F.oneHot(i, 3), /^oneHot: class 3 is out of range for numClasses 3/],
      ['setAt', (i) => x.clone().setAt([':', i], 1), /^setAt: index 3 .* dimension 1 of size 3/],
    ];
    for (const [name, fn, message] of wrong) {
      const compiled = compile((i: Tensor) => fn(i.add(1)));
      expect(compiled(whole(0, 1)).tolist(), name).toEqual(fn(whole(1, 2)).tolist());
      expect(() => compiled(whole(0, 2)), name).toThrow(message);
      expect(() => compiled(whole(0, 2)), name).toThrow(IndexError);
      expect(compiled(whole(1, 0)).tolist(), name).toEqual(fn(whole(2, 1)).tolist());
    }
  });

  test('are told apart, although the memory of earlier ones has been used for other things', () => {
    const x = arange(64).reshape(8, 8).to('float32');
    const pick = compile((i: Tensor, j: Tensor) => {
      const rows = x.indexSelect(0, i.add(1)).exp();
      return rows.sub(rows.mean()).cumsum(0).gather(1, j.sub(1));
    });
    const j = whole(...new Array<number>(64).fill(1)).reshape(8, 8);
    const i = whole(0, 1, 2, 3, 4, 5, 6, 0);
    expect(pick(i, j).shape).toEqual([8, 8]);
    expect(() => pick(i, j.mul(9))).toThrow(/^gather: index 8 is out of range for dimension 1 of size 8/);
    expect(() => pick(i.add(1), j.mul(9))).toThrow(/^indexSelect: index 8 is out of range for dimension 0 of size 8/);
    expect(() => pick(i, j.sub(1))).toThrow(/^gather: index -1 is out of range/);
    expect(pick(i, j).shape).toEqual([8, 8]);
  });

  test('and whole numbers divided by zero say which operation', () => {
    const remainder = compile((a: Tensor, b: Tensor) => a.remainder(b).mul(2));
    expect(remainder(whole(5, 7), whole(3, 4)).tolist()).toEqual([4, 6]);
    expect(() => remainder(whole(5, 7), whole(3, 0))).toThrow(ArgumentError);
    expect(() => remainder(whole(5, 7), whole(3, 0))).toThrow(/^remainder: a whole number was divided by zero/);
    expect(() => whole(5).floorDivide(0)).toThrow(/^floorDivide: a whole number was divided by zero/);
    expect(() => whole(5).remainder(0)).toThrow(/^remainder: a whole number was divided by zero/);
  });
});

describe('gradients', () => {
  const accumulate = (compiled: boolean): unknown[] => {
    const w = ones(3, { requiresGrad: true });
    const fn = (x: Tensor): Tensor => {
      const y = w.mul(x).pow(2).sum();
      y.backward();
      return y;
    };
    const step = compiled ? compile(fn) : fn;
    const seen: unknown[] = [];
    for (let i = 0; i < 8; i++) {
      step(tensor([i, 1, 2]));
      seen.push(bits(w.grad!));
      if (i === 2) w.grad = null;
      if (i === 5) w.grad = ones(3);
    }
    return seen;
  };

  test('add up in leaves as they do eagerly, whatever stood there before', () => {
    expect(accumulate(true)).toEqual(accumulate(false));
  });

  test('do not flow out of a compiled function, nor into an argument with history', () => {
    const w = ones(3, { requiresGrad: true });
    const f = compile((x: Tensor) => w.mul(x));
    for (let i = 0; i < 3; i++) expect(f(ones(3)).requiresGrad).toBe(false);
    expect(() => f(w.mul(2))).toThrow(/detach\(\) it, or compute it inside/);
  });

  test('of gradients', () => {
    const w = tensor([0.5, 2], { requiresGrad: true });
    const penalty = (x: Tensor): Tensor => {
      const y = w.mul(x).pow(3).sum();
      w.grad = null;
      y.backward(undefined, { createGraph: true });
      const g = w.grad as Tensor | null;
      const p = g!.pow(2).sum();
      w.grad = null;
      p.backward();
      return p;
    };
    const expected = [1, 2, 3, 4].map((i) => [penalty(tensor([i, 1])).item(), bits(w.grad!)]);
    const step = compile(penalty);
    expect([1, 2, 3, 4].map((i) => [step(tensor([i, 1])).item(), bits(w.grad!)])).toEqual(expected);
  });
});

describe('a compiled function', () => {
  test('takes and gives structures, views, and plain values', () => {
    const f = compile(({ a, k }: { a: Tensor; k: number }, [b]: [Tensor]) => ({
      sum: a.mul(k).add(b),
      row: [a.at(1), b.t()],
      same: a,
      k,
    }));
    const [a, b] = [randn(2, 2), randn(2, 2)];
    for (const k of [2, 2, 3, 3, 2]) {
      const out = f({ a, k }, [b]);
      expect(bits(out.sum)).toEqual(bits(a.mul(k).add(b)));
      expect(bits(out.row[0]!)).toEqual(bits(a.at(1)));
      expect(bits(out.row[1]!)).toEqual(bits(b.t()));
      expect(out.same).toBe(a);
      expect(out.k).toBe(k);
    }
    expect(f.recordings).toBe(2);
  });

  test('gives results of their own at each call', () => {
    const f = compile((x: Tensor) => x.mul(2));
    const outs = [1, 2, 3].map((v) => f(tensor([v])));
    expect(outs.map((y) => y.item())).toEqual([2, 4, 6]);
  });

  test('takes views of larger tensors, and the same tensor twice', () => {
    const f = compile((x: Tensor, y: Tensor) => x.mul(y).add(x));
    const all = randn(6, 4);
    for (let i = 0; i < 5; i++) {
      const [x, y] = [all.at(i), all.at(i + 1)];
      expect(bits(f(x, y))).toEqual(bits(x.mul(y).add(x)));
      expect(bits(f(x, x))).toEqual(bits(x.mul(x).add(x)));
    }
  });

  test('tells an argument from the same tensor that it refers to by itself', () => {
    const own = tensor([1, 2, 3]);
    const f = compile((x: Tensor) => x.mul(10).add(own));
    for (const x of [own, tensor([4, 5, 6]), own, own.at([0]).expand(3), tensor([4, 5, 6])]) {
      expect(bits(f(x))).toEqual(bits(x.mul(10).add(own)));
    }
    const g = compile((x: Tensor) => void own.add_(x).add_(x));
    g(own); // doubled twice: the second addend has changed, too
    expect(bits(own)).toEqual(Float32Array.of(4, 8, 12));
    g(ones(3));
    expect(bits(own)).toEqual(Float32Array.of(6, 10, 14));
  });

  test('leaves gradients on the arguments of each call', () => {
    const f = compile((x: Tensor) => {
      x.mul(x).sum().backward();
      return x.grad!;
    });
    const xs = [1, 2, 3].map((value) => tensor([value], { requiresGrad: true }));
    const grads = xs.map((x) => f(x));
    expect(f.recordings).toBe(1);
    expect(xs.map((x) => x.grad!.item())).toEqual([2, 4, 6]);
    expect(grads.map((grad) => grad.item())).toEqual([2, 4, 6]);
    f(xs[0]!); // adds to what is there
    expect(xs.map((x) => x.grad!.item())).toEqual([4, 4, 6]);
  });

  test('updates the arguments that an optimizer outside knows', () => {
    const weights = [1, 2].map((value) => tensor([value], { requiresGrad: true }));
    const eager = weights.map((weight) => weight.detach().clone().requiresGrad_());
    const fn =
      (optimizer: optim.Optimizer) =>
      (w: Tensor): void => {
        optimizer.zeroGrad();
        w.mul(w).sum().backward();
        optimizer.step();
      };
    const direct = fn(new optim.SGD(eager, { lr: 0.1, momentum: 0.9 }));
    const step = compile(fn(new optim.SGD(weights, { lr: 0.1, momentum: 0.9 })));
    for (const i of [0, 0, 1, 0, 1, 1, 0]) {
      direct(eager[i]!);
      step(weights[i]!);
      expect(weights.map((weight) => weight.item())).toEqual(eager.map((weight) => weight.item()));
    }
  });

  test('notices that a leaf outside modules is frozen', () => {
    const w = tensor([1], { requiresGrad: true });
    const optimizer = new optim.SGD([w], { lr: 0.25 });
    const step = compile(() => {
      optimizer.zeroGrad();
      const loss = w.mul(tensor([2], { requiresGrad: true })).sum();
      loss.backward();
      optimizer.step();
    });
    step();
    step();
    expect(w.item()).toBe(0);
    w.requiresGrad = false;
    step();
    expect(w.item()).toBe(0);
    expect(step.recordings).toBe(2);
  });

  test('keeps an argument alive that it stores, and refuses hooks that would not run again', () => {
    let last: Tensor | undefined;
    const f = compile((x: Tensor) => (last = x).sum());
    f(ones(3));
    expect(last!.sum().item()).toBe(3);
    const x = ones(3, { requiresGrad: true });
    x.registerHook((grad) => grad.mul(2));
    expect(() => f(x)).toThrow(CompileError);
  });

  test('changes arguments and captured tensors in place, and counts their versions', () => {
    const total = zeros(3);
    const f = compile((x: Tensor) => {
      x.mul_(2);
      total.add_(x);
    });
    const w = ones(3, { requiresGrad: true });
    for (let i = 0; i < 4; i++) {
      const x = ones(3);
      const y = w.mul(x).sum();
      f(x);
      expect(bits(x)).toEqual(Float32Array.of(2, 2, 2));
      expect(() => y.backward()).toThrow(AutogradError); // x was saved, and has changed since
    }
    expect(bits(total)).toEqual(Float32Array.of(8, 8, 8));
  });

  test('starts from fresh constants each time, and draws the same random numbers', () => {
    const fn = (x: Tensor): Tensor =>
      zeros(3)
        .add_(x)
        .add(tensor([1, 2, 3]))
        .add(rand(3))
        .add(randint(0, 9, [3]));
    const f = compile(fn);
    manualSeed(3);
    const expected = [0, 1, 2, 3].map((i) => bits(fn(tensor([i, i, i]))));
    manualSeed(3);
    expect([0, 1, 2, 3].map((i) => bits(f(tensor([i, i, i]))))).toEqual(expected);
  });

  test('records shapes, dtypes and modes apart', () => {
    const f = compile((x: Tensor) => x.add(x));
    for (const x of [ones(2), ones(3), ones(3, { dtype: 'int64' }), ones(2, 3), ones(3, 2).t(), ones(2)] as Tensor[]) {
      for (let i = 0; i < 2; i++) expect(bits(f(x))).toEqual(bits(x.add(x)));
    }
    expect(f.recordings).toBe(5);
    noGrad(() => f(ones(2)));
    expect(f.recordings).toBe(6);
  });

  test('keeps a bounded number of recordings', () => {
    const f = compile((x: Tensor, k: number) => x.mul(k));
    for (let k = 0; k < 100; k++) expect(f(ones(1), k).item()).toBe(k);
    expect(f.recordings).toBe(RECORDINGS.most);
    expect(f(ones(1), 5).item()).toBe(5);
  });

  test('forgets the recording that was not used for longest, by count and by bytes', () => {
    const usual = { ...RECORDINGS };
    let recorded: number[] = [];
    const f = compile((x: Tensor, k: number) => {
      recorded.push(k);
      return x.mul(k);
    });
    /** Which calls were recorded; all are right. */
    const calls = (...ks: number[]): number[] => {
      recorded = [];
      for (const k of ks) expect(f(ones(1), k).item()).toBe(k);
      return recorded;
    };
    try {
      Object.assign(RECORDINGS, { most: 3 });
      expect(calls(1, 2, 3, 1, 4)).toEqual([1, 2, 3, 4]);
      expect(calls(1, 3, 4, 2)).toEqual([2]);
      expect(calls(1)).toEqual([1]);
      f.dispose();
      Object.assign(RECORDINGS, { most: 16, bytes: 1 }); // two stay, however large they are
      expect(calls(1, 2, 1, 3, 1, 2)).toEqual([1, 2, 3, 2]);
      expect(f.recordings).toBe(2);
    } finally {
      Object.assign(RECORDINGS, usual);
    }
  });

  test('may call another', () => {
    const inner = compile((x: Tensor) => x.mul(3));
    const outer = compile((x: Tensor) => inner(x).add(1));
    for (let i = 0; i < 3; i++) expect(outer(tensor([i])).item()).toBe(3 * i + 1);
    expect(inner.recordings).toBe(0);
  });

  test('leaves out what nobody wants', () => {
    const w = ones(4, { requiresGrad: true });
    const f = compile((x: Tensor) => {
      const y = w.mul(x);
      y.exp().sum();
      return y;
    });
    f(ones(4));
    expect(f.toString()).toContain('mul');
    expect(f.toString()).not.toContain('exp');
  });
});
