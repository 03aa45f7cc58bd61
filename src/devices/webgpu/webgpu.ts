/**
 * The WebGPU device: memory in pages, launches in one queue, results that come back when asked for. Here is what is known of it without touching it; its
 * other half, the engine, may run in a thread of its own (`engine.ts`).
 *
 * Everything happens in the order in which it is asked for, but later: what goes wrong on the device is known at the next `read`, which is
 * rejected with it. Numbers are float32, int32, uint8, bool, and int64 of which kernels compute with 32 bits; there is no float64.
 */
import { viewAs, itemSize, type DType, type TypedArray } from '../../base/dtype.ts';
import { DeviceError, DTypeError } from '../../base/errors.ts';
import { copyBytes, copyWords } from '../../kernels/wgsl/copy.ts';
import type { LoweredStep } from '../../compiler/lowering.ts';
import type { Buffer, Device, DeviceLimits, Fault, Hold, ProgramOptions } from '../device.ts';
import { allocated, heldOn } from '../holding.ts';
import { acquire, type AdapterOptions } from './adapter.ts';
import { Batch } from './batch.ts';
import { LocalEngine, type Engine, type Piece } from './engine.ts';
import { Heap, type Block } from './heap.ts';
import { GpuProgram, type GpuBlock, type GpuPlaces, type GpuStep, type Machine } from './program.ts';
import { AT_ONCE } from './ring.ts';
import { canHaveThread, startThread, startThreadNow } from './thread.ts';

const PAGE_BYTES = 64 << 20;
/** A word counts bytes: see `kernels/wgsl/kernel.ts`. */
const MOST_PAGE_BYTES = 2 ** 31;
/** Half of what a small card has. */
const MOST_SLACK = 2 ** 30;
/** Bytes of a report of a refused value: two int64, whether there is one and which. */
const FAULT_BYTES = 16;

export interface WebGpuOptions extends AdapterOptions {
  /** Bytes of the first page of memory; each further one has twice as many. */
  readonly pageBytes?: number;
  /** The most memory that it takes. WebGPU does not tell how much there is, so by default it takes what it gets. */
  readonly maxBytes?: number;
}

interface PlacedFault {
  readonly block: GpuBlock;
  readonly offset: number;
  readonly error: Fault['error'];
}

export class WebGpuDevice implements Device {
  readonly kind = 'webgpu';
  readonly name = 'gpu';
  /** What it says of itself. */
  readonly description: string;
  readonly threads = 1;
  readonly target = undefined;
  readonly faster = undefined;
  reclaim: ((attempt: number) => boolean) | undefined;
  hold: Hold = (bytes) => heldOn(this, bytes);
  /** Whether its adapter computes on the processor. */
  readonly software: boolean;
  readonly limits: DeviceLimits;
  readonly readNow?: (from: Buffer, offset: number, dtype: DType, length: number) => TypedArray;
  readonly #engine: Engine;
  readonly #heap: Heap<number>;
  readonly #batch: Batch;
  readonly #machine: Machine;
  #nextPage = 0;
  #smallest: GpuBlock | undefined;
  /** Reports that have not been looked at since their program ran. */
  readonly #unseen = new Map<GpuProgram, readonly PlacedFault[]>();

