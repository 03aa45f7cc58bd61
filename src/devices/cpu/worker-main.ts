import type { HostMemory } from '../../base/host-types.ts';
/**
 * What a pool thread runs, and the control block through which it talks to the calling thread.
 *
 * `poolWorker` is sent to the thread as source text (so that one file serves Node, browsers and bundlers): it must not
 * refer to anything outside itself. Control words are 32-bit, at fixed indices in the shared memory:
 *
 *   WORD   generation << 12 | next chunk; a thread claims a chunk by compare-and-swap on it, which fails if the job
 *          changed since the thread looked, so a late thread can never run a chunk with another job's arguments
 *   EPOCH  counts the pools on this memory; a thread leaves when it is no longer its own. It looks after reading WORD, and
 *          stopping a pool changes WORD too, so a thread of a stopped pool cannot claim a chunk of the next one
 *   DONE   chunks finished
 *   …      the job: kernel, argument block, size, grain, chunks, scratch
 */
export const CONTROL = {
  WORD: 0,
  DONE: 1,
  CHUNKS: 2,
  KERNEL: 3,
  ARGS: 4,
  SIZE: 5,
  GRAIN: 6,
  SCRATCH: 7,
  SCRATCH_STRIDE: 8,
  SLEEPERS: 9,
  FAILED: 10,
  MESSAGE_LENGTH: 11,
  READY: 12,
  EPOCH: 13,
  /** Byte offsets of further regions. */
  MESSAGE_BYTES: 256,
  MESSAGE_ROOM: 1024,
  TABLE_BYTES: 2048,
  /** Kernels that can be loaded at a time; words of each: where its code is, how long that is, a stamp that no other has. */
  MAX_KERNELS: 2048,
  ENTRY_BYTES: 16,
  /** First byte past the control region. */
  END: 2048 + 2048 * 16,
} as const;

/** Chunk numbers take the low 12 bits of WORD; this one means that no job is open. */
export const CLOSED = 0xfff;

export interface WorkerSetup {
  readonly memory: HostMemory;
  /** From 1; the calling thread is 0. */
  readonly thread: number;
  readonly epoch: number;
  readonly control: typeof CONTROL;
  readonly spins: number;
}

type Entry = (args: number, lo: number, hi: number, scratch: number) => void;

/** The body of a pool thread. Self-contained: see the file comment. Returns when its pool is stopped. */
export function poolWorker(setup: WorkerSetup): void {
  const { memory, thread, epoch, control: C, spins } = setup;
  const entries: Entry[] = [];
  const stamps: number[] = [];
  const mathImports = Object.fromEntries(
    Object.getOwnPropertyNames(Math).map((name) => [name, (Math as unknown as Record<string, unknown>)[name]]),
  );
  const words = new Int32Array(memory.buffer, 0, C.END / 4);
  const closed = 0xfff;

  const entryOf = (kernel: number): Entry => {
    let entry = entries[kernel];
    const at = (C.TABLE_BYTES + kernel * C.ENTRY_BYTES) / 4;
    const stamp = words[at + 2]!;
    if (entry === undefined || stamps[kernel] !== stamp) {
      const [address, length] = [words[at]! >>> 0, words[at + 1]!];
      // Growth of a shared memory reaches this thread's `buffer` a moment after it happened.
      while (memory.buffer.byteLength < address + length) Atomics.wait(words, C.EPOCH, epoch, 1);
      const bytes = new Uint8Array(memory.buffer, address, length).slice(); // shared bytes cannot be compiled in place
      const imports = { env: { memory }, math: mathImports } as unknown as WebAssembly.Imports;
      const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports);
      entry = instance.exports['entry'] as Entry;
      entries[kernel] = entry;
      stamps[kernel] = stamp;
    }
    return entry;
  };

  const runChunk = (chunk: number): void => {
    const grain = Atomics.load(words, C.GRAIN);
    const lo = chunk * grain;
    const hi = Math.min(lo + grain, Atomics.load(words, C.SIZE));
    const scratch = Atomics.load(words, C.SCRATCH) + thread * Atomics.load(words, C.SCRATCH_STRIDE);
    try {
      entryOf(Atomics.load(words, C.KERNEL))(Atomics.load(words, C.ARGS), lo, hi, scratch);
    } catch (error) {
      // The first to fail tells why; the caller reads it once all chunks are done.
      if (Atomics.compareExchange(words, C.FAILED, 0, 1) === 0) {
        const text = new TextEncoder().encode(String(error)).subarray(0, C.MESSAGE_ROOM);
        new Uint8Array(memory.buffer, C.MESSAGE_BYTES, C.MESSAGE_ROOM).set(text);
        Atomics.store(words, C.MESSAGE_LENGTH, text.length);
      }
    }
    Atomics.add(words, C.DONE, 1);
    Atomics.notify(words, C.DONE);
  };

  Atomics.add(words, C.READY, 1);
  let idle = 0;
  for (;;) {
    const word = Atomics.load(words, C.WORD);
    if (Atomics.load(words, C.EPOCH) !== epoch) break;
    const chunk = word & closed;
    if (chunk < Atomics.load(words, C.CHUNKS) && chunk !== closed) {
      if (Atomics.compareExchange(words, C.WORD, word, word + 1) === word) runChunk(chunk);
      idle = 0;
    } else if (++idle > spins) {
      Atomics.add(words, C.SLEEPERS, 1);
      Atomics.wait(words, C.WORD, word);
      Atomics.sub(words, C.SLEEPERS, 1);
      idle = 0;
    }
  }
  Atomics.sub(words, C.READY, 1);
}
