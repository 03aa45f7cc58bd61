/**
 * The devices that tensors live on. The CPU's is made when the first tensor is, a GPU's when it is first asked for: importing the package costs
 * nothing.
 */
import { show } from '../base/arguments.ts';
import { DeviceError } from '../base/errors.ts';
import { CpuDevice } from '../devices/cpu/cpu.ts';
import type { Device } from '../devices/device.ts';

/** Where a tensor lives. `'cuda'` is what PyTorch's programs say for the GPU, and means the same as `'gpu'`. */
export type DeviceName = 'cpu' | 'gpu' | 'cuda' | 'cpu:0' | 'gpu:0' | 'cuda:0';

const NAMES: { readonly [K in DeviceName]: 'cpu' | 'gpu' } = {
  cpu: 'cpu',
  'cpu:0': 'cpu',
  gpu: 'gpu',
  'gpu:0': 'gpu',
  cuda: 'gpu',
  'cuda:0': 'gpu',
};

/** Whether a value names a device, be it there or not. */
export const isDeviceName = (value: unknown): value is DeviceName => typeof value === 'string' && Object.hasOwn(NAMES, value);

let cpu: CpuDevice | undefined;

export function cpuDevice(): CpuDevice {
  cpu ??= new CpuDevice();
  return cpu;
}

/** How a GPU is found. */
export interface GpuProvider {
  /** Starts it and resolves with it, or with why there is none. */
  start(): Promise<Device | string>;
  /** The same at once, where the program may block while it starts. */
  startNow?(): Device | string;
}

const signs = new WeakMap<Device, string>();
let count = 0;

/** What tells a device from others in keys: nothing for the CPU. */
export function signOf(device: Device): string {
  if (device === cpu) return '';
  let sign = signs.get(device);
  if (sign === undefined) signs.set(device, (sign = `${device.name}${count++}|`));
  return sign;
}

type Start = typeof import('../lower/webgpu/start.ts');

/** WebGPU, which is loaded when it is asked for. */
const WEBGPU: { start: GpuProvider['start']; startNow?: () => Device | string } = {
  start: async () => (await import('../lower/webgpu/start.ts')).startWebGpu(),
};

let provider: GpuProvider = WEBGPU;

/** Has WebGPU start without a pause, where the host can load a module at once. `load` says why, if it cannot after all. */
export function startGpuNowBy(load: () => Start | string): void {
  WEBGPU.startNow = () => {
    const loaded = load();
    return typeof loaded === 'string' ? loaded : loaded.startWebGpuNow();
  };
}

/** The GPU, or why there is none; undefined until somebody has asked. */
let gpu: Device | string | undefined;
let starting: Promise<Device | string> | undefined;

/** Says how a GPU is found, for tests. Whatever was found before is forgotten. */
export function provideGpu(how: GpuProvider = WEBGPU): void {
  provider = how;
  gpu = starting = undefined;
}

/** The GPU if it can be had now, else why it cannot. One that is lost is not it any more: another may be had. */
function gpuNow(): Device | string {
  if (typeof gpu === 'object' && gpu.lost === true) gpu = undefined;
  if (gpu === undefined && provider.startNow === undefined) return 'none has been started; await cuda.init() first';
  gpu ??= provider.startNow!();
  return gpu;
}

/** Starts the GPU. @returns whether there is one */
export async function startGpu(): Promise<boolean> {
  if (typeof gpu === 'object' && gpu.lost !== true) return true;
  starting ??= provider.start();
  try {
    gpu = await starting;
  } finally {
    starting = undefined;
  }
  return typeof gpu === 'object';
}

/** The GPU, if it has been started. */
export const startedGpu = (): Device | undefined => (typeof gpu === 'object' && gpu.lost !== true ? gpu : undefined);

/** Whether tensors can be moved to a GPU now. */
export const hasGpu = (): boolean => typeof gpuNow() === 'object';

