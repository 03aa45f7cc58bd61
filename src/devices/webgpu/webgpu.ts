/**
 * The WebGPU device: memory in pages, launches in one queue, results that come back when asked for.
 *
 * Everything happens in the order in which it is asked for, but later: what goes wrong on the device is known at the next `read`, which is
 * rejected with it. Numbers are float32, int32, uint8, bool, and int64 of which kernels compute with 32 bits; there is no float64.
 */
import { viewAs, itemSize, type DType, type TypedArray } from '../../base/dtype.ts';
import { DeviceError, DTypeError, InternalError, OutOfMemoryError } from '../../base/errors.ts';
import { copyBytes, copyWords } from '../../kernels/wgsl/copy.ts';
import type { LoweredStep } from '../../compiler/lowering.ts';
import type { Buffer, Device, DeviceLimits, Fault, Hold, ProgramOptions } from '../device.ts';
import { allocated, heldOn } from '../holding.ts';
import { acquire, type Acquired, type AdapterOptions } from './adapter.ts';
import { Heap, type Block } from './heap.ts';
import { Pipelines } from './pipelines.ts';
import { GpuProgram, type GpuBlock, type GpuPlaces, type GpuStep, type Machine } from './program.ts';
import { Queue } from './queue.ts';
import { Staging } from './staging.ts';

// GPUBufferUsage; Node has no such global
const COPY_SRC = 4;
const COPY_DST = 8;
const STORAGE = 128;

const PAGE_BYTES = 64 << 20;
/** A word counts bytes: see `kernels/wgsl/kernel.ts`. */
const MOST_PAGE_BYTES = 2 ** 31;
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

export type Rejecter = (error: Error) => void;

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
  readonly #device: GPUDevice;
  readonly #heap: Heap<GPUBuffer>;
  readonly #pipelines: Pipelines;
  readonly #queue: Queue;
  readonly #staging: Staging;
  readonly #machine: Machine;
  /** Why nothing works any more. */
  #failure: Error | undefined;
  /** Settles that tell of pages that there was no memory for. */
  readonly #checks = new Set<Promise<void>>();
  /** Reads that have not come back. */
  readonly #reads = new Set<Rejecter>();
  /** Reports that have not been looked at since their program ran. */
  readonly #unseen = new Map<GpuProgram, readonly PlacedFault[]>();

  constructor({ device, description, software }: Acquired, options: WebGpuOptions = {}) {
    const { maxBytes = Infinity } = options;
    this.description = description;
    this.software = software;
    this.#device = device;
    const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
    const most = Math.min(maxBufferSize, maxStorageBufferBindingSize, MOST_PAGE_BYTES);
    const maxPageBytes = Math.floor(most / 256) * 256;
    this.limits = {
      dtypes: new Set<DType>(['float32', 'int32', 'int64', 'uint8', 'bool']),
      bytes: maxPageBytes,
    };
    this.#heap = new Heap({
      create: (bytes) => this.#page(bytes),
      destroy: (buffer) => this.#destroyPage(buffer),
      pageBytes: Math.min(options.pageBytes ?? PAGE_BYTES, maxPageBytes),
      maxPageBytes,
      maxBytes,
    });
    this.#pipelines = new Pipelines(device);
    this.#queue = new Queue(device, this.#pipelines.paramLayout);
    this.#staging = new Staging(device);
    this.#machine = {
      pipelines: this.#pipelines,
      queue: this.#queue,
      requireAlive: () => this.#requireAlive(),
      failed: (error) => this.#fail(error),
    };
    this.#watch();
  }

  /** Notices when the device goes, and errors that nobody caught. */
  #watch(): void {
    void this.#device.lost.then(({ reason, message }) => {
      if (reason === 'destroyed') return;
      this.#fail(
        new DeviceError(
          `webgpu: the device was lost (${message || 'no reason given'}): its driver restarted, or one launch took too long; what was in its memory is ` +
            'gone. Ask for the device again, load the last checkpoint, and use a smaller batch if it happens again',
        ),
      );
    });
    this.#device.onuncapturederror = ({ error }) => {
      this.#fail(isOutOfMemory(error) ? outOfMemory(error.message) : new InternalError(`webgpu: ${error.message}`));
    };
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const reject of this.#reads) reject(error);
    this.#reads.clear();
  }

  #requireAlive(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  // ——— Memory

  /** Bytes handed out and not yet freed. */
  get bytesInUse(): number {
    return this.#heap.inUse;
  }

  /** Bytes that it holds of the machine's memory. */
  get bytesReserved(): number {
    return this.#heap.reserved;
  }

  /** Kernels compiled so far. */
  get kernelCount(): number {
    return this.#pipelines.size;
  }

  /** @throws OutOfMemoryError; where only the device can tell that its memory does not reach, the next `read` is rejected with one */
  allocate(bytes: number): GpuBlock {
    this.#requireAlive();
    return allocated(this, () => this.#heap.allocate(bytes));
  }

  free(block: Buffer): void {
    this.#heap.free(block as GpuBlock);
  }

  #page(bytes: number): GPUBuffer {
    const device = this.#device;
    device.pushErrorScope('out-of-memory');
    const buffer = device.createBuffer({ size: bytes, usage: STORAGE | COPY_SRC | COPY_DST, label: 'page' });
    const check = device.popErrorScope().then(
      (error) => {
        if (error !== null) this.#fail(outOfMemory(error.message));
      },
      () => undefined, // lost: said elsewhere
    );
    this.#checks.add(check);
    void check.then(() => this.#checks.delete(check));
    return buffer;
  }

  #destroyPage(buffer: GPUBuffer): void {
    this.#queue.flush();
    this.#pipelines.forgetGroups();
    buffer.destroy();
  }

  // ——— Copies

  /** Copies `data` to the device, `offset` bytes into the block, after all that was asked for before. */
  write(to: GpuBlock, offset: number, given: TypedArray): void {
    this.#requireAlive();
    requireStorable(given);
    const data = isShared(given) ? given.slice() : given; // Dawn crashes on memory that threads share
    const bytes = data.byteLength;
    if (bytes === 0) return;
    if ((offset | bytes) % 4 !== 0) {
      this.#writeBytes(to, offset, data);
      return;
    }
    const { buffer } = to.page;
    const at = to.offset + offset;
    if (this.#queue.isOpen) {
      this.#queue.flush();
      this.#device.queue.writeBuffer(buffer, at, data);
      return;
    }
    const copy = data.slice() as ArrayBufferView<ArrayBuffer>;
    this.#queue.add({
      blocked: () => undefined,
      run: () => {
        this.#queue.flush();
        this.#device.queue.writeBuffer(buffer, at, copy);
      },
    });
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
    this.#requireAlive();
    const step = (fromOffset | toOffset | bytes) % 4 === 0 ? copyWords(bytes / 4) : copyBytes(bytes);
    this.program([step]).run({ buffers: [from, to], offsets: [fromOffset, toOffset] }, []);
  }

  /**
   * Copies elements from the device once all that was asked for before is done.
   * @throws what has gone wrong on the device up to then
   */
  read(from: GpuBlock, offset: number, dtype: DType, length: number): Promise<TypedArray> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const settle = (error: unknown): void => {
        if (this.#reads.delete(reject)) reject(this.#failure ?? asError(error));
      };
      this.#reads.add(reject);
      const run = (): void => {
        this.#readNext(from, offset, dtype, length).then((data) => {
          if (this.#reads.delete(reject)) resolve(data);
        }, settle);
      };
      this.#queue.add({ blocked: () => undefined, run });
    });
  }

  async #readNext(from: GpuBlock, offset: number, dtype: DType, length: number): Promise<TypedArray> {
    const start = from.offset + offset;
    const shift = start % 4;
    const bytes = Math.ceil((shift + length * itemSize(dtype)) / 4) * 4;
    const faults = [...this.#unseen.values()].flat();
    this.#unseen.clear();
    const total = bytes + faults.length * FAULT_BYTES;
    const staging = this.#staging.take(total);
    const { encoder } = this.#queue;
    if (bytes > 0) encoder.copyBufferToBuffer(from.page.buffer, start - shift, staging, 0, bytes);
    faults.forEach(({ block, offset: at }, i) => {
      encoder.copyBufferToBuffer(block.page.buffer, block.offset + at, staging, bytes + i * FAULT_BYTES, FAULT_BYTES);
    });
    this.#queue.flush();
    const copy = await this.#staging.read(staging, Math.max(total, 4));
    await Promise.all(this.#checks);
    this.#requireAlive();
    this.#requireNoFault(faults, copy, bytes);
    const data = copy.slice(shift, shift + length * itemSize(dtype));
    return viewAs(dtype, data, 0, length);
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
    const block = this.allocate(4);
    try {
      await this.read(block, 0, 'int32', 1);
    } finally {
      this.free(block);
    }
  }

  /** Gives up the device and all of its memory; what has not come back is refused. */
  destroy(): void {
    this.#fail(new DeviceError('webgpu: the device has been destroyed; ask for another'));
    this.#queue.close();
    this.#staging.close();
    this.#device.destroy();
  }
}

