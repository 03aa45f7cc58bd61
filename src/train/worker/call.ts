/** The page's side of a training in a worker. */
import { FUNCTION, having, requireKind, requireOptions, type OptionKinds } from '../../base/arguments.ts';
import { DeviceError, FlambeauError } from '../../base/errors.ts';
import type { HostAbortSignal } from '../../base/host-types.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { SIGNAL } from '../evaluation.ts';
import type { Progress } from '../progress.ts';
import type { EpochResult, FitResult } from '../trainer.ts';
import { packTensors, unpackTensors } from './postable.ts';
import { errorOf, messageOf, post, type Port, type Reply } from './protocol.ts';

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
}

export interface WorkerResult extends FitResult {
  /** The weights at the end. */
  readonly state: ReadonlyMap<string, Tensor>;
  /** The weights of the best epoch; undefined where there is none. */
  readonly bestState: ReadonlyMap<string, Tensor> | undefined;
}

const OPTIONS: OptionKinds<TrainInWorkerOptions> = {
  onProgress: FUNCTION,
  onEpoch: FUNCTION,
  onBest: FUNCTION,
  signal: SIGNAL,
};
const PORT = having('a Worker', 'postMessage', 'addEventListener', 'removeEventListener');

let calls = 0;

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
 * @throws DeviceError when the worker cannot be started or fails otherwise
 */
export async function trainInWorker(
  worker: TrainingPort,
  given: unknown = {},
  options: TrainInWorkerOptions = {},
): Promise<WorkerResult> {
  requireKind('trainInWorker', 'the worker', worker, PORT, "write new Worker(url, { type: 'module' })"); // prettier-ignore
  const { onProgress, onEpoch, onBest, signal } = requireOptions<TrainInWorkerOptions>('trainInWorker', options, OPTIONS, '{ onProgress }'); // prettier-ignore
  const id = calls++;
  const abort = (): void => post(worker, { flambeau: 'abort', id });
  const { value, transfer } = packTensors(given);
  let bestState: WorkerResult['bestState'];
  const outcome = new Promise<WorkerResult>((resolve, reject) => {
    const heard = (event: object): void => {
      const data = messageOf<Reply>(event);
      if (data?.flambeau !== 'reply' || data.id !== id) return;
      try {
        if ('progress' in data) onProgress?.(data.progress);
        else if ('epoch' in data) onEpoch?.(data.epoch);
        else if ('best' in data) {
          bestState = unpackTensors(data.state);
          onBest?.({ ...data.best, state: bestState! });
        } else if ('error' in data) settle(() => reject(errorOf(data.error)));
        else settle(() => resolve({ ...data.done, state: unpackTensors(data.state), bestState }));
      } catch (error) {
        abort(); // a callback has failed
        settle(() => reject(error instanceof Error ? error : new FlambeauError(String(error))));
      }
    };
    const failed = (event: object): void => {
      const why = 'message' in event && typeof event.message === 'string' ? `: ${event.message}` : '';
      settle(() => reject(new DeviceError(`trainInWorker: the worker has failed${why}; look at its module, which must call serveTraining`))); // prettier-ignore
    };
    const listeners = [['message', heard], ['error', failed], ['messageerror', failed]] as const; // prettier-ignore
    const settle = (end: () => void): void => {
      for (const [kind, listener] of listeners) worker.removeEventListener(kind, listener);
      signal?.removeEventListener('abort', abort);
      end();
    };
    for (const [kind, listener] of listeners) worker.addEventListener(kind, listener);
    signal?.addEventListener('abort', abort);
  });
  worker.start?.();
  post(worker, { flambeau: 'train', id, given: value, isAborted: signal?.aborted === true }, transfer);
  return await outcome;
}
