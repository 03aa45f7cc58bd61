/** What the page keeps of a run, and the loop of its worker. */
import { describe, expect, it } from 'vitest';
import { Checkpoints, type Checkpoint } from '../../lab/core/checkpoints.ts';
import { MOST_POINTS, StepCurve } from '../../lab/core/curves.ts';
import { pictureSet } from '../../lab/core/dataset.ts';
import { differences } from '../../lab/core/differences.ts';
import { SAMPLES } from '../../lab/core/samples.ts';
import { Session, type StepResult } from '../../lab/core/session.ts';
import { DEFAULT_TRAINING, type NetworkSpec, type TrainingSpec } from '../../lab/core/spec.ts';
import { timeInWords } from '../../lab/core/words.ts';
import { RunLoop, type RunEvent } from '../../lab/worker/run-loop.ts';

const stepOf = (step: number, loss: number): StepResult => ({ epoch: 1, step, stepsInEpoch: 10, position: step / 10, loss, accuracy: loss / 10, ms: 1, lr: 0.1, batchSize: 4 }); // prettier-ignore
const checkpointOf = (epoch: number, bytes = 10): Checkpoint => ({
  epoch,
  step: epoch * 10,
  packed: undefined,
  random: new Uint8Array(),
  bytes,
});

describe('checkpoints', () => {
  it('are all there of the last 50 epochs, fewer and fewer before, and always the first', () => {
    const kept = new Checkpoints();
    for (let epoch = 0; epoch <= 5000; epoch++) kept.add(checkpointOf(epoch));
    const { epochs } = kept;
    expect(epochs.length).toBeLessThanOrEqual(100);
    expect(epochs[0]).toBe(0);
    expect(epochs.slice(-50)).toEqual(Array.from({ length: 50 }, (_, i) => 4951 + i));
    const old = epochs.filter((epoch) => epoch > 0 && epoch < 4950);
    const gaps = old.slice(1).map((epoch, i) => (epoch - old[i]!) / (5000 - old[i]!));
    expect(Math.max(...gaps)).toBeLessThan(0.5); // no long time is forgotten
  });
  it('take a bounded amount of memory', () => {
    const kept = new Checkpoints();
    for (let epoch = 0; epoch < 100; epoch++) kept.add(checkpointOf(epoch, 5 * 2 ** 20));
    expect(kept.bytes).toBeLessThanOrEqual(96 * 2 ** 20);
    expect(kept.last!.epoch).toBe(99);
    expect(kept.at(0)!.epoch).toBe(0);
  });
  it('are found by epoch, or the one before, and forgotten after one', () => {
    const kept = new Checkpoints();
    for (const epoch of [0, 2, 4]) kept.add(checkpointOf(epoch));
    expect([kept.at(3)!.epoch, kept.at(Infinity)!.epoch, kept.at(-1)]).toEqual([2, 4, undefined]);
    kept.forgetAfter(2);
    expect(kept.epochs).toEqual([0, 2]);
  });
});

describe('curves', () => {
  it('hold each step as it is, as long as there are few', () => {
    const curve = new StepCurve();
    [4, 2, 3].forEach((loss, i) => curve.add(stepOf(i + 1, loss)));
    expect(curve.loss).toEqual([4, 2, 3]);
    expect(curve.smoothLoss[0]).toBe(4);
    expect(curve.smoothLoss[1]).toBeCloseTo(4 - 2 * (2 / 3), 12);
  });
  it('have a bounded number of points, which are means', () => {
    const curve = new StepCurve();
    const steps = 3 * MOST_POINTS + 7;
    for (let step = 1; step <= steps; step++) curve.add(stepOf(step, step));
    expect(curve.length).toBeLessThanOrEqual(MOST_POINTS);
    expect(curve.length).toBeGreaterThan(MOST_POINTS / 2 - 1);
    expect(curve.stride).toBe(4);
    expect(curve.loss[0]).toBe(2.5); // of 1, 2, 3, 4
    expect(curve.steps.at(-1)).toBe(steps);
    expect([...curve.steps].sort((a, b) => a - b)).toEqual(curve.steps);
  });
  it('go back, and are stored', () => {
    const curve = new StepCurve();
    for (let step = 1; step <= 10; step++) curve.add(stepOf(step, step));
    curve.truncate(6);
    expect(curve.steps).toEqual([1, 2, 3, 4, 5, 6]);
    const copy = StepCurve.from(structuredClone(curve.snapshot()));
    for (const each of [curve, copy]) each.add(stepOf(7, 1));
    expect(copy.snapshot()).toEqual(curve.snapshot());
  });
});