  constructor(engine: Engine, options: WebGpuOptions = {}) {
    const { maxBytes = Infinity } = options;
    const { description, software, bindingBytes } = engine.facts;
    this.description = description;
    this.software = software;
    this.#engine = engine;
    const maxPageBytes = Math.floor(Math.min(bindingBytes, MOST_PAGE_BYTES) / 256) * 256;
    this.limits = {
      dtypes: new Set<DType>(['float32', 'int32', 'int64', 'uint8', 'bool']),
      bytes: maxPageBytes,
      ...(software ? {} : { slack: Math.min(maxPageBytes, MOST_SLACK) }),
    };
    this.#heap = new Heap({
      create: (bytes) => {
        engine.page(this.#nextPage, bytes);
        return this.#nextPage++;
      },
      destroy: (page) => this.#batch.dropPage(page),
      pageBytes: Math.min(options.pageBytes ?? PAGE_BYTES, maxPageBytes),
      maxPageBytes,
      maxBytes,
    });
    this.#batch = new Batch(engine);
    this.#machine = { batch: this.#batch, requireAlive: () => engine.requireAlive() };
    if (engine.readNow !== undefined) this.readNow = (...at) => this.#readNow(...at);
  }

  // ——— Memory

  /** Bytes handed out and not yet freed. */
  get bytesInUse(): number {
    return this.#heap.inUse;
  }

  get peakBytes(): number {
    return this.#heap.peak;
  }

  resetPeak(): void {
    this.#heap.resetPeak();
  }

  get lost(): boolean {
    return this.#engine.lost;
  }

  /** Bytes that it holds of the machine's memory. */
  get bytesReserved(): number {
    return this.#heap.reserved;
  }

  /** Kernels asked for so far. */
  get kernelCount(): number {
    return this.#batch.kernelCount;
  }

  /** @throws OutOfMemoryError; where only the device can tell that its memory does not reach, the next `read` is rejected with one */
  allocate(bytes: number): GpuBlock {
    this.#engine.requireAlive();
    return allocated(this, () => this.#heap.allocate(bytes));
  }

  free(block: Buffer): void {
    this.#heap.free(block as GpuBlock);
  }

  // ——— Copies

  /** Copies `data` to the device, `offset` bytes into the block, after all that was asked for before. */
  write(to: GpuBlock, offset: number, given: TypedArray): void {
    this.#engine.requireAlive();
    requireStorable(given);
    const bytes = given.byteLength;
    if (bytes === 0) return;
    if ((offset | bytes) % 4 !== 0) {
      this.#writeBytes(to, offset, given);
      return;
    }
    const data = isShared(given) ? given.slice() : given; // Dawn crashes on memory that threads share
    this.#batch.publish();
    this.#engine.write(to.page.buffer, to.offset + offset, new Uint8Array(data.buffer, data.byteOffset, bytes));
  }

  /** Copies bytes that begin or end within a word: by way of a block of their own, and a kernel. */
  #writeBytes(to: GpuBlock, offset: number, data: TypedArray): void {
    const padded = new Uint8Array(Math.ceil(data.byteLength / 4) * 4);
    padded.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    const temp = this.allocate(padded.byteLength);
    this.write(temp, 0, padded);
    this.copy(temp, 0, to, offset, data.byteLength);
    this.free(temp);
  }

  /** Copies within the device. The ranges may not overlap. */
  copy(from: GpuBlock, fromOffset: number, to: GpuBlock, toOffset: number, bytes: number): void {
    this.#engine.requireAlive();
    const step = (fromOffset | toOffset | bytes) % 4 === 0 ? copyWords(bytes / 4) : copyBytes(bytes);
    this.program([step]).run({ buffers: [from, to], offsets: [fromOffset, toOffset] }, []);
  }

  /**
   * Copies elements from the device once all that was asked for before is done.
   * @throws what has gone wrong on the device up to then
   */
  async read(from: GpuBlock, offset: number, dtype: DType, length: number): Promise<TypedArray> {
    const start = from.offset + offset;
    const faults = this.#unseenFaults();
    const bytes = length * itemSize(dtype);
    const wanted = wordsOf(from, start, bytes);
    this.#batch.publish();
    const copy = await this.#engine.read([wanted, ...faults.map(reportOf)]);
    this.#requireNoFault(faults, copy, wanted.bytes);
    return viewAs(dtype, copy.slice(start % 4, (start % 4) + bytes), 0, length);
  }

  /** The same at once, many elements in several turns. */
  #readNow(given: Buffer, offset: number, dtype: DType, length: number): TypedArray {
    const from = given as GpuBlock;
    const start = from.offset + offset;
    const faults = this.#unseenFaults();
    const bytes = new Uint8Array(length * itemSize(dtype));
    this.#batch.publish();
    let at = 0;
    do {
      const reports = at === 0 ? faults : [];
      const room = AT_ONCE - reports.length * FAULT_BYTES;
      const part = Math.min(bytes.length - at, room > 8 ? room - 8 : 0);
      const wanted = wordsOf(from, start + at, part);
      const copy = this.#engine.readNow!([wanted, ...reports.map(reportOf)]);
      this.#requireNoFault(reports, copy, wanted.bytes);
      bytes.set(new Uint8Array(copy, (start + at) % 4, part), at);
      at += part;
    } while (at < bytes.length);
    return viewAs(dtype, bytes.buffer, 0, length);
  }

  #unseenFaults(): readonly PlacedFault[] {
    if (this.#unseen.size === 0) return NO_FAULTS;
    const faults = [...this.#unseen.values()].flat();
    this.#unseen.clear();
    return faults;
  }

  #requireNoFault(faults: readonly PlacedFault[], copy: ArrayBuffer, at: number): void {
    let first: Error | undefined;
    faults.forEach(({ block, offset, error }, i) => {
      const report = new DataView(copy, at + i * FAULT_BYTES, FAULT_BYTES);
      if (report.getInt32(0, true) === 0) return;
      first ??= error(report.getBigInt64(8, true));
      this.write(block, offset, new BigInt64Array(2));
    });
    if (first !== undefined) throw first;
  }

  // ——— Launches

  /** Makes launches ready. */
  program(given: readonly (GpuStep | LoweredStep)[], { faults = [] }: ProgramOptions = {}): GpuProgram {
    const steps = given as readonly GpuStep[]; // the compiler gives those that this device's lowerings have made
    if (faults.length === 0) return new GpuProgram(steps, this.#machine);
    return new ReportingProgram(steps, this.#machine, faults, this.#unseen);
  }

  /** Resolves once all that was asked for is done. */
  async settled(): Promise<void> {
    await this.read(this.#sight(), 0, 'int32', 0);
  }

  settle(op: string): void {
    if (this.readNow === undefined) {
      throw new DeviceError(
        `${op}: this thread may not wait for the GPU; await cuda.synchronizeAsync() instead, or run in Node, or in a worker of a page with the headers ` +
          'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp',
      );
    }
    this.readNow(this.#sight(), 0, 'int32', 0);
  }

  /** A block to read nothing of. */
  #sight(): GpuBlock {
    return (this.#smallest ??= this.allocate(4));
  }

  /** Gives pages that nobody uses back. */
  trim(): void {
    this.#heap.trim();
  }

  /** Gives up the device and all of its memory; what has not come back is refused. */
  destroy(): void {
    this.#engine.destroy();
  }
}

const NO_FAULTS: readonly PlacedFault[] = [];

/** The words that bytes lie in. */
function wordsOf({ page }: GpuBlock, start: number, bytes: number): Piece {
  const shift = start % 4;
  return { page: page.buffer, at: start - shift, bytes: Math.ceil((shift + bytes) / 4) * 4 };
}

const reportOf = ({ block, offset }: PlacedFault): Piece => ({
  page: block.page.buffer,
  at: block.offset + offset,
  bytes: FAULT_BYTES,
});

/** A program whose kernels may refuse values: each run leaves reports for the next read to look at. */
class ReportingProgram extends GpuProgram {
  readonly #faults: readonly Fault[];
  readonly #unseen: Map<GpuProgram, readonly PlacedFault[]>;

  constructor(steps: readonly GpuStep[], machine: Machine, faults: readonly Fault[], unseen: Map<GpuProgram, readonly PlacedFault[]>) {
    super(steps, machine);
    this.#faults = faults;
    this.#unseen = unseen;
  }

  protected override queued({ buffers, offsets }: GpuPlaces): void {
    const placed = this.#faults.map(({ buffer, error }) => ({
      block: buffers[buffer]!,
      offset: offsets[buffer]!,
      error,
    }));
    this.#unseen.set(this, placed);
  }

  override dispose(): void {
    this.#unseen.delete(this);
  }
}

