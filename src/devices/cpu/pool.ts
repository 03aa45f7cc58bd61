/**
 * The thread pool of the CPU device: workers on the shared memory, the calling thread taking part.
 *
 * Chunks are claimed from one atomic word rather than split beforehand, so a thread that the machine holds up costs one
 * chunk, not its whole share. Threads that have not started yet are not waited for. Nothing here depends on which thread
 * runs a chunk: the bits of a result do not either (see `kernels/cpu/kernel.ts`).
 */
import type { HostMemory } from '../../base/host-types.ts';
import { DeviceError } from '../../base/errors.ts';
import type { Launch } from './cpu.ts';
import { CLOSED, CONTROL as C, type WorkerSetup } from './worker-main.ts';
import { workerSource } from './worker-source.ts';

/** At most this many chunks per launch: their numbers fit below {@link CLOSED}. */
const MAX_CHUNKS = 4000;
/** Turns a thread looks for work before it sleeps; around 50 µs. */
const SPINS = 20_000;

export type Entry = (args: number, lo: number, hi: number, scratch: number) => void;

/**
 * Starts a thread that runs `poolWorker(setup)` and ends with it; the host (Node, browser) supplies it. Where the thread does not
 * come up, now or a little later, it calls `lost`: a page's Content-Security-Policy may forbid it.
 */
export type SpawnThread = (source: string, setup: WorkerSetup, lost: () => void) => void;

export class ThreadPool {
  readonly #words: Int32Array;
  readonly #memory: HostMemory;
  readonly #mayBlock: boolean;
  #started = 0;
  #generation = 0;

  /** A memory serves one pool at a time. */
  constructor(memory: HostMemory, mayBlock: boolean) {
    this.#memory = memory;
    this.#mayBlock = mayBlock;
    this.#words = new Int32Array(memory.buffer, 0, C.END / 4);
    this.#generation = Atomics.load(this.#words, C.WORD) >>> 12; // goes on from the last pool's
    this.#close();
  }

  /** Workers started; they help as soon as they are up. */
  get size(): number {
    return this.#started;
  }

  /** Workers that are up and looking for work. */
  get ready(): number {
    return Atomics.load(this.#words, C.READY);
  }

  /** Starts workers until there are `count`. `lost` is told when one does not come up. */
  start(count: number, spawn: SpawnThread, lost: () => void): void {
    const epoch = Atomics.load(this.#words, C.EPOCH);
    const isCurrent = (): boolean => Atomics.load(this.#words, C.EPOCH) === epoch;
    const gone = (): void => {
      if (isCurrent()) lost(); // else the pool was stopped meanwhile
    };
    while (isCurrent() && this.#started < count) {
      this.#started++;
      spawn(workerSource, { memory: this.#memory, thread: this.#started, epoch, control: C, spins: SPINS }, gone);
    }
  }

  /** Runs a launch on every thread that is up, by the kernel's place in the table; returns when all of its chunks are done. */
  run(launch: Launch, kernel: number, entry: Entry, scratch: number, scratchStride: number): void {
    const words = this.#words;
    const grain = Math.max(launch.grain, Math.ceil(launch.size / MAX_CHUNKS));
    const chunks = Math.ceil(launch.size / grain);
    Atomics.store(words, C.FAILED, 0);
    Atomics.store(words, C.DONE, 0);
    Atomics.store(words, C.KERNEL, kernel);
    Atomics.store(words, C.ARGS, launch.args);
    Atomics.store(words, C.SIZE, launch.size);
    Atomics.store(words, C.GRAIN, grain);
    Atomics.store(words, C.SCRATCH, scratch);
    Atomics.store(words, C.SCRATCH_STRIDE, scratchStride);
    Atomics.store(words, C.CHUNKS, chunks);
    this.#generation = (this.#generation + 1) & 0xfffff;
    Atomics.store(words, C.WORD, this.#generation << 12);
    if (Atomics.load(words, C.SLEEPERS) > 0) Atomics.notify(words, C.WORD);
    try {
      this.#takePart(launch, entry, scratch, grain, chunks);
    } finally {
      this.#join(chunks);
      this.#close();
    }
    if (Atomics.load(words, C.FAILED) !== 0) this.#rethrow();
  }

  #takePart(launch: Launch, entry: Entry, scratch: number, grain: number, chunks: number): void {
    const words = this.#words;
    for (;;) {
      const word = Atomics.load(words, C.WORD);
      const chunk = word & CLOSED;
      if (chunk >= chunks) return;
      if (Atomics.compareExchange(words, C.WORD, word, word + 1) !== word) continue;
      try {
        entry(launch.args, chunk * grain, Math.min((chunk + 1) * grain, launch.size), scratch);
      } finally {
        Atomics.add(words, C.DONE, 1);
      }
    }
  }

  /** Waits for chunks that other threads still run. A thread that may not block (a browser's main one) spins. */
  #join(chunks: number): void {
    const words = this.#words;
    for (let spins = 0; ; spins++) {
      const word = Atomics.load(words, C.WORD);
      const unclaimed = Math.max(0, chunks - (word & CLOSED));
      const done = Atomics.load(words, C.DONE);
      if (done + unclaimed >= chunks) {
        // Chunks are only left unclaimed when this thread failed: close the job so that nobody starts them.
        if (unclaimed === 0 || Atomics.compareExchange(words, C.WORD, word, word | CLOSED) === word) return;
      }
      if (spins > SPINS && this.#mayBlock) Atomics.wait(words, C.DONE, done, 1);
    }
  }

  #rethrow(): never {
    const words = this.#words;
    const length = Atomics.load(words, C.MESSAGE_LENGTH);
    const text = new TextDecoder().decode(new Uint8Array(this.#memory.buffer, C.MESSAGE_BYTES, length).slice());
    throw new DeviceError(`cpu: a worker thread failed: ${text}`);
  }

  /** Ends the workers: each leaves when it next looks for work. The pool can be started again. */
  stop(): void {
    Atomics.add(this.#words, C.EPOCH, 1);
    this.#generation = (this.#generation + 1) & 0xfffff;
    this.#close();
    Atomics.notify(this.#words, C.WORD);
    this.#started = 0;
  }

  /** No job is open. */
  #close(): void {
    Atomics.store(this.#words, C.WORD, (this.#generation << 12) | CLOSED);
  }
}
