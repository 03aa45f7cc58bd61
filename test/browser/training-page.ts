/** A page that has its worker train, and looks at its own frames meanwhile. */
import { manualSeed, nn, randint, randn, type Tensor } from 'flambeau';
import { callInWorker, trainInWorker, type WorkerResult } from 'flambeau/train';

const given = (epochs: number) => {
  manualSeed(0);
  return { images: randn(64, 3, 24, 24), labels: randint(0, 4, [64]), epochs };
};

/** Milliseconds between frames until it is stopped. */
function frames(): () => number[] {
  const times: number[] = [];
  let running = true;
  let before: number | undefined;
  const next = (now: number): void => {
    if (before !== undefined) times.push(now - before);
    before = now;
    if (running) requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
  return () => {
    running = false;
    return times;
  };
}

const told = ({ epochs, best, interrupted, state, bestState }: WorkerResult) => ({
  losses: epochs.map(({ trainLoss, validLoss }) => [trainLoss, validLoss]),
  best: best?.epoch,
  interrupted,
  weights: [...state].map(([name, value]) => [name, value.flatten().tolist()]),
  bestKeys: [...(bestState?.keys() ?? [])],
});

/** Workers that are ended before they have said a word, or afterwards and before they are asked. */
async function neverUp(): Promise<unknown[]> {
  const messageOf = (error: unknown): string => String(error);
  const [early, late] = [0, 1].map(() => new Worker('worker.js', { type: 'module' })) as [Worker, Worker];
  const training = trainInWorker(early, given(1), { startTimeout: 500 }).catch(messageOf);
  early.terminate();
  await callInWorker(late, 'load', [new nn.Linear(4, 2).stateDict()]);
  late.terminate();
  return [await training, await callInWorker(late, 'forever').catch(messageOf)];
}

const page = {
  async train(epochs: number) {
    const worker = new Worker('worker.js', { type: 'module' });
    const stop = frames();
    let progress = 0;
    const result = await trainInWorker(worker, given(epochs), { onProgress: () => progress++ });
    worker.terminate();
    return { ...told(result), progress, frames: stop() };
  },

  /** Ends the training from the page. */
  async abort() {
    const worker = new Worker('worker.js', { type: 'module' });
    const controller = new AbortController();
    const result = await trainInWorker(worker, given(1_000_000_000), {
      signal: controller.signal,
      onEpoch: ({ epoch }) => epoch === 2 && controller.abort(),
    });
    const again = await trainInWorker(worker, given(1));
    worker.terminate();
    return { interrupted: result.interrupted, epochs: result.epochs.length, again: again.epochs.length };
  },

  /** A worker that is ended in the middle: of a training, and of a call. */
  async killed() {
    const messageOf = (error: unknown): string => String(error);
    const first = new Worker('worker.js', { type: 'module' });
    const training = trainInWorker(first, given(1_000_000_000), { onEpoch: () => first.terminate() }).catch(messageOf);
    const second = new Worker('worker.js', { type: 'module' });
    await callInWorker(second, 'load', [new nn.Linear(4, 2).stateDict()]); // it is up
    const call = callInWorker(second, 'forever').catch(messageOf);
    setTimeout(() => second.terminate(), 100);
    return [await training, await call, ...(await neverUp())];
  },

  /** Functions of a worker, and what the page computes of the same. */
  async called() {
    const worker = new Worker('worker.js', { type: 'module' });
    const model = new nn.Linear(4, 2);
    await callInWorker(worker, 'load', [model.stateDict()]);
    const x = randn(3, 4);
    const { scores, shape } = await callInWorker<{ scores: Tensor; shape: number[] }>(worker, 'predict', [{ x, times: 2 }]);
    const wanted = model(x).mul(2);
    const failures = await Promise.allSettled([
      callInWorker(worker, 'broken'),
      callInWorker(worker, 'nothing'),
      callInWorker(worker, 'forever', [], { signal: AbortSignal.timeout(20) }),
      callInWorker(worker, 'forever', [], { signal: AbortSignal.abort(new Error('enough')) }),
      callInWorker(worker, 'load', [model]),
      trainInWorker(worker, { model }),
    ]);
    worker.terminate();
    return {
      same: scores.sub(wanted).abs().max().item(),
      shape,
      xStays: x.shape,
      failures: failures.map((outcome) => (outcome.status === 'rejected' ? String(outcome.reason) : 'nothing thrown')),
    };
  },

  async broken() {
    try {
      await trainInWorker(new Worker('no-worker.js', { type: 'module' }), given(1));
      return 'nothing thrown';
    } catch (error) {
      return String(error);
    }
  },
};

export type TrainingPage = typeof page;
Object.assign(globalThis, { page });
