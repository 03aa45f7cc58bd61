/** A trainer that goes on from a file, and what else it can be told. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FormatError, StateDictError } from '../../src/base/errors.ts';
import { DataLoader, TensorDataset } from '../../src/data/index.ts';
import { load, save } from '../../src/io/checkpoint-node.ts';
import * as nn from '../../src/nn/index.ts';
import * as optim from '../../src/optim/index.ts';
import { fromTypedArray, rand, randn } from '../../src/tensor/create.ts';
import { Generator, manualSeed } from '../../src/tensor/random/index.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { Trainer, type BatchResult, type TrainerOptions } from '../../src/train/trainer.ts';

const folder = mkdtempSync(join(tmpdir(), 'flambeau-resume-'));
afterAll(() => rmSync(folder, { recursive: true }));
const last = join(folder, 'last.pt');

function points(count: number): TensorDataset {
  const x = randn(count, 2);
  const labels = (x.tolist() as [number, number][]).map(([a, b]) => BigInt(a + b > 0 ? 1 : 0));
  return new TensorDataset<[Tensor, Tensor]>(x, fromTypedArray(BigInt64Array.from(labels)));
}

/** Everything that has a state: dropout, batch norm, momentum, a schedule for each batch, an average, draws of the batches and of a generator. */
function setUp(more: Partial<TrainerOptions> = {}, seed = 0, { schedule = true } = {}) {
  manualSeed(0);
  const [training, validation] = [points(100), points(50)];
  manualSeed(seed);
  const model = new nn.Sequential(new nn.Linear(2, 8), new nn.BatchNorm1d(8), new nn.ReLU(), new nn.Dropout(0.3), new nn.Linear(8, 2));
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  const scheduler = schedule ? { scheduler: new optim.OneCycleLR(optimizer, { maxLr: 0.2, totalSteps: 40 }) } : {};
  const generator = new Generator().manualSeed(5);
  const train = new DataLoader(training, { batchSize: 16, shuffle: true, generator });
  const valid = new DataLoader(validation, { batchSize: 20 });
  const mix = (x: Tensor, y: Tensor): [Tensor, Tensor] => [x.add(rand(x.size(0), 1).mul(0.1)), y];
  const trainer = new Trainer({ model, optimizer, ...scheduler, ema: 0.9, mix, generators: [generator], ...more });
  return { model, optimizer, train, valid, trainer };
}

const weights = (model: nn.ModuleBase): unknown => [...model.stateDict()].map(([name, t]) => [name, t.tolist()]);
const times = <T extends { seconds: number }>(epochs: readonly T[]) => epochs.map(({ seconds: _, ...rest }) => rest);

describe('a run that was stopped', () => {
  const whole = async () => {
    const { trainer, train, valid, model } = setUp();
    const { epochs, best } = await trainer.fit(train, valid, 4);
    return { epochs: times(epochs), best: best!.epoch, weights: weights(model) };
  };

  it.each([
    ['after an epoch', 7],
    ['in the middle of one', 10],
    ['before its first epoch has ended', 3],
    ['between its batches and its validation', 14],
  ])('%s goes on to the same bits', async (_, stopAt) => {
    const expected = await whole();
    const controller = new AbortController();
    const onBatch = ({ step }: BatchResult): void => {
      if (step === stopAt) controller.abort('stop');
    };
    const first = setUp({ signal: controller.signal, callbacks: [{ onBatch }], onState: () => save(first.trainer.stateDict(), last) });
    const stopped = await first.trainer.fit(first.train, first.valid, 4);
    expect(stopped.interrupted).toBe(true);

    const second = setUp({}, 77);
    second.trainer.loadStateDict(load(last));
    const { epochs, best, interrupted } = await second.trainer.fit(second.train, second.valid, 4);
    expect(interrupted).toBe(false);
    expect({ epochs: times(epochs), best: best!.epoch, weights: weights(second.model) }).toEqual(expected);
  });

  it('changes nothing when the state is of something else', () => {
    const { trainer, model, optimizer } = setUp();
    const before = weights(model);
    const refuse = (saved: unknown, error: new (message: string) => Error, text: RegExp): void => {
      expect(() => trainer.loadStateDict(saved)).toThrow(error);
      expect(() => trainer.loadStateDict(saved)).toThrow(text);
      expect(weights(model)).toEqual(before);
      expect(optimizer.stateDict().state).toEqual(new Map());
    };
    refuse(model.stateDict(), FormatError, /it is something else/);
    const other = setUp({ generators: [] });
    save(other.trainer.stateDict(), last);
    refuse(load(last), FormatError, /0 generators of its own, this one has 1/);
    save({ ...setUp().trainer.stateDict(), ema: null }, last);
    refuse(load(last), FormatError, /no state of the part ema/);
    save({ ...setUp().trainer.stateDict(), optimizer: { state: {}, param_groups: [] } }, last);
    refuse(load(last), Error, /group/);
    save({ ...setUp().trainer.stateDict(), model: new nn.Linear(3, 2).stateDict() }, last);
    refuse(load(last), StateDictError, /Linear|keys|missing/i);
  });
});

