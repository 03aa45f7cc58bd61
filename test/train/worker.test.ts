/** Trainings in another thread: here by message ports of one thread; in a worker of a page they are in test/browser/training-worker.test.ts. */
import { afterEach, describe, expect, it } from 'vitest';
import { ArgumentError, DeviceError, ShapeError } from '../../src/base/errors.ts';
import { DataLoader, TensorDataset } from '../../src/data/index.ts';
import * as nn from '../../src/nn/index.ts';
import * as optim from '../../src/optim/index.ts';
import { randint, randn, tensor } from '../../src/tensor/create.ts';
import { manualSeed } from '../../src/tensor/random/index.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import type { Progress } from '../../src/train/progress.ts';
import { Trainer, TrainingError, type EpochResult } from '../../src/train/trainer.ts';
import { trainInWorker, type WorkerBest } from '../../src/train/worker/call.ts';
import { callInWorker, serveFunctions } from '../../src/train/worker/functions.ts';
import { packTensors, unpackTensors } from '../../src/train/worker/postable.ts';
import { serveTraining, type WorkerTraining } from '../../src/train/worker/serve.ts';

interface Given {
  readonly images: Tensor;
  readonly labels: Tensor;
  readonly epochs: number;
  readonly fail?: string;
  readonly bad?: boolean;
}

const Net = (): nn.Sequential => new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 3));

function make({ images, labels, epochs, fail, bad = false }: Given): WorkerTraining {
  if (fail !== undefined) throw new ShapeError(fail);
  manualSeed(7);
  const model = Net();
  const set = new TensorDataset<[Tensor, Tensor]>(images, labels);
  return {
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
    train: new DataLoader(set, { batchSize: 8, shuffle: true }),
    valid: new DataLoader(set, { batchSize: 20 }),
    epochs,
    ...(bad && { mix: (x: Tensor, y: Tensor): [Tensor, Tensor] => [x.div(0), y] }),
  };
}

const open: MessagePort[] = [];
afterEach(() => open.splice(0).forEach((port) => port.close()));

function served(maker: (given: never) => WorkerTraining = make): MessagePort {
  const { port1, port2 } = new MessageChannel();
  open.push(port1, port2);
  serveTraining(maker, port2);
  return port1;
}

const data = (): { images: Tensor; labels: Tensor } => {
  manualSeed(1);
  return { images: randn(40, 4), labels: randint(0, 3, [40]) };
};
const timeless = (epochs: readonly EpochResult[]): unknown[] => epochs.map(({ seconds: _, ...rest }) => rest);
const values = (state: ReadonlyMap<string, Tensor>): unknown => [...state].map(([name, value]) => [name, value.tolist()]);

