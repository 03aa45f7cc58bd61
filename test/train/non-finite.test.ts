/** A loss that is no number: which layer it comes from, and the state that training is left in. */
import { describe, expect, it } from 'vitest';
import { DataLoader, TensorDataset } from '../../src/data/index.ts';
import * as nn from '../../src/nn/index.ts';
import * as optim from '../../src/optim/index.ts';
import { deserialize, serialize } from '../../src/io/checkpoint.ts';
import { full, rand, randint, randn, zeros } from '../../src/tensor/create.ts';
import { noGrad } from '../../src/tensor/grad-mode.ts';
import { defaultGenerator, Generator, manualSeed } from '../../src/tensor/random/index.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import type { NonFinite } from '../../src/train/finite-watch.ts';
import type { Steppable } from '../../src/train/steps.ts';
import { Trainer, TrainingError, type TrainerOptions } from '../../src/train/trainer.ts';

/** Fails at its 16th call: a logarithm of a negative number, or a square root of 0, of which only the gradient is none. */
class Sometimes extends nn.Module {
  readonly calls = new nn.Buffer(zeros());
  readonly mode: 'log' | 'sqrt';
  constructor(mode: 'log' | 'sqrt') {
    super();
    this.mode = mode;
  }
  override forward(x: Tensor): Tensor {
    if (this.training) noGrad(() => this.calls.add_(1));
    const isNow = this.calls.eq(16).to('float32');
    if (this.mode === 'log') return x.add(isNow.mul(-2).add(1).log().mul(0));
    return x.add(x.abs().add(1).mul(isNow.neg().add(1)).sqrt().mul(0));
  }
}

function setUp(mode: 'log' | 'sqrt', more: Partial<TrainerOptions> = {}, lr = 0.05) {
  manualSeed(0);
  const data = new TensorDataset<[Tensor, Tensor]>(randn(96, 2), randint(0, 2, [96]));
  const body = new nn.Sequential(new nn.Linear(2, 8), new nn.BatchNorm1d(8), new nn.ReLU(), new nn.Dropout(0.2));
  const watched = new Sometimes(mode);
  const model = new nn.Sequential(body, watched, new nn.Linear(8, 2));
  const generator = new Generator().manualSeed(4);
  const train = new DataLoader(data, { batchSize: 8, shuffle: true, generator });
  const optimizer = new optim.SGD(model.parameters(), { lr, momentum: 0.9 });
  const scheduler = new optim.OneCycleLR(optimizer, { maxLr: lr, totalSteps: 100 });
  const mix = (x: Tensor, y: Tensor): [Tensor, Tensor] => [x.add(rand(2).mul(0.1)), y];
  const options = { model, optimizer, scheduler, generators: [generator], mix, ...more };
  return { model, optimizer, scheduler, generator, watched, train, options, trainer: new Trainer(options) };
}

function state({ model, optimizer, scheduler, generator }: ReturnType<typeof setUp>): unknown {
  return {
    weights: [...model.stateDict()].map(([name, value]) => [name, value.tolist()]),
    momentum: [...optimizer.stateDict().state].map(([i, { momentum_buffer: buffer }]) => [i, buffer?.tolist()]),
    rates: optimizer.paramGroups.map(({ lr }) => lr),
    schedule: scheduler.lastEpoch,
    random: [defaultGenerator, generator].map((one) => [...one.getState()].join()),
  };
}

async function failure(run: Promise<unknown>): Promise<TrainingError> {
  try {
    await run;
  } catch (error) {
    expect(error).toBeInstanceOf(TrainingError);
    return error as TrainingError;
  }
  throw new Error('it has not failed');
}

/** The state after so many updates of a run that does not get any further. */
async function stateAfter(updates: number, more: Partial<TrainerOptions>): Promise<unknown> {
  const run = setUp('log', more);
  const controller = new AbortController();
  const onBatch = ({ step }: { step: number }): void => {
    if (step === updates) controller.abort();
  };
  await new Trainer({ ...run.options, callbacks: [{ onBatch }], signal: controller.signal }).fit(run.train, undefined, 4);
  return state(run);
}

const told = (value: unknown): NonFinite => value as NonFinite;

