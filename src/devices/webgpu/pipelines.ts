/**
 * Compiled kernels, by key and by which pages their operands lie in, and the layouts that all of them share: group 0 has the pages, as words that are read
 * and written; group 1 has the launch's parameters, at an offset given with each launch. So bind groups serve all kernels with as many pages.
 *
 * Pipelines are made asynchronously: a browser compiles several at a time and the page goes on. Until one is there, the queue holds
 * launches back (`queue.ts`).
 */
import { DeviceError } from '../../base/errors.ts';
import { Recent } from '../../base/recent.ts';
import { PARAM_BYTES, wgslText, type WgslKernel } from '../../kernels/wgsl/kernel.ts';
import type { Page } from './heap.ts';

const COMPUTE = 4; // GPUShaderStage.COMPUTE; Node has no such global

/** A pipeline that is there, on its way, or will not come. */
export interface PipelineEntry {
  readonly key: string;
  pipeline: GPUComputePipeline | undefined;
  error: DeviceError | undefined;
  /** Settles, without rejecting, once one of both is there. */
  readonly settled: Promise<void>;
}

export class Pipelines {
  readonly #device: GPUDevice;
  /** Programs hold theirs; here those are forgotten that none has asked for in a while. */
  readonly #entries = new Recent<string, PipelineEntry>(1024);
  readonly #pageLayouts: GPUBindGroupLayout[] = [];
  readonly #layouts: GPUPipelineLayout[] = [];
  readonly #groups = new Map<string, GPUBindGroup>();
  readonly #maxPages: number;
  readonly paramLayout: GPUBindGroupLayout;

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#maxPages = device.limits.maxStorageBuffersPerShaderStage;
    this.paramLayout = device.createBindGroupLayout({
      entries: [
        {
          binding: 0,
          visibility: COMPUTE,
          buffer: { type: 'uniform', hasDynamicOffset: true, minBindingSize: PARAM_BYTES },
        },
      ],
    });
  }

  /** How many kernels have been compiled or asked for. */
  get size(): number {
    return this.#entries.size;
  }

  /** The pipeline of a kernel whose operands lie in these of the bound pages. */
  get(kernel: WgslKernel, slots: readonly number[]): PipelineEntry {
    const key = `${kernel.key}@${slots.join('')}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) this.#entries.set(key, (entry = this.#start(key, kernel, slots)));
    return entry;
  }

  #start(key: string, kernel: WgslKernel, slots: readonly number[]): PipelineEntry {
    const text = wgslText(kernel, slots);
    const pages = Math.max(0, ...slots) + 1;
    const entry: { -readonly [K in keyof PipelineEntry]: PipelineEntry[K] } = {
      key,
      pipeline: undefined,
      error: undefined,
      settled: Promise.resolve(),
    };
    entry.settled = this.#compiled(key, text, pages).then(
      (pipeline) => {
        entry.pipeline = pipeline;
      },
      (error: unknown) => {
        entry.error = error instanceof DeviceError ? error : new DeviceError(`webgpu: kernel ${key}: ${String(error)}`);
      },
    );
    return entry;
  }

  async #compiled(key: string, text: string, pages: number): Promise<GPUComputePipeline> {
    const device = this.#device;
    if (pages > this.#maxPages) {
      throw new DeviceError(
        `webgpu: kernel ${key} reads ${pages} pages of memory, and this adapter binds ${this.#maxPages} at a time; use a smaller batch, or the cpu device`,
      );
    }
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ code: text, label: key });
    const making = device.createComputePipelineAsync({
      label: key,
      layout: this.#layoutFor(pages),
      compute: { module, entryPoint: 'main' },
    });
    const scope = device.popErrorScope();
    try {
      const pipeline = await making;
      await scope;
      return pipeline;
    } catch (error) {
      const wrong = await scope.catch(() => null);
      const { messages } = await module.getCompilationInfo().catch(() => ({ messages: [] }));
      const told = messages.map((m) => `${m.lineNum}:${m.linePos} ${m.message}`).join('; ');
      const reason = told || wrong?.message || (error instanceof Error ? error.message : String(error));
      throw new DeviceError(
        `webgpu: kernel ${key} does not compile on this adapter: ${reason}; please report this with the adapter's name, and use the cpu device meanwhile`,
        { cause: error },
      );
    }
  }

  #layoutFor(pages: number): GPUPipelineLayout {
    return (this.#layouts[pages] ??= this.#device.createPipelineLayout({
      bindGroupLayouts: [this.#pageLayout(pages), this.paramLayout],
    }));
  }

  #pageLayout(pages: number): GPUBindGroupLayout {
    return (this.#pageLayouts[pages] ??= this.#device.createBindGroupLayout({
      entries: Array.from({ length: pages }, (_, binding) => ({ binding, visibility: COMPUTE, buffer: { type: 'storage' as const } })), // prettier-ignore
    }));
  }

  /** The bind group of these pages, in this order. */
  group(pages: readonly Page<GPUBuffer>[]): GPUBindGroup {
    const key = pages.map(({ id }) => id).join();
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = this.#device.createBindGroup({
        layout: this.#pageLayout(pages.length),
        entries: pages.map(({ buffer }, binding) => ({ binding, resource: { buffer } })),
      });
      this.#groups.set(key, group);
    }
    return group;
  }

  /** Lets go of the bind groups, when a page goes. */
  forgetGroups(): void {
    this.#groups.clear();
  }
}
