/**
 * The whole contract of a device: take memory, copy in, copy out, make launches ready, run them. Everything above this page is the
 * same on every device; where memory lies, how launches get their arguments and what kernels are written in, a device keeps to itself.
 */
import type { DType, TypedArray } from '../base/dtype.ts';
import type { FaultSource, LoweredStep } from '../compiler/lowering.ts';
import type { Target } from '../kernels/cpu/ir.ts';

/** A piece of a device's memory. Where it lies is the device's own affair. */
export interface Buffer {
  readonly bytes: number;
}

/** Device memory that somebody holds: it comes back when it is freed, or when nothing refers to this object any more. */
export interface Holding {
  readonly buffer: Buffer;
  readonly bytes: number;
  free(): void;
}

/** Takes memory to hold. @throws OutOfMemoryError */
export type Hold = (bytes: number) => Holding;

/** Where a run finds the buffers of a plan, by their numbers: in which piece of memory, and how many bytes from its start. */
export interface Places {
  readonly buffers: (Buffer | undefined)[];
  readonly offsets: number[];
}

/** Launches made ready to run in order, any number of times. */
export interface Program {
  /**
   * Runs the launches to their end, or queues them behind what was asked for before.
   * @throws what a thread threw, and the error of a value that a kernel has refused
   */
  run(places: Places, scalars: readonly number[]): void;
  /** Gives back what it holds; it cannot run afterwards. */
  dispose(): void;
}

/** What a program needs besides launches. */
export interface ProgramOptions {
  /** Where it takes memory; by default, the device's. */
  readonly hold?: Hold;
  /** Where kernels report values that they refuse, if the device runs on then: numbers of buffers, and what is thrown. */
  readonly faults?: readonly Fault[];
}

export interface Fault {
  readonly buffer: number;
  readonly error: FaultSource['error'];
}

/** Something that runs launches. */
export interface Runner {
  /** What its kernels of the loop language may assume, where it has such. */
  readonly target: Target | undefined;
  /** Makes launches ready; the program has argument blocks or the like of its own. */
  program(steps: readonly LoweredStep[], options?: ProgramOptions): Program;
  /**
   * Waits until all that was asked for is done; absent where programs run to their end at once.
   * @throws DeviceError where nobody can wait, and what has gone wrong on the device up to then
   */
  settle?(op: string): void;
}

/**
 * A second, faster way of a device to run launches, which takes a while to be ready. Plans begin without it. Its `target` is
 * undefined until `ready()` is not.
 */
export interface FasterCode extends Runner {
  /** Runs of a plan after which it is worth asking. */
  readonly patience: number;
  /**
   * Asks for what launches need: true when all of it can be had now, undefined while some is being made, false when some cannot be. To ask
   * for none starts looking for what is needed to make any.
   */
  ready(steps: readonly LoweredStep[]): boolean | undefined;
  /** Resolves once all that was asked for is made; with whether it is used. */
  settled(): Promise<boolean>;
}

/** Kinds of devices: each has a table of lowerings of its own (`lower/`). */
export type DeviceKind = 'cpu' | 'webgpu';

/** What a device can and cannot hold. */
export interface DeviceLimits {
  /** Element types that tensors on it can have. */
  readonly dtypes: ReadonlySet<DType>;
  /** Bytes of its largest buffer. */
  readonly bytes: number;
  /** Bytes of tensors that nothing refers to any more which may stand about on it before they are looked for, where it has much memory. */
  readonly slack?: number;
}

export interface Device extends Runner {
  readonly kind: DeviceKind;
  /** As `x.device` gives it: `'cpu'`, `'gpu'`. */
  readonly name: 'cpu' | 'gpu';
  readonly limits: DeviceLimits;
  readonly faster: FasterCode | undefined;
  /** Threads that take part in a launch, the calling one included. */
  readonly threads: number;
  /** Bytes handed out and not yet freed. */
  readonly bytesInUse: number;
  /** Bytes that it has taken of the machine's memory, where that is not known to be as much. */
  readonly bytesReserved?: number;
  /** The most that were handed out at a time, since the last reset. */
  readonly peakBytes?: number;
  resetPeak?(): void;
  /** What it says of itself, such as the name of a card. */
  readonly description?: string;
  /** Whether it is gone, with all that was in its memory. */
  readonly lost?: boolean;
  /** Gives memory that nobody uses back to the machine. */
  trim?(): void;

  /** Called when memory has run out, the first time with 0, again with 1 and so on: frees what it can, and says whether that is anything. */
  reclaim: ((attempt: number) => boolean) | undefined;
  /** Memory to hold. Unless replaced by something that notices when nothing refers to the holding any more, it must be freed. */
  hold: Hold;
  /** 64-byte aligned at least. @throws OutOfMemoryError */
  allocate(bytes: number): Buffer;
  free(buffer: Buffer): void;

  /** Copies `data` to the device, `offset` bytes into the buffer, after all that was asked for before. */
  write(to: Buffer, offset: number, data: TypedArray): void;
  /** Copies elements from the device once all that was asked for before is done. */
  read(from: Buffer, offset: number, dtype: DType, length: number): Promise<TypedArray>;
  /** The same at once; absent where nobody can wait for the device. */
  readNow?(from: Buffer, offset: number, dtype: DType, length: number): TypedArray;
  /** Resolves once all that was asked for is done; absent where it is at once. Is rejected with what has gone wrong up to then. */
  settled?(): Promise<void>;
  /** The memory itself, where it is the host's; valid until something is allocated. */
  view?(at: Buffer, offset: number, bytes: number): Uint8Array;
}