describe('a loss that is not finite', () => {
  it.each<[Partial<TrainerOptions>, number]>([
    [{ compile: true }, 16],
    [{ compile: false }, 16],
    [{ compile: true, accumulate: 2, clipNorm: 1 }, 8],
  ])('is traced to its layer, and the state is that of before the update, with %o', async (more, step) => {
    const run = setUp('log', more);
    const error = await failure(run.trainer.fit(run.train, undefined, 4));
    expect(error.message).toMatch(
      /^training stopped: the loss is NaN in epoch 2, batch 4, after \d+ updates at a learning rate of 0\.\d+: the first output that is not finite is that of '1' \(Sometimes\), in log; use a smaller/,
    );
    expect(error.place).toEqual({
      epoch: 2,
      batch: 4,
      step: step - 1,
      nonFinite: told({ what: 'output', path: '1', type: 'Sometimes', operation: 'log', step }),
    });
    const { random: _, ...left } = state(run) as { random: unknown };
    const { random: __, ...expected } = (await stateAfter(step - 1, more)) as { random: unknown };
    expect(left).toEqual(expected);
  });

  it.each([true, false])('is traced to a gradient in the update before, compiled: %s', async (compile) => {
    const run = setUp('sqrt', { compile });
    const error = await failure(run.trainer.fit(run.train, undefined, 4));
    expect(error.place).toEqual({
      epoch: 2,
      batch: 5,
      step: 16,
      nonFinite: told({ what: 'gradient', path: '1', type: 'Sometimes', operation: 'SqrtBackward0', step: 16 }),
    });
    expect(error.message).toContain(
      "the first gradient that is not finite is computed by '1' (Sometimes), in SqrtBackward0 in update 16; use",
    );
    expect(state(run)).toMatchObject({ schedule: 15 });
    expect(run.model.parameters().every((parameter) => Number.isFinite(parameter.sum().item()))).toBe(true);
  });

  it('is found in the middle of an epoch that has been resumed', async () => {
    const controller = new AbortController();
    const onBatch = ({ step }: { step: number }): void => {
      if (step === 14) controller.abort();
    };
    const first = setUp('log', { callbacks: [{ onBatch }], signal: controller.signal });
    await first.trainer.fit(first.train, undefined, 4);
    const second = setUp('log');
    second.trainer.loadStateDict(deserialize(serialize(first.trainer.stateDict())));
    const error = await failure(second.trainer.fit(second.train, undefined, 4));
    expect(error.place).toMatchObject({ batch: 4, step: 15, nonFinite: { path: '1', operation: 'log', step: 16 } });
  });

  it('comes from the weights when the rate is too large, from the batch, or from the loss function', async () => {
    const large = setUp('log', {}, 1e38);
    const { nonFinite } = (await failure(large.trainer.fit(large.train, undefined, 1))).place;
    expect(nonFinite?.what).toMatch(/^(weights|output|gradient)$/);
    expect(nonFinite?.type).toMatch(/Linear|BatchNorm1d/);

    const bad = setUp('log', { mix: (x, y) => [x.div(0), y] });
    const inBatch = await failure(bad.trainer.fit(bad.train, undefined, 1));
    expect(inBatch.place.nonFinite).toMatchObject({ what: 'input', path: undefined });
    expect(inBatch.message).toContain(': the batch itself has values that are not finite; use');

    class Mine extends nn.Module {
      override forward(output: Tensor, target: Tensor): Tensor {
        return output.sum().mul(0).add(target.sum().to('float32').neg().log());
      }
    }
    const loss = setUp('log', { criterion: new Mine() });
    const inLoss = await failure(loss.trainer.fit(loss.train, undefined, 1));
    expect(inLoss.message).toContain(': the first output that is not finite is that of the loss function (Mine), in log; use');
  });

  it('is found with an optimizer of one’s own, whose update is not made', async () => {
    const run = setUp('log');
    const optimizer: Steppable = { zeroGrad: () => run.optimizer.zeroGrad(), step: () => run.optimizer.step() };
    const { scheduler: _, ...rest } = run.options;
    const error = await failure(new Trainer({ ...rest, optimizer }).fit(run.train, undefined, 4));
    // the layer has been called once more than it was to fail
    expect(error.place.step).toBe(15);
    expect(run.model.parameters().every((parameter) => Number.isFinite(parameter.sum().item()))).toBe(true);
  });

  it('is not traced without the state, and masks of infinities are no fault', async () => {
    const run = setUp('log', { diagnose: false });
    const error = await failure(run.trainer.fit(run.train, undefined, 4));
    expect(error.place.nonFinite).toBe(undefined);
    expect(error.message).toMatch(/at a learning rate of 0\.\d+; use a smaller learning rate/);

    class Masked extends nn.Module {
      readonly inner = new nn.Linear(2, 2);
      override forward(x: Tensor): Tensor {
        const scores = this.inner(x).maskedFill(x.gt(0), -Infinity).softmax(1);
        return scores.sum(1, { keepdim: true }).mul(x);
      }
    }
    const masked = setUp('log');
    const model = new nn.Sequential(new Masked(), new nn.Linear(2, 2));
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
    const all = await failure(new Trainer({ model, optimizer }).fit(masked.train, undefined, 1));
    expect(all.place.nonFinite).toMatchObject({ what: 'output', path: '0', type: 'Masked', operation: 'softmax' });
  });

  it('of the validation is traced, too', async () => {
    const run = setUp('log');
    const valid = new DataLoader(new TensorDataset<[Tensor, Tensor]>(full([8, 2], Infinity), randint(0, 2, [8])), { batchSize: 4 });
    const error = await failure(run.trainer.fit(run.train, valid, 1));
    expect(error.message).toMatch(/^training stopped: the validation loss of epoch 1 is NaN: the batch itself has values/);
    expect(error.place).toMatchObject({ epoch: 1, batch: undefined, nonFinite: { what: 'input' } });
  });
});