it('runs are told apart by what differs', () => {
  const network = { name: 'A', layers: [], channels: 1, size: 8 } as NetworkSpec;
  const other = { ...network, name: 'B', size: 16 };
  const training = { ...DEFAULT_TRAINING, lr: 0.1 };
  expect(differences([{ network, training }])).toEqual([[]]);
  expect(
    differences([
      { network, training },
      { network, training: { ...training, lr: 0.01 } },
      { network: other, training: { ...training, optimizer: 'adam', momentum: 0 } },
    ]),
  ).toEqual([
    ['A', 'SGD', 'learning rate 0.1', 'momentum 0.9'],
    ['A', 'SGD', 'learning rate 0.01', 'momentum 0.9'],
    ['B', 'Adam', 'learning rate 0.1'],
  ]);
});

it('times are said in words', () => {
  expect([0.04, 59.7, 125, 4210].map(timeInWords)).toEqual(['0.0 s', '1 min 0 s', '2 min 5 s', '1 h 10 min']);
});

describe('the loop of a worker', () => {
  const network: NetworkSpec = {
    name: 'Tiny',
    channels: 1,
    size: 8,
    layers: [{ kind: 'flatten' }, { kind: 'linear', outFeatures: 0, bias: true }],
  };
  const pictures = SAMPLES.shapes.make(10, 1);

  function loopOf(training: Partial<TrainingSpec> = {}) {
    const sets = (['train', 'valid'] as const).map((part) => pictureSet(pictures, part, network));
    const events: RunEvent[] = [];
    const session = new Session(network, 4, { ...DEFAULT_TRAINING, epochs: 4, ...training }, sets[0]!, sets[1]!);
    const loop = new RunLoop(session, (event) => events.push(structuredClone(event)));
    const progress = () => events.filter((event) => event.lab === 'progress');
    return {
      loop,
      session,
      events,
      progress,
      steps: () => progress().flatMap(({ steps }) => steps.map(({ step }) => step)),
      checkpoints: () => progress().flatMap(({ checkpoints }) => checkpoints),
      stopped: async (): Promise<string> => {
        for (;;) {
          const last = events.at(-1);
          if (last?.lab === 'stopped') return last.why;
          if (last?.lab === 'failed') return last.message;
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
      },
    };
  }
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

  it('tells every step and epoch once, in few messages', async () => {
    const { loop, events, progress, steps, stopped, checkpoints } = loopOf({ epochs: 40 });
    const start = performance.now();
    loop.tellStart();
    loop.start();
    loop.start(); // does nothing
    expect(await stopped()).toBe('done');
    expect(steps()).toEqual(upTo(40 * 2));
    expect(progress().flatMap(({ epochs }) => epochs.map(({ epoch }) => epoch))).toEqual(upTo(40));
    expect(events.length).toBeLessThan(4 + (performance.now() - start) / 30);
    expect(checkpoints()[0]!.epoch).toBe(0);
    expect(checkpoints().at(-1)!.epoch).toBe(40);
    expect(
      progress()
        .at(-1)!
        .layers!.map(({ kind }) => kind),
    ).toEqual(['flatten', 'linear']);
  });

  it('pauses and goes on however fast one clicks; steps; ends with an epoch', async () => {
    const { loop, steps, session, stopped, events } = loopOf({ epochs: 1000 });
    loop.start();
    void loop.pause();
    loop.start();
    await loop.pause();
    const done = session.step;
    expect(steps()).toEqual(upTo(done));
    events.length = 0;
    await loop.stepOnce();
    expect(steps()).toEqual([done + 1]);
    events.length = 0;
    loop.start(session.epoch + 1);
    expect(await stopped()).toBe('paused');
    expect(session.step % 2).toBe(0);
  });

  it('goes back while it runs, and the same way again', async () => {
    const { loop, session, checkpoints, events, progress, stopped } = loopOf({ epochs: 6 });
    loop.tellStart();
    loop.start();
    expect(await stopped()).toBe('done');
    const losses = progress().flatMap((event) => event.steps.map(({ loss }) => loss));
    const checkpoint = checkpoints().findLast(({ epoch }) => epoch < 6)!;
    events.length = 0;
    await loop.restore(structuredClone(checkpoint));
    expect(session.epoch).toBe(checkpoint.epoch);
    loop.start();
    await stopped();
    expect(progress().flatMap((event) => event.steps.map(({ loss }) => loss))).toEqual(losses.slice(checkpoint.step));
  });

  it('stops at the first loss that is no number, and keeps nothing of it', async () => {
    const { loop, stopped, checkpoints, progress } = loopOf({ lr: 1e38 });
    loop.tellStart();
    loop.start();
    expect(await stopped()).toBe('diverged');
    const losses = progress().flatMap((event) => event.steps.map(({ loss }) => loss));
    expect(losses.slice(0, -1).every(Number.isFinite)).toBe(true);
    expect(checkpoints().map(({ epoch }) => epoch)).toEqual([0]);
  });

  it('says what went wrong, of memory plainly', async () => {
    const { loop, session, stopped } = loopOf();
    session.next = () => Promise.reject(Object.assign(new Error('out of 4 GiB'), { name: 'OutOfMemoryError' }));
    loop.start();
    expect(await stopped()).toMatch(/^The browser has no more memory for this\. Choose smaller batches .* \(out of 4 GiB\)$/);
  });
});
