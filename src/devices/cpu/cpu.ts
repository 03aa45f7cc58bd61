/**
 * The CPU device: one WebAssembly memory (shared where the host allows), kernels compiled to WebAssembly on first use,
 * and the thread pool. It runs the same in Node and in browsers.
 */
import type { HostMemory } from '../../base/host-types.ts';
import { DTYPES, viewAs, type DType, type TypedArray } from '../../base/dtype.ts';
import { show } from '../../base/arguments.ts';
import { ArgumentError, OutOfMemoryError } from '../../base/errors.ts';
import { watchers } from '../../base/watchers.ts';
import type { CpuStep } from '../../lower/cpu/lowering.ts';
import type { Target } from '../../kernels/cpu/ir.ts';
import type { Kernel } from '../../kernels/cpu/kernel.ts';
import { emitWasm } from '../../kernels/cpu/wasm/emit.ts';
import type { Buffer, Device, DeviceLimits, FasterCode, Hold, Program, ProgramOptions } from '../device.ts';
import { heldOn } from '../holding.ts';
import { addressOf, CpuBuffer } from './buffer.ts';
import { Heap } from './heap.ts';
import { canShareMemory, hasRelaxedSimd, isNode, mayBlock, processors, spawnThread } from './host.ts';
import { KernelTable, type LoadedKernel } from './kernel-table.ts';
import { ThreadPool } from './pool.ts';
import { cpuProgram, type ProgramHost } from './program.ts';
import { CONTROL } from './worker-main.ts';

/** wasm32 addresses 4 GiB; the last page stays out so that addresses past the end never wrap. */
const MAX_PAGES = 65535;
const INITIAL_PAGES = 256;

/** One kernel call: the argument block is already in memory. */
export interface Launch {
  readonly kernel: LoadedKernel;
  /** Address of the argument block. */
  readonly args: number;
  /** Units of work. */
  readonly size: number;
  /** Units claimed at a time when the work is shared between threads; `size` or more means one thread. */
  readonly grain: number;
  /** Bytes of scratch for each thread. */
  readonly scratch: number;
}

/** More threads than this want for work in most networks. */
export const MOST_USUAL = 16;

/** What native kernels need of the device. */
export type NativeHost = ProgramHost & Pick<CpuDevice, 'memory' | 'threads' | 'scratch' | 'scratchStride' | 'provideScratch'>;

export class CpuDevice implements Device {
  /** Supplied by Node's entry points: `native/native.ts`. */
  static startNative: ((host: NativeHost) => FasterCode | undefined) | undefined;
  /** How many threads there are unless somebody says another number; Node's entry points say it better. */
  static usualThreads = (): number => Math.min(processors(), MOST_USUAL);
  readonly kind = 'cpu';
  readonly name: Device['name'] = 'cpu';
  readonly limits: DeviceLimits = { dtypes: new Set(DTYPES), bytes: 2 ** 32 };
  readonly target: Target;
  reclaim: ((attempt: number) => boolean) | undefined;
  hold: Hold = (bytes) => heldOn(this, bytes);
  readonly memory: HostMemory;
  readonly #shared: boolean;
  readonly #maxPages: number;
  readonly #heap: Heap;
  readonly #kernels: KernelTable;
  #pool: ThreadPool | undefined;
  #native: FasterCode | null | undefined;
  #threads: number;
  /** Where the threads' scratch begins, and its bytes for each. */
  scratch = 0;
  scratchStride = 0;
  #scratchThreads = 0;
  #words: Int32Array;
  #doubles: Float64Array;

  constructor() {
    this.#shared = canShareMemory();
    const relaxed = hasRelaxedSimd();
    this.target = {
      name: relaxed ? 'wasm-relaxed' : 'wasm',
      vectorBytes: 16,
      fusedMultiplyAdd: relaxed,
      liveVectors: 15,
    };
    [this.memory, this.#maxPages] = createMemory(this.#shared);
    this.#words = new Int32Array(this.memory.buffer);
    this.#doubles = new Float64Array(this.memory.buffer);
    this.#heap = new Heap(this.memory, this.#maxPages, CONTROL.END);
    this.#kernels = new KernelTable(this, this.#shared);
    this.#threads = this.#shared ? CpuDevice.usualThreads() : 1;
    this.#startEarly();
  }

  get threads(): number {
    return this.#threads;
  }

  /** Changes the number of threads; takes effect at the next launch. */
  set threads(count: number) {
    if (!Number.isInteger(count) || count < 1 || count > 64) {
      throw new ArgumentError(`setNumThreads: expected a whole number from 1 to 64, but got ${show(count)}`);
    }
    this.#threads = this.#shared ? count : 1; // without a shared memory there is nothing that threads could share
    this.#pool?.stop();
    this.#pool = undefined;
    this.#startEarly();
  }

  /** Browsers start a thread only when the program next pauses, so the earlier it is asked for the better. */
  #startEarly(): void {
    if (!isNode && this.#threads > 1) this.#startedPool();
  }

  /** Starts the threads, unless they run already. Resolves with how many are up, at the latest after `timeout` ms. */
  async startThreads(timeout = 5000): Promise<number> {
    if (this.#threads === 1) return 1;
    const pool = this.#startedPool();
    const end = performance.now() + timeout;
    while (pool.ready < pool.size && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 1));
    return 1 + Math.min(pool.ready, pool.size);
  }

  get bytesInUse(): number {
    return this.#heap.inUse;
  }

  /** Bytes the process holds for this memory, free blocks included. */
  get bytesReserved(): number {
    return this.memory.buffer.byteLength;
  }

  allocate(bytes: number): Buffer {
    return new CpuBuffer(this.allocateAt(bytes), bytes);
  }

  free(buffer: Buffer): void {
    this.freeAt(addressOf(buffer), buffer.bytes);
  }

  /** The address of fresh memory, 64-byte aligned. @throws OutOfMemoryError */
  allocateAt(bytes: number): number {
    for (let attempt = 0; ; attempt++) {
      try {
        return this.#heap.allocate(bytes);
      } catch (error) {
        if (!(error instanceof OutOfMemoryError) || this.reclaim?.(attempt) !== true) throw error;
      }
    }
  }

  /** Gives back what `allocateAt(bytes)` returned. */
  freeAt(address: number, bytes: number): void {
    this.#heap.free(address, bytes);
  }

  write(to: Buffer, offset: number, data: TypedArray): void {
    this.writeAt(addressOf(to) + offset, data);
  }

  /** Copies `data` to an address. */
  writeAt(address: number, data: TypedArray): void {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    new Uint8Array(this.memory.buffer, address, bytes.length).set(bytes);
  }

  /** A copy of the elements from an address on. */
  readAt(dtype: DType, address: number, length: number): TypedArray {
    return viewAs(dtype, this.memory.buffer, address, length).slice();
  }

  readNow(from: Buffer, offset: number, dtype: DType, length: number): TypedArray {
    return this.readAt(dtype, addressOf(from) + offset, length);
  }

  read(from: Buffer, offset: number, dtype: DType, length: number): Promise<TypedArray> {
    return Promise.resolve(this.readNow(from, offset, dtype, length));
  }

  view(at: Buffer, offset: number, bytes: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, addressOf(at) + offset, bytes);
  }