/** A program whose kernels may refuse values: each run leaves reports for the next read to look at. */
class ReportingProgram extends GpuProgram {
  readonly #faults: readonly Fault[];
  readonly #unseen: Map<GpuProgram, readonly PlacedFault[]>;

  constructor(
    steps: readonly GpuStep[],
    machine: Machine,
    faults: readonly Fault[],
    unseen: Map<GpuProgram, readonly PlacedFault[]>,
  ) {
    super(steps, machine);
    this.#faults = faults;
    this.#unseen = unseen;
  }

  protected override encoded({ buffers, offsets }: GpuPlaces): void {
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

const asError = (error: unknown): Error =>
  error instanceof Error ? error : new DeviceError(`webgpu: ${String(error)}`);

const isOutOfMemory = (error: GPUError): boolean => error.constructor.name === 'GPUOutOfMemoryError';

const outOfMemory = (message: string): OutOfMemoryError =>
  new OutOfMemoryError(
    `webgpu memory: the device has no more (${message}); use a smaller batch, free tensors with memoryScope(), or close other programs that draw`,
  );

/** @throws DTypeError for what the device has no numbers for */
function requireStorable(data: TypedArray): void {
  if (data instanceof Float64Array) {
    throw new DTypeError("webgpu: GPUs compute in float32, but the data is float64; convert it with .to('float32'), or use the cpu device"); // prettier-ignore
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

/** Asks for a device. @throws DeviceError with what is missing and how to get it */
export async function requestWebGpu(options: WebGpuOptions = {}): Promise<WebGpuDevice> {
  return new WebGpuDevice(await acquire(options), options);
}

export type { Block };

const isShared = ({ buffer }: TypedArray): boolean =>
  typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer;
