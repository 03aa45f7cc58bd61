/**
 * The WebGPU device that tests run on: a real one where the machine has one, else the software adapter that Debian's package chromium carries
 * (SwiftShader, a Vulkan driver). Where there is neither, or the optional package `webgpu` is not installed, such tests are skipped, with a word.
 */
import { afterAll, beforeAll, expect } from 'vitest';
import { cuda } from '../../src/index-node.ts';
import { provideLowerings } from '../../src/lower/index.ts';
import { WEBGPU_LOWERINGS } from '../../src/lower/webgpu/index.ts';
import { provideGpu } from '../../src/tensor/backend.ts';
import { existsSync } from 'node:fs';
import { itemSize, type DType, type TypedArray } from '../../src/base/dtype.ts';
import { DeviceError } from '../../src/base/errors.ts';
import type { WgslLaunch } from '../../src/kernels/wgsl/kernel.ts';
import { requestWebGpu, startWebGpuDevice, type WebGpuDevice, type WebGpuOptions } from '../../src/devices/webgpu/webgpu.ts';

const CHROMIUM = '/usr/lib/chromium';

/** Makes chromium's Vulkan driver, and its loader where the system has none, known to this process. */
export async function offerSoftware(): Promise<void> {
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

/**
 * Another device, or undefined with a word on the console.
 * @param start with which it is started; by default, in this thread
 */
export async function newTestDevice(
  options: WebGpuOptions = {},
  start: (options: WebGpuOptions) => Promise<WebGpuDevice> = requestWebGpu,
): Promise<WebGpuDevice | undefined> {
  if (existsSync(CHROMIUM)) await offerSoftware();
  for (let attempt = 1; ; attempt++) {
    try {
      return await start({ software: true, pageBytes: 4 << 20, ...options });
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      // On a busy machine the driver has once not come at the first call.
      if (attempt < 3 && existsSync(CHROMIUM)) continue;
      console.warn(`skipped: ${error.message}`);
      return undefined;
    }
  }
}

/** Another device that can be read at once: it has a thread of its own. */
export const newThreadDevice = (options: WebGpuOptions = {}): Promise<WebGpuDevice | undefined> =>
  newTestDevice(options, startWebGpuDevice);

/** The device that the tests of a file share. */
export const testDevice = (): Promise<WebGpuDevice | undefined> => (shared ??= newTestDevice());

/** An operand of a launch under test: data, or a dtype with room for so many elements. */
export type TestOperand = TypedArray | readonly [DType, number];

const dtypeOf = (data: TypedArray): DType =>
  data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : data instanceof BigInt64Array ? 'int64' : 'uint8';

/**
 * Runs launches on operands, by their numbers, and reads some of those back. Operands are written after `padding` bytes, and everything
 * around results must stay as it is.
 */
export async function runLaunches(
  device: WebGpuDevice,
  launches: readonly (readonly [WgslLaunch, readonly number[]])[],
  operands: readonly TestOperand[],
  read: readonly number[],
  scalars: readonly number[] = [],
): Promise<TypedArray[]> {
  const GUARD = 64;
  const sizeOf = (o: TestOperand): readonly [DType, number] => (isRoom(o) ? o : [dtypeOf(o), o.length]);
  const blocks = operands.map((operand) => {
    const [dtype, length] = sizeOf(operand);
    const bytes = length * itemSize(dtype);
    const block = device.allocate(bytes + 2 * GUARD);
    device.write(block, 0, new Uint8Array(Math.ceil(bytes / 4) * 4 + 2 * GUARD).fill(0xa5));
    if (!isRoom(operand)) device.write(block, GUARD, operand);
    return { block, dtype, length, bytes };
  });
  const steps = launches.map(([{ kernel, args, groups }, at]) => ({
    kernel,
    params: args,
    groups,
    operands: at.map((buffer) => ({ buffer, byteOffset: 0 })),
  }));
  device.program(steps).run({ buffers: blocks.map(({ block }) => block), offsets: blocks.map(() => GUARD) }, scalars);
  const results: TypedArray[] = [];
  for (const i of read) {
    const { block, dtype, length, bytes } = blocks[i]!;
    results.push(await device.read(block, GUARD, dtype, length));
    const around = (await device.read(block, 0, 'uint8', bytes + 2 * GUARD)) as Uint8Array;
    const guards = [...around.subarray(0, GUARD), ...around.subarray(GUARD + bytes)];
    if (guards.some((byte) => byte !== 0xa5)) throw new Error(`operand ${i}: something was written beside it`);
  }
  for (const { block } of blocks) device.free(block);
  return results;
}

const isRoom = (operand: TestOperand): operand is readonly [DType, number] => Array.isArray(operand);

let seed = 1;
/** Numbers between -1 and 1, the same every time. */
export function randomFloats(n: number, scale = 1): Float32Array {
  return Float32Array.from({ length: n }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return ((seed >>> 8) / 8388608 - 1) * scale;
  });
}

/** The largest distance, as a part of the largest number expected; NaN only where NaN is expected. */
export function distance(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  let most = 0;
  let scale = 1e-30;
  if (got.length !== expected.length) return Infinity;
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [got[i]!, expected[i]!];
    if (Number.isNaN(a) !== Number.isNaN(b)) return Infinity;
    if (Number.isFinite(b)) scale = Math.max(scale, Math.abs(b));
    if (!Number.isNaN(b) && a !== b) most = Math.max(most, Math.abs(a - b));
  }
  return most / scale;
}

/** Has tensors of the tests of a file find this device as the GPU; to be called in a `describe`. */
export function offerAsGpu(given: WebGpuDevice | (() => WebGpuDevice)): void {
  beforeAll(async () => {
    const device = typeof given === 'function' ? given() : given;
    provideLowerings('webgpu', WEBGPU_LOWERINGS);
    provideGpu({ start: () => Promise.resolve(device) });
    expect(await cuda.init()).toBe(true);
  });
  afterAll(() => provideGpu());
}
