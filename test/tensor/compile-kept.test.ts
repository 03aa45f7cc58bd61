/** What a compiled function keeps of weights that it only reads, and when it makes that again: never a stale number. */
import { compile, F, manualSeed, nn, noGrad, optim, profile, randint, randn, type Compiled, type Tensor, type Profile } from 'flambeau';
import { afterEach, describe, expect, it } from 'vitest';
import { KEPT, keptBytes } from '../../src/compiler/kept.ts';

const conv = (from: number, to: number): nn.Conv2d => new nn.Conv2d(from, to, 3, { padding: 1 });
/** Vectors along rows, Winograd's algorithm, vectors along outputs, and a product with packed weights. */
const network = (): nn.Sequential =>
  new nn.Sequential(
    conv(3, 32),
    new nn.BatchNorm2d(32),
    new nn.ReLU(),
    conv(32, 32),
    new nn.ReLU(),
    new nn.Conv2d(32, 40, 3, { stride: 2, padding: 1 }),
    new nn.BatchNorm2d(40),
    new nn.Flatten(),
    new nn.Linear(40 * 64, 300),
  );

const infer = (model: nn.Module & ((x: Tensor) => Tensor)): ((x: Tensor) => Tensor) => compile((x: Tensor) => noGrad(() => model(x)));

/** Batch normalisation rounds elsewhere inside a convolution. */
function expectSame(compiled: (x: Tensor) => Tensor, model: (x: Tensor) => Tensor, x: Tensor): void {
  const eager = noGrad(() => model(x));
  const scale = eager.abs().max().item();
  expect(compiled(x).sub(eager).abs().max().item()).toBeLessThan(1e-5 * scale);
}

const expectBits = (a: Tensor, b: Tensor): void => expect(a.toTypedArray()).toEqual(b.toTypedArray());

const packs = (p: Profile): number => p.launches.filter(({ kernel }) => /pack|winograd-weights|norm\/affine/.test(kernel)).length;

