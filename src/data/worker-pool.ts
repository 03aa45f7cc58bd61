/**
 * The worker threads of a loader. In a pass over its data set batches are dealt out in turn, so that worker `i` of `n` makes batches
 * i, i + n, …, as in PyTorch, and come back in order. Node only.
 */
import { ArgumentError, DeviceError } from '../base/errors.ts';
import { nodeModule } from '../io/bytes/platform.ts';
import type { DatasetDescription } from './dataset.ts';
import type { RawTensor } from './raw.ts';
import { fromPlainError, workerUrl, type WorkerReply, type WorkerSetup, type WorkerTask } from './worker-protocol.ts';

type Worker = import('node:worker_threads').Worker;

/** A batch that is waited for. */
interface Pending {
  readonly promise: Promise<readonly RawTensor[]>;
  readonly resolve: (batch: readonly RawTensor[]) => void;
  readonly reject: (error: Error) => void;
}

function pending(): Pending {
  let resolve!: Pending['resolve'];
  let reject!: Pending['reject'];
  const promise = new Promise<readonly RawTensor[]>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  // It may be rejected before anyone waits for it.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

/** What a pass draws from: each worker on from a seed of its own, as in PyTorch, or every batch from one of its own, whoever makes it. */
export interface PassSeeds {
  readonly seed: bigint;
  readonly seeding: 'worker' | 'batch';
}

/** The program that workers run. @throws ArgumentError where it does not lie beside this module */
const programUrl = (): URL => new URL(workerUrl(new URL(import.meta.url.endsWith('.ts') ? 'worker.ts' : 'worker.js', import.meta.url).href)); // prettier-ignore

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

/** Threads that make batches ahead of time. */
export class WorkerPool {
  readonly #workers: readonly Worker[];
  readonly #ahead: number;
  readonly #waiting = new Map<number, Pending>();
  #failure: Error | undefined;
  /** All batches that were ever asked for, and those of this pass. */
  #tasks = 0;
  #next = 0;

  /**
   * Starts `count` workers.
   *
   * @param prefetch - how many batches each makes ahead
   */
  constructor(dataset: DatasetDescription, count: number, prefetch: number) {
    const { Worker } = nodeModule('workers', 'DataLoader with numWorkers > 0', 'use numWorkers: 0');
    const url = programUrl();
    this.#ahead = count * prefetch;
    this.#workers = Array.from({ length: count }, (_, i) => {
      const setup: WorkerSetup = { dataset };
      const worker = new Worker(url, { workerData: setup });
      worker.on('message', (reply: WorkerReply) => this.#receive(reply));
      worker.on('error', (error) =>
        this.#fail(new DeviceError(`DataLoader: worker ${i} failed: ${error.message}`, { cause: error })),
      );
      worker.on('exit', () => this.#fail(new DeviceError(`DataLoader: worker ${i} has stopped`)));
      worker.unref();
      return worker;
    });
  }

  /** Whether it can be used no more: a worker has failed, or all were stopped. */
  get hasEnded(): boolean {
    return this.#failure !== undefined;
  }

  /**
   * A pass: the batches of these indices, in order. What was sent and is not wanted any more when the pass is left is made and dropped.
   * Worker `i` begins with `seed + i`, or batch `n` does with `seed + n`.
   */
  async *batches(
    indices: Iterator<readonly number[]>,
    { seed, seeding }: PassSeeds,
  ): AsyncGenerator<readonly RawTensor[], void, undefined> {
    // prettier-ignore
    const queue: Promise<readonly RawTensor[]>[] = [];
    let sent = 0;
    this.#next = 0; // so that a pass is dealt out in the same way whatever came before
    try {
      for (let more = true; more || queue.length > 0;) {
        while (more && queue.length < this.#ahead) {
          const next = indices.next();
          if (next.done === true) more = false;
          else queue.push(this.#send(next.value, seeding === 'batch' || sent < this.#workers.length ? seed + BigInt(sent) : undefined)); // prettier-ignore
          if (!more) break;
          sent++;
        }
        const batch = queue.shift();
        if (batch !== undefined) yield await this.#await(batch);
      }
    } finally {
      indices.return?.();
      this.#waiting.clear();
    }
  }

  /** Ends the threads. */
  async stop(): Promise<void> {
    this.#failure ??= new DeviceError('DataLoader: its workers were stopped');
    for (const worker of this.#workers) worker.removeAllListeners();
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #send(indices: readonly number[], seed: bigint | undefined): Promise<readonly RawTensor[]> {
    const task = this.#tasks++;
    const batch = pending();
    if (this.#failure === undefined) {
      this.#waiting.set(task, batch);
      this.#workers[this.#next++ % this.#workers.length]!.postMessage({ task, indices, seed } satisfies WorkerTask);
    } else {
      batch.reject(this.#failure);
    }
    return batch.promise;
  }

  /** Keeps the program alive only while someone waits. */
  async #await<T>(promise: Promise<T>): Promise<T> {
    for (const worker of this.#workers) worker.ref();
    try {
      return await promise;
    } finally {
      for (const worker of this.#workers) worker.unref();
    }
  }

  #receive(reply: WorkerReply): void {
    const batch = this.#waiting.get(reply.task);
    this.#waiting.delete(reply.task);
    if ('batch' in reply) batch?.resolve(reply.batch);
    else batch?.reject(fromPlainError(reply.error));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const batch of this.#waiting.values()) batch.reject(this.#failure);
    this.#waiting.clear();
  }
}