  setWord(address: number, value: number): void {
    if (address >= this.#words.byteLength) this.#remap();
    this.#words[address >>> 2] = value;
  }

  setDouble(address: number, value: number): void {
    if (address >= this.#words.byteLength) this.#remap();
    this.#doubles[address >>> 3] = value;
  }

  #remap(): void {
    this.#words = new Int32Array(this.memory.buffer);
    this.#doubles = new Float64Array(this.memory.buffer);
  }

  /** Compiles a kernel, or finds it compiled. It is there for good. */
  load(kernel: Kernel): LoadedKernel {
    const options = { shared: this.#shared, maxPages: this.#maxPages };
    return this.#kernels.load(kernel.key, () => {
      const code = emitWasm(kernel, this.target, options);
      watchers.code?.('WebAssembly', kernel.key, code);
      return code;
    });
  }

  get faster(): FasterCode | undefined {
    this.#native ??= CpuDevice.startNative?.(this) ?? null;
    return this.#native ?? undefined;
  }

  program(steps: readonly CpuStep[], options: ProgramOptions = {}): Program {
    return cpuProgram(this, steps, options, (blocks) => {
      const launches = steps.map(({ kernel, size, grain, scratch }, i): Launch => {
        return { kernel: this.load(kernel), args: blocks[i]!, size, grain, scratch };
      });
      let at = 0;
      return {
        run: () => {
          for (at = 0; at < launches.length; at++) this.run(launches[at]!);
        },
        get at() {
          return at;
        },
        dispose: () => undefined,
      };
    });
  }

  /** Runs a launch to its end. @throws what a thread threw */
  run(launch: Launch): void {
    const { kernel } = launch;
    kernel.used = true;
    const entry = kernel.entry ?? this.#kernels.enter(kernel);
    const threaded = this.#threads > 1 && launch.grain < launch.size;
    this.provideScratch(launch.scratch);
    if (!threaded) entry(launch.args, 0, launch.size, this.scratch);
    else this.#startedPool().run(launch, kernel.place, entry, this.scratch, this.scratchStride);
  }

  #startedPool(): ThreadPool {
    if (this.#pool === undefined) {
      const pool = new ThreadPool(this.memory, mayBlock());
      this.#pool = pool;
      // Where one thread cannot be started, none can.
      pool.start(this.#threads - 1, spawnThread, () => (this.threads = 1));
      return pool;
    }
    return this.#pool;
  }

  /** Sees that every thread has at least this much scratch. */
  provideScratch(bytes: number): void {
    if (bytes > this.scratchStride || (bytes > 0 && this.#scratchThreads < this.#threads)) this.#growScratch(Math.ceil(bytes / 64) * 64);
  }

  /** One scratch per thread, as large as the largest asked for so far. */
  #growScratch(needed: number): void {
    const stride = Math.max(needed, this.scratchStride, 4096);
    if (this.#scratchThreads > 0) this.freeAt(this.scratch, this.scratchStride * this.#scratchThreads);
    this.#scratchThreads = 0; // should the allocation fail, the old block is already gone
    this.scratchStride = 0;
    this.scratch = this.allocateAt(stride * this.#threads);
    this.#scratchThreads = this.#threads;
    this.scratchStride = stride;
  }
}

/** The largest memory the host will reserve, starting small. */
function createMemory(shared: boolean): [WebAssembly.Memory, number] {
  for (let maximum = MAX_PAGES; ; maximum = Math.floor(maximum / 2)) {
    try {
      return [new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum, shared }), maximum];
    } catch (error) {
      if (maximum < 2 * INITIAL_PAGES) throw error;
    }
  }
}