describe('a trainer', () => {
  it('adds up the gradients of batches as if they were one', async () => {
    const run = async (batchSize: number, accumulate: number): Promise<number[]> => {
      manualSeed(0);
      const model = new nn.Linear(2, 2);
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.5 });
      const trainer = new Trainer({ model, optimizer, accumulate });
      await trainer.fit(new DataLoader(points(50), { batchSize }), undefined, 2);
      return (model.weight.tolist() as number[][]).flat();
    };
    const [one, several] = [await run(20, 1), await run(5, 4)];
    several.forEach((value, i) => expect(value).toBeCloseTo(one[i]!, 6));
  });

  it('scales gradients down to the largest norm, and cuts their elements', async () => {
    const step = async (more: Partial<TrainerOptions>): Promise<number[]> => {
      manualSeed(0);
      const model = new nn.Linear(2, 2, { bias: false });
      const before = model.weight.clone().detach();
      const optimizer = new optim.SGD(model.parameters(), { lr: 1 });
      await new Trainer({ model, optimizer, ...more }).fit(new DataLoader(points(8), { batchSize: 8 }), undefined, 1);
      return (before.sub(model.weight.detach()).tolist() as number[][]).flat();
    };
    const free = await step({});
    const norm = Math.hypot(...free);
    const clipped = await step({ clipNorm: norm / 2 });
    clipped.forEach((value, i) => expect(value).toBeCloseTo(free[i]! / 2, 5));
    const most = Math.max(...free.map(Math.abs)) / 3;
    const cut = await step({ clipValue: most });
    cut.forEach((value, i) => expect(value).toBeCloseTo(Math.max(-most, Math.min(most, free[i]!)), 5));
  });

  it('ends when it does not get better, judged by loss or accuracy', async () => {
    const { trainer, train, valid } = setUp({ earlyStopping: { patience: 2, minDelta: 10 } }, 0, { schedule: false });
    const result = await trainer.fit(train, valid, 50);
    expect(result).toMatchObject({ stoppedEarly: true, interrupted: false });
    expect(result.epochs).toHaveLength(3); // the first is progress, whatever it is
    const judged = setUp({ monitor: 'accuracy' }, 0, { schedule: false });
    const { epochs, best } = await judged.trainer.fit(judged.train, judged.valid, 5);
    expect(best!.accuracy).toBe(Math.max(...epochs.map(({ accuracy }) => accuracy)));
    await expect(setUp({ monitor: 'accuracy' }).trainer.fit(train, undefined, 1)).rejects.toThrow(/validation set/);
  });

  it('lets parameters rest at first', async () => {
    manualSeed(0);
    const model = new nn.Sequential(new nn.Linear(2, 4), new nn.ReLU(), new nn.Linear(4, 2));
    const body = model[0] as nn.Linear;
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
    const seen: unknown[] = [body.weight.tolist()];
    const onEpoch = (): void => void seen.push(body.weight.tolist());
    const trainer = new Trainer({ model, optimizer, onEpoch, freeze: { parameters: body.parameters(), epochs: 2 } });
    await trainer.fit(new DataLoader(points(40), { batchSize: 8 }), undefined, 3);
    expect([seen[1], seen[2]]).toEqual([seen[0], seen[0]]);
    expect(seen[3]).not.toEqual(seen[0]);
  });
});
