/** The worker's side of a loader on a page. */
import { FUNCTION, having, requireKind } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { heldLock, type Port } from '../base/port.ts';
import { isTensor } from '../tensor/is-tensor.ts';
import { manualSeed } from '../tensor/random/index.ts';
import { defaultCollate } from './collate.ts';
import { requireDataset, type Dataset } from './dataset.ts';
import type { PlainTensor } from './raw.ts';
import type { ServedReply } from './page-threads.ts';
import { toPlainError, type WorkerTask } from './worker-protocol.ts';

const PORT = having('a port', 'postMessage', 'addEventListener', 'removeEventListener');

/**
 * Makes a worker give the batches that the `DataLoader` of its page asks for, from a data set of its own: the same one that the page has, made by the same module. Samples are
 * tensors, or tuples of tensors and numbers, after the data set's transform.
 *
 *     // loading.js, a module worker
 *     import { data } from 'flambeau';
 *     import { makeDataset } from './dataset.js';
 *
 *     data.serveDataset(makeDataset);
 *
 *     // on the page
 *     const loader = new data.DataLoader(await makeDataset(), {
 *       batchSize: 32, shuffle: true, numWorkers: 2,
 *       worker: () => new Worker(new URL('./loading.js', import.meta.url), { type: 'module' }),
 *     });
 *
 * @param port - what messages come by; default the worker itself
 * @returns stops serving
 */
export function serveDataset(make: () => Dataset | Promise<Dataset>, port?: Port): () => void {
  requireKind('serveDataset', 'the function', make, FUNCTION, 'write serveDataset(() => dataset)');
  const own: Port = port ?? globalThis;
  requireKind('serveDataset', 'the port', own, PORT, 'call it in a worker');
  let dataset: Promise<Dataset> | undefined;
  let last: Promise<void> | undefined;
  const heard = (event: object): void => {
    const task = (event as { readonly data?: (Partial<WorkerTask> & { readonly flambeau?: string }) | null }).data;
    if (task?.flambeau !== 'batch') return;
    // One after the other, so that random numbers are drawn in the order of the batches.
    last = (last ?? sayAlive(own)).then(() => answer(own, task as WorkerTask, () => (dataset ??= checked(make))));
  };
  own.addEventListener('message', heard);
  own.start?.();
  return () => own.removeEventListener('message', heard);
}

async function checked(make: () => Dataset | Promise<Dataset>): Promise<Dataset> {
  const dataset = await make();
  requireDataset('serveDataset', dataset);
  return dataset;
}

async function sayAlive(port: Port): Promise<void> {
  port.postMessage({ flambeau: 'batch', alive: await heldLock() } satisfies ServedReply);
}

async function answer(port: Port, { task, indices, seed }: WorkerTask, own: () => Promise<Dataset>): Promise<void> {
  try {
    const dataset = await own();
    if (seed !== undefined) manualSeed(seed);
    const batch = await batchOf(dataset, indices);
    port.postMessage({ flambeau: 'batch', task, batch } satisfies ServedReply, [...new Set(batch.map(({ data }) => data.buffer))]);
  } catch (error) {
    port.postMessage({ flambeau: 'batch', task, error: toPlainError(error) } satisfies ServedReply);
  }
}

async function samplesAt(dataset: Dataset, indices: readonly number[]): Promise<unknown[]> {
  const samples: unknown[] = [];
  for (const index of indices) samples.push(await dataset.get(index));
  return samples;
}

async function batchOf(dataset: Dataset, indices: readonly number[]): Promise<readonly PlainTensor[]> {
  const raw = await dataset.readBatch?.(indices);
  if (raw !== undefined) return raw;
  const made: unknown = (await dataset.getBatch?.(indices)) ?? defaultCollate(await samplesAt(dataset, indices));
  const parts: readonly unknown[] = Array.isArray(made) ? made : [made];
  if (!parts.every(isTensor))
    throw new ArgumentError(
      'serveDataset: expected samples of tensors and numbers, such as [image, label]; let the transform end with ToTensor(), or use numWorkers: 0',
    );
  return parts.map((part) => ({ dtype: part.dtype, shape: [...part.layout.shape], data: part.toTypedArray() }));
}
