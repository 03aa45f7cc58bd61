/**
 * The program of a worker thread of a loader: it makes the data set from its description, then batches as they are asked for, in
 * order. Tensors are not used here; batches are plain arrays, which are handed over without copying.
 */
import { ArgumentError } from '../base/errors.ts';
import { nodeModule } from '../io/bytes/platform.ts';
import { manualSeed } from '../tensor/random/index.ts';
import type { PlainTensor } from './raw.ts';
import { reviveDataset, toPlainError, type WorkerReply, type WorkerSetup, type WorkerTask } from './worker-protocol.ts';

const workers = nodeModule('workers', 'DataLoader', 'use numWorkers: 0');
const { parentPort } = workers;
if (parentPort === null) throw new ArgumentError('DataLoader: worker.js is not to be imported; the loader starts it');
const port = parentPort;
const { dataset: description } = workers.workerData as WorkerSetup;
// An error of starting is reported with the first batch that is asked for.
const starting = reviveDataset(description);
starting.catch(() => undefined);

async function makeBatch({ indices, seed }: WorkerTask): Promise<readonly PlainTensor[]> {
  const dataset = await starting;
  if (seed !== undefined) manualSeed(seed);
  const batch = await dataset.readBatch?.(indices);
  if (batch !== undefined) return batch;
  throw new ArgumentError('DataLoader: in a worker thread the transform has to end with ToTensor() or Normalize(...); use numWorkers: 0');
}

async function answer(task: WorkerTask): Promise<void> {
  try {
    const batch = await makeBatch(task);
    const reply: WorkerReply = { task: task.task, batch };
    port.postMessage(reply, [...new Set(batch.map(({ data }) => data.buffer as ArrayBuffer))]);
  } catch (error) {
    port.postMessage({ task: task.task, error: toPlainError(error) } satisfies WorkerReply);
  }
}

// One batch after the other, so that random numbers are drawn in the order of the batches.
let last = Promise.resolve();
port.on('message', (task: WorkerTask) => {
  last = last.then(() => answer(task));
});
