/**
 * Whole networks trained for 100 steps follow PyTorch's losses (test/fixtures/ops/training.py). Nothing is loaded: the same
 * seed must give the same first weights, the same data and the same dropout masks.
 */
import {
  arange,
  cat,
  F,
  Generator,
  getNumThreads,
  manualSeed,
  nn,
  noGrad,
  ones,
  optim,
  randint,
  setNumThreads,
  type Tensor,
} from 'flambeau';
import { describe, expect, test } from 'vitest';
import { loadFixture } from '../support/fixtures.ts';
import { build, digest, type Spec } from '../support/networks.ts';

interface Run {
  readonly id: string;
  readonly spec: Spec;
  readonly optimizer: 'SGD' | 'Adam';
  readonly args: { readonly lr: number; readonly momentum?: number };
  readonly classes: number;
  /** The data's. */
  readonly seed: number;
  /** As many losses are determined up to rounding: PyTorch itself agrees with float64 so far. */
  readonly follow: number;
  /** Digest and first elements of the first weights. */
  readonly start: string;
  readonly first: Readonly<Record<string, number[]>>;
  readonly losses: readonly number[];
  readonly evaluation: number;
}
interface KernelRun {
  readonly seed: number;
  readonly losses: readonly number[];
  readonly weight: readonly number[];
}

const { runs, kernel } = loadFixture<{ runs: Run[]; kernel: KernelRun[] }>('training');

/** `data` of training.py. */
function makeData({ classes, seed }: Run): { x: Tensor; y: Tensor } {
  const generator = new Generator().manualSeed(seed);
  const a = randint(-8, 9, [4, 200, 3, 1, 1], { generator }).to('float32');
  const y = randint(0, classes, [200], { generator });
  const i = arange(-16, 16).to('float32').reshape(32, 1);
  const j = i.reshape(1, 32);
  const k = y
    .reshape(200, 1, 1, 1)
    .to('float32')
    .sub((classes - 1) / 2);
  const [contrast, brightness] = classes === 2 ? [1 / 512, 2] : [1 / 128, 1 / 8];
  const waves = a.at(0).mul(16).add(a.at(1).mul(i)).add(a.at(2).mul(j)).add(a.at(3).mul(i).mul(j).div(16)).mul(contrast);
  return { x: waves.add(cat([k, k.neg(), k.mul(k).div(2)], 1).mul(brightness)), y };
}

const makeOptimizer = (run: Run, net: nn.AnyLayer): optim.SGD | optim.Adam =>
  run.optimizer === 'SGD' ? new optim.SGD(net.parameters(), run.args) : new optim.Adam(net.parameters(), run.args);

/** The losses of the first steps, as in training.py. */
function train(net: nn.AnyLayer, run: Run, { x, y }: { x: Tensor; y: Tensor }, steps: number): number[] {
  const optimizer = makeOptimizer(run, net);
  return Array.from({ length: steps }, (_, step) => {
    const batch = `${(step % 10) * 20}:${(step % 10) * 20 + 20}`;
    optimizer.zeroGrad();
    const loss = F.crossEntropy(net(x.at(batch)), y.at(batch));
    loss.backward();
    optimizer.step();
    return loss.item();
  });
}

describe('training follows PyTorch', () => {
  test.each(runs)('$id', { timeout: 240_000 }, (run) => {
    manualSeed(0);
    const net = build(run.spec);
    const state = net.stateDict();
    for (const [name, values] of Object.entries(run.first)) {
      expect(state.get(name)!.flatten().at(':3').tolist(), name).toEqual(values);
    }
    expect(digest(state)).toBe(run.start);

    const data = makeData(run);
    const losses = train(net, run, data, run.follow);
    const wrong = losses.findIndex((loss, i) => !(Math.abs(loss - run.losses[i]!) <= 1e-4));
    expect(wrong, `loss ${wrong} is ${losses[wrong]}, PyTorch's ${run.losses[wrong]}`).toBe(-1);
    if (run.follow < run.losses.length) return;
    net.eval();
    const evaluation = noGrad(() => F.crossEntropy(net(data.x), data.y)).item();
    expect(Math.abs(evaluation - run.evaluation)).toBeLessThan(1e-4);
  });

  test('and does not depend on the number of threads', { timeout: 120_000 }, () => {
    const run = runs.find(({ id }) => id === 'W2 with dropout SGD')!;
    const before = getNumThreads();
    const [one, two] = [1, 2].map((threads) => {
      setNumThreads(threads);
      manualSeed(0);
      const net = build(run.spec);
      const losses = train(net, run, makeData(run), 5);
      return { losses, weights: digest(net.stateDict()) };
    });
    setNumThreads(before);
    expect(two).toEqual(one);
  });

  test.each(kernel)('the learned edge detector, seed $seed', ({ seed, losses, weight }) => {
    manualSeed(seed);
    const conv = new nn.Conv2d(1, 1, [1, 2], { bias: false });
    const x = ones(1, 1, 6, 8).setAt([':', ':', ':', '2:6'], 0);
    const target = x.at('...', ':-1').sub(x.at('...', '1:'));
    for (const expected of losses) {
      const loss = conv(x).sub(target).pow(2).sum();
      conv.zeroGrad();
      loss.backward();
      conv.weight.data.sub_(conv.weight.grad!.mul(3e-2));
      expect(Math.abs(loss.item() - expected)).toBeLessThan(1e-5 * Math.max(1, Math.abs(expected)));
    }
    const learned = conv.weight.flatten().tolist() as number[];
    learned.forEach((value, i) => expect(Math.abs(value - weight[i]!)).toBeLessThan(1e-5));
  });
});
