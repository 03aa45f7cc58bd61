/**
 * What scripts that ask for CUDA find: the GPU device, if there is one. The names are those of `torch.cuda` (https://docs.pytorch.org/docs/stable/cuda.html);
 * what concerns streams, events and graphs has no counterpart, since a GPU here has one queue.
 */
import { kind, type Kind } from '../base/arguments.ts';
import { readCall, signature } from '../base/signature.ts';
import type { Device } from '../devices/device.ts';
import { deviceNamed, hasGpu, isDeviceName, startedGpu, startGpu, type DeviceName } from './backend.ts';
import { manualSeed, type Generator } from './random/index.ts';
import { forbidWhileRecording } from './recorder.ts';
import { tensorType } from './typed.ts';

/** A GPU: there is one at most, number 0. */
export type CudaDevice = 0 | Exclude<DeviceName, 'cpu' | 'cpu:0'>;

interface OfDevice {
  readonly device?: CudaDevice | null;
}
type DeviceArgument = CudaDevice | null | OfDevice;

const GPU: Kind = kind(
  "a GPU ('cuda', 'cuda:0' or 0; there is one at most)",
  (value) => value === null || value === 0 || (isDeviceName(value) && !value.startsWith('cpu')),
);

function requireGpuName(op: string, device: unknown, required = 0): void {
  readCall(signature<OfDevice>(`cuda.${op}`, { device: GPU }, { required }), device === undefined ? [] : [device]);
}

/** The GPU that a call names, or the only one. @throws DeviceError where there is none */
function gpuOf(op: string, device: unknown): Device {
  requireGpuName(op, device);
  return deviceNamed(`cuda.${op}`, 'gpu');
}

/** A number of bytes of the GPU; as PyTorch has it, 0 as long as there is none. */
function memoryOf(op: string, device: unknown, read: (gpu: Device) => number): number {
  requireGpuName(op, device);
  const gpu = startedGpu();
  return gpu === undefined ? 0 : read(gpu);
}

const whileRecording = (op: string): void =>
  forbidWhileRecording(`cuda.${op}: this waits for the GPU`, 'call it after the compiled function');

/**
 * The part of `torch.cuda` that portable scripts call. `'cuda'` as a device means the GPU here, whoever made it.
 * @example
 * import { cuda, ones } from 'flambeau';
 * const device = cuda.isAvailable() ? 'cuda' : 'cpu';
 * const x = ones([2, 2], { device });
 * if (cuda.isAvailable()) cuda.synchronize();
 * if (cuda.deviceCount() > 1 || cuda.memoryAllocated() < 0) throw new Error('one GPU at most');
 */
export const cuda = {
  /**
   * Whether tensors can be moved to a GPU now: `const device = cuda.isAvailable() ? 'cuda' : 'cpu'`. In Node this starts the GPU; in a browser there
   * is one only after {@link cuda.init}.
   */
  isAvailable: hasGpu,

  /** How many GPUs there are: 1 or 0. */
  deviceCount: (): number => (hasGpu() ? 1 : 0),

  /** Looks for a GPU and starts it; resolves with whether there is one. Needed in browsers; in Node it spares the program the wait. */
  init: startGpu,

  /** Whether the GPU has been started. */
  isInitialized: (): boolean => startedGpu() !== undefined,

  /** The number of the GPU that `'cuda'` means: 0. @throws DeviceError where there is none */
  currentDevice(): 0 {
    gpuOf('currentDevice', undefined);
    return 0;
  },

  /** Chooses the GPU, of which there is one. @throws ArgumentError for another, DeviceError where there is none */
  setDevice(device: Exclude<DeviceArgument, null>): void {
    requireGpuName('setDevice', device, 1);
    gpuOf('setDevice', device);
  },

  /** What the GPU calls itself, such as `nvidia hopper NVIDIA H200`. @throws DeviceError where there is none */
  getDeviceName(device?: DeviceArgument): string {
    return gpuOf('getDeviceName', device).description ?? 'gpu';
  },

  /**
   * Waits until the GPU has done all that it was asked for, as one does before looking at a clock.
   * @throws DeviceError where there is none, where this thread may not wait (a page: {@link cuda.synchronizeAsync}), and for what has gone wrong on it
   */
  synchronize(device?: DeviceArgument): void {
    whileRecording('synchronize');
    gpuOf('synchronize', device).settle?.('cuda.synchronize');
  },

  /** Resolves once the GPU has done all that it was asked for. Is rejected like {@link cuda.synchronize} throws. */
  async synchronizeAsync(device?: DeviceArgument): Promise<void> {
    whileRecording('synchronizeAsync');
    await gpuOf('synchronizeAsync', device).settled?.();
  },

  /** Gives memory of the GPU back to the machine: what tensors that nothing refers to any more have held, and what is held in reserve. */
  emptyCache(): void {
    const gpu = startedGpu();
    gpu?.reclaim?.(0);
    gpu?.trim?.();
  },

  /** Bytes of the GPU's memory that tensors and compiled functions hold; 0 where none is in use. */
  memoryAllocated: (device?: DeviceArgument): number => memoryOf('memoryAllocated', device, (gpu) => gpu.bytesInUse),

  /** The same with what is held in reserve for tensors to come. */
  memoryReserved: (device?: DeviceArgument): number => memoryOf('memoryReserved', device, (gpu) => gpu.bytesReserved ?? gpu.bytesInUse),

  /** The most bytes that {@link cuda.memoryAllocated} has been since the start, or since {@link cuda.resetPeakMemoryStats}. */
  maxMemoryAllocated: (device?: DeviceArgument): number => memoryOf('maxMemoryAllocated', device, (gpu) => gpu.peakBytes ?? gpu.bytesInUse),

  resetPeakMemoryStats(device?: DeviceArgument): void {
    requireGpuName('resetPeakMemoryStats', device);
    startedGpu()?.resetPeak?.();
  },

  /** Seeds the random numbers of the GPU, which are those of the CPU here: `manualSeed` (https://docs.pytorch.org/docs/stable/generated/torch.cuda.manual_seed.html). */
  manualSeed: (seed: number | bigint): Generator => manualSeed(seed),
  manualSeedAll: (seed: number | bigint): Generator => manualSeed(seed),

  // Constructors of older programs, `const Tensor = cuda.isAvailable() ? cuda.FloatTensor : FloatTensor`; of dtypes that a GPU does not have they throw.
  FloatTensor: /* @__PURE__ */ tensorType('float32', 'gpu'),
  HalfTensor: /* @__PURE__ */ tensorType('float16', 'gpu'),
  BFloat16Tensor: /* @__PURE__ */ tensorType('bfloat16', 'gpu'),
  LongTensor: /* @__PURE__ */ tensorType('int64', 'gpu'),
  IntTensor: /* @__PURE__ */ tensorType('int32', 'gpu'),
  ShortTensor: /* @__PURE__ */ tensorType('int16', 'gpu'),
  CharTensor: /* @__PURE__ */ tensorType('int8', 'gpu'),
  ByteTensor: /* @__PURE__ */ tensorType('uint8', 'gpu'),
  BoolTensor: /* @__PURE__ */ tensorType('bool', 'gpu'),
  DoubleTensor: /* @__PURE__ */ tensorType('float64', 'gpu'),
};