describe('trainInWorker', () => {
  it('trains as the trainer does, and hears of it', async () => {
    const told = { progress: [] as Progress[], epochs: [] as EpochResult[], best: [] as WorkerBest[] };
    const result = await trainInWorker(
      served(),
      { ...data(), epochs: 3 },
      {
        onProgress: (progress) => told.progress.push(progress),
        onEpoch: (epoch) => told.epochs.push(epoch),
        onBest: (best) => told.best.push(best),
      },
    );
    const { train, valid, epochs, ...options } = make({ ...data(), epochs: 3 });
    const direct = await new Trainer(options).fit(train, valid, epochs);
    expect(timeless(result.epochs)).toEqual(timeless(direct.epochs));
    expect(timeless(told.epochs)).toEqual(timeless(direct.epochs));
    expect(values(result.state)).toEqual(values(options.model.stateDict()));
    expect(told.best.at(-1)!.epoch).toBe(direct.best!.epoch);
    expect(values(result.bestState!)).toEqual(values(told.best.at(-1)!.state));
    expect(told.progress.filter(({ batch, batches }) => batch === batches).map(({ phase, epoch }) => `${phase} ${epoch}`)).toEqual([
      'train 1',
      'validate 1',
      'train 2',
      'validate 2',
      'train 3',
      'validate 3',
    ]);
    Net().loadStateDict(result.state);
  });

  it('ends when it is told to, one training after the other', async () => {
    const port = served();
    const controller = new AbortController();
    const first = trainInWorker(
      port,
      { ...data(), epochs: 1_000_000 },
      { signal: controller.signal, onProgress: () => controller.abort() },
    );
    const second = trainInWorker(port, { ...data(), epochs: 1 });
    expect((await first).interrupted).toBe(true);
    expect((await second).interrupted).toBe(false);
    const before = await trainInWorker(port, { ...data(), epochs: 5 }, { signal: AbortSignal.abort() });
    expect(before).toMatchObject({ interrupted: true, epochs: [], best: undefined, bestState: undefined });
  });

  it('throws what the training throws, with its class and place', async () => {
    const port = served();
    await expect(trainInWorker(port, { ...data(), fail: 'not like this' })).rejects.toThrow(new ShapeError('not like this'));
    await expect(trainInWorker(port, { ...data(), epochs: 0 })).rejects.toThrow(ArgumentError);
    const failed = await trainInWorker(port, { ...data(), epochs: 1, bad: true }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(TrainingError);
    expect((failed as TrainingError).place.nonFinite).toMatchObject({ what: 'input' });
    expect((await trainInWorker(port, { ...data(), epochs: 1 })).epochs).toHaveLength(1);
  });

  it('throws what a callback throws, and ends the training', async () => {
    const port = served();
    const onEpoch = (): never => {
      throw new RangeError('mine');
    };
    await expect(trainInWorker(port, { ...data(), epochs: 1_000_000 }, { onEpoch })).rejects.toThrow(new RangeError('mine'));
    expect((await trainInWorker(port, { ...data(), epochs: 1 })).epochs).toHaveLength(1); // the other has ended
  });

  it('says that a worker has failed, and what is none', async () => {
    const target = new EventTarget();
    const worker = Object.assign(target, {
      postMessage: () => void target.dispatchEvent(Object.assign(new Event('error'), { message: 'SyntaxError' })),
    });
    await expect(trainInWorker(worker as never)).rejects.toThrow(
      new DeviceError('trainInWorker: the worker has failed: SyntaxError; look at its module, which must call serveTraining'),
    );
    await expect(trainInWorker({} as never)).rejects.toThrow(/expected the worker to be a Worker/);
    expect(() => serveTraining(undefined as never)).toThrow(ArgumentError);
  });
});

describe('a worker that says nothing', () => {
  const silent = (op: string, serve: string): RegExp =>
    new RegExp(
      `^DeviceError: ${op}: the worker has said nothing for 50 ms: it was ended before it could, or does not listen; look at its module, which must call ${serve}`,
    );
  const nobody = (): MessagePort => {
    const { port1, port2 } = new MessageChannel();
    open.push(port1, port2);
    return port1;
  };

  it('is given up', async () => {
    const messageOf = (error: unknown): string => String(error);
    expect(await trainInWorker(nobody(), {}, { startTimeout: 50 }).catch(messageOf)).toMatch(silent('trainInWorker', 'serveTraining'));
    expect(await callInWorker(nobody(), 'f', [], { startTimeout: 50 }).catch(messageOf)).toMatch(silent('callInWorker', 'serveFunctions'));
    await expect(callInWorker(nobody(), 'f', [], { startTimeout: 0 })).rejects.toThrow(/startTimeout.*milliseconds above 0/);
    const signal = AbortSignal.timeout(80);
    await expect(callInWorker(nobody(), 'f', [], { startTimeout: Infinity, signal })).rejects.toThrow(/timeout/);
  });

  it('may take its time once it has said something, or where another training is before', async () => {
    const port = served();
    const controller = new AbortController();
    const first = trainInWorker(port, { ...data(), epochs: 1_000_000 }, { signal: controller.signal });
    const second = trainInWorker(port, { ...data(), epochs: 1 }, { startTimeout: 5000 });
    setTimeout(() => controller.abort(), 150);
    expect((await first).interrupted).toBe(true);
    expect((await second).epochs).toHaveLength(1);
    const { port1, port2 } = new MessageChannel();
    open.push(port1, port2);
    serveFunctions({ late: () => new Promise((resolve) => setTimeout(() => resolve(7), 120)) }, port2);
    expect(await callInWorker(port1, 'late')).toBe(7);
    expect(await callInWorker(port1, 'late', [], { startTimeout: 30 })).toBe(7);
  });
});

describe('packTensors', () => {
  it('takes tensors out of anything, and unpackTensors puts them in', () => {
    const bytes = new Uint8Array([1, 2]);
    const half = randn(3).to('float16');
    const given = {
      a: [tensor([[1, 2]]), 'text', null],
      map: new Map([['b', tensor([true, false])]]),
      bytes,
      half,
      big: tensor([2 ** 40], { dtype: 'int64' }),
    };
    const { value, transfer } = packTensors(given);
    const sent = structuredClone(value, { transfer });
    const got = unpackTensors<typeof given>(sent);
    expect((got.a[0] as Tensor).tolist()).toEqual([[1, 2]]);
    expect(got.a.slice(1)).toEqual(['text', null]);
    expect([got.map.get('b')!.dtype, got.map.get('b')!.tolist()]).toEqual(['bool', [true, false]]);
    expect([...got.bytes]).toEqual([1, 2]);
    expect([got.half.dtype, got.half.tolist()]).toEqual(['float16', half.tolist()]);
    expect(got.big.tolist()).toEqual([BigInt(2 ** 40)].map(Number));
    expect(given.half.tolist()).toEqual(half.tolist()); // copies were sent
  });

  it('refuses circles and damaged tensors', () => {
    const circle: unknown[] = [];
    circle.push(circle);
    expect(() => packTensors(circle)).toThrow(/more than 100 deep, or contains itself/);
    expect(() => unpackTensors({ flambeauTensor: 'float32', shape: [3], data: new Float32Array(2) })).toThrow(ShapeError);
    expect(() => unpackTensors({ flambeauTensor: 'object', shape: [1], data: new Float32Array(1) })).toThrow(/damaged/);
  });
});
