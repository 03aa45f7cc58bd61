/**
 * The whole contract of a device: allocate, copy in, copy out, load a kernel, run it. Everything above this page is the
 * same on every device.
 *
 * Addresses are byte offsets into the device's one memory.
 */
import type { DType, TypedArray } from '../base/dtype.ts';
import type { Target } from '../kernels/cpu/ir.ts';
import type { Kernel } from '../kernels/cpu/kernel.ts';

/** A kernel that the device has compiled; only valid on the device that gave it, there for good. */
export type KernelHandle = number | object;

/** One kernel call: the argument block is already in device memory. */
export interface Launch {
  readonly kernel: KernelHandle;
  /** Address of the argument block. */
  readonly args: number;
  /** Units of work. */
  readonly size: number;
  /** Units claimed at a time when the work is shared between threads; `size` or more means one thread. */
  readonly grain: number;
  /** Bytes of scratch for each thread. */
  readonly scratch: number;
}

/** Device memory that somebody holds: it comes back when it is freed, or when nothing refers to this object any more. */
export interface Holding {
  readonly address: number;
  readonly bytes: number;
  free(): void;
}

/** Takes memory to hold, 64-byte aligned. @throws OutOfMemoryError */
export type Hold = (bytes: number) => Holding;

/** Launches made ready to run in order, any number of times. */
export interface Program {
  /** Runs the launches to their end. @throws what a thread threw */
  run(): void;
  /** Gives back what it holds; it cannot run afterwards. */
  dispose(): void;
}

/** Something that runs kernels. */
export interface Runner {
  /** What its kernels may assume. */
  readonly target: Target | undefined;
  /** Compiles a kernel, or finds it already compiled. */
  load(kernel: Kernel): KernelHandle;
  /** Argument blocks may change between runs, launches not. `hold` is where it takes memory; by default, the device's. */
  program(launches: readonly Launch[], hold?: Hold): Program;
}

/**
 * A second, faster way of a device to run kernels, which takes a while to be ready. Plans begin without it. Its `target` is
 * undefined until `ready()` is not.
 */
export interface NativeCode extends Runner {
  /** Runs of a plan after which it is worth asking. */
  readonly patience: number;
  /**
   * Asks for kernels: true when all can be loaded now, undefined while some are being made, false when one cannot be. To ask
   * for none starts looking for what is needed to make any.
   */
  ready(kernels: readonly Kernel[]): boolean | undefined;
  /** Resolves once all that was asked for is made; with whether native kernels are used. */
  settled(): Promise<boolean>;
}

export interface Device extends Runner {
  readonly name: string;
  readonly target: Target;
  readonly native: NativeCode | undefined;
  /** Threads that take part in a launch, the calling one included. */
  readonly threads: number;
  /** Bytes handed out and not yet freed. */
  readonly bytesInUse: number;

  /** Called when memory has run out, the first time with 0, again with 1 and so on: frees what it can, and says whether that is anything. */
  reclaim: ((attempt: number) => boolean) | undefined;
  /** Memory to hold. Unless replaced by something that notices when nothing refers to the holding any more, it must be freed. */
  hold: Hold;
  /** 64-byte aligned. @throws OutOfMemoryError */
  allocate(bytes: number): number;
  /** Gives back what `allocate(bytes)` returned. */
  free(address: number, bytes: number): void;

  /** Copies `data` to the device. */
  write(address: number, data: TypedArray): void;
  /** Copies elements from the device, now. */
  readSync(dtype: DType, address: number, length: number): TypedArray;
  /** Copies elements from the device once all work is done. */
  read(dtype: DType, address: number, length: number): Promise<TypedArray>;
  /** Writes 32-bit words; the hot path of argument blocks. */
  setWord(address: number, value: number): void;
  setDouble(address: number, value: number): void;
}
