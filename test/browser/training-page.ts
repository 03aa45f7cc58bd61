/** A page that has its worker train, and looks at its own frames meanwhile. */
import { manualSeed, randint, randn } from 'flambeau';
import { trainInWorker, type WorkerResult } from 'flambeau/train';

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
