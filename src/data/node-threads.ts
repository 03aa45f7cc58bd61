/** Worker threads of Node for a loader: each makes the data set again from its description. */
import { ArgumentError, DeviceError } from '../base/errors.ts';
import { nodeModule } from '../io/bytes/platform.ts';
import type { DatasetDescription } from './dataset.ts';
import type { StartThread } from './worker-pool.ts';
import { workerUrl, type WorkerReply, type WorkerSetup } from './worker-protocol.ts';

/** The program that workers run. @throws ArgumentError where it does not lie beside this module */
const programUrl = (): URL =>
  new URL(workerUrl(new URL(import.meta.url.endsWith('.ts') ? 'worker.ts' : 'worker.js', import.meta.url).href));

/** Whether workers can start here: not where a bundler has put the library into one file with the program. */
export function canStartWorkers(): boolean {
  try {
    programUrl();
    return true;
  } catch (error) {
    if (error instanceof ArgumentError) return false;
    throw error;
  }
}

export function nodeThreads(dataset: DatasetDescription): StartThread {
  const { Worker } = nodeModule('workers', 'DataLoader with numWorkers > 0', 'in a browser give the option worker, or use numWorkers: 0');
  const url = programUrl();
  return (i, heard, failed) => {
    const setup: WorkerSetup = { dataset };
    const worker = new Worker(url, { workerData: setup });
    worker.on('message', (reply: WorkerReply) => heard(reply));
    worker.on('error', (error) => failed(new DeviceError(`DataLoader: worker ${i} failed: ${error.message}`, { cause: error })));
    worker.on('exit', () => failed(new DeviceError(`DataLoader: worker ${i} has stopped`)));
    worker.unref();
    return {
      post: (task) => worker.postMessage(task),
      ref: () => worker.ref(),
      unref: () => worker.unref(),
      stop: async () => {
        worker.removeAllListeners();
        await worker.terminate();
      },
    };
  };
}
