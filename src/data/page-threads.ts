/** Workers of a page for a loader, which the program makes itself: where a worker's module lies, only its bundler knows. */
import { having, requireKind } from '../base/arguments.ts';
import { DeviceError } from '../base/errors.ts';
import { FIRST_WORD, saidBy, watch, WHY_ENDED, type Port, type Watch } from '../base/port.ts';
import type { StartThread } from './worker-pool.ts';
import type { WorkerReply } from './worker-protocol.ts';

/** A `Worker` whose module calls `serveDataset`. */
export interface LoaderWorker extends Port {
  terminate(): unknown;
}

/** What a worker that serves a data set says. */
export type ServedReply = { readonly flambeau: 'batch' } & (WorkerReply | { readonly alive: string | undefined });

const WORKER = having('a Worker', 'postMessage', 'addEventListener', 'removeEventListener', 'terminate');

export const pageThreads =
  (make: () => LoaderWorker): StartThread =>
  (i, heard, failed) => {
    const worker = make();
    requireKind('DataLoader', 'what the option worker gives', worker, WORKER, "write worker: () => new Worker(url, { type: 'module' })");
    let watching: Watch | undefined;
    const fail = (how: string): void => failed(new DeviceError(`DataLoader: worker ${i} ${how}`));
    const onMessage = (event: object): void => {
      const reply = (event as { readonly data?: Partial<ServedReply> | null }).data;
      if (reply?.flambeau !== 'batch') return;
      if ('alive' in reply) watching?.alive(reply.alive);
      else heard(reply as WorkerReply);
    };
    const onError = (event: object): void => {
      fail(`failed${saidBy(event)}; look at its module, which must call data.serveDataset`);
    };
    const listeners = [
      ['message', onMessage],
      ['error', onError],
      ['messageerror', onError],
    ] as const;
    for (const [kind, listener] of listeners) worker.addEventListener(kind, listener);
    const silent = `has said nothing for ${FIRST_WORD / 1000} s: it was ended before it could, or its module does not call data.serveDataset before it waits for anything`;
    return {
      post: (task) => {
        watching ??= watch(
          worker,
          FIRST_WORD,
          () => fail(`has ended: ${WHY_ENDED}`),
          () => fail(silent),
        );
        worker.postMessage({ flambeau: 'batch', ...task });
      },
      stop: () => {
        for (const [kind, listener] of listeners) worker.removeEventListener(kind, listener);
        watching?.stop();
        worker.terminate();
        return Promise.resolve();
      },
    };
  };