describe('what is made of weights alone', () => {
  afterEach(() => void manualSeed(0));

  it('is made at the first run and not again', () => {
    const model = network().eval();
    const forward = infer(model);
    const x = randn(40, 3, 16, 16);
    expect(packs(profile(() => forward(x)))).toBe(6);
    expect(packs(profile(() => forward(x)))).toBe(0);
    expectSame(forward, model, x);
    expect(String(forward)).toMatch(/kept until weights change: \d{7} bytes, 6 launches/);
  });

  it('is made again after each way of changing a weight, and only what has changed', () => {
    const model = network().eval();
    const forward = infer(model);
    const x = randn(40, 3, 16, 16);
    forward(x);
    const first = model.at(0) as nn.Conv2d;
    const last = model.at(8) as nn.Linear;
    const norm = model.at(1) as nn.BatchNorm2d;
    const saved = new Map([...model.stateDict()].map(([key, value]) => [key, value.clone()]));
    const sgd = new optim.SGD(model.parameters(), { lr: 0.1 });
    const changes: [string, number, () => unknown][] = [
      ['in place', 1, () => first.weight.data.mul_(1.5)],
      ['through a view', 1, () => noGrad(() => first.weight.at(0).add_(1))],
      ['an element', 1, () => noGrad(() => last.weight.setAt([0, 0], 5))],
      ['statistics', 1, () => norm.running_var!.mul_(2)],
      ['an initialisation', 1, () => nn.init.kaimingNormal_(last.weight)],
      ['a copy', 1, () => noGrad(() => last.weight.copy_(randn(300, 40 * 64)))],
      ['a state dict', 6, () => model.loadStateDict(saved)],
      [
        'an optimizer',
        6,
        () => {
          F.mseLoss(model(x), randn(40, 300)).backward();
          sgd.step();
        },
      ],
    ];
    for (const [how, made, change] of changes) {
      change();
      expect(packs(profile(() => forward(x))), how).toBe(made);
      expect(packs(profile(() => forward(x))), how).toBe(0);
      expectSame(forward, model, x);
    }
  });

  it('follows a compiled training step, statistics included', () => {
    const model = network();
    const forward = infer(model);
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
    const step = compile((x: Tensor, y: Tensor) => {
      optimizer.zeroGrad();
      F.crossEntropy(model(x), y).backward();
      optimizer.step();
    });
    const [x, y] = [randn(8, 3, 16, 16), randint(0, 300, [8])];
    for (let i = 0; i < 4; i++) {
      model.train();
      step(x, y);
      model.eval();
      expectSame(forward, model, x);
    }
  });

  it('is not kept where the function itself changes the weight', () => {
    const weight = randn(32, 32, 3, 3);
    const fn = (x: Tensor): Tensor => {
      const y = F.conv2d(x, weight, undefined, { padding: 1 });
      weight.mul_(0.5);
      return y.add(F.conv2d(x, weight, undefined, { padding: 1 }));
    };
    const x = randn(4, 32, 16, 16);
    const compiled = compile(fn);
    const before = weight.clone();
    const wanted = [fn(x), fn(x), fn(x)];
    weight.copy_(before);
    for (const y of wanted) expectBits(compiled(x), y);
  });

  it('follows arguments: others at each call, other parts of one memory, one that the function also reaches', () => {
    const fn = (x: Tensor, w: Tensor): Tensor => F.conv2d(x, w, undefined, { padding: 1 }).relu();
    const compiled = compile(fn);
    const x = randn(4, 32, 16, 16);
    const both = randn(2, 32, 32, 3, 3);
    for (let i = 0; i < 3; i++) {
      const own = randn(32, 32, 3, 3);
      for (const w of [own, both.at(0), both.at(1)]) expectBits(compiled(x, w), fn(x, w));
      both.mul_(0.9);
    }
    const weight = randn(32, 32, 3, 3);
    const changing = (scaled: Tensor): Tensor => {
      scaled.mul_(0.5);
      return F.conv2d(x, weight, undefined, { padding: 1 });
    };
    const changed = compile(changing);
    const before = weight.clone();
    const other = (): Tensor => randn(32, 32, 3, 3);
    const wanted = [changing(other()), changing(weight), changing(other()), changing(weight)];
    weight.copy_(before);
    const got = [changed(other()), changed(weight), changed(other()), changed(weight)];
    got.forEach((y, i) => expectBits(y, wanted[i]!));
  });

  it('is made once for all functions, and for sizes that want the same, and stays while one of them has it', () => {
    const model = new nn.Sequential(conv(64, 64), new nn.ReLU(), conv(64, 64), new nn.BatchNorm2d(64)).eval();
    const [first, second] = [infer(model), infer(model)];
    const before = keptBytes();
    const run = (fn: typeof first, size: number): number => packs(profile(() => void fn(randn(1, 64, size, size))));
    expect(run(first, 24)).toBe(3);
    const one = keptBytes() - before;
    expect(run(second, 24)).toBe(0);
    expect(keptBytes() - before).toBe(one);
    for (const size of [28, 32, 36, 40, 44]) run(first, size);
    expect(keptBytes() - before).toBeLessThanOrEqual(2 * one); // some sizes may take another algorithm
    const { weight } = model.at(0);
    for (let i = 0; i < 2; i++) {
      noGrad(() => weight.mul_(0.5));
      expect(run(first, 24)).toBe(1);
      expect(run(second, 24)).toBe(0);
      for (const fn of [first, second]) for (const size of [24, 36]) expectSame(fn, model, randn(1, 64, size, size));
    }
    (first as Compiled<[Tensor], Tensor>).dispose();
    expect(run(second, 24)).toBe(0);
    expectSame(second, model, randn(1, 64, 24, 24));
    expect(run(first, 24)).toBe(0);
    expectSame(first, model, randn(1, 64, 24, 24));
  });

  it('is bounded for all functions together, and made again by whoever had to let go', () => {
    const usual = KEPT.most;
    KEPT.most = 3e6; // each network keeps 1.5 MB or less
    try {
      const models = Array.from({ length: 6 }, () =>
        new nn.Sequential(conv(64, 64), new nn.ReLU(), conv(64, 64), new nn.BatchNorm2d(64)).eval(),
      );
      const functions = models.map((model) => infer(model));
      const run = (i: number): number => packs(profile(() => void functions[i]!(randn(1, 64, 16, 16))));
      functions.forEach((_, i) => run(i));
      expect(run(5)).toBe(0);
      expect(run(0)).toBe(3);
      expect(run(0)).toBe(0);
      expect(run(2)).toBe(3);
      expect(keptBytes()).toBeLessThanOrEqual(3e6);
      for (const i of [0, 1, 2, 3, 4, 5, 4, 3, 2, 1, 0]) expectSame(functions[i]!, models[i]!, randn(1, 64, 16, 16));
    } finally {
      KEPT.most = usual;
    }
  });

  it('is never made of random draws of an earlier run', () => {
    const x = randn(4, 32, 16, 16);
    const fn = (): Tensor => F.conv2d(x, randn(32, 32, 3, 3), undefined, { padding: 1 });
    const compiled = compile(fn);
    manualSeed(3);
    const wanted = [fn(), fn(), fn()];
    manualSeed(3);
    for (const y of wanted) expectBits(compiled(), y);
  });
});
