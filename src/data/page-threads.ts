/** Workers of a page for a loader, which the program makes itself: where a worker's module lies, only its bundler knows. */
import { having, requireKind } from '../base/arguments.ts';
import { DeviceError } from '../base/errors.ts';
import { saidBy, whenReleased, WHY_ENDED, type Port } from '../base/port.ts';
import type { StartThread } from './worker-pool.ts';
import type { WorkerReply } from './worker-protocol.ts';

/** A `Worker` whose module calls `serveDataset`. */
export interface LoaderWorker extends Port {
  terminate(): unknown;
}

/** What a worker that serves a data set says. */
export type ServedReply = { readonly flambeau: 'batch' } & (WorkerReply | { readonly alive: string });

const WORKER = having('a Worker', 'postMessage', 'addEventListener', 'removeEventListener', 'terminate');

export const pageThreads =
  (make: () => LoaderWorker): StartThread =>
  (i, heard, failed) => {
    const worker = make();
    requireKind('DataLoader', 'what the option worker gives', worker, WORKER, "write worker: () => new Worker(url, { type: 'module' })"); // prettier-ignore
    let unwatch = (): void => undefined;
    const onMessage = (event: object): void => {
      const reply = (event as { readonly data?: Partial<ServedReply> | null }).data;
      if (reply?.flambeau !== 'batch') return;
      if ('alive' in reply)
        unwatch = whenReleased(reply.alive, () => failed(new DeviceError(`DataLoader: worker ${i} has ended: ${WHY_ENDED}`))); // prettier-ignore
      else heard(reply as WorkerReply);
    };
    const onError = (event: object): void => {
      failed(new DeviceError(`DataLoader: worker ${i} failed${saidBy(event)}; look at its module, which must call data.serveDataset`)); // prettier-ignore
    };
    const listeners = [['message', onMessage], ['error', onError], ['messageerror', onError]] as const; // prettier-ignore
    for (const [kind, listener] of listeners) worker.addEventListener(kind, listener);
    return {
      post: (task) => worker.postMessage({ flambeau: 'batch', ...task }),
      stop: () => {
        for (const [kind, listener] of listeners) worker.removeEventListener(kind, listener);
        unwatch();
        worker.terminate();
        return Promise.resolve();
      },
    };
  };