/**
 * The device of a name.
 * @throws DeviceError for one that is not there, and for what names none
 */
export function deviceNamed(op: string, name: DeviceName): Device {
  if (!isDeviceName(name)) throw new DeviceError(`${op}: expected a device, 'cpu' or 'gpu' (also called 'cuda'), but got ${show(name)}`);
  if (NAMES[name] === 'cpu') return cpuDevice();
  const found = gpuNow();
  if (typeof found === 'object') return found;
  throw new DeviceError(`${op}: no GPU is available: ${found}; ask cuda.isAvailable() first, and stay on the 'cpu'`);
}

let standard: DeviceName = 'cpu';

/** Where tensors are made that name no device. @internal */
export const defaultDevice = (): Device => (standard === 'cpu' ? cpuDevice() : deviceNamed('the default device', standard));

/**
 * The device on which tensors are made that name none: `'cpu'` unless {@link setDefaultDevice} has set another
 * (https://pytorch.org/docs/stable/generated/torch.get_default_device.html).
 */
export const getDefaultDevice = (): 'cpu' | 'gpu' => NAMES[standard];

/**
 * Sets the device on which factories (`zeros`, `tensor`, `rand`, …) and layers make tensors where none is named. What comes from elsewhere, such as
 * `fromTypedArray`, files and data sets, stays on the CPU. `null` sets it back to the CPU.
 * @throws DeviceError for a device that is not there
 * @see https://pytorch.org/docs/stable/generated/torch.set_default_device.html
 * @example
 * import { cuda, getDefaultDevice, setDefaultDevice, zeros } from 'flambeau';
 * setDefaultDevice(cuda.isAvailable() ? 'cuda' : 'cpu');
 * if (zeros(2).device !== getDefaultDevice()) throw new Error('made where the default says');
 * setDefaultDevice(null);
 */
export function setDefaultDevice(device: DeviceName | null): void {
  standard = device === null ? 'cpu' : deviceNamed('setDefaultDevice', device).name;
}

/**
 * Sets how many threads kernels run on, the calling one included (PyTorch: `torch.set_num_threads`).
 * Results do not depend on it.
 * @throws ArgumentError unless 1 ≤ count ≤ 64
 */
export function setNumThreads(count: number): void {
  cpuDevice().threads = count;
}

/**
 * How many threads kernels run on. By default, where memory can be shared, one per processor, or what the environment variable `FLAMBEAU_THREADS` says; where `mpirun` or
 * another launcher has started several processes on this machine, they share its processors.
 */
export function getNumThreads(): number {
  return cpuDevice().threads;
}

/**
 * Waits until the threads that kernels run on are up, and says how many they are, the calling one included. They start by
 * themselves and join in as they come up; only in browsers, where a thread cannot start before the program pauses, is this
 * worth calling: once, before a long loop that never awaits.
 * @example
 * import { ones, startThreads } from 'flambeau';
 * const threads = await startThreads();
 * if (!(threads >= 1) || ones(2).sum().item() !== 2) throw new Error('computes on any number of threads');
 */
export function startThreads(): Promise<number> {
  return cpuDevice().startThreads();
}

/**
 * Waits until the native kernels that the program has asked for so far are compiled, and says whether native kernels are
 * used: they are not without a C compiler or koffi, nor with FLAMBEAU_NATIVE=0. An operation asks for its kernels when it
 * has run a few times, and moves to them at its next run. Programs need not wait; measurements may want to.
 * @example
 * import { ones } from 'flambeau';
 * import { nativeReady } from 'flambeau/node';
 * for (let i = 0; i < 5; i++) ones(1000).sum();
 * const native: boolean = await nativeReady();
 * if (ones(1000).sum().item() !== 1000) throw new Error(`computes the same, native or not (${native})`);
 */
export function nativeReady(): Promise<boolean> {
  return cpuDevice().faster?.settled() ?? Promise.resolve(false);
}
