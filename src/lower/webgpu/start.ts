/** Starts the WebGPU device and puts its lowerings where the compiler finds them. Loaded when a program asks for a GPU. */
import { DeviceError } from '../../base/errors.ts';
import type { Device } from '../../devices/device.ts';
import { startWebGpuDevice, startWebGpuDeviceNow } from '../../devices/webgpu/webgpu.ts';
import { provideLowerings } from '../index.ts';
import { WEBGPU_LOWERINGS } from './index.ts';

function reasonIn(error: unknown): string {
  if (!(error instanceof DeviceError)) throw error;
  return error.message.replace(/^webgpu: /, '');
}

/** The device, or why there is none. */
export async function startWebGpu(): Promise<Device | string> {
  try {
    const device = await startWebGpuDevice();
    provideLowerings('webgpu', WEBGPU_LOWERINGS);
    return device;
  } catch (error) {
    return reasonIn(error);
  }
}

/** The same at once, in Node. */
export function startWebGpuNow(): Device | string {
  try {
    const device = startWebGpuDeviceNow();
    provideLowerings('webgpu', WEBGPU_LOWERINGS);
    return device;
  } catch (error) {
    return reasonIn(error);
  }
}
