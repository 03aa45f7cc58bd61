/**
 * The WebGPU device that tests run on: a real one where the machine has one, else the software adapter that Debian's package chromium carries
 * (SwiftShader, a Vulkan driver). Where there is neither, or the optional package `webgpu` is not installed, such tests are skipped, with a word.
 */
import { existsSync } from 'node:fs';
import { DeviceError } from '../../src/base/errors.ts';
import { requestWebGpu, type WebGpuDevice, type WebGpuOptions } from '../../src/devices/webgpu/webgpu.ts';

const CHROMIUM = '/usr/lib/chromium';

/** Makes chromium's Vulkan driver, and its loader where the system has none, known to this process. */
async function offerSoftware(): Promise<void> {
  process.env['VK_DRIVER_FILES'] ??= `${CHROMIUM}/vk_swiftshader_icd.json`;
  const loader = `${CHROMIUM}/libvulkan.so.1`;
  const places = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib'];
  if (places.some((place) => existsSync(`${place}/libvulkan.so.1`)) || !existsSync(loader)) return;
  try {
    const { default: koffi } = await import('koffi');
    koffi.load(loader); // whoever asks for it by its name finds it loaded
  } catch {
    // then there is no adapter, which says so itself
  }
}

let shared: Promise<WebGpuDevice | undefined> | undefined;

/** Another device, or undefined with a word on the console. */
export async function newTestDevice(options: WebGpuOptions = {}): Promise<WebGpuDevice | undefined> {
  if (existsSync(CHROMIUM)) await offerSoftware();
  try {
    return await requestWebGpu({ software: true, pageBytes: 4 << 20, ...options });
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    console.warn(`skipped: ${error.message}`);
    return undefined;
  }
}

/** The device that the tests of a file share. */
export const testDevice = (): Promise<WebGpuDevice | undefined> => (shared ??= newTestDevice());
