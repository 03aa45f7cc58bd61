import { describe, expect, it } from 'vitest';
import { ArgumentError } from '../../src/base/errors.ts';
import { DataLoader, TensorDataset } from '../../src/data/index.ts';
import * as nn from '../../src/nn/index.ts';
import * as optim from '../../src/optim/index.ts';
import { fromTypedArray, randn, tensor } from '../../src/tensor/create.ts';
import { manualSeed } from '../../src/tensor/random/index.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { ClassCounts } from '../../src/train/class-counts.ts';
import { evaluate } from '../../src/train/evaluation.ts';
import type { BatchSource, Progress } from '../../src/train/progress.ts';
import { Trainer, TrainingError, type TrainerOptions } from '../../src/train/trainer.ts';

/** Points on a plane; the class is the sign of their sum. */
function points(count: number): TensorDataset {
  const x = randn(count, 2);
  const labels = (x.tolist() as [number, number][]).map(([a, b]) => BigInt(a + b > 0 ? 1 : 0));
  return new TensorDataset<[Tensor, Tensor]>(x, fromTypedArray(BigInt64Array.from(labels)));
}

function setUp(options: Partial<TrainerOptions> = {}, lr = 0.1) {
  manualSeed(0);
  const model = new nn.Sequential(new nn.Linear(2, 8), new nn.ReLU(), new nn.Dropout(0.1), new nn.Linear(8, 2));
  const optimizer = new optim.SGD(model.parameters(), { lr, momentum: 0.9 });
  const train = new DataLoader(points(100), { batchSize: 16, shuffle: true });
  const valid = new DataLoader(points(50), { batchSize: 20 });
  return { model, optimizer, train, valid, trainer: new Trainer({ model, optimizer, ...options }) };
}

