/**
 * The worker threads of a loader. In a pass over its data set batches are dealt out in turn, so that worker `i` of `n` makes batches
 * i, i + n, …, as in PyTorch, and come back in order. What a thread is, node-threads.ts and page-threads.ts say.
 */
import { DeviceError } from '../base/errors.ts';
import type { PlainTensor } from './raw.ts';
import { fromPlainError, type WorkerReply, type WorkerTask } from './worker-protocol.ts';

/** A thread that makes batches. */
export interface Thread {
  post(task: WorkerTask): void;
  /** Keeps the program alive, and does not any more, where that is a question. */
  ref?(): void;
  unref?(): void;
  /** Ends it; nothing is heard of it afterwards. */
  stop(): Promise<void>;
}

/** Starts thread `i`. */
export type StartThread = (i: number, heard: (reply: WorkerReply) => void, failed: (error: Error) => void) => Thread;

/** A batch that is waited for. */
interface Pending {
  readonly promise: Promise<readonly PlainTensor[]>;
  readonly resolve: (batch: readonly PlainTensor[]) => void;
  readonly reject: (error: Error) => void;
}

function pending(): Pending {
  let resolve!: Pending['resolve'];
  let reject!: Pending['reject'];
  const promise = new Promise<readonly PlainTensor[]>((yes, no) => {
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

/** Threads that make batches ahead of time. */
export class WorkerPool {
  readonly #threads: readonly Thread[];
  readonly #ahead: number;
  readonly #waiting = new Map<number, Pending>();
  #failure: Error | undefined;
  /** All batches that were ever asked for, and those of this pass. */
  #tasks = 0;
  #next = 0;

  /**
   * Starts `count` threads.
   *
   * @param prefetch - how many batches each makes ahead
   */
  constructor(start: StartThread, count: number, prefetch: number) {
    this.#ahead = count * prefetch;
    this.#threads = Array.from({ length: count }, (_, i) =>
      start(i, (reply) => this.#receive(reply), (error) => this.#fail(error)),
    ); // prettier-ignore
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
  ): AsyncGenerator<readonly PlainTensor[], void, undefined> {
    const queue: Promise<readonly PlainTensor[]>[] = [];
    let sent = 0;
    this.#next = 0; // so that a pass is dealt out in the same way whatever came before
    try {
      for (let more = true; more || queue.length > 0;) {
        while (more && queue.length < this.#ahead) {
          const next = indices.next();
          if (next.done === true) more = false;
          else queue.push(this.#send(next.value, seeding === 'batch' || sent < this.#threads.length ? seed + BigInt(sent) : undefined));
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
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }

  #send(indices: readonly number[], seed: bigint | undefined): Promise<readonly PlainTensor[]> {
    const task = this.#tasks++;
    const batch = pending();
    if (this.#failure === undefined) {
      this.#waiting.set(task, batch);
      this.#threads[this.#next++ % this.#threads.length]!.post({ task, indices, seed });
    } else {
      batch.reject(this.#failure);
    }
    return batch.promise;
  }

  /** Keeps the program alive only while someone waits. */
  async #await<T>(promise: Promise<T>): Promise<T> {
    for (const thread of this.#threads) thread.ref?.();
    try {
      return await promise;
    } finally {
      for (const thread of this.#threads) thread.unref?.();
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
