import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ArgumentError } from '../../src/base/errors.ts';
import { DataLoader, TensorDataset } from '../../src/data/index.ts';
import * as nn from '../../src/nn/index.ts';
import * as optim from '../../src/optim/index.ts';
import { rand, randint, randn } from '../../src/tensor/create.ts';
import { defaultGenerator, Generator, manualSeed } from '../../src/tensor/random/index.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { findLearningRate, LossCurve, type LearningRateOptions } from '../../src/train/learning-rate.ts';
import type { BatchSource } from '../../src/train/progress.ts';

interface Case {
  readonly from: number;
  readonly to: number;
  readonly steps: number;
  readonly smoothing: number;
  readonly adam: boolean;
  readonly rates: readonly number[];
  readonly losses: readonly number[];
  readonly smoothed: readonly number[];
  readonly ended: string;
  readonly steepest: number;
  readonly lowest: number;
}

const cases = JSON.parse(readFileSync(new URL('../fixtures/learning_rate.json', import.meta.url), 'utf8')) as readonly Case[];

/** A network with everything that training changes besides its weights, in the middle of its training. */
function begun() {
  manualSeed(3);
  const data = new TensorDataset<[Tensor, Tensor]>(randn(60, 4), randint(0, 3, [60]));
  const generator = new Generator().manualSeed(5);
  const loader = new DataLoader(data, { batchSize: 16, shuffle: true, generator });
  const model = new nn.Sequential(new nn.Linear(4, 8), new nn.BatchNorm1d(8), new nn.Dropout(0.3), new nn.Linear(8, 3));
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
  const criterion = new nn.CrossEntropyLoss();
  const step = (x: Tensor, y: Tensor): number => {
    const loss = criterion(model(x), y);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return loss.item();
  };
  const [x, y] = [randn(8, 4), randint(0, 3, [8])];
  step(x, y);
  model[1]!.eval();
  const mix = (images: Tensor, labels: Tensor): [Tensor, Tensor] => [images.add(rand(4)), labels];
  const options: LearningRateOptions = { model, optimizer, mix, generators: [generator], steps: 30 };
  return { model, optimizer, loader, generator, step, options };
}

function everything({ model, optimizer, generator }: ReturnType<typeof begun>): unknown {
  const { state, param_groups } = optimizer.stateDict();
  return {
    weights: [...model.stateDict()].map(([name, value]) => [name, value.tolist()]),
    grads: model.parameters().map((parameter) => [parameter.requiresGrad, parameter.grad?.tolist()]),
    modes: [...model.modules()].map((module) => module.training),
    state: [...state].map(([i, values]) => [i, Object.entries(values).map(([name, value]) => [name, value.tolist()])]),
    param_groups,
    random: [defaultGenerator, generator].map((one) => [...one.getState()]),
  };
}

const curve = (losses: readonly number[]): LossCurve => {
  const made = new LossCurve(losses.length, 0, 100);
  losses.forEach((loss, i) => made.add(10 ** i, loss));
  return made;
};

describe('LossCurve', () => {
  it('looks for the steepest slope before the lowest loss only, and never at the beginning and the end', () => {
    const first = Array.from({ length: 10 }, (_, i) => 100 - 9 * i);
    // the steepest falls are at the beginning, and from a peak behind the lowest
    const other = curve([...first, 10, 9, 6, 5, 20, 30, 7, 6]).result('range');
    expect([other.steepest, other.lowest, other.suggestion]).toEqual([1e11, 1e13, 1e11]);
    const late = curve([...first, 10, 10, 10, 1, 20, 30]).result('range');
    expect([late.steepest, late.lowest, late.suggestion]).toEqual([1e12, 1e13, 1e12]);
    const brink = curve([...first, 10, 9, 8, 2, 1, 0]).result('range'); // the last is not looked at
    expect([brink.steepest, brink.lowest, brink.suggestion]).toEqual([1e12, 1e15, 1e12]);
    expect(curve([1, 0.5]).result('aborted')).toMatchObject({ steepest: undefined, suggestion: undefined, lowest: 10 });
    expect(curve([]).result('aborted')).toMatchObject({ suggestion: undefined, lowest: NaN });
  });
});