describe('Trainer', () => {
  it('does what the tutorial’s loop does', async () => {
    const { trainer, train, valid } = setUp();
    const { epochs } = await trainer.fit(train, valid, 3);

    const { model, optimizer, train: train2, valid: valid2 } = setUp();
    const criterion = new nn.CrossEntropyLoss();
    const byHand: [number, number][] = [];
    for (let epoch = 1; epoch <= 3; epoch++) {
      let [trainLoss, validLoss] = [0, 0];
      model.train();
      for await (const [data, target] of train2) {
        optimizer.zeroGrad();
        const loss = criterion(model(data), target);
        loss.backward();
        optimizer.step();
        trainLoss += loss.item() * data.size(0);
      }
      model.eval();
      for await (const [data, target] of valid2) validLoss += criterion(model(data), target).item() * data.size(0);
      byHand.push([trainLoss / 100, validLoss / 50]);
    }
    expect(epochs.map((epoch) => [epoch.trainLoss, epoch.validLoss])).toEqual(byHand);
    expect(epochs.map((epoch) => epoch.epoch)).toEqual([1, 2, 3]);
    expect(epochs[2]!.trainLoss).toBeLessThan(epochs[0]!.trainLoss);
    expect(epochs[2]!.accuracy).toBeGreaterThan(0.9);
  });

  it('gives the same compiled or not, and says how not to compile what reads values', async () => {
    const results = [];
    for (const compile of [true, false]) {
      const { trainer, train, valid } = setUp({ compile });
      results.push((await trainer.fit(train, valid, 2)).epochs.map(({ trainLoss, validLoss }) => [trainLoss, validLoss]));
    }
    expect(results[0]).toEqual(results[1]);
    const mean = new nn.CrossEntropyLoss();
    const criterion = (output: Tensor, target: Tensor): Tensor => {
      const loss = mean(output, target);
      return loss.item() > 0 ? loss : loss.neg();
    };
    const { trainer, train } = setUp({ criterion });
    await expect(trainer.fit(train, undefined, 1)).rejects.toThrow(/item.*run it uncompiled, with { compile: false }/);
    const eager = setUp({ criterion, compile: false });
    expect((await eager.trainer.fit(eager.train, undefined, 1)).epochs).toHaveLength(1);
  });

  it('learns the same with little memory', async () => {
    const losses = async (more: Partial<TrainerOptions>): Promise<number[]> => {
      const { trainer, train } = setUp(more);
      return (await trainer.fit(train, undefined, 2)).epochs.map(({ trainLoss }) => trainLoss);
    };
    expect(await losses({ compile: { memoryLimit: 1 } })).toEqual(await losses({}));
  });

  it('tells of every epoch that is the best so far, with the model as it is then', async () => {
    const seen: [number, number, number][] = [];
    const { trainer, train, valid } = setUp({
      onBest: ({ epoch, loss, previousLoss }) => seen.push([epoch, previousLoss, loss]),
    });
    const { epochs, best } = await trainer.fit(train, valid, 6);
    let lowest = Infinity;
    const expected: [number, number, number][] = [];
    for (const { epoch, validLoss } of epochs) {
      if (validLoss > lowest) continue;
      expected.push([epoch, lowest, validLoss]);
      lowest = validLoss;
    }
    expect(seen).toEqual(expected);
    expect(best?.validLoss).toBe(lowest);
  });

  it('reports progress', async () => {
    const seen: Progress[] = [];
    const { trainer, train, valid } = setUp({ onProgress: (progress) => seen.push(progress) });
    await trainer.fit(train, valid, 2);
    expect(seen.map((p) => `${p.phase} ${p.epoch} ${p.batch}/${p.batches} ${p.images}`).slice(5, 12)).toEqual([
      'train 1 6/7 96',
      'train 1 7/7 100',
      'validate 1 1/3 20',
      'validate 1 2/3 40',
      'validate 1 3/3 50',
      'train 2 1/7 16',
      'train 2 2/7 32',
    ]);
    expect(seen.every((p) => p.imagesPerSecond > 0 && p.secondsLeft >= 0 && p.loss > 0)).toBe(true);
    expect(seen[6]!.secondsLeft).toBe(0);
    expect(seen.every((p) => p.secondsLeftInAll >= p.secondsLeft)).toBe(true);
    expect(seen[6]!.secondsLeftInAll).toBeGreaterThan(0); // an epoch is to come
    expect(seen.at(-1)!.secondsLeftInAll).toBe(0);
  });

  it('asks before every epoch how many there are to be', async () => {
    const { trainer, train, valid } = setUp();
    const goals = [5, 5, 3];
    const { epochs, interrupted } = await trainer.fit(train, valid, () => goals.shift() ?? 3);
    expect([epochs.length, interrupted]).toEqual([3, false]);
    await expect(setUp().trainer.fit(train, valid, () => 0.5)).rejects.toThrow(/expected a whole number of epochs ≥ 1, but got 0\.5/);
  });

  it('steps a schedule after batches or epochs', async () => {
    const { optimizer, model, train, valid } = setUp();
    const cycle = new optim.OneCycleLR(optimizer, { maxLr: 0.1, epochs: 2, stepsPerEpoch: train.length });
    await new Trainer({ model, optimizer, scheduler: cycle }).fit(train, valid, 2);
    expect(cycle.lastEpoch).toBe(14);
    const stairs = new optim.StepLR(optimizer, { stepSize: 1, gamma: 0.5 });
    await new Trainer({ model, optimizer, scheduler: stairs }).fit(train, valid, 2);
    expect(stairs.lastEpoch).toBe(2);
  });

  it('keeps the training loss in charge without a validation set', async () => {
    const { trainer, train } = setUp();
    const { epochs, best } = await trainer.fit(train, undefined, 2);
    expect(epochs[0]).toMatchObject({ validLoss: NaN, accuracy: NaN });
    expect(best?.trainLoss).toBe(Math.min(...epochs.map((epoch) => epoch.trainLoss)));
  });

  it('stops with a clear error when the loss is not finite', async () => {
    const seen: number[] = [];
    const { trainer, train, valid } = setUp({ onBest: ({ epoch }) => seen.push(epoch) }, 1e30);
    await expect(trainer.fit(train, valid, 5)).rejects.toThrow(TrainingError);
    await expect(trainer.fit(train, valid, 5)).rejects.toThrow(
      /the loss is NaN in epoch 1, batch 1, after 1 updates at a learning rate of 1e\+30: the first output that is not finite is that of '3' \(Linear\), in linear; use a smaller/,
    );
    expect(seen).toEqual([]);
  });

  it('ends after the running batch when it is told to', async () => {
    const controller = new AbortController();
    const { trainer, train, valid } = setUp({
      signal: controller.signal,
      onProgress: ({ epoch, batch }) => epoch === 2 && batch === 3 && controller.abort(),
    });
    const result = await trainer.fit(train, valid, 5);
    expect(result).toMatchObject({ interrupted: true, best: { epoch: 1 } });
    expect(result.epochs).toHaveLength(1);
  });

  it('hears a signal that comes from outside while it runs', async () => {
    const controller = new AbortController();
    const onEpoch = (): unknown => setTimeout(() => controller.abort(), 0);
    const { trainer, train, valid } = setUp({ signal: controller.signal, onEpoch });
    const { epochs, interrupted } = await trainer.fit(train, valid, 1_000_000);
    expect(interrupted).toBe(true);
    expect(epochs.length).toBeGreaterThan(0);
  });

  it('evaluates in evaluation mode, class by class', async () => {
    const { trainer, train, valid, model } = setUp();
    await expect(evaluate(model, valid, { signal: AbortSignal.abort('stop') })).rejects.toBe('stop');
    await trainer.fit(train, undefined, 5);
    const { total, correct, accuracy, classes, loss } = await evaluate(model, valid);
    expect(model.training).toBe(false);
    expect([total, correct]).toEqual([50, classes[0]!.correct + classes[1]!.correct]);
    expect(accuracy).toBe(correct / 50);
    expect(loss).toBeGreaterThan(0);
  });

  it('refuses numbers of epochs and batches that make no sense', async () => {
    const { trainer, train, model } = setUp();
    await expect(trainer.fit(train, undefined, 0)).rejects.toThrow(/epochs ≥ 1, but got 0/);
    const empty: BatchSource = { length: 0, [Symbol.asyncIterator]: async function* () {} };
    await expect(trainer.fit(empty, undefined, 1)).rejects.toThrow(/no batches/);
    await expect(evaluate(model, empty)).rejects.toThrow(ArgumentError);
    const lone: BatchSource = {
      length: 1,
      [Symbol.asyncIterator]: async function* () {
        yield await Promise.resolve([tensor([1])]);
      },
    };
    await expect(trainer.fit(lone, undefined, 1)).rejects.toThrow(/\[inputs, targets\], but got 1 values/);
  });
});