/** @throws DTypeError for what the device has no numbers for */
function requireStorable(data: TypedArray): void {
  if (data instanceof Float64Array) {
    throw new DTypeError("webgpu: GPUs compute in float32, but the data is float64; convert it with .to('float32'), or use the cpu device");
  }
  if (!(data instanceof BigInt64Array)) return;
  for (const value of data) {
    if (value !== BigInt.asIntN(32, value)) {
      throw new DTypeError(
        `webgpu: int64 is computed in 32 bits there, and ${value} needs more; use numbers between -2³¹ and 2³¹ - 1, or the cpu device`,
      );
    }
  }
}

/** Asks for a device in this thread: it can be read, but not at once. @throws DeviceError with what is missing and how to get it */
export async function requestWebGpu(options: WebGpuOptions = {}): Promise<WebGpuDevice> {
  return new WebGpuDevice(new LocalEngine(await acquire(options)), options);
}

/**
 * Asks for a device that can be read at once where this thread may wait: one whose engine has a thread of its own; else for one in this thread.
 * @throws DeviceError with what is missing and how to get it
 */
export async function startWebGpuDevice(options: WebGpuOptions = {}): Promise<WebGpuDevice> {
  return canHaveThread() ? new WebGpuDevice(await startThread(options), options) : requestWebGpu(options);
}

/** The same, at once, in Node. @throws DeviceError with what is missing and how to get it */
export const startWebGpuDeviceNow = (options: WebGpuOptions = {}): WebGpuDevice => new WebGpuDevice(startThreadNow(options), options);

export type { Block };

const isShared = ({ buffer }: TypedArray): boolean => typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer;
