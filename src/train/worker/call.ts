/** The page's side of a training in a worker. */
import { FUNCTION, having, kind, requireKind, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import type { HostAbortSignal } from '../../base/host-types.ts';
import type { Port } from '../../base/port.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { SIGNAL } from '../evaluation.ts';
import type { Progress } from '../progress.ts';
import type { EpochResult, FitResult } from '../trainer.ts';
import { packTensors, unpackTensors } from './postable.ts';
import { converse } from './converse.ts';

/** A `Worker`, or another port to a thread that serves trainings. */
export type TrainingPort = Port;

/** The best epoch so far. */
export interface WorkerBest extends EpochResult {
  /** The model's state dict, or with `ema` that of the average; for `loadStateDict` of the same network here. */
  readonly state: ReadonlyMap<string, Tensor>;
}

export interface TrainInWorkerOptions {
  readonly onProgress?: (progress: Progress) => void;
  readonly onEpoch?: (result: EpochResult) => void;
  /** Called after every epoch that is at least as good as the best before. */
  readonly onBest?: (best: WorkerBest) => void;
  /** Ends the training after the running batch. */
  readonly signal?: HostAbortSignal;
  /** Milliseconds within which a worker that has not said anything yet must; default 60,000. Nobody says that a worker was ended before, or that its module does not listen. */
  readonly startTimeout?: number;
}

export interface WorkerResult extends FitResult {
  /** The weights at the end. */
  readonly state: ReadonlyMap<string, Tensor>;
  /** The weights of the best epoch; undefined where there is none. */
  readonly bestState: ReadonlyMap<string, Tensor> | undefined;
}

export const START_TIMEOUT = kind('a number of milliseconds above 0', (value) => typeof value === 'number' && value > 0);
const OPTIONS: OptionKinds<TrainInWorkerOptions> = {
  onProgress: FUNCTION,
  onEpoch: FUNCTION,
  onBest: FUNCTION,
  signal: SIGNAL,
  startTimeout: START_TIMEOUT,
};
/** What takes messages to a worker. */
export const WORKER = having('a Worker', 'postMessage', 'addEventListener', 'removeEventListener');

/**
 * Trains in a worker, so that the page stays as it is: its thread only hears of it.
 *
 *     const worker = new Worker(new URL('./training.js', import.meta.url), { type: 'module' }); // calls serveTraining
 *     const { epochs, state } = await trainInWorker(worker, { images, labels, lr: 0.01 }, {
 *       onProgress: ({ epoch, loss }) => (label.textContent = `${epoch}: ${loss}`),
 *       signal: controller.signal,
 *     });
 *     model.loadStateDict(state);
 *
 * @param given - what the worker's function gets: whatever can be posted, and tensors in it, which are copied
 * @throws TrainingError and others as the training in the worker throws them
 * @throws DeviceError when the worker cannot be started, fails otherwise, or is ended in the middle (which is noticed on pages with a secure connection), or says nothing for `startTimeout`
 */
export async function trainInWorker(worker: TrainingPort, given: unknown = {}, options: TrainInWorkerOptions = {}): Promise<WorkerResult> {
  requireKind('trainInWorker', 'the worker', worker, WORKER, "write new Worker(url, { type: 'module' })");
  const { onProgress, onEpoch, onBest, signal, startTimeout } = requireOptions<TrainInWorkerOptions>(
    'trainInWorker',
    options,
    OPTIONS,
    '{ onProgress }',
  );
  const { value, transfer } = packTensors(given);
  let bestState: WorkerResult['bestState'];
  return converse<WorkerResult>({
    op: 'trainInWorker',
    worker,
    ask: (id) => ({ flambeau: 'train', id, given: value, isAborted: signal?.aborted === true }),
    transfer,
    remedy: 'look at its module, which must call serveTraining',
    signal,
    startTimeout,
    hear: (reply, end) => {
      if ('progress' in reply) onProgress?.(reply.progress);
      else if ('epoch' in reply) onEpoch?.(reply.epoch);
      else if ('best' in reply) {
        bestState = unpackTensors(reply.state);
        onBest?.({ ...reply.best, state: bestState! });
      } else if ('done' in reply) end({ ...reply.done, state: unpackTensors(reply.state), bestState });
    },
  });
}
