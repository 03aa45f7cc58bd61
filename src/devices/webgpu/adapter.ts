/**
 * How a WebGPU device is had: from the browser's `navigator.gpu`, or in Node from the package `webgpu` (Dawn), which is only looked for when somebody asks.
 *
 * An adapter that computes on the processor is slower than the cpu device, so it does not count unless it is asked for
 * (`FLAMBEAU_GPU=software`, or the option `software`): for tests on machines without a GPU.
 */
import { DeviceError } from '../../base/errors.ts';

export interface AdapterOptions {
  readonly powerPreference?: 'high-performance' | 'low-power';
  /** Whether an adapter that computes on the processor will do. */
  readonly software?: boolean;
  /** Where the package that brings WebGPU to Node lies, for code that has no place of its own to look from. */
  readonly packageUrl?: string;
}

/** An adapter's device and what it says of itself. */
export interface Acquired {
  readonly device: GPUDevice;
  readonly description: string;
  readonly software: boolean;
}

interface DawnPackage {
  create(flags: string[]): GPU;
}

/** The package that brings WebGPU to Node; a name in a variable, so that bundlers leave the import alone. */
export const PACKAGE = 'webgpu';
const KEPT = Symbol.for('flambeau.webgpu');
export const INSTALL = 'install the optional package with npm install webgpu';

/** Dawn looks for drivers when its object is made: one that has found nothing never will. */
let isStale = false;

const onNode = (): boolean => typeof process !== 'undefined' && typeof process.versions?.node === 'string'; // eslint-disable-line @typescript-eslint/no-unnecessary-condition -- browsers have none, whatever Node's types say

/** The entry to WebGPU. */
async function entry(packageUrl: string): Promise<GPU> {
  const host = globalThis as unknown as { navigator?: { gpu?: GPU }; [KEPT]: GPU[] | undefined };
  if (host.navigator?.gpu) return host.navigator.gpu;
  if (!onNode()) {
    throw new DeviceError('webgpu: this browser has no navigator.gpu; use one with WebGPU, over https or on localhost, or the cpu device');
  }
  // Dawn's object must outlive all that comes from it, or the process may end with an error.
  const { create } = await dawn(packageUrl);
  const kept = (host[KEPT] ??= []);
  if (kept.length === 0 || isStale) kept.push(create([]));
  isStale = false;
  return kept.at(-1)!;
}

async function dawn(url: string): Promise<DawnPackage> {
  try {
    return (await import(/* webpackIgnore: true */ /* @vite-ignore */ url)) as DawnPackage;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const missing = url === PACKAGE && /Cannot find (package|module) 'webgpu'|Failed to (load|resolve).*webgpu/.test(reason);
    throw new DeviceError(
      missing
        ? `webgpu: Node has no WebGPU of its own; ${INSTALL}, or use the cpu device`
        : `webgpu: the package webgpu cannot be loaded (${reason}); ${INSTALL} for this machine, or use the cpu device`,
      { cause: error },
    );
  }
}

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render|software/i;
const isSoftware = ({ info }: GPUAdapter): boolean =>
  info.isFallbackAdapter || SOFTWARE.test(`${info.device} ${info.description} ${info.architecture}`);

/** Whether the environment says that an adapter that computes on the processor will do. */
export const softwareWanted = (): boolean => onNode() && process.env['FLAMBEAU_GPU'] === 'software';

/** Limits that are asked for as high as the adapter has them. */
const HIGHEST = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'minUniformBufferOffsetAlignment', // the lower, the better; an adapter states its lowest
] as const satisfies readonly (keyof GPUSupportedLimits)[];

/**
 * A device of the best adapter.
 * @throws DeviceError with what is missing and how to get it
 */
export async function acquire(options: AdapterOptions = {}): Promise<Acquired> {
  const { powerPreference = 'high-performance', software = softwareWanted(), packageUrl = PACKAGE } = options;
  const gpu = await entry(packageUrl);
  const adapter = await gpu.requestAdapter({ powerPreference });
  if (adapter === null) {
    isStale = true;
    throw new DeviceError(
      'webgpu: no adapter was found; install the driver of the graphics card (on Linux with Vulkan: package libvulkan1 and the driver), ' +
        'or use the cpu device',
    );
  }
  const description = [adapter.info.vendor, adapter.info.architecture, adapter.info.description].filter(Boolean).join(' ');
  const isSlow = isSoftware(adapter);
  if (isSlow && !software) {
    throw new DeviceError(
      `webgpu: the only adapter (${description}) computes on the processor, which the cpu device does faster; use that, or set FLAMBEAU_GPU=software to test with it`,
    );
  }
  const requiredLimits = Object.fromEntries(HIGHEST.map((name) => [name, adapter.limits[name]]));
  try {
    return { device: await adapter.requestDevice({ requiredLimits }), description, software: isSlow };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DeviceError(`webgpu: ${description} gives no device (${reason}); restart the program, or use the cpu device`, {
      cause: error,
    });
  }
}