describe('ClassCounts', () => {
  it('counts guesses and weighs losses by the size of the batch', () => {
    const counts = new ClassCounts();
    const labels = (...list: bigint[]): Tensor => fromTypedArray(BigInt64Array.from(list));
    counts.add(
      tensor([
        [1, 0, 0],
        [0, 2, 1],
        [0, 1, 2],
      ]),
      labels(0n, 1n, 1n),
      1,
    );
    counts.add(tensor([[0, 0, 1]]), labels(2n), 5);
    const { predictions, calibration, calibrationError, ...result } = counts.result();
    const row = { precision: 1, recall: 1, f1: 1 };
    expect(result).toEqual({
      loss: 2,
      accuracy: 0.75,
      top5: 1,
      correct: 3,
      total: 4,
      classes: [
        { ...row, correct: 1, total: 1, predicted: 1 },
        { correct: 1, total: 2, predicted: 1, precision: 1, recall: 0.5, f1: 2 / 3 },
        { correct: 1, total: 1, predicted: 2, precision: 0.5, recall: 1, f1: 2 / 3 },
      ],
      confusion: [
        [1, 0, 0],
        [0, 1, 1],
        [0, 0, 1],
      ],
    });
    expect([[...predictions.labels], [...predictions.guesses]]).toEqual([
      [0, 1, 1, 2],
      [0, 1, 2, 2],
    ]);
    const [e, sure] = [Math.E, predictions.confidences];
    [e / (e + 2), (e * e) / (e * e + e + 1), (e * e) / (e * e + e + 1), e / (e + 2)].forEach((p, i) => expect(sure[i]).toBeCloseTo(p, 6));
    expect(calibration.map(({ count }) => count)).toEqual([0, 0, 0, 0, 0, 2, 2, 0, 0, 0]);
    expect(calibration[6]).toMatchObject({ from: 0.6, to: 0.7, accuracy: 0.5 });
    expect(calibrationError).toBeCloseTo((1 - e / (e + 2) + Math.abs(sure[1]! - 0.5)) / 2, 6);
  });

  it('knows what is among the first five, the first of equals before the others', () => {
    const counts = new ClassCounts();
    counts.add(
      tensor([
        [7, 6, 5, 4, 3, 2],
        [1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1],
      ]),
      tensor([5, 4, 5], { dtype: 'int64' }),
      1,
    );
    expect(counts.result().top5).toBe(1 / 3);
    expect(() => counts.add(tensor([[1, 2]]), tensor([2], { dtype: 'int64' }), 1)).toThrow(/labels from 0 to 1, but got 2/);
  });
});