describe('findLearningRate', () => {
  it.each(cases)('finds what the same test in PyTorch finds: $ended', async (given) => {
    manualSeed(0);
    const [x, model] = [randn(48, 4), new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 3))];
    const y = x.narrow(1, 0, 3).argmax(1);
    const optimizer = given.adam
      ? new optim.Adam(model.parameters(), { lr: 0.1 })
      : new optim.SGD(
          [
            { params: model[0]!.parameters(), lr: 0.1 },
            { params: model[2]!.parameters(), lr: 0.2 },
          ],
          { lr: 0.1, momentum: 0.9 },
        );
    const { from, to, steps, smoothing } = given;
    const loader = new DataLoader(new TensorDataset<[Tensor, Tensor]>(x, y), { batchSize: 16 });
    const found = await findLearningRate({ model, optimizer, from, to, steps, smoothing }, loader);
    expect(found.ended).toBe(given.ended);
    expect(found.steps).toHaveLength(given.rates.length);
    found.steps.forEach(({ lr, loss, smoothed }, i) => {
      expect(lr / given.rates[i]!).toBeCloseTo(1, 12);
      expect(Math.abs(loss / given.losses[i]! - 1)).toBeLessThan(1e-3);
      expect(Math.abs(smoothed / given.smoothed[i]! - 1)).toBeLessThan(1e-3);
    });
    expect(found.steepest).toBeCloseTo(given.steepest, 10);
    expect(found.lowest).toBeCloseTo(given.lowest, 10);
    expect(found.suggestion).toBeCloseTo(Math.min(given.steepest, given.lowest / 4), 10);
  });

  it.each([true, false])('leaves everything as it was, compiled: %s', async (compile) => {
    const [touched, other] = [begun(), begun()];
    const before = everything(touched);
    const grads = touched.model.parameters().map(({ grad }) => grad);
    const found = await findLearningRate(
      { ...touched.options, compile, freeze: { parameters: touched.model[0]!.parameters(), epochs: 1 } },
      touched.loader,
    );
    expect(found.steps.length).toBeGreaterThan(20);
    expect(everything(touched)).toEqual(before);
    expect(touched.model.parameters().every(({ grad }, i) => grad === grads[i])).toBe(true);
    for (const { loader, step } of [touched, other]) {
      manualSeed(9);
      for await (const [x, y] of loader) step(x, y);
    }
    expect(everything(touched)).toEqual(everything(other));
  });

  it('leaves an optimizer that has not made a step without state, and everything as it was when the training fails', async () => {
    const { model, loader, options } = begun();
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.5, momentum: 0.9 });
    await findLearningRate({ ...options, optimizer }, loader);
    expect(optimizer.stateDict().state.size).toBe(0);
    expect(optimizer.paramGroups[0]!.lr).toBe(0.5);

    const failing = begun();
    const before = everything(failing);
    let calls = 0;
    const mix = (x: Tensor, y: Tensor): [Tensor, Tensor] => {
      if (++calls === 12) throw new Error('no more');
      return [x, y];
    };
    await expect(findLearningRate({ ...failing.options, mix }, failing.loader)).rejects.toThrow('no more');
    expect(everything(failing)).toEqual(before);
  });

  it('ends when the loss is no number, and when it is told to', async () => {
    const { loader, options } = begun();
    const diverged = await findLearningRate({ ...options, from: 1, to: 1e30, divergence: 1e300 }, loader);
    expect(diverged.ended).toBe('diverged');
    expect(diverged.steps.every(({ loss }) => Number.isFinite(loss))).toBe(true);

    const controller = new AbortController();
    const onStep = ({ step, steps }: { step: number; steps: number }): void => {
      expect(steps).toBe(30);
      if (step === 3) controller.abort();
    };
    const aborted = await findLearningRate({ ...options, signal: controller.signal, onStep }, loader);
    expect(aborted).toMatchObject({ ended: 'aborted', suggestion: undefined });
    expect(aborted.steps).toHaveLength(3);
  });

  it('makes no suggestion where nothing is learned, and adds up batches as training does', async () => {
    const { model, loader, options } = begun();
    const still = await findLearningRate({ ...options, criterion: (output) => output.sum().mul(0).add(1), mix: (x, y) => [x, y] }, loader);
    expect(still).toMatchObject({ ended: 'range', suggestion: undefined });
    expect(still.steps.every(({ smoothed }) => Math.abs(smoothed - 1) < 1e-12)).toBe(true);

    let batches = 0;
    const counted = (x: Tensor, y: Tensor): [Tensor, Tensor] => (batches++, [x, y]);
    await findLearningRate({ ...options, model, accumulate: 2, steps: 4, mix: counted }, loader);
    expect(batches).toBe(8);
  });

  it('refuses what makes no sense', async () => {
    const { model, options, loader } = begun();
    const refuse = (more: object, text: RegExp, source: BatchSource = loader): Promise<void> =>
      expect(findLearningRate({ ...options, ...more }, source)).rejects.toThrow(text);
    await refuse({ from: 1, to: 1 }, /from to be below to, but got 1 and 1/);
    await refuse({ smoothing: 1 }, /expected smoothing to be a number ≥ 0 and below 1, but got 1/);
    await refuse({ optimizer: { step: () => 0, zeroGrad: () => 0 } }, /expected optimizer to be an optimizer of flambeau/);
    await refuse({ ema: 0.9 }, /no option 'ema'/);
    await refuse({}, /no batches/, { length: 0, [Symbol.asyncIterator]: async function* () {} });
    await expect(findLearningRate({ model } as unknown as LearningRateOptions, loader)).rejects.toThrow(ArgumentError);
  });
});
